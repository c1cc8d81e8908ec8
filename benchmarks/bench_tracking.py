"""Time to log a training, compared with MLflow's own log_model; to open a store; and cost of a failing server.

python benchmarks/bench_tracking.py      exits with 1 if a time exceeds its limit
"""

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import mlflow
import mlflow.sklearn

from edtech.data import Catalogue
from edtech.jobs.progress import no_progress
from edtech.market import MarketParams, generate_market
from edtech.ml.artifacts import run_items
from edtech.ml.families import get_family
from edtech.settings import PROJECT, Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems
from edtech.tracking.trusted_types import trusted_types
from tests.serving import free_port
from tests.tracking.serving import failing_server

LOG_SECONDS, OPEN_SECONDS, SERVER_SECONDS = 0.8, 0.2, 2.0
ALGORITHMS = ("fixed_effects", "random_forest", "gradient_boosting")
REPEATS = 9
OPEN = """
import sys, time
import mlflow, sqlalchemy, alembic
import edtech.tracking.tracker
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker
from edtech.tracking.store import embedded_store
uri = embedded_store(Settings(home=sys.argv[1])).uri
start = time.perf_counter()
if sys.argv[2] == "mlflow":
    mlflow.MlflowClient(tracking_uri=uri).get_experiment_by_name("EdTech_Token_Economy_Pipeline")
else:
    EdTechMLFlowTracker(settings=Settings(home=sys.argv[1]))
print(time.perf_counter() - start)
"""


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a function takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def log_seconds(settings: Settings) -> dict[str, tuple[float, float]]:
    """Return by algorithm the median seconds of logging a complete run and of MLflow's log_model alone, in turn."""
    tracker = EdTechMLFlowTracker(settings=settings)
    mlflow.set_tracking_uri(tracker.uri)
    mlflow.set_experiment(tracker.experiment_name)
    market = generate_market(MarketParams(learners=2_000, teachers=100, courses=200, weeks=26, seed=1))
    dataset = Catalogue(settings.data_dir).add_market(market, name="market")
    result, kind = {}, get_family("token_elasticity")
    for name in ALGORITHMS:
        algorithm = kind.algorithm(name)
        trained = kind.train(dataset, algorithm, algorithm.validate_params({}), no_progress)
        metrics = trained.result.metrics

        def ours(trained=trained, metrics=metrics) -> None:
            tracker.log(run_items(trained, dataset_name="market", dataset_digest=dataset.digest, metrics=metrics))

        def default(trained=trained) -> None:
            with mlflow.start_run():
                mlflow.sklearn.log_model(
                    trained.result.model,
                    name="model",
                    input_example=trained.rows.drop(columns=trained.target).head(5),
                    skops_trusted_types=trusted_types(),
                )

        warnings.filterwarnings("ignore", "Hint: Inferred schema")
        timed(ours), timed(default)  # warm up lazy imports
        pairs = [(timed(ours), timed(default) if turn < 3 else None) for turn in range(REPEATS)]
        mine, theirs = zip(*pairs, strict=True)
        result[name] = statistics.median(mine), statistics.median(item for item in theirs if item is not None)
    return result


def open_seconds(settings: Settings) -> float:
    """Return the seconds to open an existing store in a new process, without MLflow's own share."""

    def opened(by: str) -> float:
        command = [sys.executable, "-c", OPEN, str(settings.root), by]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
        return float(done.stdout)

    pairs = [(opened("edtech"), opened("mlflow")) for _ in range(5)]
    return statistics.median(ours - theirs for ours, theirs in pairs)


def server_seconds(settings: Settings) -> dict[str, float]:
    """Return the extra seconds of a run while the server is down, hangs or returns errors."""
    local = EdTechMLFlowTracker(settings=settings)
    usual = statistics.median(timed(lambda: local.log(RunItems("r", metrics={"rmse": 1.0}))) for _ in range(5))
    result = {}
    with failing_server("hang") as hanging, failing_server("500") as failing:
        away = f"http://127.0.0.1:{free_port()}"
        for name, uri in {"that is down": away, "that hangs": hanging, "that returns errors": failing}.items():
            tracker = EdTechMLFlowTracker(tracking_uri=uri, settings=settings)
            result[name] = timed(lambda tracker=tracker: tracker.log(RunItems("r", metrics={"rmse": 1.0}))) - usual
    return result


def main() -> bool:
    """Print the times and return whether all are within their limits."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder))
        within_limits = True
        for name, (ours, theirs) in log_seconds(settings).items():
            print(f"a complete run, {name}: {ours:.2f} s (limit {LOG_SECONDS}); log_model alone: {theirs:.2f} s")
            within_limits &= ours <= LOG_SECONDS
        own = open_seconds(settings)
        print(f"opening a store, without MLflow's time: {own:.3f} s (limit {OPEN_SECONDS})")
        within_limits &= own <= OPEN_SECONDS
        for name, seconds in server_seconds(settings).items():
            print(f"a server {name} delays a training by {seconds:.2f} s (limit {SERVER_SECONDS})")
            within_limits &= seconds <= SERVER_SECONDS
    return within_limits


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
