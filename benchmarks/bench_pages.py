"""How long a person waits for the dashboard: a what-if slider, and the first page after a cold start.

python benchmarks/bench_pages.py      exits with 1 where a promised time is missed or could not be measured
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright
from streamlit.testing.v1 import AppTest

from edtech.data import Catalogue
from edtech.market import MarketParams, generate_market
from edtech.pipeline.training import train_runs
from edtech.settings import PROJECT, Settings
from edtech.tracking import EdTechMLFlowTracker
from tests.browser import find
from tests.serving import serve

SLIDER_SECONDS = 0.5
COLD_SECONDS = 6.0
ASKED = (-20, 5, 10, -35, 25, 40, -5)
ALGORITHMS = ("fixed_effects", "choice_logit")
MARKETS = {
    "demo market": MarketParams(),
    "market of a year": MarketParams(learners=10_000, teachers=500, courses=2_000, weeks=52),
}
RENDERED = "[data-test-script-state='notRunning'] h1"


def furnish(settings: Settings) -> Iterator[tuple[str, str]]:
    """Fill the home and yield what was trained in words and the run's id; the newest data set is the chosen one."""
    tracker = EdTechMLFlowTracker(settings=settings)
    for title, params in MARKETS.items():
        dataset = Catalogue(settings.data_dir).add_market(generate_market(params), name=title)
        for run in train_runs(dataset, ALGORITHMS, tracker=tracker):
            yield f"{title}, {params.courses:,} courses, {run.result.algorithm}", str(run.run_id)


def slider_seconds(run_id: str) -> list[float]:
    """Return the server's seconds for each of some what-ifs on the Pricing page, all charts included."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.run().switch_page("pages/pricing.py").run()
    app.selectbox(key="pricing.run").set_value(run_id).run()
    seconds = []
    for percents in ASKED:
        app.slider[0].set_value(percents)
        start = time.perf_counter()
        app.run()
        seconds.append(time.perf_counter() - start)
        if app.exception or app.error:
            raise RuntimeError(f"the page failed: {[*app.exception, *app.error]}")
    return seconds


def cold_start_seconds(home: Path) -> float | None:
    """Return the seconds from `streamlit run app.py` to a rendered first page; None where there is no browser."""
    chromium = find()
    if chromium is None:
        return None
    root = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=root)
        page = browser.new_page()
        start = time.perf_counter()
        with serve(PROJECT / "app.py", home) as url:
            page.goto(url)
            page.locator(RENDERED).first.wait_for(timeout=60_000)
            seconds = time.perf_counter() - start
        browser.close()
    return seconds


def say(title: str, seconds: float | None, limit: float, note: str = "") -> bool:
    """Print a line and return whether the limit is kept."""
    met = seconds is not None and seconds < limit
    shown = "not measured: no Chromium, see `make browser`" if seconds is None else f"{seconds:.2f} s"
    print(f"{title:<56} {shown} (< {limit:g} s{note}){'' if met else '  MISSED'}", flush=True)
    return met


def main() -> int:
    """Return the exit code: 0 where every target is met."""
    met = []
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        met.append(say("cold start to the first page, empty home", cold_start_seconds(Path(empty)), COLD_SECONDS))
        os.environ["EDTECH_HOME"] = full
        # The pages open the newest data set, so each is asked before the next is made.
        for title, run_id in furnish(Settings()):
            seconds = slider_seconds(run_id)
            worst = f", the slowest of {len(seconds)}; median {statistics.median(seconds):.2f} s"
            met.append(say(f"slider: {title}", max(seconds), SLIDER_SECONDS, worst))
        met.append(say("cold start to the first page, full home", cold_start_seconds(Path(full)), COLD_SECONDS))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
