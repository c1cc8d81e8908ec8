"""A job queue: background tasks with progress, a log, cancellation and a result."""

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from edtech.errors import EdtechError, JobCancelledError, JobError
from edtech.jobs.progress import Progress, ProgressChannel, ProgressReport

Result = TypeVar("Result")
MAX_FINISHED_JOBS = 100
"""Finished jobs that the queue remembers."""


class JobExecutor(Protocol):
    """Runs tasks: in this process, in local worker processes or on a cluster."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":  # noqa: ANN401
        """Schedule `fn(*args)` and return its future; another process receives both by pickle."""

    def open_channel(self) -> ProgressChannel:
        """Return a channel for the progress of one task."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Release the workers."""


@runtime_checkable
class CancellableExecutor(JobExecutor, Protocol):
    """An executor that can also end a task that has started."""

    def cancel(self, future: "Future[Any]") -> None:
        """End a task at once; its future then raises JobCancelledError. Does nothing to a finished task."""


class JobState(StrEnum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job(Generic[Result]):
    """A snapshot of a job.

    `fraction`: completed share of the work, from 0 to 1. `log`: the steps so far. `result`: what the task returned,
    None until then. `error`: why there is no result.
    """

    id: str
    title: str
    submitted_at: datetime
    state: JobState
    fraction: float
    log: tuple[str, ...]
    result: Result | None
    error: EdtechError | None

    @property
    def active(self) -> bool:
        """Whether the job waits or runs."""
        return self.state in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Result]):
    id: str
    title: str
    submitted_at: datetime
    channel: ProgressChannel
    future: "Future[Result]"


class JobQueue(Generic[Result]):
    """The jobs of one server; every method may be called from any thread. `executor` runs the tasks."""

    def __init__(self, executor: JobExecutor) -> None:
        self._executor = executor
        self._entries: dict[str, _Entry[Result]] = {}
        self._cancelled: set[str] = set()
        self._lock = threading.Lock()

    def submit(self, title: str, task: Callable[[Progress], Result]) -> Job[Result]:
        """Run `task(progress)` in the background.

        For a worker process the task must be picklable, such as a `functools.partial` of a module's function.
        """
        channel = self._executor.open_channel()
        future = self._executor.submit(task, channel.progress())
        future.add_done_callback(_log_unexpected_error)
        entry = _Entry(uuid.uuid4().hex[:12], title, datetime.now(UTC), channel, future)
        with self._lock:
            self._entries[entry.id] = entry
            self._evict_finished()
        return self._job(entry)

    def get(self, job_id: str) -> Job[Result] | None:
        """Return a job, or None for an unknown id."""
        entry = self._entries.get(job_id)
        return None if entry is None else self._job(entry)

    def list(self) -> "list[Job[Result]]":
        """Return the jobs, newest first."""
        with self._lock:
            entries = list(self._entries.values())
        return [self._job(entry) for entry in reversed(entries)]

    def wait(self, job_id: str, seconds: float | None = None) -> Job[Result] | None:
        """Return a job when it ends, or in its current state after `seconds`."""
        if entry := self._entries.get(job_id):
            wait([entry.future], timeout=seconds)
        return self.get(job_id)

    def cancel(self, job_id: str) -> None:
        """Cancel a job. What it finished before stays.

        A CancellableExecutor also ends a running job. The job counts as cancelled from now on; `wait` returns after
        the executor has ended it.
        """
        entry = self._entries.get(job_id)
        if entry is None:
            return
        if isinstance(self._executor, CancellableExecutor):
            self._cancelled.add(job_id)
            self._executor.cancel(entry.future)
        else:
            entry.future.cancel()

    def close(self) -> None:
        """End all jobs and shut the executor down."""
        self._executor.shutdown(cancel_futures=True)
        with self._lock:
            for entry in self._entries.values():
                entry.channel.close()

    def _evict_finished(self) -> None:
        finished = [entry for entry in self._entries.values() if entry.future.done()]
        for entry in finished[:-MAX_FINISHED_JOBS]:
            entry.channel.close()
            self._cancelled.discard(entry.id)
            del self._entries[entry.id]

    def _job(self, entry: _Entry[Result]) -> Job[Result]:
        state, error = _state(entry.future)
        if entry.id in self._cancelled and not entry.future.done():
            state = JobState.CANCELLED
        done = state is JobState.DONE
        reports = entry.channel.reports()
        return Job(
            entry.id,
            entry.title,
            entry.submitted_at,
            state,
            fraction=1.0 if done else _fraction(reports),
            log=tuple(dict.fromkeys(report.step for report in reports)),
            result=entry.future.result() if done else None,
            error=error,
        )


def _fraction(reports: "list[ProgressReport]") -> float:
    return reports[-1].fraction if reports else 0.0


def _state(future: "Future[Any]") -> tuple[JobState, EdtechError | None]:
    if future.cancelled():
        return JobState.CANCELLED, None
    if not future.done():
        return (JobState.RUNNING if future.running() else JobState.WAITING), None
    match future.exception():
        case None:
            return JobState.DONE, None
        case JobCancelledError() as error:
            return JobState.CANCELLED, error
        case EdtechError() as error:
            return JobState.FAILED, error
        case error:
            return JobState.FAILED, _unexpected(error)


def _unexpected(error: BaseException) -> JobError:
    return JobError(
        "The job ended with an unexpected error",
        actual=f"{type(error).__name__}: {str(error)[:200]}",
        fix="the server's log has the details; please report it with the data set and settings you used",
    )


def _log_unexpected_error(future: "Future[Any]") -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, EdtechError):
        logging.getLogger(__name__).error("A job failed", exc_info=error)
