"""An encoder of columns of any kind as a numeric matrix, stored as arrays and lists."""

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from edtech.errors import DataError
from edtech.tables.arrays import Floats
from edtech.tables.formatting import format_names
from edtech.tables.values import MAX_CATEGORIES, to_number

LONG_TAIL_SKEWNESS = 2.0  # skewness above which a nonnegative number is in logs
MAX_DEVIATIONS = 5.0  # standard deviations at which numbers are clipped in linear models
MISSING_LABEL = "(not given)"
MAX_CODES = 50  # maximum distinct values of whole numbers that may be codes, of courses or regions say
MIN_ROWS_OF_CODE = 30  # minimum rows for an indicator


class Encoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Encode features as numbers.

    For trees, numbers are unchanged and text is ordinal codes, the most frequent value first; missing and new values
    are missing.

    For linear models, numbers are standardized and clipped to the training range, with the median for missing values
    and an indicator of them. Text is an indicator for each value except the most frequent; new values count as the most
    frequent, and missing is a value of its own. Whole numbers that look like codes (of courses, say) are a number and
    an indicator for each frequent value except the most frequent; the penalty decides.
    """

    def __init__(self, linear: bool = True) -> None:
        self.linear = linear

    def __setstate__(self, state: dict[str, object]) -> None:
        """Restore stored attributes; `categories_` had another name in version 0.1."""
        super().__setstate__({{"words_": "categories_"}.get(name, name): value for name, value in state.items()})

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Learn the kinds, medians, means, standard deviations and values of the columns of `X` (n, f)."""
        self.columns_ = [str(name) for name in X]
        self.numbers_ = [name for name in self.columns_ if _is_number(X[name])]
        self.categories_ = {
            name: [str(value) for value in _as_categories(X[name]).value_counts().index[:MAX_CATEGORIES]]
            for name in self.columns_
            if name not in self.numbers_
        }
        values = self._raw(X)
        with np.errstate(all="ignore"):
            self.gaps_: NDArray[np.bool_] = np.asarray(np.isnan(values).any(axis=0))
            code_values = [_frequent_codes(column) for column in values.T] if self.linear else []
            self.codes_ = {index: codes for index, codes in enumerate(code_values) if codes.size}
            self.logs_ = np.array([_is_long_tailed(column) for column in values.T], dtype=bool)
            values = self._compress_long_tails(values)
            self.medians_ = np.array([_statistic(np.median, column) for column in values.T])
            self.means_ = np.array([_statistic(np.mean, column) for column in values.T])
            spread = np.array([_statistic(np.std, column) for column in values.T])
            self.lows_, self.highs_ = (
                np.array([_statistic(bound, column) for column in values.T]) for bound in (np.min, np.max)
            )
        self.spreads_ = np.where(spread > 0, spread, 1.0)
        self.names_ = self._names()
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """Return the matrix (n, len(names_)). Raises DataError if a trained column is missing."""
        require_columns(X, self.columns_)
        values, parts = self._raw(X), []
        if self.linear:
            near = np.clip(self._compress_long_tails(values), self.lows_, self.highs_)
            near = np.where(np.isnan(near), self.medians_, near)
            parts.append(np.clip((near - self.means_) / self.spreads_, -MAX_DEVIATIONS, MAX_DEVIATIONS))
            parts.append(np.isnan(values[:, self.gaps_]).astype(float))
            parts += [(values[:, [index]] == codes).astype(float) for index, codes in self.codes_.items()]
        else:
            parts.append(values)
        for name, categories in self.categories_.items():
            if not self.linear:
                parts.append(_category_codes(X[name], categories))
                continue
            text = _as_categories(X[name]).to_numpy()[:, None]
            parts.append((text == np.array(categories[1:], dtype=object)).astype(float))
        return np.column_stack(parts)

    def _raw(self, X: pd.DataFrame) -> Floats:
        if not self.numbers_:
            return np.empty((len(X), 0))
        numbers = X[self.numbers_]
        if not all(_is_number(numbers[name]) for name in numbers):  # such as a column of missing values only
            numbers = numbers.apply(to_number)
        return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))

    def _compress_long_tails(self, values: Floats) -> Floats:
        return np.where(self.logs_, np.log1p(np.maximum(values, 0)), values) if values.size else values

    def _names(self) -> list[str]:
        if not self.linear:
            return [*self.numbers_, *self.categories_]
        missing_names = [
            f"{name}: {MISSING_LABEL}" for name, any_ in zip(self.numbers_, list(self.gaps_), strict=True) if any_
        ]
        code_names = [f"{self.numbers_[index]}: {value:g}" for index, codes in self.codes_.items() for value in codes]
        category_names = [
            f"{name}: {value}, not {categories[0]}"
            for name, categories in self.categories_.items()
            for value in categories[1:]
        ]
        return [*self.numbers_, *missing_names, *code_names, *category_names]


def require_columns(X: pd.DataFrame, names: list[str]) -> None:
    """Raise DataError if a column is missing."""
    if missing := [name for name in names if name not in X]:
        raise DataError(
            "Columns that the model was trained on are missing",
            expected=format_names(names),
            actual=f"no {format_names(missing)}",
            fix="add these columns, with missing values if they are unknown",
        )


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)  # bool too


def _as_categories(column: pd.Series) -> pd.Series:
    return column.astype("str").fillna(MISSING_LABEL)


def _category_codes(column: pd.Series, categories: list[str]) -> Floats:
    codes = pd.Index(categories).get_indexer(pd.Index(_as_categories(column))).astype(float)
    return np.where((codes < 0) | column.isna().to_numpy(), np.nan, codes)


def _statistic(function: object, column: Floats) -> float:
    observed = column[~np.isnan(column)]
    return float(function(observed)) if observed.size else 0.0  # type: ignore[operator]


def _is_long_tailed(column: Floats) -> bool:
    observed = column[~np.isnan(column)]
    if observed.size < 3 or observed.min() < 0 or np.ptp(observed) == 0 or observed.max() <= 1:
        return False
    return bool(np.mean(((observed - observed.mean()) / observed.std()) ** 3) > LONG_TAIL_SKEWNESS)


def _frequent_codes(column: Floats) -> Floats:
    """Return the frequent values of a column of codes, except the most frequent; none if it has amounts.

    Frequent amounts are consecutive, such as 0, 1, 2, 3 enrollments; codes have gaps.
    """
    observed = column[~np.isnan(column)]
    values, rows = np.unique(observed, return_counts=True)
    if observed.size == 0 or values.size > MAX_CODES or (values % 1 != 0).any():
        return np.empty(0)
    frequent = values[rows >= MIN_ROWS_OF_CODE]
    has_gaps = frequent.size > 1 and np.ptp(frequent) >= frequent.size
    return np.asarray(frequent[frequent != values[rows.argmax()]]) if has_gaps else np.empty(0)
