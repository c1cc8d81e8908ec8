"""How long tests wait for what processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 300
"""Longest wait for a start or an end: on a busy machine, too, only a hang reaches it."""


def until(condition: Callable[[], T], seconds: float = SECONDS) -> T:
    """Return what the condition gives as soon as that counts as true. Raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{result!r} even after {seconds} s")
        time.sleep(0.05)
    return result
