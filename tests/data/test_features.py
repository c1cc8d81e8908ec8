"""Features use events before their date and none from it on."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edtech.data.features import FAMILIES, features
from edtech.data.point_in_time import _TIMES, History
from edtech.errors import DataError, ParamsError
from edtech.market import MarketParams, generate_market

TABLES = dict(
    generate_market(MarketParams(learners=250, teachers=12, courses=30, weeks=16, visits_per_week=0.8)).tables
)
START = pd.Timestamp("2024-01-01")
AS_OF = START + pd.Timedelta(weeks=9, days=2, hours=5)


def features_of(tables, family, as_of=AS_OF, horizon_days=28):
    return features(tables, family, as_of, weeks=2 * (family == "course_completion"), horizon_days=horizon_days)


def changed(tables, as_of, how, seed):
    """Return the tables with everything that was learned from `as_of` on shuffled, deleted or multiplied."""
    draw = np.random.default_rng(seed)
    result = {}
    for name, table in tables.items():
        column, days = _TIMES[name]
        before = table[column] + pd.Timedelta(days=days)
        before = before <= as_of if days else before < as_of
        past, future = table[before], table[~before]
        if name == "enrollments":
            past = with_other_outcomes(past, as_of, draw)
        result[name] = pd.concat([past, SPOIL[how](future, column, draw)], ignore_index=True)
    return result


def with_other_outcomes(rows, as_of, draw):
    rows = rows.assign(progress=draw.random(len(rows)).round(2))
    for column in ("completed_at", "refunded_at"):
        later = ~(rows[column] < as_of)
        other = as_of + pd.to_timedelta(draw.integers(0, 10**6, len(rows)), unit="s")
        other = pd.Series(other.as_unit("us"), index=rows.index).where(draw.random(len(rows)) < 0.5)
        rows[column] = rows[column].where(~later, other)
        rows[column.removesuffix("_at")] = rows[column].notna()
    unrated = ~(rows["completed_at"] < as_of)
    rows["rating"] = rows["rating"].where(~unrated, draw.integers(1, 6, len(rows)).astype(float))
    return rows


def shuffled(rows, time, draw):
    return rows.assign(**{name: draw.permutation(rows[name].array) for name in rows if name != time}).sample(
        frac=1, random_state=int(draw.integers(100))
    )


def multiplied(rows, time, draw):
    numbers = rows.select_dtypes(["int64", "float64"]).columns.drop([n for n in rows if n.endswith("_id")], "ignore")
    more = rows.assign(**{name: rows[name] * 7 for name in numbers if not name.endswith("_id")})
    return pd.concat([more, more]) if time in ("viewed_at", "enrolled_at", "occurred_at") else more


SPOIL = {"shuffle": shuffled, "delete": lambda rows, time, draw: rows.iloc[:0], "multiply": multiplied}


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=12)
@given(minutes=st.integers(3 * 7 * 1_440, 15 * 7 * 1_440), how=st.sampled_from(sorted(SPOIL)), seed=st.integers(0, 99))
def test_features_stay_bit_identical_whatever_happens_after_the_date(family, minutes, how, seed):
    as_of = START + pd.Timedelta(minutes=minutes)
    result = features_of(TABLES, family, as_of)
    again = features_of(changed(TABLES, as_of, how, seed), family, as_of)
    pd.testing.assert_frame_equal(result.frame, again.frame, check_exact=True)
    pd.testing.assert_frame_equal(result.ids, again.ids, check_exact=True)
    for name, column in result.frame.items():
        values, others = column.array, again.frame[name].array
        if isinstance(values, pd.arrays.NumpyExtensionArray):
            assert values.to_numpy().tobytes() == others.to_numpy().tobytes(), name


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "churn_prediction"])
def test_a_row_is_the_same_at_every_later_date(family):
    """So rows of one late date can be split by time into training and evaluation rows."""
    early, late = features_of(TABLES, family), features_of(TABLES, family, AS_OF + pd.Timedelta(weeks=4))
    keys = list(early.ids.columns)
    both = late.ids.merge(early.ids.assign(here=1), on=keys, how="left")["here"].notna().to_numpy()
    assert 0 < both.sum() == len(early.ids) < len(late.ids)
    pd.testing.assert_frame_equal(late.frame[both].reset_index(drop=True), early.frame, check_exact=True)


def test_what_came_before_a_view_is_what_a_loop_finds():
    result = features_of(TABLES, "enrollment_propensity")
    rows, views = TABLES["enrollments"], TABLES["views"].set_index("view_id")
    for position in range(0, len(result.ids), 97):
        row, ids = result.frame.iloc[position], result.ids.iloc[position]
        mine = rows[(rows["learner_id"] == ids["learner_id"]) & (rows["enrolled_at"] < ids["time"])]
        done = rows[(rows["course_id"] == ids["course_id"]) & (rows["completed_at"] < ids["time"])]
        observed = views[(views["course_id"] == ids["course_id"]) & (views["viewed_at"] < ids["time"])]
        assert row["enrollments_before"] == len(mine)
        assert row["owned_before"] == (mine["course_id"] == ids["course_id"]).sum()
        assert row["tokens_spent_before"] == mine["tokens_spent"].sum() / 100
        assert row["course_views_before"] == len(observed)
        assert row["course_rating_before"] == pytest.approx(done["rating"].mean(), nan_ok=True)
        assert row["price_to_usual"] == pytest.approx(row["token_price"] / observed["token_price"].mean(), nan_ok=True)
        visit = views[views["visit_id"] == ids["visit_id"]]
        assert row["courses_seen"] == len(visit)
        assert result.target.iloc[position] == views.loc[ids["view_id"], "enrolled"]


def test_a_completion_is_known_when_it_happened_or_the_horizon_is_over():
    result = features_of(TABLES, "course_completion", START + pd.Timedelta(weeks=16))
    rows = TABLES["enrollments"].set_index("enrollment_id").loc[result.ids["enrollment_id"]].reset_index()
    assert (result.ids["time"] == rows["enrolled_at"] + pd.Timedelta(weeks=2)).all()
    assert not (rows["completed_at"] < result.ids["time"]).any()
    due = rows["enrolled_at"] + pd.Timedelta(days=28)
    assert result.target.isna().any()
    over = due <= START + pd.Timedelta(weeks=16)
    assert (result.target[over] == (rows["completed_at"] <= due)[over]).all()
    assert result.target[~over].dropna().all()
    assert result.labeled.target.notna().all()
    assert len(result.labeled.frame) == len(result.labeled.ids) == result.target.notna().sum()


def test_who_did_not_come_back_within_the_horizon_has_left():
    result = features_of(TABLES, "churn_prediction")
    views = TABLES["views"]
    after = views[(views["viewed_at"] >= AS_OF) & (views["viewed_at"] < AS_OF + pd.Timedelta(days=28))]
    came = set(after["learner_id"])
    assert [not gone for gone in result.target] == [who in came for who in result.ids["learner_id"]]
    ledger = TABLES["token_ledger"]
    held = ledger[ledger["occurred_at"] < AS_OF].groupby("account_id")["amount"].sum() / 100
    assert (result.frame["token_balance"].to_numpy() == held[result.ids["learner_id"]].to_numpy()).all()
    assert result.frame["days_since_visit"].between(0, 28).all()
    late = features_of(TABLES, "churn_prediction", START + pd.Timedelta(weeks=14))
    assert late.target.isna().any()
    assert not late.target.dropna().any()


def test_later_outcomes_are_no_features():
    enrolled = features_of(TABLES, "course_completion").frame.columns
    assert not {"progress", "completed", "completed_at", "rating", "refunded", "teacher_tokens"} & set(enrolled)
    assert "enrollments" not in features_of(TABLES, "token_elasticity").frame
    assert "rating" not in features_of(TABLES, "teacher_quality").frame


@pytest.mark.parametrize("family", FAMILIES)
def test_every_feature_says_what_it_means(family):
    result = features_of(TABLES, family)
    assert list(result.columns) == list(result.frame)
    assert all(sentence.endswith(".") for sentence in result.columns.values())
    assert len(result.frame) == len(result.target) == len(result.ids)
    assert (result.ids["time"] <= AS_OF).all()


def test_features_predict_completion_and_churn():
    """Signal of the generator reaches the features: those who left are longer gone, price lowers the chance."""
    view = features_of(TABLES, "enrollment_propensity")
    dear = view.frame["price_to_usual"] > 1.05
    assert view.target[dear].mean() < view.target[view.frame["price_to_usual"] < 0.95].mean()
    churn = features_of(TABLES, "churn_prediction")
    gone = churn.target.astype(bool)
    assert churn.frame.loc[gone, "days_since_visit"].mean() > churn.frame.loc[~gone, "days_since_visit"].mean()


@pytest.mark.parametrize(
    ("family", "as_of", "options", "error"),
    [
        ("weather", AS_OF, {}, ParamsError),
        ("churn_prediction", "some day", {}, ParamsError),
        ("churn_prediction", AS_OF, {"horizon_days": 0}, ParamsError),
        ("course_completion", AS_OF, {"weeks": -1}, ParamsError),
        ("teacher_quality", "1999-01-01", {}, DataError),
    ],
)
def test_invalid_requests_list_the_valid_ones(family, as_of, options, error):
    with pytest.raises(error) as caught:
        features(TABLES, family, as_of, **options)
    assert caught.value.expected
    with pytest.raises(DataError, match="lacks"):
        features({"views": TABLES["views"]}, "churn_prediction", AS_OF)


def test_a_history_counts_only_what_is_strictly_earlier():
    day = pd.Timestamp("2024-01-01")
    times = pd.Series([day, day + pd.Timedelta(days=2), day + pd.Timedelta(days=2), pd.NaT])
    history = History.of_events(pd.Series(["a", "a", "b", "b"]), times, pd.Series([3, 4, 5, 6]))
    who = pd.Series(["a", "a", "b", "b", "c"])
    when = pd.Series([day, day + pd.Timedelta(days=3), day + pd.Timedelta(days=2), day + pd.Timedelta(days=9), day])
    assert history.count(who, when).tolist() == [0, 2, 0, 1, 0]
    assert history.sum(who, when).tolist() == [0, 7, 0, 5, 0]
    assert history.days_since(who, when)[[1, 3]].tolist() == [1.0, 7.0]
    assert np.isnan(history.mean(who, when)[[0, 2, 4]]).all()
