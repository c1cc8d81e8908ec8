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


def test_visits_that_saw_no_course_are_counted_by_those_that_saw_few():
    who, time, level = visits(WEEKS)
    rng, day = np.random.default_rng(2), (time - START) / pd.Timedelta(days=1)
    filled = np.clip(0.25 + day / 300, 0, 1)  # of five places, as courses are published
    seen = pd.Series(rng.binomial(5, filled))
    on_record = (seen > 0).to_numpy()
    assert on_record[day < 28].mean() < 0.85
    kept = [pd.Series(one)[on_record].reset_index(drop=True) for one in (who, time, seen)]
    true = level[:8].mean() / level[12:40].mean()

    def found(*of):
        weeks = Season.of(*of).level
        return weeks[:8].mean() / weeks[12:40].mean()

    assert found(*kept) == pytest.approx(true, rel=0.05)
    assert found(*kept[:2]) < 0.93 * true


def test_the_chance_that_a_visit_is_the_last_is_found():
    rng = np.random.default_rng(3)
    learners, last, year = 3_000, 0.06, 364.0
    often, start = rng.gamma(4, 0.06 / 4, learners), rng.uniform(0, 100, learners)
    stays = rng.geometric(last, learners)  # visits, of which the last is one
    times = [start[who] + np.cumsum(rng.exponential(1 / often[who], stays[who])) for who in range(learners)]
    visits = pd.DataFrame({"who": np.repeat(np.arange(learners), stays), "day": np.concatenate(times)})
    visits = visits[visits["day"] < year]
    season = Season.of(visits["who"], START + pd.to_timedelta(visits["day"], unit="D"))
    # each of about 1,500 seen to leave or not tells; 4 standard errors of a share of 0.06 among 25,000 visits
    assert season.last == pytest.approx(last, abs=4 * np.sqrt(last / len(visits)))
    assert season.usual == pytest.approx(0.06, rel=0.1)


def test_a_longer_silence_makes_it_less_likely_that_one_still_comes():
    season = Season(np.ones(WEEKS), usual=0.06, last=0.05)
    silence = np.array([0.0, 20.0, 100.0, 300.0])
    rows = pd.DataFrame({"days_since_visit": silence, "visits_per_week": 0.5, "day_of_year": 200.0})
    rows = rows.assign(days_of_record=300.0, visits_last_4_weeks=1.0, visits_last_12_weeks=1.0)
    still = season.adjusted(rows)["log_still_coming"].to_numpy()
    assert still[0] == pytest.approx(np.log(0.95))  # only the last visit itself can have been the last
    assert (np.diff(still) < 0).all()
    assert np.isfinite(season.adjusted(rows.assign(days_since_visit=900.0))["log_still_coming"]).all()


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
    views = label_market.table("views")
    seen = views.assign(seen=views.groupby("visit_id")["view_id"].transform("size")).drop_duplicates("visit_id")
    before = seen[seen["viewed_at"] < run.evaluation["time"].min()]
    known = Season.of(before["learner_id"], before["viewed_at"], before["seen"])
    every = Season.of(seen["learner_id"], seen["viewed_at"], seen["seen"])
    assert run.model.season.level == pytest.approx(every.level)  # the model that is kept knows all
    assert np.abs(known.level - every.level).max() > 0
    assert days(pd.Series([pd.Timestamp("2000-01-01")]))[0] == 0
