"""Run details: metrics, parameters, tags and files, with edit, delete, restore and rerun."""

import json
import math
import re
from functools import partial
from io import BytesIO

import pandas as pd
import streamlit as st

from edtech.metrics import interval_of, metric
from edtech.pipeline import tasks
from edtech.settings import Settings
from edtech.tracking import Run
from edtech.tracking.store import find_store
from edtech.ui import jobs, run_tables
from edtech.ui.cache import run_cache, services
from edtech.ui.reports import downloads
from edtech.ui.state import notify
from edtech.ui.widgets import format_number, show_errors

_MOST_TEXT = 100_000
_NOTE = "mlflow.note.content"


def choose_run(experiment: str) -> str | None:
    """Show the choice of a finished training; return None without trainings."""
    table = run_cache.run_table(experiment)
    if table.empty:
        return None
    labels = run_tables.run_labels(table)
    return st.selectbox(
        "Run", list(labels), format_func=labels.__getitem__, key="models.run", help="Finished trainings, newest first."
    )


def show(run_id: str, experiment: str) -> None:
    """Show all details of a run."""
    store = services.tracker(experiment).runs
    run = store.get_run(run_id)
    st.code(run.run_id, language=None)
    if run.started is not None:
        st.caption(f"{run.status}, {run.started:%Y-%m-%d %H:%M:%S} UTC, {format_number(run.duration_seconds, 's')}")
    if link := address_of(run_id, services.settings()):
        st.link_button("Open in MLflow", link, icon=":material/open_in_new:")
    st.text(note_text(run.tags.get(_NOTE, "")) or "No note.")
    st.subheader("Metrics")
    st.dataframe(metric_rows(run), hide_index=True, key="models.metrics")
    left, right = st.columns(2)
    left.subheader("Parameters")
    left.dataframe(_pairs(run.params), hide_index=True, key="models.params")
    right.subheader("Tags")
    right.dataframe(_pairs({k: v for k, v in run.tags.items() if k != _NOTE}), hide_index=True, key="models.tags")
    _artifacts(run, experiment)
    downloads.run_downloads(run_id)
    _edit(run, experiment)
    _rerun(run)


def note_text(note: str) -> str:
    """Return a note as text, without escapes and tables of Markdown, because the table is shown below.

    >>> note_text("RMSE 0\\\\.7")
    'RMSE 0.7'
    """
    lines = [line for line in note.splitlines() if not line.startswith("|")]
    return re.sub(r"\\([^\w\s])", r"\1", "\n".join(lines)).strip()


def metric_rows(run: Run) -> pd.DataFrame:
    """Return a run's metrics: title, value, 95% interval, unit and meaning."""
    ends = {name: interval_of(name, run.metrics) for name in run.metrics}
    interval_ends = {end for pair in ends.values() for end in pair or ()}
    rows = [
        (metric(name).title, value, *_values(run, ends[name]), metric(name).unit, metric(name).help)
        for name, value in run.metrics.items()
        if name not in interval_ends
    ]
    return pd.DataFrame(rows, columns=["Metric", "Value", "Low", "High", "Unit", "Meaning"])


def _values(run: Run, ends: tuple[str, str] | None) -> tuple[float, float]:
    return (run.metrics[ends[0]], run.metrics[ends[1]]) if ends else (math.nan, math.nan)


def _pairs(values: object) -> pd.DataFrame:
    return pd.DataFrame(sorted(dict(values).items()), columns=["Name", "Value"])  # type: ignore[call-overload]


def address_of(run_id: str, settings: Settings) -> str | None:
    """Return the address of a run's page on the server, without a password, or None without a server."""
    return f"{find_store(settings=settings).uri_without_credentials}/#/runs/{run_id}" if settings.has_server else None


def _artifacts(run: Run, experiment: str) -> None:
    st.subheader("Files")
    if not run.artifacts:
        st.caption("The run has no files.")
        return
    store = services.tracker(experiment).runs
    path = st.selectbox("File", run.artifacts, key="models.file", help="The files of the run.")
    with show_errors():
        content = store.read_artifact(run.run_id, path)
        show_file(path, content)
        st.download_button(
            "Download file",
            content,
            path.rsplit("/", 1)[-1],
            key="models.file.get",
            on_click="ignore",
            icon=":material/download:",
        )
    if run.has_model and st.toggle(
        "Prepare model download", key="models.zip", help="Compresses the files of the model."
    ):
        with show_errors(), store.model_zip(run.run_id) as zipped, zipped.open("rb") as file:
            st.download_button(
                "Download model",
                file,
                zipped.name,
                key="models.zip.get",
                on_click="ignore",
                icon=":material/download:",
            )


def show_file(path: str, content: bytes) -> None:
    """Show a file by its extension without executing any of it; other files show a caption."""
    extension = path.rpartition(".")[2].lower()
    try:
        if extension == "png":
            st.image(content, alt=f"Picture of the run: {path}")
        elif extension == "csv":
            st.dataframe(pd.read_csv(BytesIO(content)), key="models.file.table")
        elif extension == "json":
            st.json(json.loads(content), expanded=1)
        else:
            st.code(content[:_MOST_TEXT].decode("utf-8"), language=None, height=400)
    except (ValueError, OSError):  # errors of pandas, json, Pillow and the decoder
        st.caption("This file cannot be shown here. Download it.")


def _edit(run: Run, experiment: str) -> None:
    store = services.tracker(experiment).runs
    with st.expander("Name, note and tags"):
        with st.form("models.describe", border=False):
            name = st.text_input("Name", run.name, max_chars=250, key=f"models.name.{run.run_id}")
            note = st.text_area("Note", run.tags.get(_NOTE, ""), max_chars=5_000, key=f"models.note.{run.run_id}")
            if st.form_submit_button("Save name and note", icon=":material/save:"):
                with show_errors():
                    store.update_run(run.run_id, name, note)
                    _changed("Name and note are saved.")
        with st.form("models.tag", border=False):
            key = st.text_input("Tag", max_chars=100, key="models.tag.name", placeholder="stage")
            value = st.text_input(
                "Value", max_chars=1_000, key="models.tag.value", help="An empty value removes the tag."
            )
            if st.form_submit_button("Save tag", icon=":material/sell:"):
                with show_errors():
                    store.set_tag(run.run_id, key.strip(), value.strip())
                    _changed("The tag is saved.")
    if st.button("Delete run", key="models.delete", icon=":material/delete:", help="You can restore the run below."):
        with show_errors():
            store.delete(run.run_id)
            _changed("The run is deleted. You can restore it below.")


def _rerun(run: Run) -> None:
    if st.button(
        "Rerun training",
        key="models.again",
        icon=":material/replay:",
        help="Trains with the same data set, parameters and seed. Lists what changed.",
    ):
        st.toast("The rerun has started. See its progress at the top of the page.", icon=":material/replay:")
        jobs.start(f"Rerun {run.name}", partial(tasks.rerun_training, run.run_id))


def restore(experiment: str) -> None:
    """Show deleted trainings, which can be restored."""
    runs = services.tracker(experiment).runs
    deleted = runs.deleted_runs(experiment, "training")
    if deleted.empty:
        return
    with st.expander(f"{len(deleted)} deleted runs"):
        for run_id, name in zip(deleted["run_id"], deleted["name"], strict=True):
            st.text(f"{name}, {run_id}")
            if st.button("Restore", key=f"models.restore.{run_id}", icon=":material/undo:"):
                with show_errors():
                    runs.restore(run_id)
                    _changed("The run is restored.")


def _changed(text: str) -> None:
    run_cache.run_table_at.clear()
    notify(text)
    st.rerun()
