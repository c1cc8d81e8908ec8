"""Simulate the token economy under prices, rules and a horizon, for 90% prediction intervals.

Each draw is one possible future: a path of weekly spending at today's prices (`spending_paths`), times a price effect
drawn from the trained model's uncertainty, and the ledger's flows at rates drawn from recent weeks. In every draw and
week, issued - burned - expired - paid out = circulating + treasury.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from edtech.economy.observed_flows import NEVER, RECENT_PAYOUTS, Dormancy, ObservedFlows, Payouts
from edtech.economy.spending_paths import Prior, spending_paths
from edtech.errors import ParamsError
from edtech.tables.arrays import Floats

_PERCENT: JsonDict = {"format": "percent"}
_WEEKS: JsonDict = {"format": "%d weeks"}
"""How a slider formats the value."""


class Assumptions(BaseModel):
    """The assumptions of a forecast, which the user can change. Rules apply from the first future week."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weeks: int = Field(
        13, ge=1, le=52, title="Weeks ahead", description="Horizon of the forecast.", json_schema_extra=_WEEKS
    )
    commission_rate: float = Field(
        0.2,
        ge=0.0,
        le=0.6,
        title="Commission",
        description="Share of tokens spent that the platform keeps.",
        json_schema_extra=_PERCENT,
    )
    burn_rate: float = Field(
        0.02,
        ge=0.0,
        le=0.3,
        title="Burned",
        description="Share of tokens spent that leaves circulation.",
        json_schema_extra=_PERCENT,
    )
    bonuses: float = Field(
        1.0,
        ge=0.0,
        le=5.0,
        title="Bonuses",
        description="Bonus tokens, as a multiple of today's.",
        json_schema_extra={"format": "%.2f times"},
    )
    expiry_weeks: int = Field(
        NEVER,
        ge=1,
        le=NEVER,
        title="Expiry",
        description=f"Weeks without a movement after which a balance expires; {NEVER}: never.",
        json_schema_extra=_WEEKS,
    )
    bonus_replaces: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        title="Bonuses replace purchases",
        description="Share of additional bonus tokens by which learners buy fewer tokens.",
        json_schema_extra=_PERCENT,
    )
    recent_weeks: int = Field(
        13,
        ge=4,
        le=104,
        title="Recent weeks",
        description="Weeks from which refunds, bonuses and purchases per token spent are taken.",
        json_schema_extra=_WEEKS,
    )
    yearly_swing: float = Field(
        0.2,
        ge=0.0,
        le=1.0,
        title="Yearly swing",
        description="Prior standard deviation of the yearly swing of spending, as a share of it.",
        json_schema_extra=_PERCENT,
    )
    trend: float = Field(
        0.01,
        ge=0.0,
        le=0.1,
        title="Trend per week",
        description="Prior standard deviation of the steady change per week, as a share.",
        json_schema_extra=_PERCENT,
    )
    draws: int = Field(500, ge=100, le=5_000, title="Draws", description="Number of simulated futures.")
    seed: int = Field(1, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same interval.")

    @property
    def teacher_rate(self) -> float:
        """Share of tokens spent that teachers earn."""
        return 1 - self.commission_rate - self.burn_rate

    @classmethod
    def of(cls, observed: ObservedFlows, /, **changes: float) -> "Assumptions":
        """Return the rules of the ledger, with changes. Raises ParamsError that lists every invalid change."""
        start: dict[str, float] = {
            "commission_rate": round(min(observed.commission_rate, 0.6), 4),
            "burn_rate": round(min(observed.burn_rate, 0.3), 4),
            "bonus_replaces": round(observed.bonus_to_buyers, 2),
            "expiry_weeks": observed.expiry_weeks,
        }
        try:
            return cls.model_validate(start | changes)
        except ValidationError as exc:
            wrong = exc.errors(include_url=False, include_context=False)
            raise ParamsError(
                f"{len(wrong)} assumptions of the forecast are invalid",
                expected=f"values inside the bounds of {', '.join(cls.model_fields)}",
                actual=repr({str(item["loc"][0]) if item["loc"] else "": item["input"] for item in wrong[:5]})[:200],
                fix="correct or remove them",
                details=[f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in wrong[:5]],
            ) from exc


@dataclass(frozen=True, slots=True)
class PriceEffect:
    """The effect of prices on token revenue: a relative change, and the standard error of its logarithm.

    `error` is None if the model has no valid confidence interval: then the forecast has none either.
    """

    change: float = 0.0
    error: float | None = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedFlows:
    """Flows (n, h) of each draw and week, and balances (n, h) at the end of each week, in 1/100 token."""

    spent: Floats
    teacher_earnings: Floats
    commission: Floats
    purchased: Floats
    bonus: Floats
    minted_again: Floats
    burned: Floats
    expired: Floats
    paid_out: Floats
    learner_balance: Floats
    teacher_balance: Floats
    treasury: Floats

    @property
    def circulating_supply(self) -> Floats:
        """Balances of learners and teachers."""
        return self.learner_balance + self.teacher_balance

    @property
    def issued(self) -> Floats:
        """Minted tokens."""
        return self.purchased + self.bonus + self.minted_again


def simulate(observed: ObservedFlows, assumptions: Assumptions, effect: PriceEffect) -> SimulatedFlows:
    """Return the simulated flows. The same seed gives the same draws apart from the changed assumptions."""
    rng = np.random.default_rng(assumptions.seed)
    shape = (assumptions.draws, assumptions.weeks)
    spent = observed.weekly["spent"].to_numpy(dtype=float)
    base = spending_paths(
        spent, assumptions.weeks, assumptions.draws, Prior(assumptions.trend, assumptions.yearly_swing), rng
    )
    slope = rng.standard_normal(assumptions.draws)
    rates = _rates(observed.weekly.tail(assumptions.recent_weeks), shape, rng)
    pays, luck = _payout_shares(observed.payouts, shape, rng), rng.standard_normal(shape)
    prices = (1 + effect.change) * np.exp((effect.error or 0.0) * slope)
    planned = base * prices[:, None]
    usual = max(float(observed.weekly["spent"].tail(4).mean()), 1.0)
    lapsing = _lapsing_balances(observed.dormancy, assumptions.expiry_weeks, planned / usual, luck)
    return _propagate(observed, assumptions, _DrawnFlows(base, planned, lapsing, pays, **rates))


@dataclass(frozen=True, slots=True, eq=False)
class _DrawnFlows:
    """Random draws that do not depend on balances, each (n, h).

    `base` is spending at today's prices, `spent` at the new ones; `lapsing` the balances that would expire, `pays` the
    share of teachers' balances paid out at the start of a week; per token spent: `funded` bought or given, `bonus`,
    `refunded`.
    """

    base: Floats
    spent: Floats
    lapsing: Floats
    pays: Floats
    funded: Floats
    bonus: Floats
    refunded: Floats


def _rates(recent: pd.DataFrame, shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Floats]:
    """Return flows per token spent (n, h), for weeks drawn from the recent ones.

    The mean over the recent weeks is uncertain itself: each draw has the mean of its own sample.
    """
    weekly = recent[recent["spent"] > 0]
    spent = weekly["spent"].to_numpy(dtype=float)
    flows = {
        "funded": weekly["minted_purchase"] + weekly["minted_bonus"],
        "bonus": weekly["minted_bonus"],
        "refunded": weekly["refunded"],
    }
    sampled, week = rng.integers(spent.size, size=(shape[0], spent.size)), rng.integers(spent.size, size=shape)
    rates = {}
    for name, flow in flows.items():
        values = flow.to_numpy(dtype=float)
        overall = values.sum() / spent.sum()
        own = values[sampled].sum(axis=1) / spent[sampled].sum(axis=1)
        rates[name] = np.maximum(own[:, None] + (values / spent)[week] - overall, 0.0)
    return rates


def _payout_shares(payouts: Payouts, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return the share of teachers' balances paid out at the start of each week (n, h)."""
    shares = np.zeros(shape)
    if payouts.every is None:
        return shares
    last = payouts.shares[-RECENT_PAYOUTS:]
    for day in range(payouts.days_ahead, 7 * shape[1], payouts.every):
        paid = rng.choice(last, shape[0])
        shares[:, day // 7] = 1 - (1 - shares[:, day // 7]) * (1 - paid)
    return shares


def _propagate(observed: ObservedFlows, assumptions: Assumptions, flows: _DrawnFlows) -> SimulatedFlows:
    """Return the flows and balances that follow from the draws."""
    spent, now = flows.spent, flows.bonus * flows.base
    bonus, refunded = assumptions.bonuses * now, flows.refunded * spent
    purchased = np.maximum(flows.funded * spent - now - assumptions.bonus_replaces * (bonus - now), 0.0)
    commission, earned = (rate * (spent - refunded) for rate in (assumptions.commission_rate, assumptions.teacher_rate))
    learners, teachers = (np.full(len(spent), float(start)) for start in (observed.learners, observed.teachers))
    expired, paid, left, owed = np.empty((4, *spent.shape))
    for week in range(spent.shape[1]):
        lacking = spent[:, week] - bonus[:, week] - refunded[:, week] - learners
        purchased[:, week] = np.maximum(purchased[:, week], lacking)  # learners cannot spend more than they hold
        learners = purchased[:, week] - lacking
        expired[:, week] = np.minimum(flows.lapsing[:, week], learners)
        learners = left[:, week] = learners - expired[:, week]
        paid[:, week] = flows.pays[:, week] * teachers
        teachers = owed[:, week] = teachers - paid[:, week] + earned[:, week]
    return SimulatedFlows(
        spent,
        earned,
        commission,
        purchased,
        bonus,
        assumptions.burn_rate * refunded,
        assumptions.burn_rate * spent,
        expired,
        paid,
        learner_balance=left,
        teacher_balance=owed,
        treasury=observed.treasury + np.cumsum(commission, axis=1),
    )


def _lapsing_balances(dormancy: Dormancy, after: int, activity: Floats, luck: Floats) -> Floats:
    """Return the balances that expire in each week (n, h), `after` weeks without a movement.

    A balance that lay for a weeks lapses if its account does not move until then, each by its own luck: standard normal
    `luck` (n, h). Accounts that move in a week to come leave as much behind as those of the last week, in proportion to
    spending: `activity` (n, h).
    """
    rates = np.zeros_like(activity)
    if after >= NEVER:
        return rates
    stays = np.r_[np.cumprod((1 - dormancy.moves[:after])[::-1])[::-1], 1.0]  # (after + 1,) from an age until it lapses
    for week in range(activity.shape[1]):
        age = after - 1 - week
        fresh = activity[:, -age - 1] if age < 0 else 1.0
        at = max(age, 0)
        spread = np.sqrt(dormancy.squares[at] * stays[at] * (1 - stays[at]))
        rates[:, week] = np.maximum(dormancy.held[at] * stays[at] + spread * luck[:, week], 0.0) * fresh
    rates[:, 0] += dormancy.held[after:].sum()
    return rates
