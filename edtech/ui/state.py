"""What is chosen once and kept over pages, some of it in their addresses too: a reload shows the same."""

from collections.abc import Container
from enum import StrEnum

import streamlit as st


class Key(StrEnum):
    """Names in the session's state; nothing else writes there by hand."""

    DATASET = "dataset"
    EXPERIMENT = "experiment"
    TRAINED = "trained"
    PRICED = "run"
    NOTICE = "notice"
    JOB = "job"
    SETTLED = "settled"
    ADDRESS = "address"
    OPENED = "opened"
    PAGE = "page"


IN_ADDRESS = (Key.DATASET, Key.EXPERIMENT, Key.PRICED)


def get(key: Key) -> str | None:
    """Return what was chosen, in this session or else by its first address, or None."""
    value = st.session_state.get(key)
    if value is None and key in IN_ADDRESS:
        value = st.query_params.get(key)
    return value if isinstance(value, str) else None


def choose(key: Key, value: str) -> None:
    """Keep a choice for the pages that follow."""
    changed = st.session_state.get(key) != value
    st.session_state[key] = value
    if changed and key in IN_ADDRESS:
        _write_address()


def keep_address(page: str) -> None:
    """Write what was chosen into the address of another page, which begins without.

    Only once: an address that is written whenever it is bare holds the browser's way back.
    """
    if st.session_state.get(Key.PAGE) != page:
        st.session_state[Key.PAGE] = page
        _write_address()


def _write_address() -> None:
    wanted = {str(key): value for key in IN_ADDRESS if (value := get(key)) is not None}
    if any(st.query_params.get(name) != value for name, value in wanted.items()):
        st.query_params.update(wanted)


def asked_in_vain(key: Key, known: Container[str]) -> bool:
    """Whether a session begins with an address that asks for what is not there."""
    return key not in st.session_state and (wanted := get(key)) is not None and wanted not in known


def forget(key: Key) -> None:
    """Drop a choice."""
    st.session_state.pop(key, None)


def notify(text: str) -> None:
    """Keep a message for the next rerun, which shows it once."""
    st.session_state[Key.NOTICE] = text


def take_notice() -> str | None:
    """Return the kept message and forget it."""
    value = st.session_state.pop(Key.NOTICE, None)
    return value if isinstance(value, str) else None
