"""What a training of `teacher_quality` found."""

import streamlit as st

from edtech.charts import models, teachers
from edtech.ml.teachers.description import finding, sentence
from edtech.ml.teachers.result import TeacherResult
from edtech.ui.train.results.parts import show_metrics
from edtech.ui.widgets import escape

RESULT_METRICS = (
    *("teacher_sd", "reliability", "rank_interval_width", "rating_rmse", "rating_rmse_raw_mean"),
    *("rank_correlation_later", "course_sd", "ratings_per_teacher", "fit_seconds"),
)
UNIT = "stars"
_COLUMNS = {
    "teacher": st.column_config.TextColumn("Teacher"),
    "ratings": st.column_config.NumberColumn("Ratings", help="How often the teacher was rated."),
    "mean": st.column_config.NumberColumn("Raw mean", format="%.2f", help="Mean rating, as a shop would show it."),
    "effect": st.column_config.NumberColumn(
        "Effect", format="%+.2f", help="Against the average teacher, at equal learners and courses, in stars."
    ),
    "low": st.column_config.NumberColumn("Low", format="%+.2f", help="Lower end of the 95 % interval, in stars."),
    "high": st.column_config.NumberColumn("High", format="%+.2f", help="Upper end of the 95 % interval, in stars."),
    "rank": st.column_config.NumberColumn("Rank", format="%d", help="1 is the highest effect."),
    "rank_low": st.column_config.NumberColumn("Rank, best", format="%d", help="Best end of the 90 % interval."),
    "rank_high": st.column_config.NumberColumn("Rank, worst", format="%d", help="Worst end of the 90 % interval."),
}


def show(result: TeacherResult) -> None:
    """Show the finding, the ranks with their intervals, the card, figures and plots."""
    st.markdown(f"**{escape(sentence(result))}**")
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
            result.teachers, title="The fewer the ratings, the more a mean is pulled to that of all", unit=UNIT
        ),
        alt="Effect and raw mean of each teacher over the number of ratings",
    )
    if not result.evaluation.empty:
        _errors(result)


def _errors(result: TeacherResult) -> None:
    title = f"Later ratings: off by {result.metrics['rating_mae']:.2f} stars on average"
    left, right = st.columns(2)
    left.altair_chart(models.actual_vs_predicted(result.evaluation, title=title, unit=UNIT), alt=title)
    top = result.importance["feature"].iloc[0]
    right.altair_chart(
        models.importance(
            result.importance, title=f"Predictions lean most on {top}", unit="rise of squared error when shuffled"
        ),
        alt=f"Permutation importance; predictions lean most on {top}",
    )
