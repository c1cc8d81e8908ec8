"""The season of visits: its estimate, time in usual days, and no leakage from the evaluation."""

import numpy as np
import pandas as pd
import pytest

from edtech.errors import ModelError
from edtech.ml.families import FAMILIES
from edtech.ml.outcomes.checks import check_season
from edtech.ml.outcomes.churn_estimators import CoxChurn
from edtech.ml.outcomes.families import LEARNERS
from edtech.ml.outcomes.seasonality import WEEK, WEEKS, YEAR, Season, days_since_2000, share_without_record
from edtech.ml.outcomes.splits import split_cases
from edtech.ml.outcomes.survival import kaplan_meier

START = pd.Timestamp("2024-01-01")


def visits(weeks, learners=3_000, seed=1):
    """Visits of learners of different rates who leave at different times, at a level that swings by a third."""
    rng = np.random.default_rng(seed)
    level = 1 + 0.33 * np.cos(2 * np.pi * (np.arange(weeks) + 0.5) / WEEKS)
    rate = rng.gamma(4, 0.1, learners)
    stays = np.arange(weeks) < rng.exponential(30, learners)[:, None]
    who, week = np.nonzero(counts := rng.poisson(rate[:, None] * level * stays))
    who, week = np.repeat(who, counts[who, week]), np.repeat(week, counts[who, week])
    return pd.Series(who), START + pd.to_timedelta((week + rng.random(week.size)) * WEEK, unit="D"), level


def test_the_weekly_level_is_recovered_although_learners_differ_and_leave():
    who, time, level = visits(WEEKS)
    result = Season.estimate(who, pd.Series(time)).level
    # about 25 visits at the year's thinnest end and 1,000 at its start, smoothed: a few percent
    assert np.abs(result[:40] / result[:40].mean() / (level[:40] / level[:40].mean()) - 1).max() < 0.1


def test_weeks_without_record_are_interpolated_over_the_turn_of_the_year():
    who, time, level = visits(34)
    season = Season.estimate(who, pd.Series(time))
    last = season.level[50] / season.level[:34].mean()
    assert last == pytest.approx(1.33 / level[:34].mean(), rel=0.15)  # the level of week 0, never seen at week 50


def test_visits_without_a_view_are_estimated_from_visits_with_few():
    who, time, level = visits(WEEKS)
    rng, day = np.random.default_rng(2), (time - START) / pd.Timedelta(days=1)
    filled = np.clip(0.25 + day / 300, 0, 1)  # of five places, as courses are published
    observed = pd.Series(rng.binomial(5, filled))
    on_record = (observed > 0).to_numpy()
    assert on_record[day < 28].mean() < 0.85
    saved = [pd.Series(item)[on_record].reset_index(drop=True) for item in (who, time, observed)]
    true = level[:8].mean() / level[12:40].mean()

    def level_ratio(*of):
        weeks = Season.estimate(*of).level
        return weeks[:8].mean() / weeks[12:40].mean()

    assert level_ratio(*saved) == pytest.approx(true, rel=0.05)
    assert level_ratio(*saved[:2]) < 0.93 * true


@pytest.mark.parametrize(("shape", "weeks"), [(4, 52), (4, 26), (1, 52)])
def test_visit_rate_and_dropout_are_recovered(shape, weeks):
    rng = np.random.default_rng(3)
    learners, usual, last = 3_000, 0.06, 0.05
    often, start = rng.gamma(shape, usual / shape, learners), rng.uniform(0, 3.5 * weeks, learners)
    stays = rng.geometric(last, learners)  # visits, of which the last is one
    times = [start[who] + np.cumsum(rng.exponential(1 / often[who], stays[who])) for who in range(learners)]
    created = pd.DataFrame({"who": np.repeat(np.arange(learners), stays), "day": np.concatenate(times)})
    created = created[created["day"] < 7 * weeks]
    season = Season.estimate(created["who"], START + pd.to_timedelta(created["day"], unit="D"))
    # 4 standard errors of a share among so many visits; whoever never came is not on record, so rates come out high
    assert season.last == pytest.approx(last, abs=4 * np.sqrt(last / len(created)) + 0.005)
    assert 0.97 * usual < season.usual < 1.15 * usual
    assert season.shape == pytest.approx(shape, rel=0.35)


def test_a_longer_silence_makes_it_less_likely_that_one_still_comes():
    season = Season(np.ones(WEEKS), usual=0.06, shape=4.0, last=0.05)
    silence = np.array([0.0, 20.0, 100.0, 300.0])
    rows = pd.DataFrame({"days_since_visit": silence, "visits_per_week": 0.5, "day_of_year": 200.0})
    rows = rows.assign(days_of_record=300.0, visits_last_4_weeks=1.0, visits_last_12_weeks=1.0)
    still = season.adjust_features(rows)["log_still_coming"].to_numpy()
    assert still[0] == pytest.approx(np.log(0.95))  # only the last visit itself can have been the last
    assert (np.diff(still) < 0).all()
    assert np.isfinite(season.adjust_features(rows.assign(days_since_visit=900.0))["log_still_coming"]).all()


