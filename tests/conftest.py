"""Fixtures that all tests share."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from edtech.settings import PROJECT, Settings
from tests.serving import serve
from tests.waiting import SECONDS

# Two test processes on two cores: more threads each only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test may depend on how busy the machine is, nor on luck; `make soak` asks for "random".
hypothesis.settings.register_profile("random", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("fixed", hypothesis.settings.get_profile("random"), derandomize=True)
hypothesis.settings.load_profile("fixed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Nothing but the machine itself can be reached, as on a plane: what needs the network shows as an error.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home of its own for every test, also for code that reads the environment itself."""
    for name in [name for name in os.environ if name.startswith("EDTECH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EDTECH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDTECH_WORKERS", "0")  # jobs are done where they are asked for; workers have tests of their own
    settings = Settings()
    settings.root.mkdir()
    return settings


@pytest.fixture
def clean_process() -> Iterator[None]:
    """Reset MLflow's global addresses, which it also keeps in the environment, after a test."""
    import mlflow

    before = dict(os.environ)
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def nobody() -> Iterator[str]:
    """Address of a server that is not there; its port is held, so that no other takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    from tests.browser import find

    result = find()
    if result is None:
        pytest.skip("no Chromium or Chrome found: `make test` installs one, or set CHROMIUM=/path/to/it")
    return result


@pytest.fixture(scope="session")
def dashboard_home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The home of the `dashboard` fixture: look here for what a journey produced."""
    return Settings(home=tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="session")
def dashboard(dashboard_home: Settings) -> Iterator[str]:
    """Address of a running dashboard that starts with an empty home."""
    with serve(PROJECT / "app.py", dashboard_home.root) as url:
        yield url


@pytest.fixture(scope="session")
def browser(chromium_path: Path) -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path, args=[*root, OFFLINE])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """An empty tab with its own cookies and downloads."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SECONDS * 1000)
    yield context.new_page()
    context.close()
