"""The trust card: what an answer rests on, as findings that can be read one by one."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from edtech.data.quality.checks import Check, Severity, grade
from edtech.ml.base import Estimate
from edtech.ml.elasticity import diagnostics
from edtech.ml.elasticity.description import IDENTIFICATION, interval_text
from edtech.ml.elasticity.result import ElasticityResult
from edtech.pricing.response import Response
from edtech.pricing.what_ifs import NO_SUBSTITUTION, SUBSTITUTION, WhatIf

WIDE = 0.5
"""An interval wider than this share of the elasticity says little about how much a price change does."""
FAR_OFF = 0.15
"""A forecast of what was held back that is off by more than this share of what happened."""


def trust_card(response: Response, outcome: WhatIf, others: Mapping[str, Estimate] | None = None) -> tuple[Check, ...]:
    """Return what the answer rests on, the most important first.

    `others` are the elasticities that other algorithms found on the same data, by name.
    """
    result = response.result
    return (
        _identification(result),
        _support(outcome),
        _interval(result),
        _sign(result),
        _agreement(result, others or {}),
        _naive(result),
        _substitution(outcome),
        _backtest(result),
    )


def other_elasticities(runs: pd.DataFrame, run_id: str) -> dict[str, Estimate]:
    """Return what the newest run of each other algorithm found; `runs` are trainings of demand on the same data set."""
    own = runs.loc[runs["run_id"] == run_id, "tags.algorithm"]
    return diagnostics.other_elasticities(runs, None if own.empty else str(own.iloc[0]))


def _identification(result: ElasticityResult) -> Check:
    return grade(
        "identification",
        "Why the price effect can be read from these data",
        fail=not result.may_recommend,
        evidence=f"It is {IDENTIFICATION[result.identification]}. It holds if {result.condition}."
        + ("" if result.bias_check is None else f" It is biased: {result.bias_check.evidence}."),
        fix="Do not act on it; run the test that the answer names, or state how prices were set.",
    )


def _support(outcome: WhatIf) -> Check:
    return grade(
        "support",
        "The asked prices were seen before",
        review=outcome.extrapolates,
        evidence=f"{outcome.moved_outside:.0%} of the token revenue whose price changes, {outcome.share_outside:.1%} "
        "of all, would be at prices never seen for its units.",
        fix="Ask for smaller changes, or try the prices on a few units first.",
    )


def _interval(result: ElasticityResult) -> Check:
    found = result.elasticity
    if found.low is None or found.high is None:
        return Check(
            "interval",
            "How sure the elasticity is",
            Severity.REVIEW,
            found.note or "There is no interval.",
            "Ask a run of an algorithm with an interval, such as fixed effects.",
        )
    width = (found.high - found.low) / max(abs(found.estimate), 1e-9)
    return grade(
        "interval",
        "How sure the elasticity is",
        review=width > WIDE,
        evidence=f"{found.estimate:.2f}, {interval_text(found.low, found.high)}: {width:.0%} of it wide.",
        fix="More price changes, more periods or one slope for all segments make it narrower.",
    )


def _sign(result: ElasticityResult) -> Check:
    rising = result.elasticity_by_segment.query("estimate > 0")["segment"]
    return grade(
        "sign",
        "Demand falls as the price rises",
        fail=result.elasticity.estimate > 0,
        review=len(rising) > 0,
        evidence=f"Elasticity {result.elasticity.estimate:.2f}; {len(rising)} of {len(result.elasticity_by_segment)} "
        "segments with a rising demand.",
        fix="Look at the data first: prices that follow demand look like this.",
    )


def _agreement(result: ElasticityResult, others: Mapping[str, Estimate]) -> Check:
    if not others:
        return Check(
            "agreement",
            "Algorithms agree on the elasticity",
            Severity.REVIEW,
            "No other was trained on this data.",
            "Train another algorithm on the same data set.",
        )
    return diagnostics.agreement_check(result.elasticity, others)


def _naive(result: ElasticityResult) -> Check:
    naive, own = result.naive.estimate, result.elasticity.estimate
    return Check(
        "naive",
        "Naive against adjusted",
        Severity.PASS,
        f"Ignoring how prices were set would say {naive:+.2f}; adjusted it is {own:+.2f}.",
    )


def _substitution(outcome: WhatIf) -> Check:
    return grade(
        "substitution",
        "What units take from each other is counted",
        review=outcome.assumes_no_substitution,
        evidence=NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION,
        fix="Bring visits with the offers seen on each, and train the choice among offers.",
    )


def _backtest(result: ElasticityResult) -> Check:
    rows, later = result.evaluation, result.roles.period is not None
    title = "The last periods were forecast well" if later else "What was held back was forecast well"
    predicted = rows["predicted"].to_numpy(dtype=float) if len(rows) else np.array([np.nan])
    if not np.isfinite(predicted).all():
        return Check(
            "backtest",
            title,
            Severity.REVIEW,
            f"No forecast can be checked: {result.split}.",
            "Bring more periods." if later else "Bring more units, or name the periods.",
        )
    actual = float(rows["actual"].sum())
    off = predicted.sum() / max(actual, 1e-9) - 1
    return grade(
        "backtest",
        title,
        review=abs(off) > FAR_OFF,
        evidence=f"On {result.split}, {predicted.sum():,.0f} were forecast and {actual:,.0f} sold: {off:+.1%}.",
        fix="Something changed that the model does not know; train on newer data."
        if later
        else "Units differ in ways the model does not know; name covariates that tell them apart.",
    )
