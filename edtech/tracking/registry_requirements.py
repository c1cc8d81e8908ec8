"""Requirements for registering a run and for promoting it to champion."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edtech.data.quality.checks import Check, Severity
from edtech.errors import RegistryError, TrackingError
from edtech.metrics import metric
from edtech.tracking.run_frames import Run

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

DIAGNOSTICS_FILE = "evaluation/diagnostics_card.json"
DECISION_VALUE_METRICS = ("decision_value_tokens", "decision_value_stars", "decision_value_reach")
"""Metrics of the value of a run's decisions, measured against ground truth or randomized rows; higher is better."""

_NO_FAILURE, _NO_LEAK = "No failed check in the diagnostics card", "No leak"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: whether it is met, the evidence, and whether a user may override it by giving a reason."""

    title: str
    passed: bool
    evidence: str
    can_be_overridden: bool = False


def read_diagnostics(store: "RunStore", run: Run) -> tuple[Check, ...] | None:
    """Return the checks of a run's diagnostics card; None if it has no readable card."""
    if DIAGNOSTICS_FILE not in run.artifacts:
        return None
    try:
        rows = json.loads(store.read_artifact(run.run_id, DIAGNOSTICS_FILE))
        return tuple(
            Check(row["code"], row["title"], Severity(row["severity"]), row["evidence"], row.get("fix", ""))
            for row in (rows["checks"] if isinstance(rows, dict) else rows)
        )
    except (ValueError, KeyError, TypeError, TrackingError):
        return None


def registration_requirements(checks: Sequence[Check] | None) -> tuple[Requirement, Requirement]:
    """Return the requirements for registration: no failed check and no leak; they cannot be overridden."""
    if checks is None:
        missing = "the run has no readable diagnostics card"
        return Requirement(_NO_FAILURE, False, missing), Requirement(_NO_LEAK, False, missing)
    failed = [check for check in checks if check.severity is Severity.FAIL]
    leaks = [check for check in checks if "leak" in check.code and check.severity is not Severity.PASS]
    return (
        Requirement(_NO_FAILURE, not failed, _join_evidence(failed) or f"{len(checks)} checks, none failed"),
        Requirement(_NO_LEAK, not leaks, _join_evidence(leaks) or "no check reports one"),
    )


def _join_evidence(checks: Sequence[Check]) -> str:
    return "; ".join(f"{check.title}: {check.evidence}"[:200] for check in checks[:5])


def decision_value(run: Run) -> tuple[str, float] | None:
    """Return the name and value of the run's decision value, None if it was not computed."""
    return next(((name, run.metrics[name]) for name in DECISION_VALUE_METRICS if name in run.metrics), None)


def promotion_requirement(run: Run, champion: Run | None) -> Requirement:
    """Return the requirement that the run's decision value exceeds the champion's; it can be overridden.

    Without a champion, the decision value must not be negative, if it was computed.
    """
    title = "Higher decision value than the champion"
    if champion is None:
        return _first_promotion_requirement(decision_value(run), title)
    if champion.run_id == run.run_id:
        return Requirement(title, True, "it is the champion")
    new, current = decision_value(run), decision_value(champion)
    if run.tags.get("dataset_digest") != champion.tags.get("dataset_digest"):
        return Requirement(title, False, "the champion was evaluated on another data set", can_be_overridden=True)
    if new is None or current is None or new[0] != current[0]:
        run_name = "this run" if new is None else "the champion"
        return Requirement(title, False, f"the decision value of {run_name} is unknown", can_be_overridden=True)
    evidence = f"{_with_unit(*new)}; the champion's is {current[1]:,.4g}"
    return Requirement(title, new[1] > current[1], evidence, can_be_overridden=True)


def _with_unit(name: str, value: float) -> str:
    definition = metric(name)
    return f"{definition.title} {value:,.4g} {definition.unit}"


def _first_promotion_requirement(value: tuple[str, float] | None, title: str) -> Requirement:
    if value is None:
        return Requirement(title, True, "there is no champion yet")
    evidence = f"{_with_unit(*value)}; there is no champion yet"
    return Requirement("Decision value not negative", value[1] >= 0, evidence, can_be_overridden=True)


def raise_if_unmet(unmet: Sequence[Requirement], action: str) -> None:
    """Raise RegistryError that names the unmet requirements of an action: "register" or "promote"."""
    if not unmet:
        return
    overridable = all(requirement.can_be_overridden for requirement in unmet)
    raise RegistryError(
        f"This model does not meet the requirements to {action} it",
        expected="; ".join(requirement.title for requirement in unmet),
        actual="; ".join(requirement.evidence for requirement in unmet),
        fix="give a reason why it should be the champion" if overridable else "correct the problem and train again",
        details=[f"{requirement.title}: {requirement.evidence}" for requirement in unmet],
    )
