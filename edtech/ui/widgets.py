"""Small parts that every page uses."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edtech.errors import EdtechError
from edtech.ml.base import field_bounds
from edtech.settings import PROJECT
from edtech.ui import state
from edtech.ui.state import Key, choose, take_notice

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&])")
_WIDEST_SLIDER = 5_000  # a pixel of a wider one skips values: a number is typed instead


def escape(text: object) -> str:
    """Return text of others so that Markdown shows it as it is written."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def header(title: str, help: str) -> None:
    """Show a page's title, what it is for, and a message left by the last action."""
    st.title(title)
    st.markdown(help)
    banner = st.empty()  # held without a message too: tabs that move on the page fall back to their first
    if notice := take_notice():
        banner.success(escape(notice), icon=":material/check_circle:")


def page_link(name: str, label: str, icon: str) -> None:
    """Link to a page of the menu."""
    st.page_link(str(PROJECT / "pages" / f"{name}.py"), label=label, icon=icon)


def error_panel(error: EdtechError) -> None:
    """Show an error in its parts: what is wrong, what was expected and found, and what to do."""
    with st.container(border=True):
        st.error(escape(error.problem), icon=":material/error:")
        labelled = (
            ("Expected", error.expected),
            ("Found", error.actual),
            ("Where", error.where),
            ("What to do", error.fix),
        )
        for label, text in labelled:
            if text:
                st.markdown(f"**{label}:** {escape(text)}")
        for line in error.details:
            st.markdown(f"- {escape(line)}")


@contextmanager
def show_errors() -> Iterator[None]:
    """Show the errors of ours that are raised inside; all others are bugs and are not caught."""
    try:
        yield
    except EdtechError as error:
        error_panel(error)


def shared_selectbox(
    label: str,
    options: Sequence[str],
    current: str,
    state_key: Key,
    *,
    key: str,
    **kwargs: Any,  # noqa: ANN401  # of st.selectbox
) -> str:
    """Show `st.selectbox` of what is kept over pages: it shows what was chosen elsewhere, and chooses."""
    state.set_value(key, current)
    selection = st.selectbox(label, options, key=key, on_change=lambda: choose(state_key, state.value(key)), **kwargs)
    choose(state_key, selection)
    return str(selection)


def params_form(
    model: type[BaseModel], key: str, values: BaseModel, names: tuple[str, ...], persist: bool = False
) -> dict[str, Any]:
    """Show a widget for each named field of `model`, with its bounds and help, starting from `values`.

    What is asked by one that is `kept` is still there after a visit to another page.
    """
    more = {"persist_state": "session" if persist else None}
    fields = ((name, model.model_fields[name]) for name in names)
    return {name: _field_widget(info, f"{key}.{name}", getattr(values, name), name, more) for name, info in fields}


def _field_widget(
    info: FieldInfo,
    key: str,
    value: Any,  # noqa: ANN401  # any field's value
    name: str,
    more: dict[str, Any],
) -> Any:  # noqa: ANN401
    title = info.title or name
    more = {"key": key, "help": info.description} | more
    if info.annotation is bool:
        return st.toggle(title, value, **more)
    if get_origin(info.annotation) is Literal:
        options = get_args(info.annotation)
        return st.selectbox(title, options, index=options.index(value), **more)
    low, high = bounds(info)
    if high - low > _WIDEST_SLIDER:
        return st.number_input(title, min_value=low, max_value=high, value=value, step=1, **more)
    step = 1 if info.annotation is int else _step(low, high)
    format = info.json_schema_extra.get("format") if isinstance(info.json_schema_extra, dict) else None
    return st.slider(
        title,
        min_value=low,
        max_value=high,
        value=value,
        step=step,
        format=None if format is None else str(format),
        **more,
    )


def bounds(info: FieldInfo) -> tuple[Any, Any]:
    """Return the lowest and highest value of a bounded field, in the field's own type."""
    low, high = field_bounds(info) or (None, None)
    kind = info.annotation
    return (kind(low), kind(high)) if callable(kind) else (low, high)


def _step(low: float, high: float) -> float:
    """A power of ten that splits the range into 100 to 1,000 parts, so that defaults lie on a step."""
    return 10.0 ** math.floor(math.log10((high - low) / 100))


def format_number(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Return a number with its unit for reading: 12,345 tokens, 0.0432."""
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.{digits}g}"
    return f"{text} {unit}".strip()
