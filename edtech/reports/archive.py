"""Reports that were made, kept in one folder: listed, read and removed by their names, which never become paths."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edtech.errors import ReportError
from edtech.reports import FORMS
from edtech.reports.formats import ending_of

MOST = 100
_DOWNLOADED = re.compile(r".+-\d{8}-\d{6}-[0-9a-f]{6}\.\w+")
"""Names that `keep` gives."""


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A kept file: its name, form (ending), size in bytes and when it was written."""

    name: str
    form: str
    size: int
    written: datetime


def kept_reports(folder: Path) -> tuple[KeptReport, ...]:
    """Return the reports of a folder, the newest first; links and other files are left out."""
    with _told(folder):
        files = list(os.scandir(folder)) if folder.is_dir() else []
        reports = [file for file in files if ending_of(file.name) in FORMS]
        found = [one for file in reports if (one := _kept(file)) is not None]
    return tuple(sorted(found, key=lambda one: (one.written, one.name), reverse=True))


def keep(folder: Path, name: str, ending: str, data: bytes) -> str:
    """Keep a report under a name with the moment, and return it; of those kept so the newest `MOST` stay.

    Raises ReportError where the folder cannot be written.
    """
    file = f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{hashlib.blake2b(data, digest_size=3).hexdigest()}.{ending}"
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
        for old in [one.name for one in kept_reports(folder) if _DOWNLOADED.fullmatch(one.name)][MOST:]:
            (folder / old).unlink(missing_ok=True)
    return file


def read_kept(folder: Path, name: str) -> bytes:
    """Return a kept report. Raises ReportError where there is none of that name."""
    with _told(folder):
        return _find(folder, name).read_bytes()


def remove_kept(folder: Path, name: str) -> None:
    """Remove a kept report for good. Raises ReportError where there is none of that name."""
    with _told(folder):
        _find(folder, name).unlink(missing_ok=True)


def _find(folder: Path, name: str) -> Path:
    if name not in [one.name for one in kept_reports(folder)]:
        raise ReportError("This report is not kept here", actual=repr(name)[:120], fix="choose one of the list")
    return folder / name


def _kept(file: "os.DirEntry[str]") -> KeptReport | None:
    """Return what is kept under this name; None for a link or a folder, or where somebody has just removed it."""
    try:
        about = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    return KeptReport(file.name, ending_of(file.name), about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say it as an error of ours where the folder cannot be read or written."""
    try:
        yield
    except OSError as exc:
        raise ReportError(
            "The folder of reports cannot be used",
            expected="a folder that can be read and written, with free space",
            actual=type(exc).__name__,
            where=str(folder),
            fix="make the folder writable, or choose another home",
        ) from exc
