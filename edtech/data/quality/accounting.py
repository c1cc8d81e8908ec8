"""The identities of the books, checked on any stored data set."""

from collections.abc import Iterator, Mapping

import pandas as pd

from edtech.data.quality.findings import Check, graded
from edtech.data.store import Dataset
from edtech.market.accounting import READ, identities


class _Stored(Mapping[str, pd.DataFrame]):
    """The tables of a data set, of each the columns that the identities speak of, read when asked for.

    All but the longest, the views, are kept for the next identity.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._kept: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._kept:
            table = self._dataset.table(name, READ.get(name))
            if name in READ:
                return table
            self._kept[name] = table
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dataset.tables)

    def __len__(self) -> int:
        return len(self._dataset.tables)


def check_identities(dataset: Dataset) -> list[str]:
    """Return one sentence for each identity of the books that does not hold; none means that all hold exactly.

    A generated market has them all; of an uploaded panel only this can be asked: no more was sold than seen. Other
    tables have none. Raises DataError where a file is missing or damaged.
    """
    if dataset.kind == "market":
        return identities(_Stored(dataset))
    if dataset.kind != "panel" or dataset.roles.views is None:
        return []
    panel = dataset.panel()
    more = int((panel[dataset.roles.quantity] > panel[dataset.roles.views]).sum())
    return [f"No more is sold than seen. Broken: {more}."] if more else []


def identities_check(dataset: Dataset) -> Check:
    """Return the same as a finding to stand beside the others."""
    broken = check_identities(dataset)
    return graded(
        "identities",
        "The books balance",
        fail=bool(broken),
        evidence=" ".join(broken) if broken else "Every identity that can be asked of these tables holds exactly.",
        fix="Do not use these tables: they were changed after they were made. Generate or export them again.",
    )
