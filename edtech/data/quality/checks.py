"""What a health check says: one finding each, with how it stands, the evidence, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edtech.tables.formatting import pluralize

FEW_ROWS = 100


class Severity(StrEnum):
    """PASS: nothing to do; REVIEW: read the evidence before acting on results; FAIL: mend the data first."""

    PASS = "PASS"  # noqa: S105 - not a password
    REVIEW = "REVIEW"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, how it stands, the numbers behind it, and what to do (empty for PASS)."""

    code: str
    title: str
    severity: Severity
    evidence: str
    fix: str = ""


def grade(code: str, title: str, *, fail: bool = False, review: bool = False, evidence: str, fix: str) -> Check:
    """Return a finding whose severity follows from what is so; a PASS needs no fix."""
    severity = Severity.FAIL if fail else Severity.REVIEW if review else Severity.PASS
    return Check(code, title, severity, evidence, "" if severity is Severity.PASS else fix)


def worst_severity(checks: Sequence[Check]) -> Severity:
    """Return the most severe of the findings."""
    order = list(Severity)
    return max((check.severity for check in checks), key=order.index, default=Severity.PASS)


def summarize(title: str, checks: Sequence[Check], rows: int) -> Check:
    """Return the finding `learnable` that sums up the findings on so many rows."""
    severity, few = worst_severity(checks), rows < FEW_ROWS
    bad = "; ".join(check.title for check in checks if check.severity is severity)
    sums = {
        Severity.PASS: "Yes, as far as the rows themselves can tell.",
        Severity.REVIEW: f"Yes, once you have looked at: {bad}.",
        Severity.FAIL: f"Not yet. It fails on: {bad}.",
    }
    return grade(
        "learnable",
        title,
        fail=severity is Severity.FAIL,
        review=severity is Severity.REVIEW or few,
        evidence=sums[severity] + (f" The table has only {pluralize(rows, 'row')}." if few else ""),
        fix="Do what the findings above say, or add rows.",
    )
