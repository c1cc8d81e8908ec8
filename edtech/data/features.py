"""Compute features of the five model families as of a date, from the tables of a market.

Each row has a time (`time` among its ids), at most `as_of`. A feature uses only events before this time, so changes of
any table from `as_of` on leave it exactly unchanged. The outcome is missing if it is unknown at the end of the data:
such rows are for prediction.

    family                  row                                             outcome
    token_elasticity        a course and week that ended by `as_of`         enrollments
    enrollment_propensity   a view before `as_of`                           the view led to an enrollment
    course_completion       an enrollment, `weeks` after it was made        completed within `horizon_days` of it
    teacher_quality         a rating                                        stars, 1 to 5
    churn_prediction        a learner with a visit in `horizon_days`        no visit in the next `horizon_days`

Times count in whole seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from edtech.data.point_in_time import Frames, History, PointInTimeTables, ratio
from edtech.errors import DataError, ParamsError
from edtech.tables.tokens import UNITS_PER_TOKEN

LEARNER = ("region", "age_group", "segment", "education_level")
COURSE = ("category", "subcategory", "level", "duration_hours", "certificate")
TEACHER = ("experience_years", "verified")


@dataclass(frozen=True, slots=True)
class FeatureFrame:
    """Rows for training or prediction; all frames have the same rows.

    `frame`: the features. `target`: the outcome, missing if still unknown. `ids`: the identifiers, with `time`, the
    time of the features. `columns`: one sentence on each feature.
    """

    family: str
    as_of: pd.Timestamp
    frame: pd.DataFrame
    target: pd.Series
    ids: pd.DataFrame
    columns: dict[str, str]

    @property
    def labeled(self) -> "FeatureFrame":
        """The rows with a known outcome."""
        labeled = self.target.notna()
        frame, ids = (rows[labeled].reset_index(drop=True) for rows in (self.frame, self.ids))
        return replace(self, frame=frame, target=self.target[labeled].reset_index(drop=True), ids=ids)


@dataclass(frozen=True, slots=True)
class _Request:
    tables: Frames
    history: PointInTimeTables
    as_of: pd.Timestamp
    weeks: int
    horizon: pd.Timedelta


Columns = dict[str, Any]  # arrays and series of one length
FamilyData = tuple[Columns, pd.Series, pd.DataFrame]


def features(
    tables: Frames, family: str, as_of: pd.Timestamp | str, *, weeks: int = 0, horizon_days: int = 56
) -> FeatureFrame:
    """Return the features of a family as of a date.

    Args:
        tables: tables of a market, read on access.
        family: model family, as in the table of this module.
        as_of: date.
        weeks: for completion, weeks from the enrollment to the prediction.
        horizon_days: for completion and churn, see the table of this module.

    Raises:
        ParamsError: the family is unknown, the date invalid, or a value out of range.
        DataError: a table is missing, or there are no rows.
    """
    request = _Request(
        tables, PointInTimeTables(tables, moment := _parse_date(as_of)), moment, weeks, pd.Timedelta(days=horizon_days)
    )
    _check(family, weeks, horizon_days)
    columns, target, ids = _FAMILIES[family](request)
    if ids.empty:
        raise DataError(
            "No rows before this date",
            expected=f"rows for {family} before the date",
            actual=str(moment),
            fix="Choose a later date",
        )
    frame = pd.DataFrame(columns, index=ids.index)
    return FeatureFrame(
        family, moment, frame, target.rename("target"), ids, {str(name): MEANINGS[str(name)] for name in frame}
    )


def _parse_date(as_of: pd.Timestamp | str) -> pd.Timestamp:
    moment = pd.to_datetime(as_of, errors="coerce", utc=True)
    if pd.isna(moment):
        raise ParamsError("Invalid as-of date", expected="a date such as 2024-05-06", actual=repr(as_of)[:60])
    return moment.tz_localize(None).as_unit("us")


def _check(family: str, weeks: int, horizon_days: int) -> None:
    if family not in _FAMILIES:
        raise ParamsError("Unknown model family", expected=", ".join(_FAMILIES), actual=repr(family)[:60])
    if not (0 <= weeks <= 104 and 1 <= horizon_days <= 730):
        raise ParamsError(
            "Features cannot be computed for these times",
            expected="0 to 104 weeks and a horizon of 1 to 730 days",
            actual=f"{weeks} weeks, {horizon_days} days",
        )


def _end(tables: Frames) -> pd.Timestamp:
    """Return the end of the data: until then, the absence of an event is known."""
    return pd.Timestamp(tables["platform_metrics"]["day"].max() + pd.Timedelta(days=1))


# ---- the families


def _elasticity(request: _Request) -> FamilyData:
    panel = request.history["course_weeks"]
    ids = panel[["course_id"]].assign(time=panel["week"])
    return (
        {str(name): panel[name] for name in panel if name not in ("course_id", "enrollments")},
        panel["enrollments"],
        ids,
    )


def _propensity(request: _Request) -> FamilyData:
    views = request.history["views"]
    ids = views[["view_id", "visit_id", "learner_id", "course_id"]].assign(time=views["viewed_at"])
    price = _token_units(views["token_price"])
    visit = price.groupby(views["visit_id"])
    size, total = visit.transform("size"), visit.transform("sum")
    usual = History.of_events(views["course_id"], views["viewed_at"], price)
    columns = {
        "token_price": views["token_price"],
        "price_to_usual": price / usual.mean(ids["course_id"], ids["time"]),
        "price_to_others_seen": price * (size - 1) / (total - price).where(size > 1),
        "courses_seen": size,
        "source": views["source"],
        "device": views["device"],
        "course_views_before": usual.count(ids["course_id"], ids["time"]),
        **_attributes(request, ids),
        **_past_activity(request, ids),
    }
    return columns, views["enrolled"].astype("boolean"), ids


def _completion(request: _Request) -> FamilyData:
    rows, wait = request.history["enrollments"], pd.Timedelta(weeks=request.weeks)
    moment = rows["enrolled_at"] + wait
    # Completed or refunded enrollments need no prediction.
    running = (moment <= request.as_of) & ~(rows["completed_at"] < moment) & ~(rows["refunded_at"] < moment)
    rows, moment = rows[running].reset_index(drop=True), moment[running].reset_index(drop=True)
    ids = rows[["enrollment_id", "learner_id", "course_id", "teacher_id"]].assign(time=moment)
    columns = {
        "token_price": rows["token_price"],
        "discount_pct": rows["discount_pct"],
        **_attributes(request, ids),
        **_past_activity(request, ids),
    }
    if request.weeks:
        columns |= _activity_since(request, ids, rows["enrolled_at"])
    full = request.tables["enrollments"]
    completed = full.loc[full["enrolled_at"] < request.as_of, "completed_at"].to_numpy()[running]
    due = rows["enrolled_at"] + request.horizon
    done = pd.Series(completed <= due.to_numpy(), dtype="boolean")
    return columns, done.mask(~done & (due > _end(request.tables))), ids


def _ratings(request: _Request) -> FamilyData:
    rows = request.history["enrollments"]
    rows = rows[rows["rating"].notna()].reset_index(drop=True)
    ids = rows[["enrollment_id", "learner_id", "course_id", "teacher_id"]].assign(time=rows["completed_at"])
    days = _days(rows["completed_at"] - rows["enrolled_at"])
    columns = {"token_price": rows["token_price"], "days_to_complete": days, **_attributes(request, ids)}
    return columns | _past_activity(request, ids), rows["rating"], ids


def _churn(request: _Request) -> FamilyData:
    views = _distinct_visits(request.history["views"])
    recent = views.loc[views["viewed_at"] >= request.as_of - request.horizon, "learner_id"].unique()
    learners = request.history["learners"]["learner_id"]
    ids = pd.DataFrame({"learner_id": learners[learners.isin(recent)].reset_index(drop=True)})
    ids["time"] = pd.Series(request.as_of, index=ids.index, dtype="datetime64[us]")
    columns = _attributes(request, ids) | _past_activity(request, ids) | _recent_activity(request, ids, views)
    later = _distinct_visits(request.tables["views"])
    due = request.as_of + request.horizon
    came = later.loc[(later["viewed_at"] >= request.as_of) & (later["viewed_at"] < due), "learner_id"].unique()
    gone = pd.Series(~ids["learner_id"].isin(came), dtype="boolean")
    return columns, gone.mask(gone & (due > _end(request.tables))), ids


_FAMILIES: dict[str, Callable[[_Request], FamilyData]] = {
    "token_elasticity": _elasticity,
    "enrollment_propensity": _propensity,
    "course_completion": _completion,
    "teacher_quality": _ratings,
    "churn_prediction": _churn,
}
FAMILIES = tuple(_FAMILIES)


# ---- groups of features


def _distinct_visits(views: pd.DataFrame) -> pd.DataFrame:
    return views[["visit_id", "learner_id", "viewed_at"]].drop_duplicates("visit_id")


def _days(span: pd.Series) -> pd.Series:
    days: pd.Series = span.dt.total_seconds() / 86_400
    return days


def _token_units(price: pd.Series) -> pd.Series:
    return (price * UNITS_PER_TOKEN).round().astype("int64")


def _look_up(table: pd.DataFrame, key: str, at: pd.Series, names: tuple[str, ...]) -> dict[str, pd.Series]:
    attributes = table.set_index(key)[list(names)].reindex(at)
    return {name: attributes[name].reset_index(drop=True) for name in names}


def _attributes(request: _Request, ids: pd.DataFrame) -> Columns:
    """Return the attributes of learner, course and teacher."""
    who = _look_up(
        request.history["learners"], "learner_id", ids["learner_id"], (*LEARNER, "joined_on", "preferred_category")
    )
    joined, preferred = who.pop("joined_on"), who.pop("preferred_category")
    columns = dict(who)
    columns["days_since_joining"] = _days(ids["time"] - joined)
    if "course_id" not in ids:
        return columns | {"preferred_category": preferred}
    what = _look_up(request.history["courses"], "course_id", ids["course_id"], (*COURSE, "published_on", "teacher_id"))
    published, teacher = what.pop("published_on"), what.pop("teacher_id")
    by = _look_up(request.history["teachers"], "teacher_id", teacher, TEACHER)
    columns |= what | by
    columns["preferred"] = what["category"] == preferred
    columns["days_since_publication"] = _days(ids["time"] - published)
    return columns


def _past_activity(request: _Request, ids: pd.DataFrame) -> Columns:
    """Return the activity of learner, course and teacher before each time."""
    rows, time = request.history["enrollments"], ids["time"]
    learner = ids["learner_id"]
    spent = History.of_events(rows["learner_id"], rows["enrolled_at"], rows["tokens_spent"])
    columns = {
        "enrollments_before": spent.count(learner, time),
        "tokens_spent_before": spent.sum(learner, time) / UNITS_PER_TOKEN,
        "days_since_enrollment": spent.days_since(learner, time),
        "completions_before": History.of_events(rows["learner_id"], rows["completed_at"]).count(learner, time),
        "refunds_before": History.of_events(rows["learner_id"], rows["refunded_at"]).count(learner, time),
    }
    if "course_id" not in ids:
        return columns
    course = ids["course_id"]
    teacher = _look_up(request.history["courses"], "course_id", course, ("teacher_id",))["teacher_id"]
    pair = rows["learner_id"] + "/" + rows["course_id"]
    columns["owned_before"] = History.of_events(pair, rows["enrolled_at"]).count(learner + "/" + course, time)
    over = rows["enrolled_at"] + request.horizon  # later enrollments may still be completed
    in_time = rows["completed_at"] < over
    for name, key, at in (("course", "course_id", course), ("teacher", "teacher_id", teacher)):
        taken = History.of_events(rows[key], rows["enrolled_at"])
        due, done = (History.of_events(rows[key], when) for when in (over, over.where(in_time)))
        stars = History.of_events(
            rows[key], rows["completed_at"].where(rows["rating"].notna()), rows["rating"].fillna(0)
        )
        columns[f"{name}_enrollments_before"] = taken.count(at, time)
        columns[f"{name}_completion_before"] = ratio(done.count(at, time), due.count(at, time))
        columns[f"{name}_rating_before"] = stars.mean(at, time)
    return columns


def _activity_since(request: _Request, ids: pd.DataFrame, start: pd.Series) -> Columns:
    """Return the learner's activity between the enrollment and the time of prediction."""
    visits, rows = _distinct_visits(request.history["views"]), request.history["enrollments"]
    came = History.of_events(visits["learner_id"], visits["viewed_at"])
    took = History.of_events(rows["learner_id"], rows["enrolled_at"])
    who, time, after = ids["learner_id"], ids["time"], start + pd.Timedelta(seconds=1)
    return {
        "visits_since": came.count(who, time) - came.count(who, after),
        "enrollments_since": took.count(who, time) - took.count(who, after),
        "days_since_visit": came.days_since(who, time),
    }


