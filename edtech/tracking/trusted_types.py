"""The types a stored model may hold, and loading that is refused for any other.

A model's own MLmodel file names types to trust too; that list is as foreign as the file and is never read.
"""

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edtech.errors import UntrustedModelError

TRUSTED_TYPES = frozenset(
    {
        "edtech.ml.elasticity.estimators.choice_demand.ChoiceLogitDemand",
        "edtech.ml.elasticity.estimators.additive.AdditiveDemand",
        "edtech.ml.elasticity.estimators.additive.PolynomialDemand",
        "edtech.ml.elasticity.estimators.double_ml.DoubleMLDemand",
        "edtech.ml.elasticity.estimators.demand.FixedEffectsDemand",
        "edtech.ml.elasticity.estimators.feature_models.GradientBoostingDemand",
        "edtech.ml.elasticity.estimators.feature_models.LinearDemand",
        "edtech.ml.elasticity.estimators.feature_models.RandomForestDemand",
        "edtech.ml.elasticity.estimators.share_demand.ShareLogitDemand",
        "edtech.ml.teachers.estimators.MixedRatings",
        "edtech.ml.teachers.estimators.RawMeanRatings",
        "edtech.ml.teachers.estimators.ShrunkenRatings",
        "edtech.ml.outcomes.churn_estimators.BoostingChurn",
        "edtech.ml.outcomes.churn_estimators.CoxChurn",
        "edtech.ml.outcomes.churn_estimators.LogisticChurn",
        "edtech.ml.outcomes.encoding.Encoder",
        "edtech.ml.outcomes.estimators.BoostingProbability",
        "edtech.ml.outcomes.estimators.Correction",
        "edtech.ml.outcomes.estimators.ForestProbability",
        "edtech.ml.outcomes.estimators.LogisticProbability",
        "edtech.ml.outcomes.seasonality.Season",
        # scikit-learn's trees, which skops leaves to its user because they are compiled
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)
"""Full names, compared whole; beyond them skops trusts scikit-learn's estimators and plain arrays."""

# What a broken or forged file raises inside zipfile, json, numpy and skops is not documented: fuzzing gave these.
# RuntimeError stands for encrypted, unsupported and endlessly nested content.
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ImportError),
    *(LookupError, ValueError, TypeError, AttributeError, ArithmeticError),
)

MAX_UNPACKED_BYTES = 2 * 1024**3


@contextmanager
def _as_skops(where: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as exc:
        raise UntrustedModelError(
            "The stored model cannot be read",
            expected="a skops file written with the installed versions of scikit-learn and this project",
            found=f"{type(exc).__name__}: {str(exc)[:200]}",
            where=where,
            fix="Train the model again",
        ) from exc


def foreign_types(data: bytes, where: str = "a model file") -> list[str]:
    """Return the types in a skops file that neither skops nor we trust, sorted; nothing of it is executed.

    Raises UntrustedModelError where the bytes are not a skops file or would unpack to more than 2 GiB.
    """
    from skops.io import get_untrusted_types

    with _as_skops(where):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise ValueError(f"unpacks to {unpacked / 1e9:.1f} GB, more than {MAX_UNPACKED_BYTES / 1e9:.1f}")
        return sorted(set(get_untrusted_types(data=data)) - TRUSTED_TYPES)


def refuse_foreign_types(data: bytes, where: str) -> None:
    """Raise UntrustedModelError naming the types in a skops file that are not on our list."""
    if found := foreign_types(data, where):
        raise UntrustedModelError(
            "The model holds types that are not on our list",
            expected="scikit-learn's own and " + ", ".join(sorted(TRUSTED_TYPES)),
            found=", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else ""),
            where=where,
            fix="Train the model again here; load it elsewhere only if you know who wrote it",
        )


def load_trusted(data: bytes, where: str) -> Any:  # noqa: ANN401  # any scikit-learn style estimator
    """Return the estimator in a skops file after every type in it was found on our list.

    Raises UntrustedModelError naming the others; nothing of the file is executed before.
    """
    from skops.io import loads

    refuse_foreign_types(data, where)
    with _as_skops(where):
        return loads(data, trusted=sorted(TRUSTED_TYPES))
