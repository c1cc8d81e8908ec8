"""Which processes write runs right now: each holds a file lock while it does, which the system frees when it dies."""

import hashlib
import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from filelock import FileLock, Timeout

from edtech.tracking.store import Store, translate_errors


def _folder_digest(store: Store) -> str:
    # Tells our locks from those of another folder on the same machine that writes to the same server.
    return hashlib.sha256(str(store.locks).encode()).hexdigest()[:12]


@contextmanager
def write_lock(store: Store) -> Iterator[dict[str, str]]:
    """Hold a lock as long as a run is written; yields the tags that lead from the run to this process and lock."""
    name = f"{_folder_digest(store)}-{uuid.uuid4().hex}"
    path = store.locks / f"{name}.lock"
    lock = FileLock(path)
    with translate_errors("write beside the store, which every run needs", store):
        store.locks.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield {"edtech.host": socket.gethostname(), "edtech.pid": str(os.getpid()), "edtech.lock": name}
    finally:
        lock.release()
    path.unlink(missing_ok=True)


def is_abandoned(store: Store, tags: Mapping[str, str]) -> bool:
    """Whether a run that still counts as running was begun from here by a process that is gone."""
    name = tags.get("edtech.lock", "")
    ours = tags.get("edtech.host") == socket.gethostname() and name.startswith(_folder_digest(store) + "-")
    if not ours or not name.replace("-", "").isalnum():
        return False
    path = store.locks / f"{name}.lock"
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout:
        return False
    path.unlink(missing_ok=True)
    return True
