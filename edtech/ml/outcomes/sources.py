"""Cases of each family, from a generated market or from labeled rows that were uploaded."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from edtech.data.features import FeatureFrame, features
from edtech.errors import DataError
from edtech.ml.base import Params
from edtech.ml.outcomes.cases import PERIODS, Cases
from edtech.ml.outcomes.seasonality import YEAR, days
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
"""Counts since the start of the record, and the column that says since when else they can have grown."""
VIEWS_TRUSTED = 20
"""Views after which a course's own rate of enrollments counts as much as the usual one."""
FIRST_DAYS = 28
"""Days of record before the first moment at which churn is asked for."""
MOST_MOMENTS = 12
USUAL_HORIZON = 56
"""Days without a visit after which a learner of a market has left, unless another horizon is asked for."""
UNKNOWN = 0.2
"""Share of uploaded rows that may have been watched for less than the horizon, where the data choose it."""
DAY = pd.Timedelta(days=1)
CLOCK_MEANINGS = {
    "day_of_year": "Day of the year: how often people come in the weeks ahead.",
    "days_of_record": "Days since the learner joined, or since the record began where that is less.",
}


def from_labels(dataset: "Dataset", params: Params) -> Cases:  # noqa: ARG001  # the signature of all sources
    """Return the cases of labeled rows. Raises DataError where no features are named."""
    roles = cast(LabelRoles, dataset.mapping)
    if not roles.features:
        raise DataError(
            "No features are named, so there is nothing to learn from",
            expected="columns that were known at the moment of prediction",
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
    """Return the moment up to which a market was watched."""
    return pd.Timestamp(dataset.table("platform_metrics", ["day"])["day"].max() + DAY)


def views(dataset: "Dataset", params: Params) -> Cases:  # noqa: ARG001  # the signature of all sources
    """Return each view: did it end in an enrollment?"""
    made = features(_Tables(dataset), "enrollment_propensity", market_end(dataset))
    frame, start = _per_week(made, made.ids["time"].min()), made.frame
    usual = float(made.target.astype(float).mean())
    seen, taken = start["course_views_before"], start["course_enrollments_before"]
    frame["course_rate_before"] = (taken + usual * VIEWS_TRUSTED) / (seen + VIEWS_TRUSTED)
    meanings = _meanings(made) | {"course_rate_before": "Enrollments per view of the course so far, few views allowed."}
    return Cases(
        features=frame,
        target=made.target.rename("enrolled"),
        time=made.ids["time"],
        known=made.ids["time"],
        subject=made.ids["learner_id"],
        value=made.frame["token_price"] * commission(dataset),
        ids=made.ids.drop(columns="time"),
        meanings=meanings,
        generated=True,
    )


def enrollments(dataset: "Dataset", params: Params) -> Cases:
    """Return each enrollment, `weeks` after it was made: will it be completed within `horizon_days` of it?

    Only those whose horizon is over by the end of the data: of later ones completions are known, the others not yet.
    """
    weeks, horizon = (int(getattr(params, name)) for name in ("weeks", "horizon_days"))
    end, wait = market_end(dataset), pd.Timedelta(weeks=weeks)
    made = features(_Tables(dataset), "course_completion", end, weeks=weeks, horizon_days=horizon)
    due = made.ids["time"] - wait + horizon * DAY
    cases = Cases(
        features=_per_week(made, made.ids["time"].min() - wait),
        target=made.target.rename("completed_in_time"),
        time=made.ids["time"],
        known=due,
        subject=made.ids["learner_id"],
        ids=made.ids.drop(columns="time"),
        meanings=_meanings(made),
        generated=True,
    )
    return cases.rows((due <= end).to_numpy())


def commission(dataset: "Dataset") -> float:
    """Return the platform's share of a price in a generated market."""
    return float(cast(dict[str, Any], dataset.source["params"])["commission_rate"])


class _Tables(dict[str, pd.DataFrame]):
    """A data set's tables, each read once when asked for."""

    def __init__(self, dataset: "Dataset") -> None:
        super().__init__()
        self._dataset = dataset

    def __contains__(self, name: object) -> bool:
        return name in self._dataset.tables

    def __missing__(self, name: str) -> pd.DataFrame:
        self[name] = self._dataset.table(name)
        return self[name]


def _per_week(made: FeatureFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Return the features with counts as rates per week.

    A count grows with the length of the record, so that later rows would look like none that were trained on.
    """
    frame, record = made.frame.copy(), (made.ids["time"] - start) / DAY
    for name, since in PER_WEEK.items():
        if name in frame:
            days = record if since not in frame else np.minimum(record, made.frame[since])
            frame[name] = made.frame[name] * 7 / np.maximum(days, 7)
    if (recent := "visits_last_12_weeks") in frame:  # of fewer weeks where the record is shorter
        frame[recent] = frame[recent] * 12 / np.clip(record / 7, 1, 12)
    return frame.rename(columns=_renamed)


def _renamed(name: str) -> str:
    return name.replace("_before", "_per_week") if name in PER_WEEK else name


def _meanings(made: FeatureFrame) -> dict[str, str]:
    return {
        _renamed(name): f"{text} (Per week of record.)" if name in PER_WEEK else text
        for name, text in made.columns.items()
    }


def learners(dataset: "Dataset", params: Params) -> Cases:
    """Return each active learner at several moments: will nobody see them for `horizon_days`?

    `follow` is the time to their next visit. Moments are at most `MOST_MOMENTS`, a quarter of the horizon or more
    apart; those whose horizon is not over by the end of the data have no known outcome, but are watched until then.
    """
    horizon, end = int(cast(Any, params).horizon_days) or USUAL_HORIZON, market_end(dataset)
    tables = _Tables(dataset)
    start = pd.Timestamp(tables["views"]["viewed_at"].min()).normalize()
    parts = [_at(tables, moment, horizon, start, end) for moment in _moments(start, end, horizon)]
    if not any(part.target.notna().any() for part in parts):
        raise DataError(
            "The data end before anyone's horizon is over",
            expected=f"at least {FIRST_DAYS + horizon} days",
            actual=f"{(end - start).days} days",
            fix="choose a shorter horizon, or generate more weeks",
        )
    each = tables["views"].groupby("visit_id", sort=False)
    visits = each.agg(subject=("learner_id", "first"), time=("viewed_at", "first"), seen=("viewed_at", "size"))
    visits = visits.reset_index(drop=True)
    return replace(_stacked(parts), stays=_stays(tables["views"], horizon, end), visits=visits)


def _stays(seen: pd.DataFrame, horizon: int, end: pd.Timestamp) -> pd.DataFrame:
    """Return how long each learner stayed from their first visit on: cohort (month of it), duration, event.

    Whoever was not seen in the last horizon left at their last visit; whoever was, had not left when it began.
    """
    visits = seen.groupby("learner_id")["viewed_at"].agg(["min", "max"])
    begun = end - horizon * DAY
    visits = visits[visits["min"] < begun]
    left = visits["max"] < begun
    days = (visits["max"].where(left, begun) - visits["min"]).dt.total_seconds() / 86_400
    cohort = visits["min"].dt.strftime("%Y-%m")
    return pd.DataFrame({"cohort": cohort, "duration": days, "event": left}).reset_index(drop=True)


def churn_labels(dataset: "Dataset", params: Params) -> Cases:
    """Return labeled rows; with a duration, who had left by the horizon, and how long each was watched."""
    cases, roles = from_labels(dataset, params), cast(LabelRoles, dataset.mapping)
    if roles.duration is None:
        return cases
    duration, left = dataset.main()[roles.duration].astype(float), cases.target.astype(bool)
    asked, longest = float(cast(Any, params).horizon_days), float(duration.quantile(0.9))
    horizon = min(asked or watched_horizon(duration, left), longest)
    gone = left & (duration <= horizon)
    target = gone.astype("boolean").mask(~gone & (duration < horizon)).rename(roles.label)
    notes = [f"The horizon is {horizon:g} of the file's own unit of {roles.duration}."]
    if not asked:
        notes[0] += f" It is the longest by which the outcome of {1 - UNKNOWN:.0%} of the rows is known."
    if horizon < asked:
        notes.append(f"A tenth of the rows was watched for longer than {longest:g}: a longer horizon has no ground.")
    if short := float(target.isna().mean()):
        notes.append(
            f"{short:.1%} of the rows were watched for less than the horizon: they count in the fit, the concordance "
            "and the integrated Brier score, not in the figures at the horizon, whose base rate is so too high."
        )
    cohort = "all" if cases.time is None else _cohort(cases.time)
    stays = pd.DataFrame({"cohort": cohort, "duration": duration, "event": left})
    half = horizon / PERIODS / 2  # a period counts where more than half of it was watched
    follow = pd.DataFrame({"duration": duration, "event": left, "watch": (duration + half).mask(left, np.inf)})
    return replace(
        cases, target=target, follow=follow, ends_by="leave", horizon=horizon, stays=stays, notes=tuple(notes)
    )


def watched_horizon(duration: pd.Series, left: pd.Series) -> float:
    """Return the longest time by which the outcome of most rows is known: they had left, or were still watched.

    Where nobody was lost from sight it is the median duration.
    """
    seen = np.sort(duration.where(~left, np.inf).to_numpy(float))
    horizon = seen[int(UNKNOWN * len(seen))]
    return float(max(horizon if np.isfinite(horizon) else duration.median(), duration[duration > 0].min()))


def _cohort(time: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(time):
        return pd.Series(time.dt.to_period("Q").astype("str"))
    return time.astype("str")


def _moments(start: pd.Timestamp, end: pd.Timestamp, horizon: int) -> list[pd.Timestamp]:
    days = (end - start).days
    step = max(7, horizon // 4, (days - FIRST_DAYS) // MOST_MOMENTS)
    last = end - horizon * DAY  # the latest with a known outcome is one of them
    back = [last - number * step * DAY for number in range(MOST_MOMENTS)]
    ahead = [last + number * step * DAY for number in range(1, MOST_MOMENTS)]
    moments = [one for one in (*back[::-1], *ahead) if start + FIRST_DAYS * DAY <= one < end - 7 * DAY]
    return moments[-MOST_MOMENTS:]


def _at(tables: "_Tables", moment: pd.Timestamp, horizon: int, start: pd.Timestamp, end: pd.Timestamp) -> Cases:
    made = features(tables, "churn_prediction", moment, horizon_days=horizon)
    seen = tables["views"]
    later = seen[seen["viewed_at"] >= moment].groupby("learner_id")["viewed_at"].min()
    back = later.reindex(made.ids["learner_id"]).reset_index(drop=True)
    watched = (back.fillna(end) - moment) / DAY
    over = moment + horizon * DAY <= end
    record = np.minimum((moment - start) / DAY, made.frame["days_since_joining"])
    return Cases(
        features=_per_week(made, start).assign(day_of_year=days(made.ids["time"]) % YEAR, days_of_record=record),
        target=made.target.rename("left") if over else made.target.mask(made.target.notna()).rename("left"),
        time=made.ids["time"],
        known=made.ids["time"] + horizon * DAY,
        subject=made.ids["learner_id"],
        follow=pd.DataFrame({"duration": watched, "event": back.notna(), "watch": (end - moment) / DAY}),
        ends_by="return",
        horizon=float(horizon),
        ids=made.ids.drop(columns="time"),
        meanings=_meanings(made) | CLOCK_MEANINGS,
        generated=True,
    )


def _stacked(parts: list[Cases]) -> Cases:
    names = ("features", "target", "time", "known", "subject", "follow", "ids")
    whole = {name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in names}
    return replace(parts[0], **whole)
