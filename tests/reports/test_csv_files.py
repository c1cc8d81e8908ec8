import csv
from io import BytesIO, StringIO
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edtech.reports import Report, Section, Table, to_csv, to_csv_zip
from edtech.reports.cells import FORMULA, display, exact_text, spreadsheet_safe


def only(frame: pd.DataFrame) -> Report:
    return Report("T", "Q", (Section("S", (), (Table("=evil/../Täble", frame),)),), {"Seed": 7})


def read(packed: bytes) -> dict[str, pd.DataFrame]:
    with ZipFile(BytesIO(packed)) as archive:
        assert archive.testzip() is None
        return {name: pd.read_csv(archive.open(name), keep_default_na=True) for name in archive.namelist()}


def test_each_table_is_a_file_that_reads_back_exactly(report, effects):
    files = read(to_csv_zip(report))
    assert list(files) == ["01-effects.csv", "provenance.csv"]
    back = files["01-effects.csv"]
    for column in ("change", "weeks", "best"):
        pd.testing.assert_series_equal(back[column], effects[column], check_exact=True)
    assert list(pd.to_datetime(back["from"], utc=True)) == list(effects["from"])
    assert back["segment"].tolist()[1] == "'=1+1"
    provenance = files["provenance.csv"].set_index("name")["value"]
    assert provenance.to_dict() == {
        "title": "What if <prices> rise",
        "Data set": "sha256:0a1b",
        "Runs": "'=HYPERLINK(1)",
        "Seed": "7",
        "Version": "0.1.0",
    }


def test_the_tidy_file_says_where_each_value_stood(report, effects):
    rows = list(csv.DictReader(StringIO(to_csv(report).decode())))
    changes = {int(row["row"]): row["value"] for row in rows if row["column"] == "change"}
    assert {number: float(value) for number, value in changes.items() if value} == effects["change"].dropna().to_dict()
    assert changes[4] == ""
    assert {"section": "Provenance", "table": "Provenance", "row": "0", "column": "Seed", "value": "7"} in rows


def test_names_of_files_and_columns_are_harmless():
    packed = to_csv_zip(only(pd.DataFrame([[1, 2]], columns=["=A1", "=A1"])))
    with ZipFile(BytesIO(packed)) as archive:
        assert archive.namelist() == ["01-evil-t-ble.csv", "provenance.csv"]
        assert archive.read("01-evil-t-ble.csv") == b"'=A1,'=A1\n1,2\n"
    assert packed == to_csv_zip(only(pd.DataFrame([[1, 2]], columns=["=A1", "=A1"])))


@given(st.text(max_size=30))
def test_no_text_becomes_a_formula_and_nothing_else_is_changed(text):
    cell = spreadsheet_safe(text)
    assert not cell.lstrip(" ").startswith(FORMULA)
    assert cell.removeprefix("'") == text or cell == text


@given(st.floats() | st.integers() | st.booleans())
def test_numbers_stay_numbers_and_read_back(value):
    cell = spreadsheet_safe(value)
    assert not cell.startswith("'")
    if isinstance(value, float) and np.isnan(value):
        assert cell == ""
    else:
        assert type(value)(eval(cell, {"inf": np.inf})) == value  # noqa: S307 - the digits written above


@pytest.mark.parametrize(
    ("value", "text", "whole"),
    [
        (0.123456789, "0.1235", "0.123456789"),
        (-1_234.5, "-1,234", "-1234.5"),
        (np.int64(1_200), "1,200", "1200"),
        (np.float64(0.5), "0.5", "0.5"),
        (True, "yes", "True"),
        (np.bool_(False), "no", "False"),
        (None, "–", ""),
        (pd.NaT, "–", ""),
        (pd.NA, "–", ""),
        (pd.Timestamp("2025-01-06", tz="UTC"), "2025-01-06", "2025-01-06"),
        (pd.Timestamp("2025-01-06 10:30", tz="UTC"), "2025-01-06T10:30:00+00:00", "2025-01-06T10:30:00+00:00"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b", "a\x00b"),
    ],
)
def test_a_cell_is_shown_short_and_kept_whole(value, text, whole):
    assert (display(value), exact_text(value)) == (text, whole)
