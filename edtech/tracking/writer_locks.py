"""Tell which processes are writing runs: each holds a file lock, which the system releases when the process dies."""

import hashlib
import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from filelock import FileLock, Timeout

from edtech.tracking.store import Store, translate_errors


def _folder_digest(store: Store) -> str:
    # Two folders on one machine may write to the same server; each closes only its own stale runs.
    return hashlib.sha256(str(store.locks).encode()).hexdigest()[:12]


@contextmanager
def write_lock(store: Store) -> Iterator[dict[str, str]]:
    """Hold a lock while a run is being written; yield the tags that identify this process and the lock."""
    name = f"{_folder_digest(store)}-{uuid.uuid4().hex}"
    path = store.locks / f"{name}.lock"
    lock = FileLock(path)
    with translate_errors("write a lock file in the folder of the store", store):
        store.locks.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield {"edtech.host": socket.gethostname(), "edtech.pid": str(os.getpid()), "edtech.lock": name}
    finally:
        lock.release()
    path.unlink(missing_ok=True)


def is_abandoned(store: Store, tags: Mapping[str, str]) -> bool:
    """Whether a run with the status RUNNING was started here by a process that has ended."""
    name = tags.get("edtech.lock", "")
    own = tags.get("edtech.host") == socket.gethostname() and name.startswith(_folder_digest(store) + "-")
    if not own or not name.replace("-", "").isalnum():
        return False
    path = store.locks / f"{name}.lock"
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout:
        return False
    path.unlink(missing_ok=True)
    return True
