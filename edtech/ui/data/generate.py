"""Part of the Data page: the knobs of a market, how big it will be, and making it."""

import os
from functools import partial
from typing import Any

import streamlit as st

from edtech.market import PRESETS, MarketParams
from edtech.pipeline import tasks
from edtech.ui import jobs
from edtech.ui.cache import dataset_cache
from edtech.ui.widgets import params_form, show_errors

SIZE = ("learners", "teachers", "courses", "weeks", "seed")
PRICES = ("price_sensitivity", "endogeneity", "promo_rate", "promo_depth", "promo_randomized_share", "price_test_share")
CORES = os.cpu_count() or 1


def generate_form() -> None:
    """Show the knobs of a market and how big it will be; generate it."""
    preset = st.selectbox(
        "Preset",
        list(PRESETS),
        key="generate.preset",
        help="A starting point: in confounded, prices follow demand; in price_test, they are drawn at random.",
    )
    name = st.text_input("Name", f"{preset} market", max_chars=200, key=f"generate.name.{preset}")
    values, workers = _knobs(preset)
    if st.button("Generate", type="primary", key="generate.go", icon=":material/play_arrow:"):
        with show_errors():
            jobs.start(f"Generate {name}", partial(tasks.generate_market, MarketParams.of(values), name, workers))
    jobs.follow()


@st.fragment
def _knobs(preset: str) -> tuple[dict[str, Any], int]:
    """Return the values of all knobs and the number of worker processes; moving one reruns only this part."""
    start = PRESETS[preset]
    others = tuple(name for name in MarketParams.model_fields if name not in (*SIZE, *PRICES))
    values: dict[str, Any] = {}
    for title, names, open_ in (
        ("Size", SIZE, True),
        ("Prices and promotions", PRICES, True),
        ("Everything else", others, False),
    ):
        with st.expander(title, expanded=open_):
            values |= _in_columns(start, f"generate.{preset}", names)
    workers = st.number_input(
        "Worker processes",
        1,
        max(CORES, 2),
        1,
        key="generate.workers",
        help="More of them pay from some ten thousand learners on; the market is the same.",
    )
    with show_errors():
        st.caption(dataset_cache.expected(MarketParams.of(values), workers))
    return values, workers


def _in_columns(start: MarketParams, key: str, names: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, offset in zip(st.columns(2), (0, 1), strict=True):
        with column:
            values |= params_form(MarketParams, key, start, names[offset::2])
    return values
