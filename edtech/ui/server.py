"""What the server does before its first visitor, soon after, and after its last."""

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
    """Return what keeps page runs apart until all is imported: threads that import at once meet half-made modules."""
    return nullcontext() if _warm.is_set() else _lock


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Import what the first page needs before the server says healthy, all else soon after; end the workers with it."""
    for module in FIRST:
        import_module(module)

    _warm.clear()
    warming = Timer(FIRST_PAGE_SECONDS, _import_the_rest)
    warming.daemon = True
    warming.start()
    from edtech.ui.cache import services  # its caches need Streamlit's runtime, which is there by now

    yield
    warming.cancel()
    services.jobs().close()


def _import_the_rest() -> None:
    """Import what the other pages need and start the workers, which import as much again: the first page goes before.

    A page or a job that is asked for earlier does so itself.
    """
    from edtech.ui.cache import services

    try:
        for module in LATER:
            with _lock:  # a page waits for one of them at most
                import_module(module)
    finally:
        _warm.set()
    gc.collect()
    gc.freeze()  # what was imported stays: later collections need not look at it again
    services.jobs()
