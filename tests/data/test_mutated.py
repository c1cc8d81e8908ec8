"""Any mutated file becomes a valid table or is rejected with a message; after a failure nothing is stored."""

import gzip
import io
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from edtech.data import (
    CONTRACTS,
    Catalogue,
    check_dataset,
    read_upload,
    roles_for,
    sample_csv,
    sample_panel_csv,
    suggest_kind,
    suggest_mapping,
)
from edtech.data.summary import dictionary, summary
from edtech.errors import EdtechError
from tests.data.conftest import MUTATIONS, peak_memory
from tests.data.test_upload import parquet_bytes

MEMORY = 600_000  # kilobytes more than the process had used at its highest before


def first_lines(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:80])


def sheet_bytes() -> bytes:
    created, sink = openpyxl.Workbook(), io.BytesIO()
    for line in SAMPLE.decode().splitlines()[:30]:
        created.active.append([float(cell) if cell.replace(".", "").isdigit() else cell for cell in line.split(",")])
    created.save(sink)
    return sink.getvalue()


def bomb_bytes() -> bytes:
    """Return a workbook of some kilobytes whose sheet is 60 MB of blanks when unpacked."""
    sink = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(sheet_bytes())) as whole,
        zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as created,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            created.writestr(name, content.replace(b"<sheetData>", b"<sheetData>" + b" " * 60_000_000))
    return sink.getvalue()


SAMPLE = first_lines(sample_panel_csv())
MIXED = b"course_id,week,token_price,enrollments\n" + b"C1,2024-01-01,9.5,3\n7,3,free,3.5\n,soon,1 5,yes\n" * 20
BASES = {
    "text": SAMPLE,
    "packed": gzip.compress(SAMPLE),
    "Parquet": parquet_bytes(pa.Table.from_pandas(read_upload("s", sample_panel_csv()).frame.head(50))),
    "UTF-16": SAMPLE.decode().encode("utf-16"),
    "sheet": sheet_bytes(),
    "visits": first_lines(sample_csv("visits")),
    "labels": first_lines(sample_csv("labels")),
    "ratings": first_lines(sample_csv("ratings")),
    "bomb": bomb_bytes(),
    "mixed": MIXED,
    "wide": (",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join("1" * 10_000) + "\n").encode(),
}
JUNK = [
    b"\0",
    b'"',
    b"\n",
    b",",
    b";",
    b"\xff\xfe",
    b"\xe4",
    b"=1+1",
    b"-",
    b"1e999",
    b"\r",
    SAMPLE[:90],
    b"x" * 150_000,
]


@st.composite
def mutated(draw) -> bytes:
    content = draw(st.sampled_from(list(BASES.values())))
    for _ in range(draw(st.integers(0, 4))):
        at, end = sorted(draw(st.tuples(st.integers(0, len(content)), st.integers(0, len(content)))))
        what = draw(st.sampled_from(["cut", "drop", "insert", "overwrite"]))
        patch = draw(st.one_of(st.sampled_from(JUNK), st.binary(max_size=6)))
        content = {
            "cut": content[:at],
            "drop": content[:at] + content[end:],
            "insert": content[:at] + patch + content[at:],
            "overwrite": content[:at] + patch + content[at + len(patch) :],
        }[what]
    return content


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return Catalogue(tmp_path_factory.mktemp("mutated") / "data")


@pytest.fixture(scope="module")
def peak_before() -> int:
    return peak_memory()


@settings(max_examples=MUTATIONS)
@given(mutated(), st.sampled_from(["", *CONTRACTS]))
def test_a_mutated_file_is_stored_completely_or_rejected_with_a_message(
    stored: Catalogue, peak_before: int, content: bytes, kind: str
):
    before = {item.id for item in stored.list()}
    refused, upload = "", None
    try:
        upload = stored.stage("x", content, limit_mb=20)
        kind = kind or suggest_kind(upload.frame)
        roles = roles_for(kind, suggest_mapping(upload.frame, kind))
        dataset = stored.add_upload(upload, roles, name="x")
    except EdtechError as error:
        refused = str(error)
    if upload is not None:
        upload.close()
    if refused:
        assert len(refused) < 10_000
        assert {item.id for item in stored.list()} == before
    else:
        assert len(dataset.main()) == upload.rows
        assert check_dataset(dataset)[-1].code == "learnable"
        assert summary(dataset)
        assert len(dictionary(dataset, kind)) == len(dataset.main().columns)
    event("refused" if refused else "stored")
    assert peak_memory() - peak_before < MEMORY


def test_nothing_is_left_of_a_rejected_file(stored: Catalogue, tmp_path: Path):
    catalogue = Catalogue(tmp_path / "data")
    with pytest.raises(EdtechError):
        catalogue.stage("x", gzip.compress(b"a,b\n1,2,3\n"))
    assert [path.name for path in catalogue.folder.iterdir()] == [".lock"]
