"""Verify that a report's file still shows what the stores hold.

The report is made again from the recipe in the file, written in the same format and read in the same way, so that
nothing that the file shows escapes. A file of another version of the product may word titles, headings and advice
differently: if its text differs, every cell of its tables that is not wording is compared by position instead.
"""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edtech import __version__
from edtech.errors import ReportError
from edtech.reports.bundle import ANY_WORDING, Report, without_wording
from edtech.reports.cells import display
from edtech.reports.formats import extension_of, write
from edtech.reports.pdf import MAX_ROWS
from edtech.reports.readers import ReportContent, file_bytes, read
from edtech.reports.recipes import Recipe, Stores, parse_recipe, report_of

MAX_LINES, MAX_LINE = 50, 300
TOLERANCE = 1e-9
"""Relative difference below which two numbers are the same: larger than what another order of summation makes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A location where the file shows something else than the stores; None if one of them has nothing there."""

    location: str
    reported: str | None
    expected: str | None

    def __str__(self) -> str:
        reported, expected = ("nothing" if text is None else repr(text) for text in (self.reported, self.expected))
        return f"{self.location}: the file shows {reported}, the stores say {expected}"


@dataclass(frozen=True, slots=True)
class Verification:
    """The number of compared values and their differences.

    `wording_compared` is false for a file of another version whose text differs: then only the cells of tables are
    compared that are not wording.
    """

    recipe: Recipe
    compared: int
    differences: tuple[Difference, ...]
    wording_compared: bool = True

    @property
    def scope(self) -> str:
        """One sentence that says what was not compared, empty if everything was."""
        return "" if self.wording_compared else f"Wording compared: no, written by {self.recipe.version}."

    @property
    def summary(self) -> str:
        """The result in one or two sentences."""
        result = (
            f"{len(self.differences):,} of {self.compared:,} values differ from the stored data."
            if self.differences
            else f"All {self.compared:,} values match the stored data."
        )
        return f"{result} {self.scope}".rstrip()


def verify(path: Path, stores: Stores) -> Verification:
    """Make the report again from its recipe and compare everything that the file shows, location by location.

    Raises ReportError if the file is not a report, EdtechError if the stores lack its sources.
    """
    return verify_bytes(file_bytes(path), path.name, stores)


def verify_bytes(data: bytes, name: str, stores: Stores) -> Verification:
    """Verify the bytes of a file of that name; errors as `verify`."""
    extension = extension_of(name)
    content = read(data, extension)
    recipe = parse_recipe(content.recipe)
    report = report_of(recipe, stores)
    expected = read(write(report, extension), extension)
    changed = differences(content, expected)
    if not changed or recipe.version == __version__:
        return Verification(recipe, len(expected.values), changed)
    return _verify_numbers(data, extension, content, report, recipe)


def _verify_numbers(
    data: bytes, extension: str, content: ReportContent, report: Report, recipe: Recipe
) -> Verification:
    """Compare the cells of tables by position, but those of wording."""
    reported = read(data, extension, cells_only=True)
    expected = read(write(without_wording(report), extension), extension, cells_only=True)
    for location in [location for location, text in expected.values.items() if text == ANY_WORDING]:
        del expected.values[location]
        reported.values.pop(location, None)
    changed = differences(reported, expected)
    if extension == "pdf":
        changed += _missing_on_pages(content, read(write(report, extension), extension), expected)
    return Verification(recipe, len(expected.values), changed, wording_compared=False)


def _missing_on_pages(content: ReportContent, fresh: ReportContent, cells: ReportContent) -> tuple[Difference, ...]:
    """Return the numbers of tables that the pages of a PDF show less often than they should.

    Other wording breaks lines and pages elsewhere, so only how often each number appears is compared.
    """
    numbers = Counter(
        display(float(text))
        for location, text in cells.values.items()
        if _is_number(text) and int(location.split("row ")[1].split(",")[0]) < MAX_ROWS
    )
    reported, expected = _page_lines(content), _page_lines(fresh)
    return tuple(
        Difference(f"pages, number {number}", f"{reported[number]:,} times", f"{min(count, expected[number]):,} times")
        for number, count in numbers.items()
        if reported[number] < min(count, expected[number])
    )


def _page_lines(content: ReportContent) -> Counter[str]:
    """Return how often each line appears on the pages; a cell of a table has a line of its own."""
    return Counter(text.strip() for location, text in content.values.items() if location.startswith("page "))


def confirmation(verification: Verification) -> str:
    """Return the summary of a report that matches. Raises ReportError with the first differences of another."""
    if not verification.differences:
        return verification.summary
    version = verification.recipe.version
    raise ReportError(
        verification.summary,
        expected="the values that the recipe of the report gives again",
        actual="other values, listed below" + ("" if version == __version__ else f"; written by version {version}"),
        fix="make a new report; if nobody changed this one by hand, its sources have changed",
        details=[str(difference)[:MAX_LINE] for difference in verification.differences[:MAX_LINES]],
    )


def differences(reported: ReportContent, expected: ReportContent, most: int = 1_000) -> tuple[Difference, ...]:
    """Return the locations, at most `most`, at which two files show different things."""
    locations = dict.fromkeys([*expected.values, *reported.values])
    pairs = ((name, reported.values.get(name), expected.values.get(name)) for name in locations)
    return tuple(islice((Difference(*pair) for pair in pairs if not _equal(*pair[1:])), most))


def _equal(text: str | None, other: str | None) -> bool:
    if text == other:
        return True
    try:
        return math.isclose(float(text or ""), float(other or ""), rel_tol=TOLERANCE)
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
