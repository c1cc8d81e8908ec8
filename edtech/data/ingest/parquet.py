"""Read uploaded Parquet files; the size they declare is not trusted."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import compute, parquet

from edtech.data.ingest.text import require_column_count
from edtech.errors import UploadError
from edtech.settings import MEGABYTE
from edtech.tables.formatting import format_value

MAX_CELL = 10_000
_BATCH_ROWS = 10_000


def parquet_batches(stream: BinaryIO, limit: int) -> Iterator[Any]:
    """Yield the rows of a Parquet file as pyarrow record batches, up to `limit` bytes in memory.

    Raises:
        UploadError: the file is damaged or too large when decompressed, a cell has more than `MAX_CELL` characters, or
            there are too many columns.
    """
    try:
        stream.seek(0)
        source = pa.PythonFile(stream, mode="r")
        schema = parquet.read_schema(source).remove_metadata()
        require_column_count(len(schema))
        # Dictionary encoding bounds memory: a text of a megabyte repeated a million times stays a megabyte.
        texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
        size = 0
        stream.seek(0)
        for batch in parquet.ParquetFile(source, read_dictionary=texts).iter_batches(batch_size=_BATCH_ROWS):
            columns = [_decoded(column) for column in batch.columns]
            size += sum(column.nbytes for column in columns)
            if size > limit:
                raise too_large(limit)
            yield pa.record_batch(columns, names=schema.names)
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise UploadError(
            "The file is damaged",
            expected="a complete Parquet file",
            actual=format_value(str(exc), 200),
            fix="Write it again",
        ) from exc


def too_large(limit: int) -> UploadError:
    """Return the error for a file larger than `limit` bytes."""
    return UploadError(
        "The file is too large",
        expected=f"at most {limit // MEGABYTE:,} MB, compressed and decompressed",
        actual="more",
        fix="Upload fewer columns or rows, or raise EDTECH_UPLOAD_LIMIT_MB",
    )


def _decoded(column: Any) -> Any:  # noqa: ANN401
    if not pa.types.is_dictionary(column.type):
        return column
    values = column.dictionary
    binary = pa.types.is_string(values.type) or pa.types.is_binary(values.type)
    if binary and len(values) and compute.max(compute.binary_length(values)).as_py() > MAX_CELL:
        raise UploadError("A cell is too long", expected=f"at most {MAX_CELL:,} characters", actual="more")
    return column.dictionary_decode()
