"""What a training of `teacher_quality` found, in sentences."""

import numpy as np

from edtech.ml.teachers.result import TeacherResult

WARNING = (
    "Raw means are shown as a warning, not as an answer: teachers with one or two ratings hold both ends of such a "
    "list by chance alone."
)


def finding(result: TeacherResult) -> str:
    """Return the finding in one line, fit for a title."""
    count = len(result.teachers)
    if not result.has_intervals:
        return f"{count:,} teachers by their mean, without an honest interval of the rank"
    sure = certain(result)
    return (
        f"{sure['top']:,} of {count:,} teachers are surely in the better half, {sure['bottom']:,} in the other; "
        f"ranks are known within {sure['width']:.0f} places"
    )


def certain(result: TeacherResult) -> dict[str, float]:
    """Return how many teachers' 90 % intervals lie in the better or the other half, and their median width."""
    table, middle = result.teachers, (len(result.teachers) + 1) / 2
    return {
        "top": int((table["rank_high"] < middle).sum()),
        "bottom": int((table["rank_low"] > middle).sum()),
        "width": float(np.median(table["rank_high"] - table["rank_low"] + 1)),
    }


def sentence(result: TeacherResult) -> str:
    """Return what was found and how well later ratings were foreseen."""
    parts = [f"{finding(result)}."]
    found = result.metrics
    if "teacher_sd" in found:
        parts.append(
            f"Teachers differ by {found['teacher_sd']:.2f} (standard deviation of what is beyond chance), single "
            f"ratings of a teacher by {found['rating_sd']:.2f}; mean reliability {found['reliability']:.2f}."
        )
    if "rating_rmse" in found:
        parts.append(
            f"On {result.split} it was off by {found['rating_rmse']:.3f} (RMSE); raw means by "
            f"{found['rating_rmse_raw_mean']:.3f}."
        )
    return " ".join(parts)


def summary(result: TeacherResult) -> str:
    """Return a run's description; plain sentences, so that a name from the data cannot become Markdown."""
    return "\n\n".join(part for part in (sentence(result), result.interval_note, *result.notes) if part)
