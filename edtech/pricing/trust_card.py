"""The trust card: what an answer rests on, as findings that can be read one by one."""

from collections.abc import Mapping

import pandas as pd

from edtech.data.quality.checks import Check, Severity, grade
from edtech.ml.base import Estimate
from edtech.ml.elasticity import diagnostics
from edtech.ml.elasticity.description import IDENTIFICATION
from edtech.ml.elasticity.result import ElasticityResult
from edtech.pricing.evidence import backtest_check, interval_check, sign_check
from edtech.pricing.response import Response
from edtech.pricing.what_ifs import NO_SUBSTITUTION, SUBSTITUTION, WhatIf


def trust_card(response: Response, outcome: WhatIf, others: Mapping[str, Estimate] | None = None) -> tuple[Check, ...]:
    """Return what the answer rests on, the most important first.

    `others` are the elasticities that other algorithms found on the same data, by name.
    """
    result = response.result
    return (
        _identification(result),
        _support(outcome),
        interval_check(result),
        sign_check(result),
        _agreement(result, others or {}),
        _naive(result),
        _substitution(outcome),
        backtest_check(result),
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
        evidence=f"{outcome.changed_share_outside:.0%} of the token revenue whose price changes, {outcome.share_outside:.1%} "
        "of all, would be at prices never seen for its units.",
        fix="Ask for smaller changes, or try the prices on a few units first.",
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
