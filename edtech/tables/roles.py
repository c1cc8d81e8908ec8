"""Define the roles of the columns of each kind of table."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PricesSet = Literal["unknown", "schedule", "experiment"]
Weights = Literal["quantity", "equal"]


Task = Literal["propensity", "completion", "churn"]
Dates = Literal["clear", "day_first", "month_first"]


class ColumnKind(StrEnum):
    """The kind of column that a role takes; `edtech.tables.contract` converts and checks each kind."""

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
    """The columns of a table by role. A field whose annotation carries a `Kind` names one or several columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dates: Dates = Field(
        "clear",
        title="Order of dates",
        description="Order of day and month in dates such as 03/04/2024; 'clear' rejects ambiguous dates.",
    )

    @classmethod
    def several(cls) -> frozenset[str]:
        """Return the roles that accept several columns."""
        return frozenset(name for name, info in cls.model_fields.items() if isinstance(info.default, tuple))

    def kinds(self) -> list[tuple[str, ColumnKind]]:
        """Return each column with a role and its kind, in the order of the fields."""
        return [(name, kind) for _, name, kind in self._assigned()]

    def by_column(self) -> dict[str, str]:
        """Return the role of each column, the last one where it has two."""
        return {name: role for role, name, _ in self._assigned()}

    def _assigned(self) -> list[tuple[str, str, ColumnKind]]:
        assigned = []
        for role, info in type(self).model_fields.items():
            kind = next((mark for mark in info.metadata if isinstance(mark, ColumnKind)), None)
            value = getattr(self, role)
            if kind is not None and value is not None:
                assigned += [(role, name, kind) for name in ((value,) if isinstance(value, str) else value)]
        return assigned

    def columns(self) -> tuple[str, ...]:
        """Return every column with a role once, in the order of the fields."""
        return tuple(dict.fromkeys(name for name, _ in self.kinds()))


class PanelRoles(Roles):
    """The columns of a demand panel by role; the defaults are the columns of `course_weeks`.

    A demand panel has one row for each unit and period (without periods, one row for each offer) with the price and
    the quantity sold. `None` means that the panel has no such column.
    """

    unit: Annotated[str | None, ColumnKind.NAME] = Field(
        "course_id", title="Unit", description="The product sold: a course, item or plan."
    )
    period: Annotated[str | None, ColumnKind.PERIOD] = Field(
        "week", title="Period", description="Date, or a number that grows with time."
    )
    price: Annotated[str, ColumnKind.PRICE] = Field(
        "token_price", title="Price", description="Price per item, above 0."
    )
    quantity: Annotated[str, ColumnKind.COUNT] = Field(
        "enrollments", title="Quantity", description="Quantity sold at that price, 0 or more."
    )
    segment: Annotated[str | None, ColumnKind.SEGMENT] = Field(
        "category", title="Segment", description="Group of units with its own price elasticity."
    )
    views: Annotated[str | None, ColumnKind.COUNT] = Field(
        "views", title="Views", description="Number of views of the offer, at least the quantity."
    )
    randomized_discount: Annotated[str | None, ColumnKind.SHARE] = Field(
        None, title="Randomized discount", description="Randomly assigned discount, as a share from 0 to below 1."
    )
    randomized_flag: Annotated[str | None, ColumnKind.FLAG] = Field(
        None,
        title="Randomized flag",
        description="True if the discount of the row, including 0, was assigned at random.",
    )
    instruments: Annotated[tuple[str, ...], ColumnKind.NUMBER] = Field(
        (), title="Instruments", description="Columns that affect demand only through the price."
    )
    controls: Annotated[tuple[str, ...], ColumnKind.COVARIATE] = Field(
        (), title="Covariates", description="Columns that may affect both price and demand; held constant."
    )
    market: Annotated[str | None, ColumnKind.NAME] = Field(
        None,
        title="Market",
        description="Units compete for buyers within a market and period; without it, all units compete.",
    )
    market_size: Annotated[str | None, ColumnKind.PRICE] = Field(
        None,
        title="Market size",
        description="Potential buyers, including non-buyers; without it, quantity is a market share.",
    )
    prices_set: PricesSet = Field(
        "unknown",
        title="How prices were set",
        description="'schedule': independent of demand; 'experiment': randomized; otherwise 'unknown'.",
    )
    weights: Weights = Field(
        "quantity", title="Weights", description="Weights of rows in an average elasticity: quantity, or equal."
    )


