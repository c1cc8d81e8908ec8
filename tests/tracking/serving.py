"""Start a real MLflow server, and servers that misbehave; leave nothing running."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from edtech.settings import PROJECT
from tests.serving import free_port, stop

START_SECONDS = 60


@contextmanager
def mlflow_server(folder: Path, backend: str) -> Iterator[str]:
    """Run `mlflow server` on a store that exists; yield its address."""
    stores = ["--backend-store-uri", backend, "--artifacts-destination", str(folder / "files")]
    with _serving(folder, ["server", "--workers", "1", *stores], MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false") as address:
        yield address


@contextmanager
def model_server(folder: Path, uri: str, model: str) -> Iterator[str]:
    """Run `mlflow models serve` on a registered model, as docs/mlflow-setup.md does; yield its address."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(PROJECT), "PATH": path}
    with _serving(folder, ["models", "serve", "-m", model, "--env-manager", "local"], **env) as address:
        yield address


@contextmanager
def _serving(folder: Path, command: list[str], **env: str) -> Iterator[str]:
    address, log = f"http://127.0.0.1:{free_port()}", folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *command, "--port", address.rpartition(":")[2]],
            cwd=folder,
            env={**os.environ, **env},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(address, process, log)
        yield address
    finally:
        stop(process)


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=1):  # noqa: S310
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            pytest.fail(f"mlflow server stopped:\n{log.read_text()}")
    pytest.fail(f"mlflow server did not answer within {START_SECONDS} s:\n{log.read_text()}")


@contextmanager
def misbehaving(how: str) -> Iterator[str]:
    """Serve /health as a healthy server does and answer all else with a status (`"500"`) or never (`"hang"`)."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            healthy = self.path == "/health"
            if how == "hang" and not healthy:
                over.wait()
                return
            self.send_response(200 if healthy else int(how))
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            over.set()
            http.shutdown()
            thread.join()
