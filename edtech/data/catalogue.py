"""Store the data sets of a folder as a catalogue.

A data set is written to a draft and then moved into place under a lock. A process killed at any time leaves the
catalogue in its earlier or its later state.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import pandas as pd
from filelock import FileLock, Timeout
from pyarrow import parquet
from pydantic import BaseModel, JsonValue, ValidationError

from edtech.data.atomic import Draft, create_draft, remove_abandoned_drafts, sync, sync_folder, write_atomically
from edtech.data.digest import combined_digest, content_digest, file_digest
from edtech.data.ingest.dialect import Dialect
from edtech.data.ingest.large_tables import build_large
from edtech.data.ingest.mapping import SavedMapping, combine_columns, read_mapping, write_mapping
from edtech.data.ingest.upload import Upload, read_upload
from edtech.data.store import COURSE_WEEKS, MARKET, PANEL, Dataset, period_column, period_text
from edtech.errors import DataError, DatasetNotFoundError
from edtech.jobs.progress import Progress
from edtech.tables.contract import Contract, build_table
from edtech.tables.roles import MARKET_ROLES, AnyRoles, PanelRoles
from edtech.tables.table_kinds import build_panel, contract_for

if TYPE_CHECKING:
    from edtech.market import MarketParams

_RECORD = "dataset.json"
_LOCK_SECONDS = 60
LARGE_ROWS = 500_000
"""Larger uploads are checked and sorted without loading all rows."""


class GeneratedMarket(Protocol):
    """The attributes of a generated market that the catalogue needs."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by name, including `course_weeks`."""

    @property
    def params(self) -> BaseModel:
        """The parameters that reproduce the market."""


