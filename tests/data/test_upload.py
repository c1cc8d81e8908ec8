"""Uploads: detection of the format from the content, and files that are rejected."""

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from edtech.data import Dialect, read_upload, sample_panel_csv
from edtech.errors import UploadError

GERMAN = "Kurs;Preis;Verkäufe\nÜbung;1,5;3\nCafé, neu;2,25;4\n"


def parquet_bytes(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink, **options)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("course,price\na,1.5\n", Dialect()),
        ("course\tprice\na\t1.5\n", Dialect("\t")),
        ("course|price\na|1.5\n", Dialect("|")),
        ("course;price\na;1,5\nb;2,5\n", Dialect(";", ",")),
        ("course;price;sold\na;1,5;2,5\nb;2,5;3,5\n", Dialect(";", ",")),
        ('course,price\na,"1,5"\n', Dialect(",", ",")),
        ('course,price\na,"1,500"\n', Dialect()),
        ('course,price\n"a;b;c",1.5\n"d;e;f",2.5\n', Dialect()),
        ("course,price\r\na,1.5\r\n", Dialect()),
    ],
)
def test_delimiter_and_decimal_mark_are_found_out(text, dialect):
    upload = read_upload("sales.csv", text.encode())
    assert upload.dialect == dialect
    assert upload.columns[:2] == ("course", "price")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
def test_encoding_is_found_out(encoding):
    upload = read_upload("verkäufe.csv", GERMAN.encode(encoding))
    assert upload.columns == ("Kurs", "Preis", "Verkäufe")
    assert upload.frame["Kurs"].tolist() == ["Übung", "Café, neu"]
    assert upload.frame["Preis"].tolist() == [1.5, 2.25]
    assert upload.notes[0].endswith("text with semicolons and a decimal comma.")
    assert upload.notes[-1] == "2 rows, 3 columns."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("курс;цена\nАлгебра для начинающих;3\n", "cp1251"), ("コース;価格\nプログラミング入門;3\n", "shift_jis")],
)
def test_other_code_pages_are_found_out(text, encoding):
    upload = read_upload("x.csv", text.encode(encoding))
    assert upload.dialect.encoding == encoding
    assert upload.frame.iloc[0, 0] == text.splitlines()[1].split(";")[0]


def test_the_first_foreign_letter_may_come_late():
    text = "course,price\n" + "plain,1\n" * 300_000 + "café,2\n"
    upload = read_upload("x.csv", text.encode("cp1252"))
    assert upload.frame.iloc[-1].tolist() == ["café", 2]


def test_the_user_may_know_better():
    text = "course;price\na;1,234\n"
    assert read_upload("x", text.encode()).frame["price"].tolist() == [1.234]
    assert read_upload("x", text.encode(), dialect=Dialect(";", ".")).frame["price"].tolist() == ["1,234"]


@pytest.mark.parametrize(
    ("text", "dialect", "numbers"),
    [
        ("c;p;q\na;1.234,50;1.000\nb;2,50;12\n", Dialect(";", ",", thousands="."), [[1234.5, 2.5], [1000, 12]]),
        ('c,p\na,"1,234.50"\nb,3\n', Dialect(thousands=","), [[1234.5, 3]]),
        ("c;p\na;1.234.567\nb;-12\n", Dialect(";", ",", thousands="."), [[1_234_567, -12]]),
        ("c;p\na;1 234,5\nb;\n", Dialect(";", ",", thousands=" "), [[1234.5, None]]),
        ("c;p\na;1\u00a0234\nb;5\n", Dialect(";", thousands=" "), [[1234, 5]]),
        ("c;p\na;1'234.5\nb;5\n", Dialect(";", thousands="'"), [[1234.5, 5]]),
    ],
)
def test_thousands_are_understood_where_no_number_can_be_meant_otherwise(text, dialect, numbers):
    upload = read_upload("x.csv", text.encode())
    assert upload.dialect == dialect
    result = [upload.frame[name].tolist() for name in upload.columns[1:]]
    assert [[None if pd.isna(x) else x for x in column] for column in result] == numbers


@pytest.mark.parametrize(
    ("text", "reading"),
    [("c;p\na;1,234\nb;12,500\n", "read as 1.234"), ('c,p\na,"1,234"\nb,"2,500"\n', "read as text")],
)
def test_numbers_that_may_be_thousands_or_decimals_are_explained_and_can_be_chosen(text, reading):
    upload = read_upload("x.csv", text.encode())
    assert (
        f"Numbers such as 1,234 in 'p' are {reading}. If commas separate thousands, select them as the thousands mark."
        in upload.notes
    )
    selection = Dialect(upload.dialect.delimiter, ".", thousands=",")
    assert read_upload("x.csv", text.encode(), dialect=selection).frame["p"].iloc[0] == 1234


