"""Charts of the Compare page that are drawn from files of the runs, whoever wrote them."""

import io
import re

import pandas as pd
import streamlit as st

from edtech.charts import compare as charts
from edtech.errors import TrackingError
from edtech.tables.values import listed
from edtech.tables.words import counted
from edtech.tracking import Comparison
from edtech.tracking.seed_groups import paired
from edtech.ui import url_state
from edtech.ui.cache import run_cache
from edtech.ui.widgets import escape, show_errors

PREDICTIONS, IMPORTANCE = "evaluation/predictions.csv", "evaluation/feature_importance.csv"
MOST = 8
CURVES = {
    "roc": ("ROC", "False positives (share)", "True positives (share)"),
    "calibration": ("Calibration", "Predicted probability", "Observed share"),
}
EQUAL = {"roc": "chance", "calibration": "what is predicted coming true"}


def pair(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show whether a second run is off by less than the baseline on the same rows."""
    others = [one for one in runs["run_id"] if one != comparison.baseline]
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
    tables = [_table(comparison, one, PREDICTIONS, ("actual", "predicted")) for one in (comparison.baseline, other)]
    found = paired(*tables)
    st.metric(
        "Mean absolute error, second minus first",
        f"{found.difference:+.4g} pieces",
        border=True,
        help="On the same later rows; below 0 the second run is off by less. The interval counts each unit once.",
    )
    st.markdown(f"{escape(found.words)} 95 % interval {found.low:+.4g} to {found.high:+.4g}.")


def importance(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show what the predictions of each run lean on; a file that cannot be drawn is told, and the others drawn."""
    parts = []
    logged = [one for one in runs["run_id"].head(MOST) if IMPORTANCE in run_cache.artifacts(one)]
    for run_id in logged:
        with show_errors():
            table = _table(comparison, run_id, IMPORTANCE, ("importance",), ("feature",))
            sizes = table["importance"].clip(lower=0)
            parts.append(table.assign(run=comparison.labels[run_id], share=sizes / (sizes.sum() or 1.0)))
    if parts:
        title = "What predictions lean on, run by run; that is no effect"
        st.altair_chart(charts.importance_side_by_side(pd.concat(parts), title=title), alt=title)
    elif not logged:
        st.info("None of these runs logged the importance of its features.", icon=":material/info:")


def curves(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show the curves of classifiers; a file that cannot be drawn is told, and the others drawn."""
    kind = url_state.selectbox(
        "Curve",
        list(CURVES),
        "roc",
        key="compare.curve",
        format_func=lambda one: CURVES[one][0],
        help="Of classifiers.",
    )
    logged = [
        (one, path) for one in runs["run_id"].head(MOST) for path in run_cache.artifacts(one) if is_curve(path, kind)
    ]
    name, x_title, y_title = CURVES[kind]
    parts = []
    for run_id, path in logged:
        with show_errors():
            first, second = _first_numbers(comparison, run_id, path)
            parts.append(pd.DataFrame({"x": first, "y": second, "run": comparison.labels[run_id]}))
    if parts:
        title = f"{name} of {counted(len(parts), 'run')}; the dashed line is {EQUAL[kind]}"
        st.altair_chart(
            charts.lines(pd.concat(parts), title=title, x_title=x_title, y_title=y_title, equal=True), alt=title
        )
    elif not logged:
        st.info(f"None of these runs logged a table of its {name}: only classifiers do.")


def is_curve(path: str, kind: str) -> bool:
    """Whether a file is named as a table of that curve: `roc.csv` and `test_roc_curve.csv`, not `process.csv`."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(".csv") and re.search(rf"(^|_){kind}(_|\.)", name) is not None


def images(comparison: Comparison, runs: pd.DataFrame) -> None:
    """Show the same picture of each run."""
    paths = {
        one: [path for path in run_cache.artifacts(one) if path.endswith(".png")] for one in runs["run_id"].head(6)
    }
    names = sorted({path for found in paths.values() for path in found})
    if not names:
        st.info("None of these runs logged a picture.", icon=":material/info:")
        return
    name = url_state.selectbox("Picture", names, names[0], key="compare.image", help="The same file of each run.")
    columns = st.columns(min(3, len(paths)))
    for place, (run_id, found) in enumerate(paths.items()):
        with columns[place % len(columns)]:
            st.text(comparison.labels[run_id])
            if name in found:
                _image(run_cache.artifact(run_id, name), f"{name} of {comparison.labels[run_id]}")
            else:
                st.caption("not logged")


def _image(content: bytes, alt: str) -> None:
    try:
        st.image(content, alt=alt)
    except (ValueError, OSError):  # Pillow's errors are of these
        st.caption("This file is no picture that can be shown.")


def _first_numbers(comparison: Comparison, run_id: str, path: str) -> tuple[pd.Series, pd.Series]:
    table = _read(comparison, run_id, path)
    numbers = table.select_dtypes("number")
    if numbers.shape[1] < 2 or table.empty:
        raise _unfit(comparison, run_id, path, "two columns of numbers", _columns(table))
    return numbers.iloc[:, 0], numbers.iloc[:, 1]


def _table(
    comparison: Comparison, run_id: str, path: str, numbers: tuple[str, ...], texts: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return a file of a run that has these columns. Raises TrackingError where it has not."""
    table = _read(comparison, run_id, path)
    wrong = [one for one in numbers if one not in table or not pd.api.types.is_numeric_dtype(table[one])]
    if wrong or table.empty or not set(texts) <= set(table):
        expected = f"rows with {listed([*texts, *numbers])}, of numbers in {listed(numbers)}"
        raise _unfit(comparison, run_id, path, expected, _columns(table))
    return table


def _columns(table: pd.DataFrame) -> str:
    return f"{len(table):,} rows with {listed(map(str, table))}"


def _read(comparison: Comparison, run_id: str, path: str) -> pd.DataFrame:
    try:
        return pd.read_csv(io.BytesIO(run_cache.artifact(run_id, path)))
    except (ValueError, OverflowError) as exc:  # pandas' errors of parsing and decoding are of the first
        raise _unfit(comparison, run_id, path, "a table of comma separated values in UTF-8", str(exc)[:200]) from exc


def _unfit(comparison: Comparison, run_id: str, path: str, expected: str, found: str) -> TrackingError:
    return TrackingError(
        f"A file of the run {comparison.labels[run_id]} cannot be shown",
        expected=expected,
        found=found,
        where=path,
        fix="log the file again in this form, or leave the run out",
    )
