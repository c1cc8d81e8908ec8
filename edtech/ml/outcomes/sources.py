"""Cases of each family, from a generated market or from uploaded labeled rows."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from edtech.data.features import FeatureFrame, features
from edtech.errors import DataError
from edtech.ml.base import Params
from edtech.ml.outcomes.cases import PERIODS, Cases
from edtech.ml.outcomes.seasonality import YEAR, days_since_2000
from edtech.tables.roles import LabelRoles

if TYPE_CHECKING:
    from edtech.data import Dataset

PER_WEEK = {
    "enrollments_before": "days_since_joining",
    "tokens_spent_before": "days_since_joining",
    "completions_before": "days_since_joining",
    "refunds_before": "days_since_joining",
    "owned_before": "days_since_joining",
    "visits_before": "days_since_joining",
    "course_views_before": "days_since_publication",
    "course_enrollments_before": "days_since_publication",
    "teacher_enrollments_before": None,
}
"""Counts since the start of the record -> the column with a later start of the count."""
PRIOR_VIEWS = 20
"""Views at which a course's own enrollment rate has the same weight as the mean rate."""
MIN_RECORD_DAYS = 28
"""Minimum days of record before the first prediction of churn."""
MAX_MOMENTS = 12
DEFAULT_HORIZON = 56
"""Default number of days without a visit after which a learner of a market has left."""
MAX_UNKNOWN_SHARE = 0.2
"""Maximum share of uploaded rows with unknown outcome at an automatic horizon."""
DAY = pd.Timedelta(days=1)
CLOCK_MEANINGS = {
    "day_of_year": "Day of the year: the season of visits in the weeks ahead.",
    "days_of_record": "Days since the learner joined, or since the start of the record if that is less.",
}


def from_labels(dataset: "Dataset", params: Params) -> Cases:  # noqa: ARG001  # the signature of all sources
    """Return the cases of labeled rows. Raises DataError if no features are named."""
    roles = cast(LabelRoles, dataset.mapping)
    if not roles.features:
        raise DataError(
            "No features are named",
            expected="columns that are known at prediction time",
            where=dataset.name,
            fix="map the file again and name its features",
        )
    table = dataset.main()
    return Cases(
        features=table[list(roles.features)],
        target=table[roles.label].astype("boolean").rename(roles.label),
        time=None if roles.time is None else table[roles.time],
        subject=None if roles.subject is None else table[roles.subject],
        as_of=roles.as_of,
    )


def market_end(dataset: "Dataset") -> pd.Timestamp:
    """Return the end of the record of a market."""
    return pd.Timestamp(dataset.table("platform_metrics", ["day"])["day"].max() + DAY)


def views(dataset: "Dataset", params: Params) -> Cases:  # noqa: ARG001  # the signature of all sources
    """Return each view, with the outcome that it ends in an enrollment."""
    feature_frame = features(_Tables(dataset), "enrollment_propensity", market_end(dataset))
    frame, start = _per_week(feature_frame, feature_frame.ids["time"].min()), feature_frame.frame
    mean_rate = float(feature_frame.target.astype(float).mean())
    views_before, enrollments_before = start["course_views_before"], start["course_enrollments_before"]
    frame["course_rate_before"] = (enrollments_before + mean_rate * PRIOR_VIEWS) / (views_before + PRIOR_VIEWS)
    meanings = _feature_meanings(feature_frame) | {
        "course_rate_before": "Enrollments per view of the course so far, shrunk to the mean if there are few views."
    }
    return Cases(
        features=frame,
        target=feature_frame.target.rename("enrolled"),
        time=feature_frame.ids["time"],
        outcome_time=feature_frame.ids["time"],
        subject=feature_frame.ids["learner_id"],
        value=feature_frame.frame["token_price"] * commission(dataset),
        ids=feature_frame.ids.drop(columns="time"),
        meanings=meanings,
        generated=True,
    )


def enrollments(dataset: "Dataset", params: Params) -> Cases:
    """Return each enrollment, `weeks` after it, with the outcome that it is completed within `horizon_days` of it.

    Enrollments whose horizon ends after the data are left out: only their completions would be known.
    """
    weeks, horizon = (int(getattr(params, name)) for name in ("weeks", "horizon_days"))
    end, wait = market_end(dataset), pd.Timedelta(weeks=weeks)
    feature_frame = features(_Tables(dataset), "course_completion", end, weeks=weeks, horizon_days=horizon)
    due = feature_frame.ids["time"] - wait + horizon * DAY
    cases = Cases(
        features=_per_week(feature_frame, feature_frame.ids["time"].min() - wait),
        target=feature_frame.target.rename("completed_in_time"),
        time=feature_frame.ids["time"],
        outcome_time=due,
        subject=feature_frame.ids["learner_id"],
        ids=feature_frame.ids.drop(columns="time"),
        meanings=_feature_meanings(feature_frame),
        generated=True,
    )
    return cases.subset((due <= end).to_numpy())


