"""The Economy page: figures of the ledger, their entries and their reconciliation."""

import json
from datetime import timedelta

from edtech.economy import ECONOMY, economy, entries_of, reconcile, select_period, whole_period
from edtech.economy.dictionary import MAIN_FIGURES, SHARE
from edtech.economy.forecast import forecast
from edtech.economy.observed_flows import observe_flows
from edtech.economy.simulation import Assumptions
from edtech.tables.formatting import format_change
from edtech.ui.widgets import format_number
from tests.pages.look import choose_dataset, figures, table, texts, visit


def opened(open_page, dataset):
    return visit(choose_dataset(open_page("overview"), dataset.id), "economy")


def metric_label(name: str) -> str:
    about = ECONOMY[name]
    has_unit = about.unit == SHARE or about.title.endswith(about.unit)
    return about.title if has_unit else f"{about.title} ({about.unit})"


def show_view(app, view: str):
    app.segmented_control[0].set_value(view).run()
    assert not app.exception
    return app


def test_the_figures_are_those_of_the_last_weeks_against_the_weeks_before(full, open_page):
    app = opened(open_page, full.market)
    assert not app.exception
    whole = whole_period(full.market)
    period = select_period(full.market, whole.last - timedelta(days=whole.days // 2 - 1), whole.last)
    result = economy(full.market, period).figures
    view = figures(app)
    assert set(view) == {metric_label(name) for name in result}
    assert [*view][: len(MAIN_FIGURES)] == [metric_label(name) for name in MAIN_FIGURES]
    assert view["Circulating supply (tokens)"] == format_number(result["circulating_supply"].value)
    assert view["Take rate"] == f"{result['take_rate'].value:.1%}"
    deltas = {metric.label: metric.delta for metric in app.metric}
    assert deltas["Token revenue (tokens)"] == format_change(result["spent"].change)
    rate = result["take_rate"]
    assert deltas["Take rate"] == f"{100 * (rate.value - rate.before):+z.1f} points"
    assert view["Money received (100 cents)"] == f"{result['money_in'].value:,.2f}"
    assert "the period before" in texts(app)
    assert all(metric.help for metric in app.metric)


def test_another_period_changes_the_figures_and_an_empty_period_is_an_error(full, open_page):
    app = opened(open_page, full.market)
    before = figures(app)
    whole = whole_period(full.market)
    app.date_input[1].set_value(whole.first + timedelta(days=20)).run()
    assert "The range of days is empty" in texts(app)
    app.date_input[0].set_value(whole.first).run()
    assert not app.exception
    expected = economy(full.market, select_period(full.market, whole.first, whole.first + timedelta(days=20)))
    assert (
        figures(app)["Token revenue (tokens)"]
        == format_number(expected.figures["spent"].value)
        != before["Token revenue (tokens)"]
    )
    assert "do not cover an equally long period" in texts(app)


def test_the_entries_and_the_reconciliation(full, open_page):
    app = show_view(opened(open_page, full.market), "Entries")
    app.selectbox(key="economy.figure").set_value("take_rate").run()
    assert app.segmented_control(key="economy.line.take_rate").options == ["commission", "spent", "refunded"]
    whole = whole_period(full.market)
    period = select_period(full.market, app.date_input[0].value, whole.last)
    result = entries_of(full.market, "commission", period)
    assert f"{result.count:,} entries" in texts(app)
    assert table(app, "entry_id")["amount"].sum() == result.total
    show_view(app, "Reconciliation")
    reconciliation = reconcile(full.market, period)
    assert f"All {len(reconciliation.identities)} identities hold exactly" in texts(app)
    assert (table(app, "identity")["difference"] == 0).all()


def test_a_panel_shows_its_figures_and_names_the_missing_ones(full, open_page):
    app = opened(open_page, full.unknown)
    assert not app.exception
    assert set(figures(app)) == {
        "Enrollments (pieces)",
        "Price times quantity (tokens)",
        "Mean price paid (tokens)",
        "Price index (first = 100)",
    }
    assert "This data set has no token ledger" in texts(app)
    assert "no table token_ledger, so these figures are missing: Circulating supply" in texts(app)
    assert app.segmented_control[0].options == ["Figures"]


def test_the_forecast_depends_on_rules_and_on_a_runs_prices(full, open_page):
    app = show_view(opened(open_page, full.market), "Forecast")
    observed = observe_flows(full.market)
    request = Assumptions.of(observed)
    view = figures(app)
    assert view["Token revenue (tokens)"] == format_number(forecast(observed, request).figure("spent")["mid"])
    assert "Assumptions" in [section.value for section in app.subheader]
    rate = app.slider(key=f"economy.{full.market.id}.commission_rate")
    assert rate.proto.format == "percent"
    rate.set_value(0.4).run()
    assert not app.exception
    more = forecast(observed, request.model_copy(update={"commission_rate": 0.4})).figure("commission")
    assert figures(app)["Commission (tokens)"] == format_number(more["mid"])
    app.segmented_control(key=f"economy.{full.market.id}.prices").set_value("By segment").run()
    app.selectbox(key=f"economy.{full.market.id}.run").set_value(full.runs[full.market.id]["fixed_effects"]).run()
    app.slider(key=f"economy.{full.market.id}.change.Programming").set_value(-20).run()
    assert not app.exception
    assert figures(app)["Token revenue (tokens)"] != view["Token revenue (tokens)"]
    app.segmented_control(key=f"economy.{full.market.id}.prices").set_value("Recommended by a run").run()
    assert "This run recommends no prices" in texts(app)
    assert figures(app)["Token revenue (tokens)"] == view["Token revenue (tokens)"]


def test_runs_are_compared_by_metrics_and_forecasts(full, open_page):
    app = show_view(opened(open_page, full.market), "Forecast by run")
    view = table(app, "Today's prices").set_index("figure")
    assert len(view.columns) == 2 + len(full.runs[full.market.id])
    assert "Circulating supply" in view.index
    widths = json.loads(next(section for section in app.dataframe if "figure" in section.value.columns).proto.columns)
    for name in view.columns:
        assert widths[name]["width"] >= 7 * view[name].iloc[1:].str.len().max(), name
    assert (view.loc["RMSE"].drop(["unit", "Today's prices"]) != "").all()


def test_without_a_run_only_rules_can_change(own_full, open_page):
    app = open_page("overview")
    app.text_input(key="sidebar.experiment").set_value("Nothing here yet").run()
    visit(choose_dataset(app, own_full.market.id), "economy")
    show_view(app, "Forecast")
    assert "only rules can change" in texts(app)
    show_view(app, "Forecast by run")
    assert "No demand model is trained" in texts(app)
