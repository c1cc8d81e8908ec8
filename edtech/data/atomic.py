"""Write files and folders atomically: into a draft that is moved into place; drafts of killed processes are removed.

A draft is a folder `.writing-<id>/` beside the file `.writing-<id>.lock`, which its process holds locked. The system
releases the lock when the process ends, however it ends: a draft whose lock is free is abandoned.
"""

import os
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

_PREFIX = ".writing-"
_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class Draft:
    """A private folder, removed when the block or the process ends."""

    folder: Path
    _lock: FileLock = field(repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder and its content."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def create_draft(home: Path) -> Draft:
    """Return a new draft in the folder `home`; the caller holds the lock of `home`, so that none removes it."""
    folder = home / f"{_PREFIX}{uuid.uuid4().hex}"
    # Not thread-local: a session of the dashboard changes threads.
    lock = FileLock(f"{folder}{_SUFFIX}", thread_local=False)
    lock.acquire(timeout=0)
    folder.mkdir()
    return Draft(folder, lock)


def remove_abandoned_drafts(home: Path) -> None:
    """Remove abandoned drafts; the caller holds the lock of `home`."""
    for path in {Path(str(path).removesuffix(_SUFFIX)) for path in home.glob(f"{_PREFIX}*")}:
        lock = FileLock(f"{path}{_SUFFIX}")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        Draft(path, lock).close()


def write_atomically(path: Path, text: str) -> None:
    """Write a small file atomically: whenever a process is killed, it holds the old or the new text."""
    draft = path.with_name(f"{_PREFIX}{uuid.uuid4().hex}")
    try:
        draft.write_text(text, encoding="utf-8")
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder and its content to disk."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def sync(path: Path) -> None:
    """Flush a file or folder to disk; Windows cannot flush folders."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
