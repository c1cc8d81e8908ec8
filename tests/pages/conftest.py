"""Pages under AppTest: an empty home per test, and a shared full home that tests only read."""

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from edtech.data import Catalogue, Dataset
from edtech.data.ingest.samples import sample_panel_csv
from edtech.market import MarketParams, generate_market
from edtech.settings import PROJECT, Settings
from edtech.tables.roles import PanelRoles
from edtech.tracking import EdTechMLFlowTracker
from edtech.training.trainer import train_runs
from edtech.ui.dashboard import MENU
from tests.pages.look import visit
from tests.waiting import SECONDS

PAGES = tuple(name for name, *_ in MENU)
SMALL = MarketParams(learners=300, teachers=20, courses=40, weeks=12, seed=3)
HOSTILE = ("<b onclick=alert(1)>Bold</b>", "=HYPERLINK(1)", "![](https://evil.example/x.png)", "# $a^2$ :red[x] **y**")
Open = Callable[[str], AppTest]


@dataclass(frozen=True, slots=True)
class Full:
    """A home with three data sets and their runs by algorithm; tests only read it."""

    settings: Settings
    market: Dataset
    unknown: Dataset
    hostile: Dataset
    runs: dict[str, dict[str, str]]


@pytest.fixture(scope="session")
def stored_full(tmp_path_factory: pytest.TempPathFactory) -> Full:
    return _filled(Settings(home=tmp_path_factory.mktemp("full"), mlflow_tracking_uri=None))


@pytest.fixture
def own_full(home: Settings) -> Full:
    """Fill this test's own home, for tests that change it."""
    return _filled(home)


def _filled(settings: Settings) -> Full:
    catalogue = Catalogue(settings.data_dir)
    sample = pd.read_csv(io.BytesIO(sample_panel_csv()))
    unknown = catalogue.add_panel(sample, PanelRoles(), name="Unknown prices")
    names = dict(zip(sample["category"].unique(), HOSTILE, strict=True))
    roles = PanelRoles(randomized_discount="randomized_discount", randomized_flag="price_randomized")
    hostile = catalogue.add_panel(
        sample.assign(category=sample["category"].map(names), course_id=HOSTILE[0] + sample["course_id"]),
        roles,
        name=HOSTILE[2],
        source={"file": f"{HOSTILE[0]}.csv"},
    )
    market = catalogue.add_market(generate_market(SMALL), name="Small market")
    tracker = EdTechMLFlowTracker(settings.experiment, settings=settings)
    selection = ((unknown, ["fixed_effects"]), (hostile, ["linear"]), (market, ["fixed_effects", "linear"]))
    runs = {
        dataset.id: {run.result.algorithm: run.run_id for run in train_runs(dataset, names, tracker=tracker)}
        for dataset, names in selection
    }
    return Full(settings, market, unknown, hostile, runs)


@pytest.fixture
def full(stored_full: Full, monkeypatch: pytest.MonkeyPatch) -> Iterator[Full]:
    """Open the shared full home; a test that changes it fails, because later tests would fail too."""
    monkeypatch.setenv("EDTECH_HOME", str(stored_full.settings.root))
    before = _contents(stored_full.settings)
    yield stored_full
    assert _contents(stored_full.settings) == before, "the test changed the shared home: use `own_full`"


def _contents(settings: Settings) -> dict[str, object]:
    """Return the content of a home, without locks and unfinished files, whose names begin with a dot."""
    tables = ("experiments", "runs", "tags", "model_versions", "registered_model_aliases")
    with closing(sqlite3.connect(settings.mlruns_dir / "mlflow.db")) as store:
        result = {name: sorted(store.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}  # noqa: S608
    folders = {folder: folder.glob("[!.]*") for folder in (settings.data_dir, settings.reports_dir)}
    names = {folder.name: sorted(path.name for path in paths) for folder, paths in folders.items()}
    definitions = settings.root / "metrics.json"
    return {**result, **names, "metrics": definitions.read_bytes() if definitions.exists() else None}


@pytest.fixture(scope="session")
def clear_caches_of_old_home() -> Callable[[], None]:
    """Return a function that clears the caches of the server if the settings changed."""
    cached: list[Settings] = [Settings()]

    def clear_caches() -> None:
        now = Settings()
        if now != cached[0]:
            st.cache_data.clear()
            st.cache_resource.clear()
        cached[0] = now

    return clear_caches


@pytest.fixture
def open_page(home: Settings, clear_caches_of_old_home: Callable[[], None]) -> Open:
    """Open a page as a user does: the dashboard first, then the page from the menu."""

    def opened(name: str) -> AppTest:
        clear_caches_of_old_home()
        app = AppTest.from_file(str(PROJECT / "edtech" / "ui" / "dashboard.py"), default_timeout=SECONDS).run()
        return app if name == "overview" else visit(app, name)

    return opened
