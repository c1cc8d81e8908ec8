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
    """A mapping confirmed by the user: the roles of the columns, and the columns that are combined into the unit."""

    kind: str
    roles: AnyRoles
    unit_parts: tuple[str, ...] = ()


_MAPPED = TypeAdapter(SavedMapping)


def read_mapping(home: Path, columns: Sequence[str], kind: str) -> SavedMapping | None:
    """Return the mapping saved under `home` for a file with these columns and this kind of table, or None."""
    try:
        mapped = _MAPPED.validate_json(_path(home, columns, kind).read_bytes())
    except (OSError, ValidationError):
        return None
    combined = {getattr(mapped.roles, "unit", None)} if mapped.unit_parts else set()
    required = {*mapped.roles.columns(), *mapped.unit_parts} - combined
    return mapped if mapped.kind == kind and required <= set(columns) else None


def write_mapping(home: Path, columns: Sequence[str], mapped: SavedMapping) -> None:
    """Save a mapping under `home`; it replaces an earlier one for the same columns and kind."""
    path = _path(home, columns, mapped.kind)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, _MAPPED.dump_json(mapped).decode())


def _path(home: Path, columns: Sequence[str], kind: str) -> Path:
    names = hashlib.sha256(json.dumps([kind, sorted(columns)]).encode()).hexdigest()
    return home / _FOLDER / f"{names[:32]}.json"


def combine_columns(frame: pd.DataFrame, names: Sequence[str], into: str) -> pd.DataFrame:
    """Return `frame` with an additional text column `into` that joins the columns `names`, such as city and product.

    Raises:
        ContractError: a column is missing, or a column `into` exists.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing or not names or into in frame.columns:
        raise ContractError(
            "The columns cannot be combined",
            expected="columns of the table and an unused name",
            actual=f"missing {', '.join(missing)}" if missing else f"the name {into!r} and {len(names)} columns",
        )
    joined = reduce(lambda left, right: left + " | " + right, (frame[name].astype("str") for name in names))
    return frame.assign(**{into: joined})
