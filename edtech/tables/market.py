"""Define the contracts of the tables of a generated market; the descriptions are its data dictionary.

Times are UTC, stored without a time zone. Prices are in tokens; amounts (`amount`, `*_tokens`, `tokens_spent`) are
integers of 1/100 token (`edtech.tables.tokens`), so that sums are exact. Money is in cents.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from edtech.errors import ContractError
from edtech.tables.formatting import pluralize

MAX_FAILURES = 20
MAX_EXAMPLES = 5

_SHARE = pa.Check.in_range(0, 1)
_POSITIVE = pa.Check.gt(0)
_COUNT = pa.Check.ge(0)


def _column(dtype: str, description: str, *checks: pa.Check, nullable: bool = False, unique: bool = False) -> pa.Column:
    return pa.Column(dtype, list(checks), description=description, nullable=nullable, unique=unique)


def _text(description: str, *, nullable: bool = False, unique: bool = False) -> pa.Column:
    short = pa.Check.str_length(min_value=1, max_value=200)
    return _column("str", description, short, nullable=nullable, unique=unique)


def _id(description: str) -> pa.Column:
    return _column("int64", description, _COUNT, unique=True)


def _time(description: str, *, nullable: bool = False, unique: bool = False) -> pa.Column:
    return _column("datetime64[us]", description, nullable=nullable, unique=unique)


def _units(description: str) -> pa.Column:
    return _column("int64", description + ", in 1/100 token", _COUNT)


def _table(
    name: str, description: str, columns: dict[str, pa.Column], unique: list[str] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, name=name, description=description, unique=unique, strict=True)


_KINDS = ("purchase", "bonus", "spend", "refund", "clawback", "payout", "expiry")
_ACCOUNTS = ("learner", "teacher", "treasury", "mint", "burn")

_LEARNERS = {
    "learner_id": _text("Learner", unique=True),
    "joined_on": _time("Day of joining"),
    "region": _text("World region"),
    "age_group": _text("Age group in years, missing if not provided", nullable=True),
    "segment": _text("Learner segment"),
    "education_level": _text("Highest degree, missing if not provided", nullable=True),
    "preferred_category": _text("Preferred category, stated on joining"),
}
_TEACHERS = {
    "teacher_id": _text("Teacher", unique=True),
    "joined_on": _time("Day of joining"),
    "specialization": _text("Category of most of the teacher's courses"),
    "experience_years": _column("float64", "Teaching experience in years", _COUNT),
    "verified": _column("bool", "Credentials are verified"),
}
_COURSES = {
    "course_id": _text("Course", unique=True),
    "teacher_id": _text("Teacher of the course"),
    "title": _text("Title"),
    "category": _text("Category"),
    "subcategory": _text("Subcategory"),
    "level": _text("Level"),
    "duration_hours": _column("float64", "Length in hours", _POSITIVE),
    "certificate": _column("bool", "The course awards a certificate"),
    "published_on": _time("Monday of publication"),
}
_COURSE_WEEKS = {
    "course_id": _text("Course"),
    "week": _time("Monday of the week"),
    "teacher_id": _text("Teacher of the course"),
    "category": _text("Category"),
    "list_price": _column("float64", "Price before discount, in tokens", _POSITIVE),
    "discount_pct": _column(
        "float64",
        "Discount as a share: token_price = list_price x (1 - discount_pct), rounded to 1/100 token",
        pa.Check.in_range(0, 1, include_max=False),
    ),
    "token_price": _column("float64", "Price after discount, in tokens", _POSITIVE),
    "views": _column("int64", "Views in the week", _COUNT),
    "enrollments": _column("int64", "Enrollments in the week", _COUNT),
    "promo_randomized": _column("bool", "The discount, including 0, is randomized"),
    "promo_probability": _column("float64", "Probability of a promotion where it is randomized", _SHARE, nullable=True),
    "price_test_pct": _column(
        "float64",
        "Randomized change of the list price, as a share; included in list_price",
        pa.Check.in_range(-0.5, 0.5),
    ),
    "price_randomized": _column("bool", "The discount or a list price change is randomized"),
    "randomized_discount": _column(
        "float64",
        "Share by which the randomized price is below its highest possible value; 0 if not randomized",
        pa.Check.in_range(0, 1, include_max=False),
    ),
}
_VIEWS = {
    "view_id": _id("View"),
    "visit_id": _column("int64", "Visit of the view", _COUNT),
    "learner_id": _text("Learner"),
    "course_id": _text("Course viewed"),
    "viewed_at": _time("Time of the visit"),
    "token_price": _column("float64", "Price shown, in tokens", _POSITIVE),
    "source": _text("Traffic source of the visit"),
    "device": _text("Device of the visit"),
    "enrolled": _column("bool", "The view led to an enrollment"),
}
_ENROLLMENTS = {
    "enrollment_id": _id("Enrollment"),
    "learner_id": _text("Learner"),
    "course_id": _text("Course"),
    "teacher_id": _text("Teacher of the course"),
    "enrolled_at": _time("Time of enrollment"),
    "token_price": _column("float64", "Price paid, in tokens", _POSITIVE),
    "discount_pct": _column("float64", "Discount as a share", pa.Check.in_range(0, 1, include_max=False)),
    "tokens_spent": _units("Price paid"),
    "teacher_tokens": _units("Teacher's share"),
    "commission_tokens": _units("Commission of the platform, including rounding remainders"),
    "burned_tokens": _units("Burned"),
    "progress": _column("float64", "Share of the course completed by the end of the data", _SHARE),
    "completed": _column("bool", "Completed by the end of the data"),
    "completed_at": _time("Time of completion", nullable=True),
    "rating": _column(
        "float64", "Rating, 1 to 5 stars, missing if not provided", pa.Check.in_range(1, 5), nullable=True
    ),
    "refunded": _column("bool", "Refunded by the end of the data"),
    "refunded_at": _time("Time of the refund", nullable=True),
}
_LEDGER = {
    "entry_id": _id("Entry; in order of time within an account"),
    "transaction_id": _column("int64", "Transaction; its entries sum to zero", _COUNT),
    "occurred_at": _time("Time of the entry"),
    "account_kind": _column("str", "Kind of account", pa.Check.isin(_ACCOUNTS)),
    "account_id": _text("Learner, teacher or platform account"),
    "kind": _column("str", "Reason for the entry", pa.Check.isin(_KINDS)),
    "amount": _column("int64", "Change of the account's balance, in 1/100 token"),
    "money_cents": _column("int64", "Money received (token purchases) or paid (payouts, negative), in cents"),
    "enrollment_id": _column("Int64", "Enrollment that caused the entry", _COUNT, nullable=True),
}
_METRICS = {
    "day": _time("Day", unique=True),
    "issued": _units("Minted"),
    "purchased": _units("Purchased by learners"),
    "bonuses": _units("Bonuses to learners"),
    "spent": _units("Spent on courses"),
    "refunded": _units("Refunded to learners"),
    "teacher_earnings": _column("int64", "Earned by teachers net of clawbacks, in 1/100 token"),
    "commission": _column("int64", "Commission net of refunds, in 1/100 token"),
    "burned": _units("Burned on spending"),
    "expired": _units("Expired"),
    "paid_out": _units("Paid out to teachers"),
    "money_in_cents": _column("int64", "Money for purchased tokens, in cents", _COUNT),
    "money_out_cents": _column("int64", "Money paid to teachers, in cents", _COUNT),
    "enrollments": _column("int64", "Enrollments", _COUNT),
    "completions": _column("int64", "Completions", _COUNT),
    "refunds": _column("int64", "Refunds", _COUNT),
    "views": _column("int64", "Views", _COUNT),
    "visits": _column("int64", "Visits", _COUNT),
    "active_learners": _column("int64", "Learners with a visit", _COUNT),
    "new_learners": _column("int64", "New learners", _COUNT),
    "learner_balance": _units("Held by learners at the end of the day"),
    "teacher_balance": _units("Held by teachers at the end of the day"),
    "circulating_supply": _units("Held by learners and teachers at the end of the day"),
    "treasury": _units("Held by the platform at the end of the day"),
}

MARKET_TABLES: dict[str, pa.DataFrameSchema] = {
    "learners": _table("learners", "Learners, who buy courses", _LEARNERS),
    "teachers": _table("teachers", "Teachers, who offer courses", _TEACHERS),
    "courses": _table("courses", "Courses sold", _COURSES),
    "course_weeks": _table("course_weeks", "The demand panel", _COURSE_WEEKS, ["course_id", "week"]),
    "views": _table("views", "Courses viewed on visits", _VIEWS),
    "enrollments": _table("enrollments", "Enrollments and their outcomes", _ENROLLMENTS),
    "token_ledger": _table("token_ledger", "Double-entry ledger of all token transactions", _LEDGER),
    "platform_metrics": _table("platform_metrics", "Daily metrics, derived from the other tables", _METRICS),
}
"""The contract of each table of a generated market."""


def check_market_table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if it satisfies the contract of the table `name` of MARKET_TABLES.

    Raises:
        ContractError: lists every failed check with its column, count and at most five values.
    """
    if name not in MARKET_TABLES:
        raise ContractError("Unknown table of a market", expected=", ".join(MARKET_TABLES), actual=repr(name)[:80])
    try:
        return MARKET_TABLES[name].validate(frame.reset_index(drop=True), lazy=True)
    except SchemaErrors as error:
        failures = error.failure_cases.groupby(["column", "check"], dropna=False, sort=False)["failure_case"]
        lines = [f"{column}: {check}, {len(cases)} times, as {_examples(cases)}" for (column, check), cases in failures]
        raise ContractError(
            f"The table {name} does not satisfy its contract",
            expected=f"columns and values as described for {name}",
            actual=f"{pluralize(len(lines), 'failed check')}",
            where=name,
            details=lines[:MAX_FAILURES],
        ) from error


def _examples(cases: "pd.Series[Any]") -> str:
    return ", ".join(f"{case!r:.40}" for case in cases.head(MAX_EXAMPLES))


def column_dictionary(name: str) -> Mapping[str, str]:
    """Return the description of each column of a table of a market."""
    return {column: str(about.description) for column, about in MARKET_TABLES[name].columns.items()}
