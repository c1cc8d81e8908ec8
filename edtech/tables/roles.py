"""Which column of a demand panel plays which role."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PricesSet = Literal["unknown", "schedule", "experiment"]
Weights = Literal["quantity", "equal"]


class PanelRoles(BaseModel):
    """The columns of a demand panel by their role; the defaults are the columns of `course_weeks`.

    A demand panel has one row for each unit and period (or, without periods, one row for each offer) with the price
    asked and the quantity sold. `None` means that the panel has no such column.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str | None = Field("course_id", title="Unit", description="What is sold: a course, product or plan.")
    period: str | None = Field("week", title="Period", description="When: a date or a number that grows with time.")
    price: str = Field("token_price", title="Price", description="Price paid per piece, above 0.")
    quantity: str = Field("enrollments", title="Quantity", description="Pieces sold at that price, 0 or more.")
    segment: str | None = Field("category", title="Segment", description="Group of units that gets its own slope.")
    views: str | None = Field("views", title="Views", description="How often the offer was seen, at least quantity.")
    randomized_discount: str | None = Field(
        None, title="Randomized discount", description="Discount drawn at random, as a share from 0 to below 1."
    )
    randomized_flag: str | None = Field(
        None, title="Randomized flag", description="True where this row's discount, zero included, was drawn at random."
    )
    instruments: tuple[str, ...] = Field(
        (), title="Instruments", description="Columns that move the price and nothing else that moves demand."
    )
    controls: tuple[str, ...] = Field(
        (), title="Covariates", description="Columns that may move both price and demand; held fixed."
    )
    prices_set: PricesSet = Field(
        "unknown",
        title="How prices were set",
        description="'schedule': not in answer to demand; 'experiment': drawn at random; else 'unknown'.",
    )
    weights: Weights = Field(
        "quantity", title="Weights", description="How rows count in an average elasticity: by quantity or equally."
    )

    def columns(self) -> tuple[str, ...]:
        """Every column that plays a role, each once, in a fixed order."""
        single = (
            self.unit,
            self.period,
            self.price,
            self.quantity,
            self.segment,
            self.views,
            self.randomized_discount,
            self.randomized_flag,
        )
        return tuple(dict.fromkeys(name for name in (*single, *self.instruments, *self.controls) if name is not None))


MARKET_ROLES = PanelRoles(randomized_discount="randomized_discount", randomized_flag="price_randomized")
"""Roles of a generated market's `course_weeks`: its randomized discounts and price tests are flagged."""