def commission(dataset: "Dataset") -> float:
    """Return the platform's share of a price in a generated market."""
    return float(cast(dict[str, Any], dataset.source["params"])["commission_rate"])


class _Tables(dict[str, pd.DataFrame]):
    """A data set's tables, loaded lazily."""

    def __init__(self, dataset: "Dataset") -> None:
        super().__init__()
        self._dataset = dataset

    def __contains__(self, name: object) -> bool:
        return name in self._dataset.tables

    def __missing__(self, name: str) -> pd.DataFrame:
        self[name] = self._dataset.table(name)
        return self[name]


def _per_week(feature_frame: FeatureFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Return the features with counts as rates per week.

    Counts grow with the length of the record, so later rows would be outside the training range.
    """
    frame, record = feature_frame.frame.copy(), (feature_frame.ids["time"] - start) / DAY
    for name, since in PER_WEEK.items():
        if name in frame:
            days = record if since not in frame else np.minimum(record, feature_frame.frame[since])
            frame[name] = feature_frame.frame[name] * 7 / np.maximum(days, 7)
    if (recent := "visits_last_12_weeks") in frame:  # the record may be shorter
        frame[recent] = frame[recent] * 12 / np.clip(record / 7, 1, 12)
    return frame.rename(columns=_renamed)


def _renamed(name: str) -> str:
    return name.replace("_before", "_per_week") if name in PER_WEEK else name


def _feature_meanings(feature_frame: FeatureFrame) -> dict[str, str]:
    return {
        _renamed(name): f"{text} (Per week of record.)" if name in PER_WEEK else text
        for name, text in feature_frame.columns.items()
    }


def learners(dataset: "Dataset", params: Params) -> Cases:
    """Return each active learner at several times, with the outcome that they do not return for `horizon_days`.

    `follow_up` is the time to the next visit. There are at most `MAX_MOMENTS` times, a quarter of the horizon or more
    apart. Times whose horizon ends after the data have no known outcome, but follow-up until then.
    """
    horizon, end = int(cast(Any, params).horizon_days) or DEFAULT_HORIZON, market_end(dataset)
    tables = _Tables(dataset)
    start = pd.Timestamp(tables["views"]["viewed_at"].min()).normalize()
    cases = [_cases_at(tables, moment, horizon, start, end) for moment in _moments(start, end, horizon)]
    if not any(moment_cases.target.notna().any() for moment_cases in cases):
        raise DataError(
            "The record is shorter than the horizon",
            expected=f"at least {MIN_RECORD_DAYS + horizon} days",
            actual=f"{(end - start).days} days",
            fix="choose a shorter horizon, or generate more weeks",
        )
    by_visit = tables["views"].groupby("visit_id", sort=False)
    visits = by_visit.agg(subject=("learner_id", "first"), time=("viewed_at", "first"), seen=("viewed_at", "size"))
    visits = visits.reset_index(drop=True)
    return replace(_concatenate(cases), lifetimes=_lifetimes(tables["views"], horizon, end), visits=visits)


def _lifetimes(all_views: pd.DataFrame, horizon: int, end: pd.Timestamp) -> pd.DataFrame:
    """Return the lifetime of each learner from the first visit on: cohort (its month), duration, event.

    Learners without a visit in the last horizon left at their last visit; others are censored at its start.
    """
    visits = all_views.groupby("learner_id")["viewed_at"].agg(["min", "max"])
    begun = end - horizon * DAY
    visits = visits[visits["min"] < begun]
    left = visits["max"] < begun
    days = (visits["max"].where(left, begun) - visits["min"]).dt.total_seconds() / 86_400
    cohort = visits["min"].dt.strftime("%Y-%m")
    return pd.DataFrame({"cohort": cohort, "duration": days, "event": left}).reset_index(drop=True)


def churn_labels(dataset: "Dataset", params: Params) -> Cases:
    """Return the cases of labeled rows; with a duration, also their outcome at the horizon and their follow-up."""
    cases, roles = from_labels(dataset, params), cast(LabelRoles, dataset.mapping)
    if roles.duration is None:
        return cases
    duration, left = dataset.main()[roles.duration].astype(float), cases.target.astype(bool)
    requested, longest = float(cast(Any, params).horizon_days), float(duration.quantile(0.9))
    horizon = min(requested or observed_horizon(duration, left), longest)
    left_by_horizon = left & (duration <= horizon)
    target = left_by_horizon.astype("boolean").mask(~left_by_horizon & (duration < horizon)).rename(roles.label)
    notes = [f"The horizon is {horizon:g}, in the unit of {roles.duration}."]
    if not requested:
        notes[0] += f" It is the longest at which the outcome of {1 - MAX_UNKNOWN_SHARE:.0%} of the rows is known."
    if horizon < requested:
        notes.append(f"Only a tenth of the rows has a duration above {longest:g}, so the horizon cannot be longer.")
    if share_unknown := float(target.isna().mean()):
        notes.append(
            f"{share_unknown:.1%} of the rows are censored before the horizon. They count in the fit, the concordance "
            "and the integrated Brier score, but not in metrics at the horizon, whose base rate is therefore too high."
        )
    cohort = "all" if cases.time is None else _cohort(cases.time)
    lifetimes = pd.DataFrame({"cohort": cohort, "duration": duration, "event": left})
    half_period = horizon / PERIODS / 2  # a period counts if more than half of it is observed
    follow_up = pd.DataFrame(
        {"duration": duration, "event": left, "watch": (duration + half_period).mask(left, np.inf)}
    )
    return replace(
        cases,
        target=target,
        follow_up=follow_up,
        event_kind="leave",
        horizon=horizon,
        lifetimes=lifetimes,
        notes=tuple(notes),
    )


def observed_horizon(duration: pd.Series, left: pd.Series) -> float:
    """Return the longest horizon at which the outcome of most rows is known.

    Without censored rows it is the median duration.
    """
    watched = np.sort(duration.where(~left, np.inf).to_numpy(float))
    horizon = watched[int(MAX_UNKNOWN_SHARE * len(watched))]
    return float(max(horizon if np.isfinite(horizon) else duration.median(), duration[duration > 0].min()))


def _cohort(time: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(time):
        return pd.Series(time.dt.to_period("Q").astype("str"))
    return time.astype("str")


def _moments(start: pd.Timestamp, end: pd.Timestamp, horizon: int) -> list[pd.Timestamp]:
    days = (end - start).days
    step = max(7, horizon // 4, (days - MIN_RECORD_DAYS) // MAX_MOMENTS)
    last = end - horizon * DAY  # includes the latest time with a known outcome
    earlier = [last - number * step * DAY for number in range(MAX_MOMENTS)]
    later = [last + number * step * DAY for number in range(1, MAX_MOMENTS)]
    moments = [moment for moment in (*earlier[::-1], *later) if start + MIN_RECORD_DAYS * DAY <= moment < end - 7 * DAY]
    return moments[-MAX_MOMENTS:]


def _cases_at(tables: "_Tables", moment: pd.Timestamp, horizon: int, start: pd.Timestamp, end: pd.Timestamp) -> Cases:
    feature_frame = features(tables, "churn_prediction", moment, horizon_days=horizon)
    all_views = tables["views"]
    next_visits = all_views[all_views["viewed_at"] >= moment].groupby("learner_id")["viewed_at"].min()
    return_time = next_visits.reindex(feature_frame.ids["learner_id"]).reset_index(drop=True)
    watched = (return_time.fillna(end) - moment) / DAY
    horizon_is_over = moment + horizon * DAY <= end
    record = np.minimum((moment - start) / DAY, feature_frame.frame["days_since_joining"])
    return Cases(
        features=_per_week(feature_frame, start).assign(
            day_of_year=days_since_2000(feature_frame.ids["time"]) % YEAR, days_of_record=record
        ),
        target=feature_frame.target.rename("left")
        if horizon_is_over
        else feature_frame.target.mask(feature_frame.target.notna()).rename("left"),
        time=feature_frame.ids["time"],
        outcome_time=feature_frame.ids["time"] + horizon * DAY,
        subject=feature_frame.ids["learner_id"],
        follow_up=pd.DataFrame({"duration": watched, "event": return_time.notna(), "watch": (end - moment) / DAY}),
        event_kind="return",
        horizon=float(horizon),
        ids=feature_frame.ids.drop(columns="time"),
        meanings=_feature_meanings(feature_frame) | CLOCK_MEANINGS,
        generated=True,
    )


def _concatenate(cases: list[Cases]) -> Cases:
    names = ("features", "target", "time", "outcome_time", "subject", "follow_up", "ids")
    fields = {
        name: pd.concat([getattr(moment_cases, name) for moment_cases in cases], ignore_index=True) for name in names
    }
    return replace(cases[0], **fields)
