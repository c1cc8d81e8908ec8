"""Survival curves, metrics and estimators against known answers."""

import numpy as np
import pandas as pd
import pytest

from edtech.errors import ConvergenceError
from edtech.ml.outcomes import survival
from edtech.ml.outcomes.churn_estimators import CoxChurn, person_periods
from edtech.ml.outcomes.families import CHURN_PREDICTION

DURATION = np.array([1.0, 2.0, 2.0, 3.0, 4.0])
EVENT = np.array([True, True, False, True, False])


def new_estimator(algorithm, horizon):
    seed = {} if algorithm.name == "logistic" else {"seed": 0}
    return algorithm.new_estimator(horizon=horizon, **seed)


def test_the_kaplan_meier_curve_of_a_textbook_case():
    curve = survival.kaplan_meier(DURATION, EVENT)
    assert list(curve["time"]) == [0, 1, 2, 3]
    assert curve["share"].to_numpy() == pytest.approx([1, 0.8, 0.6, 0.3])
    assert (curve["low"] <= curve["share"]).all()
    assert (curve["share"] <= curve["high"]).all()


def test_without_censoring_metrics_are_unweighted():
    rng = np.random.default_rng(1)
    risk = rng.normal(size=400)
    duration, event = rng.exponential(np.exp(-risk)), np.ones(400, dtype=bool)
    result = survival.concordance(duration, event, risk, np.inf)
    assert result["concordance"] == pytest.approx(result["concordance_uno"])
    assert survival.concordance(duration, event, -duration, np.inf)["concordance"] == 1.0
    times = np.array([0.5, 1.0])
    brier = survival.integrated_brier(duration, event, np.full((400, 2), 0.5), times)
    assert brier == pytest.approx(0.25)


def test_a_period_counts_only_if_it_is_fully_observed():
    follow = pd.DataFrame({"duration": [5.0, 15.0, 20.0], "event": [True, True, False], "watch": [40.0, 18.0, 20.0]})
    case, period, event = person_periods(follow, np.array([10.0, 20.0]))
    assert list(zip(case, period, event, strict=True)) == [(0, 0, 1), (1, 0, 0), (2, 0, 0), (2, 1, 0)]


@pytest.fixture(scope="module")
def watched():
    """4,000 people with hazard exp(-4 + x), watched for 20 to 60 days."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=4_000)
    leaves, limit = rng.exponential(np.exp(4 - x)), rng.uniform(20, 60, 4_000)
    follow = pd.DataFrame({"duration": np.minimum(leaves, limit), "event": leaves <= limit, "watch": limit})
    return pd.DataFrame({"x": x, "noise": rng.normal(size=4_000)}), follow, 1 - np.exp(-30 * np.exp(-4 + x))


@pytest.mark.parametrize("algorithm", CHURN_PREDICTION.algorithms.values(), ids=CHURN_PREDICTION.algorithms)
def test_each_model_recovers_the_probability_of_leaving(watched, algorithm):
    frame, follow, truth = watched
    model = new_estimator(algorithm, 30.0).fit(frame, follow)
    # of 4,000 people some 1,600 leave within the horizon: a mean error of 0.02 for two parameters, trees somewhat more
    assert np.abs(model.predict(frame) - truth).mean() < (0.04 if algorithm.name == "gradient_boosting" else 0.02)
    curves = model.survival(frame, np.array([0.0, 10.0, 30.0]))
    assert np.allclose(curves[:, 0], 1)
    assert (np.diff(curves, axis=1) <= 0).all()


@pytest.mark.parametrize("algorithm", CHURN_PREDICTION.algorithms.values(), ids=CHURN_PREDICTION.algorithms)
def test_no_probability_depends_on_the_unit_of_time(watched, algorithm):
    frame, follow, _ = watched
    days, years = 30.0, 30.0 / 365.25
    in_years = follow.assign(duration=follow["duration"] / 365.25, watch=follow["watch"] / 365.25)
    item, other = (
        new_estimator(algorithm, days).fit(frame, follow),
        new_estimator(algorithm, years).fit(frame, in_years),
    )
    # durations at the very end of a step may fall to either side of it, a few thousandths of the rows
    assert other.predict(frame) == pytest.approx(item.predict(frame), abs=1e-3)
    times = np.array([0.3, 0.7])
    assert other.survival(frame, times * years) == pytest.approx(item.survival(frame, times * days), abs=1e-3)


def test_a_horizon_of_eight_weeks_has_a_resolution_of_days():
    time = np.array([0.0, 0.2, 1.0, 1.0001, 55.5, 56.0, 83.99])
    assert CoxChurn(horizon=56.0, seed=0)._round_up(time).tolist() == [0, 1, 1, 2, 56, 56, 84]


def test_the_hazard_ratio_is_recovered_with_its_interval(watched):
    frame, follow, _ = watched
    ratios = CoxChurn(horizon=30.0, seed=0).fit(frame, follow).ratios().set_index("feature")
    sd = frame["x"].std(ddof=0)
    assert ratios.loc["x", "low"] < np.exp(sd) < ratios.loc["x", "high"]
    assert ratios.loc["noise", "low"] < 1 < ratios.loc["noise", "high"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_cox_regression_on_a_column_with_the_duration_does_not_converge():
    duration = np.ceil(np.random.default_rng(7).exponential(20, 2_000))
    rows = pd.DataFrame({"paid": duration**3})
    follow = pd.DataFrame({"duration": duration, "event": True, "watch": duration})
    with pytest.raises(ConvergenceError, match="the amount paid so far"):
        CoxChurn(seed=0).fit(rows, follow)
