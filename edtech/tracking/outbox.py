"""Runs that wait in the embedded store for a server: found, sent once, in the background."""

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

SYNC_SECONDS = 1.6  # what a training waits for a server at most
RETRY_SECONDS = 30.0  # how long a server that was too slow or away is not waited for again
COMMAND = "python -m edtech sync"
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Which runs were sent (id here -> id on the server), and why others still wait (id here -> problem)."""

    synced: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What became of them, in one or two sentences."""
        sent = f"Sent to the server: {len(self.synced)} {'run' if len(self.synced) == 1 else 'runs'}."
        if not self.failed:
            return sent
        why = next(iter(self.failed.values())).splitlines()[0]
        return f"{sent} Still waiting: {len(self.failed)}; the first because: {why}"


def pending_runs(settings: Settings | None = None) -> list[str]:
    """Return the ids of finished runs on this machine that wait to be sent, oldest first."""
    return [run.run_id for run in _complete_runs(_read_pending(embedded_store(settings or Settings())))]


def sync(
    tracking_uri: str | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """Send the runs that wait to the server, each once, with their times, values, files, model and parents.

    `progress` is told the share done and what is being sent.

    Raises SettingsError where no server is set, TrackingError where it does not answer or another process is sending.
    A run that cannot be sent does not keep the others from it. Broken off at any moment, it goes on where it was.
    """
    settings = settings or Settings()
    server, local = find_store(tracking_uri, settings), embedded_store(settings)
    if not server.is_server:
        raise SettingsError(
            "No MLflow server is set that runs could be sent to",
            actual=server.redacted_uri,
            fix="Set EDTECH_MLFLOW_TRACKING_URI=http://server:port",
        )
    report = SyncReport()
    if not _read_pending(local):
        return report
    with _only_sender(local):
        copier = RunCopier(local, connect(local), server, connect(server))
        trees = _run_trees(_read_pending(local))
        for number, tree in enumerate(trees):
            if progress:
                progress(number / len(trees), f"Sending {number + 1} of {len(trees)}")
            try:
                report.synced.update(copier.copy(tree))
            except TrackingError as problem:
                report.failed.update({run.run_id: str(problem) for run in tree})
    return report


@contextmanager
def _only_sender(local: Store) -> Iterator[None]:
    try:
        with FileLock(local.locks.parent / "sending.lock", timeout=RETRY_SECONDS):
            yield
    except Timeout as exc:
        raise TrackingError(
            "Another process is sending runs to the server", where=str(local.locks.parent), fix="Wait until it is done"
        ) from exc


def _read_pending(local: Store) -> list[PendingRun]:
    return read_pending(local.database) if local.database and local.database.exists() else []


def _complete_runs(runs: list[PendingRun]) -> list[PendingRun]:
    return [run for tree in _run_trees(runs) for run in tree]


def _run_trees(runs: list[PendingRun]) -> list[list[PendingRun]]:
    """Return runs with those under them, each after its parent; without those whose topmost run is still open."""
    known = {run.run_id: run for run in runs}

    def path(run: PendingRun) -> list[str]:
        steps = [run.run_id]
        while (parent := known[steps[0]].parent) in known and parent not in steps:
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
    """Sends what waits in a thread of its own, so that a training waits no longer for a server than SEND_SECONDS."""

    def __init__(self, uri: str, settings: Settings) -> None:
        self._uri, self._settings = uri, settings
        self._skip_until = 0.0
        self._query_seconds = 0.0
        self._lock = Lock()  # of all that follows
        self._thread: Thread | None = None
        self._requested = False
        self._synced: dict[str, str] = {}
        self._problem = ""
        self.notice: str | None = None

    def send_run(self, run_id: str) -> str:
        """Return the run's id on the server where it got there in time, else its id here."""
        thread = self._ensure_running()
        if time.monotonic() > self._skip_until:
            thread.join(max(SYNC_SECONDS - self._query_seconds, 0.0))
        self._query_seconds = 0.0
        with self._lock:
            if run_id in self._synced:
                return self._synced[run_id]
            self._skip_until = time.monotonic() + RETRY_SECONDS
            why = self._problem or f"The MLflow server did not take the run within {SYNC_SECONDS} s."
            self.notice = f"{why} The run is kept on this machine; send it later: {COMMAND}"
            return run_id

    def query(self, question: Callable[[], Answer]) -> Answer:
        """Return what the server answers; the time it takes goes off that of the next sending.

        Raises what the question raises, and TrackingError where the server takes too long or did a moment ago.
        """
        began = time.monotonic()
        if began < self._skip_until:
            raise TrackingError("The MLflow server was late a moment ago, so it is not asked")
        answer: Future[Answer] = Future()
        Thread(target=_resolve, args=(answer, question), name="edtech-ask", daemon=True).start()
        try:
            return answer.result(SYNC_SECONDS)
        except TimeoutError as exc:
            self._skip_until = time.monotonic() + RETRY_SECONDS
            raise TrackingError(f"The MLflow server did not answer within {SYNC_SECONDS} s") from exc
        finally:
            self._query_seconds = time.monotonic() - began

    def flush(self, seconds: float) -> None:
        """Wait until all that waits is sent or given up."""
        if (thread := self._thread) is not None:
            thread.join(seconds)

    def _ensure_running(self) -> Thread:
        """Return the thread, which sends once more what waits from now on."""
        with self._lock:
            self._requested = True
            if self._thread is None or not self._thread.is_alive():
                self._problem = ""
                self._thread = Thread(target=self._send_until_idle, name="edtech-sync", daemon=True)
                self._thread.start()
            return self._thread

    def _send_until_idle(self) -> None:
        """Send until nothing came in the meantime."""
        while self._take_request():
            sent: dict[str, str] = {}
            try:
                report = sync(self._uri, self._settings)
                sent, problem = report.synced, next(iter(report.failed.values()), "")
                left = bool(pending_runs(self._settings))
            except EdtechError as error:
                problem, left = f"{error.problem.rstrip('.')}.", True
            with self._lock:
                self._synced |= sent
                self._problem = problem
                if not left:
                    self.notice = None

    def _take_request(self) -> bool:
        with self._lock:
            self._requested, more = False, self._requested
            if not more:
                self._thread = None
            return more


def _resolve(answer: "Future[Answer]", question: Callable[[], Answer]) -> None:
    try:
        answer.set_result(question())
    except Exception as error:  # noqa: BLE001  # raised where it was asked
        answer.set_exception(error)