def _recent_activity(request: _Request, ids: pd.DataFrame, visits: pd.DataFrame) -> Columns:
    who, time, ledger = ids["learner_id"], ids["time"], request.history["token_ledger"]
    own = ledger[ledger["account_kind"] == "learner"]
    came = History.of_events(visits["learner_id"], visits["viewed_at"])
    balance = History.of_events(own["account_id"], own["occurred_at"], own["amount"])
    total = came.count(who, time)
    columns = {
        "visits_before": total,
        "days_since_visit": came.days_since(who, time),
        "token_balance": balance.sum(who, time) / UNITS_PER_TOKEN,
    }
    for weeks in (4, 12):
        columns[f"visits_last_{weeks}_weeks"] = total - came.count(who, time - pd.Timedelta(weeks=weeks))
    return columns


MEANINGS = {
    "teacher_id": "Teacher of the course.",
    "week": "Monday of the week.",
    "category": "Category of the course.",
    "list_price": "Price before discount, in tokens.",
    "discount_pct": "Discount as a share of the list price.",
    "token_price": "Price after discount, in tokens.",
    "views": "Views of the course in the week.",
    "promo_randomized": "The discount, including 0, is randomized.",
    "promo_probability": "Probability of a promotion, if it is randomized.",
    "price_test_pct": "Randomized change of the list price, as a share.",
    "price_randomized": "The discount or a list price change is randomized.",
    "randomized_discount": "Share by which the randomized price is below its highest possible value.",
    "price_to_usual": "Price relative to the mean price of earlier views of the course.",
    "price_to_others_seen": "Price relative to the mean price of the other courses on the visit.",
    "courses_seen": "Number of courses viewed on the visit.",
    "source": "Traffic source of the visit.",
    "device": "Device of the visit.",
    "course_views_before": "Earlier views of the course.",
    "region": "World region of the learner.",
    "age_group": "Age group of the learner in years.",
    "segment": "Segment of the learner.",
    "education_level": "Highest degree of the learner.",
    "preferred_category": "Preferred category, stated on joining.",
    "preferred": "The course is in the learner's preferred category.",
    "days_since_joining": "Days since the learner joined.",
    "subcategory": "Subcategory of the course.",
    "level": "Level of the course.",
    "duration_hours": "Length of the course in hours.",
    "certificate": "The course awards a certificate.",
    "experience_years": "Teaching experience in years.",
    "verified": "The teacher's credentials are verified.",
    "days_since_publication": "Days since the course was published.",
    "enrollments_before": "Earlier enrollments of the learner.",
    "tokens_spent_before": "Tokens spent earlier by the learner.",
    "days_since_enrollment": "Days since the learner's last enrollment.",
    "completions_before": "Courses completed earlier by the learner.",
    "refunds_before": "Earlier refunds of the learner.",
    "owned_before": "Earlier enrollments of the learner in this course.",
    "course_enrollments_before": "Earlier enrollments in the course.",
    "course_completion_before": "Completions as a share of earlier enrollments in the course.",
    "course_rating_before": "Mean rating of the course so far.",
    "teacher_enrollments_before": "Earlier enrollments in the teacher's courses.",
    "teacher_completion_before": "Completions as a share of earlier enrollments in the teacher's courses.",
    "teacher_rating_before": "Mean rating of the teacher's courses so far.",
    "visits_since": "Visits of the learner since the enrollment.",
    "enrollments_since": "Other enrollments of the learner since this enrollment.",
    "days_since_visit": "Days since the learner's last visit.",
    "days_to_complete": "Days from enrollment to completion.",
    "visits_before": "Earlier visits of the learner.",
    "token_balance": "Token balance of the learner.",
    "visits_last_4_weeks": "Visits of the learner in the last 4 weeks.",
    "visits_last_12_weeks": "Visits of the learner in the last 12 weeks.",
}
"""The meaning of each feature, in one sentence."""
