"""The Pricing page shows the results of `what_if`, and recommends prices only if it may."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from edtech.ml.artifacts import load_result
from edtech.pricing import what_if
from edtech.pricing.plan_policy import revenue_split
from edtech.pricing.price_changes import PriceChange
from edtech.pricing.scenarios import Scenario, scenario_items
from edtech.settings import PROJECT
from edtech.tables.formatting import format_change
from edtech.tracking import EdTechMLFlowTracker
from edtech.ui.cache import run_cache
from edtech.ui.pricing.price_inputs import widget_key
from edtech.ui.widgets import format_number
from tests.pages.look import choose_dataset, figures, press, table, texts, visit
from tests.waiting import SECONDS

DISPLAYED = {
    "Enrollments": "enrollments",
    "Token revenue": "token_revenue",
    "Teacher earnings": "teacher_earnings",
    "Commission": "platform_commission",
    "Tokens burned": "tokens_burned",
    "Enrollment rate": "enrollment_rate",
}


def choose(app, dataset, page: str = "pricing"):
    choose_dataset(app, dataset.id)
    return visit(app, page)


def reloaded(app):
    """Open the dashboard by its current address, in a new session."""
    again = AppTest.from_file(str(PROJECT / "edtech" / "ui" / "dashboard.py"), default_timeout=SECONDS)
    for name, values in app.query_params.items():
        again.query_params[name] = values
    return again.run()


def answer(full, dataset, algorithm: str, changes: dict[str, float]):
    store = EdTechMLFlowTracker(full.settings.experiment, settings=full.settings).runs
    result = load_result(store, full.runs[dataset.id][algorithm])
    return what_if(result, dataset.panel(), changes, split=revenue_split(dataset))


@pytest.mark.parametrize("algorithm", ["fixed_effects", "linear"])
def test_a_slider_moves_the_figures_to_what_the_run_says(full, open_page, algorithm):
    app = choose(open_page("overview"), full.market)
    app.selectbox(key=widget_key(full.market, "run")).set_value(full.runs[full.market.id][algorithm]).run()
    before = figures(app)
    app.slider(key=widget_key(full.market, "change", "segment", "Programming")).set_value(-10).run()
    assert not app.exception
    expected = answer(full, full.market, algorithm, {"Programming": -0.1})
    assert figures(app) == {label: format_number(expected.effects[name].planned) for label, name in DISPLAYED.items()}
    assert figures(app) != before
    assert [metric.delta for metric in app.metric] == [format_change(item.change) for item in expected.effects.values()]
    effect = expected.token_revenue
    assert (f"95%: {format_change(effect.low)} to {format_change(effect.high)}" in texts(app)) == (
        effect.low is not None
    )
    assert "Substitution is not modeled" in texts(app)
    assert len(app.get("plotly_chart")) == 1


def test_without_substitution_no_prices_are_recommended_for_competing_courses(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.selectbox(key=widget_key(full.market, "run")).set_value(full.runs[full.market.id]["fixed_effects"]).run()
    page_text = texts(app)
    assert "courses compete" in page_text
    assert "Train the discrete choice model" in page_text
    assert "Versus ground truth" in page_text
    assert not any("recommended" in section.value.columns for section in app.dataframe)


def test_without_identification_no_prices_are_recommended_and_the_page_says_why(full, open_page):
    app = choose(open_page("overview"), full.unknown)
    page_text = texts(app)
    assert "no price is recommended" in page_text
    assert "Test to run: give a 20% discount to a random half of the units" in page_text
    assert "No prices are recommended" in page_text
    assert not any("recommended" in section.value.columns for section in app.dataframe)


def test_beyond_observed_prices_the_page_warns_about_extrapolation(full, open_page):
    app = choose(open_page("overview"), full.unknown)
    assert "This extrapolates" not in texts(app)
    app.slider(key=widget_key(full.unknown, "change", "segment", "Design")).set_value(50).run()
    assert answer(full, full.unknown, "fixed_effects", {"Design": 0.5}).extrapolates
    assert "This extrapolates" in texts(app)


def test_a_data_set_without_runs_links_to_training(own_full, open_page):
    app = open_page("overview")
    app.text_input(key="sidebar.experiment").set_value("Nothing here yet").run()
    choose(app, own_full.market)
    assert not app.exception
    assert "No run is trained on the selected data set" in texts(app)


def test_every_scope_changes_its_prices(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.selectbox(key=widget_key(full.market, "run")).set_value(full.runs[full.market.id]["fixed_effects"]).run()
    start = figures(app)
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("all").run()
    app.slider(key=widget_key(full.market, "percent", "all")).set_value(10).run()
    assert not app.exception
    every = dict.fromkeys(full.market.panel()["category"].unique(), 0.1)
    expected = answer(full, full.market, "fixed_effects", every)
    assert figures(app)["Token revenue"] == format_number(expected.token_revenue.planned)
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("level").run()
    assert figures(app) == start
    level = full.market.table("courses")["level"].iloc[0]
    app.slider(key=widget_key(full.market, "change", "level", level)).set_value(-20).run()
    assert figures(app) != start
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("unit").run()
    unit = full.market.table("courses")["course_id"].iloc[0]
    app.multiselect(key=widget_key(full.market, "picked", "unit")).set_value([unit]).run()
    app.radio(key=widget_key(full.market, "how", "unit")).set_value("set").run()
    assert not app.exception
    assert figures(app) != start


def test_an_invalid_price_list_is_an_error_and_a_valid_one_is_used(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("price list").run()
    key = widget_key(full.market, "list")
    app.file_uploader(key=key).upload("list.csv", b"unit,price\nnowhere,3\nC00,0\n", "text/csv").run()
    assert "The price list has invalid rows" in texts(app)
    assert not app.exception
    unit = full.market.table("courses")["course_id"].iloc[0]
    app.file_uploader(key=key).upload("list.csv", f"unit,price\n{unit},3\n".encode(), "text/csv").run()
    assert not app.exception
    assert "has invalid rows" not in texts(app)
    assert any(metric.delta for metric in app.metric)


def test_a_small_change_has_significant_digits_and_a_change_in_tokens(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("price list").run()
    prices = full.market.by_unit().set_index("unit")["price"].iloc[:1] * 1.0005
    listed = prices.to_csv(header=["price"]).encode()
    app.file_uploader(key=widget_key(full.market, "list")).upload("list.csv", listed, "text/csv").run()
    assert not app.exception
    assert not app.error
    changes = {metric.label: metric.delta for metric in app.metric}
    assert set(changes["Token revenue"]) & set("123456789")
    [caption] = [item.value for item in app.caption if "tokens / period" in item.value][:1]
    assert re.search(r"today [\d,.]+ tokens / period; [+-]?[\d.e-]*[1-9]", caption)


def test_other_rates_change_the_commission_alone(full, open_page):
    app = choose(open_page("overview"), full.market)
    before = figures(app)
    app.slider(key=widget_key(full.market, "commission_rate")).set_value(40).run()
    after = figures(app)
    assert after["Token revenue"] == before["Token revenue"]
    assert after["Commission"] != before["Commission"]


def test_inputs_of_a_data_set_do_not_apply_to_another(full, open_page):
    app = choose(open_page("overview"), full.unknown)
    own = figures(app)
    choose(app, full.market)
    app.slider(key=widget_key(full.market, "commission_rate")).set_value(45).run()
    app.slider(key=widget_key(full.market, "change", "segment", "Programming")).set_value(-10).run()
    app.sidebar.selectbox[0].set_value(full.unknown.id).run()
    split = revenue_split(full.unknown)
    assert app.slider(key=widget_key(full.unknown, "commission_rate")).value == round(100 * split.commission_rate)
    assert figures(app) == own


def test_a_plan_respects_guardrails_and_reports_contradictions(full, open_page):
    app = choose(open_page("overview"), full.hostile)
    app.number_input(key="pricing.most").set_value(3)
    app.number_input(key="pricing.step").set_value(1.0)
    press(app, "Recommend")
    assert not app.exception
    plan = table(app, "recommended")
    changed = plan[plan["change"].abs() > 1e-9]
    assert 0 < len(changed) <= 3
    assert (changed["recommended"] % 1 == 0).all()
    app.slider(key="pricing.least").set_value(120)
    app.slider(key="pricing.max_change").set_value(5)
    press(app, "Recommend")
    assert "minimum enrollments cannot be reached" in texts(app)


def test_invalid_bounds_are_an_error_and_can_be_corrected(full, open_page):
    app = choose(open_page("overview"), full.hostile)
    first = table(app, "recommended").iloc[0]
    bounds = app.file_uploader(key=f"pricing.bounds.{full.hostile.id}")
    bounds.upload("bounds.csv", b"unit,floor,ceiling\nC00,-3,many\n", "text/csv")
    press(app, "Recommend")
    assert "The bounds in the column 'floor' have invalid rows" in texts(app)
    assert not app.exception
    assert not any("recommended" in section.value.columns for section in app.dataframe)
    right = f'unit,floor,ceiling\n"{first["unit"]}",{first["today"]},\n'.encode()
    app.file_uploader(key=f"pricing.bounds.{full.hostile.id}").upload("bounds.csv", right, "text/csv")
    press(app, "Recommend")
    assert "invalid rows" not in texts(app)
    assert not app.error
    bounded = table(app, "recommended").set_index("unit").loc[first["unit"], "recommended"]
    assert first["recommended"] < first["today"] <= bounded + 1e-6


def test_a_what_if_persists_across_scopes_and_pages(full, open_page):
    app = choose(open_page("overview"), full.market)
    rate = widget_key(full.market, "commission_rate")
    app.slider(key=rate).set_value(45).run()
    app.slider(key=widget_key(full.market, "change", "segment", "Programming")).set_value(-10).run()
    request = figures(app)
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("all").run()
    assert figures(app) != request
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("segment").run()
    assert figures(app) == request
    app.segmented_control(key=widget_key(full.market, "scope")).set_value("all").run()
    app.slider(key=widget_key(full.market, "percent", "all")).set_value(10).run()
    request = figures(app)
    visit(visit(app, "data"), "pricing")
    assert app.segmented_control(key=widget_key(full.market, "scope")).value == "all"
    assert app.slider(key=rate).value == 45
    assert figures(app) == request


def test_a_reload_keeps_run_and_data_set(full, open_page):
    app = choose(open_page("overview"), full.unknown)
    choose(app, full.market)
    run = full.runs[full.market.id]["linear"]
    app.selectbox(key=widget_key(full.market, "run")).set_value(run).run()
    visit(app, "train")
    again = reloaded(app)
    visit(again, "pricing")
    assert again.sidebar.selectbox[0].value == full.market.id
    assert again.selectbox(key=widget_key(full.market, "run")).value == run
    assert "The address names" not in texts(again)


def test_an_address_without_values_stays_so_for_the_back_button(full, open_page):
    app = choose(open_page("overview"), full.market)
    assert app.query_params["dataset"] in (full.market.id, [full.market.id])
    app.query_params.clear()
    assert "dataset" not in app.run().query_params
    assert visit(app, "data").query_params["dataset"] in (full.market.id, [full.market.id])


def test_unknown_names_in_the_address_are_reported(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.query_params["dataset"], app.query_params["run"] = "0" * 16, "1" * 32
    again = reloaded(app)
    assert "names a data set that does not exist here" in texts(again)
    visit(again, "pricing")
    assert not again.exception
    assert "The address names" not in texts(again.run())


def test_scenarios_are_saved_copied_deleted_and_restored(own_full, open_page):
    app = choose(open_page("overview"), own_full.market)
    press(app, "Save scenario")
    assert "has no name" in texts(app)
    app.slider(key=widget_key(own_full.market, "change", "segment", "Programming")).set_value(-10).run()
    app.text_input(key="scenarios.name").set_value("Cheaper <b>programming</b>")
    press(app, "Save scenario")
    press(app, "Save scenario")
    assert not app.exception
    assert table(app, "Trust")["Name"].tolist() == ["Cheaper <b>programming</b>"]
    press(app, "Duplicate")
    assert not app.exception
    again = table(app, "Trust")
    assert again["Name"].tolist() == ["Cheaper <b>programming</b> (copy)", "Cheaper <b>programming</b>"]
    assert again["Tokens per period"].nunique() == 1
    change = next(metric.delta for metric in app.metric if metric.label == "Token revenue")
    assert again.columns[:2].tolist() == ["Name", "Token revenue"]
    assert again["Token revenue"].str.startswith(f"{change} (").all()
    press(app, "Delete")  # the scenario that is still selected
    assert table(app, "Trust")["Name"].tolist() == ["Cheaper <b>programming</b> (copy)"]
    press(app, "Restore")
    assert len(table(app, "Trust")) == 2


def test_a_saved_scenario_is_opened_on_the_form(own_full, open_page):
    market, linear = own_full.market, own_full.runs[own_full.market.id]["linear"]
    app = choose(open_page("overview"), market)
    app.selectbox(key=widget_key(market, "run")).set_value(linear).run()
    app.slider(key=widget_key(market, "burn_rate")).set_value(11).run()
    slider = widget_key(market, "change", "segment", "Programming")
    app.slider(key=slider).set_value(-10).run()
    saved = figures(app)
    app.text_input(key="scenarios.name").set_value("Cheaper")
    press(app, "Save scenario")
    app.selectbox(key=widget_key(market, "run")).set_value(own_full.runs[market.id]["fixed_effects"]).run()
    app.slider(key=slider).set_value(0).run()
    app.slider(key=widget_key(market, "change", "segment", "Design")).set_value(20).run()
    app.slider(key=widget_key(market, "burn_rate")).set_value(3).run()
    app.segmented_control(key=widget_key(market, "scope")).set_value("all").run()
    press(app, "Open")
    assert not app.exception
    assert not app.error
    assert "Cheaper is loaded into the form below" in texts(app)
    assert app.selectbox(key=widget_key(market, "run")).value == linear
    assert app.slider(key=slider).value == -10
    assert figures(app) == saved
    app.slider(key=slider).set_value(0).run()
    assert figures(app) != saved


def test_a_scenario_that_no_slider_can_show_is_opened_as_a_list(own_full, open_page):
    market, run = own_full.market, own_full.runs[own_full.market.id]["linear"]
    app = choose(open_page("overview"), market)
    changes = tuple(PriceChange("segment", (name,), "percent", 0.055) for name in ("Programming", "Design"))
    request = Scenario(name="Finer", run_id=run, dataset_id=market.id, changes=changes)
    tracker = EdTechMLFlowTracker(own_full.settings.experiment, settings=own_full.settings)
    outcome = answer(own_full, market, "linear", {"Programming": 0.055, "Design": 0.055})
    tracker.log(scenario_items(request, outcome, market.name, market.digest))
    run_cache.scenario_table.clear()
    app.run()
    press(app, "Open")
    assert not app.exception
    assert figures(app)["Token revenue"] == format_number(outcome.token_revenue.planned)
    visit(visit(app, "data"), "pricing")
    assert figures(app)["Token revenue"] == format_number(outcome.token_revenue.planned)
    press(app, "Remove list")
    assert figures(app)["Token revenue"] == format_number(outcome.token_revenue.today)


def test_scenarios_of_the_data_set_are_compared_with_the_plans_of_runs(own_full, open_page):
    app = choose(open_page("overview"), own_full.unknown)
    app.slider(key=widget_key(own_full.unknown, "change", "segment", "Design")).set_value(-10).run()
    app.text_input(key="scenarios.name").set_value("Of the other")
    press(app, "Save scenario")
    choose(app, own_full.hostile)
    assert "Of the other" not in texts(app)
    app.slider[0].set_value(-5).run()
    change = next(metric.delta for metric in app.metric if metric.label == "Token revenue")
    app.text_input(key="scenarios.name").set_value("Cheaper")
    press(app, "Save scenario")
    assert table(app, "Trust")["Name"].tolist() == ["Cheaper"]
    app.toggle(key="scenarios.all").set_value(True).run()
    assert set(table(app, "Trust")["Name"]) >= {"Cheaper", "Of the other"}
    beside = table(app, "what")
    assert not app.exception
    assert sorted(beside["what"].unique()) == ["plan of a run", "what-if"]
    changes = beside.set_index("what")["change"]
    assert format_change(changes["what-if"]) == change
    assert changes["plan of a run"] >= changes["what-if"]
