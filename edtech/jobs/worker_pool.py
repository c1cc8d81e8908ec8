"""Warm worker processes behind one `concurrent.futures.Executor`, each of which can be ended without hurting others."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import spawn
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any
from weakref import WeakKeyDictionary

from edtech.errors import EdtechError, JobCancelledError, JobError

HEAVY = (
    "edtech.ml.families",
    "edtech.ml.artifacts",
    "edtech.training.trainer",
    "edtech.charts.png",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.models",
    "skops.io",
)
"""What a training needs: imported before the first job comes."""
_NICENESS = 5  # pages go first where cores are few
_STARTING = threading.Lock()


@dataclass(frozen=True, eq=False, slots=True)
class _Lane:
    """A pool of one process; `pid` is known when the process is warm."""

    pool: ProcessPoolExecutor
    pid: "Future[int]"


@dataclass(slots=True)
class _Ticket:
    """A task on its way: the process that runs it just now, and whether that was asked to end."""

    pid: int | None = None
    ended: bool = False


class Workers(Executor):
    """A number of spawned processes, warm from the start; tasks wait in order for one that is free.

    A thread for each process hands it one task after another, so that the standard library's own queue is the only one.
    Where a process ends before its task does, `on_lost` is called, the task's future holds a JobError, or a
    JobCancelledError where `end` did it, and a new process takes its place; no task hears of one that ended while it
    had nothing to do. Each process imports `modules` first.
    """

    def __init__(
        self, count: int, on_lost: Callable[[], object] = lambda: None, modules: tuple[str, ...] = HEAVY
    ) -> None:
        self._on_lost = on_lost
        self._modules = modules
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="edtech-worker")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._lanes: set[_Lane] = set()
        self._closed = False
        self._tickets: WeakKeyDictionary[Future[Any], _Ticket] = WeakKeyDictionary()
        gate = threading.Barrier(count)  # so that each of the threads opens a lane of its own
        for _ in range(count):
            self._threads.submit(self._open, gate)

    def _open(self, gate: threading.Barrier | None = None) -> None:
        if gate is not None:
            gate.wait()
        with self._lock:
            self._lanes.discard(getattr(self._own, "lane", None))
            if not self._closed:
                self._own.lane = _open_lane(self._modules)
                self._lanes.add(self._own.lane)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401  # as in the base
        """Have a process call `fn`, which must be picklable as its arguments and answer are."""
        ticket = _Ticket()
        future = self._threads.submit(self._run, ticket, fn, *args, **kwargs)
        self._tickets[future] = ticket
        return future

    def end(self, future: "Future[Any]") -> None:
        """End the task at once, with the process that runs it; nothing happens to one that is done."""
        if future.cancel():
            return
        with self._lock:
            ticket = self._tickets.get(future)
            if ticket is not None and not future.done():
                ticket.ended = True
                if ticket.pid is not None:
                    _kill(ticket.pid)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End all processes, whatever they do."""
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        with self._lock:
            self._closed = True
            for lane in self._lanes:
                lane.pool.shutdown(wait=False, cancel_futures=True)
                if lane.pid.done() and not lane.pid.exception():
                    _kill(lane.pid.result())
        self._threads.shutdown(wait=wait)

    def _run(self, ticket: _Ticket, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            return self._handed(ticket, fn, *args, **kwargs).result()
        except BrokenProcessPool as exc:
            self._renew()
            with suppress(EdtechError):  # the task's own end is what matters here
                self._on_lost()
            raise _why(ticket) from exc
        finally:
            with self._lock:
                ticket.pid = None

    def _renew(self) -> None:
        self._own.lane.pool.shutdown()  # a process that is ending may still hold the lock of its run
        self._open()

    def _handed(self, ticket: _Ticket, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        try:
            return self._in_process(ticket, fn, *args, **kwargs)
        except BrokenProcessPool:  # the process ended before it was handed anything
            self._renew()
            return self._in_process(ticket, fn, *args, **kwargs)

    def _in_process(self, ticket: _Ticket, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        lane: _Lane = self._own.lane
        pid = lane.pid.result()
        with self._lock:
            if ticket.ended:
                raise _why(ticket)
            ticket.pid = pid
        return lane.pool.submit(fn, *args, **kwargs)


def _why(ticket: _Ticket) -> EdtechError:
    if ticket.ended:
        return JobCancelledError("The job was cancelled", found="what it had finished and logged before stays")
    return JobError(
        "The worker process that ran the job ended before the job was done",
        expected="a process that lives until its work is done",
        found="it was killed, or the machine ran out of memory",
        fix="start the job again; if it ends like this again, use a smaller data set or EDTECH_WORKERS=1",
    )


class Inline(Executor):
    """Runs every task at once in the caller's own thread: for tests, and where no processes can be started."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        """Call `fn` now; an error of ours becomes the future's."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except EdtechError as error:
            future.set_exception(error)
        return future


class _Worker(SpawnProcess):
    """A process that does not run the caller's main script: in a dashboard that is whichever page is drawn just now."""

    def start(self) -> None:
        with _STARTING:
            whole = spawn.get_preparation_data
            spawn.get_preparation_data = lambda name: {  # read anew by each start
                key: value for key, value in whole(name).items() if not key.startswith("init_main")
            }
            try:
                super().start()
            finally:
                spawn.get_preparation_data = whole


class _Context(SpawnContext):
    Process = _Worker


def _open_lane(modules: tuple[str, ...]) -> _Lane:
    # Spawned, because the caller has threads.
    pool = ProcessPoolExecutor(1, mp_context=_Context(), initializer=_prepare, initargs=(modules,))
    return _Lane(pool, pool.submit(os.getpid))


def _kill(pid: int) -> None:
    """End a worker and the processes that it has started."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)  # Windows has no groups; there it is as final


def _prepare(modules: tuple[str, ...]) -> None:
    """Make a fresh process a worker: a group of its own that ends with its server and leaves Ctrl+C to it."""
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
