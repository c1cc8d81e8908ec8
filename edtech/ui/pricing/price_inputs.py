"""The inputs of a what-if: price changes by slider, amount or list, and the rates of commission and burn."""

from collections.abc import Sequence
from typing import Any, get_args

import pandas as pd
import streamlit as st

from edtech.data import Dataset, read_upload
from edtech.pricing import Response
from edtech.pricing.plan_policy import revenue_split
from edtech.pricing.price_changes import ALL, SEGMENT, UNIT, ChangeMode, PriceChange, price_list
from edtech.pricing.questions import Scenario
from edtech.tables.tokens import RevenueSplit
from edtech.ui import state
from edtech.ui.cache import services
from edtech.ui.state import Key
from edtech.ui.upload_storage import SMALL_MB
from edtech.ui.widgets import escape

MAX_SLIDERS = 12
LIST = "price list"
MODE_LABELS: dict[ChangeMode, str] = {"percent": "Percent", "tokens": "Tokens", "set": "New price"}
TITLES = {ALL: "All", SEGMENT: "Segment", UNIT: "Course or unit", "teacher_id": "Teacher", LIST: "Price list"}


def show_inputs(run_id: str, dataset: Dataset, response: Response, attributes: pd.DataFrame) -> Scenario:
    """Show the inputs and return them as a scenario without a name of its own."""
    for name, loaded in state.value(Key.LOADED_SCENARIO, {}).items():
        state.set_value(name, loaded)
    state.clear(Key.LOADED_SCENARIO)
    split = revenue_split(dataset)
    changes, prices = _price_changes(dataset, response, attributes)
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


def widget_key(dataset: Dataset, *parts: str) -> str:
    """Return the key of a widget that belongs to one data set, so that its value never applies to another."""
    return ".".join(("pricing", dataset.id, *parts))


def _persistent(dataset: Dataset, *parts: str) -> dict[str, Any]:
    """Return the arguments that let a widget keep its value while it is hidden, also on another page."""
    return {"key": widget_key(dataset, *parts), "persist_state": "session"}


def _price_changes(
    dataset: Dataset, response: Response, attributes: pd.DataFrame
) -> tuple[tuple[PriceChange, ...], dict[str, float] | None]:
    scopes = [SEGMENT, ALL, *(str(name) for name in attributes if name not in (UNIT, SEGMENT)), UNIT, LIST]
    scope = st.segmented_control(
        "Apply changes to",
        scopes,
        default=SEGMENT,
        required=True,
        **_persistent(dataset, "scope"),
        format_func=lambda item: TITLES.get(item, item.capitalize()),
        help="The prices that the what-if changes.",
    )
    scope = scope or SEGMENT
    if scope == LIST:
        return (), _uploaded(dataset, response)
    if scope == ALL:
        return _all(dataset), None
    names = [str(name) for name in attributes[scope].value_counts().index]
    if scope == SEGMENT or len(names) <= MAX_SLIDERS:
        return _sliders(dataset, scope, names), None
    return _selected_units(dataset, scope, names), None


def _all(dataset: Dataset) -> tuple[PriceChange, ...]:
    how, amount = _amount(dataset, ALL)
    return (PriceChange(ALL, (), how, amount),) if amount else ()


def _sliders(dataset: Dataset, scope: str, names: Sequence[str]) -> tuple[PriceChange, ...]:
    selection = names
    if len(names) > MAX_SLIDERS:
        selection = st.multiselect(
            "Segments to change",
            names,
            names[:MAX_SLIDERS],
            **_persistent(dataset, "segments"),
            help="All other prices stay as they are.",
        )
    changes = []
    for position, column in enumerate(st.columns(2)):
        for name in selection[position::2]:
            percents = column.slider(
                escape(name),
                -50,
                50,
                0,
                1,
                format="%+d%%",
                **_persistent(dataset, "change", scope, name),
                help="Price change of these units, in percent of today's price.",
            )
            changes += [PriceChange(scope, (name,), "percent", percents / 100)] if percents else []
    return tuple(changes)


def _selected_units(dataset: Dataset, scope: str, names: Sequence[str]) -> tuple[PriceChange, ...]:
    selection = st.multiselect(
        f"Units: {TITLES.get(scope, scope).lower()}",
        names,
        **_persistent(dataset, "picked", scope),
        max_selections=200,
        help="Type to search. All other prices stay as they are.",
    )
    how, amount = _amount(dataset, scope)
    return (PriceChange(scope, tuple(selection), how, amount),) if selection and (amount or how == "set") else ()


