"""A what-if, its curve and its plan as a report."""

from collections.abc import Mapping

import pandas as pd

from edtech.charts import pricing as charts
from edtech.charts import static
from edtech.ml.elasticity.description import describe, finding, naive_warning
from edtech.pricing import Plan, Scenario, WhatIf, WhatIfAnswer
from edtech.pricing.curve import RevenueCurve
from edtech.pricing.price_changes import PriceChange
from edtech.pricing.tables import LABELS, curve_title, effect_rows
from edtech.pricing.what_ifs import NO_SUBSTITUTION, SUBSTITUTION
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.svg import figure
from edtech.tables.formatting import format_change

_CHANGE, _LOW, _HIGH, _LOW_80, _HIGH_80 = (
    "change (%)",
    "from (%, 95% interval)",
    "to (%, 95% interval)",
    "from (%, 80% interval)",
    "to (%, 80% interval)",
)
_EFFECT_HELP = {
    "today": "Expected in a typical period at today's mean prices.",
    "forecast": "Expected in a typical period at the new prices.",
    _CHANGE: "Change in percent of today; inf if the figure is 0 today.",
    _LOW: "Lower end of the 95% interval of the change.",
    _HIGH: "Upper end of the 95% interval of the change.",
    _LOW_80: "Lower end of the 80% interval of the change.",
    _HIGH_80: "Upper end of the 80% interval of the change.",
}
_CURVE = {
    "change": "price change (%)",
    "revenue": "token revenue (tokens / period)",
    "low": "revenue from (95% interval)",
    "high": "revenue to (95% interval)",
    "quantity": "enrollments (per period)",
    "quantity_low": "enrollments from (95% interval)",
    "quantity_high": "enrollments to (95% interval)",
    "elasticity": "elasticity (% per %)",
}
_SEGMENT = {"estimate": "elasticity (% per %)", "low": "from (95% interval)", "high": "to (95% interval)"}
_PERCENT = 100


def pricing_report(answer: WhatIfAnswer, provenance: Mapping[str, str | int | float]) -> Report:
    """Return the question, the expected effects, the evidence and, at the end because it is long, the price list."""
    outcome = answer.outcome
    return Report(
        title="Pricing what-if",
        question=f"What happens if prices change: {answer.scenario.description}?",
        sections=(
            _answer(outcome, answer.scenario),
            _evidence(answer),
            _curve(answer.curve, outcome),
            _plan(answer.plan),
        ),
        provenance=provenance,
    )


def _answer(outcome: WhatIf, scenario: Scenario) -> Section:
    rows = effect_rows(outcome)
    text = [*outcome.reasons, *([NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION])]
    rows_of_changes = [(change.attribute, ", ".join(change.names), _amount(change)) for change in scenario.changes]
    changes = pd.DataFrame(rows_of_changes, columns=["attribute", "values", "change"])
    chart = charts.effect_bars(rows, title="Change from today")
    return Section(
        "Expected effect",
        (*text, _rates_sentence(scenario)),
        (
            Table("Expected figures per period", _effects(outcome), help=_EFFECT_HELP, wording=("figure", "unit")),
            Table("Price changes", changes, wording=("change",)),
            Table("Shares of a token spent", _rates(scenario), wording=("share of",)),
        ),
        (
            figure(
                "Change from today", chart, f"Token revenue changes by {format_change(outcome.token_revenue.change)}"
            ),
        ),
    )


def _amount(change: PriceChange) -> str:
    """Return the amount of a change as text."""
    if change.mode == "percent":
        return format_change(change.amount)
    return f"{change.amount:+g} tokens" if change.mode == "tokens" else f"to {change.amount:g} tokens"


def _effects(outcome: WhatIf) -> pd.DataFrame:
    rows = effect_rows(outcome)
    frame = pd.DataFrame({"figure": rows["name"], "unit": [LABELS[name][1] for name in outcome.effects]})
    frame[["today", "forecast"]] = rows[["today", "planned"]]
    frame[[_CHANGE, _LOW, _HIGH, _LOW_80, _HIGH_80]] = _PERCENT * rows[["change", "low", "high", "low_80", "high_80"]]
    return frame


def _rates_sentence(scenario: Scenario) -> str:
    """Return the rates of commission and burn, today and planned."""
    now, planned = scenario.split, scenario.planned_split
    if now == planned:
        return f"Rates stay as they are: commission {_rate(now.commission_rate)}, burned {_rate(now.burn_rate)}."
    return (
        f"Planned rates: commission {_rate(planned.commission_rate)} (today {_rate(now.commission_rate)}), burned "
        f"{_rate(planned.burn_rate)} (today {_rate(now.burn_rate)})."
    )


def _rate(share: float) -> str:
    return f"{_PERCENT * share:.4g}%"


def _rates(scenario: Scenario) -> pd.DataFrame:
    shares = {"Teacher": "teacher_rate", "Commission": "commission_rate", "Burned": "burn_rate"}
    rows = [
        (title, *(_PERCENT * float(getattr(split, name)) for split in (scenario.split, scenario.planned_split)))
        for title, name in shares.items()
    ]
    return pd.DataFrame(rows, columns=["share of", "today (%)", "planned (%)"])


def _curve(curve: RevenueCurve, outcome: WhatIf) -> Section:
    title = curve_title(curve, not outcome.refused)
    best = None if outcome.refused else curve.peak
    low, high = curve.support
    points = curve.points.assign(change=_PERCENT * curve.points["change"])
    chart = static.revenue_curve(curve.points, peak=best, support=curve.support, title=title, unit="tokens / period")
    return Section(
        "Revenue curve",
        (
            title,
            f"Observed prices: {low:+.0%} to {high:+.0%}. Outside this range the curve extrapolates.",
        ),
        (Table("Revenue curve", points.rename(columns=_CURVE)),),
        (figure("Revenue curve", chart, title),),
    )


def _plan(plan: Plan) -> Section:
    if plan.refused:
        return Section("Recommended prices", ("No price is recommended.", *plan.reasons))
    expected = plan.expected
    reach = (
        ""
        if expected.low is None
        else f" (95% interval {format_change(expected.low)} to {format_change(expected.high)})"
    )
    prices = plan.table.assign(change=_PERCENT * plan.table["change"]).rename(
        columns={"today": "today (tokens)", "recommended": "recommended (tokens)", "change": _CHANGE}
    )
    return Section(
        "Recommended prices",
        (f"Expected change of token revenue {format_change(expected.change)}{reach}.", *plan.reasons),
        (Table("Recommended prices", prices, wording=("bound",)),),
    )


def _evidence(answer: WhatIfAnswer) -> Section:
    result = answer.response.result
    segments = result.elasticity_by_segment.rename(columns=_SEGMENT)
    chart = charts.elasticity_by_segment(
        result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
    )
    return Section(
        "Evidence and assumptions",
        (describe(result), naive_warning(result), *result.notes),
        (
            Table("Checks", _checks(answer), wording=("check", "evidence", "what to do")),
            Table("Elasticity by segment", segments),
        ),
        (figure("Elasticity by segment", chart, finding(result)),),
    )


def _checks(answer: WhatIfAnswer) -> pd.DataFrame:
    """Return the checks except the agreement with other algorithms, which changes with every training."""
    checks = [check for check in answer.checks() if check.code != "agreement"]
    return pd.DataFrame(
        [(str(check.severity), check.title, check.evidence, check.fix) for check in checks],
        columns=["severity", "check", "evidence", "what to do"],
    )
