"""Build tables too large for memory: columns are checked one at a time; DuckDB checks the rules and sorts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from edtech.data.ingest.mapping import combine_columns
from edtech.data.store import connect
from edtech.tables.contract import (
    MAX_FAILED_ROWS,
    Contract,
    Failure,
    Rule,
    check_column,
    contract_error,
    require_columns,
    require_rows,
)
from edtech.tables.roles import Roles

_BATCH_ROWS = 100_000


def build_large(
    contract: Contract,
    source: Path,
    roles: Roles,
    into: Path,
    *,
    combined: str | None = None,
    parts: Sequence[str] = (),
) -> None:
    """Write the validated table of the Parquet file `source` to `into`, equal to the result of `build_table`.

    The column `combined` joins the columns `parts`. Temporary files are written beside `into` and removed.

    Raises:
        ContractError: lists every failed check.
    """
    file = parquet.read_metadata(source)
    names = parquet.read_schema(source).names
    require_columns([*names, *([combined] if combined is not None and parts else [])], roles)
    require_rows(contract, file.num_rows)
    columns = roles.columns()
    failures: list[Failure] = []
    written = []
    for position, name in enumerate(columns):
        column = _column(source, name, parts if name == combined else ())
        converted, column_failures = check_column(contract, roles, column)
        failures += column_failures
        written.append(into.with_name(f"column-{position}.parquet"))
        converted.to_frame("value").to_parquet(written[-1], index=False, row_group_size=_BATCH_ROWS)
    whole = into.with_name("unsorted.parquet")
    _side_by_side(written, whole)
    failures += [failure for rule in contract.rules(roles) if (failure := _broken(rule, columns, whole)) is not None]
    if failures:
        raise contract_error(contract, failures, file.num_rows)
    _sort(whole, into, columns, contract.keys(roles))
    for path in (*written, whole):
        path.unlink()


def _column(source: Path, name: str, parts: Sequence[str]) -> pd.Series:
    with source.open("rb") as handle:
        if not parts:
            return pd.read_parquet(handle, columns=[name])[name]
        return combine_columns(pd.read_parquet(handle, columns=list(parts)), parts, name)[name]


def _side_by_side(files: Sequence[Path], into: Path) -> None:
    """Write columns of equal length as one table: c0, c1, ... and the row number from 1."""
    opened = [parquet.ParquetFile(path) for path in files]
    types = [file.schema_arrow.field(0).type for file in opened]
    schema = pa.schema([*((f"c{position}", kind) for position, kind in enumerate(types)), ("row", pa.int64())])
    start = 1
    with parquet.ParquetWriter(into, schema) as writer:
        for batches in zip(*(file.iter_batches(_BATCH_ROWS) for file in opened), strict=True):
            rows = pa.array(range(start, start + batches[0].num_rows), pa.int64())
            start += len(rows)
            writer.write_batch(pa.record_batch([*(batch.column(0) for batch in batches), rows], schema=schema))
    for file in opened:
        file.close()


def _broken(rule: Rule, columns: Sequence[str], table: Path) -> Failure | None:
    columns_of_rule = [f"c{columns.index(name)}" for name in rule.columns]
    first, last, listed = columns_of_rule[0], columns_of_rule[-1], ", ".join(columns_of_rule)
    if rule.kind == "one_true" and not pa.types.is_boolean(parquet.read_schema(table).field(first).type):
        return None
    # The SQL holds positions, never a user's text.
    condition = {
        "once": f"({listed}) IN (SELECT ({listed}) FROM large GROUP BY {listed} HAVING count(*) > 1)",  # noqa: S608
        "at_most": f"TRY_CAST({first} AS DOUBLE) > TRY_CAST({last} AS DOUBLE)",
        "one_true": f"{first} AND {last} IN (SELECT {last} FROM large WHERE {first} GROUP BY 1 HAVING count(*) > 1)",  # noqa: S608
    }[rule.kind]
    with connect({"large": [table]}, spill=table.parent) as connection:
        query = f"SELECT row, {listed} FROM large WHERE {condition}"  # noqa: S608
        count = connection.sql(f"SELECT count(*) FROM ({query})").fetchall()[0][0]  # noqa: S608
        if not count:
            return None
        failing = connection.sql(f"{query} ORDER BY row LIMIT {MAX_FAILED_ROWS}").to_arrow_table().to_pandas()
    cells = failing[columns_of_rule].astype(object).itertuples(index=False, name=None)
    rows = tuple(int(row) for row in failing["row"])
    return Failure(rule.columns, rule.must, int(count), rows, tuple(cells), problem=rule.problem)


def _sort(source: Path, into: Path, names: Sequence[str], keys: Sequence[str]) -> None:
    order = ", ".join([*(f"c{names.index(key)}" for key in keys), "row"])
    selected = ", ".join(f"c{position}" for position in range(len(names)))
    with connect({"large": [source]}, spill=source.parent) as connection:
        query = f"SELECT {selected} FROM large ORDER BY {order}"  # noqa: S608 - positions only
        reader: Any = connection.sql(query).to_arrow_reader(_BATCH_ROWS)
        schema = pa.schema([pa.field(name, kind) for name, kind in zip(names, reader.schema.types, strict=True)])
        with parquet.ParquetWriter(into, schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(pa.record_batch(batch.columns, schema=schema))
