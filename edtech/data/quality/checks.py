"""Define the result of a data check: severity, evidence and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from edtech.tables.formatting import pluralize

FEW_ROWS = 100


class Severity(StrEnum):
    """PASS: no action; REVIEW: read the evidence before using results; FAIL: correct the data first."""

    PASS = "PASS"  # noqa: S105 - not a password
    REVIEW = "REVIEW"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check: what was checked, its severity, the evidence, and what to do (empty for PASS)."""

    code: str
    title: str
    severity: Severity
    evidence: str
    fix: str = ""


def grade(code: str, title: str, *, fail: bool = False, review: bool = False, evidence: str, fix: str) -> Check:
    """Return a check with severity FAIL, REVIEW or PASS, by these conditions; a PASS has no fix."""
    severity = Severity.FAIL if fail else Severity.REVIEW if review else Severity.PASS
    return Check(code, title, severity, evidence, "" if severity is Severity.PASS else fix)


def worst_severity(checks: Sequence[Check]) -> Severity:
    """Return the highest severity of the checks."""
    order = list(Severity)
    return max((check.severity for check in checks), key=order.index, default=Severity.PASS)


def summarize(title: str, checks: Sequence[Check], rows: int) -> Check:
    """Return the check `learnable`, which summarizes the checks of a table with `rows` rows."""
    severity, few = worst_severity(checks), rows < FEW_ROWS
    problems = "; ".join(check.title for check in checks if check.severity is severity)
    verdicts = {
        Severity.PASS: "Yes, as far as the data show.",
        Severity.REVIEW: f"Yes, after a review of: {problems}.",
        Severity.FAIL: f"Not yet. Failed checks: {problems}.",
    }
    return grade(
        "learnable",
        title,
        fail=severity is Severity.FAIL,
        review=severity is Severity.REVIEW or few,
        evidence=verdicts[severity] + (f" The table has only {pluralize(rows, 'row')}." if few else ""),
        fix="Follow the checks above, or add rows.",
    )
