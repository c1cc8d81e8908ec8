"""Answers as frames and titles, for charts, pages and reports."""

import pandas as pd

from edtech.pricing.scenario import RevenueCurve, WhatIf

LABELS = {
    "enrollments": ("Enrollments", "per period", "Pieces sold in a typical period, over all units."),
    "token_revenue": ("Token revenue", "tokens / period", "Price times quantity in a typical period, over all units."),
    "teacher_earnings": ("Teacher earnings", "tokens / period", "The teachers' share of token revenue."),
    "platform_commission": ("Commission", "tokens / period", "The platform's share of token revenue."),
}


def effect_rows(outcome: WhatIf) -> pd.DataFrame:
    """Return one row for each figure: name, today, planned, change, low, high (relative, NaN without interval)."""
    rows = [
        (LABELS[name][0], effect.today, effect.planned, effect.change, effect.low, effect.high)
        for name, effect in outcome.effects.items()
    ]
    frame = pd.DataFrame(rows, columns=["name", "today", "planned", "change", "low", "high"])
    return frame.astype(dict.fromkeys(["today", "planned", "change", "low", "high"], float))


def curve_title(curve: RevenueCurve, may_recommend: bool) -> str:
    """Return what the curve shows, in one line."""
    if not may_recommend:
        return "What revenue would be, if the stated condition holds"
    if abs(curve.best) < 1e-9:
        return "Today's prices earn most among prices seen"
    edge = ", the edge of the prices seen" if curve.best_on_edge else ""
    best = curve.points.loc[curve.points["change"] == curve.best, "revenue"].iloc[0]
    return f"Most revenue at {curve.best:+.0%}{edge}: {best / curve.today - 1:+.1%} against today"
