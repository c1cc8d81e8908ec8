"""Which column of a table plays which role: one model for each kind of table."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PricesSet = Literal["unknown", "schedule", "experiment"]
Weights = Literal["quantity", "equal"]


Task = Literal["propensity", "completion", "churn"]
Dates = Literal["clear", "day_first", "month_first"]


class ColumnKind(StrEnum):
    """What kind of column a role takes; `edtech.tables.contract` says how each is converted and checked."""

    NAME = "name"
    SEGMENT = "segment"
    PERIOD = "period"
    PRICE = "price"
    COUNT = "count"
    NUMBER = "number"
    SHARE = "share"
    DURATION = "duration"
    FLAG = "flag"
    LABEL = "label"
    COVARIATE = "covariate"
    FEATURE = "feature"


class Roles(BaseModel):
    """The columns of a table by their role. A field whose annotation carries a `Kind` names one column or several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dates: Dates = Field(
        "clear",
        title="Order of dates",
        description="How dates such as 03/04/2024 are written; 'clear' refuses those that can be read both ways.",
    )

    @classmethod
    def several(cls) -> frozenset[str]:
        """Return the roles that more than one column can play."""
        return frozenset(name for name, info in cls.model_fields.items() if isinstance(info.default, tuple))

    def kinds(self) -> list[tuple[str, ColumnKind]]:
        """Return each column that plays a role and what kind it is, in the order of the fields."""
        return [(name, kind) for _, name, kind in self._played()]

    def by_column(self) -> dict[str, str]:
        """Return the role of each column, the last where it plays two."""
        return {name: role for role, name, _ in self._played()}

    def _played(self) -> list[tuple[str, str, ColumnKind]]:
        found = []
        for role, info in type(self).model_fields.items():
            kind = next((mark for mark in info.metadata if isinstance(mark, ColumnKind)), None)
            value = getattr(self, role)
            if kind is not None and value is not None:
                found += [(role, name, kind) for name in ((value,) if isinstance(value, str) else value)]
        return found

    def columns(self) -> tuple[str, ...]:
        """Every column that plays a role, each once, in a fixed order."""
        return tuple(dict.fromkeys(name for name, _ in self.kinds()))


class PanelRoles(Roles):
    """The columns of a demand panel by their role; the defaults are the columns of `course_weeks`.

    A demand panel has one row for each unit and period (or, without periods, one row for each offer) with the price
    asked and the quantity sold. `None` means that the panel has no such column.
    """

    unit: Annotated[str | None, ColumnKind.NAME] = Field(
        "course_id", title="Unit", description="What is sold: a course, product or plan."
    )
    period: Annotated[str | None, ColumnKind.PERIOD] = Field(
        "week", title="Period", description="When: a date or a number that grows with time."
    )
    price: Annotated[str, ColumnKind.PRICE] = Field(
        "token_price", title="Price", description="Price paid per piece, above 0."
    )
    quantity: Annotated[str, ColumnKind.COUNT] = Field(
        "enrollments", title="Quantity", description="Pieces sold at that price, 0 or more."
    )
    segment: Annotated[str | None, ColumnKind.SEGMENT] = Field(
        "category", title="Segment", description="Group of units that gets its own slope."
    )
    views: Annotated[str | None, ColumnKind.COUNT] = Field(
        "views", title="Views", description="How often the offer was seen, at least quantity."
    )
    randomized_discount: Annotated[str | None, ColumnKind.SHARE] = Field(
        None, title="Randomized discount", description="Discount drawn at random, as a share from 0 to below 1."
    )
    randomized_flag: Annotated[str | None, ColumnKind.FLAG] = Field(
        None, title="Randomized flag", description="True where this row's discount, zero included, was drawn at random."
    )
    instruments: Annotated[tuple[str, ...], ColumnKind.NUMBER] = Field(
        (), title="Instruments", description="Columns that move the price and nothing else that moves demand."
    )
    controls: Annotated[tuple[str, ...], ColumnKind.COVARIATE] = Field(
        (), title="Covariates", description="Columns that may move both price and demand; held fixed."
    )
    market: Annotated[str | None, ColumnKind.NAME] = Field(
        None, title="Market", description="Where units compete for the same buyers in a period; else all compete."
    )
    market_size: Annotated[str | None, ColumnKind.PRICE] = Field(
        None,
        title="Market size",
        description="Possible buyers, buying none included; else quantity is a share of them.",
    )
    prices_set: PricesSet = Field(
        "unknown",
        title="How prices were set",
        description="'schedule': not in answer to demand; 'experiment': drawn at random; else 'unknown'.",
    )
    weights: Weights = Field(
        "quantity", title="Weights", description="How rows count in an average elasticity: by quantity or equally."
    )


