"""Start the dashboard and other servers as a user does, and stop them at the end."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.waiting import until

TRIES = 3
MODULE = """
import os, runpy, signal, sys, threading

def end_with_parent():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL) if hasattr(os, "killpg") else os._exit(1)

threading.Thread(target=end_with_parent, daemon=True).start()
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""`python -m` that ends with its parent process, which holds the other end of its standard input."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(script: Path, home: Path) -> Iterator[str]:
    """Run `streamlit run script` with EDTECH_HOME=home, from another working directory; yield its address.

    The server and its child processes are killed at the end. Its output is in `home/server.log`.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("EDTECH_")}
    command = ["streamlit", "run", str(script), "--server.headless", "true", "--server.port"]
    with running(command, home, "/_stcore/health", env | {"EDTECH_HOME": str(home)}) as port:
        yield f"http://localhost:{port}"


@contextmanager
def running(command: list[str], folder: Path, health: str, env: Mapping[str, str]) -> Iterator[int]:
    """Run a module that serves at a port, the last argument of its command; yield the port when it is healthy."""
    log = folder / "server.log"
    for _ in range(TRIES):
        port = free_port()
        server = _start([*command, str(port)], folder, log, env)
        try:
            _wait_for(server, port, health, log)
            if server.poll() is None:
                yield port
                return
        finally:
            stop(server)
        if not _is_in_use(port):  # else another process took the port first
            break
    raise RuntimeError(f"the server stopped with exit code {server.returncode}:\n{log.read_text()}")


def _start(command: list[str], folder: Path, log: Path, env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-c", MODULE, *command],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for(server: "subprocess.Popen[bytes]", port: int, health: str, log: Path) -> None:
    """Wait until the server answers or has stopped."""
    try:
        until(lambda: server.poll() is not None or healthy(port, health))
    except TimeoutError as exc:
        raise RuntimeError(f"the server does not answer:\n{log.read_text()}") from exc


def healthy(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("localhost", port, timeout=2)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def _is_in_use(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def stop(server: "subprocess.Popen[bytes]") -> None:
    if os.name == "nt":  # no process groups to signal
        server.kill()
    else:
        for number in (signal.SIGTERM, signal.SIGKILL):  # SIGKILL also ends child processes in its group
            with suppress(ProcessLookupError):
                os.killpg(server.pid, number)
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=10)
    server.wait()
    if server.stdin:
        server.stdin.close()
