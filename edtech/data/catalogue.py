"""The catalogue: all data sets of one folder.

A data set is written beside its place and then moved there under a lock, so whoever is killed at any moment leaves the
catalogue as it was before or as it is after.
"""

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import BaseModel, JsonValue, ValidationError

from edtech.data.digest import content_digest
from edtech.data.store import COURSE_WEEKS, PANEL, Dataset, period_text
from edtech.errors import DataError, DatasetNotFoundError
from edtech.tables.panel import build_panel
from edtech.tables.roles import MARKET_ROLES, PanelRoles

_RECORD = "dataset.json"
_WRITING = ".writing-"
_LOCK_SECONDS = 60


class GeneratedMarket(Protocol):
    """What the catalogue needs of a generated market."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by name, `course_weeks` among them."""

    @property
    def params(self) -> BaseModel:
        """The parameters that make the market again."""


class Catalogue:
    """The data sets of one folder. Folders of others and damaged ones are passed over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add_panel(
        self, frame: pd.DataFrame, roles: PanelRoles, *, name: str, source: Mapping[str, JsonValue] | None = None
    ) -> Dataset:
        """Store a demand panel and return it; the same content, roles and name again give the data set that is there.

        Raises:
            ContractError: the table breaks the contract of a demand panel; nothing is stored.
            DataError: the name is empty or too long, or the folder cannot be written; nothing is stored.
        """
        return self._add({PANEL: build_panel(frame, roles)}, name, roles, kind="panel", source=dict(source or {}))

    def add_market(self, market: GeneratedMarket, *, name: str) -> Dataset:
        """Store all tables of a generated market and the parameters that make it again.

        Raises:
            ContractError: its course-weeks are not a demand panel; nothing is stored.
            DataError: the name is empty or too long, or the folder cannot be written; nothing is stored.
        """
        build_panel(market.tables[COURSE_WEEKS], MARKET_ROLES)
        source = {"params": market.params.model_dump(mode="json")}
        return self._add(market.tables, name, MARKET_ROLES, kind="market", source=source)

    def list(self, *, deleted: bool = False) -> "list[Dataset]":
        """Return the data sets, newest first; with `deleted` those that can be restored instead."""
        found = [dataset for dataset in self._datasets() if (dataset.deleted is not None) == deleted]
        return sorted(found, key=lambda dataset: (dataset.created, dataset.id), reverse=True)

    def get(self, dataset_id: str) -> Dataset:
        """Return a data set by its id.

        Raises:
            DatasetNotFoundError: there is none of that id, it was deleted, or it is damaged.
        """
        dataset = self._load(dataset_id)
        if dataset is None or dataset.deleted is not None:
            raise self._not_found(dataset_id)
        return dataset

    def rename(self, dataset_id: str, name: str) -> Dataset:
        """Give a data set another name and return it."""
        return self._update(dataset_id, name=name)

    def delete(self, dataset_id: str) -> Dataset:
        """Take a data set from the list; its files stay, so that `restore` can bring it back."""
        return self._update(dataset_id, deleted=datetime.now(UTC))

    def restore(self, dataset_id: str) -> Dataset:
        """Bring back a deleted data set."""
        return self._update(dataset_id, deleted=None)

    # ---- reading

    def _datasets(self) -> Iterator[Dataset]:
        found = (self._load(record.parent.name) for record in self.folder.glob(f"*/{_RECORD}"))
        return (dataset for dataset in found if dataset is not None)

    def _load(self, dataset_id: str) -> Dataset | None:
        """Return the data set of that id where the folder holds it whole."""
        if re.fullmatch(r"[0-9a-f]{16}", dataset_id) is None:
            return None
        folder = self.folder / dataset_id
        try:
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            dataset = Dataset.model_validate({**record, "folder": folder})
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        whole = dataset.id == dataset_id and all(dataset.file(table).is_file() for table in dataset.tables)
        return dataset if whole else None

    def _not_found(self, dataset_id: str) -> DatasetNotFoundError:
        return DatasetNotFoundError(
            f"There is no data set {dataset_id[:40]!r}",
            expected=", ".join(dataset.id for dataset in self.list()[:10]) or "none is stored",
            fix="Choose another data set, restore this one, or generate or upload one",
        )

    # ---- writing

    def _add(
        self, tables: Mapping[str, pd.DataFrame], name: str, roles: PanelRoles, *, kind: str, source: dict[str, Any]
    ) -> Dataset:
        panel = tables[PANEL if kind == "panel" else COURSE_WEEKS]
        draft = _validated(
            id="0" * 16,
            name=name,
            kind=kind,
            digest=content_digest(tables),
            tables={table: len(tables[table]) for table in tables},
            period=_period(panel, roles),
            created=datetime.now(UTC),
            source=source,
            roles=roles,
            folder=self.folder,
        )
        with self._locked():
            for dataset_id in _identities(draft):
                there = self._load(dataset_id)
                if there is None:
                    dataset = draft.model_copy(update={"id": dataset_id, "folder": self.folder / dataset_id})
                    return self._write(dataset, tables)
                if there.name == draft.name:
                    return self._write_record(there.model_copy(update={"deleted": None}))
        raise AssertionError  # the identities never end

    def _update(self, dataset_id: str, **changes: object) -> Dataset:
        with self._locked():
            dataset = self._load(dataset_id)
            if dataset is None:
                raise self._not_found(dataset_id)
            return self._write_record(_validated(**{**dict(dataset), **changes}))

    def _write(self, dataset: Dataset, tables: Mapping[str, pd.DataFrame]) -> Dataset:
        draft = self.folder / f"{_WRITING}{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            for table in dataset.tables:
                tables[table].to_parquet(draft / f"{table}.parquet", index=False, compression="zstd")
            (draft / _RECORD).write_text(dataset.model_dump_json(indent=1), encoding="utf-8")
            for path in (*draft.iterdir(), draft):
                _sync(path)
            shutil.rmtree(dataset.folder, ignore_errors=True)  # a damaged copy of the same content
            draft.replace(dataset.folder)
            _sync(self.folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return dataset

    def _write_record(self, dataset: Dataset) -> Dataset:
        draft = dataset.folder / f"{_WRITING}{uuid.uuid4().hex}"
        draft.write_text(dataset.model_dump_json(indent=1), encoding="utf-8")
        _sync(draft)
        draft.replace(dataset.folder / _RECORD)
        _sync(dataset.folder)
        return dataset

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock; what is half-written then belongs to a writer who was killed, and is removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock", timeout=_LOCK_SECONDS):
                for left in self.folder.glob(f"{_WRITING}*"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
        except Timeout as exc:
            raise DataError("Another process is writing data sets", found=f"busy for {_LOCK_SECONDS} s") from exc
        except OSError as exc:
            raise DataError(
                "The data set cannot be written",
                found=exc.strerror,
                where=str(self.folder),
                fix="Free some disk space, or set EDTECH_HOME to a folder that can be written",
            ) from exc


def _identities(draft: Dataset) -> Iterator[str]:
    """Return the ids that a data set may have, best first; the next is for when one was renamed to something else."""
    identity = [draft.kind, draft.digest, draft.roles.model_dump(mode="json"), draft.name]
    return (hashlib.sha256(json.dumps([*identity, attempt]).encode()).hexdigest()[:16] for attempt in count())


def _validated(**fields: Any) -> Dataset:  # noqa: ANN401 - pydantic checks them
    try:
        return Dataset.model_validate(fields)
    except ValidationError as exc:
        raise DataError(
            "The data set cannot be described like this",
            expected="a name of 1 to 200 characters",
            found="; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()[:5]),
        ) from exc


def _period(panel: pd.DataFrame, roles: PanelRoles) -> tuple[str, str] | None:
    if roles.period is None:
        return None
    return period_text(panel[roles.period].min()), period_text(panel[roles.period].max())


def _sync(path: Path) -> None:
    """Have what was written to a file or folder reach the disk; Windows cannot do so for folders."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
