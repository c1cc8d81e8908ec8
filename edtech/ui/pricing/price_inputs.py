"""Part of the Pricing page: which prices are asked for, by sliders, amounts or a list, and how tokens are shared."""

from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd
import streamlit as st

from edtech.data import Dataset, read_upload
from edtech.pricing import Response
from edtech.pricing.policy import revenue_split
from edtech.pricing.price_changes import ALL, SEGMENT, UNIT, How, PriceChange, price_list
from edtech.pricing.scenarios import Scenario
from edtech.tables.split import RevenueSplit
from edtech.ui import state
from edtech.ui.cache import services
from edtech.ui.state import Key
from edtech.ui.upload_storage import SMALL_MB
from edtech.ui.widgets import escape

MOST_SLIDERS = 12
LIST = "price list"
HOW: dict[How, str] = {"percent": "by percent", "tokens": "by tokens", "set": "to a price"}
TITLES = {ALL: "All", SEGMENT: "Segment", UNIT: "Course or unit", "teacher_id": "Teacher", LIST: "Price list"}


def scenario(run_id: str, dataset: Dataset, response: Response, known: pd.DataFrame) -> Scenario:
    """Show what can be asked and return it, not yet named."""
    for name, loaded in state.value(Key.LOADED_SCENARIO, {}).items():
        state.set_value(name, loaded)
    state.clear(Key.LOADED_SCENARIO)
    split = revenue_split(dataset)
    changes, prices = _asked(dataset, response, known)
    planned = _rates(dataset, split)
    return Scenario(
        name="What-if",
        run_id=run_id,
        dataset_id=dataset.id,
        changes=changes,
        prices=prices,
        split=split,
        planned_split=planned,
    )


def key(dataset: Dataset, *parts: str) -> str:
    """Return the key of a question whose answers depend on the data set, so that no answer is taken over to another."""
    return ".".join(("pricing", dataset.id, *parts))


def _kept(dataset: Dataset, *parts: str) -> dict[str, Any]:
    """Return what makes a question keep its answer while it is not shown, be it on another page."""
    return {"key": key(dataset, *parts), "persist_state": "session"}


def _asked(
    dataset: Dataset, response: Response, known: pd.DataFrame
) -> tuple[tuple[PriceChange, ...], dict[str, float] | None]:
    scopes = [SEGMENT, ALL, *(str(name) for name in known if name not in (UNIT, SEGMENT)), UNIT, LIST]
    scope = st.segmented_control(
        "Change prices of",
        scopes,
        default=SEGMENT,
        required=True,
        **_kept(dataset, "scope"),
        format_func=lambda one: TITLES.get(one, one.capitalize()),
        help="Whose prices the what-if changes.",
    )
    scope = scope or SEGMENT
    if scope == LIST:
        return (), _uploaded(dataset, response)
    if scope == ALL:
        return _all(dataset), None
    names = [str(name) for name in known[scope].value_counts().index]
    if scope == SEGMENT or len(names) <= MOST_SLIDERS:
        return _sliders(dataset, scope, names), None
    return _picked(dataset, scope, names), None


def _all(dataset: Dataset) -> tuple[PriceChange, ...]:
    how, amount = _amount(dataset, ALL)
    return (PriceChange(ALL, (), how, amount),) if amount else ()


def _sliders(dataset: Dataset, scope: str, names: Sequence[str]) -> tuple[PriceChange, ...]:
    shown = names
    if len(names) > MOST_SLIDERS:
        shown = st.multiselect(
            "Segments to change",
            names,
            names[:MOST_SLIDERS],
            **_kept(dataset, "segments"),
            help="Prices of all others stay as they are.",
        )
    changes = []
    for position, column in enumerate(st.columns(2)):
        for name in shown[position::2]:
            percents = column.slider(
                escape(name),
                -50,
                50,
                0,
                1,
                format="%+d %%",
                **_kept(dataset, "change", scope, name),
                help="Price change of all units of this kind, in percent of today's price.",
            )
            changes += [PriceChange(scope, (name,), "percent", percents / 100)] if percents else []
    return tuple(changes)


def _picked(dataset: Dataset, scope: str, names: Sequence[str]) -> tuple[PriceChange, ...]:
    chosen = st.multiselect(
        f"To change: {TITLES.get(scope, scope).lower()}",
        names,
        **_kept(dataset, "picked", scope),
        max_selections=200,
        help="Type to search; prices of all others stay as they are.",
    )
    how, amount = _amount(dataset, scope)
    return (PriceChange(scope, tuple(chosen), how, amount),) if chosen and (amount or how == "set") else ()


