"""Suggest which column plays which role, from names and values, for every kind of table."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import pandas as pd

from edtech.errors import ContractError
from edtech.tables.roles import PanelRoles, PricesSet, Task
from edtech.tables.table_kinds import required
from edtech.tables.values import FLAGS, MAX_CATEGORIES, mostly_numbers

# Names of each role, the surest first; they are compared in lower case with _ for everything between words.
NAMES = {
    "price": ("token_price", "price_paid", "sale_price", "prices?", "unit_price", "list_price"),
    "quantity": (
        "enrol?lments?",
        "quantit(y|ies)",
        "qty",
        "demand",
        "units_sold",
        "sales",
        "orders",
        "units",
        "shares?",
    ),
    "unit": ("(course|product|item|sku|unit|offer|plan)_?(ids?|codes?)", "sku", "course|product|item|unit|offer|plan"),
    "period": ("week|week_start|year_?week", "date", "month|year_?month", "quarter|year_?quarter", "period", "day"),
    "segment": ("(course_|product_)?category", "segment"),
    "views": ("(page_?)?views", "impressions"),
    "randomized_flag": ("(promo|price|discount)_randomi[sz]ed", "(is_)?randomi[sz]ed"),
}
_DISCOUNT = ("randomi[sz]ed_discount(_pct)?", "(discount|promo)(_pct|_share|_rate)?")
_INSTRUMENT = ".*instruments?_?[0-9]*"
_KEY = ".*_(ids?|codes?)|city|region|country|store|shop|market"
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


@dataclass(frozen=True, slots=True)
class RoleSuggestion:
    """The roles that names and types give away; None where they do not.

    `unit_parts` names columns that only together tell the units apart (such as city and product); `combine_columns`
    makes one of them.
    """

    unit: str | None = None
    period: str | None = None
    price: str | None = None
    quantity: str | None = None
    segment: str | None = None
    views: str | None = None
    randomized_discount: str | None = None
    randomized_flag: str | None = None
    instruments: tuple[str, ...] = ()
    unit_parts: tuple[str, ...] = ()

    def roles_so_far(self) -> dict[str, object]:
        """Return what was recognized as fields of `PanelRoles`; price and quantity are missing where they were not."""
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "unit_parts"}
        return {name: value for name, value in found.items() if value is not None or name not in ("price", "quantity")}

    def roles(self, prices_set: PricesSet = "unknown") -> PanelRoles:
        """Return the suggestion as roles.

        Raises:
            ContractError: no column was recognized as the price or the quantity.
        """
        if self.price is None or self.quantity is None:
            missing = " and ".join(role for role in ("price", "quantity") if getattr(self, role) is None)
            raise ContractError(
                f"No column was recognized as the {missing}",
                expected="one column for the price and one for the quantity",
                fix="Choose the columns by hand",
            )
        return PanelRoles(
            unit=self.unit,
            period=self.period,
            price=self.price,
            quantity=self.quantity,
            segment=self.segment,
            views=self.views,
            randomized_discount=self.randomized_discount,
            randomized_flag=self.randomized_flag,
            instruments=self.instruments,
            prices_set=prices_set,
        )


def suggest_roles(frame: pd.DataFrame) -> RoleSuggestion:
    """Return the roles that the column names of `frame` give away; what is not sure is left None.

    A discount is taken for randomized only where its name or a flag beside it says so: that prices were drawn at random
    is never guessed.
    """
    names = [str(name) for name in frame.columns]
    found = {role: first_match(names, patterns) for role, patterns in NAMES.items()}
    certain, any_discount = _DISCOUNT[:1], _DISCOUNT
    discount = first_match(names, any_discount if found["randomized_flag"] else certain)
    instruments = tuple(name for name in names if re.fullmatch(_INSTRUMENT, normalize_name(name)))
    parts = _unit_parts(frame, found["unit"], found["period"])
    return RoleSuggestion(**found, randomized_discount=discount, instruments=instruments, unit_parts=parts)


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
        positive = tuple(word for word in words if first_match([normalize_name(word)], (pattern,)))
        if 0 < len(positive) < len(words):
            return {"task": guess, "positive": positive}
    return {"task": task}


def normalize_name(name: str) -> str:
    """Return a name in lower case with _ for everything between words."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def first_match(names: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the first of `names` that a pattern matches whole; the patterns are tried in order."""
    plain = {name: normalize_name(name) for name in names}
    matches = (name for pattern in patterns for name in plain if re.fullmatch(pattern, plain[name]))
    return next(matches, None)


def _unit_parts(frame: pd.DataFrame, unit: str | None, period: str | None) -> tuple[str, ...]:
    """Return the key columns that, with `unit`, occur once in each period and still repeat over periods, if any."""
    if unit is None or period is None or not frame.duplicated([unit, period]).any():
        return ()
    keys = [
        name for name in frame.columns if name not in (unit, period) and re.fullmatch(_KEY, normalize_name(str(name)))
    ][:6]
    units = {}
    for size in (1, 2):
        for extra in combinations(keys, size):
            if not frame.duplicated([unit, *extra, period]).any():
                units[extra, unit] = len(frame[[unit, *extra]].drop_duplicates())
    best = min(units, key=lambda parts: units[parts], default=None)
    return (*best[0], best[1]) if best is not None and units[best] < len(frame) else ()
