"""Actions that take a while: they show their progress, and a click on Cancel ends them at their next step."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from edtech.data import Dataset
from edtech.ui import resources
from edtech.ui.state import Key, choose, notify

if TYPE_CHECKING:
    from edtech.market import MarketParams

Tell = Callable[[float, str], None]


def progress() -> Tell:
    """Show a progress bar and a Cancel button, and return what moves the bar.

    Any click reruns the page, and Streamlit stops the script that runs at its next call: so Cancel needs no more than
    to be there, and what was not finished is not stored.
    """
    st.button("Cancel", key="jobs.cancel", icon=":material/cancel:", on_click=notify,
              args=("Cancelled: what was not finished is not stored.",), help="Stops at the next step.")  # fmt: skip
    bar = st.progress(0.0, text="Starting")

    def tell(share: float, text: str) -> None:
        bar.progress(min(max(share, 0.0), 1.0), text=text)

    return tell


def part(tell: Tell, start: float, end: float) -> Tell:
    """Return what moves the bar from `start` to `end`."""
    return lambda share, text: tell(start + (end - start) * share, text)


def generate(params: "MarketParams", name: str, tell: Tell, workers: int = 1) -> Dataset:
    """Generate a market, store it and choose it."""
    stored = resources.catalogue().add_generated(params, name=name, workers=workers, progress=part(tell, 0.0, 0.9))
    tell(1.0, "Stored")
    choose(Key.DATASET, stored.id)
    return stored


def train(
    dataset: Dataset,
    algorithms: Sequence[str],
    values: Mapping[str, Mapping[str, Any]],
    experiment: str,
    tell: Tell,
    family: str = "token_elasticity",
) -> list[str]:
    """Train algorithms with these hyperparameters, log them, choose the first and return the ids of the runs."""
    from edtech.pipeline.training import train_runs

    tell(0.0, "Opening the MLflow store")
    tracker = resources.tracker(experiment)
    runs = train_runs(dataset, algorithms, family=family, params=values, tracker=tracker, progress=part(tell, 0.1, 1.0))
    resources.run_table.clear()
    ids = [run.run_id for run in runs if run.run_id]
    choose(Key.TRAINED, ids[0])
    choose(Key.PRICED, ids[0])
    return ids
