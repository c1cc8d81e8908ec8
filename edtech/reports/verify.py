"""Does a report's file still show what the stores say?"""

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edtech import __version__
from edtech.errors import ReportError
from edtech.reports import Shown, read, read_file, write
from edtech.reports.formats import ending_of
from edtech.reports.recipes import Recipe, Stores, parse, report_of

MOST_LINES, MOST_SHOWN = 50, 300
SAME = 1e-9
"""Relative difference below which two numbers are the same: above what another order of sums makes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place of a report where the file shows something else than the stores; None where one of them has nothing."""

    place: str
    shown: str | None
    expected: str | None

    def __str__(self) -> str:
        shown, expected = ("nothing" if one is None else repr(one) for one in (self.shown, self.expected))
        return f"{self.place}: the file shows {shown}, the stores say {expected}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared and what differs."""

    recipe: Recipe
    places: int
    differences: tuple[Difference, ...]


def verify(path: Path, stores: Stores) -> Verification:
    """Make the report again from its recipe and compare everything that the file shows, place by place.

    The fresh report is written in the same form and read in the same way, so that nothing that is shown escapes.
    Raises ReportError where the file is no report, EdtechError where the stores lack what it was made of.
    """
    return _verified(read_file(path), ending_of(path.name), stores)


def verify_bytes(data: bytes, name: str, stores: Stores) -> Verification:
    """Do the same for the bytes of a file of that name; errors as `verify`."""
    ending = ending_of(name)
    return _verified(read(data, ending), ending, stores)


def _verified(shown: Shown, ending: str, stores: Stores) -> Verification:
    recipe = parse(shown.recipe)
    again = read(write(report_of(recipe, stores), ending), ending)
    return Verification(recipe, len(again.places), differences(shown, again))


def agreed(found: Verification) -> str:
    """Return in words that a report agrees. Raises ReportError that names the first places that do not."""
    if not found.differences:
        return f"all {found.places:,} places agree with the stores."
    version = "" if found.recipe.version == __version__ else f" It was made by version {found.recipe.version}."
    raise ReportError(
        f"{len(found.differences):,} of {found.places:,} places differ from what is stored",
        expected="what the report makes again from its recipe",
        actual=f"other text at the places below.{version}",
        fix="take a fresh report; where this one was not changed by hand, what it was made of was",
        details=[str(one)[:MOST_SHOWN] for one in found.differences[:MOST_LINES]],
    )


def differences(shown: Shown, again: Shown, most: int = 1_000) -> tuple[Difference, ...]:
    """Return the places, at most `most`, at which two files show different things."""
    places = dict.fromkeys([*again.places, *shown.places])
    found = (Difference(place, shown.places.get(place), again.places.get(place)) for place in places)
    return tuple(islice((one for one in found if not _same(one.shown, one.expected)), most))


def _same(one: str | None, other: str | None) -> bool:
    if one == other:
        return True
    try:
        return math.isclose(float(one or ""), float(other or ""), rel_tol=SAME)
    except ValueError:
        return False
