"""The checks behind a what-if."""

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
    """Return the checks behind a what-if, the most important first.

    `others` are the elasticities of other algorithms on the same data, by name.
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
    """Return the elasticity of the newest run of each other algorithm; `runs` are of demand on the same data set."""
    own = runs.loc[runs["run_id"] == run_id, "tags.algorithm"]
    return diagnostics.other_elasticities(runs, None if own.empty else str(own.iloc[0]))


def _identification(result: ElasticityResult) -> Check:
    return grade(
        "identification",
        "The price effect is identified",
        fail=not result.may_recommend,
        evidence=f"It is {IDENTIFICATION[result.identification]}. It holds if {result.condition}."
        + ("" if result.bias_check is None else f" It is biased: {result.bias_check.evidence}."),
        fix="Do not act on it. Run the suggested price test, or state how prices were set.",
    )


def _support(outcome: WhatIf) -> Check:
    return grade(
        "support",
        "The new prices were observed",
        review=outcome.extrapolates,
        evidence=f"{outcome.changed_share_outside:.0%} of the token revenue whose price changes, "
        f"{outcome.share_outside:.1%} of all, is at prices that were never observed for its units.",
        fix="Use smaller changes, or test the prices on a few units first.",
    )


def _agreement(result: ElasticityResult, others: Mapping[str, Estimate]) -> Check:
    if not others:
        return Check(
            "agreement",
            "Algorithms agree on the elasticity",
            Severity.REVIEW,
            "No other algorithm is trained on this data set.",
            "Train another algorithm on the same data set.",
        )
    return diagnostics.agreement_check(result.elasticity, others)


def _naive(result: ElasticityResult) -> Check:
    naive, own = result.naive.estimate, result.elasticity.estimate
    return Check(
        "naive",
        "Naive versus adjusted estimate",
        Severity.PASS,
        f"The naive elasticity, which ignores how prices were set, is {naive:+.2f}. The adjusted one is {own:+.2f}.",
    )


def _substitution(outcome: WhatIf) -> Check:
    return grade(
        "substitution",
        "Substitution is modeled",
        review=outcome.assumes_no_substitution,
        evidence=NO_SUBSTITUTION if outcome.assumes_no_substitution else SUBSTITUTION,
        fix="Upload visits with the offers shown on each, and train the discrete choice model.",
    )
