"""Map the columns of a file to roles: saved mappings, and keys made of several columns."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from edtech.data.atomic import write_atomically
from edtech.errors import ContractError
from edtech.tables.roles import AnyRoles

_FOLDER = ".mappings"


@dataclass(frozen=True, slots=True)
class SavedMapping:
    """The roles that the columns of a file were given, and the columns that together make the unit."""

    kind: str
    roles: AnyRoles
    unit_parts: tuple[str, ...] = ()


_MAPPED = TypeAdapter(SavedMapping)


def read_mapping(home: Path, columns: Sequence[str], kind: str) -> SavedMapping | None:
    """Return what was kept under `home` for a file with these columns, as this kind of table; None if nothing is."""
    try:
        mapped = _MAPPED.validate_json(_path(home, columns, kind).read_bytes())
    except (OSError, ValidationError):
        return None
    made = {getattr(mapped.roles, "unit", None)} if mapped.unit_parts else set()
    wanted = {*mapped.roles.columns(), *mapped.unit_parts} - made
    return mapped if mapped.kind == kind and wanted <= set(columns) else None


def write_mapping(home: Path, columns: Sequence[str], mapped: SavedMapping) -> None:
    """Keep a mapping under `home` in place of the one before."""
    path = _path(home, columns, mapped.kind)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, _MAPPED.dump_json(mapped).decode())


def _path(home: Path, columns: Sequence[str], kind: str) -> Path:
    names = hashlib.sha256(json.dumps([kind, sorted(columns)]).encode()).hexdigest()
    return home / _FOLDER / f"{names[:32]}.json"


def combine_columns(frame: pd.DataFrame, names: Sequence[str], into: str) -> pd.DataFrame:
    """Return `frame` with one more text column `into` that joins the columns `names`, such as city and product.

    Raises:
        ContractError: a column is missing, or `into` is the name of a column already.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing or not names or into in frame.columns:
        raise ContractError(
            "These columns cannot be combined",
            expected="columns of the table, and a new name for the result",
            actual=f"missing {', '.join(missing)}" if missing else f"the name {into!r} and {len(names)} columns",
        )
    joined = reduce(lambda left, right: left + " | " + right, (frame[name].astype("str") for name in names))
    return frame.assign(**{into: joined})
