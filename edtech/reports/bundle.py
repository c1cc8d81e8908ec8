"""The content of a report, as values; `formats` lists the writers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

ANY_WORDING = "(any wording)"
"""The text of the cells of wording in `without_wording`."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A frame with a title; its index is not written.

    `units` and `help` describe columns by name. `wording` names the columns whose cells are text of the product, such
    as titles and advice, rather than data: a later version may word them differently.
    """

    title: str
    frame: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    help: Mapping[str, str] = field(default_factory=dict)
    wording: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing as SVG with its text alternative `alt`. Make it with `edtech.reports.figure`."""

    title: str
    alt: str
    svg: str = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Paragraphs, then tables, then figures."""

    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Drawing, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A question, its answer in sections, and the provenance of the numbers.

    `provenance` identifies the source of the numbers: data set digest, run ids, seed, version, created. `recipe` is
    JSON from which `python -m edtech verify` makes the same report again; it is empty if nothing is stored.
    """

    title: str
    question: str
    sections: tuple[Section, ...]
    provenance: Mapping[str, str | int | float]
    recipe: str = ""

    def tables(self) -> Iterator[Table]:
        """Yield the tables of all sections in order."""
        for section in self.sections:
            yield from section.tables


def without_wording(report: Report) -> Report:
    """Return the report without figures, with `ANY_WORDING` in the cells of wording."""
    sections = [
        replace(section, figures=(), tables=tuple(_without_wording(table) for table in section.tables))
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections))


def _without_wording(table: Table) -> Table:
    columns = {name: ANY_WORDING for name in table.wording if name in table.frame}
    return replace(table, frame=table.frame.assign(**columns)) if columns else table
