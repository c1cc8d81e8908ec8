"""Widgets whose values are part of the address: a reload and a shared link show the same.

Streamlit's own binding omits defaults. Here a default may depend on the data, so every choice is written. Unknown
values of an address are ignored, and a banner lists them.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import streamlit as st

from edtech.ui import state
from edtech.ui.state import Key
from edtech.ui.widgets import escape

MAX_LISTED, MAX_LENGTH = 5, 60
_FLAGS = {"true": True, "false": False}


@dataclass(slots=True)
class _Address:
    """The values to write to the address, the ignored values, and the defaults in use."""

    values: dict[str, list[str]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    followed_defaults: dict[str, list[str]] = field(default_factory=dict)


def _address() -> _Address:
    state.start_from(Key.ADDRESS, _Address())
    address: _Address = state.value(Key.ADDRESS)
    return address


@contextmanager
def synchronize() -> Iterator[None]:
    """Write the values of this module's widgets in the block to the address, and list ignored values."""
    banner, address = st.container(), _address()
    address.ignored.clear()
    address.values.clear()
    yield  # if the script stops or reruns inside, the address stays unchanged
    if address.ignored:
        _warn_ignored(banner, address.ignored)
    now = {name: st.query_params.get_all(name) for name in st.query_params}
    wanted = {name: values for name, values in (now | address.values).items() if values}
    if wanted != now:
        st.query_params.from_dict(wanted)


def _warn_ignored(container: Any, ignored: list[str]) -> None:  # noqa: ANN401  # a container of Streamlit
    more = f", and {len(ignored) - MAX_LISTED} more" if len(ignored) > MAX_LISTED else ""
    container.warning(
        f"The address names values that do not exist here. Ignored: {'; '.join(ignored[:MAX_LISTED])}{more}.",
        icon=":material/link_off:",
    )


def requested_values(key: str) -> list[str]:
    """Return the values that the address gives a widget, before its first appearance in this session."""
    return [] if state.has(key) else list(dict.fromkeys(filter(None, st.query_params.get_all(key))))


def multiselect(
    label: str,
    options: Sequence[str],
    default: Sequence[str] = (),
    *,
    key: str,
    max_selections: int | None = None,
    follows: bool = False,
    **kwargs: Any,  # noqa: ANN401  # what st.multiselect takes
) -> list[str]:
    """Show `st.multiselect`; if it `follows`, it takes each new default until the user selects other options."""
    first, address = not state.has(key), _address()
    wanted = _valid_values(key, label, options)
    if first:
        cleared = st.query_params.get_all(key) == [""]
        state.set_value(key, wanted[:max_selections] or ([] if cleared else list(default)))
    elif follows and state.value(key) == address.followed_defaults.get(key):
        state.set_value(key, list(default))
    address.followed_defaults[key] = list(default)
    selection = st.multiselect(
        label, options, key=key, max_selections=max_selections, persist_state="session", **kwargs
    )
    address.values[key] = list(selection) or ([""] if default else [])
    return list(selection)


def selectbox(
    label: str,
    options: Sequence[str],
    default: str,
    *,
    key: str,
    follows: bool = False,
    aliases: Mapping[str, str] = {},
    **kwargs: Any,  # noqa: ANN401  # what st.selectbox takes
) -> str:
    """Show `st.selectbox`; if it `follows`, it takes each new default until the user selects another option.

    `aliases` maps values of older links to current options.
    """
    wanted = _valid_values(key, label, options, aliases)
    followed, now = _address().followed_defaults, state.value(key)
    if now not in options:
        state.set_value(key, wanted[0] if wanted else default)
    elif follows and [now] == followed.get(key):
        state.set_value(key, default)
    followed[key] = [default]
    selection = st.selectbox(label, options, key=key, persist_state="session", **kwargs)
    _address().values[key] = [selection]
    return str(selection)


def text_input(label: str, *, key: str, max_chars: int, container: Any = st, **more: Any) -> str:  # noqa: ANN401
    """Show `st.text_input` for at most `max_chars` characters."""
    _initialize(key, label, lambda value: value if len(value) <= max_chars else None, "")
    value = container.text_input(label, key=key, max_chars=max_chars, persist_state="session", **more) or ""
    _address().values[key] = [value] if value else []
    return str(value)


def toggle(label: str, default: bool = False, *, key: str, container: Any = st, **more: Any) -> bool:  # noqa: ANN401
    """Show `st.toggle`."""
    _initialize(key, label, lambda value: _FLAGS.get(value.lower()), default)
    on = bool(container.toggle(label, key=key, persist_state="session", **more))
    _address().values[key] = [str(on).lower()] if on != default else []
    return on


def date_input(label: str, *, key: str, container: Any = st, **more: Any) -> date | None:  # noqa: ANN401
    """Show `st.date_input`, empty at first."""
    _initialize(key, label, _parse_date, None)
    selection: date | None = container.date_input(label, key=key, persist_state="session", **more)
    _address().values[key] = [selection.isoformat()] if selection else []
    return selection


def _parse_date(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _initialize(key: str, label: str, read: Callable[[str], object], default: object) -> None:
    """Set a widget before its first appearance from the address, else to the default."""
    if state.has(key):
        return
    values = [(value, read(value)) for value in requested_values(key)]
    _ignore(label, [value for value, parsed in values if parsed is None])
    state.set_value(key, next((parsed for _, parsed in values if parsed is not None), default))


def _valid_values(key: str, label: str, options: Container[str], aliases: Mapping[str, str] = {}) -> list[str]:
    values = [aliases.get(value, value) for value in requested_values(key)]
    _ignore(label, [value for value in values if value not in options])
    return [value for value in values if value in options]


def _ignore(label: str, values: Sequence[str]) -> None:
    shortened = [f"{value[:MAX_LENGTH]}{'…' if len(value) > MAX_LENGTH else ''}" for value in values]
    _address().ignored.extend(f"{label} “{escape(value)}”" for value in shortened)
