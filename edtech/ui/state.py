"""Session state: choices that apply to all pages; the address holds some of them, so that a reload shows the same.

The only module that reads or writes `st.session_state`.
"""

from collections.abc import Container
from enum import StrEnum
from typing import Any

import streamlit as st


class Key(StrEnum):
    """Keys of the session state that all pages share; widgets have their own keys."""

    DATASET = "dataset"
    EXPERIMENT = "experiment"
    TRAINING_RUN = "trained"
    PRICING_RUN = "run"
    NOTICE = "notice"
    JOB = "job"
    HANDLED_JOB = "settled"
    ADDRESS = "address"
    LOADED_SCENARIO = "opened"
    PAGE = "page"


ADDRESS_KEYS = (Key.DATASET, Key.EXPERIMENT, Key.PRICING_RUN)


def get(key: Key) -> str | None:
    """Return the choice of this session, else that of the address, or None."""
    value = st.session_state.get(key)
    if value is None and key in ADDRESS_KEYS:
        value = st.query_params.get(key)
    return value if isinstance(value, str) else None


def choose(key: Key, value: str) -> None:
    """Store a choice for all pages."""
    changed = st.session_state.get(key) != value
    st.session_state[key] = value
    if changed and key in ADDRESS_KEYS:
        _write_address()


def write_address_once(page: str) -> None:
    """Write the choices into the address of a page that was just opened.

    This happens once per page: repeated writes would trap the browser's back button.
    """
    if st.session_state.get(Key.PAGE) != page:
        st.session_state[Key.PAGE] = page
        _write_address()


def _write_address() -> None:
    wanted = {str(key): value for key in ADDRESS_KEYS if (value := get(key)) is not None}
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)


def address_names_unknown(key: Key, options: Container[str]) -> bool:
    """Tell whether a new session has an address that names an unknown option."""
    return key not in st.session_state and (wanted := get(key)) is not None and wanted not in options


def value(key: str, default: Any = None) -> Any:  # noqa: ANN401  # whatever a widget holds
    """Return the value of a key in the session state, or the default."""
    return st.session_state.get(key, default)


def has(key: str) -> bool:
    """Tell whether the session state holds the key, as it does for a widget on the screen before."""
    return key in st.session_state


def set_value(key: str, value: object) -> None:
    """Set the value of a key; for a widget, before it is drawn."""
    st.session_state[key] = value


def start_from(key: str, value: object, *, fresh: bool = False) -> None:
    """Set the initial value of a widget, on its first appearance or if its subject is new."""
    if fresh or key not in st.session_state:
        st.session_state[key] = value


def is_new(key: str, token: str) -> bool:
    """Tell whether `token` differs from that of the last rerun, and store it."""
    new = bool(st.session_state.get(key) != token)
    st.session_state[key] = token
    return new


def clear(key: str) -> None:
    """Remove a key from the session state."""
    st.session_state.pop(key, None)


def notify(text: str) -> None:
    """Store a message that the next rerun shows once."""
    st.session_state[Key.NOTICE] = text


def take_notice() -> str | None:
    """Return the stored message and remove it."""
    value = st.session_state.pop(Key.NOTICE, None)
    return value if isinstance(value, str) else None
