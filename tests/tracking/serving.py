"""Start a real MLflow server, and servers that fail; stop them at the end."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from edtech.settings import PROJECT
from tests.serving import running


@contextmanager
def mlflow_server(folder: Path, backend: str) -> Iterator[str]:
    """Run `mlflow server` on an existing store; yield its address."""
    stores = ["--backend-store-uri", backend, "--artifacts-destination", str(folder / "files")]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with running(["mlflow", "server", "--workers", "1", *stores, "--port"], folder, "/health", env) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def model_server(folder: Path, uri: str, model: str) -> Iterator[str]:
    """Run `mlflow models serve` on a registered model, as docs/mlflow-setup.md does; yield its address."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(PROJECT), "PATH": path}
    command = ["mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port"]
    with running(command, folder, "/health", os.environ | env) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def failing_server(failure: str) -> Iterator[str]:
    """Answer /health like a healthy server, and all else with a status (`"500"`) or never (`"hang"`)."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            healthy = self.path == "/health"
            if failure == "hang" and not healthy:
                over.wait()
                return
            self.send_response(200 if healthy else int(failure))
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            over.set()
            http.shutdown()
            thread.join()
