"""What a table holds, as a digest that is the same in every process and for every storage format."""

import hashlib
import json
from collections.abc import Mapping

import pandas as pd


def frame_digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the column names, types and values of `frame`, row order included, index left out."""
    header = [[str(name), str(kind)] for name, kind in frame.dtypes.items()]
    digest = hashlib.sha256(json.dumps([header, len(frame)]).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def content_digest(tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the SHA-256 of several tables and their names, one table in memory at a time."""
    parts = {name: frame_digest(tables[name]) for name in sorted(tables)}
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
