"""The archive of reports in a folder: list, read and delete them by name; a name never becomes a path."""

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
from edtech.reports import FORMATS
from edtech.reports.formats import extension_of

MAX_DOWNLOADS = 100
_DOWNLOADED = re.compile(r".+-\d{8}-\d{6}-[0-9a-f]{6}\.\w+")
"""Names that `archive_report` gives."""


@dataclass(frozen=True, slots=True)
class ArchivedReport:
    """An archived file: its name, extension, size in bytes and time of writing."""

    name: str
    extension: str
    size: int
    written: datetime


def archived_reports(folder: Path) -> tuple[ArchivedReport, ...]:
    """Return the reports of a folder, the newest first, without links and other files."""
    with _folder_errors(folder):
        files = list(os.scandir(folder)) if folder.is_dir() else []
        reports = [file for file in files if extension_of(file.name) in FORMATS]
        archived = [report for file in reports if (report := _archived(file)) is not None]
    return tuple(sorted(archived, key=lambda report: (report.written, report.name), reverse=True))


def archive_report(folder: Path, name: str, extension: str, data: bytes) -> str:
    """Archive a report under its name and the current time; return that name.

    Only the newest `MAX_DOWNLOADS` of such reports stay. Raises ReportError if the folder cannot be written.
    """
    file = f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{hashlib.blake2b(data, digest_size=3).hexdigest()}.{extension}"
    with _folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
        names = [report.name for report in archived_reports(folder) if _DOWNLOADED.fullmatch(report.name)]
        for old in names[MAX_DOWNLOADS:]:
            (folder / old).unlink(missing_ok=True)
    return file


def read_archived(folder: Path, name: str) -> bytes:
    """Return an archived report. Raises ReportError for an unknown name."""
    with _folder_errors(folder):
        return _find(folder, name).read_bytes()


def delete_archived(folder: Path, name: str) -> None:
    """Delete an archived report permanently. Raises ReportError for an unknown name."""
    with _folder_errors(folder):
        _find(folder, name).unlink(missing_ok=True)


def _find(folder: Path, name: str) -> Path:
    if name not in [report.name for report in archived_reports(folder)]:
        raise ReportError("This report is not archived", actual=repr(name)[:120], fix="choose a report of the list")
    return folder / name


def _archived(file: "os.DirEntry[str]") -> ArchivedReport | None:
    """Return the archived report; None for a link, a folder, or a file that was just deleted."""
    try:
        status = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return ArchivedReport(
        file.name, extension_of(file.name), status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)
    )


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into a ReportError."""
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
