"""Where a market's frames go, in memory or as Parquet files in a folder, and how they are read again.

out/market.json                        parameters, price plan, digest, rows of each table
out/tables/<table>/part-00000.parquet  one part for each shard
out/truth/<table>/part-00000.parquet   what an analyst of a real market would not have
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
    """A generated market: its parameters, its tables, what is true of it, and the digest of all its values."""

    params: MarketParams
    tables: Frames = field(repr=False)
    truth: Truth
    digest: str

    @property
    def prices(self) -> PricePlan | None:
        """The plan of other prices that it was generated with, if any."""
        return self.truth.prices

    def check_identities(self) -> list[str]:
        """Return every identity of the books that does not hold; none means that all hold exactly."""
        return broken_identities(self.tables)


class _Card(BaseModel):
    format: int = 1
    params: MarketParams
    prices: PricePlan | None = None
    digest: str
    rows: dict[str, int]


def frame_digest(frame: pd.DataFrame) -> str:
    """Return a digest of a frame's names and values, in order."""
    total = hashlib.blake2b(digest_size=16)
    for name, column in frame.items():
        total.update(f"{name}:{column.dtype}:{len(column)};".encode())
        if isinstance(column.dtype, pd.StringDtype):
            codes, values = pd.factorize(column)
            total.update(codes.tobytes() + "\0".join(values.to_numpy(dtype=object)).encode())
        else:
            numbers = column.fillna(-1).astype("int64") if isinstance(column.dtype, pd.Int64Dtype) else column
            total.update(numbers.to_numpy().tobytes())
    return total.hexdigest()


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


class Memory:
    """Keeps the parts as frames."""

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
        """Take one part of some tables, in the order of the parts."""
        for name, frame in frames.items():
            self._parts.setdefault(name, []).append(frame)

    def finish(
        self,
        params: MarketParams,
        prices: PricePlan | None,
        digest: str,
        rows: dict[str, int],  # noqa: ARG002 - see Folder
    ) -> Market:
        """Return the market, each table in one frame."""
        whole: dict[str, dict[str, pd.DataFrame]] = {kind: {} for kind in KINDS}
        for path, parts in self._parts.items():
            kind, name = path.split("/")
            whole[kind][name] = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
        tables, truth = (MappingProxyType(whole[kind]) for kind in KINDS)
        return Market(params, tables, Truth(params, truth, prices), digest)


class Folder:
    """Writes the parts as Parquet beside the place they are meant for, and moves them there at the end, whole."""

    def __init__(self, out: Path) -> None:
        self.out = out.absolute()
        if self.out.exists():
            raise DataError(
                "There is something where the market should be written",
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
        """Move the folder to its place and return the market in it."""
        card = _Card(params=params, prices=prices, digest=digest, rows=rows)
        (self.folder / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
        self.folder.chmod(0o755)
        os.rename(self.folder, self.out)  # noqa: PTH104 - Path.replace would take the place of an empty folder
        return open_market(self.out)


Sink = Memory | Folder
"""Takes the parts of a market, in order; leaves nothing behind unless it is finished."""


class ParquetTables(Mapping[str, pd.DataFrame]):
    """The tables in a folder; each is read when asked for, and anew each time."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}

    def __getitem__(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def open_market(folder: Path) -> Market:
    """Return a market stored by `generate_market(out=folder)`; its tables are read when asked for.

    Raises DatasetNotFoundError where there is none, ContractError where it was damaged.
    """
    card = folder / CARD
    if not card.is_file():
        raise DatasetNotFoundError(
            "There is no market in this folder", expected=f"a folder with {CARD}", where=folder.name
        )
    try:
        about = _Card.model_validate_json(card.read_bytes())
    except ValidationError as error:
        raise ContractError(
            "The description of the market cannot be read",
            actual=f"{error.error_count()} errors in {CARD}",
            where=folder.name,
            fix="generate the market again",
        ) from error
    missing = [kind for kind in KINDS if not (folder / kind).is_dir()]
    if missing:
        raise ContractError("A part of the market is missing", actual=", ".join(missing), where=folder.name)
    tables, truth = (ParquetTables(folder / kind) for kind in KINDS)
    return Market(about.params, tables, Truth(about.params, truth, about.prices), about.digest)
