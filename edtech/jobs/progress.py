"""Progress of long work: how it is reported, and how a report travels from a worker to its caller."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

Progress = Callable[[float, str], None]
"""Takes the completed fraction of the work, from 0 to 1, and a description of the current step."""


class ProgressReport(NamedTuple):
    """One report: the completed fraction, from 0 to 1, and the current step."""

    fraction: float
    step: str


class ProgressChannel(Protocol):
    """Carries the progress of one task from its worker to the caller; the executor decides how."""

    def progress(self) -> Progress:
        """Return the function that the task calls. The executor pickles it if the worker is another process."""

    def reports(self) -> list[ProgressReport]:
        """Return the reports so far, oldest first; never wait for the worker."""

    def close(self) -> None:
        """Release what the channel holds; the caller needs no more reports."""


class LocalChannel:
    """A channel for tasks that run in the caller's own process."""

    def __init__(self) -> None:
        self._reports: list[ProgressReport] = []

    def progress(self) -> Progress:
        """Return a function that appends to the reports."""
        return lambda fraction, step: self._reports.append(ProgressReport(fraction, step))

    def reports(self) -> list[ProgressReport]:
        """Return the reports so far."""
        return list(self._reports)

    def close(self) -> None:
        """Do nothing: the reports go with the channel."""


def no_progress(_fraction: float, _step: str, /) -> None:
    """Ignore progress."""


def scaled_progress(progress: Progress, start: float, size: float) -> Progress:
    """Return the progress of a subtask that is `size` of the whole work and begins at `start`, both fractions."""
    return lambda fraction, step: progress(start + size * fraction, step)