MARKET_ROLES = PanelRoles(randomized_discount="randomized_discount", randomized_flag="price_randomized")
"""Roles of a generated market's `course_weeks`: its randomized discounts and price tests are flagged."""


class VisitRoles(Roles):
    """The columns of visits and views: one row for each course seen on a visit."""

    visit: Annotated[str, ColumnKind.NAME] = Field(
        "visit_id", title="Visit", description="Visit that the row belongs to."
    )
    course: Annotated[str, ColumnKind.NAME] = Field("course_id", title="Course", description="Course that was seen.")
    price: Annotated[str, ColumnKind.PRICE] = Field("token_price", title="Price", description="Price shown, above 0.")
    chosen: Annotated[str, ColumnKind.FLAG] = Field(
        "enrolled", title="Chosen", description="1 where this course was taken; at most one in each visit."
    )
    learner: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Learner", description="Who came.")
    time: Annotated[str | None, ColumnKind.PERIOD] = Field(None, title="Time", description="When: a date or a number.")
    segment: Annotated[str | None, ColumnKind.SEGMENT] = Field(None, title="Segment", description="Group of courses.")


class LabelRoles(Roles):
    """The columns of labeled rows: an outcome and the features that were known before it."""

    task: Task = Field("propensity", title="Outcome", description="What the label tells: enrolled, completed or left.")
    label: Annotated[str, ColumnKind.LABEL] = Field(
        "label", title="Label", description="1 where it happened, else 0 (or yes, no, true, false)."
    )
    positive: tuple[str, ...] = Field(
        (), max_length=20, title="Values that count as 1", description="For a label of words, such as Withdrawn."
    )
    subject: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Subject", description="Whom the row is about.")
    time: Annotated[str | None, ColumnKind.PERIOD] = Field(
        None, title="Time", description="When the features were known."
    )
    duration: Annotated[str | None, ColumnKind.DURATION] = Field(
        None, title="Duration", description="For churn: how long seen, until leaving (1) or the end (0)."
    )
    as_of: str | None = Field(
        None, max_length=100, title="As of", description="Moment at which one predicts, such as enrollment."
    )
    features: Annotated[tuple[str, ...], ColumnKind.FEATURE] = Field(
        (), title="Features", description="What was known at that moment: numbers, or few categories; gaps are allowed."
    )


class RatingRoles(Roles):
    """The columns of ratings by teacher: one row for each rating."""

    teacher: Annotated[str, ColumnKind.NAME] = Field("teacher_id", title="Teacher", description="Who is rated.")
    rating: Annotated[str, ColumnKind.NUMBER] = Field(
        "rating", title="Rating", description="The rating; higher is better."
    )
    learner: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Learner", description="Who rates.")
    course: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Course", description="What was taught.")
    time: Annotated[str | None, ColumnKind.PERIOD] = Field(None, title="Time", description="When: a date or a number.")
    covariates: Annotated[tuple[str, ...], ColumnKind.FEATURE] = Field(
        (), title="Covariates", description="What else moves ratings; held fixed. Gaps are allowed."
    )


AnyRoles = PanelRoles | VisitRoles | LabelRoles | RatingRoles
