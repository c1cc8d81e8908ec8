"""The season of visits: found whatever learners do, used to count days, and of no leak."""

import numpy as np
import pandas as pd
import pytest

from edtech.ml.labels.season import WEEK, WEEKS, YEAR, Season, days

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


def test_the_level_of_weeks_is_found_though_learners_differ_and_leave():
    who, time, level = visits(WEEKS)
    found = Season.of(who, pd.Series(time)).level
    # about 25 visits at the year's thinnest end and 1,000 at its start, smoothed: a few percent
    assert np.abs(found[:40] / found[:40].mean() / (level[:40] / level[:40].mean()) - 1).max() < 0.1


def test_the_year_comes_round_where_it_was_not_seen():
    who, time, level = visits(34)
    season = Season.of(who, pd.Series(time))
    last = season.level[50] / season.level[:34].mean()
    assert last == pytest.approx(1.33 / level[:34].mean(), rel=0.15)  # the level of week 0, never seen at week 50


def test_usual_days_add_up_and_are_plain_days_without_a_season():
    season = Season.of(*[pd.Series(part) for part in visits(WEEKS)[:2]])
    day = np.array([10.0, 300.0, 700.0])
    both = season.passed(day, np.full(3, 90.0))
    assert both == pytest.approx(season.passed(day, np.full(3, 30.0)) + season.passed(day + 30, np.full(3, 60.0)))
    assert season.passed(day, np.full(3, YEAR)) == pytest.approx(season.level.mean() * YEAR)
    assert season.passed(np.array([np.nan]), np.array([5.0])) == 5
    assert Season().passed(day, np.full(3, 7.0)) == pytest.approx(7)


def test_no_visit_after_the_evaluation_begins_moves_what_was_fitted(label_runs, label_market):
    run = label_runs["churn_prediction", "logistic"].result
    seen = label_market.table("views").drop_duplicates("visit_id")
    before = seen[seen["viewed_at"] < run.evaluation["time"].min()]
    known = Season.of(before["learner_id"], before["viewed_at"])
    every = Season.of(seen["learner_id"], seen["viewed_at"])
    assert run.model.season.level == pytest.approx(every.level)  # the model that is kept knows all
    assert np.abs(known.level - every.level).max() > 0
    assert days(pd.Series([pd.Timestamp("2000-01-01")]))[0] == 0
