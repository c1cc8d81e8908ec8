"""The form that generates a market: parameters and expected size."""

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
    """Show the parameters of a market and its expected size; generate it on request."""
    preset = st.selectbox(
        "Preset",
        list(PRESETS),
        key="generate.preset",
        help="Initial parameters. In confounded, prices follow demand; in price_test, prices are randomized.",
    )
    name = st.text_input("Name", f"{preset} market", max_chars=200, key=f"generate.name.{preset}")
    values, workers = _market_inputs(preset)
    if st.button("Generate", type="primary", key="generate.go", icon=":material/play_arrow:"):
        with show_errors():
            jobs.start(f"Generate {name}", partial(tasks.generate_market, MarketParams.of(values), name, workers))
    jobs.follow()


@st.fragment
def _market_inputs(preset: str) -> tuple[dict[str, Any], int]:
    """Return all parameters and the number of worker processes; a change reruns only this fragment."""
    start = PRESETS[preset]
    others = tuple(name for name in MarketParams.model_fields if name not in (*SIZE, *PRICES))
    values: dict[str, Any] = {}
    for title, names, open_ in (
        ("Size", SIZE, True),
        ("Prices and promotions", PRICES, True),
        ("More parameters", others, False),
    ):
        with st.expander(title, expanded=open_):
            values |= _in_columns(start, f"generate.{preset}", names)
    workers = st.number_input(
        "Worker processes",
        1,
        max(CORES, 2),
        1,
        key="generate.workers",
        help="More processes help from about 10,000 learners. They do not change the market.",
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
