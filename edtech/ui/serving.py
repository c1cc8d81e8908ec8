"""What the server does before its first visitor, soon after, and after its last."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from threading import Timer

from edtech.pipeline.workers import HEAVY

FIRST = ("edtech.ui.dashboard", "edtech.ui.sidebar", "edtech.ui.overview")
LATER = (*HEAVY, "edtech.ui.results", "edtech.ui.pricing", "edtech.ui.compare")
FIRST_PAGE_SECONDS = 5.0


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Import what the first page needs before the server says healthy, all else soon after; end the workers with it."""
    for module in FIRST:
        import_module(module)
    from edtech.ui import resources  # its caches need Streamlit's runtime, which is there by now

    warming = Timer(FIRST_PAGE_SECONDS, _warm)
    warming.daemon = True
    warming.start()
    yield
    warming.cancel()
    resources.jobs().close()


def _warm() -> None:
    """Import what the other pages need and start the workers, which import as much again: the first page goes before.

    A page or a job that is asked for earlier does so itself.
    """
    from edtech.ui import resources

    for module in LATER:
        import_module(module)
    gc.collect()
    gc.freeze()  # what was imported stays: later collections need not look at it again
    resources.jobs()
