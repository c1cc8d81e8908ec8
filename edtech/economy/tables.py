"""The economy as frames and titles, for charts, pages and reports."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from edtech.economy.dictionary import ECONOMY
from edtech.economy.figures import Economy
from edtech.economy.forecast import FORECAST_FIGURES, STOCKS, Forecast
from edtech.tables.tokens import UNITS_PER_TOKEN

_CAUSES = {
    "minted_purchase": ("bought", "source"),
    "minted_bonus": ("bonuses", "source"),
    "minted_refund": ("for refunds", "source"),
    "burned": ("burned", "sink"),
    "expired": ("expired", "sink"),
    "paid_out": ("paid out to teachers", "sink"),
}


def figure_rows(economy: Economy) -> pd.DataFrame:
    """Return one row per figure: group, figure, value, unit, before, change (relative), exact, meaning."""
    rows = [
        (item.group, item.title, figure.value, item.unit, figure.before, figure.change, figure.exact, item.help)
        for name, figure in economy.figures.items()
        for item in [ECONOMY[name]]
    ]
    return pd.DataFrame(
        rows, columns=["group", "figure", "value", "unit", "before", "change", "exact", "meaning"]
    ).astype({"value": float, "before": float, "change": float, "exact": "Int64"})


def cause_rows(economy: Economy) -> pd.DataFrame:
    """Return sources and sinks of tokens in the range: cause, side, tokens, share_of_issued."""
    issued = economy.figures["issued"].value or float("nan")
    rows = [
        (cause, side, value, value / issued)
        for name, (cause, side) in _CAUSES.items()
        if (value := economy.figures[name].value) is not None
    ]
    return pd.DataFrame(rows, columns=["cause", "side", "tokens", "share_of_issued"])


def flow_title(economy: Economy) -> str:
    """Return tokens taken out as a share of tokens issued, by cause, in one line."""
    issued = economy.figures["issued"].value
    if not issued:
        return "No tokens were issued in the range"
    total = f"{economy.figures['sink_source'].value:.0%}"
    parts = {"paid_out": "paid out to teachers", "burned": "burned", "expired": "expired"}
    breakdown = ", ".join(f"{(economy.figures[name].value or 0) / issued:.0%} {label}" for name, label in parts.items())
    return f"Sinks take {total} of the tokens issued: {breakdown}"


def in_tokens(daily: pd.DataFrame) -> pd.DataFrame:
    """Return daily balances in tokens."""
    return daily.assign(**{name: daily[name] / UNITS_PER_TOKEN for name in daily.columns if name != "day"})


def supply_title(economy: Economy) -> str:
    """Return the change of the circulating supply in one line."""
    held = economy.figures["circulating_supply"]
    if not held.before:
        return f"{held.value:,.0f} tokens circulate at the end of the range"
    return f"Circulating supply {held.change:+.1%} from the end of the range before"


def forecast_title(forecast: Forecast, name: str) -> str:
    """Return the forecast of a figure in one line."""
    row = forecast.figure(name)
    title, _ = FORECAST_FIGURES[name]
    interval = "" if np.isnan(row["low"]) else f" (90% interval: {row['low']:,.0f} to {row['high']:,.0f})"
    when = (
        f"{forecast.assumptions.weeks} weeks from now" if name in STOCKS else f"over {forecast.assumptions.weeks} weeks"
    )
    return f"{title} {when}: {row['mid']:,.0f} tokens{interval}"


def missing_table_notes(missing: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return one sentence for each missing table, with the figures that need it."""
    return [
        f"The data set has no table {table}, so these figures are missing: "
        f"{', '.join(ECONOMY[name].title for name in names)}."
        for table, names in missing.items()
    ]
