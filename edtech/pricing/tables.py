"""Results of what-ifs as frames and titles, for charts, pages and reports."""

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
    "enrollment_rate": ("Enrollment rate", "per view", "Enrollments per view, at unchanged views."),
}


def effect_rows(outcome: WhatIf) -> pd.DataFrame:
    """Return one row per figure: name, today, planned, change, and the relative ends of its 95% and 80% intervals
    (NaN without an interval).
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
    """Return a change with its interval: -2.0% (-3.1% to -0.9%)."""
    interval = "" if low is None or low != low else f" ({format_change(low)} to {format_change(high)})"
    return f"{format_change(change)}{interval}"


def curve_title(curve: RevenueCurve, may_recommend: bool) -> str:
    """Return the finding of the curve in one line."""
    if not may_recommend:
        return "Expected revenue if the stated condition holds"
    if abs(curve.peak) < 1e-9:
        return "Revenue peaks at today's prices"
    end = "lowest" if curve.peak < 0 else "highest"
    edge = f", the {end} observed price" if curve.peak_at_edge else ""
    best = curve.points.loc[curve.points["change"] == curve.peak, "revenue"].iloc[0]
    return f"Revenue peaks at {curve.peak:+.0%}{edge}: {format_change(best / curve.today - 1)} from today"
