"""What the server does before its first visitor and after its last."""

import gc
from asyncio import get_running_loop
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from edtech.pipeline.workers import HEAVY

PAGES = ("edtech.ui.dashboard", "edtech.ui.sidebar", "edtech.ui.results", "edtech.ui.pricing", "edtech.ui.compare")
FIRST_PAGE_SECONDS = 5.0


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Import what pages need before the server says healthy, start the workers soon after, and end them with it.

    The workers import as much again: the first page comes before them. A job that is asked for earlier starts them.
    """
    for module in (*HEAVY, *PAGES):
        import_module(module)
    gc.collect()
    gc.freeze()  # what was imported stays: later collections need not look at it again
    from edtech.ui import resources  # its caches need Streamlit's runtime, which is there by now

    starting = get_running_loop().call_later(FIRST_PAGE_SECONDS, resources.jobs)
    yield
    starting.cancel()
    resources.jobs().close()
