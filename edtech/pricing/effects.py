"""The effect on a figure: today, planned, and the relative change with its intervals."""

from dataclasses import dataclass

import numpy as np

from edtech.ml.elasticity.fitting.inference import half_width
from edtech.pricing.response import Demand, Response
from edtech.tables.arrays import Floats


@dataclass(frozen=True, slots=True)
class Effect:
    """A figure today and under the plan, per period, and its relative `change` with its 95% and 80% intervals.

    The ends are None without a valid confidence interval. `change` is infinite, without ends, for a figure that is 0
    today but not under the plan.
    """

    today: float
    planned: float
    change: float
    low: float | None
    high: float | None
    low_80: float | None = None
    high_80: float | None = None

    def scaled(self, before: float, after: float | None = None) -> "Effect":
        """Return the effect on a share of the figure; the share may change from `before` to `after`."""
        after = before if after is None else after
        today, planned = self.today * before, self.planned * after
        if before == 0:
            return Effect(today, planned, np.inf, None, None) if after else Effect(today, planned, *[0.0] * 5)
        ratio = after / before
        ends = (
            None if end is None else ratio * (1 + end) - 1 for end in (self.low, self.high, self.low_80, self.high_80)
        )
        return Effect(today, planned, ratio * (1 + self.change) - 1, *ends)


def total_effect(
    response: Response, today: Demand, planned: Demand, weight_today: Floats, weight_planned: Floats
) -> Effect:
    """Return the effect on the weighted sum of demand; the weights (u,) are prices for revenue, 1 for enrollments.

    Delta method on the log of the planned over today's total: the interval cannot reach below -100%. A logit assumes,
    and no data show, how much of the changed units' loss goes to others. So the others' gain may widen the interval,
    but not narrow it.
    """
    before, after = float(weight_today @ today.quantity), float(weight_planned @ planned.quantity)
    change = after / before - 1
    if planned.vjp is None or response.covariance is None:
        return Effect(before, after, change, None, None)
    gradients = [planned.vjp(weight_planned) / after]
    if planned.changed is not None and not planned.changed.all():
        gradients.append(planned.vjp(weight_planned * planned.changed) / after)
    degrees_of_freedom = response.result.model.slope_degrees_of_freedom_
    halves = (
        max(half_width(gradient, response.covariance, degrees_of_freedom, level) for gradient in gradients)
        for level in (0.95, 0.8)
    )
    ends = [float(np.exp(sign * half) * (1 + change) - 1) for half in halves for sign in (-1, 1)]
    return Effect(before, after, change, *ends)
