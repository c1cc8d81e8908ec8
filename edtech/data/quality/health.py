"""The health of any stored data set, by what kind of table it is."""

from collections.abc import Iterator, Mapping

import pandas as pd

from edtech.data.explore import column_types
from edtech.data.quality.checks import Check, Severity, grade
from edtech.data.quality.demand_panel import check_panel
from edtech.data.quality.outcomes import check_frame
from edtech.data.quality.ratings import check_ratings
from edtech.data.quality.visits import check_visits
from edtech.data.store import Dataset
from edtech.market.accounting import READ, broken_identities
from edtech.tables.roles import AnyRoles, LabelRoles, PanelRoles, RatingRoles, VisitRoles

MANY_ROWS = 2_000_000
"""Of longer tables every n-th unit, visit, teacher or row is looked at, whole, so that memory is bounded."""


def check_dataset(dataset: Dataset) -> tuple[Check, ...]:
    """Return the findings on a stored data set; the last, `learnable`, sums them up.

    Of more than `MANY_ROWS` rows a part is read, and the first finding says how much of it.

    Raises:
        DataError: a file is missing or damaged.
    """
    books = (accounting_check(dataset),) if dataset.kind == "market" else ()
    every = -(-dataset.rows // MANY_ROWS)
    if every < 2:
        return (*books, *check_table(dataset.main(), dataset.mapping))
    table = _part(dataset, every)
    seen = f"{len(table):,} of {dataset.rows:,} rows were looked at; the contract was checked on all of them."
    read = Check("part", "How much was looked at", Severity.PASS, seen)
    return (*books, read, *check_table(table, dataset.mapping))


def _part(dataset: Dataset, every: int) -> pd.DataFrame:
    """Return the rows of every n-th unit, visit or teacher, or every n-th row where there is none."""
    names = list(column_types(dataset, dataset.main_table))
    columns = ", ".join(f"c{place}" for place in range(len(names)))
    keys = [getattr(dataset.mapping, role, None) for role in ("unit", "visit", "teacher")]
    whole = next((key for key in keys if key is not None), None)
    part = "QUALIFY row_number() OVER () % ? = 0" if whole is None else f"WHERE hash(c{names.index(whole)}) % ? = 0"
    query = f"SELECT {columns} FROM {dataset.main_table} AS t({columns}) {part}"  # noqa: S608 - positions, a checked name
    return dataset.query(query, every).set_axis(names, axis=1)


def check_table(table: pd.DataFrame, roles: AnyRoles) -> tuple[Check, ...]:
    """Return the findings on a table whose columns play these roles; the last, `learnable`, sums them up.

    Raises:
        DataError: labeled rows without a feature.
    """
    match roles:
        case PanelRoles():
            return check_panel(table, roles)
        case VisitRoles():
            return check_visits(table, roles)
        case RatingRoles():
            return check_ratings(table, roles)
        case LabelRoles():
            durations = () if roles.duration is None else (_durations(table, roles, roles.duration),)
            return (*durations, *check_frame(table, roles.label, roles.as_of, features=roles.features))


def _durations(table: pd.DataFrame, roles: LabelRoles, duration: str) -> Check:
    """Say how long cases were seen; one whose outcome did not happen was seen until the end and is not over."""
    seen = table[duration]
    open_ = float((~table[roles.label].astype(bool)).mean())
    return grade(
        "durations",
        "How long each case was seen",
        fail=seen.nunique() < 2,
        review=bool((seen == 0).mean() > 0.05),
        evidence=f"From {seen.min():,.6g} to {seen.max():,.6g}, {seen.median():,.6g} at the median; {open_:.0%} had no "
        f"outcome until the end, {(seen == 0).mean():.1%} were seen for no time at all.",
        fix="Check the unit of the duration, and that it ends at the outcome or at the end of the data.",
    )


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
        return broken_identities(_Stored(dataset))
    if dataset.kind != "panel" or dataset.roles.views is None:
        return []
    panel = dataset.panel()
    more = int((panel[dataset.roles.quantity] > panel[dataset.roles.views]).sum())
    return [f"No more is sold than seen. Broken: {more}."] if more else []


def accounting_check(dataset: Dataset) -> Check:
    """Return the same as a finding to stand beside the others."""
    broken = check_identities(dataset)
    return grade(
        "identities",
        "The books balance",
        fail=bool(broken),
        evidence=" ".join(broken) if broken else "Every identity that can be asked of these tables holds exactly.",
        fix="Do not use these tables: they were changed after they were made. Generate or export them again.",
    )
