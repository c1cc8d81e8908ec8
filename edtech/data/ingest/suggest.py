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

# Name patterns of each role, the most specific first; compared with normalized names (`normalize_name`).
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
_CHURNED = "withdrawn|withdrew|drop_?out|dropped_out|churn(ed)?|left|cancel+ed|lapsed"
_COMPLETED = "completed?|pass(ed)?|distinction|graduated?|finished"


@dataclass(frozen=True, slots=True)
class RoleSuggestion:
    """The roles suggested from names and types; None where no column matches.

    `unit_parts` are columns that identify a unit only together, such as city and product.
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

    def recognized_roles(self) -> dict[str, object]:
        """Return the recognized roles as fields of `PanelRoles`; price and quantity are omitted if not recognized."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "unit_parts"}
        return {name: value for name, value in values.items() if value is not None or name not in ("price", "quantity")}

    def roles(self, prices_set: PricesSet = "unknown") -> PanelRoles:
        """Return the suggestion as roles.

        Raises:
            ContractError: no column is recognized as price or quantity.
        """
        if self.price is None or self.quantity is None:
            missing = " and ".join(role for role in ("price", "quantity") if getattr(self, role) is None)
            raise ContractError(
                f"No column is recognized as {missing}",
                expected="one column for the price and one for the quantity",
                fix="Choose the columns manually",
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
    """Suggest roles from the column names of `frame`; uncertain roles are None.

    A discount counts as randomized only if its name or a flag states it: randomization is never guessed.
    """
    names = [str(name) for name in frame.columns]
    matches = {role: first_match(names, patterns) for role, patterns in NAMES.items()}
    discount = first_match(names, _DISCOUNT if matches["randomized_flag"] else _DISCOUNT[:1])
    instruments = tuple(name for name in names if re.fullmatch(_INSTRUMENT, normalize_name(name)))
    parts = _unit_parts(frame, matches["unit"], matches["period"])
    return RoleSuggestion(**matches, randomized_discount=discount, instruments=instruments, unit_parts=parts)


def suggest_mapping(frame: pd.DataFrame, kind: str) -> dict[str, object]:
    """Suggest the roles of a kind of table from names and values; uncertain roles are omitted.

    Features and covariates are all other usable columns: numbers, or few categories.
    """
    if kind == "panel":
        return suggest_roles(frame).recognized_roles()
    columns = [str(name) for name in frame.columns]
    roles: dict[str, object] = {}
    for role, patterns in _NAMES[kind].items():
        name = first_match([name for name in columns if name not in roles.values()], patterns)
        roles |= {role: name} if name is not None else {}
    features = usable_features(frame, [name for name in columns if name not in roles.values()])
    if kind == "labels":
        roles |= {"features": features} | (_outcome_roles(frame, str(roles["label"])) if "label" in roles else {})
    return roles | ({"covariates": features} if kind == "ratings" else {})


def suggest_kind(frame: pd.DataFrame) -> str:
    """Suggest the kind of table whose required columns are recognized, the most specific first; default: a panel."""
    for kind in ("visits", "ratings", "panel", "labels"):
        roles = suggest_mapping(frame, kind)
        if all(roles.get(name) for name in required(kind)):
            return kind
    return "panel"


def usable_features(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that vary and hold numbers or at most `MAX_CATEGORIES` categories."""
    return tuple(name for name in columns if frame[name].nunique() > 1 and _is_usable(frame[name]))


def _is_usable(values: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values):
        return False
    return mostly_numbers(values) or values.nunique() <= min(MAX_CATEGORIES, max(20, len(values) // 2))


def _outcome_roles(frame: pd.DataFrame, label: str) -> dict[str, object]:
    """Suggest the task of a label column, and which of its values count as 1."""
    task: Task = "propensity"
    task = "churn" if first_match([label], (_CHURNED, "churn.*")) else task
    task = "completion" if first_match([label], (_COMPLETED, "completion")) else task
    labels = [str(value) for value in frame[label].dropna().unique()[:MAX_CATEGORIES]]
    if all(text.strip().casefold() in FLAGS for text in labels):
        return {"task": task}
    by_task: tuple[tuple[Task, str], ...] = (("churn", _CHURNED), ("completion", _COMPLETED))
    for guess, pattern in by_task:
        positive = tuple(text for text in labels if first_match([normalize_name(text)], (pattern,)))
        if 0 < len(positive) < len(labels):
            return {"task": guess, "positive": positive}
    return {"task": task}


def normalize_name(name: str) -> str:
    """Return a name in lower case, with _ for anything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def first_match(names: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the first of `names` that fully matches a pattern; patterns are tried in order."""
    normalized = {name: normalize_name(name) for name in names}
    matches = (name for pattern in patterns for name in normalized if re.fullmatch(pattern, normalized[name]))
    return next(matches, None)


def _unit_parts(frame: pd.DataFrame, unit: str | None, period: str | None) -> tuple[str, ...]:
    """Return the columns that identify a unit together with `unit`: unique in each period, repeated over periods."""
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
