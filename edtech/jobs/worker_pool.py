"""Local executors: a pool of warm worker processes that can be ended one by one, and the caller's own process."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import spawn
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import WeakKeyDictionary, finalize

from edtech.errors import EdtechError, JobCancelledError, JobError
from edtech.jobs.progress import LocalChannel, Progress, ProgressReport

_NICENESS = 5  # pages go first where cores are few
_START_LOCK = threading.Lock()


class InlineExecutor(Executor):
    """Runs each task at once in the caller's thread: for tests, and where no process can be started."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        """Call `fn` now. The future holds an EdtechError; any other error is raised to the caller."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except EdtechError as error:
            future.set_exception(error)
        return future

    def open_channel(self) -> LocalChannel:
        """Return a channel within this process."""
        return LocalChannel()


@dataclass(frozen=True, slots=True)
class FileChannel:
    """A channel between processes of one machine: a line of JSON for each report, in a file of its own.

    Unlike with a pipe or a shared queue, nobody waits for a writer that was killed.
    """

    path: Path

    def progress(self) -> Progress:
        """Return a function that appends to the file; it can be pickled."""
        return self.append

    def append(self, fraction: float, step: str) -> None:
        """Append one report."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([fraction, step]) + "\n")

    def reports(self) -> list[ProgressReport]:
        """Return the reports so far; a killed writer may leave the last line half written."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]
        except FileNotFoundError:
            return []
        return [ProgressReport(float(fraction), str(step)) for fraction, step in map(json.loads, lines)]

    def close(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, eq=False, slots=True)
class _Worker:
    """A pool of one process; `pid` has a result when the process is warm."""

    pool: ProcessPoolExecutor
    pid: "Future[int]"


@dataclass(slots=True)
class _TaskStatus:
    """The process that runs a task now, and whether the task was cancelled."""

    pid: int | None = None
    cancelled: bool = False


class WorkerPool(Executor):
    """A number of spawned processes, warm from the start. Tasks wait in order for a free one.

    One thread for each process passes tasks to it, so that the standard library's queue is the only one. If a process
    ends before its task, the pool calls `on_worker_lost` and starts a new process. The task's future then raises
    JobError, or JobCancelledError after `cancel`. An idle process that ends is replaced and fails no task. Each
    process first imports `modules`.
    """

    def __init__(
        self, count: int, modules: Sequence[str] = (), on_worker_lost: Callable[[], object] = lambda: None
    ) -> None:
        self._on_worker_lost = on_worker_lost
        self._modules = tuple(modules)
        self._folder = Path(mkdtemp(prefix="edtech-jobs-"))
        self._remove_folder = finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="edtech-worker")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._closed = False
        self._statuses: WeakKeyDictionary[Future[Any], _TaskStatus] = WeakKeyDictionary()
        barrier = threading.Barrier(count)  # so that each thread starts a worker of its own
        for _ in range(count):
            self._threads.submit(self._start_worker, barrier)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        """Call `fn` in a worker. It must be picklable, as must its arguments and its result."""
        status = _TaskStatus()
        future = self._threads.submit(self._run, status, fn, *args, **kwargs)
        self._statuses[future] = status
        return future

    def open_channel(self) -> FileChannel:
        """Return a channel through a file in the pool's own folder."""
        return FileChannel(self._folder / f"{uuid.uuid4().hex}.jsonl")

    def cancel(self, future: "Future[Any]") -> None:
        """End a task at once, with the process that runs it. Does nothing to a finished task."""
        if future.cancel():
            return
        with self._lock:
            status = self._statuses.get(future)
            if status is not None and not future.done():
                status.cancelled = True
                if status.pid is not None:
                    _kill(status.pid)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End all processes, busy or not."""
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.pool.shutdown(wait=False, cancel_futures=True)
                if worker.pid.done() and not worker.pid.exception():
                    _kill(worker.pid.result())
        self._threads.shutdown(wait=wait)
        self._remove_folder()

    def _start_worker(self, barrier: threading.Barrier | None = None) -> None:
        if barrier is not None:
            barrier.wait()
        with self._lock:
            self._workers.discard(getattr(self._own, "worker", None))
            if not self._closed:
                self._own.worker = _new_worker(self._modules)
                self._workers.add(self._own.worker)

    def _replace_worker(self) -> None:
        self._own.worker.pool.shutdown()  # a process that is ending may still hold the lock of its run
        self._start_worker()

    def _run(self, status: _TaskStatus, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return self._send(status, fn, *args, **kwargs).result()
        except BrokenProcessPool as exc:
            self._replace_worker()
            with suppress(EdtechError):  # the caller needs the reason of the task's end, not this one
                self._on_worker_lost()
            raise _lost(status) from exc
        finally:
            with self._lock:
                status.pid = None

    def _send(self, status: _TaskStatus, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        try:
            return self._send_once(status, fn, *args, **kwargs)
        except BrokenProcessPool:  # the process ended while idle
            self._replace_worker()
            return self._send_once(status, fn, *args, **kwargs)

    def _send_once(self, status: _TaskStatus, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        worker: _Worker = self._own.worker
        pid = worker.pid.result()
        with self._lock:
            if status.cancelled:
                raise _lost(status)
            status.pid = pid
        return worker.pool.submit(fn, *args, **kwargs)


def _lost(status: _TaskStatus) -> EdtechError:
    """Return the error of a task whose process ended before it."""
    if status.cancelled:
        return JobCancelledError("The job was cancelled", actual="what it had finished and logged before stays")
    return JobError(
        "The worker process that ran the job ended before the job was done",
        expected="a process that lives until its work is done",
        actual="it was killed, or the machine ran out of memory",
        fix="start the job again; if it ends like this again, use a smaller data set or EDTECH_WORKERS=1",
    )


class _WorkerProcess(SpawnProcess):
    """A process that does not import the caller's main script: in a dashboard that is the page drawn just now."""

    def start(self) -> None:
        with _START_LOCK:
            original = spawn.get_preparation_data
            spawn.get_preparation_data = lambda name: {  # each start reads it again
                key: value for key, value in original(name).items() if not key.startswith("init_main")
            }
            try:
                super().start()
            finally:
                spawn.get_preparation_data = original


class _Context(SpawnContext):
    Process = _WorkerProcess


def _new_worker(modules: tuple[str, ...]) -> _Worker:
    # Spawned, because the caller has threads.
    pool = ProcessPoolExecutor(1, mp_context=_Context(), initializer=_prepare, initargs=(modules,))
    return _Worker(pool, pool.submit(os.getpid))


def _kill(pid: int) -> None:
    """Kill a worker and the processes that it has started."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)  # Windows has no process groups; there SIGTERM cannot be caught


def _prepare(modules: tuple[str, ...]) -> None:
    """Make a new process a worker: in its own process group, ending with its parent, which alone handles Ctrl+C."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
        os.nice(_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for module in modules:
        import_module(module)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _kill(os.getpid())
