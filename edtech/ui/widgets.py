"""Small components for every page."""

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
_WIDEST_SLIDER = 5_000  # a wider slider would skip values, so a number input replaces it


def escape(text: object) -> str:
    """Escape foreign text, so that Markdown shows it literally.

    >>> escape("a *b*")
    'a \\\\*b\\\\*'
    """
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def header(title: str, help: str) -> None:
    """Show the title and purpose of a page, and the message of the last action."""
    st.title(title)
    st.markdown(help)
    banner = st.empty()  # reserved even without a message, because tabs that move on the page reset to the first
    if notice := take_notice():
        banner.success(escape(notice), icon=":material/check_circle:")


def page_link(name: str, label: str, icon: str) -> None:
    """Show a link to a page of the menu."""
    st.page_link(str(PROJECT / "pages" / f"{name}.py"), label=label, icon=icon)


def error_panel(error: EdtechError) -> None:
    """Show an error: problem, expected and actual value, location, and fix."""
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
    """Show an EdtechError raised inside; other exceptions are bugs and propagate."""
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
    """Show `st.selectbox` for a choice that all pages share."""
    state.set_value(key, current)
    selection = st.selectbox(label, options, key=key, on_change=lambda: choose(state_key, state.value(key)), **kwargs)
    choose(state_key, selection)
    return str(selection)


def params_form(
    model: type[BaseModel], key: str, values: BaseModel, names: tuple[str, ...], persist: bool = False
) -> dict[str, Any]:
    """Show a widget for each named field of `model`, with its bounds, help and initial value.

    If `persist`, the values survive a visit to another page.
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
    """Return the lowest and highest value of a bounded field, in the type of the field."""
    low, high = field_bounds(info) or (None, None)
    kind = info.annotation
    return (kind(low), kind(high)) if callable(kind) else (low, high)


def _step(low: float, high: float) -> float:
    """Return a power of ten that divides the range into 100 to 1,000 steps, which include the defaults.

    >>> _step(0.0, 2.0)
    0.01
    """
    return 10.0 ** math.floor(math.log10((high - low) / 100))


def format_number(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Format a number with its unit.

    >>> format_number(12345.4, "tokens"), format_number(0.04321), format_number(None)
    ('12,345 tokens', '0.0432', '-')
    """
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.{digits}g}"
    return f"{text} {unit}".strip()
