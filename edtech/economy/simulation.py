"""Where the token economy may go: prices, rules and horizon asked for, with a 90% band by simulation.

Each of the draws is one possible future. It takes a path of weekly spending at today's prices (`path`), moves it by the
price effect of a trained model drawn from its own uncertainty, and lets the ledger's flows follow at rates drawn from
the last weeks. In every draw, every week, issued - burned - expired - paid out = circulating + treasury.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from edtech.economy.observed_flows import NEVER, Dormancy, ObservedFlows, Payouts
from edtech.economy.spending_paths import Beliefs, spending_paths
from edtech.errors import ParamsError
from edtech.tables.arrays import Floats

_PERCENT: JsonDict = {"format": "percent"}
_WEEKS: JsonDict = {"format": "%d weeks"}
"""How a slider shows the value."""


class Assumptions(BaseModel):
    """What a forecast assumes; each can be changed. Rules count from the first week to come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weeks: int = Field(13, ge=1, le=52, title="Weeks ahead", description="How far to look.", json_schema_extra=_WEEKS)
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
        description="Share of tokens spent that ceases to exist.",
        json_schema_extra=_PERCENT,
    )
    bonuses: float = Field(
        1.0,
        ge=0.0,
        le=5.0,
        title="Bonuses",
        description="Tokens given to learners, as a multiple of what is given now.",
        json_schema_extra={"format": "%.2f times"},
    )
    expiry_weeks: int = Field(
        NEVER,
        ge=1,
        le=NEVER,
        title="Expiry",
        description=f"A balance lapses after so many weeks without a movement; {NEVER}: never.",
        json_schema_extra=_WEEKS,
    )
    bonus_replaces: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        title="Bonus replaces purchases",
        description="Share of more (or fewer) bonus tokens that learners buy less (or more) for.",
        json_schema_extra=_PERCENT,
    )
    recent_weeks: int = Field(
        13,
        ge=4,
        le=104,
        title="Recent weeks",
        description="Refunds, bonuses and purchases per token spent are theirs.",
        json_schema_extra=_WEEKS,
    )
    yearly_swing: float = Field(
        0.2,
        ge=0.0,
        le=1.0,
        title="Yearly swing",
        description="How far spending may swing over a year before the data "
        "are asked, as a share of it (one deviation).",
        json_schema_extra=_PERCENT,
    )
    trend: float = Field(
        0.01,
        ge=0.0,
        le=0.1,
        title="Trend per week",
        description="Steady change per week that is possible, as a share.",
        json_schema_extra=_PERCENT,
    )
    draws: int = Field(500, ge=100, le=5_000, title="Draws", description="Possible futures that the band is made of.")
    seed: int = Field(1, ge=0, le=2**31 - 1, title="Seed", description="Same seed, same band.")

    @property
    def teacher_rate(self) -> float:
        """Share of tokens spent that teachers earn."""
        return 1 - self.commission_rate - self.burn_rate

    @classmethod
    def of(cls, observed: ObservedFlows, /, **changes: float) -> "Assumptions":
        """Return the rules that the ledger shows, with changes. Raises ParamsError that lists every wrong change."""
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
                f"The forecast cannot assume this: {len(wrong)} wrong",
                expected=f"values inside the bounds of {', '.join(cls.model_fields)}",
                actual=repr({str(item["loc"][0]) if item["loc"] else "": item["input"] for item in wrong[:5]})[:200],
                fix="correct or leave out what is listed",
                details=[f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in wrong[:5]],
            ) from exc


@dataclass(frozen=True, slots=True)
class PriceEffect:
    """What asked prices do to token revenue: a relative change, and the standard error of its logarithm.

    `error` is None where the model has no honest interval: then there is no band either.
    """

    change: float = 0.0
    error: float | None = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Futures:
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
        """Held by learners and teachers."""
        return self.learner_balance + self.teacher_balance

    @property
    def issued(self) -> Floats:
        """What left the mint."""
        return self.purchased + self.bonus + self.minted_again


def simulate(observed: ObservedFlows, assumptions: Assumptions, effect: PriceEffect) -> Futures:
    """Return the draws of what may come. The same seed gives the same draws of all but the asked changes."""
    rng = np.random.default_rng(assumptions.seed)
    shape = (assumptions.draws, assumptions.weeks)
    spent = observed.weekly["spent"].to_numpy(dtype=float)
    base = spending_paths(
        spent, assumptions.weeks, assumptions.draws, Beliefs(assumptions.trend, assumptions.yearly_swing), rng
    )
    slope = rng.standard_normal(assumptions.draws)
    rates = _rates(observed.weekly.tail(assumptions.recent_weeks), shape, rng)
    pays, luck = _payout_shares(observed.payouts, shape, rng), rng.standard_normal(shape)
    prices = (1 + effect.change) * np.exp((effect.error or 0.0) * slope)
    planned = base * prices[:, None]
    usual = max(float(observed.weekly["spent"].tail(4).mean()), 1.0)
    lapsing = _expiring(observed.dormancy, assumptions.expiry_weeks, planned / usual, luck)
    return _propagate(observed, assumptions, _DrawnFlows(base, planned, lapsing, pays, **rates))


@dataclass(frozen=True, slots=True, eq=False)
class _DrawnFlows:
    """What is drawn before the balances are known, each (n, h).

    `base` is spending at today's prices, `spent` at the asked ones; `lapsing` what would expire, `pays` the share of
    teachers' balances paid out at the start of a week; per token spent: `funded` bought or given, `bonus`, `refunded`.
    """

    base: Floats
    spent: Floats
    lapsing: Floats
    pays: Floats
    funded: Floats
    bonus: Floats
    refunded: Floats


def _rates(recent: pd.DataFrame, shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Floats]:
    """Return flows per token spent (n, h), weeks drawn from the recent ones.

    A mean over as many recent weeks is itself uncertain: each draw has the mean of a sample of its own.
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
    last = payouts.shares[-6:]
    for day in range(payouts.days_ahead, 7 * shape[1], payouts.every):
        paid = rng.choice(last, shape[0])
        shares[:, day // 7] = 1 - (1 - shares[:, day // 7]) * (1 - paid)
    return shares


def _propagate(observed: ObservedFlows, assumptions: Assumptions, flows: _DrawnFlows) -> Futures:
    """Return the flows and balances that follow from what was drawn."""
    spent, now = flows.spent, flows.bonus * flows.base
    bonus, refunded = assumptions.bonuses * now, flows.refunded * spent
    purchased = np.maximum(flows.funded * spent - now - assumptions.bonus_replaces * (bonus - now), 0.0)
    commission, earned = (rate * (spent - refunded) for rate in (assumptions.commission_rate, assumptions.teacher_rate))
    learners, teachers = (np.full(len(spent), float(start)) for start in (observed.learners, observed.teachers))
    expired, paid, left, owed = np.empty((4, *spent.shape))
    for week in range(spent.shape[1]):
        lacking = spent[:, week] - bonus[:, week] - refunded[:, week] - learners
        purchased[:, week] = np.maximum(purchased[:, week], lacking)  # nobody spends what nobody holds
        learners = purchased[:, week] - lacking
        expired[:, week] = np.minimum(flows.lapsing[:, week], learners)
        learners = left[:, week] = learners - expired[:, week]
        paid[:, week] = flows.pays[:, week] * teachers
        teachers = owed[:, week] = teachers - paid[:, week] + earned[:, week]
    return Futures(
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


def _expiring(dormancy: Dormancy, after: int, activity: Floats, luck: Floats) -> Floats:
    """Return what lapses in each week (n, h) if balances lapse `after` weeks without a movement.

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