def _amount(dataset: Dataset, scope: str) -> tuple[ChangeMode, float]:
    left, right = st.columns(2)
    how = left.radio(
        "Change by",
        get_args(ChangeMode),
        format_func=MODE_LABELS.__getitem__,
        **_persistent(dataset, "how", scope),
        horizontal=True,
        help="Percent of today's price, tokens to add, or one new price.",
    )
    if how == "percent":
        return how, right.slider(
            "Change",
            -50,
            50,
            0,
            1,
            format="%+d%%",
            **_persistent(dataset, "percent", scope),
            help="In percent of today's price.",
        ) / 100
    low, start = (0.01, 1.0) if how == "set" else (-1e6, 0.0)
    return how, float(
        right.number_input(
            "Amount (tokens)",
            low,
            1e6,
            start,
            **_persistent(dataset, "tokens", how, scope),
            help="The new price, or the amount added to today's price.",
        )
    )


def _uploaded(dataset: Dataset, response: Response) -> dict[str, float] | None:
    sample = pd.DataFrame({"unit": response.units[:3], "price": response.baseline[:3].round(2)}).to_csv(index=False)
    st.download_button(
        "Download sample (CSV)",
        sample,
        "price_list_sample.csv",
        "text/csv",
        key=widget_key(dataset, "list", "sample"),
        on_click="ignore",
        icon=":material/download:",
    )
    listed = widget_key(dataset, "listed")
    file = st.file_uploader(
        "Price list (CSV, TSV, Parquet or XLSX)",
        key=widget_key(dataset, "list"),
        max_upload_size=SMALL_MB,
        help="One row per unit with its new price. Units that are not listed keep their price.",
        on_change=_discard_list,
        args=(listed,),
    )
    opened, prices = state.value(listed, (False, None))
    if prices is not None and (opened or file is None):
        st.caption(f"{len(prices):,} prices come from the last list. Upload a file to replace it.")
        st.button("Remove list", key=widget_key(dataset, "list", "drop"), on_click=_discard_list, args=(listed,))
        return dict(prices)
    if file is None:
        st.caption("Upload a list with one column for the unit and one for its new price.")
        return None
    prices = _read(dataset, response, file)
    state.set_value(listed, (False, prices))
    return prices


def _discard_list(name: str) -> None:
    state.clear(name)


def _read(dataset: Dataset, response: Response, file: Any) -> dict[str, float]:  # noqa: ANN401  # Streamlit's uploaded file
    frame = read_upload(file.name, file, limit_mb=services.settings().upload_limit_mb).frame
    names = [str(name) for name in frame]
    left, right = st.columns(2)
    unit = left.selectbox(
        "Unit",
        names,
        _first_match(names, ("unit", "id")),
        key=widget_key(dataset, "list", "unit"),
        help="Column with the unit.",
    )
    price = right.selectbox(
        "New price",
        names,
        _first_match(names, ("price", "token")),
        key=widget_key(dataset, "list", "price"),
        help="Column with the new price, in tokens.",
    )
    prices = price_list(response, frame, unit, price)
    return dict(zip(map(str, response.units), prices.tolist(), strict=True))


def _first_match(names: Sequence[str], parts: Sequence[str]) -> int:
    return next((position for position, name in enumerate(names) if any(word in name.casefold() for word in parts)), 0)


def _rates(dataset: Dataset, split: RevenueSplit) -> RevenueSplit:
    own = "the market's own rates" if dataset.kind == "market" else "assumed, because the data set does not state them"
    st.caption(
        f"Of each token spent, {split.teacher_rate:.0%} goes to the teacher, {split.commission_rate:.0%} is commission "
        f"and {split.burn_rate:.0%} is burned ({own})."
    )
    with st.expander("Commission and burn rates"):
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
    percentage = column.slider(
        info.title or name,
        0,
        highest,
        round(today * 100),
        1,
        format="%d%%",
        **_persistent(dataset, name),
        help=f"{info.description} Applies to the new prices.",
    )
    return today if percentage == round(today * 100) else percentage / 100
