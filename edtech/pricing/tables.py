"""Answers as frames and titles, for charts, pages and reports."""

import pandas as pd

from edtech.pricing.curve import RevenueCurve
from edtech.pricing.what_ifs import WhatIf
from edtech.tables.formatting import format_change

ENDS = ("low", "high", "low_80", "high_80")
LABELS = {
    "enrollments": ("Enrollments", "per period", "Pieces sold in a typical period, over all units."),
    "token_revenue": ("Token revenue", "tokens / period", "Price times quantity in a typical period, over all units."),
    "teacher_earnings": ("Teacher earnings", "tokens / period", "The teachers' share of token revenue."),
    "platform_commission": ("Commission", "tokens / period", "The platform's share of token revenue."),
    "tokens_burned": ("Tokens burned", "tokens / period", "The share of token revenue that leaves circulation."),
    "enrollment_rate": ("Enrollment rate", "per view", "Enrollments per view; views are taken as they are."),
}


def effect_rows(outcome: WhatIf) -> pd.DataFrame:
    """Return one row for each figure: name, today, planned, change and the relative ends of its 95 and 80% intervals
    (NaN without one).
    """
    numbers = ["today", "planned", "change", *ENDS]
    rows = [
        {"name": LABELS[name][0], **{number: getattr(effect, number) for number in numbers}}
        for name, effect in outcome.effects.items()
    ]
    return pd.DataFrame(rows, columns=["name", *numbers]).astype(dict.fromkeys(numbers, float))


def effect_text(outcome: WhatIf) -> str:
    """Return the same rows as text, changes in percent."""
    rows = effect_rows(outcome)
    return rows.to_string(index=False, na_rep="-", formatters=dict.fromkeys(["change", *ENDS], format_change))


def format_change_interval(change: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a change with its interval in one line: -2.0% (-3.1% to -0.9%)."""
    reach = "" if low is None or low != low else f" ({format_change(low)} to {format_change(high)})"
    return f"{format_change(change)}{reach}"


def curve_title(curve: RevenueCurve, may_recommend: bool) -> str:
    """Return what the curve shows, in one line."""
    if not may_recommend:
        return "What revenue would be, if the stated condition holds"
    if abs(curve.best) < 1e-9:
        return "Today's prices earn most among prices seen"
    edge = ", the edge of the prices seen" if curve.best_on_edge else ""
    best = curve.points.loc[curve.points["change"] == curve.best, "revenue"].iloc[0]
    return f"Most revenue at {curve.best:+.0%}{edge}: {format_change(best / curve.today - 1)} against today"
