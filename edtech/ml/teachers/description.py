"""Sentences that describe the result of a training of `teacher_quality`."""

import numpy as np

from edtech.ml.teachers.result import TeacherResult

WARNING = (
    "Do not use raw means for decisions: by chance alone, teachers with one or two ratings are at both ends of such a "
    "list."
)


def finding(result: TeacherResult) -> str:
    """Return the finding as a title."""
    count = len(result.teachers)
    if not result.has_intervals:
        return f"{count:,} teachers by their mean, no valid interval of ranks"
    certainty = rank_certainty(result)
    return (
        f"{certainty['top']:,} of {count:,} teachers are in the top half and {certainty['bottom']:,} in the bottom "
        f"half with 90% confidence; the median rank interval is {certainty['width']:.0f} ranks wide"
    )


def rank_certainty(result: TeacherResult) -> dict[str, float]:
    """Return the number of teachers whose 90% interval is in the top or the bottom half, and the median width."""
    table, middle = result.teachers, (len(result.teachers) + 1) / 2
    return {
        "top": int((table["rank_high"] < middle).sum()),
        "bottom": int((table["rank_low"] > middle).sum()),
        "width": float(np.median(table["rank_high"] - table["rank_low"] + 1)),
    }


def describe(result: TeacherResult) -> str:
    """Return the finding, the variance components and the held-out error."""
    sentences = [f"{finding(result)}."]
    metrics = result.metrics
    if "teacher_sd" in metrics:
        sentences.append(
            f"The standard deviation of teachers is {metrics['teacher_sd']:.2f} beyond chance, of single ratings of a "
            f"teacher {metrics['rating_sd']:.2f}; mean reliability {metrics['reliability']:.2f}."
        )
    if "rating_rmse" in metrics:
        sentences.append(
            f"Held-out error on {result.split}: RMSE {metrics['rating_rmse']:.3f}, of raw means "
            f"{metrics['rating_rmse_raw_mean']:.3f}."
        )
    return " ".join(sentences)


def summary(result: TeacherResult) -> str:
    """Return a run's description, without Markdown, because names come from the data."""
    return "\n\n".join(paragraph for paragraph in (describe(result), result.interval_note, *result.notes) if paragraph)
