"""Work that tests send to worker processes."""

import os
import threading

from edtech.errors import ContractError, ParamsError
from edtech.jobs.queue import Outcome


def name_process(settings, progress):
    progress(0.5, "Looking")
    return Outcome("Looked", runs=(str(os.getpid()),))


def hang(settings, progress):
    """Tell the process's id and never end."""
    progress(0.25, str(os.getpid()))
    threading.Event().wait()


def hang_in_a_run(settings, progress):
    """The same while a run is open."""
    from edtech.tracking import EdTechMLFlowTracker, RunItems  # the others need no MLflow

    tracker = EdTechMLFlowTracker(settings=settings)
    tracker.log(RunItems("finished before"))
    with tracker.group(RunItems("open")):
        hang(settings, progress)


def refuse(settings, progress):
    progress(0.1, "Trying")
    raise ContractError("No good", expected="better", found="worse", details=["one", "two"])


def fail(settings, progress):
    raise ZeroDivisionError("a bug")


def refuse_at_once(settings, progress):
    raise ParamsError("Not like this")
