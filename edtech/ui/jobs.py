"""Background jobs on every page: progress, log, cancellation and result."""

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from edtech.jobs.queue import Job, JobState
from edtech.pipeline.tasks import Task, TaskResult
from edtech.ui.cache import run_cache, services
from edtech.ui.state import Key, choose, clear, get, notify
from edtech.ui.widgets import error_panel, escape

POLL_SECONDS = 0.5
MAX_LISTED = 12
ICONS = {
    JobState.WAITING: ":material/hourglass:",
    JobState.RUNNING: ":material/sync:",
    JobState.DONE: ":material/check_circle:",
    JobState.FAILED: ":material/error:",
    JobState.CANCELLED: ":material/cancel:",
}


def start(title: str, task: Task) -> None:
    """Run a task in the background; every page that calls `follow` shows it."""
    _follow_now(services.jobs().submit(title, partial(task, services.settings())))


def follow_running(title: str) -> bool:
    """Follow the active job with this title, whichever session started it; return False if there is none."""
    job = next((job for job in services.jobs().list() if job.active and job.title == title), None)
    if job is not None and job.id != get(Key.JOB):
        _follow_now(job)
    return job is not None


def follow() -> None:
    """Show the followed job: its progress while it runs, then its error, or its result once.

    The address holds the job's id, so that a reload shows it again.
    """
    job = services.jobs().get(get(Key.JOB) or st.query_params.get("job", ""))
    if job is None:
        return
    choose(Key.JOB, job.id)
    st.query_params["job"] = job.id
    with st.container(key="jobs.followed"):
        if job.active:
            st.fragment(_progress, run_every=POLL_SECONDS)(job.id)
        elif job.state is JobState.DONE:
            _apply_result(job)
        else:
            _failed(job)


def runs() -> tuple[str, ...]:
    """Return the ids of the runs from the followed job."""
    job = services.jobs().get(get(Key.JOB) or "")
    return () if job is None or job.result is None else job.result.run_ids


def show_equivalent_command(run_id: str) -> None:
    """Show the command and Python code that repeat the followed job, if it logged this run."""
    job = services.jobs().get(get(Key.JOB) or "")
    if job is None or job.result is None or run_id not in job.result.run_ids:
        return
    with st.expander("Command and Python code", icon=":material/content_copy:"):
        st.code(job.result.command, language="shell", wrap_lines=True)
        if job.result.code:
            st.code(job.result.code, language="python", wrap_lines=True)


def list_jobs() -> None:
    """List the jobs of this server, from all sessions."""
    jobs = services.jobs().list()[:MAX_LISTED]
    running = sum(job.active for job in jobs)
    if not jobs:
        return
    with st.expander(f"Jobs: {running} running", icon=":material/list:"):
        for job in jobs:
            left, right = st.columns([4, 1], vertical_alignment="center")
            left.markdown(
                f"{ICONS[job.state]} {escape(job.title)}: {job.state}, started {job.submitted_at:%H:%M:%S} UTC"
            )
            if right.button("Show", key=f"jobs.show.{job.id}", help="Shows progress, log and result."):
                _follow_now(job)


def _follow_now(job: Job[TaskResult]) -> None:
    choose(Key.JOB, job.id)
    clear(Key.HANDLED_JOB)
    st.rerun()


def _progress(job_id: str) -> None:
    job = services.jobs().get(job_id)
    if job is None or not job.active:
        st.rerun()  # the whole page, which stops polling and shows the result
        return
    with st.container(border=True):
        waiting = job.state is JobState.WAITING
        st.markdown(f"{ICONS[job.state]} **{escape(job.title)}**")
        now = "Waiting for a free worker" if waiting else job.log[-1] if job.log else "Starting"
        seconds = (datetime.now(UTC) - job.submitted_at).total_seconds()
        st.progress(min(max(job.fraction, 0.0), 1.0), text=f"{escape(now)}, {seconds:.0f} s elapsed")
        st.button(
            "Cancel",
            key="jobs.cancel",
            icon=":material/cancel:",
            help="Stops the job. Finished runs stay.",
            on_click=services.jobs().cancel,  # a callback runs before the next rerun draws anything
            args=(job_id,),
        )
        _log(job)


def _log(job: Job[TaskResult]) -> None:
    with st.expander("Log", key=f"jobs.log.{job.id}"):
        st.text("\n".join(job.log) or "No log yet")


def _apply_result(job: Job[TaskResult]) -> None:
    """Select the data set and run of a finished job, once per session."""
    if job.result is None or get(Key.HANDLED_JOB) == job.id:
        return
    choose(Key.HANDLED_JOB, job.id)
    if job.result.dataset_id:
        choose(Key.DATASET, job.result.dataset_id)
    run_cache.run_table_at.clear()
    if job.result.run_ids:
        choose(Key.TRAINING_RUN, job.result.run_ids[0])
        choose(Key.PRICING_RUN, job.result.run_ids[0])
    notify(job.result.summary)
    st.rerun()


def _failed(job: Job[TaskResult]) -> None:
    st.markdown(f"{ICONS[job.state]} **{escape(job.title)}: {job.state}**")
    if job.state is JobState.FAILED and job.error is not None:
        error_panel(job.error)
    else:
        st.info("Canceled. Unfinished work is discarded. Finished runs stay.", icon=":material/cancel:")
    _log(job)
