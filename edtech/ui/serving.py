"""What the server does before its first visitor and after its last."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from edtech.pipeline.workers import HEAVY

PAGES = ("edtech.ui.dashboard", "edtech.ui.sidebar", "edtech.ui.results", "edtech.ui.pricing", "edtech.ui.compare")


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Import what pages need and start the workers before the server says healthy; end the workers with it."""
    for module in (*HEAVY, *PAGES):
        import_module(module)
    gc.collect()
    gc.freeze()  # what was imported stays: later collections need not look at it again
    from edtech.ui import resources  # its caches need Streamlit's runtime, which is there by now

    jobs = resources.jobs()
    yield
    jobs.close()
