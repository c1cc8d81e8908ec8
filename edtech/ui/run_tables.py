"""Labels and selections of runs from a table of runs."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from edtech.ml.base import Family

FAMILY = "tags.model_type"
ALGORITHM = ("params.algorithm", "tags.algorithm")


def runs_on_dataset(runs: pd.DataFrame, digest: str) -> pd.DataFrame:
    """Return the runs on the data set with this digest."""
    return runs[runs.reindex(columns=["tags.dataset_digest"])["tags.dataset_digest"] == digest]


def run_labels(runs: pd.DataFrame) -> dict[str, str]:
    """Return the label of each run in table order, with the family if families share a run name."""
    family = _family(runs)
    shared = family.groupby(runs["name"]).transform("nunique") > 1
    named = runs["name"].mask(shared & (family != ""), runs["name"] + ", " + family.map(_title))
    return {
        run_id: f"{name} ({started:%d %b %H:%M:%S})"
        for run_id, name, started in zip(runs["run_id"], named, runs["started"], strict=True)
    }


def family_title(name: str) -> str:
    """Return the title of a family with its logged name; an unknown name stays as it is."""
    title = _title(name)
    return title if title == name else f"{title} ({name})"


def algorithm_title(family: str, name: str) -> str:
    """Return the title of an algorithm with its logged name; an unknown name stays as it is."""
    lookup = _families().get(family)
    item = lookup and lookup.algorithms.get(name)
    return f"{item.title} ({name})" if item else name


def titled(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with the titles of families and algorithms."""
    family = _family(runs)
    columns = {
        item: [
            algorithm_title(*pair) if isinstance(pair[1], str) else pair[1]
            for pair in zip(family, runs[item], strict=True)
        ]
        for item in ALGORITHM
        if item in runs
    }
    if FAMILY in runs:
        columns[FAMILY] = [family_title(item) if isinstance(item, str) else item for item in runs[FAMILY]]
    return runs.assign(**{name: pd.Series(values, runs.index, dtype="str") for name, values in columns.items()})


def _family(runs: pd.DataFrame) -> "pd.Series[str]":
    names = runs.reindex(columns=[FAMILY])[FAMILY]
    return names.astype("str").where(names.notna(), "")


def _title(name: str) -> str:
    family = _families().get(name)
    return family.title if family else name


def _families() -> "dict[str, Family]":
    from edtech.ml.families import FAMILIES  # loads scikit-learn, which the first page does not need

    return FAMILIES
