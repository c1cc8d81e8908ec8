"""Store a market's tables in memory or as Parquet files in a folder, and read them.

out/market.json                        parameters, price plan, digest, rows of each table
out/tables/<table>/part-00000.parquet  one file per shard
out/truth/<table>/part-00000.parquet   unknown to an analyst of a real market
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType, TracebackType
from typing import Self

import pandas as pd
from pydantic import BaseModel, ValidationError

from edtech.errors import ContractError, DataError, DatasetNotFoundError
from edtech.market.accounting import broken_identities
from edtech.market.params import MarketParams
from edtech.market.price_plans import PricePlan
from edtech.market.truth import Truth

Frames = Mapping[str, pd.DataFrame]
CARD = "market.json"
KINDS = ("tables", "truth")


@dataclass(frozen=True, slots=True)
class Market:
    """A generated market: its parameters, tables, ground truth, and the digest of all its values."""

    params: MarketParams
    tables: Frames = field(repr=False)
    truth: Truth
    digest: str

    @property
    def prices(self) -> PricePlan | None:
        """The price plan that it was generated with, if any."""
        return self.truth.prices

    def check_identities(self) -> list[str]:
        """Return one sentence per violated accounting identity; an empty list if all hold exactly."""
        return broken_identities(self.tables)


class _Card(BaseModel):
    format: int = 1
    params: MarketParams
    prices: PricePlan | None = None
    digest: str
    rows: dict[str, int]


def frame_digest(frame: pd.DataFrame) -> str:
    """Return a digest of a frame's names and values, in order."""
    digest = hashlib.blake2b(digest_size=16)
    for name, column in frame.items():
        digest.update(f"{name}:{column.dtype}:{len(column)};".encode())
        if isinstance(column.dtype, pd.StringDtype):
            codes, values = pd.factorize(column)
            digest.update(codes.tobytes() + "\0".join(values.to_numpy(dtype=object)).encode())
        else:
            numbers = column.fillna(-1).astype("int64") if isinstance(column.dtype, pd.Int64Dtype) else column
            digest.update(numbers.to_numpy().tobytes())
    return digest.hexdigest()


def frames_digest(frames: dict[str, pd.DataFrame]) -> str:
    """Return a digest of named frames."""
    lines = [f"{name} {frame_digest(frame)}" for name, frame in sorted(frames.items())]
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def write_part(folder: Path, number: int, frames: dict[str, pd.DataFrame]) -> None:
    """Write one part of each table; the names are `tables/<name>` or `truth/<name>`."""
    for name, frame in frames.items():
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(target / f"part-{number:05d}.parquet", index=False, compression="zstd")


class MemorySink:
    """Collect the parts in memory."""

    folder = None

    def __init__(self) -> None:
        self._parts: dict[str, list[pd.DataFrame]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts = {}

    def add(self, number: int, frames: dict[str, pd.DataFrame]) -> None:  # noqa: ARG002 - parts come in order
        """Add one part of some tables; parts arrive in order."""
        for name, frame in frames.items():
            self._parts.setdefault(name, []).append(frame)

    def finish(
        self,
        params: MarketParams,
        prices: PricePlan | None,
        digest: str,
        rows: dict[str, int],  # noqa: ARG002 - see Folder
    ) -> Market:
        """Return the market with one frame per table."""
        whole: dict[str, dict[str, pd.DataFrame]] = {kind: {} for kind in KINDS}
        for path, parts in self._parts.items():
            kind, name = path.split("/")
            whole[kind][name] = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        tables, truth = (MappingProxyType(whole[kind]) for kind in KINDS)
        return Market(params, tables, Truth(params, truth, prices), digest)


class FolderSink:
    """Write the parts as Parquet to a temporary folder, and rename it to the target when complete."""

    def __init__(self, out: Path) -> None:
        self.out = out.absolute()
        if self.out.exists():
            raise DataError(
                "The folder for the market exists already",
                expected="a folder that does not exist yet",
                actual=self.out.name,
                fix="choose another folder",
            )

    def __enter__(self) -> Self:
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.folder = Path(mkdtemp(prefix=f".{self.out.name}.", suffix=".partial", dir=self.out.parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, number: int, frames: dict[str, pd.DataFrame]) -> None:
        """Write one part of some tables."""
        write_part(self.folder, number, frames)

    def finish(self, params: MarketParams, prices: PricePlan | None, digest: str, rows: dict[str, int]) -> Market:
        """Rename the folder to the target and return the market in it."""
        card = _Card(params=params, prices=prices, digest=digest, rows=rows)
        (self.folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
        self.folder.chmod(0o755)
        os.rename(self.folder, self.out)  # noqa: PTH104 - Path.replace would overwrite an empty folder
        return open_market(self.out)


Sink = MemorySink | FolderSink
"""Receives the parts of a market in order; leaves no files unless it is finished."""


class ParquetTables(Mapping[str, pd.DataFrame]):
    """The tables in a folder; each access reads the file."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}

    def __getitem__(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def open_market(folder: Path) -> Market:
    """Return a market stored by `generate_market(out=folder)`; its tables are read on access.

    Raises DatasetNotFoundError if there is none, ContractError if it is damaged.
    """
    path = folder / CARD
    if not path.is_file():
        raise DatasetNotFoundError(
            "There is no market in this folder", expected=f"a folder with {CARD}", where=folder.name
        )
    try:
        card = _Card.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ContractError(
            "The description of the market cannot be read",
            actual=f"{error.error_count()} errors in {CARD}",
            where=folder.name,
            fix="generate the market again",
        ) from error
    missing = [kind for kind in KINDS if not (folder / kind).is_dir()]
    if missing:
        raise ContractError("A folder of the market is missing", actual=", ".join(missing), where=folder.name)
    tables, truth = (ParquetTables(folder / kind) for kind in KINDS)
    return Market(card.params, tables, Truth(card.params, truth, card.prices), card.digest)
