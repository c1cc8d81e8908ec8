"""The Train page: widgets for the hyperparameters, and a logged run."""

import shutil
from typing import get_args, get_origin

import pytest

from edtech.ml import ALGORITHMS
from edtech.ml.elasticity.algorithms import available_algorithms
from edtech.tables.roles import MARKET_ROLES
from edtech.tracking import EdTechMLFlowTracker
from edtech.ui.state import Key
from edtech.ui.widgets import bounds, format_number
from tests.pages.look import choose_dataset, figures, press, texts
from tests.toy_family import WEEKLY_VIEWS, registered


@pytest.fixture
def market(stored_full, home):
    """The small market in this test's own home, without runs."""
    shutil.copytree(stored_full.settings.data_dir / stored_full.market.id, home.data_dir / stored_full.market.id)
    return stored_full.market


def choose(app, algorithm: str):
    return app.segmented_control(key="train.algorithm.token_elasticity").set_value(algorithm).run()


def test_each_algorithm_has_a_widget_for_each_hyperparameter_with_its_bounds(market, open_page):
    app = open_page("train")
    for algorithm in (ALGORITHMS[name] for name in available_algorithms(MARKET_ROLES, has_visits=True)):
        choose(app, algorithm.name)
        assert not app.exception
        assert algorithm.help in texts(app)
        widgets = {widget.key: widget for widget in (*app.slider, *app.number_input, *app.toggle, *app.selectbox)}
        for field, info in algorithm.params.model_fields.items():
            widget = widgets[f"train.token_elasticity.{algorithm.name}.0.{field}"]
            assert (widget.value, widget.help) == (getattr(algorithm.params(), field), info.description)
            if get_origin(info.annotation):
                assert widget.options == [str(option) for option in get_args(info.annotation)]
            elif info.annotation is not bool:
                assert (widget.min, widget.max) == bounds(info)
                assert (widget.value - widget.min) / widget.step == pytest.approx(
                    round((widget.value - widget.min) / widget.step)
                )


def test_training_logs_a_run_with_the_selected_values_and_shows_its_results(market, open_page, home):
    app = choose(open_page("train"), "linear")
    app.slider(key="train.token_elasticity.linear.0.evaluation_share").set_value(0.3)
    press(app, "Train")
    assert not app.exception
    runs = EdTechMLFlowTracker(home.experiment, settings=home).runs.list_runs([home.experiment])
    [run] = runs.to_dict("records")
    assert float(run["params.evaluation_share"]) == 0.3
    assert run["tags.dataset_digest"] == market.digest
    assert figures(app)["RMSE (pieces)"] == format_number(run["metrics.rmse"])
    page_text = texts(app)
    assert "Trained and logged: 1 run." in page_text
    assert f"{run['metrics.price_elasticity_coefficient']:.2f}" in page_text
    assert (
        f"{run['metrics.naive_elasticity']:+.2f}" in page_text or f"{run['metrics.naive_elasticity']:.2f}" in page_text
    )
    assert f"runs:/{run['run_id']}/model" in page_text
    assert f"Run **{run['name']}**: Price elasticity of demand, **{ALGORITHMS['linear'].title}**" in page_text


def test_results_of_another_family_are_shown_only_on_request(full, open_page):
    run_id = full.runs[full.market.id]["linear"]
    app = choose_dataset(open_page("train"), full.market.id)
    app.session_state[Key.TRAINING_RUN] = run_id
    assert f"runs:/{run_id}/model" in texts(app.run())
    app.selectbox(key=f"train.family.{full.market.id}").set_value("teacher_quality").run()
    assert "The last training was of another family: Price elasticity of demand" in texts(app)
    assert f"runs:/{run_id}/model" not in texts(app)
    app.toggle(key=f"train.other.{run_id}").set_value(True).run()
    assert not app.exception
    assert f"runs:/{run_id}/model" in texts(app)
    assert "another data set" not in texts(app)
    choose_dataset(app, full.hostile.id)
    assert "This run was trained on another data set than the selected one" in texts(app)


def test_reset_restores_the_defaults(market, open_page):
    app = choose(open_page("train"), "linear")
    app.slider(key="train.token_elasticity.linear.0.evaluation_share").set_value(0.3)
    press(app, "Reset to defaults")
    assert app.slider(key="train.token_elasticity.linear.1.evaluation_share").value == 0.2


def test_a_new_family_trains_and_is_shown_without_a_view_of_its_own(market, open_page, home):
    with registered(WEEKLY_VIEWS):
        app = open_page("train")
        app.selectbox(key=f"train.family.{market.id}").set_value(WEEKLY_VIEWS.name).run()
        press(app, "Train")
        assert not app.exception
        [run] = EdTechMLFlowTracker(home.experiment, settings=home).runs.list_runs().to_dict("records")
        assert figures(app)["RMSE (pieces)"] == format_number(run["metrics.rmse"])
        page_text = texts(app)
    assert f"Views are predicted with an RMSE of {run['metrics.rmse']:.2f}" in page_text
    assert "this model family has no decision to evaluate" in page_text
    assert f"runs:/{run['run_id']}/model" in page_text