@pytest.mark.parametrize("cell", ["192.168.1.10", "31.12.2024", "1,23,456", "12.34.567", "1.234,5,6"])
def test_what_only_looks_like_a_number_stays_text(cell):
    assert read_upload("x.csv", f"c;p\na;{cell}\nb;{cell}\n".encode()).frame["p"].tolist() == [cell, cell]


def test_text_far_down_among_thousands_keeps_the_rows_apart():
    text = "c;p\n" + "a;1.234,5\n" * 300 + "a;about 1.234,5\n"
    assert read_upload("x.csv", text.encode()).frame["p"].iloc[[0, -1]].tolist() == ["1.234,5", "about 1.234,5"]


@pytest.mark.parametrize(
    "wrong", [{"delimiter": "x"}, {"encoding": "rot13"}, {"thousands": ","}, {"thousands": "x"}, {"decimal": ";"}]
)
def test_a_dialect_is_one_of_the_choices(wrong):
    with pytest.raises(UploadError, match="Invalid format of a text file"):
        Dialect(**{"delimiter": ";", "decimal": ",", **wrong})


def test_text_that_holds_numbers_except_for_blanks_is_noted():
    text = "id,total\n" + "".join(f"{i},{' ' if i == 7 else i}\n" for i in range(50))
    assert (
        "'total' is read as text; not numbers: 1 of 50 cells (all blank, such as ' ')."
        in read_upload("x", text.encode()).notes
    )


def test_columns_that_change_their_type_again_and_again_are_text():
    width = 12
    rows = [[str(i)] * width for i in range(width)]
    for i in range(width):
        rows[i][i] = "x"
    filler = [["1"] * width] * 300_000  # the types are guessed from the first block
    text = "\n".join(",".join(row) for row in [[f"c{i}" for i in range(width)], *filler, *rows])
    frame = read_upload("x.csv", text.encode()).frame
    assert frame.shape == (300_012, width)
    assert (frame.dtypes == "str").all()


def test_types_are_found_and_codes_stay_text():
    text = "sku,price,on,week\n007,1.5,true,2024-01-01\n012,,false,2024-01-08\n"
    frame = read_upload("x.csv", text.encode()).frame
    assert frame["sku"].tolist() == ["007", "012"]
    assert frame["price"].isna().tolist() == [False, True]
    assert frame["on"].dtype == bool
    assert frame["week"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-08")]


def test_text_far_down_in_a_number_column_keeps_the_rows_apart():
    text = "course,price\n" + "a,1.5\n" * 1_200_000 + "a,dear\n"
    frame = read_upload("x.csv", text.encode()).frame
    assert frame["price"].iloc[[0, -1]].tolist() == ["1.5", "dear"]


def test_packed_files_streams_and_paths_read_the_same(tmp_path: Path):
    raw = sample_panel_csv()
    plain = read_upload("a.csv", raw).frame
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(raw))
    stream = io.BytesIO(raw)
    stream.seek(0, io.SEEK_END)
    for content in (path, stream, gzip.compress(raw)):
        pd.testing.assert_frame_equal(read_upload("a", content).frame, plain)


def test_parquet_is_known_by_its_content_and_read_as_primitive_types():
    table = pa.table(
        {
            "price": pa.array([1, 2], pa.decimal128(10, 2)),
            "day": pa.array([0, 1], pa.date32()),
            "at": pa.array([0, 1], pa.timestamp("ns", "Mars/Olympus")),
            "kind": pa.array(["a", "b"]).dictionary_encode(),
            "half": pa.array(np.array([1, 2], "float16")),
            "list": [[1], [2]],
            "raw": pa.array([b"\xff", b"a"]),
        }
    )
    upload = read_upload("sales.csv", parquet_bytes(table))
    assert upload.dialect is None
    assert upload.frame.dtypes.astype(str).to_dict() == {
        "price": "float64",
        "day": "datetime64[us]",
        "at": "datetime64[us]",
        "kind": "str",
        "half": "float64",
    }
    assert upload.notes[1] == "Excluded columns without numbers, dates or text: 'list', 'raw'."


def test_column_names_are_trimmed_and_nameless_columns_named():
    upload = read_upload("x.csv", b" price , ,qty\n1,2,3\n")
    assert upload.columns == ("price", "column_2", "qty")
    assert "Unnamed columns are named column_2." in upload.notes


