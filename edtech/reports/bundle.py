"""What a report holds, as values; `forms` lists what writes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A frame under a title; its index is not shown. `units` and `help` speak of columns by name."""

    title: str
    frame: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    help: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing as SVG; `alt` says in words what it shows. Make it with `edtech.reports.figure`."""

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
    """A question, its answer in sections, and where the numbers come from.

    `provenance` holds what it takes to find them again: data set digest, run ids, seed, version, created. `recipe` is
    JSON from which `python -m edtech verify` makes the same report again; empty where nothing that is stored can.
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
