"""Compute digests of table contents; they do not depend on the process or the storage format."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pyarrow import parquet

_BATCH_ROWS = 100_000


def frame_digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the column names, types and values of `frame`, in row order, without the index."""
    digest = _start(frame, len(frame))
    digest.update(_value_bytes(frame))
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Return the digest of the frame in a Parquet file; only one batch is in memory at a time."""
    with parquet.ParquetFile(path) as file:
        digest = None
        for batch in file.iter_batches(_BATCH_ROWS):
            frame = batch.to_pandas()
            digest = digest or _start(frame, file.metadata.num_rows)
            digest.update(_value_bytes(frame))
        return (digest or _start(file.read().to_pandas(), 0)).hexdigest()


def content_digest(tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the SHA-256 of several tables and their names, one table in memory at a time."""
    return combined_digest({name: frame_digest(tables[name]) for name in tables})


def combined_digest(digests: Mapping[str, str]) -> str:
    """Return the digest of several tables from their digests by name."""
    return hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()


def _start(frame: pd.DataFrame, rows: int) -> "hashlib._Hash":
    header = [[str(name), str(kind)] for name, kind in frame.dtypes.items()]
    return hashlib.sha256(json.dumps([header, rows]).encode())


def _value_bytes(frame: pd.DataFrame) -> bytes:
    return pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