def _amount(dataset: Dataset, scope: str) -> tuple[How, float]:
    left, right = st.columns(2)
    how = left.radio(
        "How",
        get_args(How),
        format_func=HOW.__getitem__,
        **_kept(dataset, "how", scope),
        horizontal=True,
        help="In percent of today's price, in tokens to add, or to one price.",
    )
    if how == "percent":
        return how, right.slider(
            "Change",
            -50,
            50,
            0,
            1,
            format="%+d %%",
            **_kept(dataset, "percent", scope),
            help="In percent of today's price.",
        ) / 100
    low, start = (0.01, 1.0) if how == "set" else (-1e6, 0.0)
    return how, float(
        right.number_input(
            "Tokens",
            low,
            1e6,
            start,
            **_kept(dataset, "tokens", how, scope),
            help="The new price, or what is added to today's.",
        )
    )


def _uploaded(dataset: Dataset, response: Response) -> dict[str, float] | None:
    sample = pd.DataFrame({"unit": response.units[:3], "price": response.baseline[:3].round(2)}).to_csv(index=False)
    st.download_button(
        "Sample list (CSV)",
        sample,
        "price_list_sample.csv",
        "text/csv",
        key=key(dataset, "list", "sample"),
        on_click="ignore",
        icon=":material/download:",
    )
    listed = key(dataset, "listed")
    file = st.file_uploader(
        "Price list (CSV, TSV, Parquet or XLSX)",
        key=key(dataset, "list"),
        max_upload_size=SMALL_MB,
        help="One row for each unit with its new price; units that are not listed keep theirs.",
        on_change=_forget,
        args=(listed,),
    )
    opened, prices = state.value(listed, (False, None))
    if prices is not None and (opened or file is None):
        st.caption(f"{len(prices):,} prices are asked from a list given before; another file takes its place.")
        st.button("Drop this list", key=key(dataset, "list", "drop"), on_click=_forget, args=(listed,))
        return dict(prices)
    if file is None:
        st.caption("Upload a list with a column for the unit and one for its new price.")
        return None
    prices = _read(dataset, response, file)
    state.set_value(listed, (False, prices))
    return prices


def _forget(name: str) -> None:
    state.clear(name)


def _read(dataset: Dataset, response: Response, file: Any) -> dict[str, float]:  # noqa: ANN401  # what was uploaded
    frame = read_upload(file.name, file, limit_mb=services.settings().upload_limit_mb).frame
    names = [str(name) for name in frame]
    left, right = st.columns(2)
    unit = left.selectbox(
        "Unit",
        names,
        _first(names, ("unit", "id")),
        key=key(dataset, "list", "unit"),
        help="Column that names the unit.",
    )
    price = right.selectbox(
        "New price",
        names,
        _first(names, ("price", "token")),
        key=key(dataset, "list", "price"),
        help="Column with the new price, in tokens.",
    )
    prices = price_list(response, frame, unit, price)
    return dict(zip(map(str, response.units), prices.tolist(), strict=True))


def _first(names: Sequence[str], words: Sequence[str]) -> int:
    return next((place for place, name in enumerate(names) if any(word in name.casefold() for word in words)), 0)


def _rates(dataset: Dataset, split: RevenueSplit) -> RevenueSplit:
    own = "the market's own rates" if dataset.kind == "market" else "assumed; an uploaded panel does not say"
    st.caption(
        f"Of each token spent, {split.teacher_rate:.0%} goes to the teacher, {split.commission_rate:.0%} is commission "
        f"and {split.burn_rate:.0%} is burned ({own})."
    )
    with st.expander("Other rates of commission and burn"):
        left, right = st.columns(2)
        return RevenueSplit(
            commission_rate=_rate(dataset, left, "commission_rate", split.commission_rate, 60),
            burn_rate=_rate(dataset, right, "burn_rate", split.burn_rate, 30),
        )


def _rate(
    dataset: Dataset,
    column: Any,  # noqa: ANN401  # a column of Streamlit
    name: str,
    today: float,
    highest: int,
) -> float:
    info = RevenueSplit.model_fields[name]
    shown = column.slider(
        info.title or name,
        0,
        highest,
        round(today * 100),
        1,
        format="%d %%",
        **_kept(dataset, name),
        help=f"{info.description} Under the plan.",
    )
    return today if shown == round(today * 100) else shown / 100
