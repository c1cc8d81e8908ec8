"""Tasks that tests send to worker processes."""

import os
import tempfile
import threading
from pathlib import Path

from edtech.errors import ContractError, ParamsError


def process_id(progress):
    progress(0.5, "Looking")
    return os.getpid()


def process_and_folders(progress):
    """Return the process, its folder for temporary files and its current folder."""
    progress(0.5, "Looking")
    return os.getpid(), tempfile.gettempdir(), str(Path.cwd())


def hang(progress):
    """Report the process id and never end."""
    progress(0.25, str(os.getpid()))
    threading.Event().wait()


def hang_in_a_run(settings, progress):
    """The same while a run is open."""
    from edtech.tracking import EdTechMLFlowTracker, RunItems  # the others need no MLflow

    tracker = EdTechMLFlowTracker(settings=settings)
    tracker.log(RunItems("finished before"))
    with tracker.group(RunItems("open")):
        hang(progress)


def refuse(progress):
    progress(0.1, "Trying")
    raise ContractError("No good", expected="better", actual="worse", details=["one", "two"])


def fail(progress):
    raise ZeroDivisionError("a bug")


def refuse_at_once(progress):
    raise ParamsError("Not like this")