class Catalogue:
    """The data sets of a folder; other folders and damaged data sets are skipped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add_panel(
        self,
        frame: pd.DataFrame,
        roles: PanelRoles,
        *,
        name: str,
        source: Mapping[str, JsonValue] | None = None,
        derived_from: str | None = None,
    ) -> Dataset:
        """Store a demand panel; equal content, roles and name return the existing data set.

        Raises:
            ContractError: the table is not a valid demand panel; nothing is stored.
            DataError: the name is empty or too long, or the folder is not writable; nothing is stored.
        """
        tables = {PANEL: build_panel(frame, roles)}
        return self._add(tables, name, roles, kind="panel", source=dict(source or {}), derived_from=derived_from)

    def stage(
        self,
        name: str,
        content: BinaryIO | bytes | Path,
        *,
        limit_mb: int = 500,
        dialect: Dialect | None = None,
        sheet: str | None = None,
    ) -> Upload:
        """Read a file of any allowed size without loading all rows; they are staged beside the catalogue.

        `Upload.close` removes them, as does the first write after the process ends.

        Raises:
            UploadError: the file is too large, or not a table with a header, rows and two or more different columns.
            DataError: the folder is not writable.
        """
        draft = self.draft()
        with ExitStack() as undone:
            undone.callback(draft.close)  # removes staged rows on any error or cancellation
            with _writing(self.folder):
                upload = read_upload(name, content, limit_mb=limit_mb, dialect=dialect, sheet=sheet, draft=draft)
            undone.pop_all()
        return upload

    def add_upload(
        self,
        upload: Upload,
        roles: AnyRoles,
        *,
        name: str,
        unit_parts: Sequence[str] = (),
        derived_from: str | None = None,
    ) -> Dataset:
        """Store an upload as the kind of table of `roles`, and save the mapping for files with the same columns.

        `unit_parts` are joined into the unit column of `roles`.

        Raises:
            ContractError: the table does not satisfy its contract; nothing is stored.
            DataError: the name is empty or too long, or the folder is not writable; nothing is stored.
        """
        contract = contract_for(roles)
        source = upload.source() | ({"unit_parts": list(unit_parts)} if unit_parts else {})
        combined = roles.unit if isinstance(roles, PanelRoles) and unit_parts else None
        dataset = _unpublished(
            name,
            contract.kind,
            roles,
            source,
            tables={contract.kind: upload.rows},
            folder=self.folder,
            derived_from=derived_from,
        )
        if upload.path is not None and upload.rows > LARGE_ROWS:
            stored = self._add_large(upload.path, dataset, contract, combined, unit_parts)
        else:
            frame = upload.frame if upload.path is None else pd.read_parquet(upload.path)
            frame = frame if combined is None else combine_columns(frame, unit_parts, combined)
            table = build_table(contract, frame, roles)
            stored = self._add(
                {contract.kind: table}, name, roles, kind=contract.kind, source=source, derived_from=derived_from
            )
        self._save_mapping(upload.columns, roles, unit_parts)
        return stored

    def saved_mapping(self, columns: Sequence[str], kind: str) -> SavedMapping | None:
        """Return the saved mapping for a file with these columns and this kind of table, or None."""
        return read_mapping(self.folder, columns, kind)

    def add_market(self, market: GeneratedMarket, *, name: str) -> Dataset:
        """Store all tables of a generated market and its parameters.

        Raises:
            ContractError: its course-weeks are not a valid demand panel; nothing is stored.
            DataError: the name is empty or too long, or the folder is not writable; nothing is stored.
        """
        build_panel(market.tables[COURSE_WEEKS], MARKET_ROLES)
        source = {"params": market.params.model_dump(mode="json")}
        return self._add(market.tables, name, MARKET_ROLES, kind="market", source=source)

    def add_generated(
        self,
        params: "MarketParams",
        *,
        name: str,
        workers: int = 1,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Dataset:
        """Generate a market in the catalogue, shard by shard, so that a shard bounds the memory.

        Raises:
            JobCancelledError: `cancelled` returned True; nothing is stored.
            DataError: the name is empty or too long, or the folder is not writable; nothing is stored.
        """
        from edtech.market import generate_market  # not needed for uploads

        source: dict[str, JsonValue] = {"params": params.model_dump(mode="json")}
        unpublished = _unpublished(name, "market", MARKET_ROLES, source, tables={COURSE_WEEKS: 0}, folder=self.folder)
        with self.draft() as draft, _writing(self.folder):
            out = draft.folder / MARKET
            market = generate_market(params, out=out, workers=workers, progress=progress, cancelled=cancelled)
            weeks = build_panel(market.tables[COURSE_WEEKS], MARKET_ROLES)
            fields = {
                "digest": market.digest,
                "tables": {path.name: _count_rows(path) for path in sorted((out / "tables").iterdir())},
                "period": _period_range(weeks, MARKET_ROLES),
            }
            return self._publish(unpublished.model_copy(update=fields), draft)

    def list(self, *, deleted: bool = False) -> "list[Dataset]":
        """Return the data sets, newest first; with `deleted`, the deleted ones, which can be restored."""
        datasets = [dataset for dataset in self._datasets() if (dataset.deleted is not None) == deleted]
        return sorted(datasets, key=lambda dataset: (dataset.created, dataset.id), reverse=True)

    def get(self, dataset_id: str) -> Dataset:
        """Return a data set by its id.

        Raises:
            DatasetNotFoundError: no data set has that id, or it is deleted or damaged.
        """
        dataset = self._load(dataset_id)
        if dataset is None or dataset.deleted is not None:
            raise self._not_found(dataset_id)
        return dataset

    def rename(self, dataset_id: str, name: str) -> Dataset:
        """Rename a data set and return it."""
        return self._update(dataset_id, name=name)

    def delete(self, dataset_id: str) -> Dataset:
        """Mark a data set as deleted; its files stay, so that `restore` can bring it back."""
        return self._update(dataset_id, deleted=datetime.now(UTC))

    def restore(self, dataset_id: str) -> Dataset:
        """Restore a deleted data set."""
        return self._update(dataset_id, deleted=None)

    def purge(self, dataset_id: str) -> None:
        """Permanently remove a deleted data set.

        Raises:
            DatasetNotFoundError: no deleted data set has that id.
        """
        with self._locked():
            dataset = self._load(dataset_id)
            if dataset is None or dataset.deleted is None:
                raise self._not_found(dataset_id)
            with create_draft(self.folder) as trash:
                dataset.folder.replace(trash.folder / dataset.id)

    def lineage(self, dataset_id: str) -> "tuple[Dataset, ...]":
        """Return a data set and its known ancestors, including deleted ones."""
        ancestors: list[Dataset] = []
        next_id: str | None = dataset_id
        while next_id is not None and next_id not in {dataset.id for dataset in ancestors}:
            dataset = self._load(next_id)
            if dataset is None:
                break
            ancestors.append(dataset)
            next_id = dataset.derived_from
        if not ancestors:
            raise self._not_found(dataset_id)
        return tuple(ancestors)

    def draft(self) -> Draft:
        """Return a draft folder beside the data sets, removed when it is closed or its process ends."""
        with self._locked():
            return create_draft(self.folder)

    # ---- reading

    def _datasets(self) -> Iterator[Dataset]:
        datasets = (self._load(record.parent.name) for record in self.folder.glob(f"*/{_RECORD}"))
        return (dataset for dataset in datasets if dataset is not None)

    def _load(self, dataset_id: str) -> Dataset | None:
        """Return the data set with that id, or None if it is missing or incomplete."""
        if re.fullmatch(r"[0-9a-f]{16}", dataset_id) is None:
            return None
        folder = self.folder / dataset_id
        try:
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            dataset = Dataset.model_validate({**record, "folder": folder})
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        complete = dataset.id == dataset_id and all(dataset.files(table) for table in dataset.tables)
        return dataset if complete else None

    def _not_found(self, dataset_id: str) -> DatasetNotFoundError:
        return DatasetNotFoundError(
            f"No data set has the id {dataset_id[:40]!r}",
            expected=", ".join(dataset.id for dataset in self.list()[:10]) or "a stored data set; there is none",
            fix="Choose another data set, restore this one, or generate or upload a new one",
        )

    # ---- writing

    def _add(
        self,
        tables: Mapping[str, pd.DataFrame],
        name: str,
        roles: AnyRoles,
        *,
        kind: str,
        source: dict[str, Any],
        derived_from: str | None = None,
    ) -> Dataset:
        main = tables[COURSE_WEEKS if kind == "market" else kind]
        dataset = _unpublished(
            name,
            kind,
            roles,
            source,
            tables={table: len(tables[table]) for table in tables},
            folder=self.folder,
            digest=content_digest(tables),
            period=_period_range(main, roles),
            derived_from=derived_from,
        )
        with self.draft() as draft, _writing(self.folder):
            for table in dataset.tables:
                tables[table].to_parquet(draft.folder / f"{table}.parquet", index=False, compression="zstd")
            return self._publish(dataset, draft)

    def _add_large(
        self, path: Path, dataset: Dataset, contract: Contract, combined: str | None, parts: Sequence[str]
    ) -> Dataset:
        with self.draft() as draft, _writing(self.folder):
            into = draft.folder / f"{contract.kind}.parquet"
            build_large(contract, path, dataset.mapping, into, combined=combined, parts=parts)
            time = period_column(dataset.mapping)
            times = None if time is None else pd.read_parquet(into, columns=[time])
            fields = {
                "digest": combined_digest({contract.kind: file_digest(into)}),
                "period": None if times is None else _period_range(times, dataset.mapping),
            }
            return self._publish(dataset.model_copy(update=fields), draft)

    def _save_mapping(self, columns: Sequence[str], roles: AnyRoles, unit_parts: Sequence[str]) -> None:
        with self._locked():
            write_mapping(self.folder, columns, SavedMapping(contract_for(roles).kind, roles, tuple(unit_parts)))

    def _publish(self, dataset: Dataset, draft: Draft) -> Dataset:
        """Move a draft into place, unless an equal data set with that name exists."""
        sync_folder(draft.folder)
        with self._locked():
            for dataset_id in _candidate_ids(dataset):
                stored = self._load(dataset_id)
                if stored is None:
                    return self._move(dataset.model_copy(update={"id": dataset_id}), draft)
                if stored.name == dataset.name:
                    return self._write_record(stored.model_copy(update={"deleted": None}))
        raise AssertionError  # unreachable: the ids never end

    def _update(self, dataset_id: str, **changes: object) -> Dataset:
        with self._locked():
            dataset = self._load(dataset_id)
            if dataset is None:
                raise self._not_found(dataset_id)
            return self._write_record(_validated(**{**dict(dataset), **changes}))

    def _move(self, dataset: Dataset, draft: Draft) -> Dataset:
        dataset = dataset.model_copy(update={"folder": self.folder / dataset.id})
        write_atomically(draft.folder / _RECORD, _record(dataset))
        shutil.rmtree(dataset.folder, ignore_errors=True)  # a damaged copy of the same data set
        draft.folder.replace(dataset.folder)
        sync(self.folder)
        return dataset

    def _write_record(self, dataset: Dataset) -> Dataset:
        write_atomically(dataset.folder / _RECORD, _record(dataset))
        return dataset

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the folder; removes the drafts of killed processes."""
        try:
            with _writing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self.folder / ".lock", timeout=_LOCK_SECONDS):
                    remove_abandoned_drafts(self.folder)
                    yield
        except Timeout as exc:
            raise DataError(
                "Another process is writing data sets", actual=f"busy for {_LOCK_SECONDS} s", fix="Try again later"
            ) from exc


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise DataError if the folder cannot be written."""
    try:
        yield
    except Timeout:
        raise
    except OSError as exc:
        raise DataError(
            "The data set cannot be written",
            actual=exc.strerror,
            where=str(folder),
            fix="Free some disk space, or set EDTECH_HOME to a writable folder",
        ) from exc


def _record(dataset: Dataset) -> str:
    return dataset.model_dump_json(indent=1, by_alias=True)


def _count_rows(folder: Path) -> int:
    return sum(parquet.read_metadata(file).num_rows for file in folder.iterdir())


def _unpublished(name: str, kind: str, roles: AnyRoles, source: Mapping[str, JsonValue], **fields: object) -> Dataset:
    """Return a data set that is not in the catalogue yet; unknown fields have defaults and are set later."""
    defaults: dict[str, object] = {"digest": "", "period": None, "created": datetime.now(UTC)}
    return _validated(id="0" * 16, name=name, kind=kind, mapping=roles, source=dict(source), **(defaults | fields))


def _candidate_ids(draft: Dataset) -> Iterator[str]:
    """Yield the possible ids of a data set; each next one is for the case that an equal data set was renamed."""
    identity = [draft.kind, draft.digest, draft.mapping.model_dump(mode="json"), draft.name]
    return (hashlib.sha256(json.dumps([*identity, attempt]).encode()).hexdigest()[:16] for attempt in count())


def _validated(**fields: Any) -> Dataset:  # noqa: ANN401 - pydantic checks them
    try:
        return Dataset.model_validate(fields)
    except ValidationError as exc:
        raise DataError(
            "Invalid description of a data set",
            expected="a name of 1 to 200 characters",
            actual="; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()[:5]),
        ) from exc


def _period_range(table: pd.DataFrame, roles: AnyRoles) -> tuple[str, str] | None:
    column = period_column(roles)
    return None if column is None else (period_text(table[column].min()), period_text(table[column].max()))
