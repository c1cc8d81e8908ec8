"""Shared fixtures of the tests of data sets."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue
from edtech.settings import PROJECT, Settings
from edtech.tables.roles import PanelRoles

EXAMPLES = Path(os.environ.get("EDTECH_EXAMPLES", PROJECT.parent / "shared" / "examples"))
MUTATIONS, KILLS = (
    int(os.environ.get(name, least)) for name, least in (("EDTECH_MUTATIONS", 200), ("EDTECH_KILLS", 5))
)
ROLES = PanelRoles(views=None, segment=None)


def sales(units: int = 4, periods: int = 5) -> pd.DataFrame:
    """Return a small valid panel with the columns of `ROLES` and distinct numbers."""
    rows = np.arange(units * periods)
    unit, period = np.divmod(rows, periods)
    return pd.DataFrame(
        {
            "course_id": [f"C{i}" for i in unit],
            "week": pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * period, unit="D"),
            "token_price": 10.0 + rows,
            "enrollments": rows % 7,
        }
    )


def peak_memory() -> int:
    """Return the most that this process has used so far, in kilobytes; the test is left out where nothing tells."""
    resource = pytest.importorskip("resource", reason="only POSIX tells how much memory a process used")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.fixture
def examples() -> Path:
    if not EXAMPLES.is_dir():
        pytest.skip(f"no folder of real data at {EXAMPLES}: set EDTECH_EXAMPLES to it")
    return EXAMPLES


@pytest.fixture
def catalogue(home: Settings) -> Catalogue:
    return Catalogue(home.data_dir)
