"""A sixth model family, written by the recipe in CONTRIBUTING.md: the views of a course in a week."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike
from pydantic import Field
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import root_mean_squared_error

from edtech.data import Dataset
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm, Family, FitResult, FittedModel, Params
from edtech.ml.families import FAMILIES

NAME = "weekly_views"
TARGET = "views"


class GroupMean(RegressorMixin, BaseEstimator):
    """The mean of each category, shrunk toward the mean of all rows."""

    def __init__(self, prior_rows: float) -> None:
        self.prior_rows = prior_rows

    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        target = pd.Series(np.asarray(y, dtype=float))
        groups = target.groupby(X["category"].astype(str).to_numpy())
        self.mean_ = float(target.mean())
        means = (groups.sum() + self.prior_rows * self.mean_) / (groups.count() + self.prior_rows)
        self.means_ = {str(name): float(value) for name, value in means.items()}
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return X["category"].astype(str).map(self.means_).fillna(self.mean_).to_numpy(dtype=float)


class GroupMeanParams(Params):
    prior_rows: float = Field(10.0, ge=0.0, le=100.0, title="Prior rows", description="Weight of the overall mean.")


GROUP_MEAN = Algorithm("group_mean", "Mean by category", GroupMean, GroupMeanParams, "The mean views of a category.")


def fits(dataset: Dataset) -> tuple[str, ...]:
    return (GROUP_MEAN.name,) if dataset.kind == "market" else ()


def train(dataset: Dataset, algorithm: Algorithm, params: Params, progress: Progress) -> FittedModel:
    started = time.perf_counter()
    progress(0.0, "Averaging")
    rows = dataset.table("course_weeks")[["week", "category", TARGET]].sort_values("week", ignore_index=True)
    count = round(params.evaluation_share * len(rows))
    earlier, later = rows.iloc[:-count], rows.iloc[-count:]
    holdout = algorithm.new_estimator(params).fit(earlier.drop(columns=TARGET), earlier[TARGET])
    predicted = holdout.predict(later)
    model = algorithm.new_estimator(params).fit(rows.drop(columns=TARGET), rows[TARGET])
    metrics = {"rmse": float(root_mean_squared_error(later[TARGET], predicted))}
    result = FitResult(
        family=NAME,
        algorithm=algorithm.name,
        params=params,
        model=model,
        metrics={**metrics, "fit_seconds": time.perf_counter() - started},
        evaluation=pd.DataFrame({"actual": later[TARGET].to_numpy(float), "predicted": predicted}),
        split=f"the last {count} rows",
        tables={"means": pd.Series(model.means_, name="views").rename_axis("category").reset_index()},
    )
    return FittedModel(result, rows, TARGET)


WEEKLY_VIEWS = Family(
    name=NAME,
    title="Weekly views",
    question="How often will a course be viewed?",
    needs="a generated market",
    algorithms={GROUP_MEAN.name: GROUP_MEAN},
    result=FitResult,
    algorithms_for=fits,
    train=train,
    summary=lambda result: f"Views are predicted with an RMSE of {result.metrics['rmse']:.2f} on {result.split}.",
)


@contextmanager
def registered(family: Family) -> Iterator[Family]:
    """Register a family for the time of a test; in the project it is one more in `edtech/ml/families.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, family.name, family)
        yield family
