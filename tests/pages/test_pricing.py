"""The Pricing page: what a slider says is what `what_if` says, and where it may not recommend it does not."""

import pytest

from edtech.ml.artifacts import load_result
from edtech.pipeline.worth import revenue_split
from edtech.pricing import what_if
from edtech.tracking import EdTechMLFlowTracker
from edtech.ui.widgets import number, percent
from tests.pages.look import choose_dataset, figures, press, table, texts, visit

SHOWN = {
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


def answer(full, dataset, algorithm: str, changes: dict[str, float]):
    store = EdTechMLFlowTracker(full.settings.experiment, settings=full.settings).runs
    result = load_result(store, full.runs[dataset.id][algorithm])
    return what_if(result, dataset.panel(), changes, split=revenue_split(dataset))


@pytest.mark.parametrize("algorithm", ["fixed_effects", "linear"])
def test_a_slider_moves_the_figures_to_what_the_run_says(full, open_page, algorithm):
    app = choose(open_page("overview"), full.market)
    app.selectbox(key="pricing.run").set_value(full.runs[full.market.id][algorithm]).run()
    before = figures(app)
    app.slider(key="pricing.change.Programming").set_value(-10).run()
    assert not app.exception
    expected = answer(full, full.market, algorithm, {"Programming": -0.1})
    assert figures(app) == {label: number(expected.effects[name].planned) for label, name in SHOWN.items()}
    assert figures(app) != before
    assert [metric.delta for metric in app.metric] == [percent(one.change) for one in expected.effects.values()]
    effect = expected.token_revenue
    assert (f"95 %: {percent(effect.low)} to {percent(effect.high)}" in texts(app)) == (effect.low is not None)
    assert "assumes no substitution" in texts(app)
    assert len(app.get("plotly_chart")) == 1


def test_where_courses_compete_a_model_that_does_not_know_it_recommends_nothing(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.selectbox(key="pricing.run").set_value(full.runs[full.market.id]["fixed_effects"]).run()
    said = texts(app)
    assert "courses compete" in said
    assert "Train the choice among offers" in said
    assert "the truth is known" in said
    assert not any("recommended" in part.value.columns for part in app.dataframe)


def test_without_known_ground_nothing_is_recommended_and_it_says_what_would_tell(full, open_page):
    app = choose(open_page("overview"), full.unknown)
    said = texts(app)
    assert "no price is recommended" in said
    assert "What would tell: give a 20% discount to half of the units" in said
    assert "No price is recommended here" in said
    assert not any("recommended" in part.value.columns for part in app.dataframe)


def test_beyond_the_prices_seen_it_says_that_it_extrapolates(full, open_page):
    app = choose(open_page("overview"), full.unknown)
    assert "This extrapolates" not in texts(app)
    app.slider(key="pricing.change.Design").set_value(50).run()
    assert answer(full, full.unknown, "fixed_effects", {"Design": 0.5}).extrapolates
    assert "This extrapolates" in texts(app)


def test_a_data_set_without_runs_leads_to_the_training(own_full, open_page):
    app = open_page("overview")
    app.text_input(key="sidebar.experiment").set_value("Nothing here yet").run()
    choose(app, own_full.market)
    assert not app.exception
    assert "No run was trained on the chosen data set" in texts(app)


def test_every_scope_asks_what_it_says(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.selectbox(key="pricing.run").set_value(full.runs[full.market.id]["fixed_effects"]).run()
    start = figures(app)
    app.segmented_control(key="pricing.scope").set_value("all").run()
    app.slider(key="pricing.percent.all").set_value(10).run()
    assert not app.exception
    every = dict.fromkeys(full.market.panel()["category"].unique(), 0.1)
    expected = answer(full, full.market, "fixed_effects", every)
    assert figures(app)["Token revenue"] == number(expected.token_revenue.planned)
    app.segmented_control(key="pricing.scope").set_value("level").run()
    assert figures(app) == start
    level = full.market.table("courses")["level"].iloc[0]
    app.slider(key=f"pricing.change.level.{level}").set_value(-20).run()
    assert figures(app) != start
    app.segmented_control(key="pricing.scope").set_value("unit").run()
    unit = full.market.table("courses")["course_id"].iloc[0]
    app.multiselect(key="pricing.picked.unit").set_value([unit]).run()
    app.radio(key="pricing.how.unit").set_value("set").run()
    assert not app.exception
    assert figures(app) != start


def test_a_price_list_that_cannot_be_used_is_told_and_one_that_can_is_asked(full, open_page):
    app = choose(open_page("overview"), full.market)
    app.segmented_control(key="pricing.scope").set_value("price list").run()
    key = f"pricing.list.{full.market.id}"
    app.file_uploader(key=key).upload("list.csv", b"unit,price\nnowhere,3\nC00,0\n", "text/csv").run()
    assert "The price list cannot be used" in texts(app)
    assert not app.exception
    unit = full.market.table("courses")["course_id"].iloc[0]
    app.file_uploader(key=key).upload("list.csv", f"unit,price\n{unit},3\n".encode(), "text/csv").run()
    assert not app.exception
    assert "cannot be used" not in texts(app)
    assert any(metric.delta for metric in app.metric)


def test_other_rates_change_the_commission_alone(full, open_page):
    app = choose(open_page("overview"), full.market)
    before = figures(app)
    app.slider(key="pricing.commission_rate").set_value(40).run()
    after = figures(app)
    assert after["Token revenue"] == before["Token revenue"]
    assert after["Commission"] != before["Commission"]


def test_a_plan_keeps_to_what_is_asked_and_contradictions_are_said(full, open_page):
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
    assert "so many enrollments cannot be kept" in texts(app)


def test_scenarios_are_saved_asked_again_deleted_and_restored(own_full, open_page):
    app = choose(open_page("overview"), own_full.market)
    press(app, "Save this what-if")
    assert "needs a name" in texts(app)
    app.slider(key="pricing.change.Programming").set_value(-10).run()
    app.text_input(key="scenarios.name").set_value("Cheaper <b>programming</b>")
    press(app, "Save this what-if")
    assert not app.exception
    assert table(app, "trust")["name"].tolist() == ["Cheaper <b>programming</b>"]
    press(app, "Duplicate")
    assert not app.exception
    again = table(app, "trust")
    assert again["name"].tolist() == ["Cheaper <b>programming</b> (again)", "Cheaper <b>programming</b>"]
    assert again["token_revenue_planned"].nunique() == 1
    press(app, "Delete")  # the one that is still chosen
    assert table(app, "trust")["name"].tolist() == ["Cheaper <b>programming</b> (again)"]
    press(app, "Restore")
    assert len(table(app, "trust")) == 2


def test_scenarios_are_those_of_the_data_set_and_lie_beside_the_plans_of_runs(own_full, open_page):
    app = choose(open_page("overview"), own_full.unknown)
    app.slider(key="pricing.change.Design").set_value(-10).run()
    app.text_input(key="scenarios.name").set_value("Of the other")
    press(app, "Save this what-if")
    choose(app, own_full.hostile)
    assert "Of the other" not in texts(app)
    app.slider[0].set_value(-5).run()
    said = next(metric.delta for metric in app.metric if metric.label == "Token revenue")
    app.text_input(key="scenarios.name").set_value("Cheaper")
    press(app, "Save this what-if")
    assert table(app, "trust")["name"].tolist() == ["Cheaper"]
    app.toggle(key="scenarios.all").set_value(True).run()
    assert set(table(app, "trust")["name"]) >= {"Cheaper", "Of the other"}
    beside = table(app, "what")
    assert not app.exception
    assert sorted(beside["what"].unique()) == ["plan of a run", "what-if"]
    change = beside.set_index("what")["change"]
    assert percent(change["what-if"]) == said
    assert change["plan of a run"] >= change["what-if"]
