"""Start the dashboard as a user does, and leave nothing running."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def healthy(port: int) -> bool:
    with suppress(OSError), closing(http.client.HTTPConnection("localhost", port, timeout=2)) as connection:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    return False


@contextmanager
def serve(script: Path, home: Path, seconds: float = 60) -> Iterator[str]:
    """Run `streamlit run script` with EDTECH_HOME=home, from another working directory; yield its address.

    The server and everything it started are killed at the end. What it wrote is in `home/server.log`.
    """
    port, log = free_port(), home / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDTECH_")}
    with log.open("wb") as out:
        server = subprocess.Popen(
            [*command, "--server.headless", "true"],
            cwd=home,
            env=kept | {"EDTECH_HOME": str(home)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_healthy(server, port, log, seconds)
        yield f"http://localhost:{port}"
    finally:
        stop(server)


def wait_until_healthy(server: subprocess.Popen[bytes], port: int, log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not healthy(port):
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.05)
            raise RuntimeError(f"the dashboard stopped with exit code {server.returncode}:\n{log.read_text()}")
        if time.monotonic() > end:
            raise RuntimeError(f"the dashboard did not answer within {seconds} s:\n{log.read_text()}")


def stop(server: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":  # no process groups to signal
        server.kill()
        server.wait()
        return
    for ask in (signal.SIGTERM, signal.SIGKILL):  # the second one also ends what the server left in its group
        with suppress(ProcessLookupError):
            os.killpg(server.pid, ask)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