MARKET_ROLES = PanelRoles(randomized_discount="randomized_discount", randomized_flag="price_randomized")
"""Roles of `course_weeks` in a generated market, where randomized discounts and price tests are flagged."""


class VisitRoles(Roles):
    """The columns of visits and views: one row for each course viewed on a visit."""

    visit: Annotated[str, ColumnKind.NAME] = Field(
        "visit_id", title="Visit", description="Visit that the row belongs to."
    )
    course: Annotated[str, ColumnKind.NAME] = Field("course_id", title="Course", description="Course viewed.")
    price: Annotated[str, ColumnKind.PRICE] = Field("token_price", title="Price", description="Price shown, above 0.")
    chosen: Annotated[str, ColumnKind.FLAG] = Field(
        "enrolled", title="Chosen", description="1 if this course was chosen; at most one in each visit."
    )
    learner: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Learner", description="Visitor.")
    time: Annotated[str | None, ColumnKind.PERIOD] = Field(None, title="Time", description="Date or number.")
    segment: Annotated[str | None, ColumnKind.SEGMENT] = Field(None, title="Segment", description="Group of courses.")


class LabelRoles(Roles):
    """The columns of labeled rows: an outcome and the features known before it."""

    task: Task = Field(
        "propensity", title="Outcome", description="Meaning of the label: enrolled, completed or churned."
    )
    label: Annotated[str, ColumnKind.LABEL] = Field(
        "label", title="Label", description="1 if the outcome occurred, otherwise 0 (also yes, no, true, false)."
    )
    positive: tuple[str, ...] = Field(
        (), max_length=20, title="Values that count as 1", description="For text labels, such as Withdrawn."
    )
    subject: Annotated[str | None, ColumnKind.NAME] = Field(
        None, title="Subject", description="Person or case of the row."
    )
    time: Annotated[str | None, ColumnKind.PERIOD] = Field(
        None, title="Time", description="Time at which the features were known."
    )
    duration: Annotated[str | None, ColumnKind.DURATION] = Field(
        None, title="Duration", description="For churn: time observed until the learner leaves (1) or the data end (0)."
    )
    as_of: str | None = Field(
        None, max_length=100, title="As of", description="Time of the prediction, such as enrollment."
    )
    features: Annotated[tuple[str, ...], ColumnKind.FEATURE] = Field(
        (),
        title="Features",
        description="Columns known at that time: numbers or few categories; missing values are allowed.",
    )


class RatingRoles(Roles):
    """The columns of ratings by teacher: one row for each rating."""

    teacher: Annotated[str, ColumnKind.NAME] = Field("teacher_id", title="Teacher", description="Teacher rated.")
    rating: Annotated[str, ColumnKind.NUMBER] = Field("rating", title="Rating", description="Rating; higher is better.")
    learner: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Learner", description="Learner who rates.")
    course: Annotated[str | None, ColumnKind.NAME] = Field(None, title="Course", description="Course taught.")
    time: Annotated[str | None, ColumnKind.PERIOD] = Field(None, title="Time", description="Date or number.")
    covariates: Annotated[tuple[str, ...], ColumnKind.FEATURE] = Field(
        (),
        title="Covariates",
        description="Other columns that affect ratings; held constant. Missing values are allowed.",
    )


AnyRoles = PanelRoles | VisitRoles | LabelRoles | RatingRoles
