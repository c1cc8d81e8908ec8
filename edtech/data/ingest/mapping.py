"""Which column plays which role: suggestions from names and types, and keys made of several columns."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from itertools import combinations

import pandas as pd

from edtech.errors import ContractError
from edtech.tables.roles import PanelRoles, PricesSet

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
    instruments = tuple(name for name in names if re.fullmatch(_INSTRUMENT, plain_name(name)))
    parts = _unit_parts(frame, found["unit"], found["period"])
    return RoleSuggestion(**found, randomized_discount=discount, instruments=instruments, unit_parts=parts)


def combine_columns(frame: pd.DataFrame, names: Sequence[str], into: str) -> pd.DataFrame:
    """Return `frame` with one more text column `into` that joins the columns `names`, such as city and product.

    Raises:
        ContractError: a column is missing, or `into` is the name of a column already.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing or not names or into in frame.columns:
        raise ContractError(
            "These columns cannot be combined",
            expected="columns of the table, and a new name for the result",
            found=f"missing {', '.join(missing)}" if missing else f"the name {into!r} and {len(names)} columns",
        )
    joined = reduce(lambda left, right: left + " | " + right, (frame[name].astype("str") for name in names))
    return frame.assign(**{into: joined})


def plain_name(name: str) -> str:
    """Return a name in lower case with _ for everything between words."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def first_match(names: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the first of `names` that a pattern matches whole; the patterns are tried in order."""
    plain = {name: plain_name(name) for name in names}
    matches = (name for pattern in patterns for name in plain if re.fullmatch(pattern, plain[name]))
    return next(matches, None)


def _unit_parts(frame: pd.DataFrame, unit: str | None, period: str | None) -> tuple[str, ...]:
    """Return the key columns that, with `unit`, occur once in each period and still repeat over periods, if any."""
    if unit is None or period is None or not frame.duplicated([unit, period]).any():
        return ()
    keys = [name for name in frame.columns if name not in (unit, period) and re.fullmatch(_KEY, plain_name(str(name)))][
        :6
    ]
    units = {}
    for size in (1, 2):
        for extra in combinations(keys, size):
            if not frame.duplicated([unit, *extra, period]).any():
                units[extra, unit] = len(frame[[unit, *extra]].drop_duplicates())
    best = min(units, key=lambda parts: units[parts], default=None)
    return (*best[0], best[1]) if best is not None and units[best] < len(frame) else ()
