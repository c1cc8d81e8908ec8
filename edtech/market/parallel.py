"""Shards in order, made here or in worker processes."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from edtech.errors import DataError

Result = TypeVar("Result")


def in_order(make: Callable[[int], Result], total: int, workers: int) -> Iterator[Result]:
    """Yield `make(0)`, ..., `make(total - 1)` in order; with more than one worker `make` must be picklable.

    Raises DataError where a worker ends before its time, say for want of memory.
    """
    if min(workers, total) <= 1:
        yield from map(make, range(total))
        return
    # Spawned, because the caller may have threads (a dashboard has).
    pool = ProcessPoolExecutor(min(workers, total), mp_context=multiprocessing.get_context("spawn"))
    try:
        jobs = [pool.submit(make, number) for number in range(total)]
        while jobs:
            yield jobs.pop(0).result()
    except BrokenProcessPool as error:
        raise DataError(
            "A worker process of the market ended before its time", fix="use fewer learners or workers=1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
