"""The parameters of a generated market, with bounds and help; the dashboard makes sliders from these fields."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edtech.errors import ParamsError


def _share(default: float, least: float, most: float, title: str, description: str) -> Any:  # noqa: ANN401  # as Field
    """Return the field of a share; widgets show it in percent."""
    return Field(
        default, ge=least, le=most, title=title, description=description, json_schema_extra={"format": "percent"}
    )


class MarketParams(BaseModel):
    """Parameters of a market to generate. The same parameters, including the seed, give the same market.

    Defaults and bounds follow published orders of magnitude. docs/market.md has the sources of each range and the
    figures of the presets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(1, ge=0, le=2**32 - 1, title="Seed", description="The same seed gives the same market.")
    learners: int = Field(2_000, ge=10, le=1_000_000, title="Learners", description="Learners joined by the last week.")
    teachers: int = Field(100, ge=1, le=50_000, title="Teachers", description="Teachers who offer courses.")
    courses: int = Field(200, ge=1, le=100_000, title="Courses", description="Courses published by the last week.")
    weeks: int = Field(26, ge=4, le=260, title="Weeks", description="Number of simulated weeks.")
    growth: float = _share(0.2, 0, 0.95, "Growth", "Share of learners and courses that arrive after the start.")

    visits_per_week: float = Field(
        0.38, ge=0.02, le=5, title="Visits per week", description="Mean visits per week of an active learner."
    )
    courses_seen: int = Field(
        5,
        ge=1,
        le=12,
        title="Courses per visit",
        description="Courses offered on a visit. Fewer if a draw repeats a course or it is not published yet.",
    )
    same_category: float = _share(0.9, 0, 1, "Same category", "Share of offered courses in the visit's category.")
    price_sensitivity: float = Field(
        2.45,
        ge=0,
        le=8,
        title="Price sensitivity",
        description="Loss of utility if a price rises by the usual price.",
    )
    sensitivity_by_category: float = Field(
        0.25,
        ge=0,
        le=0.9,
        title="Sensitivity by category",
        description="Relative half-range between categories.",
    )
    sensitivity_by_learner: float = Field(
        0.3,
        ge=0,
        le=1,
        title="Sensitivity by learner",
        description="Standard deviation of log sensitivity.",
    )
    appeal: float = Field(
        -2.0, ge=-6, le=3, title="Appeal", description="Utility of the average course relative to no enrollment."
    )
    popularity_spread: float = Field(
        1.1,
        ge=0,
        le=2,
        title="Popularity spread",
        description="Inequality of views between courses: the heavy tail.",
    )
    quality_in_views: float = Field(
        0.5,
        ge=0,
        le=2,
        title="Quality in views",
        description="Increase in log views per unit of course quality.",
    )
    once_only: bool = Field(
        False,
        title="Each course once",
        description="No learner enrolls twice, so lasting price changes have less effect than the weekly elasticity.",
    )
    season: float = Field(
        0.25, ge=0, le=0.9, title="Season", description="Amplitude of visits between high and low season."
    )
    sorting: float = Field(
        0.3, ge=0, le=1.5, title="Sorting", description="How strongly able learners prefer good teachers."
    )

    endogeneity: float = Field(
        0.2, ge=0, le=1.5, title="Price endogeneity", description="Increase in log list price per unit of demand shock."
    )
    shock_spread: float = Field(
        0.35, ge=0, le=1, title="Demand shocks", description="Standard deviation of a course's weekly utility shocks."
    )
    quality_in_price: float = Field(
        0.15, ge=0, le=1, title="Quality in price", description="Increase in log list price per unit of course quality."
    )
    promo_rate: float = _share(0.12, 0, 0.6, "Promotions", "Share of course-weeks with a promotion.")
    promo_depth: float = _share(0.4, 0.05, 0.8, "Promotion depth", "Largest discount; the smallest is a quarter of it.")
    promo_randomized_share: float = _share(
        0.8, 0, 1, "Randomized promotions", "Share of course-weeks with a randomized promotion."
    )
    price_test_share: float = _share(0.0, 0, 1, "Price tests", "Share of course-weeks with a randomized list price.")
    price_test_size: float = _share(
        0.15, 0.01, 0.5, "Price test size", "Largest randomized change of a list price, up or down."
    )

    churn_rate: float = _share(0.05, 0, 0.4, "Churn", "Probability that a learner churns after a visit.")
    churn_price_response: float = Field(
        0.1,
        ge=0,
        le=3,
        title="Churn response",
        description="Decrease in the log odds of churn per unit of offer value.",
    )
    completion_rate: float = _share(
        0.35, 0.02, 0.98, "Completion", "Completion probability of an average learner and course."
    )
    refund_rate: float = _share(0.03, 0, 0.3, "Refunds", "Refund probability of an average enrollment.")
    refund_days: int = Field(14, ge=1, le=60, title="Refund days", description="Maximum days until a refund.")
    missing_rate: float = _share(0.02, 0, 0.5, "Missing values", "Share of missing learner attributes and ratings.")

    commission_rate: float = _share(0.2, 0, 0.6, "Commission", "The platform's share of a price.")
    burn_rate: float = _share(0.02, 0, 0.2, "Burn", "Share of a price that is destroyed.")
    pack_tokens: int = Field(
        50, ge=1, le=10_000, title="Token pack", description="Tokens per pack; learners buy whole packs."
    )
    token_cents: int = Field(10, ge=1, le=10_000, title="Token price", description="Price of one token, in cents.")
    welcome_tokens: int = Field(10, ge=0, le=1_000, title="Welcome bonus", description="Tokens for a new learner.")
    completion_tokens: int = Field(
        5, ge=0, le=1_000, title="Completion bonus", description="Tokens for a completed course."
    )
    expiry_weeks: int = Field(
        26, ge=1, le=260, title="Expiry", description="A balance expires after this many weeks without a transaction."
    )
    payout_weeks: int = Field(4, ge=1, le=26, title="Payout interval", description="Weeks between payouts to teachers.")
    payout_minimum: int = Field(
        100,
        ge=0,
        le=100_000,
        title="Payout minimum",
        description="Minimum payout in tokens, after the refund period.",
    )

    @classmethod
    def preset(cls, name: str = "balanced", /, **changes: Any) -> "MarketParams":  # noqa: ANN401 - any field's value
        """Return a preset with changes. Raises ParamsError with every invalid name or value."""
        if name not in PRESETS:
            raise ParamsError(
                "Unknown preset",
                expected=f"one of {', '.join(PRESETS)}",
                actual=repr(name)[:80],
                where="preset",
            )
        return cls.of({**PRESETS[name].model_dump(exclude_defaults=True), **changes})

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "MarketParams":
        """Validate a user's input. Raises ParamsError with every invalid name or value."""
        try:
            return cls(**values)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            raise ParamsError(
                f"{len(problems)} market parameters are invalid",
                expected="names and values within the bounds of MarketParams",
                where="market parameters",
                fix="correct or remove the listed parameters",
                details=[f"{_where(item['loc'])}: {item['msg']}, found {item['input']!r:.40}" for item in problems[:5]],
            ) from error


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(key) for key in location)[:60]


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
"""Five kinds of market: default; prices that follow demand; randomized prices; few sales; growing."""


def presets() -> tuple[str, ...]:
    """Return the names of the presets, the default first."""
    return tuple(PRESETS)
