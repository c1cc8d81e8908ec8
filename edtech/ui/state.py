"""Keys of what is chosen once and kept over pages."""

from enum import StrEnum

import streamlit as st


class Key(StrEnum):
    """Names in the session's state; nothing else writes there by hand."""

    DATASET = "dataset"
    EXPERIMENT = "experiment"
    TRAINED = "trained"
    PRICED = "priced"
    NOTICE = "notice"
    JOB = "job"
    SETTLED = "settled"
    ADDRESS = "address"


def get(key: Key) -> str | None:
    """Return what was chosen, or None."""
    value = st.session_state.get(key)
    return value if isinstance(value, str) else None


def choose(key: Key, value: str) -> None:
    """Keep a choice for the pages that follow."""
    st.session_state[key] = value


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
