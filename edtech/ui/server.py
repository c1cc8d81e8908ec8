"""Startup and shutdown of the server: imports, worker processes, middleware."""

import gc
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from importlib import import_module
from threading import Event, Lock, Timer

from starlette.middleware import Middleware

from edtech.pipeline.tasks import WORKER_MODULES
from edtech.ui.upload_storage import UploadsToDisk

FIRST = ("edtech.ui.dashboard", "edtech.ui.sidebar", "edtech.ui.overview.sections")
LATER = (*WORKER_MODULES, "edtech.ui.train.results", "edtech.ui.pricing.answer", "edtech.ui.compare.side_by_side")
FIRST_PAGE_SECONDS = 5.0
MIDDLEWARE = (Middleware(UploadsToDisk),)

_lock = Lock()
_warm = Event()
_warm.set()


def importing() -> AbstractContextManager[object]:
    """Return a lock for page runs until all imports are done, because concurrent imports meet partial modules."""
    return nullcontext() if _warm.is_set() else _lock


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Import the first page's modules before the server reports healthy, the others later; stop workers at the end."""
    for module in FIRST:
        import_module(module)

    _warm.clear()
    warming = Timer(FIRST_PAGE_SECONDS, _import_later)
    warming.daemon = True
    warming.start()
    from edtech.ui.cache import services  # its caches need Streamlit's runtime, which runs by now

    yield
    warming.cancel()
    services.jobs().close()


def _import_later() -> None:
    """Import the modules of the other pages and start the workers, which import them again, after the first page.

    A page or job that starts earlier imports its modules itself.
    """
    from edtech.ui.cache import services

    try:
        for module in LATER:
            with _lock:  # a page waits for one module at most
                import_module(module)
    finally:
        _warm.set()
    gc.collect()
    gc.freeze()  # imported modules stay, so later collections can skip them
    services.jobs()
