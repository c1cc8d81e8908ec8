"""Which column plays which role, for every kind of table: suggestions from names and values, never more than that."""

from collections.abc import Sequence

import pandas as pd

from edtech.data.ingest.mapping import NAMES, first_match, plain_name, suggest_roles
from edtech.tables.families import required
from edtech.tables.roles import Task
from edtech.tables.values import FLAGS, MAX_CATEGORIES, mostly_numbers

_LEARNER = (
    "(learner|user|student|customer|visitor)_?ids?",
    "id_(student|learner|user|customer)",
    "learner|user|student",
)
_TIME = ("viewed_at|visited_at|enrolled_at|rated_at|created_at", *NAMES["period"], "time|timestamp|.*_at")
_LABEL = (
    "label",
    "churn(ed)?",
    "completed?|completion",
    "enrolled|converted|conversion",
    "target|outcome|final_result",
    "left|dropout|dropped_out|result|y",
)
_NAMES: dict[str, dict[str, Sequence[str]]] = {
    "visits": {
        "visit": ("(visit|session|search)_?ids?", "visit|session"),
        "course": NAMES["unit"],
        "price": NAMES["price"],
        "chosen": ("enrolled|chosen|choice", "bought|purchased|converted|taken|booked"),
        "learner": _LEARNER,
        "time": _TIME,
        "segment": NAMES["segment"],
    },
    "labels": {
        "label": _LABEL,
        "subject": (*_LEARNER, "enrol?lment_?ids?", "case_?ids?|id"),
        "duration": ("tenure|duration|lifetime|survival_time|(days|weeks|months)_active",),
        "time": ("enrolled_at|joined_on|joined_at|as_of|snapshot_date", *NAMES["period"]),
    },
    "ratings": {
        "teacher": ("(teacher|instructor|lecturer|professor|tutor)_?(ids?|name)?",),
        "rating": ("ratings?|stars", "score|evaluation|review_score"),
        "learner": _LEARNER,
        "course": NAMES["unit"],
        "time": _TIME,
    },
}
_LEFT = "withdrawn|withdrew|drop_?out|dropped_out|churn(ed)?|left|cancel+ed|lapsed"
_DONE = "completed?|pass(ed)?|distinction|graduated?|finished"


def suggest_mapping(frame: pd.DataFrame, kind: str) -> dict[str, object]:
    """Return what names and values give away as fields of the roles of a kind of table; what is not sure is left out.

    Features and covariates are all other columns that a model can use: numbers, or few categories.
    """
    if kind == "panel":
        return suggest_roles(frame).roles_so_far()
    columns = [str(name) for name in frame.columns]
    found: dict[str, object] = {}
    for role, patterns in _NAMES[kind].items():
        name = first_match([name for name in columns if name not in found.values()], patterns)
        found |= {role: name} if name is not None else {}
    rest = usable_features(frame, [name for name in columns if name not in found.values()])
    if kind == "labels":
        found |= {"features": rest} | (_outcome(frame, str(found["label"])) if "label" in found else {})
    return found | ({"covariates": rest} if kind == "ratings" else {})


def suggest_kind(frame: pd.DataFrame) -> str:
    """Return the kind of table whose required columns the names give away, the most particular first; else a panel."""
    for kind in ("visits", "ratings", "panel", "labels"):
        found = suggest_mapping(frame, kind)
        if all(found.get(name) for name in required(kind)):
            return kind
    return "panel"


def usable_features(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that differ between rows and hold numbers or at most `MAX_CATEGORIES` categories."""
    return tuple(name for name in columns if frame[name].nunique() > 1 and _few_or_numbers(frame[name]))


def _few_or_numbers(values: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values):
        return False
    return mostly_numbers(values) or values.nunique() <= min(MAX_CATEGORIES, max(20, len(values) // 2))


def _outcome(frame: pd.DataFrame, label: str) -> dict[str, object]:
    """Return what the label tells, and which of its words count as 1."""
    task: Task = "propensity"
    task = "churn" if first_match([label], (_LEFT, "churn.*")) else task
    task = "completion" if first_match([label], (_DONE, "completion")) else task
    words = [str(value) for value in frame[label].dropna().unique()[:MAX_CATEGORIES]]
    if all(word.strip().casefold() in FLAGS for word in words):
        return {"task": task}
    by_task: tuple[tuple[Task, str], ...] = (("churn", _LEFT), ("completion", _DONE))
    for guess, pattern in by_task:
        positive = tuple(word for word in words if first_match([plain_name(word)], (pattern,)))
        if 0 < len(positive) < len(words):
            return {"task": guess, "positive": positive}
    return {"task": task}
