"""The content of a file is read without harm, whoever wrote it."""

import io
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import replace
from functools import cache

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from edtech.errors import ReportError
from edtech.reports import FORMATS, read, read_file, write
from edtech.reports.readers import MAX_CELLS, MAX_VALUES
from tests.work import counted_work

RECIPE = '{"kind": "</script><script>alert(1)</script>", "text": "&amp; é 数"}'


@pytest.mark.parametrize("extension", FORMATS)
def test_the_recipe_comes_back_from_every_form(report, extension):
    long = RECIPE + " " * 40_000 + "."
    assert read(write(replace(report, recipe=RECIPE), extension), extension).recipe in (RECIPE, escaped(RECIPE))
    assert len(read(write(replace(report, recipe=long), extension), extension).recipe) >= len(long)


def escaped(recipe: str) -> str:
    """The same JSON as it stands in a page, where it must not end its block."""
    for sign, code in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        recipe = recipe.replace(sign, code)
    return recipe


def test_the_recipe_in_a_page_is_no_markup(report):
    page = write(replace(report, recipe=RECIPE), "html").decode()
    assert page.count("</script>") == 1


def test_each_number_has_a_place_of_its_own(report):
    values = read(write(report, "html"), "html").values
    assert values["Answer <script>alert(2)</script>, Effects, row 2, column 2"] == "0.3"
    assert values["Answer <script>alert(2)</script>, Effects, row 2, column 2, exact"] == "0.30000000000000004"
    values = read(write(report, "csv"), "csv").values
    assert values["Answer <script>alert(2)</script>, Effects, row 1, change"] == "0.30000000000000004"


@cache
def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(4):
            archive.writestr(f"{number}.csv", b"0" * 80_000_000)
    return out.getvalue()


def many_members() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(1_200):
            archive.writestr(f"{number}.csv", b"")
    return out.getvalue()


def formula_book() -> bytes:
    book = openpyxl.Workbook()
    book.active["A1"] = "=1+1"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def entity_book() -> bytes:
    """A workbook whose sheet blows up a thousandfold when its entities are replaced."""
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 1000}">' for n in range(9))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(formula_book())) as source, zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            content = source.read(name).decode()
            if name.endswith("sheet1.xml"):
                content = f"<!DOCTYPE s [{bomb}]>" + content.replace("1+1", "&e8;")
            archive.writestr(name, content)
    return out.getvalue()


def comma_bomb(name: str = "a.csv") -> bytes:
    """A zip of 6 kB whose one table has two million empty cells."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"," * 2_000_000)
    return out.getvalue()


def long_name() -> bytes:
    """Each place of this zip's table bears its 60,000 characters' name."""
    return comma_bomb("a" * 60_000)


def far_book() -> bytes:
    """A workbook of 5 kB with a row so far down that a reader of all rows before it never ends."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(formula_book())) as source, zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            content = source.read(name).replace(b"</sheetData>", b'<row r="99999999999"/></sheetData>')
            archive.writestr(name, content)
    return out.getvalue()


def plain_pdf() -> bytes:
    out = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(out)
    return out.getvalue()


HARMFUL = [
    ("zip", zip_bomb, "unpack to 320,000,000 bytes"),
    ("xlsx", zip_bomb, "unpack to"),
    ("zip", comma_bomb, "more than 1,500,000 values"),
    ("zip", long_name, "300,000,000 characters"),
    ("zip", many_members, "1,200 parts"),
    ("xlsx", entity_book, "not a readable report"),
    ("xlsx", far_book, "sheets of more than 5,000,000 cells"),
    ("pdf", plain_pdf, "not a readable report"),
    ("pdf", lambda: b"%PDF-1.7\n" + b"[" * 100_000, "not a readable report"),
    ("csv", lambda: b"a\xff\xfe\x00", r"Found: no text in UTF-8 \(byte 2 is invalid\)"),
    ("csv", lambda: b"a,b\n1,2\n", "the columns are not"),
    ("html", lambda: b"\xff\xfe\x00", "Found: no text in UTF-8"),
    ("zip", lambda: b"", "not a readable report"),
    ("exe", lambda: b"MZ", "do not have this format"),
]


MAX_CALLS = {comma_bomb: 10 * MAX_VALUES, far_book: 10 * MAX_CELLS}
"""Calls of functions, ten for each place or cell, where a file is read up to a limit."""


@pytest.mark.parametrize(
    ("extension", "make", "message"), HARMFUL, ids=lambda item: getattr(item, "__name__", str(item))
)
def test_a_harmful_file_is_refused_with_little_work(extension, make, message):
    data = make()
    with pytest.raises(ReportError, match=message), counted_work() as work:
        read(data, extension)
    assert work.calls < MAX_CALLS.get(make, 100_000)
    assert work.unpacked < 5_000_000


def test_entities_that_blow_up_are_not_replaced():
    data = entity_book()
    tracemalloc.start()
    with pytest.raises(ReportError, match="not a readable report"):
        read(data, "xlsx")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100_000_000  # the entities make 100 GB


def test_the_empty_rows_of_a_workbook_cost_few_calls_each():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "first", "last"
    out = io.BytesIO()
    book.save(out)
    with counted_work() as work:
        assert read(out.getvalue(), "xlsx").values["Sheet, XFD1048576"] == "last"
    assert work.calls < 10 * 2**20  # filled up, these rows would have 2**34 cells


def test_deep_markup_is_read_in_line():
    with counted_work() as work:
        assert read(b"<div>" * 100_000 + b"1", "html").values
    assert work.calls < 50 * 100_000


def test_a_formula_is_not_the_number_that_it_gives():
    assert read(formula_book(), "xlsx").values["Sheet, A1"] == "formula =1+1"


def test_a_file_is_looked_at_before_it_is_read(tmp_path):
    with pytest.raises(ReportError, match="cannot be opened"):
        read_file(tmp_path / "missing.html")
    with pytest.raises(ReportError, match="not a file"):
        read_file(tmp_path)
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(100_000_001)
    with pytest.raises(ReportError, match="too large"):
        read_file(tmp_path / "large.csv")


@given(data=st.binary(max_size=300), extension=st.sampled_from(sorted(FORMATS)))
def test_no_bytes_give_another_error(data, extension):
    with suppress(ReportError):
        read(data, extension)
