"""Encoding of the covariates of ratings as numbers of comparable scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edtech.tables.arrays import Floats

MAX_LEVELS = 50


@dataclass(frozen=True, slots=True)
class CovariateEncoding:
    """Encode covariates as centered columns.

    Numbers are divided by two standard deviations, so that they are comparable to indicators (Gelman 2008, Statistics
    in Medicine 27). Text is an indicator for each of its most frequent levels. Missing and new values count as the
    mean.
    """

    numbers: dict[str, tuple[float, float]]  # name -> mean, scale
    levels: dict[str, dict[str, float]]  # name -> level -> share

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> "CovariateEncoding":
        """Learn means, scales and levels; constant columns are left out."""
        varying = [str(name) for name in frame if frame[name].nunique() > 1]
        numbers = {
            name: (float(np.nanmean(values)), 2 * float(np.nanstd(values)))
            for name in varying
            if pd.api.types.is_numeric_dtype(frame[name])
            for values in [_numbers(frame[name])]
        }
        levels = {
            name: {str(level): float(share) for level, share in _shares(frame[name]).items()}
            for name in varying
            if name not in numbers
        }
        return cls(numbers, levels)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The covariates, numbers first."""
        return (*self.numbers, *self.levels)

    def matrix(self, frame: pd.DataFrame) -> Floats:
        """Return the columns (n, k) of a frame's rows."""
        columns = [
            np.nan_to_num((_numbers(frame[name]) - mean) / scale) for name, (mean, scale) in self.numbers.items()
        ]
        for name, shares in self.levels.items():
            text = frame[name].astype("str")
            is_frequent = text.isin(list(shares)).to_numpy()
            columns += [
                np.where(is_frequent, (text == level).to_numpy() - share, 0.0) for level, share in shares.items()
            ]
        return np.column_stack(columns) if columns else np.zeros((len(frame), 0))

    def as_dict(self) -> dict[str, Any]:
        """Return primitive types, which a stored model may contain."""
        return {"numbers": {name: list(pair) for name, pair in self.numbers.items()}, "levels": self.levels}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CovariateEncoding":
        """Return the encoding of `as_dict`."""
        return cls({name: (pair[0], pair[1]) for name, pair in values["numbers"].items()}, values["levels"])


def _numbers(values: pd.Series) -> Floats:
    return values.to_numpy(dtype=float, na_value=np.nan)


def _shares(values: pd.Series) -> "pd.Series[float]":
    return values.astype("str").value_counts(normalize=True).head(MAX_LEVELS)


def teacher_attributes(frame: pd.DataFrame, teacher: pd.Series) -> list[str]:
    """Return the columns that are constant for each teacher, but not over all teachers."""
    levels_per_teacher = frame.groupby(teacher.to_numpy(), observed=True).nunique(dropna=False).max()
    return [name for name in map(str, frame) if levels_per_teacher[name] == 1 and frame[name].nunique() > 1]
