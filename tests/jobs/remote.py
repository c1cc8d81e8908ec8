"""An executor whose worker shares no folder with its caller: a socket carries tasks, reports and results.

`python -m tests.jobs.remote PORT` is the worker. It stands for a node of a cluster.
"""

import os
import subprocess
import sys
import threading
import uuid
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from edtech.errors import EdtechError
from edtech.jobs.progress import LocalChannel
from edtech.settings import PROJECT

HOST, KEY = "127.0.0.1", b"tests"
_connection: Connection | None = None  # of this process, if it is the worker


@dataclass(frozen=True)
class RemoteProgress:
    """What the worker calls; only the channel's id travels."""

    channel_id: str

    def __call__(self, fraction: float, step: str) -> None:
        _connection.send(("report", self.channel_id, (fraction, step)))


class RemoteChannel(LocalChannel):
    def __init__(self) -> None:
        super().__init__()
        self.id = uuid.uuid4().hex

    def progress(self) -> RemoteProgress:
        return RemoteProgress(self.id)

    def receive(self, fraction: float, step: str) -> None:
        super().progress()(fraction, step)


class RemoteExecutor:
    """Runs tasks in one process with other folders, in order."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        listener = Listener((HOST, 0), authkey=KEY)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.remote", str(listener.address[1])],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(PROJECT)},
        )
        self._worker = listener.accept()
        listener.close()
        self._futures: dict[str, Future] = {}
        self._channels: dict[str, RemoteChannel] = {}
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    def submit(self, fn, /, *args) -> Future:
        task_id, future = uuid.uuid4().hex, Future()
        self._futures[task_id] = future
        self._worker.send((task_id, fn, args))
        return future

    def open_channel(self) -> RemoteChannel:
        channel = RemoteChannel()
        self._channels[channel.id] = channel
        return channel

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._worker.send(None)
        self._process.wait()
        self._thread.join()
        self._worker.close()

    def _receive(self) -> None:
        while True:
            try:
                kind, key, value = self._worker.recv()
            except EOFError:
                return
            match kind:
                case "start":
                    self._futures[key].set_running_or_notify_cancel()
                case "report":
                    self._channels[key].receive(*value)
                case "result":
                    self._futures[key].set_result(value)
                case "error":
                    self._futures[key].set_exception(value)


def work(port: int) -> None:
    """Run tasks until the caller sends None."""
    global _connection
    with Client((HOST, port), authkey=KEY) as _connection:
        while (message := _connection.recv()) is not None:
            task_id, fn, args = message
            _connection.send(("start", task_id, None))
            try:
                answer = ("result", task_id, fn(*args))
            except EdtechError as error:
                answer = ("error", task_id, error)
            _connection.send(answer)


if __name__ == "__main__":
    from tests.jobs import remote  # the module that the tasks' pickles name

    remote.work(int(sys.argv[1]))
