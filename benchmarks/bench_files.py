"""How long it takes to refuse a harmful report's file or workbook; tests count the work, which no machine changes.

python benchmarks/bench_files.py      exits with 1 where a promised time is missed
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from edtech.data import read_upload
from edtech.errors import ReportError, UploadError
from edtech.reports import read
from tests.data import test_sheet as sheets
from tests.reports import test_read as reports

REPORT_SECONDS, SHEET_SECONDS = 5.0, 10.0


def harmful() -> Iterator[tuple[str, float, Callable[[], object]]]:
    """Yield a name, the promised CPU seconds and the reading of each file."""
    for number, (extension, created, _) in enumerate(reports.HARMFUL):
        data = created()
        name = f"report {number}, .{extension}, {getattr(created, '__name__', '')}"
        yield name, REPORT_SECONDS, lambda data=data, extension=extension: read(data, extension)
    endless = sheets.replaced(sheets.GOOD, sheet1=sheets.sheet_xml(b'<row r="1"/><row r="999999999999"/>'))
    accounts = {"a cell far out": sheets.small_book_with_a_cell_far_out(), "a row without end": endless}
    for name, content in accounts.items():
        yield f"workbook, {name}", SHEET_SECONDS, lambda content=content: read_upload("x.xlsx", content)


def main() -> bool:
    """Print the figures and return whether all promised times hold."""
    good = True
    for name, promised, reading in harmful():
        began = time.process_time()
        with suppress(ReportError, UploadError):
            reading()
        took = time.process_time() - began
        print(f"{name}: refused in {took:.2f} CPU s (promised {promised:g})")
        good &= took <= promised
    return good


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