def test_hostile_names_are_only_text():
    name = "../../<script>alert(1)</script>.csv"
    header = ["=1+1", "<b>x</b>", "[a](http://example.com)", "';DROP TABLE x--"]
    upload = read_upload(name, (",".join(header) + "\n1,2,3,4\n").encode())
    assert upload.name == name
    assert list(upload.columns) == header


WIDE = (",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join("1" * 10_000) + "\n").encode()
BAD = {
    "empty": (b"", "The file is empty"),
    "blank": (b" \r\n\n", "The file is empty"),
    "packed empty": (gzip.compress(b""), "The file is empty"),
    "header only": (b"a,b\n", "The file has no rows"),
    "header only, no end of line": (b"a,b", "The file has no rows"),
    "one column": (b"price\n1\n", "only one column"),
    "title above": (b"Report 2024\n\na,b\n1,2\n", "only one column"),
    "10,000 columns": (WIDE, "too many columns. Expected: at most 1,000. Found: 10,000"),
    "no header": (b"1,2.5\n3,4\n", "no header line"),
    "ragged": (b"a,b\n1,2\n1,2,3\n4\n", "2 lines with the wrong number of cells.*line 3 has 3; line 4 has 1"),
    "open quote": (b'a,b\n"x,1\n2,3\n', "wrong number of cells"),
    "same names": (b"a,b,a\n1,2,3\n", "Several columns have the same name.*Found: 'a'"),
    "same names but for blanks": (b"a,a ,b\n1,2,3\n", "Several columns have the same name"),
    "web page": (b"\n<!DOCTYPE html><html></html>", "cannot be read as a table.*web page"),
    "NUL": (b"a,b\n1,\x002\n", "cannot be read as a table.*NUL"),
    "Excel": (b"PK\x03\x04rest", "cannot be read as a table.*Excel"),
    "PDF": (b"%PDF-1.7", "cannot be read as a table.*PDF"),
    "compressed twice": (gzip.compress(gzip.compress(b"a,b\n1,2\n")), "cannot be read as a table.*compressed twice"),
    "half gzip": (gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "damaged.*gzip"),
    "half Parquet": (parquet_bytes(pa.table({"a": [1], "b": [2]}))[:-9], "damaged.*Parquet"),
    "Parquet of one column": (parquet_bytes(pa.table({"a": [1]})), "only one column"),
    "Parquet without rows": (parquet_bytes(pa.table({"a": [1], "b": [2]}).slice(1)), "no rows"),
    "huge cell": (b'a,b\n"' + b"x" * 200_000 + b'",1\n', "cannot be read as a table"),
    "undecodable": (b"a,b\n1,2\n" + bytes(range(128, 256)) * 3 + b",1\n", "encoding|cannot be read"),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_are_not_tables_are_rejected_with_a_message(case):
    content, message = BAD[case]
    with pytest.raises(UploadError, match=message) as caught:
        read_upload("x.csv", content)
    assert caught.value.expected


def test_a_missing_file_is_rejected_with_a_message(tmp_path: Path):
    with pytest.raises(UploadError, match=r"cannot be opened.*No such file"):
        read_upload("x.csv", tmp_path / "none.csv")


def test_the_limit_holds_packed_and_unpacked():
    rows = b"a,b\n" + b"1,2\n" * 300_000
    assert read_upload("x.csv", rows, limit_mb=2).rows == 300_000
    for content in (rows, io.BytesIO(rows), gzip.compress(rows)):
        with pytest.raises(UploadError, match=r"too large. Expected: at most 1 MB"):
            read_upload("x.csv", content, limit_mb=1)


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(20_000_000),
        pa.DictionaryArray.from_arrays(np.zeros(500_000, "int32"), ["x" * 5_000]),
        pa.DictionaryArray.from_arrays(np.zeros(500_000, "int32"), ["x" * 1_000_000]),
    ],
    ids=["numbers", "texts", "huge texts"],
)
def test_a_parquet_bomb_stops_at_the_limit(column):
    bomb = parquet_bytes(pa.table({"a": column, "b": np.zeros(len(column), "int8")}))
    assert len(bomb) < 3_000_000
    before = pa.total_allocated_bytes()
    with pytest.raises(UploadError, match=r"too large|cell is too long"):
        read_upload("x.parquet", bomb, limit_mb=50)
    assert pa.total_allocated_bytes() - before < 100_000_000
