"""Charts of the Compare page from files of the runs, including runs of other tools."""

import io
import re

import pandas as pd
import streamlit as st

from edtech.charts import compare as charts
from edtech.errors import TrackingError
from edtech.metrics import metric
from edtech.tables.formatting import format_names, pluralize
from edtech.tracking import Comparison
from edtech.tracking.comparison_statistics import paired_difference
from edtech.ui import url_state
from edtech.ui.cache import run_cache
from edtech.ui.widgets import escape, show_errors

PREDICTIONS, IMPORTANCE = "evaluation/predictions.csv", "evaluation/feature_importance.csv"
MOST = 8
CURVES = {
    "roc": ("ROC", "False positive rate", "True positive rate"),
    "calibration": ("Calibration", "Predicted probability", "Observed share"),
}
EQUAL = {"roc": "chance", "calibration": "perfect calibration"}


def pair(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show the difference in error between a second run and the baseline on the same rows."""
    others = [run_id for run_id in runs["run_id"] if run_id != comparison.baseline]
    if comparison.baseline is None or not others:
        st.info("Choose a second run to compare with the baseline.", icon=":material/info:")
        return
    other = url_state.selectbox(
        "Second run",
        others,
        others[0],
        format_func=comparison.labels.__getitem__,
        key="compare.pair",
        help="The first is the baseline.",
    )
    tables = [
        _table(comparison, run_id, PREDICTIONS, ("actual", "predicted")) for run_id in (comparison.baseline, other)
    ]
    errors = paired_difference(*tables)
    st.metric(
        "Difference in MAE, second minus first",
        f"{errors.difference:+.4g} {metric('mae').unit}",
        border=True,
        help="On the same later rows. Below 0, the second run has smaller errors. The interval is clustered by unit.",
    )
    st.markdown(f"{escape(errors.summary)} 95% interval {errors.low:+.4g} to {errors.high:+.4g}.")


def importance(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show the feature importance of each run; an unreadable file shows its error."""
    parts = []
    logged = [run_id for run_id in runs["run_id"].head(MOST) if IMPORTANCE in run_cache.artifacts(run_id)]
    for run_id in logged:
        with show_errors():
            table = _table(comparison, run_id, IMPORTANCE, ("importance",), ("feature",))
            sizes = table["importance"].clip(lower=0)
            parts.append(table.assign(run=comparison.labels[run_id], share=sizes / (sizes.sum() or 1.0)))
    if parts:
        title = "Feature importance by run (not causal)"
        st.altair_chart(charts.importance_side_by_side(pd.concat(parts), title=title), alt=title)
    elif not logged:
        st.info("None of these runs logged feature importance.", icon=":material/info:")


def curves(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show the curves of classifiers; an unreadable file shows its error."""
    kind = url_state.selectbox(
        "Curve",
        list(CURVES),
        "roc",
        key="compare.curve",
        format_func=lambda item: CURVES[item][0],
        help="Only classifiers log these curves.",
    )
    logged = [
        (run_id, path)
        for run_id in runs["run_id"].head(MOST)
        for path in run_cache.artifacts(run_id)
        if is_curve(path, kind)
    ]
    name, x_title, y_title = CURVES[kind]
    parts = []
    for run_id, path in logged:
        with show_errors():
            first, second = _first_numbers(comparison, run_id, path)
            parts.append(pd.DataFrame({"x": first, "y": second, "run": comparison.labels[run_id]}))
    if parts:
        title = f"{name} of {pluralize(len(parts), 'run')}; dashed line: {EQUAL[kind]}"
        st.altair_chart(
            charts.lines(pd.concat(parts), title=title, x_title=x_title, y_title=y_title, equal=True), alt=title
        )
    elif not logged:
        st.info(f"None of these runs logged its {name} curve. Only classifiers do.")


def is_curve(path: str, kind: str) -> bool:
    """Tell whether a file name is that of a table of this curve.

    >>> [is_curve(path, "roc") for path in ("roc.csv", "test_roc_curve.csv", "process.csv")]
    [True, True, False]
    """
    name = path.rpartition("/")[2].lower()
    return name.endswith(".csv") and re.search(rf"(^|_){kind}(_|\.)", name) is not None


def images(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show the same picture of each run."""
    paths = {
        run_id: [path for path in run_cache.artifacts(run_id) if path.endswith(".png")]
        for run_id in runs["run_id"].head(6)
    }
    names = sorted({path for result in paths.values() for path in result})
    if not names:
        st.info("None of these runs logged a picture.", icon=":material/info:")
        return
    name = url_state.selectbox("Picture", names, names[0], key="compare.image", help="The same file of each run.")
    columns = st.columns(min(3, len(paths)))
    for position, (run_id, result) in enumerate(paths.items()):
        with columns[position % len(columns)]:
            st.text(comparison.labels[run_id])
            if name in result:
                _image(run_cache.artifact(run_id, name), f"{name} of {comparison.labels[run_id]}")
            else:
                st.caption("not logged")


def _image(content: bytes, alt: str) -> None:
    try:
        st.image(content, alt=alt)
    except (ValueError, OSError):  # Pillow's errors are of these
        st.caption("This file is not a valid picture.")


def _first_numbers(comparison: Comparison, run_id: str, path: str) -> tuple[pd.Series, pd.Series]:
    table = _read(comparison, run_id, path)
    numbers = table.select_dtypes("number")
    if numbers.shape[1] < 2 or table.empty:
        raise _unfit(comparison, run_id, path, "two columns of numbers", _columns(table))
    return numbers.iloc[:, 0], numbers.iloc[:, 1]


def _table(
    comparison: Comparison, run_id: str, path: str, numbers: tuple[str, ...], texts: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return a file of a run with these columns. Raises TrackingError if a column is missing."""
    table = _read(comparison, run_id, path)
    wrong = [column for column in numbers if column not in table or not pd.api.types.is_numeric_dtype(table[column])]
    if wrong or table.empty or not set(texts) <= set(table):
        expected = f"rows with {format_names([*texts, *numbers])}, with numbers in {format_names(numbers)}"
        raise _unfit(comparison, run_id, path, expected, _columns(table))
    return table


def _columns(table: pd.DataFrame) -> str:
    return f"{len(table):,} rows with {format_names(map(str, table))}"


def _read(comparison: Comparison, run_id: str, path: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.BytesIO(run_cache.artifact(run_id, path)))
    except (ValueError, OverflowError) as exc:  # pandas' errors of parsing and decoding are ValueErrors
        raise _unfit(comparison, run_id, path, "a table of comma-separated values in UTF-8", str(exc)[:200]) from exc


def _unfit(comparison: Comparison, run_id: str, path: str, expected: str, actual: str) -> TrackingError:
    return TrackingError(
        f"A file of the run {comparison.labels[run_id]} cannot be shown",
        expected=expected,
        actual=actual,
        where=path,
        fix="Log the file again in this format, or remove the run",
    )
