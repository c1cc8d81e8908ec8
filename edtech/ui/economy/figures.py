"""The Economy page: period, figures with charts, ledger entries, and reconciliation."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import streamlit as st

from edtech.charts import economy as charts
from edtech.charts import explore
from edtech.data import Dataset
from edtech.economy import ECONOMY, GROUPS, LINE_ITEMS, Economy, EconomyFigure, Period, entries_of, select_period
from edtech.economy.dictionary import DEBTS, FLOWS, MAIN_FIGURES, MONEY, PEOPLE, PRICES, SHARE, SUPPLY, line_items_of
from edtech.economy.figures import missing_figures
from edtech.economy.period import LEDGER
from edtech.economy.series import concentration, daily_balances, retention
from edtech.economy.tables import cause_rows, flow_title, in_tokens, missing_table_notes, supply_title
from edtech.reports import table_csv
from edtech.tables.formatting import format_change
from edtech.ui.cache import economy_cache
from edtech.ui.economy import forecast
from edtech.ui.reports.downloads import economy_downloads
from edtech.ui.widgets import escape, format_number, page_link

QUARTER = 91
MOST_DOWNLOADED = 100_000


def choose_range(dataset: Dataset) -> Period | None:
    """Show the choice of period, by default the last quarter; return None if the periods are not dates."""
    whole = economy_cache.whole_period(dataset.id)
    if whole is None:
        st.caption("The periods of this data set are not dates, so the figures cover all periods.")
        return None
    days = min(QUARTER, max(whole.days // 2, 1))
    left, right = st.columns(2)
    first = _day(left, "From", whole.last - timedelta(days=days - 1), whole, f"economy.first.{dataset.id}")
    last = _day(right, "To", whole.last, whole, f"economy.last.{dataset.id}")
    return select_period(dataset, first, last)


def _day(column: "st.delta_generator.DeltaGenerator", label: str, value: date, whole: Period, key: str) -> date:
    selection = column.date_input(
        label,
        value,
        min_value=whole.first,
        max_value=whole.last,
        key=key,
        help=f"Includes this day. The data cover {whole}. Changes are relative to the equally long period before.",
    )
    return selection if isinstance(selection, date) else value


def show_figures(dataset: Dataset, period: Period | None) -> None:
    """Show all figures with their change from the period before, main figures first, then groups with charts."""
    economy = economy_cache.economy(dataset.id, period)
    if economy.before is not None:
        st.caption(f"Small numbers: change from the period before, {economy.before}; for shares, in percentage points.")
    elif period is not None:
        st.caption("The data do not cover an equally long period before this one.")
    main = tuple(economy.figures) if period is None or LEDGER not in dataset.tables else MAIN_FIGURES
    _tiles([economy.figures[name] for name in main if name in economy.figures])
    if main is MAIN_FIGURES:
        for group, tab in zip(GROUPS, st.tabs(GROUPS), strict=True):
            with tab:
                _tiles(
                    [
                        item
                        for name, item in economy.figures.items()
                        if name not in main and ECONOMY[name].group == group
                    ]
                )
                CHARTS[group](dataset, period, economy)
    else:
        _price_chart(dataset, period, economy)
    economy_downloads(dataset, economy)


def _tiles(figures: Sequence[EconomyFigure]) -> None:
    for start in range(0, len(figures), 3):
        for column, figure in zip(st.columns(3), figures[start : start + 3], strict=False):
            about = ECONOMY[figure.name]
            has_unit = about.unit == SHARE or about.title.endswith(about.unit)
            label = about.title if has_unit else f"{about.title} ({about.unit})"
            column.metric(label, _formatted(figure), _change(figure), delta_color="off", help=about.help, border=True)


def _change(figure: EconomyFigure) -> str | None:
    """Format the change: percentage points for shares, else a relative change."""
    if ECONOMY[figure.name].unit == SHARE and figure.value is not None and figure.before is not None:
        return f"{100 * (figure.value - figure.before):+z.1f} points"
    return None if figure.change is None else format_change(figure.change)


def _formatted(figure: EconomyFigure) -> str:
    """Format the value: shares in percent, money with two decimals."""
    unit = ECONOMY[figure.name].unit
    if figure.value is None or unit not in (SHARE, MONEY):
        return format_number(figure.value)
    return f"{figure.value:.1%}" if unit == SHARE else f"{figure.value:,.2f}"


def _supply_charts(dataset: Dataset, period: Period, economy: Economy) -> None:
    title = supply_title(economy)
    st.altair_chart(charts.supply(in_tokens(daily_balances(dataset, period)), title=title), alt=title)
    holdings = concentration(dataset, period)
    if holdings.top_10 is not None:
        title = f"The top 10% of {holdings.accounts:,} learners hold {holdings.top_10:.0%} of learners' tokens"
        st.altair_chart(charts.lorenz(holdings.lorenz, title=title), alt=title)


def _flow_chart(dataset: Dataset, period: Period, economy: Economy) -> None:  # noqa: ARG001  # one signature for all groups
    title = flow_title(economy)
    st.altair_chart(charts.causes(cause_rows(economy), title=title), alt=title)


def _retention_chart(dataset: Dataset, period: Period, economy: Economy) -> None:  # noqa: ARG001  # as above
    if not {"learners", "enrollments", "platform_metrics"} <= set(dataset.tables):
        return
    cells = retention(dataset, period)
    if len(cells):
        title = "Share of each month's new learners who take a course, by months since joining"
        st.altair_chart(explore.retention(cells, title=title), alt=title)


def _price_chart(dataset: Dataset, period: Period | None, economy: Economy) -> None:  # noqa: ARG001  # as above
    index = economy_cache.price_index(dataset.id)
    if len(index) > 1:
        title = f"Price index: {index['index'].iloc[-1]:.1f} in the last period (first period = 100)"
        st.altair_chart(charts.price_index(index, title=title), alt=title)


def _no_chart(*_: object) -> None:
    pass


CHARTS: dict[str, Callable[[Dataset, Any, Economy], None]] = {
    SUPPLY: _supply_charts,
    FLOWS: _flow_chart,
    DEBTS: _no_chart,
    PEOPLE: _retention_chart,
    PRICES: _price_chart,
}
"""The charts below the figures of each group."""


def show_entries(dataset: Dataset, period: Period | None) -> None:
    """Show the ledger entries of a figure, with a download."""
    if period is None:
        return
    name = _choose_line()
    economy = entries_of(dataset, name, period)
    unit = f"in money (1.00 is {MONEY})" if LINE_ITEMS[name].money else "tokens"
    st.markdown(
        f"**{economy.count:,} entries** sum to **{economy.total / 100:,.2f} {unit}**"
        + (" up to the end of the period" if LINE_ITEMS[name].stock else " in the period")
        + (f"; the newest {len(economy.table):,} are shown." if len(economy.table) < economy.count else ".")
    )
    st.dataframe(
        economy.table,
        hide_index=True,
        key="economy.entries",
        column_config={"amount": "amount (1/100 token)", "money_cents": "money (cents)", "occurred_at": "at (UTC)"},
    )
    st.download_button(
        f"Download up to {MOST_DOWNLOADED:,} (CSV)",
        partial(_entries_csv, dataset, name, period),
        f"{name}.csv",
        "text/csv",
        key="economy.entries.csv",
        on_click="ignore",
        icon=":material/download:",
    )


def _choose_line() -> str:
    """Return the selected ledger line; for a ratio, one of its components."""
    lines = [name for name in ECONOMY if line_items_of(name)]
    figure = st.selectbox(
        "Figure",
        lines,
        format_func=lambda name: ECONOMY[name].title,
        key="economy.figure",
        help="The figure whose entries are shown.",
    )
    components = line_items_of(figure)
    if len(components) == 1:
        return components[0]
    selection = st.segmented_control(
        "Component",
        components,
        default=components[0],
        key=f"economy.line.{figure}",
        required=True,
        format_func=lambda line: line.replace("_", " "),
    )
    return str(selection)


def _entries_csv(dataset: Dataset, name: str, period: Period) -> bytes:
    return table_csv(entries_of(dataset, name, period, MOST_DOWNLOADED).table)


def show_reconciliation(dataset: Dataset, period: Period | None) -> None:
    """Show the accounting identities between the figures and the ledger."""
    if period is None:
        return
    economy = economy_cache.reconciliation(dataset.id, period)
    if economy.broken:
        st.error(f"{len(economy.broken)} of {len(economy.identities)} identities do not hold.", icon=":material/error:")
        for item in economy.broken:
            st.markdown(f"- {escape(item.title)}: {item.left:,} versus {item.right:,}")
    else:
        st.success(f"All {len(economy.identities)} identities hold exactly.", icon=":material/check_circle:")
    st.caption("Values are integers in 1/100 token, cents or counts. The difference must be exactly 0.")
    st.dataframe(economy.table, hide_index=True, key="economy.reconciliation")


PAST = {"Figures": show_figures, "Entries": show_entries, "Reconciliation": show_reconciliation}
FUTURE = {"Forecast": forecast.show_forecast, "Forecast by run": forecast.show_runs}
"""The views of the page: over a past period, or from the end of the data."""


def show(dataset: Dataset) -> None:
    """Show the selected view; a data set without ledger only has figures."""
    names = [*PAST, *FUTURE] if LEDGER in dataset.tables else ["Figures"]
    if LEDGER not in dataset.tables:
        _without_ledger(dataset)
    view = str(
        st.segmented_control(
            "View", names, default=names[0], key=f"economy.view.{len(names)}", required=True, persist_state="session"
        )
    )
    if view in FUTURE:
        FUTURE[view](dataset)
    else:
        PAST[view](dataset, choose_range(dataset))


def _without_ledger(dataset: Dataset) -> None:
    """Explain what a data set without ledger offers and lacks."""
    st.info(
        "This data set has no token ledger, so this page only shows its prices and quantities. Supply, debts, ledger "
        "entries, reconciliation and forecasts need a generated market.",
        icon=":material/info:",
    )
    page_link("data", "Generate a market", ":material/database:")
    with st.expander("Missing figures"):
        for text in missing_table_notes(missing_figures(dataset)):
            st.markdown(text)