def test_usual_days_add_up_and_are_plain_days_without_a_season():
    season = Season.estimate(*[pd.Series(section) for section in visits(WEEKS)[:2]])
    day = np.array([10.0, 300.0, 700.0])
    both = season.usual_days(day, np.full(3, 90.0))
    assert both == pytest.approx(
        season.usual_days(day, np.full(3, 30.0)) + season.usual_days(day + 30, np.full(3, 60.0))
    )
    assert season.usual_days(day, np.full(3, YEAR)) == pytest.approx(season.level.mean() * YEAR)
    assert season.usual_days(np.array([np.nan]), np.array([5.0])) == 5
    assert Season().usual_days(day, np.full(3, 7.0)) == pytest.approx(7)


def test_days_without_a_trace_count_less_on_record_and_not_elsewhere():
    season = Season(np.ones(WEEKS), start=9_000.0, traced=np.r_[np.full(10, 0.5), np.ones(20)])
    day, length = np.array([9_000.0, 9_005.0, 9_020.0, 8_990.0, 9_025.0]), np.array([10.0, 10.0, 5.0, 10.0, 30.0])
    assert season.recorded_days(day, length) == pytest.approx([5, 7.5, 5, 10, 30])
    assert season.usual_days(day, length) == pytest.approx(length)
    assert Season().recorded_days(day, length) == pytest.approx(length)


def test_training_ends_before_the_evaluation(label_market):
    params = FAMILIES["churn_prediction"].algorithms["cox"].validate_params({"horizon_days": 28})
    cases = LEARNERS.from_market(label_market, params)
    split = split_cases(cases, params.evaluation_share, 0, "moments")
    begins = split.evaluation.time.min()
    assert split.training.visits["time"].max() < begins
    assert cases.visits["time"].max() > begins
    [check] = check_season(split)
    assert check.severity == "REVIEW"  # of 18 weeks the last were never seen


def test_weeks_of_a_year_before_count_as_seen():
    record = pd.Series(pd.date_range(START, periods=200))
    assert share_without_record(record, START + pd.Timedelta(days=370), START + pd.Timedelta(days=400)) == 0
    assert share_without_record(record, START + pd.Timedelta(days=210), START + pd.Timedelta(days=250)) == 1


def test_the_mean_of_cox_at_the_horizon_is_that_of_kaplan_and_meier():
    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"x": rng.normal(size=2_000)})
    ever = rng.random(2_000) < 0.7  # the others never come again: no proportional hazards
    time = np.where(ever, rng.exponential(20 * np.exp(-rows["x"])), np.inf)
    watch = rng.uniform(20, 90, 2_000)
    follow = pd.DataFrame({"duration": np.minimum(time, watch), "event": time <= watch, "watch": watch})
    model = CoxChurn(horizon=56, leaving=False, seed=0).fit(rows, follow)
    curve = kaplan_meier(follow["duration"].to_numpy(), follow["event"].to_numpy())
    staying = curve.loc[curve["time"] <= 56, "share"].iloc[-1]
    assert model.survival(rows, np.array([56.0])).mean() == pytest.approx(staying, abs=1e-6)
    far = model.survival(rows, np.array([84.0, 200.0]))
    assert (far[:, 1] < far[:, 0]).all()  # beyond the last event the hazard goes on


def test_a_season_of_an_older_version_says_to_train_again():
    state = Season(np.ones(WEEKS)).__getstate__()
    del state["shape"]
    with pytest.raises(ModelError, match="stored by an older version"):
        Season().__setstate__(state)


def test_visits_after_the_start_of_the_evaluation_do_not_change_the_holdout_fit(label_runs, label_market):
    run = label_runs["churn_prediction", "logistic"].result
    views = label_market.table("views")
    observed = views.assign(seen=views.groupby("visit_id")["view_id"].transform("size")).drop_duplicates("visit_id")
    before = observed[observed["viewed_at"] < run.evaluation["time"].min()]
    lookup = Season.estimate(before["learner_id"], before["viewed_at"], before["seen"])
    every = Season.estimate(observed["learner_id"], observed["viewed_at"], observed["seen"])
    assert run.model.season.level == pytest.approx(every.level)  # the stored model is fitted on all visits
    assert np.abs(lookup.level - every.level).max() > 0
    assert days_since_2000(pd.Series([pd.Timestamp("2000-01-01")]))[0] == 0
