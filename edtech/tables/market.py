"""The contracts of a generated market's tables; the descriptions are the dictionary of its columns.

Times are UTC, stored without a zone. Prices are in tokens; amounts (`amount`, `*_tokens`, `tokens_spent`) are integers
of the smallest unit, 1 token = 100 units, so that sums are exact. Money is in cents.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from edtech.errors import ContractError

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
    "age_group": _text("Age in years, missing where not given", nullable=True),
    "segment": _text("What the learner is"),
    "education_level": _text("Highest degree, missing where not given", nullable=True),
    "preferred_category": _text("Category the learner asked for when joining"),
}
_TEACHERS = {
    "teacher_id": _text("Teacher", unique=True),
    "joined_on": _time("Day of joining"),
    "specialization": _text("Category of most courses"),
    "experience_years": _column("float64", "Years of teaching", _COUNT),
    "verified": _column("bool", "Credentials were checked"),
}
_COURSES = {
    "course_id": _text("Course", unique=True),
    "teacher_id": _text("Teacher of the course"),
    "title": _text("Title"),
    "category": _text("Category"),
    "subcategory": _text("Kind of course"),
    "level": _text("Level"),
    "duration_hours": _column("float64", "Length in hours", _POSITIVE),
    "certificate": _column("bool", "Ends with a certificate"),
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
    "token_price": _column("float64", "Price asked, in tokens", _POSITIVE),
    "views": _column("int64", "Views in the week", _COUNT),
    "enrollments": _column("int64", "Enrollments in the week", _COUNT),
    "promo_randomized": _column("bool", "The discount, zero included, was drawn at random"),
    "promo_probability": _column("float64", "Known chance of a promotion, where it was drawn", _SHARE, nullable=True),
    "price_test_pct": _column(
        "float64",
        "Random change of the list price, up or down, as a share; it is part of list_price",
        pa.Check.in_range(-0.5, 0.5),
    ),
    "price_randomized": _column("bool", "The discount or a change of the list price was drawn at random"),
    "randomized_discount": _column(
        "float64",
        "Share by which the draws left the price below the highest they could have given; 0 where nothing was drawn",
        pa.Check.in_range(0, 1, include_max=False),
    ),
}
_VIEWS = {
    "view_id": _id("View"),
    "visit_id": _column("int64", "Visit that the view belongs to", _COUNT),
    "learner_id": _text("Learner"),
    "course_id": _text("Course seen"),
    "viewed_at": _time("Moment of the visit"),
    "token_price": _column("float64", "Price shown, in tokens", _POSITIVE),
    "source": _text("Where the visit came from"),
    "device": _text("Device of the visit"),
    "enrolled": _column("bool", "The view ended in an enrollment"),
}
_ENROLLMENTS = {
    "enrollment_id": _id("Enrollment"),
    "learner_id": _text("Learner"),
    "course_id": _text("Course"),
    "teacher_id": _text("Teacher of the course"),
    "enrolled_at": _time("Moment of enrollment"),
    "token_price": _column("float64", "Price paid, in tokens", _POSITIVE),
    "discount_pct": _column("float64", "Discount as a share", pa.Check.in_range(0, 1, include_max=False)),
    "tokens_spent": _units("Price paid"),
    "teacher_tokens": _units("Part of the teacher"),
    "commission_tokens": _units("Part of the platform, what rounding leaves included"),
    "burned_tokens": _units("Part destroyed"),
    "progress": _column("float64", "Share of the course done by the end of the data", _SHARE),
    "completed": _column("bool", "Completed by the end of the data"),
    "completed_at": _time("Moment of completion", nullable=True),
    "rating": _column("float64", "Stars, 1 to 5, missing where not given", pa.Check.in_range(1, 5), nullable=True),
    "refunded": _column("bool", "Refunded by the end of the data"),
    "refunded_at": _time("Moment of the refund", nullable=True),
}
_LEDGER = {
    "entry_id": _id("Entry; in the order of time for one account"),
    "transaction_id": _column("int64", "Transaction; its entries sum to zero", _COUNT),
    "occurred_at": _time("Moment"),
    "account_kind": _column("str", "Kind of account", pa.Check.isin(_ACCOUNTS)),
    "account_id": _text("Learner, teacher, or the platform's own account"),
    "kind": _column("str", "Why tokens moved", pa.Check.isin(_KINDS)),
    "amount": _column("int64", "What the account gains, in 1/100 token"),
    "money_cents": _column("int64", "Money received (bought tokens) or paid (payouts, negative), in cents"),
    "enrollment_id": _column("Int64", "Enrollment that caused it", _COUNT, nullable=True),
}
_METRICS = {
    "day": _time("Day", unique=True),
    "issued": _units("Minted"),
    "purchased": _units("Bought by learners"),
    "bonuses": _units("Given to learners"),
    "spent": _units("Spent on courses"),
    "refunded": _units("Given back to learners"),
    "teacher_earnings": _column("int64", "Earned by teachers less clawed back, in 1/100 token"),
    "commission": _column("int64", "Commission less refunds, in 1/100 token"),
    "burned": _units("Destroyed at spending"),
    "expired": _units("Expired"),
    "paid_out": _units("Paid out to teachers"),
    "money_in_cents": _column("int64", "Money for tokens bought, in cents", _COUNT),
    "money_out_cents": _column("int64", "Money paid to teachers, in cents", _COUNT),
    "enrollments": _column("int64", "Enrollments", _COUNT),
    "completions": _column("int64", "Completions", _COUNT),
    "refunds": _column("int64", "Refunds", _COUNT),
    "views": _column("int64", "Views", _COUNT),
    "visits": _column("int64", "Visits", _COUNT),
    "active_learners": _column("int64", "Learners who came", _COUNT),
    "new_learners": _column("int64", "Learners who joined", _COUNT),
    "learner_balance": _units("Held by learners at the end of the day"),
    "teacher_balance": _units("Held by teachers at the end of the day"),
    "circulating_supply": _units("Held by learners and teachers at the end of the day"),
    "treasury": _units("Held by the platform at the end of the day"),
}

MARKET_TABLES: dict[str, pa.DataFrameSchema] = {
    "learners": _table("learners", "Who buys", _LEARNERS),
    "teachers": _table("teachers", "Who offers courses", _TEACHERS),
    "courses": _table("courses", "What is sold", _COURSES),
    "course_weeks": _table("course_weeks", "The demand panel", _COURSE_WEEKS, ["course_id", "week"]),
    "views": _table("views", "Courses seen on visits", _VIEWS),
    "enrollments": _table("enrollments", "Courses taken, and what became of it", _ENROLLMENTS),
    "token_ledger": _table("token_ledger", "Every movement of tokens, double entry", _LEDGER),
    "platform_metrics": _table("platform_metrics", "Each day, derived from the ledger and the rows above", _METRICS),
}
"""The contract of each table of a generated market."""


def check_market_table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` if it keeps the contract of the table `name` of MARKET_TABLES.

    Raises ContractError that lists every broken check with its column, count and at most five values.
    """
    if name not in MARKET_TABLES:
        raise ContractError(
            "There is no such table in a market", expected=", ".join(MARKET_TABLES), actual=repr(name)[:80]
        )
    try:
        return MARKET_TABLES[name].validate(frame.reset_index(drop=True), lazy=True)
    except SchemaErrors as error:
        failures = error.failure_cases.groupby(["column", "check"], dropna=False, sort=False)["failure_case"]
        lines = [f"{column}: {check}, {len(cases)} times, as {_examples(cases)}" for (column, check), cases in failures]
        raise ContractError(
            f"The table {name} breaks its contract",
            expected=f"columns and values as described for {name}",
            actual=f"{len(lines)} broken checks",
            where=name,
            details=lines[:MAX_FAILURES],
        ) from error


def _examples(cases: "pd.Series[Any]") -> str:
    return ", ".join(f"{case!r:.40}" for case in cases.head(MAX_EXAMPLES))


def column_dictionary(name: str) -> Mapping[str, str]:
    """Return what each column of a market's table means."""
    return {column: str(about.description) for column, about in MARKET_TABLES[name].columns.items()}
