"""A fitted estimator as the files of an MLflow model, written without the seconds that MLflow's defaults take.

MLflow's `log_model` spends 3 s in a subprocess that finds out requirements and validates the example by loading the
model again; naming the requirements and calling `save_model` alone takes a twentieth of that.
"""

import warnings
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edtech.errors import TrackingError
from edtech.tracking.entities import cut
from edtech.tracking.items import ModelItem
from edtech.tracking.trusted import TRUSTED_TYPES, refuse_foreign_types

if TYPE_CHECKING:
    from mlflow.models import Model
    from mlflow.types import DataType, Schema
    from mlflow.types.schema import AnyType

MODEL_NAME = "model"
MODEL_FILE = "model.skops"
EXAMPLE_ROWS = 5
REQUIRED = ("mlflow", "scikit-learn", "skops", "numpy", "pandas", "scipy", "pyfixest", "pydantic")


@lru_cache(maxsize=1)
def requirements() -> list[str]:
    """Return what a stored model needs, pinned to what is installed."""
    return [f"{name}=={version(name)}" for name in REQUIRED]


def save_model(item: ModelItem, folder: Path, description: "Model") -> None:
    """Write a model's files into a folder that does not exist yet.

    Raises UntrustedModelError where the estimator holds types that could not be loaded again, TrackingError where it
    cannot predict its own example or be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it, MLflow warns of type hints in its own code
        import mlflow.pyfunc
        import mlflow.sklearn
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from skops.io import dumps
    from skops.io.exceptions import UntrustedTypesFoundException

    example = item.input_example.head(EXAMPLE_ROWS)
    try:
        predicted = pd.DataFrame({"prediction": np.asarray(item.estimator.predict(example))})
        mlflow.sklearn.save_model(
            item.estimator,
            str(folder),
            mlflow_model=description,
            serialization_format="skops",
            skops_trusted_types=sorted(TRUSTED_TYPES),
            signature=ModelSignature(schema(item.input_example), schema(predicted)),
            input_example=example,
            pip_requirements=requirements(),
        )
    except (MlflowException, ValueError, TypeError, LookupError) as exc:
        if isinstance(exc.__context__, UntrustedTypesFoundException):
            refuse_foreign_types(dumps(item.estimator), "the model to store")
        raise TrackingError(
            "The model cannot be stored",
            expected="an estimator that predicts its input example and holds arrays, not functions",
            found=f"{type(exc).__name__}: {cut(str(exc), 300)}",
            where=type(item.estimator).__name__,
        ) from exc


def schema(frame: pd.DataFrame) -> "Schema":
    """Return MLflow's schema of a frame, from its dtypes alone."""
    from mlflow.types import ColSpec, Schema

    # MLflow's own inference warns at each integer column and at dates with a zone, and reads every cell.
    return Schema([ColSpec(_data_type(dtype), str(name)) for name, dtype in frame.dtypes.items()])


def _data_type(dtype: Any) -> "DataType | AnyType":  # noqa: ANN401  # numpy's and pandas' dtypes share no base
    from mlflow.types import DataType
    from mlflow.types.schema import AnyType

    if isinstance(dtype, pd.DatetimeTZDtype):
        # MLflow refuses to predict from a `datetime` column that has a zone.
        return AnyType()  # type: ignore[no-untyped-call]
    kinds = {
        "b": DataType.boolean,
        "i": DataType.long,
        "u": DataType.long,
        "f": DataType.double,
        "M": DataType.datetime,
    }
    return kinds.get(dtype.kind, DataType.string)
