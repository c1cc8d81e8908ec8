"""Results of `teacher_quality`."""

import streamlit as st

from edtech.charts import models, teachers
from edtech.ml.teachers.description import describe, finding
from edtech.ml.teachers.result import TeacherResult
from edtech.ui.train.results.default import error_text, importance_chart, importance_title, show_metrics
from edtech.ui.widgets import escape

RESULT_METRICS = (
    *("teacher_sd", "reliability", "rank_interval_width", "rating_rmse", "rating_rmse_raw_mean"),
    *("rank_correlation_later", "course_sd", "ratings_per_teacher", "fit_seconds"),
)
UNIT = "stars"
_COLUMNS = {
    "teacher": st.column_config.TextColumn("Teacher"),
    "ratings": st.column_config.NumberColumn("Ratings", help="Number of ratings of the teacher."),
    "mean": st.column_config.NumberColumn("Raw mean", format="%.2f", help="Mean rating, without any adjustment."),
    "effect": st.column_config.NumberColumn(
        "Effect", format="%+.2f", help="Relative to the average teacher, at equal learners and courses, in stars."
    ),
    "low": st.column_config.NumberColumn("Low", format="%+.2f", help="Lower bound of the 95% interval, in stars."),
    "high": st.column_config.NumberColumn("High", format="%+.2f", help="Upper bound of the 95% interval, in stars."),
    "rank": st.column_config.NumberColumn("Rank", format="%d", help="1 is the highest effect."),
    "rank_low": st.column_config.NumberColumn("Highest rank", format="%d", help="Upper bound of the 90% interval."),
    "rank_high": st.column_config.NumberColumn("Lowest rank", format="%d", help="Lower bound of the 90% interval."),
}


def show(result: TeacherResult) -> None:
    """Show the finding, metrics, the teachers with the intervals of their ranks, and charts."""
    st.markdown(f"**{escape(describe(result))}**")
    for note in (result.interval_note, *result.notes):
        if note:
            st.warning(escape(note), icon=":material/warning:")
    show_metrics(result.metrics, RESULT_METRICS)
    st.caption(f"Errors are measured on {result.split}.")
    if result.has_intervals:
        st.altair_chart(teachers.rank_intervals(result.teachers, title=finding(result)), alt=finding(result))
    st.dataframe(result.teachers, hide_index=True, column_config=_COLUMNS)
    st.altair_chart(
        teachers.effects_by_ratings(
            result.teachers, title="Effects of teachers with few ratings shrink toward the mean", unit=UNIT
        ),
        alt="Effect and raw mean of each teacher by number of ratings",
    )
    if not result.evaluation.empty:
        _show_errors(result)


def _show_errors(result: TeacherResult) -> None:
    title = f"Held-out error: {error_text(result, 'rating_mae')} stars"
    left, right = st.columns(2)
    left.altair_chart(models.actual_vs_predicted(result.evaluation, title=title, unit=UNIT), alt=title)
    chart = importance_chart(result, "increase of squared error when shuffled")
    right.altair_chart(chart, alt=importance_title(result))
