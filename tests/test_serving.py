import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edtech.settings import PROJECT
from tests import serving
from tests.browser import watch
from tests.serving import free_port, running, serve
from tests.waiting import SECONDS, until

HELLO = Path(__file__).parent / "hello_app.py"


@pytest.fixture
def hello(tmp_path):
    """A minimal dashboard with the project's configuration."""
    shutil.copytree(PROJECT / ".streamlit", tmp_path / "hello" / ".streamlit")
    return shutil.copy(HELLO, tmp_path / "hello" / "app.py")


@pytest.mark.browser
def test_a_served_script_is_used_in_a_real_browser_without_the_network(page, hello, tmp_path):
    observed = watch(page)
    with serve(hello, tmp_path) as url:
        page.goto(url)
        page.get_by_text(str(tmp_path)).wait_for()
        page.get_by_role("button", name="Count").click()
        page.get_by_text("counted 1").wait_for()
    assert observed.strangers == []
    assert observed.errors == []


def test_the_server_refuses_other_hosts_and_is_gone_afterwards(hello, tmp_path):
    with serve(hello, tmp_path) as url:
        port = int(url.rsplit(":", 1)[1])
        assert "101" in handshake(port, host=f"localhost:{port}")
        assert "403" in handshake(port, host=f"evil.example:{port}")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("localhost", port), timeout=2)


def test_a_script_that_cannot_start_is_reported_with_its_output(tmp_path):
    with (
        pytest.raises(RuntimeError, match=r"exit code \d+:\n(.|\n)*absent\.py"),
        serve(tmp_path / "absent.py", tmp_path),
    ):
        pass


def test_another_port_is_tried_if_the_port_is_in_use(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as faster:
        ports = iter([faster.getsockname()[1], free_port()])
        monkeypatch.setattr(serving, "free_port", lambda: next(ports))
        with running(["http.server", "--bind", "127.0.0.1"], tmp_path, "/", os.environ) as port:
            assert port != faster.getsockname()[1]


KILLED = """
import os, pathlib, signal, sys
from tests.serving import running
with running(["http.server", "--bind", "127.0.0.1"], pathlib.Path(sys.argv[1]), "/", os.environ) as port:
    print(port, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_server_ends_with_the_process_that_started_it(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=PROJECT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    until(lambda: not serving.healthy(int(killed.stdout), "/"))


def test_make_says_what_to_do_if_the_port_is_in_use(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        options = [f"PORT={other.getsockname()[1]}", f"APP={HELLO}", f"VENV={sys.prefix}", "--assume-old=setup"]
        done = subprocess.run(["make", "run", *options], cwd=PROJECT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode != 0
    assert "is not available" in done.stderr
    assert "make run PORT=8600" in done.stderr


def handshake(port: int, host: str) -> str:
    """Return the first line of the response to a WebSocket handshake for `host`."""
    request = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("localhost", port), timeout=5) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096).decode(errors="replace").splitlines()[0]


@pytest.mark.browser
def test_the_dashboard_opens_offline_in_an_empty_home(page, tmp_path):
    observed = watch(page)
    with serve(PROJECT / "app.py", tmp_path) as dashboard:
        page.goto(dashboard)
        page.locator("[data-test-script-state='notRunning'] h1").first.wait_for(timeout=SECONDS * 1000)
        assert page.locator("[data-testid='stException']").count() == 0
        assert (observed.errors, observed.strangers) == ([], [])
    assert (tmp_path / "server.log").read_text().count("Traceback") == 0
