"""The Compare page: runs side by side, ranked only on the same data."""

from edtech.reports.comparison import BEST
from tests.pages.look import table, texts


def marked(app) -> int:
    """Count the stars in all tables."""
    return sum(
        frame.value.astype(str).apply(lambda x: x.str.contains(BEST)).to_numpy().sum() for frame in app.dataframe
    )


def test_runs_on_the_same_data_are_ranked_by_each_metrics_direction(full, open_page):
    app = open_page("compare")
    assert app.multiselect[0].value == list(reversed(full.runs[full.market.id].values()))
    metrics = table(app, "better").set_index("metric")
    rmse = metrics.loc["RMSE"].iloc[:-2].str.replace(BEST, "").str.split(" ").str[0].astype(float)
    assert [name for name in rmse.index if metrics.loc["RMSE", name].startswith(BEST)] == [rmse.idxmin()]
    assert "(" in " ".join(metrics.loc["RMSE"].iloc[:-2])
    assert len(app.get("vega_lite_chart")) == 1
    assert {f"comparison-report.{ending}" for ending in ("html", "pdf", "xlsx", "zip")} <= {
        part.key for part in app.get("download_button")
    }


def test_runs_on_different_data_are_not_ranked_until_that_is_asked_for(full, open_page):
    app = open_page("compare")
    other = full.runs[full.unknown.id]["fixed_effects"]
    app.multiselect[0].set_value([full.runs[full.market.id]["linear"], other]).run()
    assert not app.exception
    assert "data" in app.warning[0].value
    assert marked(app) == 0
    app.toggle(key="compare.rank").set_value(True).run()
    assert marked(app) > 0
    assert app.warning


def test_choosing_no_run_says_what_to_do(full, open_page):
    app = open_page("compare")
    app.multiselect[0].set_value([]).run()
    assert not app.exception
    assert "choose runs above" in texts(app)


def test_other_metrics_can_be_set_against_each_other(full, open_page):
    app = open_page("compare")
    app.selectbox(key="compare.x").set_value("mae").run()
    app.selectbox(key="compare.y").set_value("fit_seconds").run()
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 1
