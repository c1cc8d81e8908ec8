"""Excel workbooks: values have their types, and memory is bounded."""

import io
import zipfile
from datetime import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest

from edtech.data import read_upload
from edtech.data.ingest.sheet import MAX_CELLS, MAX_ROWS
from edtech.errors import UploadError
from tests.data.conftest import peak_memory
from tests.work import counted_work

HEADER = ["course", "week", "price", "sold", "on", None, "code"]


def book(rows: list[list[object]], **sheets: list[list[object]]) -> bytes:
    created = openpyxl.Workbook()
    created.active.title = "Übersicht"
    for row in rows:
        created.active.append(row)
    for name, more in sheets.items():
        sheet = created.create_sheet(name)
        for row in more:
            sheet.append(row)
    sink = io.BytesIO()
    created.save(sink)
    return sink.getvalue()


GOOD = book(
    [
        HEADER,
        ["a", datetime(2024, 1, 1), 1.5, 3, True, "x", "007"],
        [],
        ["b", datetime(2024, 1, 8), 2, None, False, None, "12"],
    ],
    second=[["p", "q"], [1, "z"]],
)


def replaced(content: bytes, **members: bytes) -> bytes:
    """Return a workbook with other contents of members named by their last part."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            new.writestr(item.filename, members.get(item.filename.split("/")[-1].removesuffix(".xml"), old.read(item)))
    return sink.getvalue()


def sheet_xml(rows: bytes, before: bytes = b"") -> bytes:
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    head = b'<?xml version="1.0"?>' + before + b'<worksheet xmlns="' + space + b'"><sheetData>'
    return head + rows + b"</sheetData></worksheet>"


def test_cells_come_as_what_they_are():
    upload = read_upload("x.xlsx", GOOD)
    assert upload.columns == ("course", "week", "price", "sold", "on", "column_6", "code")
    assert upload.frame["week"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-08")]
    assert upload.frame["price"].tolist() == [1.5, 2.0]
    assert upload.frame["sold"].isna().tolist() == [False, True]
    assert upload.frame["on"].tolist() == [True, False]
    assert upload.frame["code"].tolist() == ["007", "12"]
    assert upload.notes[0] == "The table is the sheet 'Übersicht' of an Excel workbook."


def test_another_sheet_can_be_chosen():
    upload = read_upload("x.xlsx", GOOD, sheet="second")
    assert (upload.sheets, upload.sheet) == (("Übersicht", "second"), "second")
    assert upload.frame.to_dict("list") == {"p": [1], "q": ["z"]}
    with pytest.raises(UploadError, match=r"no such sheet. Expected: 'Übersicht', 'second'"):
        read_upload("x.xlsx", GOOD, sheet="third")


def test_formulas_come_by_their_stored_values():
    cell = (
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
    )
    rows = cell + b'<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2"><v>5</v></c></row>'
    upload = read_upload("x.xlsx", replaced(GOOD, sheet1=sheet_xml(rows)))
    assert upload.frame.to_dict("list") == {"a": [2], "b": [5]}


def test_mixed_columns_are_text():
    upload = read_upload("x.xlsx", book([["a", "b"], [1, datetime(2024, 1, 2)], ["x", 2.0], [10**30, True]]))
    assert upload.frame["a"].tolist()[:2] == ["1", "x"]
    assert upload.frame["b"].tolist() == ["2024-01-02", "2", "True"]


ELEMENTS = b"<a/>" * 20_000_000
DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 9_000_000 + b'">]>'
BAD = {
    "a ZIP of anything": (lambda: _zip({"a.txt": b"x"}), "a ZIP file"),
    "half a workbook": (lambda: GOOD[: len(GOOD) // 2], "damaged Excel"),
    "no sheet": (lambda: replaced(GOOD, workbook=b"<workbook/>"), "no such sheet|damaged"),
    "broken XML": (lambda: replaced(GOOD, sheet1=sheet_xml(b"<row><c")), "damaged Excel"),
    "many elements": (lambda: replaced(GOOD, sheet1=sheet_xml(ELEMENTS)), "more XML elements than a sheet can have"),
    "many rows": (
        lambda: replaced(GOOD, sheet1=sheet_xml(b"<row/>" * 2_000_000)),
        "more XML elements than a sheet can have",
    ),
    "document type": (lambda: replaced(GOOD, sheet1=sheet_xml(b"", DOCTYPE)), "document type"),
    "entities": (
        lambda: replaced(GOOD, sheet1=sheet_xml(b"<row><c><v>&j;</v></c></row>", _laughs())),
        "damaged|one column",
    ),
    "too large unpacked": (lambda: replaced(GOOD, theme1=b" " * 60_000_000), "too large"),
    "one column": (lambda: book([["a"], [1]]), "only one column"),
    "header only": (lambda: book([["a", "b"]]), "no rows"),
    "empty": (lambda: book([]), "only one column"),
    "longer rows": (lambda: book([["a", "b"], [1, 2, 3]]), "longer than its header"),
    "same names": (lambda: book([["a", "b", "a "], [1, 2, 3]]), "same name"),
    "10,000 columns": (lambda: book([[f"c{i}" for i in range(10_000)], [1]]), "too many columns"),
}


def _zip(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return sink.getvalue()


def _laughs() -> bytes:
    lines = [b'<!ENTITY a "ha">'] + [
        b'<!ENTITY %c "%s">' % (ord("b") + i, b"&%c;" % (ord("a") + i) * 20) for i in range(9)
    ]
    return b"<!DOCTYPE x [" + b"".join(lines) + b"]>"


@pytest.mark.parametrize("case", BAD)
def test_malformed_workbooks_are_rejected_with_a_message_and_bounded_memory(case):
    make, message = BAD[case]
    content = make()
    before = peak_memory()
    with pytest.raises(UploadError, match=message):
        read_upload("x.xlsx", content, limit_mb=200 if case != "too large unpacked" else 50)
    assert peak_memory() - before < 500_000  # kilobytes


def test_a_cell_far_out_costs_no_more_than_it_holds():
    far = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    with pytest.raises(UploadError):
        read_upload("x.xlsx", replaced(GOOD, sheet1=sheet_xml(far)))


def small_book_with_a_cell_far_out() -> bytes:
    created = openpyxl.Workbook()
    for row in (["a", "b"], [1, 2]):
        created.active.append(row)
    created.active["XFD1048576"] = 1
    sink = io.BytesIO()
    created.save(sink)
    return sink.getvalue()


def test_the_empty_rows_before_a_cell_far_out_cost_few_calls_each():
    content = small_book_with_a_cell_far_out()
    with pytest.raises(UploadError, match="more in row 2 below the header"), counted_work() as work:
        read_upload("x.xlsx", content)
    assert work.calls < 10 * MAX_ROWS


@pytest.mark.parametrize(
    "rows",
    [
        b'<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row><row r="999999999999"/>',
        b"".join(b'<row r="%d"><c r="XFD%d"/></row>' % (row, row) for row in range(1, 400)),
    ],
    ids=["a row without end", "rows of empty cells"],
)
def test_empty_cells_count_too(rows):
    content = replaced(GOOD, sheet1=sheet_xml(rows))
    with pytest.raises(UploadError, match="at most 5,000,000 cells"), counted_work() as work:
        read_upload("x.xlsx", content)
    assert work.calls < 20 * MAX_CELLS


def test_a_sheet_of_many_rows_is_read_whole():
    numbers = np.arange(20_000)
    upload = read_upload("x.xlsx", book([["a", "b"], *([int(i), float(i) / 2] for i in numbers)]))
    assert upload.rows == 20_000
    assert upload.frame["b"].tolist() == (numbers / 2).tolist()
