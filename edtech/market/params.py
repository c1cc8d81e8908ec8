"""Every knob of a generated market, with its bounds and what it does; the sliders are made from these fields."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edtech.errors import ParamsError


def _share(default: float, least: float, most: float, title: str, description: str) -> Any:  # noqa: ANN401  # as Field
    """Return the field of a share, which widgets show in percent."""
    return Field(
        default, ge=least, le=most, title=title, description=description, json_schema_extra={"format": "percent"}
    )


class MarketParams(BaseModel):
    """What kind of market to generate. The same parameters, seed included, give the same market.

    Defaults and bounds follow published orders of magnitude; docs/market.md gives the sources of each range, and what
    the presets measure against them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(1, ge=0, le=2**32 - 1, title="Seed", description="The same seed gives the same market.")
    learners: int = Field(2_000, ge=10, le=1_000_000, title="Learners", description="Who joins until the last week.")
    teachers: int = Field(100, ge=1, le=50_000, title="Teachers", description="Who offers courses.")
    courses: int = Field(200, ge=1, le=100_000, title="Courses", description="Courses published until the last week.")
    weeks: int = Field(26, ge=4, le=260, title="Weeks", description="Length of the observed time.")
    growth: float = _share(0.2, 0, 0.95, "Growth", "Share of learners and courses that arrive after the start.")

    visits_per_week: float = Field(
        0.38, ge=0.02, le=5, title="Visits per week", description="Mean visits of an active learner in a week."
    )
    courses_seen: int = Field(
        5,
        ge=1,
        le=12,
        title="Courses seen",
        description="Places for courses on a visit; one stays empty where a course was drawn twice or is not out yet.",
    )
    same_category: float = _share(0.9, 0, 1, "Same category", "Share of courses seen that are of the visit's category.")
    price_sensitivity: float = Field(
        2.45, ge=0, le=8, title="Price sensitivity", description="Fall of utility as a price rises by the usual price."
    )
    sensitivity_by_category: float = Field(
        0.25, ge=0, le=0.9, title="Sensitivity by category", description="Relative half-range between the categories."
    )
    sensitivity_by_learner: float = Field(
        0.3, ge=0, le=1, title="Sensitivity by learner", description="Spread of log sensitivity among learners."
    )
    appeal: float = Field(
        -2.0, ge=-6, le=3, title="Appeal", description="Utility of the average course against leaving without one."
    )
    popularity_spread: float = Field(
        1.1, ge=0, le=2, title="Popularity spread", description="How unequally courses are seen: the heavy tail."
    )
    quality_in_views: float = Field(
        0.5, ge=0, le=2, title="Quality in views", description="How much more often better courses are shown."
    )
    once_only: bool = Field(
        False,
        title="Each course once",
        description="Nobody takes a course twice; so a lasting price change does less than a week's elasticity.",
    )
    season: float = Field(
        0.25, ge=0, le=0.9, title="Season", description="Swing of visits between high and low season."
    )
    sorting: float = Field(
        0.3, ge=0, le=1.5, title="Sorting", description="How much more able learners prefer better teachers."
    )

    endogeneity: float = Field(
        0.2, ge=0, le=1.5, title="Price endogeneity", description="Rise of log list price per unit of a demand shock."
    )
    shock_spread: float = Field(
        0.35, ge=0, le=1, title="Demand shocks", description="Spread of a course's utility shocks from week to week."
    )
    quality_in_price: float = Field(
        0.15, ge=0, le=1, title="Quality in price", description="Rise of log list price per unit of course quality."
    )
    promo_rate: float = _share(0.12, 0, 0.6, "Promotions", "Share of course-weeks that are on promotion.")
    promo_depth: float = _share(0.4, 0.05, 0.8, "Promotion depth", "Deepest discount; the smallest is a quarter of it.")
    promo_randomized_share: float = _share(
        0.8, 0, 1, "Randomized promotions", "Share of course-weeks whose promotion is drawn."
    )
    price_test_share: float = _share(
        0.0, 0, 1, "Price tests", "Share of course-weeks whose list price is changed at random."
    )
    price_test_size: float = _share(
        0.15, 0.01, 0.5, "Price test size", "Largest random change of a list price, up or down."
    )

    churn_rate: float = _share(0.05, 0, 0.4, "Churn", "Chance that a learner never comes back after a visit.")
    churn_price_response: float = Field(
        0.1, ge=0, le=3, title="Churn response", description="Fall of the log odds of churn per unit of offer value."
    )
    completion_rate: float = _share(
        0.35, 0.02, 0.98, "Completion", "Chance to complete, for an average learner and course."
    )
    refund_rate: float = _share(0.03, 0, 0.3, "Refunds", "Chance of a refund for an average enrollment.")
    refund_days: int = Field(14, ge=1, le=60, title="Refund days", description="Days within which a refund is made.")
    missing_rate: float = _share(0.02, 0, 0.5, "Missing values", "Share of learner attributes and ratings not given.")

    commission_rate: float = _share(0.2, 0, 0.6, "Commission", "Platform's share of a price.")
    burn_rate: float = _share(0.02, 0, 0.2, "Burn", "Share of a price that is destroyed.")
    pack_tokens: int = Field(
        50, ge=1, le=10_000, title="Token pack", description="Learners buy tokens in packs of this many."
    )
    token_cents: int = Field(10, ge=1, le=10_000, title="Token price", description="Money for one token, in cents.")
    welcome_tokens: int = Field(10, ge=0, le=1_000, title="Welcome bonus", description="Tokens given to a new learner.")
    completion_tokens: int = Field(
        5, ge=0, le=1_000, title="Completion bonus", description="Tokens given for a completed course."
    )
    expiry_weeks: int = Field(
        26, ge=1, le=260, title="Expiry", description="A balance expires after this many weeks without a movement."
    )
    payout_weeks: int = Field(4, ge=1, le=26, title="Payout", description="Teachers are paid every so many weeks.")
    payout_minimum: int = Field(
        100, ge=0, le=100_000, title="Payout minimum", description="Tokens a teacher must hold, out of refund time."
    )

    @classmethod
    def preset(cls, name: str = "balanced", /, **changes: Any) -> "MarketParams":  # noqa: ANN401 - any field's value
        """Return a preset with changes. Raises ParamsError that lists every wrong name or value."""
        if name not in PRESETS:
            raise ParamsError(
                "There is no such preset",
                expected=f"one of {', '.join(PRESETS)}",
                actual=repr(name)[:80],
                where="preset",
            )
        return cls.of({**PRESETS[name].model_dump(exclude_defaults=True), **changes})

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "MarketParams":
        """Return the parameters of a user's input. Raises ParamsError that lists every wrong name or value."""
        try:
            return cls(**values)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False)
            raise ParamsError(
                f"The market cannot have these parameters: {len(wrong)} wrong",
                expected="names and values inside the bounds of MarketParams",
                where="market parameters",
                fix="correct or leave out what is listed",
                details=[f"{_where(one['loc'])}: {one['msg']}, found {one['input']!r:.40}" for one in wrong[:5]],
            ) from error


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)[:60]


PRESETS: dict[str, MarketParams] = {
    "balanced": MarketParams(),
    "confounded": MarketParams(
        endogeneity=0.6,
        shock_spread=0.5,
        quality_in_price=0.4,
        quality_in_views=1.6,
        promo_randomized_share=0.3,
        promo_rate=0.08,
    ),
    "price_test": MarketParams(price_test_share=0.5, promo_rate=0.04, endogeneity=0.1),
    "thin": MarketParams(learners=1_000, teachers=300, courses=600, visits_per_week=0.2),
    "growing": MarketParams(growth=0.7, visits_per_week=0.4, season=0.35, appeal=-2.2),
}
"""Five kinds of market: ordinary; prices that follow demand; randomized prices up and down; few sales; growing."""


def presets() -> tuple[str, ...]:
    """Names of the presets, the ordinary one first."""
    return tuple(PRESETS)
