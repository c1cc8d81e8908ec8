import io
from datetime import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edtech.errors import ReportError
from edtech.reports import Report, Section, Table, to_xlsx
from edtech.reports.workbook import sheet_name
from tests.charts.conftest import HOSTILE


def opened(report: Report) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(to_xlsx(report)))


def only(*tables: Table) -> Report:
    return Report("T", "Q", (Section("S", (), tables),), {"Seed": 7})


def test_cells_have_their_types_and_values(report, effects):
    sheet = opened(report)["01 Effects"]
    assert [cell.value for cell in sheet[1]] == ["segment", "change (share)", "weeks", "best", "from"]
    for number, row in enumerate(effects.itertuples(index=False), 2):
        change, weeks, best, day = (cell.value for cell in sheet[number][1:])
        if np.isnan(row.change):
            assert change is None
        elif abs(row.change) < 1e15:
            assert change == pytest.approx(row.change, rel=1e-15)
        else:
            assert float(change) == row.change  # more digits than a spreadsheet keeps stay text
        assert (weeks, best, day) == (row.weeks, row.best, row[4].replace(tzinfo=None))
        assert type(best) is bool
        assert isinstance(day, datetime)


def test_text_stays_text_whatever_it_looks_like(report):
    book = opened(report)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "b", "d"}
    assert not any(cell.hyperlink for cell in cells)
    values = [cell.value for cell in book["01 Effects"]["A"][1:]]
    assert values[:4] == HOSTILE[:4]
    assert values[4] == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"
    assert book["Provenance"]["B3"].value == "=HYPERLINK(1)"


def test_it_can_be_read_at_once(report):
    sheet = opened(report)["01 Effects"]
    assert sheet.freeze_panes == "B2"
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["A"].width > sheet.column_dimensions["C"].width >= 10
    formats = [sheet.cell(row, 2).number_format for row in (2, 4, 5)]
    assert formats == ["0.0000##", "0.000E+00", "#,##0.00"]
    assert (sheet["C2"].number_format, sheet["E2"].number_format) == ("#,##0", "yyyy-mm-dd")


def test_text_and_provenance_have_sheets_of_their_own(report):
    book = opened(report)
    assert book.sheetnames == ["Report", "01 Effects", "Provenance"]
    texts = [cell.value for cell in book["Report"]["A"]]
    assert texts[:4] == [
        "What if <prices> rise",
        "Do we earn more?",
        "Answer <script>alert(2)</script>",
        "Revenue rises by 3%.",
    ]
    assert {row[0].value: row[1].value for row in book["Provenance"].iter_rows(min_row=2)}["Seed"] == 7


@given(st.text(max_size=60), st.text(max_size=60))
def test_names_of_sheets_are_allowed_and_unique(title, other):
    names = [sheet_name(1, title), sheet_name(2, other)]
    assert len({name.lower() for name in names}) == 2
    for name in names:
        assert 1 <= len(name) <= 31
        assert not set("[]:*?/\\'") & set(name)


def test_two_tables_of_one_name_and_columns_of_one_name():
    frame = pd.DataFrame([[1, 2]], columns=["=A1", "=A1"])
    book = opened(only(Table("Same", frame), Table("Same", frame)))
    assert book.sheetnames == ["Report", "01 Same", "02 Same", "Provenance"]
    assert [cell.value for cell in book["02 Same"][1]] == ["=A1", "=A1"]


def test_a_long_table_shows_its_beginning_and_says_so(monkeypatch):
    monkeypatch.setattr("edtech.reports.workbook.MAX_ROWS", 5)
    book = opened(only(Table("Long", pd.DataFrame({"a": range(12)}))))
    assert book["01 Long"].max_row == 6
    assert "Long: the first 5 of 12 rows; the CSV download holds all." in [cell.value for cell in book["Report"]["A"]]


def test_a_table_wider_than_a_sheet_is_refused_with_what_to_do():
    wide = pd.DataFrame(np.zeros((1, 16_385)))
    with pytest.raises(ReportError, match=r"does not fit.*16,384 columns.*CSV"):
        to_xlsx(only(Table("Wide", wide)))


def test_the_same_report_gives_the_same_bytes(report):
    assert to_xlsx(report) == to_xlsx(report)
