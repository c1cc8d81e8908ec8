"""Time of the Compare page with many runs, compared with MLflow's own listing.

python benchmarks/bench_compare.py            1,000 and 10,000 runs
python benchmarks/bench_compare.py --small    1,000 only
"""

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.testing.v1 import AppTest

from edtech.settings import PROJECT, Settings
from edtech.tracking import EdTechMLFlowTracker, RunStore
from edtech.ui.server import LATER

PARAMS, METRICS = 20, 20
LIMITS = {1_000: (1.0, 1.0, 0.25), 10_000: (3.0, 0.7, 0.4)}  # seconds: first opening, later ones, a filter or sort
SPEEDUP = 5.0
EXPERIMENT = "many"


RUNS = """
INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, lifecycle_stage, artifact_uri,
                  experiment_id, user_id, source_name, entry_point_name, source_version)
VALUES (?, ?, 'LOCAL', 'FINISHED', ?, ?, 'active', '', ?, '', '', '', '')
"""


def fill(settings: Settings, runs: int) -> None:
    """Write finished runs directly into the tables: MLflow itself takes 20 ms per run."""
    experiment = EdTechMLFlowTracker(EXPERIMENT, settings=settings).experiment_id
    rng = np.random.default_rng(0)
    ids = [f"{number:032x}" for number in range(runs)]
    metrics, params = rng.normal(size=(runs, METRICS)), rng.integers(0, 9, size=(runs, PARAMS))
    tags = {"kind": "training", "dataset_digest": "d", "model_type": "token_elasticity", "split": "last 8 weeks"}
    with closing(sqlite3.connect(settings.mlruns_dir / "mlflow.db")) as db, db:
        started = [10**12 + 1_000 * position for position in range(runs)]
        heads = zip(ids, started, strict=True)
        db.executemany(RUNS, ((item, f"run {item[-6:]}", at, at + 900, experiment) for item, at in heads))
        db.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 0, 0, 0, ?)",
            (
                (f"m{position}", float(metrics[row, position]), item)
                for row, item in enumerate(ids)
                for position in range(METRICS)
            ),
        )
        db.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            (
                (f"p{position}", str(params[row, position]), item)
                for row, item in enumerate(ids)
                for position in range(PARAMS)
            ),
        )
        db.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            ((key, value, item) for item in ids for key, value in tags.items()),
        )


class Duration(NamedTuple):
    """Seconds of a call: wall time, and CPU time, which other load on the machine hardly changes."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s ({self.cpu:.2f} CPU)"


def timed(function: Callable[[], Any]) -> tuple[Duration, Any]:
    """Return the duration and the result of a function."""
    start, used = time.perf_counter(), time.process_time()
    result = function()
    return Duration(time.perf_counter() - start, time.process_time() - used), result


def by_mlflow(settings: Settings) -> pd.DataFrame:
    """Return the same runs as MLflow lists them."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{settings.mlruns_dir / 'mlflow.db'}")
    return mlflow.search_runs(experiment_names=[EXPERIMENT], max_results=100_000)


def listing(settings: Settings) -> bool:
    """Compare the project's listing with MLflow's: equal numbers, at least five times as fast."""
    theirs_seconds, theirs = timed(lambda: by_mlflow(settings))
    ours_seconds, ours = timed(lambda: RunStore(settings=settings).list_runs([EXPERIMENT], None, 100_000, False))
    names = [f"metrics.m{position}" for position in range(METRICS)]
    pair = (frame.set_index("run_id")[names].sort_index() for frame in (ours, theirs))
    pd.testing.assert_frame_equal(*pair, check_exact=True, check_names=False)
    texts = [f"params.p{position}" for position in range(PARAMS)]
    pair = (frame.set_index("run_id")[texts].sort_index().astype(str) for frame in (ours, theirs))
    pd.testing.assert_frame_equal(*pair, check_names=False)
    speedup = theirs_seconds.wall / ours_seconds.wall
    print(f"  listing: ours {ours_seconds}, mlflow.search_runs {theirs_seconds}, {speedup:.1f} times")
    return speedup >= SPEEDUP


def page(settings: Settings, runs: int) -> bool:
    """Time the page: first opening with libraries loaded, reopening, and several filters and sorts."""
    first_limit, again_limit, filter_limit = LIMITS[runs]
    os.environ["EDTECH_HOME"] = str(settings.root)
    os.environ["EDTECH_EXPERIMENT"] = EXPERIMENT
    st.cache_data.clear()  # of an earlier store in this process
    st.cache_resource.clear()
    app = AppTest.from_file(str(PROJECT / "edtech" / "ui" / "dashboard.py"), default_timeout=120).run()
    first, _ = timed(lambda: app.switch_page(str(PROJECT / "pages" / "compare.py")).run())
    again, _ = timed(app.run)
    durations = []
    for where in ("m0 < 0", "m1 > 1 and p3 = 4", ""):
        app.text_input(key="compare.where").set_value(where)
        durations.append(timed(app.run)[0])
    for order in ("metrics.m3", "params.p1", "started"):
        app.selectbox(key="compare.order").set_value(order)
        durations.append(timed(app.run)[0])
    if app.exception:
        raise RuntimeError(str(app.exception))
    slowest, median = max(durations), statistics.median(item.wall for item in durations)
    print(f"  page: first {first}, again {again}, filter or sort {median:.2f} s, slowest {slowest}")
    return first.wall <= first_limit and again.wall <= again_limit and slowest.wall <= filter_limit


def main() -> None:
    """Measure, and exit with 1 if a time exceeds its limit."""
    for module in LATER:  # the limits apply to a server whose libraries are loaded
        import_module(module)
    within_limits = []
    for runs in [1_000] if "--small" in sys.argv else [1_000, 10_000]:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(home=Path(folder))
            fill(settings, runs)
            print(f"{runs:,} runs with {PARAMS} parameters and {METRICS} metrics")
            within_limits += [page(settings, runs), listing(settings)]
    sys.exit(0 if all(within_limits) else 1)


if __name__ == "__main__":
    main()
