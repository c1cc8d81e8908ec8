"""Measure the response times of the dashboard: a what-if slider, a plan, and the first page after a cold start.

python benchmarks/bench_pages.py      exits with 1 if a limit is exceeded or not measured
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
from edtech.ml.artifacts import load_result
from edtech.pricing import plan_prices, price_response
from edtech.pricing.constraints import Constraints
from edtech.settings import PROJECT, Settings
from edtech.tracking import EdTechMLFlowTracker
from edtech.training.trainer import train_runs
from tests.browser import find
from tests.serving import serve
from tests.worlds import make_world

SLIDER_SECONDS = 0.3
MANY, SLIDER_OF_MANY = 100_000, 0.6
PLAN_SECONDS = 5.0
COLD_SECONDS = 6.0
REQUESTED = (-20, 5, 10, -35, 25, 40, -5)
ALGORITHMS = ("fixed_effects", "choice_logit")
MARKETS = {
    "demo market": MarketParams(),
    "market of a year": MarketParams(learners=10_000, teachers=500, courses=2_000, weeks=52),
}
GUARDRAILS = {
    "free": Constraints(),
    "100 prices in whole tokens": Constraints(step=1.0, most_changed=100),
    "and minimum enrollments": Constraints(step=1.0, most_changed=100, least_enrollments=1.0),
}
RENDERED = "[data-test-script-state='notRunning'] h1"


def furnish(settings: Settings) -> Iterator[tuple[str, str]]:
    """Fill the home, and yield a description and the id of each run; the newest data set is selected."""
    tracker = EdTechMLFlowTracker(settings=settings)
    for title, params in MARKETS.items():
        dataset = Catalogue(settings.data_dir).add_market(generate_market(params), name=title)
        for run in train_runs(dataset, ALGORITHMS, tracker=tracker):
            yield f"{title}, {params.courses:,} courses, {run.result.algorithm}", str(run.run_id)


def furnish_many(settings: Settings) -> str:
    """Add a panel of many courses and return the id of a run trained on it."""
    world = make_world(seed=0, units=MANY, weeks=4)
    dataset = Catalogue(settings.data_dir).add_panel(world.panel, world.modeler().roles, name="many courses")
    tracker, params = EdTechMLFlowTracker(settings=settings), {"fixed_effects": {"tiers": "one"}}
    [run] = train_runs(dataset, ["fixed_effects"], tracker=tracker, params=params)
    return str(run.run_id)


def plan_seconds(settings: Settings, run_id: str) -> Iterator[tuple[str, float]]:
    """Yield the seconds of a plan under each set of guardrails, for the newest data set and its run."""
    result = load_result(EdTechMLFlowTracker(settings=settings).runs, run_id)
    response = price_response(result, Catalogue(settings.data_dir).list()[0].panel())
    for title, constraints in GUARDRAILS.items():
        start = time.perf_counter()
        plan_prices(response, constraints=constraints)
        yield title, time.perf_counter() - start


def slider_seconds(run_id: str) -> list[tuple[float, float]]:
    """Return wall-clock and CPU seconds of what-ifs on the Pricing page, with charts."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.run().switch_page("pages/pricing.py").run()
    next(box for box in app.selectbox if box.label == "Run").set_value(run_id).run()
    seconds = []
    for percents in REQUESTED:
        app.slider[0].set_value(percents)
        start, cpu_start = time.perf_counter(), time.process_time()
        app.run()
        seconds.append((time.perf_counter() - start, time.process_time() - cpu_start))
        if app.exception or app.error:
            raise RuntimeError(f"the page failed: {[*app.exception, *app.error]}")
    return seconds


def cold_start_seconds(home: Path) -> float | None:
    """Return the seconds from `streamlit run app.py` to a rendered first page, or None without a browser."""
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


def report(title: str, seconds: float | None, limit: float, note: str = "") -> bool:
    """Print a line, and return whether the time is within the limit."""
    is_met = seconds is not None and seconds < limit
    measured = "not measured: no Chromium, see `make browser`" if seconds is None else f"{seconds:.2f} s"
    print(f"{title:<56} {measured} (< {limit:g} s{note}){'' if is_met else '  MISSED'}", flush=True)
    return is_met


def report_slider(title: str, run_id: str, limit: float) -> bool:
    """Measure a run's slider, print a line, and return whether the time is within the limit."""
    clock, core = zip(*slider_seconds(run_id), strict=True)
    median, cpu_seconds = statistics.median(clock), statistics.median(core)
    text = f", slowest of {len(clock)}; median {median:.2f} s, CPU {cpu_seconds:.2f} s"
    return report(f"slider: {title}", max(clock), limit, text)


def main() -> int:
    """Return the exit code: 0 if all times are within their limits."""
    within_limits = []
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        within_limits.append(
            report("cold start to the first page, empty home", cold_start_seconds(Path(empty)), COLD_SECONDS)
        )
        os.environ["EDTECH_HOME"] = full
        # The pages select the newest data set, so each data set is measured before the next is added.
        for title, run_id in furnish(Settings()):
            within_limits.append(report_slider(title, run_id, SLIDER_SECONDS))
            for limits, seconds in plan_seconds(Settings(), run_id):
                within_limits.append(report(f"plan: {title}: {limits}", seconds, PLAN_SECONDS))
        within_limits.append(
            report_slider(f"{MANY:,} courses, fixed_effects", furnish_many(Settings()), SLIDER_OF_MANY)
        )
        within_limits.append(
            report("cold start to the first page, full home", cold_start_seconds(Path(full)), COLD_SECONDS)
        )
    return 0 if all(within_limits) else 1


if __name__ == "__main__":
    sys.exit(main())
