"""Columns of any kind as a matrix of numbers, remembered as plain arrays and lists."""

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from edtech.errors import DataError
from edtech.tables.arrays import Floats
from edtech.tables.formatting import format_names
from edtech.tables.values import MAX_CATEGORIES, to_number

LONG_TAIL = 2.0  # skewness above which a number that is never negative counts by its logarithm
FARTHEST = 5.0  # standard deviations beyond which a number counts no more in a linear model
GIVEN = "(not given)"
MOST_CODES = 50  # values up to which whole numbers may be codes, such as those of courses or regions
LEAST_OF_CODE = 30  # rows that a value needs for an effect of its own


class Encoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Features as numbers. Numbers stand as they are, or for linear models as standard deviations from their mean.

    For trees a column of words is one of codes, the commonest first; gaps and values not seen in training are missing.
    For linear models words become one column for each value but the commonest; a value not seen in training counts as
    the commonest, a gap as a value of its own, and a gap in a number as the median, with a column that says so. Numbers
    beyond those of training count as the farthest of these. Whole numbers that look like codes (of courses, say) stand
    as a number and as one column for each frequent value but the commonest, and the penalty decides.
    """

    def __init__(self, linear: bool = True) -> None:
        self.linear = linear

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Learn the columns of `X` (n, f): their kinds, middles, spreads and values."""
        self.columns_ = [str(name) for name in X]
        self.numbers_ = [name for name in self.columns_ if _is_number(X[name])]
        self.words_ = {
            name: [str(value) for value in _words(X[name]).value_counts().index[:MAX_CATEGORIES]]
            for name in self.columns_
            if name not in self.numbers_
        }
        values = self._raw(X)
        with np.errstate(all="ignore"):
            self.gaps_: NDArray[np.bool_] = np.asarray(np.isnan(values).any(axis=0))
            found = [_codes_of(column) for column in values.T] if self.linear else []
            self.codes_ = {place: codes for place, codes in enumerate(found) if codes.size}
            self.logs_ = np.array([_long_tailed(column) for column in values.T], dtype=bool)
            values = self._curbed(values)
            self.medians_ = np.array([_of(np.median, column) for column in values.T])
            self.means_ = np.array([_of(np.mean, column) for column in values.T])
            spread = np.array([_of(np.std, column) for column in values.T])
            self.lows_, self.highs_ = (np.array([_of(end, column) for column in values.T]) for end in (np.min, np.max))
        self.spreads_ = np.where(spread > 0, spread, 1.0)
        self.names_ = self._names()
        return self

    def transform(self, X: pd.DataFrame) -> Floats:
        """Return the matrix (n, len(names_)); without a learned column raise DataError."""
        require(X, self.columns_)
        values, parts = self._raw(X), []
        if self.linear:
            near = np.clip(self._curbed(values), self.lows_, self.highs_)
            near = np.where(np.isnan(near), self.medians_, near)
            parts.append(np.clip((near - self.means_) / self.spreads_, -FARTHEST, FARTHEST))
            parts.append(np.isnan(values[:, self.gaps_]).astype(float))
            parts += [(values[:, [place]] == known).astype(float) for place, known in self.codes_.items()]
        else:
            parts.append(values)
        for name, known in self.words_.items():
            if not self.linear:
                parts.append(_codes(X[name], known))
                continue
            parts.append((_words(X[name]).to_numpy()[:, None] == np.array(known[1:], dtype=object)).astype(float))
        return np.column_stack(parts)

    def _raw(self, X: pd.DataFrame) -> Floats:
        if not self.numbers_:
            return np.empty((len(X), 0))
        numbers = X[self.numbers_]
        if not all(_is_number(numbers[name]) for name in numbers):  # a column of gaps only, say
            numbers = numbers.apply(to_number)
        return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))

    def _curbed(self, values: Floats) -> Floats:
        return np.where(self.logs_, np.log1p(np.maximum(values, 0)), values) if values.size else values

    def _names(self) -> list[str]:
        if not self.linear:
            return [*self.numbers_, *self.words_]
        gaps = [f"{name}: {GIVEN}" for name, any_ in zip(self.numbers_, list(self.gaps_), strict=True) if any_]
        codes = [f"{self.numbers_[place]}: {value:g}" for place, known in self.codes_.items() for value in known]
        words = [f"{name}: {value}, not {known[0]}" for name, known in self.words_.items() for value in known[1:]]
        return [*self.numbers_, *gaps, *codes, *words]


def require(X: pd.DataFrame, names: list[str]) -> None:
    """Raise DataError where one of the columns is not there."""
    if missing := [name for name in names if name not in X]:
        raise DataError(
            "Columns that the model was trained on are missing",
            expected=format_names(names),
            actual=f"no {format_names(missing)}",
            fix="give these columns, with gaps where a value is not known",
        )


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)  # bool too


def _words(column: pd.Series) -> pd.Series:
    return column.astype("str").fillna(GIVEN)


def _codes(column: pd.Series, known: list[str]) -> Floats:
    codes = pd.Index(known).get_indexer(pd.Index(_words(column))).astype(float)
    return np.where((codes < 0) | column.isna().to_numpy(), np.nan, codes)


def _of(figure: object, column: Floats) -> float:
    there = column[~np.isnan(column)]
    return float(figure(there)) if there.size else 0.0  # type: ignore[operator]


def _long_tailed(column: Floats) -> bool:
    there = column[~np.isnan(column)]
    if there.size < 3 or there.min() < 0 or np.ptp(there) == 0 or there.max() <= 1:
        return False
    return bool(np.mean(((there - there.mean()) / there.std()) ** 3) > LONG_TAIL)


def _codes_of(column: Floats) -> Floats:
    """Return the frequent values of a column of codes, but the commonest; none where it holds amounts.

    Frequent amounts follow one another, as 0, 1, 2, 3 enrollments; between codes there are holes.
    """
    there = column[~np.isnan(column)]
    values, rows = np.unique(there, return_counts=True)
    if there.size == 0 or values.size > MOST_CODES or (values % 1 != 0).any():
        return np.empty(0)
    frequent = values[rows >= LEAST_OF_CODE]
    holes = frequent.size > 1 and np.ptp(frequent) >= frequent.size
    return np.asarray(frequent[frequent != values[rows.argmax()]]) if holes else np.empty(0)
