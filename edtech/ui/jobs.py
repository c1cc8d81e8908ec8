"""Actions that take a while: they show their progress, and a click on Cancel ends them at their next step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edtech.data import Dataset
from edtech.ui import resources
from edtech.ui.state import Key, choose
from edtech.ui.widgets import cancel_button, tell_progress

if TYPE_CHECKING:
    from edtech.market import MarketParams


def generate(params: "MarketParams", name: str) -> Dataset:
    """Generate a market, store it and choose it."""
    from edtech.market import generate_market

    cancel_button()
    tell = tell_progress()
    market = generate_market(params, progress=lambda share, text: tell(0.9 * share, text))
    tell(0.9, "Storing the tables")
    stored = resources.catalogue().add_market(market, name=name)
    tell(1.0, "Stored")
    choose(Key.DATASET, stored.id)
    return stored


def train(dataset: Dataset, algorithm: str, values: Mapping[str, Any], experiment: str) -> list[str]:
    """Train one algorithm, log it and return the ids of its runs."""
    from edtech.pipeline.training import train_runs

    cancel_button()
    tell = tell_progress()
    tell(0.0, "Opening the MLflow store")
    tracker = resources.tracker(experiment)
    runs = train_runs(dataset, [algorithm], params={algorithm: values}, tracker=tracker, progress=tell)
    resources.run_table.clear()
    return [run.run_id for run in runs if run.run_id]
