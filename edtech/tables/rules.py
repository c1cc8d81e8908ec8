"""Rules over several columns of a table, as data: pandas asks them of a frame here, `edtech.data` asks them in SQL."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from edtech.tables.values import to_number


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: `columns` occur `once` together; the first is `at_most` the second; `one_true` flag in each second."""

    kind: Literal["once", "at_most", "one_true"]
    columns: tuple[str, ...]
    must: str


def broken(rule: Rule, table: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows break a rule; columns that could not be converted break no `one_true`."""
    keys = table[list(rule.columns)]
    if rule.kind == "once":
        return keys.duplicated(keep=False)
    first, second = (keys.iloc[:, place] for place in (0, 1))
    if rule.kind == "at_most":
        return to_number(first) > to_number(second)
    if not pd.api.types.is_bool_dtype(first):
        return pd.Series(data=False, index=table.index, dtype=bool)
    first = first.eq(True).fillna(False).astype(bool)
    many: pd.Series[bool] = first.groupby(second, dropna=False).transform("sum").gt(1)
    return first & many
