"""A what-if, its curve and its plan as a report."""

from collections.abc import Mapping

import pandas as pd

from edtech.charts import pricing as charts
from edtech.charts import static
from edtech.ml.elasticity.words import finding, sentence, warning
from edtech.pricing import Plan, Response, WhatIf
from edtech.pricing.card import trust_card
from edtech.pricing.curve import RevenueCurve
from edtech.pricing.saved import Scenario
from edtech.pricing.scenario import NO_SUBSTITUTION, SUBSTITUTION
from edtech.pricing.tables import curve_title, effect_rows
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.figures import figure

_EFFECT_HELP = {
    "today": "Expected in a typical period at today's mean prices.",
    "planned": "Expected in a typical period at the asked prices.",
    "change": "Relative change; 0.1 is 10 % more, inf is new: nothing today.",
    "low": "Lower end of the 95 % interval of the change.",
    "high": "Upper end of the 95 % interval of the change.",
    "low_80": "Lower end of the 80 % interval of the change.",
    "high_80": "Upper end of the 80 % interval of the change.",
}


def pricing_report(
    response: Response,
    scenario: Scenario,
    outcome: WhatIf,
    curve: RevenueCurve,
    plan: Plan,
    provenance: Mapping[str, str | int | float],
) -> Report:
    """Return what was asked, what is expected, what it rests on and which prices are recommended."""
    return Report(
        title="Pricing what-if",
        question=f"What happens if prices change: {scenario.words}?",
        sections=(
            _answer(outcome, scenario),
            _curve(curve, outcome),
            _plan(plan),
            _ground(response, outcome),
        ),
        provenance=provenance,
    )


def _answer(outcome: WhatIf, scenario: Scenario) -> Section:
    rows = effect_rows(outcome)
    text = [*outcome.reasons, *([NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION])]
    asked = pd.DataFrame([(one.scope, ", ".join(one.names), one.how, one.amount) for one in scenario.changes],
                         columns=["prices of", "which", "how", "amount"])  # fmt: skip
    chart = charts.effect_bars(rows, title="Change against today")
    return Section(
        "What is expected",
        tuple(text),
        (Table("Expected figures per period", rows, help=_EFFECT_HELP), Table("Asked price changes", asked)),
        (figure("Change against today", chart, f"Token revenue changes by {outcome.token_revenue.change:+.1%}"),),
    )


def _curve(curve: RevenueCurve, outcome: WhatIf) -> Section:
    title = curve_title(curve, not outcome.refused)
    best = None if outcome.refused else curve.best
    chart = static.revenue_curve(curve.points, best=best, support=curve.support, title=title, unit="tokens / period")
    return Section(
        "Revenue over the price",
        (title, f"Prices seen reach from {curve.support[0]:+.0%} to {curve.support[1]:+.0%}; the rest extrapolates."),
        (Table("Revenue curve", curve.points, {"revenue": "tokens / period", "quantity": "per period"}),),
        (figure("Revenue over the price", chart, title),),
    )


def _plan(plan: Plan) -> Section:
    if plan.refused:
        return Section("Recommended prices", ("No price is recommended.", *plan.reasons))
    expected = plan.expected
    reach = "" if expected.low is None else f" (95 % interval {expected.low:+.1%} to {expected.high:+.1%})"
    return Section(
        "Recommended prices",
        (f"Expected change of token revenue {expected.change:+.1%}{reach}.", *plan.reasons),
        (Table("Recommended prices", plan.table, {"today": "tokens", "recommended": "tokens"}),),
    )


def _ground(response: Response, outcome: WhatIf) -> Section:
    result = response.result
    chart = charts.elasticity_by_segment(
        result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
    )
    return Section(
        "What it rests on",
        (sentence(result), warning(result), *result.notes),
        (Table("Trust card", _card(response, outcome)), Table("Elasticity by segment", result.elasticity_by_segment)),
        (figure("Elasticity by segment", chart, finding(result)),),
    )


def _card(response: Response, outcome: WhatIf) -> pd.DataFrame:
    """Return the findings, but whether other algorithms agree: that changes with every training."""
    found = [check for check in trust_card(response, outcome) if check.code != "agreement"]
    return pd.DataFrame(
        [(str(check.severity), check.title, check.evidence, check.fix) for check in found],
        columns=["finding", "what", "evidence", "what to do"],
    )
