"""Runs that are pending in the embedded store: send each to the server once, in the background."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TypeVar

from filelock import FileLock, Timeout

from edtech.errors import EdtechError, SettingsError, TrackingError
from edtech.jobs.progress import Progress
from edtech.settings import Settings
from edtech.tracking.copying import RunCopier
from edtech.tracking.sqlite_runs import PendingRun, read_pending
from edtech.tracking.store import Store, connect, embedded_store, find_store

SYNC_SECONDS = 1.6
"""The longest time that a training waits for a server."""
COOLDOWN_SECONDS = 30.0
"""For this time after a server was too slow or failed, nothing waits for it."""
SYNC_LOCK_SECONDS = 30.0
"""The longest wait for another process that sends runs."""
COMMAND = "python -m edtech sync"
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The runs that were sent (local id -> id on the server) and those that failed (local id -> problem)."""

    synced: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The result in one or two sentences."""
        sent = f"Sent to the server: {len(self.synced)} {'run' if len(self.synced) == 1 else 'runs'}."
        if not self.failed:
            return sent
        problem = next(iter(self.failed.values())).splitlines()[0]
        return f"{sent} Still pending: {len(self.failed)}. First problem: {problem}"


def pending_runs(settings: Settings | None = None) -> list[str]:
    """Return the ids of finished runs on this machine that are to be sent to the server, oldest first."""
    trees = _complete_trees(_read_pending(embedded_store(settings or Settings())))
    return [run.run_id for tree in trees for run in tree]


def sync(
    tracking_uri: str | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Send the pending runs to the server, each once, with times, values, files, models and parents.

    `progress` receives the share done and what is being sent. A run that cannot be sent does not stop the others. An
    interrupted sync can be repeated at any time.

    Raises SettingsError if no server is set, TrackingError if it does not answer or another process is sending runs.
    """
    settings = settings or Settings()
    server, local = find_store(tracking_uri, settings), embedded_store(settings)
    if not server.is_server:
        raise SettingsError(
            "No MLflow server is set to send runs to",
            actual=server.redacted_uri,
            fix="Set EDTECH_MLFLOW_TRACKING_URI=http://server:port",
        )
    report = SyncReport()
    if not _read_pending(local):
        return report
    with _sync_lock(local):
        copier = RunCopier(local, connect(local), server, connect(server))
        trees = _complete_trees(_read_pending(local))
        for number, tree in enumerate(trees):
            if progress:
                progress(number / len(trees), f"Sending {number + 1} of {len(trees)}")
            try:
                report.synced.update(copier.copy(tree))
            except TrackingError as problem:
                report.failed.update({run.run_id: str(problem) for run in tree})
    return report


@contextmanager
def _sync_lock(local: Store) -> Iterator[None]:
    try:
        with FileLock(local.locks.parent / "sending.lock", timeout=SYNC_LOCK_SECONDS):
            yield
    except Timeout as exc:
        raise TrackingError(
            "Another process is sending runs to the server",
            where=str(local.locks.parent),
            fix="Wait until it has finished",
        ) from exc


def _read_pending(local: Store) -> list[PendingRun]:
    return read_pending(local.database) if local.database and local.database.exists() else []


def _complete_trees(runs: list[PendingRun]) -> list[list[PendingRun]]:
    """Group runs with their descendants, each after its parent; leave out trees in which a run is unfinished."""
    by_id = {run.run_id: run for run in runs}

    def path(run: PendingRun) -> list[str]:
        steps = [run.run_id]
        while (parent := by_id[steps[0]].parent) in by_id and parent not in steps:
            steps.insert(0, str(parent))
        return steps

    trees: dict[str, list[tuple[int, PendingRun]]] = {}
    for run in runs:
        steps = path(run)
        trees.setdefault(steps[0], []).append((len(steps), run))
    return [
        [run for _, run in sorted(tree, key=lambda pair: pair[0])]
        for tree in trees.values()
        if all(run.finished for _, run in tree)
    ]


class BackgroundSync:
    """Send pending runs in a thread, so that a training waits for a server at most SYNC_SECONDS."""

    def __init__(self, uri: str, settings: Settings) -> None:
        self._uri, self._settings = uri, settings
        self._skip_until = 0.0
        self._query_seconds = 0.0
        self._lock = Lock()  # guards all that follows
        self._thread: Thread | None = None
        self._requested = False
        self._synced: dict[str, str] = {}
        self._problem = ""
        self.notice: str | None = None

    def send_run(self, run_id: str) -> str:
        """Return the run's id on the server if it arrived in time, else its local id."""
        thread = self._request()
        if time.monotonic() > self._skip_until:
            thread.join(max(SYNC_SECONDS - self._query_seconds, 0.0))
        self._query_seconds = 0.0
        with self._lock:
            if run_id in self._synced:
                return self._synced[run_id]
            self._skip_until = time.monotonic() + COOLDOWN_SECONDS
            problem = self._problem or f"The MLflow server did not accept the run within {SYNC_SECONDS} s."
            self.notice = f"{problem} The run is stored on this machine; send it later: {COMMAND}"
            return run_id

    def query(self, question: Callable[[], Answer]) -> Answer:
        """Return the server's answer; its time is deducted from that of the next run that is sent.

        Raises what `question` raises, and TrackingError if the server takes too long or recently did.
        """
        start = time.monotonic()
        if start < self._skip_until:
            raise TrackingError("The MLflow server was too slow a moment ago, so this step is skipped")
        answer: Future[Answer] = Future()
        Thread(target=_resolve, args=(answer, question), name="edtech-query", daemon=True).start()
        try:
            return answer.result(SYNC_SECONDS)
        except TimeoutError as exc:
            self._skip_until = time.monotonic() + COOLDOWN_SECONDS
            raise TrackingError(f"The MLflow server did not answer within {SYNC_SECONDS} s") from exc
        finally:
            self._query_seconds = time.monotonic() - start

    def flush(self, seconds: float) -> None:
        """Wait until all pending runs are sent or have failed."""
        if (thread := self._thread) is not None:
            thread.join(seconds)

    def _request(self) -> Thread:
        """Request another pass over the pending runs, and return the thread that makes it."""
        with self._lock:
            self._requested = True
            if self._thread is None or not self._thread.is_alive():
                self._problem = ""
                self._thread = Thread(target=self._send_until_idle, name="edtech-sync", daemon=True)
                self._thread.start()
            return self._thread

    def _send_until_idle(self) -> None:
        """Send until no further pass was requested."""
        while self._take_request():
            synced: dict[str, str] = {}
            try:
                report = sync(self._uri, self._settings)
                synced, problem = report.synced, next(iter(report.failed.values()), "")
                remaining = bool(pending_runs(self._settings))
            except EdtechError as error:
                problem, remaining = f"{error.problem.rstrip('.')}.", True
            with self._lock:
                self._synced |= synced
                self._problem = problem
                if not remaining:
                    self.notice = None

    def _take_request(self) -> bool:
        with self._lock:
            self._requested, requested = False, self._requested
            if not requested:
                self._thread = None
            return requested


def _resolve(answer: "Future[Answer]", question: Callable[[], Answer]) -> None:
    try:
        answer.set_result(question())
    except Exception as error:  # noqa: BLE001  # raised again in the thread that asks
        answer.set_exception(error)
