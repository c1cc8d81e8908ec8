"""The jobs of a server: work that outlives the page that asked for it, with progress, log, cancel and outcome."""

import json
import logging
import shutil
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from edtech.errors import EdtechError, JobCancelledError, JobError
from edtech.jobs.worker_pool import Inline, Workers
from edtech.settings import Settings

Progress = Callable[[float, str], None]
Work = Callable[[Settings, Progress], "Outcome"]
KEPT = 100
"""Finished jobs that are remembered."""


def part(tell: Progress, start: float, size: float) -> Progress:
    """Return what tells the progress of a part of the work."""
    return lambda share, text: tell(start + size * share, text)


class State(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job made, in words, and the ids: of the runs it logged, the one to look at first, and of a data set.

    `command` and `code` do the same from a shell and in Python.
    """

    words: str
    runs: tuple[str, ...] = ()
    dataset: str | None = None
    command: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands now. `share` is from 0 to 1, `log` the steps so far; `error` says why there is no outcome."""

    id: str
    title: str
    asked: datetime
    state: State
    share: float
    log: tuple[str, ...]
    outcome: Outcome | None
    error: EdtechError | None

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (State.WAITING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    title: str
    asked: datetime
    log: Path
    future: "Future[Outcome]"


class Jobs:
    """All jobs of one server, used from any thread; `executor` does the work.

    By default `settings.workers` processes, or the caller's own thread where that is 0. Another executor, such as that
    of a cluster, needs to reach the same home; where it has no `end`, only jobs that still wait can be cancelled.
    `on_lost` is called if a worker process ends before its job does.
    """

    def __init__(
        self, settings: Settings, executor: Executor | None = None, on_lost: Callable[[], object] = lambda: None
    ) -> None:
        self._settings = settings
        self._folder = Path(mkdtemp(prefix="edtech-jobs-"))
        self._cleanup = finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._executor = executor or (Workers(settings.workers, on_lost) if settings.workers else Inline())
        self._entries: dict[str, _Entry] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def submit(self, title: str, work: Work) -> Job:
        """Have `work(settings, progress)` done: a `functools.partial` of a module's function, or what else pickles."""
        job_id = uuid.uuid4().hex[:12]
        log = self._folder / f"{job_id}.jsonl"
        future = self._executor.submit(do, work, self._settings, log)
        future.add_done_callback(_log_bug)
        with self._lock:
            self._entries[job_id] = _Entry(job_id, title, datetime.now(UTC), log, future)
            self._forget()
        return self._job(self._entries[job_id])

    def get(self, job_id: str) -> Job | None:
        """Return a job, None where this server knows none of that id."""
        entry = self._entries.get(job_id)
        return None if entry is None else self._job(entry)

    def list(self) -> "list[Job]":
        """Return the jobs, newest first."""
        with self._lock:
            entries = list(self._entries.values())
        return [self._job(entry) for entry in reversed(entries)]

    def wait(self, job_id: str, seconds: float | None = None) -> Job | None:
        """Return a job when it has ended, or as it stands after so many seconds."""
        if entry := self._entries.get(job_id):
            wait([entry.future], timeout=seconds)
        return self.get(job_id)

    def cancel(self, job_id: str) -> None:
        """End a job at once. What it had finished and logged stays; a run it was writing is closed as failed.

        It counts as cancelled from now on; `wait` also waits until what it left is cleared away.
        """
        if entry := self._entries.get(job_id):
            if hasattr(self._executor, "end"):
                self._ended.add(job_id)
            getattr(self._executor, "end", Future.cancel)(entry.future)

    def close(self) -> None:
        """End all jobs and processes."""
        self._executor.shutdown(cancel_futures=True)
        self._cleanup()

    def _forget(self) -> None:
        finished = [entry for entry in self._entries.values() if entry.future.done()]
        for entry in finished[:-KEPT]:
            entry.log.unlink(missing_ok=True)
            self._ended.discard(entry.id)
            del self._entries[entry.id]

    def _job(self, entry: _Entry) -> Job:
        state, error = _state(entry.future)
        if entry.id in self._ended and not entry.future.done():
            state = State.CANCELLED
        steps = _steps(entry.log)
        done = entry.future.result() if state is State.DONE else None
        share = 1.0 if done else steps[-1][0] if steps else 0.0
        log = tuple(dict.fromkeys(text for _, text in steps))
        return Job(entry.id, entry.title, entry.asked, state, share, log, done, error)


def do(work: Work, settings: Settings, log: Path) -> Outcome:
    """Do the work where it was sent, and write its steps to `log`, a line each."""
    with log.open("a", encoding="utf-8") as file:

        def tell(share: float, text: str) -> None:
            file.write(json.dumps([share, text]) + "\n")
            file.flush()

        return work(settings, tell)


def _state(future: "Future[Any]") -> tuple[State, EdtechError | None]:
    if future.cancelled():
        return State.CANCELLED, None
    if not future.done():
        return (State.RUNNING if future.running() else State.WAITING), None
    error = future.exception()
    if error is None:
        return State.DONE, None
    told = error if isinstance(error, EdtechError) else _bug(error)
    return (State.CANCELLED if isinstance(error, JobCancelledError) else State.FAILED), told


def _bug(error: BaseException) -> JobError:
    return JobError(
        "The job ended by an error in the program",
        found=f"{type(error).__name__}: {str(error)[:200]}",
        fix="the server's log has the details; please report it with the data set and settings you used",
    )


def _log_bug(future: "Future[Any]") -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None and not isinstance(error, EdtechError):
        logging.getLogger(__name__).error("A job failed", exc_info=error)


def _steps(log: Path) -> list[tuple[float, str]]:
    """Return the steps told so far; the last line may be half written, where its writer was killed."""
    try:
        lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [(float(share), str(text)) for share, text in map(json.loads, lines)]
