"""What is chosen on a page, in its address: a reload and a shared link show the same.

Streamlit's own binding leaves defaults out, but a default may follow the data: here every choice is written. What an
address asks for that the page does not have is left out, with a word.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import streamlit as st

from edtech.ui.state import Key
from edtech.ui.widgets import plain

TOLD, LONGEST = 5, 60
_FLAGS = {"true": True, "false": False}


@dataclass(slots=True)
class _Address:
    """What a session's widgets say: the values to write, what was left out, and the defaults that were followed."""

    values: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    followed: dict[str, list[str]] = field(default_factory=dict)


def _address() -> _Address:
    found: _Address = st.session_state.setdefault(Key.ADDRESS, _Address())
    return found


@contextmanager
def kept() -> Iterator[None]:
    """Keep the address true to the widgets of this module that the block shows, and say what of it was left out."""
    place, address = st.container(), _address()
    address.left_out.clear()
    address.values.clear()
    yield  # where the script is stopped or begun anew inside, the address stays as it is
    if address.left_out:
        _tell(place, address.left_out)
    now = {name: st.query_params.get_all(name) for name in st.query_params}
    wanted = {name: values for name, values in (now | address.values).items() if values}
    if wanted != now:
        st.query_params.from_dict(wanted)


def _tell(place: Any, left_out: list[str]) -> None:  # noqa: ANN401  # a place on the page
    more = f", and {len(left_out) - TOLD} more" if len(left_out) > TOLD else ""
    place.warning(
        f"The address asks for what is not here; this was left out: {'; '.join(left_out[:TOLD])}{more}.",
        icon=":material/link_off:",
    )


def asked(key: str) -> list[str]:
    """Return what the address asks of a widget that this session has not shown yet."""
    return [] if key in st.session_state else list(dict.fromkeys(filter(None, st.query_params.get_all(key))))


def multiselect(
    label: str,
    options: Sequence[str],
    default: Sequence[str] = (),
    *,
    key: str,
    most: int | None = None,
    follows: bool = False,
    **more: Any,  # noqa: ANN401  # what st.multiselect takes
) -> list[str]:
    """Show `st.multiselect`; one that `follows` takes each new default until something else was chosen."""
    first, address = key not in st.session_state, _address()
    wanted = _known(key, label, options)
    if first:
        cleared = st.query_params.get_all(key) == [""]
        st.session_state[key] = wanted[:most] or ([] if cleared else list(default))
    elif follows and st.session_state[key] == address.followed.get(key):
        st.session_state[key] = list(default)
    address.followed[key] = list(default)
    chosen = st.multiselect(label, options, key=key, max_selections=most, persist_state="session", **more)
    address.values[key] = list(chosen) or ([""] if default else [])
    return list(chosen)


def selectbox(
    label: str,
    options: Sequence[str],
    default: str,
    *,
    key: str,
    follows: bool = False,
    **more: Any,  # noqa: ANN401  # what st.selectbox takes
) -> str:
    """Show `st.selectbox`; one that `follows` takes each new default until something else was chosen."""
    wanted, followed, now = _known(key, label, options), _address().followed, st.session_state.get(key)
    if now not in options:
        st.session_state[key] = wanted[0] if wanted else default
    elif follows and [now] == followed.get(key):
        st.session_state[key] = default
    followed[key] = [default]
    chosen = st.selectbox(label, options, key=key, persist_state="session", **more)
    _address().values[key] = [chosen]
    return str(chosen)


def text(label: str, *, key: str, most: int, place: Any = st, **more: Any) -> str:  # noqa: ANN401
    """Show `st.text_input` of at most so many characters."""
    _first(key, label, lambda value: value if len(value) <= most else None, "")
    value = place.text_input(label, key=key, max_chars=most, persist_state="session", **more) or ""
    _address().values[key] = [value] if value else []
    return str(value)


def toggle(label: str, default: bool = False, *, key: str, place: Any = st, **more: Any) -> bool:  # noqa: ANN401
    """Show `st.toggle`."""
    _first(key, label, lambda value: _FLAGS.get(value.lower()), default)
    on = bool(place.toggle(label, key=key, persist_state="session", **more))
    _address().values[key] = [str(on).lower()] if on != default else []
    return on


def day(label: str, *, key: str, place: Any = st, **more: Any) -> date | None:  # noqa: ANN401
    """Show `st.date_input`, empty where no day is chosen."""
    _first(key, label, _day, None)
    chosen: date | None = place.date_input(label, key=key, persist_state="session", **more)
    _address().values[key] = [chosen.isoformat()] if chosen else []
    return chosen


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _first(key: str, label: str, read: Callable[[str], object], default: object) -> None:
    """Give a widget that was not shown yet what the address says, else the default."""
    if key in st.session_state:
        return
    values = [(value, read(value)) for value in asked(key)]
    _leave_out(label, [value for value, found in values if found is None])
    st.session_state[key] = next((found for _, found in values if found is not None), default)


def _known(key: str, label: str, options: Container[str]) -> list[str]:
    values = asked(key)
    _leave_out(label, [value for value in values if value not in options])
    return [value for value in values if value in options]


def _leave_out(label: str, values: Sequence[str]) -> None:
    told = [f"{value[:LONGEST]}{'…' if len(value) > LONGEST else ''}" for value in values]
    _address().left_out.extend(f"{label} “{plain(value)}”" for value in told)
