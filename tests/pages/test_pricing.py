"""The Pricing page: what a slider says is what `what_if` says, and where it may not recommend it does not."""

import pytest

from edtech.ml.artifacts import load_result
from edtech.pipeline.worth import revenue_split
from edtech.pricing import what_if
from edtech.tracking import EdTechMLFlowTracker
from edtech.ui.widgets import number, percent
from tests.pages.look import choose_dataset, figures, texts, visit

SHOWN = {
    "Enrollments": "enrollments",
    "Token revenue": "token_revenue",
    "Teacher earnings": "teacher_earnings",
    "Commission": "platform_commission",
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


def test_a_data_set_without_runs_leads_to_the_training(full, open_page):
    app = open_page("overview")
    app.text_input(key="sidebar.experiment").set_value("Nothing here yet").run()
    choose(app, full.market)
    assert not app.exception
    assert "No run was trained on the chosen data set" in texts(app)
