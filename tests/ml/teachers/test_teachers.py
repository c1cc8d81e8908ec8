"""Effects and ranks of teachers against simulated truth; warnings and refused inputs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from edtech.data import Catalogue
from edtech.errors import ModelError
from edtech.jobs.progress import no_progress
from edtech.market import MarketParams, generate_market
from edtech.metrics import METRICS
from edtech.ml.artifacts import load_result
from edtech.ml.teachers.algorithms import ALGORITHMS
from edtech.ml.teachers.ranks import rank_intervals, ranks
from edtech.ml.teachers.training import train_ratings
from edtech.settings import Settings
from edtech.tables.roles import RatingRoles
from edtech.tracking import EdTechMLFlowTracker
from edtech.training.trainer import train_runs
from tests.ml.teachers.conftest import ROLES, simulate


def train(rows, algorithm="mixed_model", roles=ROLES, **values):
    kind = ALGORITHMS[algorithm]
    return train_ratings(rows, roles, kind, kind.validate_params({"draws": 500, **values}), no_progress)


def distance(result, truth):
    output = result.teachers.set_index("teacher")["effect"].loc[truth.index]
    return float(np.sqrt(np.mean((output - output.mean() - truth + truth.mean()) ** 2)))


def severities(result):
    return {check.code: check.severity for check in result.checks}


@pytest.fixture(scope="module")
def results(simulated):
    return {name: train(simulated.rows, name) for name in ALGORITHMS}


def test_variance_components_are_recovered(results, simulated):
    metrics = results["mixed_model"].metrics
    # 80 teachers and 240 courses: the standard errors of these are about 0.05, 0.03 and 0.02
    assert metrics["teacher_sd"] == pytest.approx(0.5, abs=0.13)
    assert metrics["course_sd"] == pytest.approx(0.3, abs=0.09)
    assert metrics["rating_sd"] == pytest.approx(0.8, abs=0.05)


def test_slopes_are_those_within_teachers_whatever_the_sorting(results):
    model = results["mixed_model"].model
    _, scale = model.controls_["numbers"]["ability"]
    # 1,900 ratings with a spread of 0.8: a standard error of 0.02
    assert model.slopes_[0] / scale == pytest.approx(0.6, abs=0.06)


def test_the_mixed_model_is_more_accurate_than_shrunk_means_and_these_than_raw_means(results, simulated):
    mixed, bayes, raw = (distance(results[name], simulated.effects) for name in ALGORITHMS)
    assert mixed < 0.8 * bayes < bayes <= raw
    without = train(simulated.rows, controls=False)
    assert mixed < 0.8 * distance(without, simulated.effects)


def test_few_ratings_are_shrunk_to_the_mean():
    simulated = simulate(seed=1, mean_ratings=1.5, sorting=0.0, ability=0.0)
    bayes, raw = (distance(train(simulated.rows, name), simulated.effects) for name in ("empirical_bayes", "raw_mean"))
    assert bayes < 0.85 * raw


@pytest.mark.parametrize("algorithm", ["mixed_model", "empirical_bayes"])
def test_intervals_cover_the_truth_as_often_as_they_say(algorithm):
    covered, ranked = [], []
    for seed in range(8):
        world = simulate(seed=seed, course_sd=0.0, ability=0.0, sorting=0.0, experience=0.0, mean_ratings=3.0)
        roles = ROLES if algorithm == "mixed_model" else RatingRoles()
        table = train(world.rows, algorithm, roles).teachers.set_index("teacher").loc[world.effects.index]
        true = world.effects - world.effects.mean()
        covered.append(((table["low"] <= true) & (true <= table["high"])).mean())
        rank = (-true).rank()
        ranked.append(((table["rank_low"] <= rank) & (rank <= table["rank_high"])).mean())
    # 640 intervals: a standard error of about 0.012 were they independent
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)
    assert np.mean(ranked) == pytest.approx(0.90, abs=0.045)


def test_invalid_intervals_are_left_out(results):
    assert results["mixed_model"].has_intervals
    for name in ("empirical_bayes", "raw_mean"):
        assert not results[name].has_intervals
        assert results[name].interval_note
    assert severities(results["empirical_bayes"])["courses_differ"] == "REVIEW"


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_ratings_that_never_differ_within_a_teacher_give_no_interval(scale):
    rows = pd.DataFrame({"who": list("AAABBBCCC"), "stars": np.repeat([5.0, 4.0, 3.0], 3) * scale})
    result = train(rows, "empirical_bayes", RatingRoles(teacher="who", rating="stars"))
    assert not result.has_intervals
    assert result.teachers[["low", "high", "rank_low", "rank_high"]].isna().all(axis=None)
    assert "is not identified" in result.interval_note


def test_the_checks_detect_sorting_few_ratings_and_equal_teachers(results):
    assert severities(results["empirical_bayes"])["sorting"] == "REVIEW"
    assert severities(results["mixed_model"])["sorting"] == "PASS"
    assert severities(results["mixed_model"])["convergence"] == "PASS"
    assert severities(results["mixed_model"])["few_ratings"] == "PASS"
    similar = simulate(seed=3, teacher_sd=0.0, experience=0.0, course_sd=0.0, sorting=0.0, mean_ratings=1.0)
    poor = train(similar.rows)
    assert severities(poor)["teachers_apart"] in ("REVIEW", "FAIL")
    assert severities(poor)["few_ratings"] == "REVIEW"
    # all ranks are uncertain: the intervals contain nearly all of them
    assert poor.metrics["rank_interval_width"] > 70


def test_later_ratings_are_held_out_and_predicted_better_than_by_raw_means(results, simulated):
    metrics = results["mixed_model"].metrics
    assert results["mixed_model"].split.startswith("the last ")
    assert metrics["rows_evaluation"] == pytest.approx(0.2 * len(simulated.rows), abs=1)
    assert metrics["rating_rmse"] < 0.95 * metrics["rating_rmse_raw_mean"]
    assert metrics["teacher_mean_rmse"] < metrics["teacher_mean_rmse_raw_mean"]
    assert severities(results["mixed_model"])["baseline"] == "PASS"
    assert results["mixed_model"].importance["feature"].iloc[0] in ("teacher_id", "ability")


def test_other_splits_describe_the_held_out_ratings(simulated):
    courses = train(simulated.rows, roles=ROLES.model_copy(update={"time": None}))
    assert "courses, none of their ratings in training" in courses.split
    random = train(simulated.rows, "empirical_bayes", RatingRoles())
    assert "random ratings" in random.split
    few = train(simulated.rows[simulated.rows["teacher_id"] < "T003"].groupby("teacher_id").head(9))
    assert "too few to hold any out" in few.split
    assert "rating_rmse" not in few.metrics


def test_an_unknown_teacher_has_the_mean_of_such_teachers(results, simulated):
    rows = simulated.rows.assign(teacher_id="new", course_id="new", ability=simulated.rows["ability"].mean())
    low, high = (rows.head(1).assign(experience=years) for years in (-1.0, 1.0))
    model = results["mixed_model"].model
    # the true slope is 0.3 stars per year, with a standard error of 0.06 for 80 teachers
    assert (model.predict(high) - model.predict(low))[0] == pytest.approx(0.6, abs=0.25)
    bayes = results["empirical_bayes"].model
    assert bayes.predict(low)[0] == pytest.approx(bayes.mean_)


def test_gaps_and_new_levels_are_taken_as_the_average(results, simulated):
    model = results["mixed_model"].model
    row = simulated.rows.head(1)
    missing = row.assign(ability=np.nan, level=pd.Series([None], dtype="str"))
    average = row.assign(ability=model.controls_["numbers"]["ability"][0], level="unheard of")
    assert model.predict(missing) == pytest.approx(model.predict(average))


@pytest.mark.parametrize("rows", [2, 5])
def test_too_few_ratings_are_refused(simulated, rows):
    with pytest.raises(ModelError, match="too few ratings to compare teachers"):
        train(simulated.rows.drop_duplicates("teacher_id").head(rows))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30, unique=True), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_ranks_are_a_permutation_and_lie_in_their_intervals(effects, seed):
    effects = np.array(effects)
    rank = ranks(effects)
    assert sorted(rank) == list(range(1, effects.size + 1))
    assert rank[np.argmax(effects)] == 1
    draws = effects + np.random.default_rng(seed).normal(size=(50, effects.size))
    low, high = rank_intervals(draws, rank, seed)
    assert (low >= 1).all()
    assert (low <= rank).all()
    assert (rank <= high).all()
    assert (high <= effects.size).all()


def test_equal_draws_leave_every_rank_open():
    low, high = rank_intervals(np.random.default_rng(0).normal(size=(2_000, 10)), np.full(10, 5.0), 0)
    assert (low == 1).all()
    assert (high == 10).all()


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    home = Settings(home=tmp_path_factory.mktemp("teachers"), mlflow_tracking_uri=None)
    market = generate_market(MarketParams(learners=1_200, teachers=40, courses=80, weeks=20, seed=4))
    dataset = Catalogue(home.data_dir).add_market(market, name="Small")
    tracker = EdTechMLFlowTracker(settings=home)
    return tracker, train_runs(dataset, family="teacher_quality", tracker=tracker)


def test_a_market_has_metrics_against_the_true_qualities(logged):
    result = {run.result.algorithm: run.metrics for run in logged[1]}
    assert list(result) == list(ALGORITHMS)
    mixed, raw = result["mixed_model"], result["raw_mean"]
    assert mixed["effect_rmse_truth"] < raw["effect_rmse_truth"] == pytest.approx(mixed["effect_rmse_truth_raw_mean"])
    assert raw["decision_value_stars"] == 0
    assert mixed["rank_correlation_truth"] > 0.5
    assert 0.6 < mixed["rank_covered"] <= 1
    for run in logged[1]:
        assert run.metrics.keys() <= METRICS.keys()
        assert all(np.isfinite(value) for value in run.metrics.values())


def test_a_run_holds_the_result_whole(logged):
    tracker, runs = logged
    for run in runs:
        again = load_result(tracker.runs, run.run_id)
        pd.testing.assert_frame_equal(again.teachers, run.result.teachers, check_exact=True)
        assert replace(again, model=None, evaluation=None, importance=None, teachers=None) == replace(
            run.result, model=None, evaluation=None, importance=None, teachers=None
        )
    plots = set(tracker.runs.get_run(runs[0].run_id).artifacts)
    assert {"evaluation/rank_intervals.png", "evaluation/effects_by_ratings.png"} <= plots


def test_no_covariate_contains_the_outcome(logged):
    message = set(logged[1][0].result.roles.covariates)
    assert not {name for name in message if "rating" in name or "completion_before" in name or "to_complete" in name}


def test_effects_follow_the_true_order(results, simulated):
    result = results["mixed_model"].teachers.set_index("teacher")["effect"].loc[simulated.effects.index]
    assert spearmanr(result, simulated.effects).statistic > 0.85
