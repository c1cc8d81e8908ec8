"""Uploads that do not fit in memory are stored like others and rejected with the same messages."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edtech.data import CONTRACTS, Catalogue, read_upload, sample_csv, suggest_mapping
from edtech.data import catalogue as catalogue_module
from edtech.errors import ContractError, UploadError
from edtech.settings import PROJECT
from edtech.tables.roles import PanelRoles


def shuffled(kind: str) -> pd.DataFrame:
    return read_upload("x", sample_csv(kind)).frame.sample(frac=1, random_state=1)


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def both_ways(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, content: bytes, roles, **more) -> list:
    """Store an upload in memory and out of it; return the data sets, or the errors."""
    result = []
    for least, name in ((10**9, "memory"), (10, "large")):
        monkeypatch.setattr(catalogue_module, "LARGE_ROWS", least)
        upload = catalogue.stage("x.csv", content)
        try:
            result.append(catalogue.add_upload(upload, roles, name=name, **more))
        except ContractError as error:
            result.append(error)
        upload.close()
    return result


@pytest.mark.parametrize("kind", CONTRACTS)
def test_large_tables_are_stored_as_small_ones(catalogue: Catalogue, monkeypatch, kind: str):
    frame = shuffled(kind)
    roles = CONTRACTS[kind].roles(**suggest_mapping(frame, kind))
    small, large = both_ways(catalogue, monkeypatch, csv(frame), roles)
    pd.testing.assert_frame_equal(large.main(), small.main())
    assert (large.digest, large.period, large.rows) == (small.digest, small.period, small.rows)
    assert large.source["sha256"] == small.source["sha256"]


def test_a_large_unit_may_be_made_of_several_columns(catalogue: Catalogue, monkeypatch):
    frame = shuffled("panel").assign(city="Oslo").rename(columns={"course_id": "product_id"})
    frame = pd.concat([frame, frame.assign(city="Bergen")])
    roles = PanelRoles(unit="city and product", segment=None, views=None)
    small, large = both_ways(catalogue, monkeypatch, csv(frame), roles, unit_parts=("city", "product_id"))
    assert large.panel()["city and product"].iloc[0] == "Bergen | C001"
    pd.testing.assert_frame_equal(large.panel(), small.panel())


def spoiled(kind: str) -> pd.DataFrame:
    frame = shuffled(kind).reset_index(drop=True)
    frame = pd.concat([frame, frame.head(3)], ignore_index=True)
    if kind == "panel":
        frame.loc[[5, 9], "enrollments"] = 10_000
        frame.loc[7, "token_price"] = -1.0
        frame["week"] = frame["week"].astype("str").mask(frame.index == 4, "soon")
    else:
        frame.loc[frame["visit_id"] == "V0007", "enrolled"] = 1
        frame.loc[3, "token_price"] = np.nan
    return frame


@pytest.mark.parametrize("kind", ["panel", "visits"])
def test_large_tables_are_rejected_with_the_same_messages(catalogue: Catalogue, monkeypatch, kind: str):
    frame = spoiled(kind)
    roles = CONTRACTS[kind].roles(**suggest_mapping(frame, kind))
    small, large = both_ways(catalogue, monkeypatch, csv(frame), roles)
    assert set(large.details) == set(small.details)
    assert len(small.details) >= 3
    by = ["row", "column", "problem"]
    pd.testing.assert_frame_equal(
        large.failures.sort_values(by, ignore_index=True), small.failures.sort_values(by, ignore_index=True)
    )
    assert catalogue.list() == []
    assert [path.name for path in catalogue.folder.iterdir()] == [".lock"]


def test_staged_rows_are_previewed_and_removed(catalogue: Catalogue):
    content = b"course,price,sold\n" + b"".join(b"c%d,%d.5,3\n" % (i, i) for i in range(50_000))
    upload = catalogue.stage("x.csv", content)
    assert (upload.rows, len(upload.frame), upload.notes[-1]) == (50_000, 20_000, "50,000 rows, 3 columns.")
    assert len(pd.read_parquet(upload.path)) == 50_000
    upload.close()
    assert [path.name for path in catalogue.folder.iterdir()] == [".lock"]
    with pytest.raises(UploadError):
        catalogue.stage("x.csv", b"a\n1\n")
    assert [path.name for path in catalogue.folder.iterdir()] == [".lock"]


MEASURE = r"""
import re, sys
from pathlib import Path
from edtech.data import Catalogue
from edtech.tables.roles import PanelRoles
def peak():
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
catalogue = Catalogue(Path(sys.argv[1]) / "data")
Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
before = peak()
upload = catalogue.stage("big.csv", Path(sys.argv[1]) / "big.csv")
stored = catalogue.add_upload(upload, PanelRoles(segment=None, views=None), name="big")
print(stored.rows, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a process's peak anew")
def test_a_large_file_takes_little_memory(tmp_path: Path):
    rows = np.arange(700_000)
    frame = pd.DataFrame({"course_id": rows // 50, "week": rows % 50, "token_price": 9.5, "enrollments": rows % 7})
    frame["note"] = "a note that no role needs, but that the file holds " * 4
    frame.to_csv(tmp_path / "big.csv", index=False)
    run = [sys.executable, "-c", MEASURE, str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=PROJECT)
    stored, kilobytes = map(int, done.stdout.split())
    assert stored == 700_000
    assert kilobytes < 500_000  # read whole and checked at once it takes more
