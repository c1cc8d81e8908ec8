"""The Compare page compares runs and ranks them only on the same data."""

import pytest
from streamlit.testing.v1 import AppTest

from edtech.metrics import metric
from edtech.reports.comparison import BEST
from edtech.settings import PROJECT
from edtech.tracking import RunStore
from edtech.ui.compare.charts import VIEWS
from tests.pages.look import figures, table, texts
from tests.waiting import SECONDS

CHARTS = (
    "Metric by metric",
    "Parallel coordinates",
    "Box plot",
    "Mean over seeds",
    "Metric over time",
    "Feature importance",
)


def marked(app) -> int:
    """Count the stars in all tables."""
    return sum(
        frame.value.astype(str).apply(lambda x: x.str.contains(BEST)).to_numpy().sum() for frame in app.dataframe
    )


def test_runs_on_the_same_data_are_ranked_by_each_metrics_direction(full, open_page):
    app = open_page("compare")
    assert app.multiselect(key="compare.runs").value == list(reversed(full.runs[full.market.id].values()))
    metrics = table(app, "better").set_index("metric")
    rmse = metrics.loc["RMSE"].iloc[:-2].str.replace(BEST, "").str.split(" ").str[0].astype(float)
    assert [name for name in rmse.index if metrics.loc["RMSE", name].startswith(BEST)] == [rmse.idxmin()]
    assert "(" in " ".join(metrics.loc["RMSE"].iloc[:-2])
    assert len(app.get("vega_lite_chart")) == 1
    assert {f"comparison-report.{extension}" for extension in ("html", "pdf", "xlsx", "zip")} <= {
        section.key for section in app.get("download_button")
    }


def test_runs_on_different_data_are_ranked_only_on_request(full, open_page):
    app = open_page("compare")
    other = full.runs[full.unknown.id]["fixed_effects"]
    app.multiselect(key="compare.runs").set_value([full.runs[full.market.id]["linear"], other]).run()
    assert not app.exception
    assert "data" in app.warning[0].value
    assert marked(app) == 0
    app.toggle(key="compare.rank").set_value(True).run()
    assert marked(app) > 0
    assert app.warning


def test_choosing_no_run_says_what_to_do(full, open_page):
    app = open_page("compare")
    app.multiselect(key="compare.runs").set_value([]).run()
    assert not app.exception
    assert "Choose runs above" in texts(app)


def test_other_metrics_can_be_set_against_each_other(full, open_page):
    app = open_page("compare")
    app.selectbox(key="compare.x").set_value("mae").run()
    app.selectbox(key="compare.y").set_value("fit_seconds").run()
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 1


def test_a_metric_can_be_set_against_a_parameter(full, open_page):
    app = open_page("compare")
    numeric = [name for name in app.selectbox(key="compare.x").options if name == "max_iterations"]
    app.selectbox(key="compare.x").set_value(numeric[0]).run()
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 1


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_a_chart_or_a_reason(full, open_page, view):
    app = open_page("compare")
    app.selectbox(key="compare.view").set_value(view).run()
    assert not app.exception
    assert not app.error
    if view in CHARTS:
        assert len(app.get("vega_lite_chart")) == 1
    if view == "Pictures":
        assert any(path.endswith(".png") for path in app.selectbox(key="compare.image").options)


def test_the_decisions_of_runs_stand_side_by_side(full, open_page):
    app = open_page("compare")
    app.sidebar.selectbox[0].set_value(full.unknown.id).run()  # the runs say which data set they are of
    app.selectbox(key="compare.view").set_value("Recommended prices").run()
    assert "Prices of Small market" in texts(app)
    value = table(app, "recommends").set_index("run")
    assert len(value) == 2
    logged = RunStore(settings=full.settings).list_runs()["metrics.decision_value_tokens"].dropna()
    assert set(value["decision value"].dropna()) <= set(logged)
    assert "decision" in texts(app) or "nothing to choose" in texts(app)


def test_two_runs_are_compared_on_the_same_rows(full, open_page):
    app = open_page("compare")
    app.selectbox(key="compare.view").set_value("Paired errors").run()
    assert "on the same" in texts(app)
    [value] = figures(app).values()
    runs = full.runs[full.market.id]
    maes = [RunStore(settings=full.settings).get_run(runs[item]).metrics["mae"] for item in ("fixed_effects", "linear")]
    assert value.endswith(metric("mae").unit)
    assert abs(float(value.split()[0])) < max(maes)


def test_search_conditions_and_order_live_in_the_address(full, open_page):
    app = open_page("compare")
    every = table(app, "started")
    app.text_input(key="compare.search").set_value("small MARKET")
    app.text_input(key="compare.where").set_value("rmse > 0 and algorithm = linear").run()
    assert not app.exception
    result = table(app, "started")
    assert (len(every), len(result)) == (4, 1)
    assert "1 of 4 runs match" in texts(app)
    assert app.multiselect(key="compare.runs").value == list(reversed(full.runs[full.market.id].values()))
    app.text_input(key="compare.search").set_value("")
    app.text_input(key="compare.where").set_value("nonsense < 2").run()
    assert "No run has a metric" in texts(app)
    app.text_input(key="compare.where").set_value("rmse <").run()
    assert "This is not a valid condition" in texts(app)


def test_runs_of_the_address_are_laid_side_by_side(full, open_page):
    app = open_page("compare")
    request = full.runs[full.unknown.id]["fixed_effects"]
    fresh = AppTest.from_file(str(PROJECT / "pages" / "compare.py"), default_timeout=SECONDS)
    fresh.query_params["compare.runs"] = [request, "no-such-run"]
    fresh.run()
    assert not fresh.exception
    assert fresh.multiselect(key="compare.runs").value == [request]
    assert app.query_params["compare.runs"]


def test_ticked_runs_are_laid_side_by_side(full, open_page):
    app = open_page("compare")
    rows = app.dataframe[0].value
    app.session_state["compare.table.4"] = {"selection": {"rows": [0, 3], "columns": []}}
    app.run()
    app.button(key="compare.lay").click().run()
    assert not app.exception
    assert len(app.multiselect(key="compare.runs").value) == 2
    assert len(rows) == 4
