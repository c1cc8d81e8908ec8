"""Write a fitted estimator as an MLflow model.

MLflow's `log_model` spends 3 s in a subprocess that infers requirements and validates the example by loading the model
again. Stating the requirements and calling `save_model` alone takes a twentieth of that.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from edtech.errors import TrackingError
from edtech.tracking.mlflow_limits import truncate
from edtech.tracking.provenance import pinned_requirements
from edtech.tracking.run_items import ModelItem
from edtech.tracking.trusted_types import refuse_untrusted_types, trusted_types

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import Model
    from mlflow.types import DataType, Schema
    from mlflow.types.schema import AnyType

MODEL_NAME = "model"
MODEL_FILE = "model.skops"
EXAMPLE_ROWS = 5


def save_model(item: ModelItem, folder: Path, description: "Model") -> None:
    """Write a model's files to a new folder.

    Raises UntrustedModelError if the estimator holds types that could not be loaded again, TrackingError if it cannot
    predict its own example or be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import, MLflow warns about type hints in its own code
        import mlflow.pyfunc
        import mlflow.sklearn
    from mlflow.models import ModelSignature

    example = item.input_example.head(EXAMPLE_ROWS)
    with translate_model_errors(item):
        predicted = pd.DataFrame({"prediction": np.asarray(item.estimator.predict(example))})
        mlflow.sklearn.save_model(
            item.estimator,
            str(folder),
            mlflow_model=description,
            serialization_format="skops",
            skops_trusted_types=trusted_types(),
            signature=ModelSignature(infer_schema(item.input_example), infer_schema(predicted)),
            input_example=example,
            pip_requirements=pinned_requirements(),
        )


@contextmanager
def translate_model_errors(item: ModelItem) -> Iterator[None]:
    """Raise errors of storing a model or predicting with it as UntrustedModelError or TrackingError."""
    from mlflow.exceptions import MlflowException
    from skops.io import dumps
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        yield
    except (MlflowException, ValueError, TypeError, LookupError) as exc:
        if isinstance(exc.__context__, UntrustedTypesFoundException):
            refuse_untrusted_types(dumps(item.estimator), "the model to store")
        raise TrackingError(
            "The model cannot be stored",
            expected="an estimator that predicts its input example and holds arrays, not functions",
            actual=f"{type(exc).__name__}: {truncate(str(exc), 300)}",
            where=type(item.estimator).__name__,
        ) from exc


@contextmanager
def create_logged_model(
    client: "MlflowClient", experiment_id: str, run_id: str, model_type: str | None
) -> Iterator[tuple[Path, "Model"]]:
    """Yield a folder for a model's files and its description; upload them when the block ends, FAILED if it raises."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    model = client.create_logged_model(experiment_id, name=MODEL_NAME, source_run_id=run_id, model_type=model_type)
    status: Literal["READY", "FAILED"] = "FAILED"
    try:
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            files = Path(folder, MODEL_NAME)
            yield files, Model(model.artifact_location, run_id, model_uuid=model.model_id, model_id=model.model_id)
            client.log_model_artifacts(model.model_id, str(files))
        status = "READY"
    finally:
        client.finalize_logged_model(model.model_id, status)


def infer_schema(frame: pd.DataFrame) -> "Schema":
    """Return MLflow's schema of a frame, from its dtypes alone."""
    from mlflow.types import ColSpec, Schema

    # MLflow's own inference reads every cell and warns about each integer column and each date with a time zone.
    return Schema([ColSpec(_data_type(dtype), str(name)) for name, dtype in frame.dtypes.items()])


def _data_type(dtype: Any) -> "DataType | AnyType":  # noqa: ANN401  # numpy's and pandas' dtypes share no base
    from mlflow.types import DataType
    from mlflow.types.schema import AnyType

    if isinstance(dtype, pd.DatetimeTZDtype):
        # MLflow refuses to predict from a `datetime` column with a time zone.
        return AnyType()  # type: ignore[no-untyped-call]
    kinds = {
        "b": DataType.boolean,
        "i": DataType.long,
        "u": DataType.long,
        "f": DataType.double,
        "M": DataType.datetime,
    }
    return kinds.get(dtype.kind, DataType.string)
