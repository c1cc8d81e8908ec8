"""Write a stored table as CSV that a spreadsheet cannot run, or as Parquet, some thousand rows at a time."""

import io
from pathlib import Path
from typing import BinaryIO, Literal

import pandas as pd

from edtech.data import Dataset
from edtech.errors import DataError
from edtech.reports.cells import FORMULA, spreadsheet_safe

TableFormat = Literal["csv", "parquet"]


def write_table(dataset: Dataset, table: str, into: BinaryIO, table_format: TableFormat = "csv") -> int:
    """Write a table of a data set; return its rows.

    In CSV, text that a spreadsheet would run as a formula has an apostrophe before it; Parquet holds it as it is.

    Raises:
        DataError: there is no such table, or its file is missing or damaged.
    """
    if table_format == "parquet":
        return dataset.copy_table(table, into)
    rows = 0
    for frame in dataset.batches(table):
        into.write(frame_csv(frame, header=rows == 0))
        rows += len(frame)
    return rows


def frame_csv(frame: pd.DataFrame, *, header: bool = True) -> bytes:
    """Return a frame as CSV in which no cell or heading is a formula."""
    plain = frame.assign(**{str(name): _safe(frame[name]) for name in frame if _is_text(frame[name])})
    text = plain.rename(columns=spreadsheet_safe).to_csv(index=False, header=header, lineterminator="\n")
    return text.encode("utf-8", errors="replace")


def write_file(dataset: Dataset, table: str, path: Path) -> int:
    """Write a table to a file in the format of its extension; return its rows.

    Raises:
        DataError: another extension, or a folder that cannot be written; else as `write_table`.
    """
    dataset.table_schema(table)
    formats: dict[str, TableFormat] = {".csv": "csv", ".parquet": "parquet"}
    if path.suffix not in formats:
        raise DataError("Tables do not have this format", expected=" or ".join(formats), actual=path.name[:80])
    try:
        with path.open("wb") as into:
            return write_table(dataset, table, into, formats[path.suffix])
    except OSError as exc:
        raise DataError("The file cannot be written", actual=exc.strerror, where=str(path)) from exc


def csv_bytes(dataset: Dataset, table: str) -> bytes:
    """Return a table as CSV."""
    sink = io.BytesIO()
    write_table(dataset, table, sink)
    return sink.getvalue()


def parquet_bytes(dataset: Dataset, table: str) -> bytes:
    """Return a table as Parquet."""
    sink = io.BytesIO()
    write_table(dataset, table, sink, "parquet")
    return sink.getvalue()


def _is_text(values: pd.Series) -> bool:
    return values.dtype == object or isinstance(values.dtype, pd.StringDtype | pd.CategoricalDtype)


def _safe(values: pd.Series) -> pd.Series:
    text = values.astype("str")
    return text.mask(text.str.lstrip(" ").str.startswith(FORMULA, na=False), "'" + text)
