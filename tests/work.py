"""How much code does, counted: unlike a time, a count is the same on every machine."""

import cProfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(slots=True)
class Work:
    """Calls of functions, built-in ones too, and bytes unpacked from ZIP files."""

    calls: int = 0
    unpacked: int = 0


@contextmanager
def counted_work() -> Iterator[Work]:
    """Count what this thread does in the block; the counts are complete when the block ends."""
    work, profile, unpack = Work(), cProfile.Profile(), zipfile.ZipExtFile.read

    def read(member: zipfile.ZipExtFile, size: int = -1) -> bytes:
        content = unpack(member, size)
        work.unpacked += len(content)
        return content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile.ZipExtFile, "read", read)
        profile.enable()
        try:
            yield work
        finally:
            profile.disable()
            work.calls = sum(entry.callcount for entry in profile.getstats())
