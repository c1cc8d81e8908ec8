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

CARD = "evaluation/diagnostics_card.json"
DECISIONS = ("decision_value_tokens", "decision_value_stars", "decision_value_reach")
"""Metrics of what a run's decisions are worth, judged by truth or by randomized rows; higher is better."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition: whether it is met, the evidence, and whether a user's reason opens it where it is not."""

    title: str
    passed: bool
    evidence: str
    opens_for_a_reason: bool = False


def checks_of(store: "RunStore", run: Run) -> tuple[Check, ...] | None:
    """Return a run's diagnostics card; None where it has none that can be read."""
    if CARD not in run.artifacts:
        return None
    try:
        rows = json.loads(store.read_artifact(run.run_id, CARD))
        return tuple(
            Check(row["code"], row["title"], Severity(row["severity"]), row["evidence"], row.get("fix", ""))
            for row in (rows["checks"] if isinstance(rows, dict) else rows)
        )
    except (ValueError, KeyError, TypeError, TrackingError):
        return None


def entry_gates(checks: Sequence[Check] | None) -> tuple[Gate, Gate]:
    """Return the gates of the diagnostics card and of leaks; no reason opens them."""
    if checks is None:
        missing = "the run holds no diagnostics card that can be read"
        return Gate("Diagnostics card without FAIL", False, missing), Gate("No leak", False, missing)
    failed = [check for check in checks if check.severity is Severity.FAIL]
    leaks = [check for check in checks if "leak" in check.code and check.severity is not Severity.PASS]
    return (
        Gate("Diagnostics card without FAIL", not failed, _told(failed) or f"{len(checks)} checks, none failed"),
        Gate("No leak", not leaks, _told(leaks) or "no check found one"),
    )


def _told(checks: Sequence[Check]) -> str:
    return "; ".join(f"{check.title}: {check.evidence}"[:200] for check in checks[:5])


def decision_value(run: Run) -> tuple[str, float] | None:
    """Return the name and value of what the run's decisions are worth, None where it is not known."""
    return next(((name, run.metrics[name]) for name in DECISIONS if name in run.metrics), None)


def decision_gate(run: Run, champion: Run | None) -> Gate:
    """Return whether the run's decisions are worth more than the champion's; a user's reason opens it.

    Where there is no champion yet, they must not be worth less than deciding nothing, as far as that is known.
    """
    title = "Better decisions than the champion"
    if champion is None:
        return _first_gate(decision_value(run), title)
    if champion.run_id == run.run_id:
        return Gate(title, True, "it is the champion")
    ours, theirs = decision_value(run), decision_value(champion)
    if run.tags.get("dataset_digest") != champion.tags.get("dataset_digest"):
        return Gate(title, False, "it was judged on another data set than the champion", opens_for_a_reason=True)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        unknown = "this run" if ours is None else "the champion"
        return Gate(title, False, f"what the decisions of {unknown} are worth is not known", opens_for_a_reason=True)
    evidence = f"{ours[0]}: {ours[1]:,.4g} against {theirs[1]:,.4g}"
    return Gate(title, ours[1] > theirs[1], evidence, opens_for_a_reason=True)


def _first_gate(value: tuple[str, float] | None, title: str) -> Gate:
    if value is None:
        return Gate(title, True, "there is no champion yet")
    evidence = f"{value[0]}: {value[1]:,.4g} against 0; there is no champion yet"
    return Gate("Decisions not worse than none", value[1] >= 0, evidence, opens_for_a_reason=True)


def refuse(shut: Sequence[Gate], doing: str) -> None:
    """Raise RegistryError that names the gates which are shut; none of them is none to refuse."""
    if not shut:
        return
    reason = all(gate.opens_for_a_reason for gate in shut)
    raise RegistryError(
        f"The gates do not let this model be {doing.rstrip('e')}ed",
        expected="; ".join(gate.title for gate in shut),
        actual="; ".join(gate.evidence for gate in shut),
        fix="write why it should be the champion all the same" if reason else "mend what was found and train again",
        details=[f"{gate.title}: {gate.evidence}" for gate in shut],
    )
