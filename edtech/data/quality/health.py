"""Check any stored data set by its kind of table, and the accounting identities of a market."""

from collections.abc import Iterator, Mapping

import pandas as pd

from edtech.data.explore import column_types
from edtech.data.quality.checks import Check, Severity, grade
from edtech.data.quality.demand_panel import check_panel
from edtech.data.quality.outcomes import check_frame
from edtech.data.quality.ratings import check_ratings
from edtech.data.quality.visits import check_visits
from edtech.data.store import Dataset
from edtech.market.accounting import VIEW_COLUMNS, broken_identities
from edtech.tables.roles import AnyRoles, LabelRoles, PanelRoles, RatingRoles, VisitRoles

MANY_ROWS = 2_000_000
"""Larger tables are sampled to bound memory: every n-th unit, visit or teacher with all its rows, or every n-th row."""


def check_dataset(dataset: Dataset) -> tuple[Check, ...]:
    """Return the checks of a stored data set; the last, `learnable`, summarizes them.

    Tables of more than `MANY_ROWS` rows are sampled, and a check states how many rows.

    Raises:
        DataError: a file is missing or damaged.
    """
    accounting = (accounting_check(dataset),) if dataset.kind == "market" else ()
    every = -(-dataset.rows // MANY_ROWS)
    if every < 2:
        return (*accounting, *check_table(dataset.main(), dataset.mapping))
    table = _sample(dataset, every)
    rows = f"{len(table):,} of {dataset.rows:,} rows are checked; the contract was checked on all of them."
    sample = Check("part", "Sampled rows", Severity.PASS, rows)
    return (*accounting, sample, *check_table(table, dataset.mapping))


def _sample(dataset: Dataset, every: int) -> pd.DataFrame:
    """Return all rows of every n-th unit, visit or teacher, or every n-th row if there is no such column."""
    names = list(column_types(dataset, dataset.main_table))
    columns = ", ".join(f"c{position}" for position in range(len(names)))
    keys = [getattr(dataset.mapping, role, None) for role in ("unit", "visit", "teacher")]
    key = next((key for key in keys if key is not None), None)
    condition = "QUALIFY row_number() OVER () % ? = 0" if key is None else f"WHERE hash(c{names.index(key)}) % ? = 0"
    query = f"SELECT {columns} FROM {dataset.main_table} AS t({columns}) {condition}"  # noqa: S608 - positions, a checked name
    return dataset.query(query, every).set_axis(names, axis=1)


def check_table(table: pd.DataFrame, roles: AnyRoles) -> tuple[Check, ...]:
    """Return the checks of a table with these roles; the last, `learnable`, summarizes them.

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
    """Check the observed durations; cases without the outcome are censored at the end of the data."""
    observed = table[duration]
    censored = float((~table[roles.label].astype(bool)).mean())
    return grade(
        "durations",
        "Observed durations",
        fail=observed.nunique() < 2,
        review=bool((observed == 0).mean() > 0.05),
        evidence=f"Range {observed.min():,.6g} to {observed.max():,.6g}, median {observed.median():,.6g}; "
        f"{censored:.0%} without the outcome by the end, {(observed == 0).mean():.1%} with duration 0.",
        fix="Check the unit of the duration, and that it ends with the outcome or with the data.",
    )


class _StoredTables(Mapping[str, pd.DataFrame]):
    """The tables of a data set, read on access with the columns that the identities use.

    All tables are cached except views, the largest.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._cache: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._cache:
            table = self._dataset.table(name, VIEW_COLUMNS.get(name))
            if name in VIEW_COLUMNS:
                return table
            self._cache[name] = table
        return self._cache[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dataset.tables)

    def __len__(self) -> int:
        return len(self._dataset.tables)


def check_identities(dataset: Dataset) -> list[str]:
    """Return one sentence for each accounting identity that does not hold; an empty list means that all hold exactly.

    A generated market has all identities; an uploaded panel only one: quantity is at most views. Other tables have
    none.

    Raises:
        DataError: a file is missing or damaged.
    """
    if dataset.kind == "market":
        return broken_identities(_StoredTables(dataset))
    if dataset.kind != "panel" or dataset.roles.views is None:
        return []
    panel = dataset.panel()
    broken = int((panel[dataset.roles.quantity] > panel[dataset.roles.views]).sum())
    return [f"Quantity is at most views. Broken: {broken}."] if broken else []


def accounting_check(dataset: Dataset) -> Check:
    """Return the accounting identities of a data set as a check."""
    broken = check_identities(dataset)
    return grade(
        "identities",
        "Accounting identities",
        fail=bool(broken),
        evidence=" ".join(broken) if broken else "All accounting identities hold exactly.",
        fix="Do not use these tables: they changed after they were generated. Generate or export them again.",
    )
