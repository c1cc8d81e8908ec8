"""The session's state: choices that last over pages, some of them in the address too, so that a reload shows the same.

The only module that reads or writes `st.session_state`.
"""

from collections.abc import Container
from enum import StrEnum
from typing import Any

import streamlit as st


class Key(StrEnum):
    """Names of what all pages share in the session's state; the keys of widgets are their own."""

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
    """Return what was chosen, in this session or else by its first address, or None."""
    value = st.session_state.get(key)
    if value is None and key in ADDRESS_KEYS:
        value = st.query_params.get(key)
    return value if isinstance(value, str) else None


def choose(key: Key, value: str) -> None:
    """Keep a choice for the pages that follow."""
    changed = st.session_state.get(key) != value
    st.session_state[key] = value
    if changed and key in ADDRESS_KEYS:
        _write_address()


def write_address_once(page: str) -> None:
    """Write what was chosen into the address of another page, which begins without.

    Only once: an address that is written whenever it is bare holds the browser's way back.
    """
    if st.session_state.get(Key.PAGE) != page:
        st.session_state[Key.PAGE] = page
        _write_address()


def _write_address() -> None:
    wanted = {str(key): value for key in ADDRESS_KEYS if (value := get(key)) is not None}
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)


def address_names_unknown(key: Key, options: Container[str]) -> bool:
    """Whether a session begins with an address that asks for what is not there."""
    return key not in st.session_state and (wanted := get(key)) is not None and wanted not in options


def value(key: str, default: Any = None) -> Any:  # noqa: ANN401  # whatever a widget holds
    """Return the value of a widget or of a name in the session's state, or the default."""
    return st.session_state.get(key, default)


def has(key: str) -> bool:
    """Tell whether the session's state holds the key: a widget that was shown before does."""
    return key in st.session_state


def set_value(key: str, value: object) -> None:
    """Set the value of a widget before it is shown, or of a name in the session's state."""
    st.session_state[key] = value


def start_from(key: str, value: object, *, fresh: bool = False) -> None:
    """Let a widget start from `value` if it was not shown before, or if its subject is new."""
    if fresh or key not in st.session_state:
        st.session_state[key] = value


def is_new(key: str, token: str) -> bool:
    """Tell whether `token` differs from that of the last run, and remember it."""
    new = bool(st.session_state.get(key) != token)
    st.session_state[key] = token
    return new


def clear(key: str) -> None:
    """Remove a choice or the value of a widget."""
    st.session_state.pop(key, None)


def notify(text: str) -> None:
    """Keep a message for the next rerun, which shows it once."""
    st.session_state[Key.NOTICE] = text


def take_notice() -> str | None:
    """Return the kept message and forget it."""
    value = st.session_state.pop(Key.NOTICE, None)
    return value if isinstance(value, str) else None
