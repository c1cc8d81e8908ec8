"""A search: the rows of its trials, its points, its runs, and its end."""

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue
from edtech.errors import JobCancelledError, ModelError, ParamsError
from edtech.ml.elasticity.family import TOKEN_ELASTICITY
from edtech.tables.roles import PanelRoles
from edtech.training.cross_validation import Folds
from edtech.training.search import Budget, search, search_points, tunable
from tests.worlds import make_world

BUDGET = Budget(trials=4, folds=2)
FOREST = TOKEN_ELASTICITY.algorithm("random_forest")


@pytest.fixture(scope="module")
def result(panel, tracker):
    names = ("trees", "max_depth", "min_samples_leaf")
    return search(
        panel, TOKEN_ELASTICITY, "random_forest", names=names, fixed={"trees": 10}, budget=BUDGET, tracker=tracker
    )


def test_folds_are_predicted_from_earlier_periods_and_exclude_the_test_rows(panel):
    folds = Folds(panel, test_share=0.25, count=2)
    times = np.sort(panel.panel()["week"].unique())
    assert [fold.panel()["week"].max() for fold in folds.datasets] == [times[11], times[7]]  # of 16
    assert [round(folds.share(number), 3) for number in range(2)] == [round(4 / 12, 3), round(4 / 8, 3)]
    assert folds.datasets[0].table("panel", ["enrollments"]).columns.tolist() == ["enrollments"]


def test_a_generated_market_is_cut_in_every_table_with_a_time(market):
    fold = Folds(market, test_share=0.25, count=1).datasets[0]
    assert fold.panel()["week"].max() < pd.Timestamp(fold.before)
    for table, time in (("views", "viewed_at"), ("enrollments", "enrolled_at"), ("platform_metrics", "day")):
        assert 0 < len(fold.table(table)) < len(market.table(table))
        assert fold.table(table, [time])[time].max() < pd.Timestamp(fold.before)


def test_a_data_set_that_is_too_short_or_has_no_time_is_refused(settings):
    frame = make_world(seed=1, units=20, weeks=5).panel
    short = Catalogue(settings.data_dir).add_panel(frame, PanelRoles(), name="Short")
    with pytest.raises(ModelError, match="too short for a search"):
        search(short, TOKEN_ELASTICITY, "linear", budget=BUDGET)
    timeless = Catalogue(settings.data_dir).add_panel(frame, PanelRoles(period=None, unit=None), name="No time")
    with pytest.raises(ModelError, match="needs a time column"):
        search(timeless, TOKEN_ELASTICITY, "linear", budget=BUDGET)


def test_points_begin_at_the_defaults_stay_in_bounds_and_fill_them():
    fields = tunable(FOREST)
    assert not {"seed", "evaluation_share"} & set(fields)
    tried = list(search_points(FOREST.params(), fields, Budget(trials=64)))
    assert tried[0] == FOREST.params()
    assert tried == list(search_points(FOREST.params(), fields, Budget(trials=64)))
    depths = [params.max_depth for params in tried[1:]]
    assert (min(depths), max(depths)) == (2, 20)
    # in the logarithm: about half of 5 to 500 lies below 50
    assert 0.4 < np.mean([params.min_samples_leaf < 50 for params in tried[1:]]) < 0.6


def test_the_best_trial_is_trained_and_the_search_is_one_run_with_its_trials(result, panel, tracker):
    assert len(result.trials) == BUDGET.trials
    assert result.trials["score"].is_monotonic_increasing
    assert result.best.result.params.max_depth == result.trials["max_depth"].iloc[0]
    assert result.best.result.params.max_features == FOREST.params().max_features
    parent = tracker.runs.get_run(result.run_id)
    assert (parent.kind, parent.status) == ("group", "FINISHED")
    assert parent.metrics["poisson_deviance"] == result.trials["score"].iloc[0]
    assert parent.tags["best"] == result.best.run_id
    assert "trials.csv" in parent.artifacts
    trials = tracker.runs.list_runs(kind="trial")
    assert (trials["tags.mlflow.parentRunId"] == result.run_id).all()
    assert sorted(trials["metrics.poisson_deviance"]) == sorted(result.trials["score"])
    best = tracker.runs.get_run(result.best.run_id)
    assert (best.kind, best.tags["mlflow.parentRunId"]) == ("training", result.run_id)
    assert result.best.result.evaluation["period"].min() > Folds(panel, 0.2, 2).datasets[0].panel()["week"].max()


def test_a_best_value_at_a_bound_gives_a_review(panel):
    result = search(panel, TOKEN_ELASTICITY, "random_forest", names=("trees",), fixed={"trees": 10}, budget=Budget(1))
    assert result.edges == ("trees = 10 at its lower bound",)
    [check] = [check for check in result.best.result.checks if check.code == "search_edge"]
    assert str(check.severity) == "REVIEW"
    assert "trees = 10" in check.evidence


def test_seconds_end_a_search_after_the_trial_under_way(panel):
    ended = search(panel, TOKEN_ELASTICITY, "linear", budget=Budget(trials=50, seconds=1e-6))
    assert len(ended.trials) == 1


def test_a_cancelled_search_keeps_its_trials_and_is_closed(panel, tracker):
    before = len(tracker.runs.list_runs(kind="trial"))

    def cancel(_share, text):
        if text.startswith("Trial 2"):
            raise JobCancelledError("You cancelled the search")

    with pytest.raises(JobCancelledError):
        search(panel, TOKEN_ELASTICITY, "linear", budget=BUDGET, tracker=tracker, progress=cancel)
    assert len(tracker.runs.list_runs(kind="trial")) == before + 1
    groups = tracker.runs.list_runs(kind="group", finished=False)
    assert groups.loc[groups["tags.algorithm"] == "linear", "status"].tolist() == ["FAILED"]


def test_a_hyperparameter_that_cannot_be_searched_is_refused(panel):
    with pytest.raises(ParamsError, match="cannot be searched"):
        search(panel, TOKEN_ELASTICITY, "random_forest", names=("seed",))
