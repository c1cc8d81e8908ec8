"""Mappings that were confirmed, kept by the columns they are for, to be suggested for the next file like it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edtech.data.atomic import write_whole
from edtech.tables.roles import AnyRoles

_FOLDER = ".mappings"


@dataclass(frozen=True, slots=True)
class Mapped:
    """The roles that the columns of a file were given, and the columns that together make the unit."""

    kind: str
    roles: AnyRoles
    unit_parts: tuple[str, ...] = ()


_MAPPED = TypeAdapter(Mapped)


def read_mapping(home: Path, columns: Sequence[str], kind: str) -> Mapped | None:
    """Return what was kept under `home` for a file with these columns, as this kind of table; None if nothing is."""
    try:
        mapped = _MAPPED.validate_json(_path(home, columns, kind).read_bytes())
    except (OSError, ValidationError):
        return None
    made = {getattr(mapped.roles, "unit", None)} if mapped.unit_parts else set()
    wanted = {*mapped.roles.columns(), *mapped.unit_parts} - made
    return mapped if mapped.kind == kind and wanted <= set(columns) else None


def write_mapping(home: Path, columns: Sequence[str], mapped: Mapped) -> None:
    """Keep a mapping under `home` in place of the one before."""
    path = _path(home, columns, mapped.kind)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, _MAPPED.dump_json(mapped).decode())


def _path(home: Path, columns: Sequence[str], kind: str) -> Path:
    names = hashlib.sha256(json.dumps([kind, sorted(columns)]).encode()).hexdigest()
    return home / _FOLDER / f"{names[:32]}.json"
