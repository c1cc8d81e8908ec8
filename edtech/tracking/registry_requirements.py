"""What lets a run into the registry, and what lets it take the champion's place."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edtech.data.quality.checks import Check, Severity
from edtech.errors import RegistryError, TrackingError
from edtech.tracking.run_frames import Run

if TYPE_CHECKING:
    from edtech.tracking.runs import RunStore

DIAGNOSTICS_FILE = "evaluation/diagnostics_card.json"
DECISION_VALUE_METRICS = ("decision_value_tokens", "decision_value_stars", "decision_value_reach")
"""Metrics of what a run's decisions are worth, judged by truth or by randomized rows; higher is better."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition: whether it is met, the evidence, and whether a user's reason opens it where it is not."""

    title: str
    passed: bool
    evidence: str
    can_be_overridden: bool = False


def read_diagnostics(store: "RunStore", run: Run) -> tuple[Check, ...] | None:
    """Return a run's diagnostics card; None where it has none that can be read."""
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
    """Return the gates of the diagnostics card and of leaks; no reason opens them."""
    if checks is None:
        missing = "the run holds no diagnostics card that can be read"
        return Requirement("Diagnostics card without FAIL", False, missing), Requirement("No leak", False, missing)
    failed = [check for check in checks if check.severity is Severity.FAIL]
    leaks = [check for check in checks if "leak" in check.code and check.severity is not Severity.PASS]
    return (
        Requirement(
            "Diagnostics card without FAIL", not failed, _join_evidence(failed) or f"{len(checks)} checks, none failed"
        ),
        Requirement("No leak", not leaks, _join_evidence(leaks) or "no check found one"),
    )


def _join_evidence(checks: Sequence[Check]) -> str:
    return "; ".join(f"{check.title}: {check.evidence}"[:200] for check in checks[:5])


def decision_value(run: Run) -> tuple[str, float] | None:
    """Return the name and value of what the run's decisions are worth, None where it is not known."""
    return next(((name, run.metrics[name]) for name in DECISION_VALUE_METRICS if name in run.metrics), None)


def promotion_requirement(run: Run, champion: Run | None) -> Requirement:
    """Return whether the run's decisions are worth more than the champion's; a user's reason opens it.

    Where there is no champion yet, they must not be worth less than deciding nothing, as far as that is known.
    """
    title = "Better decisions than the champion"
    if champion is None:
        return _first_promotion_requirement(decision_value(run), title)
    if champion.run_id == run.run_id:
        return Requirement(title, True, "it is the champion")
    ours, theirs = decision_value(run), decision_value(champion)
    if run.tags.get("dataset_digest") != champion.tags.get("dataset_digest"):
        return Requirement(title, False, "it was judged on another data set than the champion", can_be_overridden=True)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        unknown = "this run" if ours is None else "the champion"
        return Requirement(
            title, False, f"what the decisions of {unknown} are worth is not known", can_be_overridden=True
        )
    evidence = f"{ours[0]}: {ours[1]:,.4g} against {theirs[1]:,.4g}"
    return Requirement(title, ours[1] > theirs[1], evidence, can_be_overridden=True)


def _first_promotion_requirement(value: tuple[str, float] | None, title: str) -> Requirement:
    if value is None:
        return Requirement(title, True, "there is no champion yet")
    evidence = f"{value[0]}: {value[1]:,.4g} against 0; there is no champion yet"
    return Requirement("Decisions not worse than none", value[1] >= 0, evidence, can_be_overridden=True)


def raise_if_unmet(shut: Sequence[Requirement], doing: str) -> None:
    """Raise RegistryError that names the gates which are shut; none of them is none to refuse."""
    if not shut:
        return
    reason = all(gate.can_be_overridden for gate in shut)
    raise RegistryError(
        f"The gates do not let this model be {doing.rstrip('e')}ed",
        expected="; ".join(gate.title for gate in shut),
        actual="; ".join(gate.evidence for gate in shut),
        fix="write why it should be the champion all the same" if reason else "mend what was found and train again",
        details=[f"{gate.title}: {gate.evidence}" for gate in shut],
    )
