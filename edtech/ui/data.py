"""Parts of the Data page: generate, upload, stored data sets."""

from typing import Any

import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Check, Dataset, check_panel
from edtech.market import PRESETS, MarketParams
from edtech.ui import jobs, resources
from edtech.ui.overview import key_figures, origin
from edtech.ui.state import notify
from edtech.ui.widgets import errors_shown, params_form, plain

SIZE = ("learners", "teachers", "courses", "weeks", "seed")
PRICES = ("price_sensitivity", "endogeneity", "promo_rate", "promo_depth", "promo_randomized_share", "price_test_share")
MARKS = {"PASS": ":material/check_circle:", "REVIEW": ":material/visibility:", "FAIL": ":material/error:"}


def generate_form() -> None:
    """Show the knobs of a market and generate it."""
    preset = st.selectbox(
        "Preset",
        list(PRESETS),
        key="generate.preset",
        help="A starting point: in confounded, prices follow demand; in price_test, they are drawn at random.",
    )
    start = PRESETS[preset]
    others = tuple(name for name in MarketParams.model_fields if name not in (*SIZE, *PRICES))
    with st.form("generate", border=True):
        name = st.text_input("Name", f"{preset} market", max_chars=200, key=f"generate.name.{preset}")
        values: dict[str, Any] = {}
        for title, names, open_ in (
            ("Size", SIZE, True),
            ("Prices and promotions", PRICES, True),
            ("Everything else", others, False),
        ):
            with st.expander(title, expanded=open_):
                values |= _in_columns(start, f"generate.{preset}", names)
        asked = st.form_submit_button("Generate", type="primary", icon=":material/play_arrow:")
    if asked:
        with errors_shown():
            stored = jobs.generate(MarketParams.of(values), name, jobs.progress())
            notify(f"{stored.name} is stored and chosen: {stored.rows:,} course-weeks.")
            st.rerun()


def _in_columns(start: MarketParams, key: str, names: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, offset in zip(st.columns(2), (0, 1), strict=True):
        with column:
            values |= params_form(MarketParams, key, start, names[offset::2])
    return values


def dataset_details(dataset: Dataset) -> None:
    """Show one data set: figures, prices and demand, whether an elasticity can be learned, and its settings."""
    st.subheader(plain(dataset.name))
    made = f"Digest {dataset.digest[:12]}, created {dataset.created:%Y-%m-%d %H:%M} UTC."
    words = origin(dataset)
    st.caption(f"{words[:1].upper()}{words[1:]}. {made}")
    key_figures(dataset)
    units = resources.by_unit(dataset.id)
    st.altair_chart(
        charts.demand_scatter(
            units, title="Dear and cheap units differ in more than their price: this slope is no price effect"
        ),
        alt="Mean price against quantity sold of each unit, by segment",
    )
    st.subheader("Can an elasticity be learned here?")
    *checks, verdict = check_panel(resources.panel(dataset.id), dataset.roles)
    _check(verdict)
    passed = [check for check in checks if check.severity == "PASS"]
    for check in checks:
        if check not in passed:
            _check(check)
    with st.expander(f"{len(passed)} checks passed"):
        for check in passed:
            _check(check)


def _check(check: Check) -> None:
    with st.container(border=True):
        st.markdown(f"{MARKS[check.severity]} **{check.severity}: {plain(check.title)}** (`{check.code}`)")
        st.text(check.evidence)
        if check.fix:
            st.text(f"What to do: {check.fix}")


def stored_list() -> None:
    """Rename, delete and restore data sets."""
    for one in resources.catalogue().list():
        with st.container(border=True):
            st.text(f"{one.name}: {one.rows:,} rows, {one.kind}, {one.created:%Y-%m-%d %H:%M} UTC")
            left, right = st.columns([3, 1], vertical_alignment="bottom")
            name = left.text_input("New name", one.name, key=f"rename.{one.id}", max_chars=200)
            with errors_shown():
                if name != one.name:
                    resources.catalogue().rename(one.id, name)
                    st.rerun()
                if right.button("Delete", key=f"delete.{one.id}", icon=":material/delete:"):
                    resources.catalogue().delete(one.id)
                    notify(f"{one.name} is deleted; it can be restored below.")
                    st.rerun()
    for one in resources.catalogue().list(deleted=True):
        st.text(f"Deleted: {one.name}")
        if st.button("Restore", key=f"restore.{one.id}", icon=":material/undo:"):
            resources.catalogue().restore(one.id)
            st.rerun()
