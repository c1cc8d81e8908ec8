"""The catalogue stores data sets completely and once, across restarts and kills, and ignores foreign files."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from edtech.data import Catalogue, read_upload, sample_csv
from edtech.errors import ContractError, DataError, DatasetNotFoundError, JobCancelledError
from edtech.market import MarketParams, generate_market
from edtech.settings import PROJECT
from edtech.tables.roles import RatingRoles
from tests.data.conftest import ROLES, sales


def test_a_panel_comes_back_as_it_was_stored(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name=" Sales ", source={"file": "<b>.csv"})
    again = Catalogue(catalogue.folder).get(stored.id)
    assert again == stored
    assert (again.name, again.kind, again.rows, again.tables) == ("Sales", "panel", 20, {"panel": 20})
    assert again.period == ("2024-01-01", "2024-01-29")
    assert again.source == {"file": "<b>.csv"}
    assert again.roles == ROLES
    assert again.created.utcoffset().total_seconds() == 0
    pd.testing.assert_frame_equal(again.panel(), sales(), check_dtype=False)


def test_the_same_again_is_the_same_data_set(catalogue: Catalogue):
    first = catalogue.add_panel(sales(), ROLES, name="a")
    again = catalogue.add_panel(sales().sample(frac=1, random_state=1), ROLES, name="a")
    other_name = catalogue.add_panel(sales(), ROLES, name="b")
    other_roles = catalogue.add_panel(sales(), ROLES.model_copy(update={"prices_set": "schedule"}), name="a")
    other_content = catalogue.add_panel(sales().assign(token_price=3.0), ROLES, name="a")
    assert again == first
    assert first.digest == other_name.digest == other_roles.digest != other_content.digest
    assert len({item.id for item in (first, other_name, other_roles, other_content)}) == 4
    assert {item.id for item in catalogue.list()} == {first.id, other_name.id, other_roles.id, other_content.id}


def test_the_digest_is_the_same_in_another_process(catalogue: Catalogue):
    code = (
        "from pathlib import Path; from edtech.data import Catalogue; from tests.data.conftest import ROLES, sales;"
        f"print(Catalogue(Path({str(catalogue.folder)!r})).add_panel(sales(), ROLES, name='a').digest)"
    )
    run = [sys.executable, "-c", code]
    env = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=PROJECT, env=env)
    assert catalogue.add_panel(sales(), ROLES, name="a").digest == done.stdout.strip()
    assert len(catalogue.list()) == 1


def test_the_newest_comes_first(catalogue: Catalogue):
    names = ["a", "b", "c"]
    for name in names:
        catalogue.add_panel(sales(), ROLES, name=name)
    assert [item.name for item in catalogue.list()] == names[::-1]


def test_rename_delete_restore(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    assert catalogue.rename(stored.id, "=cmd()").name == "=cmd()"
    assert catalogue.get(stored.id).name == "=cmd()"
    catalogue.delete(stored.id)
    assert catalogue.list() == []
    assert [item.id for item in catalogue.list(deleted=True)] == [stored.id]
    with pytest.raises(DatasetNotFoundError):
        catalogue.get(stored.id)
    catalogue.restore(stored.id)
    assert [item.name for item in catalogue.list()] == ["=cmd()"]
    assert catalogue.get(stored.id).rows == 20


def test_adding_what_was_deleted_restores_it(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    catalogue.delete(stored.id)
    assert catalogue.add_panel(sales(), ROLES, name="a").id == stored.id
    assert len(catalogue.list()) == 1


def test_a_renamed_data_set_does_not_answer_to_its_old_name(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    catalogue.rename(stored.id, "b")
    again = catalogue.add_panel(sales(), ROLES, name="a")
    assert again.id != stored.id
    assert catalogue.add_panel(sales(), ROLES, name="a") == again
    assert sorted(item.name for item in catalogue.list()) == ["a", "b"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_name_has_1_to_200_characters(catalogue: Catalogue, name):
    with pytest.raises(DataError, match="1 to 200 characters"):
        catalogue.add_panel(sales(), ROLES, name=name)
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    with pytest.raises(DataError, match="1 to 200 characters"):
        catalogue.rename(stored.id, name)
    assert catalogue.get(stored.id).name == "a"


@pytest.mark.parametrize("dataset_id", ["0" * 16, "../secret", "", "0" * 15 + "G", "/etc"])
def test_an_id_that_does_not_exist(catalogue: Catalogue, dataset_id):
    for ask in (catalogue.get, catalogue.delete, catalogue.restore):
        with pytest.raises(DatasetNotFoundError, match="there is none"):
            ask(dataset_id)


def test_nothing_is_stored_of_a_bad_table(catalogue: Catalogue):
    with pytest.raises(ContractError):
        catalogue.add_panel(sales().assign(token_price=-1), ROLES, name="a")
    assert catalogue.list() == []
    assert not catalogue.folder.exists()


def test_an_empty_or_missing_folder_holds_no_data_sets(catalogue: Catalogue):
    assert catalogue.list() == []
    catalogue.folder.mkdir(parents=True)
    assert catalogue.list() == []


def test_foreign_and_damaged_folders_are_passed_over(catalogue: Catalogue):
    good, *bad = (catalogue.add_panel(sales(), ROLES, name=name) for name in "abcdefgh")
    records = [catalogue.folder / item.id / "dataset.json" for item in bad]
    records[0].write_text("{")
    records[1].write_text("[" * 100_000)
    records[2].write_bytes(b"\xff\x00")
    records[3].write_text(json.dumps({**json.loads(records[3].read_text()), "tables": {"../../etc": 1}}))
    records[4].write_text(json.dumps({**json.loads(records[4].read_text()), "id": good.id}))
    records[5].write_text(json.dumps({**json.loads(records[5].read_text()), "version": 2}))
    (records[6].parent / "panel.parquet").unlink()
    (catalogue.folder / "notes").mkdir()
    (catalogue.folder / "notes" / "dataset.json").write_text("{}")
    (catalogue.folder / "file.txt").write_text("x")
    assert catalogue.list() == [good]
    with pytest.raises(DatasetNotFoundError):
        catalogue.get(bad[0].id)


def test_adding_again_mends_a_damaged_data_set(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    (catalogue.folder / stored.id / "dataset.json").write_text("{")
    assert catalogue.add_panel(sales(), ROLES, name="a").id == stored.id
    assert catalogue.get(stored.id).panel().shape == (20, 4)


def test_a_damaged_table_raises_a_readable_error(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    (catalogue.folder / stored.id / "panel.parquet").write_bytes(b"PAR1")
    for ask in (stored.panel, stored.key_figures, stored.by_unit):
        with pytest.raises(DataError, match="missing or damaged"):
            ask()
    shutil.rmtree(catalogue.folder)
    with pytest.raises(DataError, match="missing or damaged"):
        stored.panel()


def test_a_read_only_folder_raises_a_readable_error(catalogue: Catalogue):
    catalogue.folder.parent.mkdir(exist_ok=True)
    catalogue.folder.write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        catalogue.add_panel(sales(), ROLES, name="a")


def test_many_at_once_store_one(catalogue: Catalogue):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: Catalogue(catalogue.folder).add_panel(sales(), ROLES, name="a").id, range(16)))
    assert [item.id for item in catalogue.list()] == list(ids)


# ---- kinds, lineage, mappings, purging, generating


def test_a_data_set_of_another_kind_has_no_demand_panel(catalogue: Catalogue):
    upload = read_upload("ratings.csv", sample_csv("ratings"))
    stored = catalogue.add_upload(upload, RatingRoles(course="course_id", time="date"), name="stars")
    assert (stored.kind, stored.rows, stored.period) == ("ratings", 800, ("2024-01-01", "2024-12-30"))
    assert catalogue.get(stored.id) == stored
    assert list(stored.main().columns) == ["teacher_id", "rating", "course_id", "date"]
    for ask in (stored.panel, stored.key_figures, lambda: stored.roles):
        with pytest.raises(DataError, match=r"is not a demand panel.*table of ratings by teacher"):
            ask()


def test_data_sets_stored_before_there_were_other_kinds_are_read(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    path = catalogue.folder / stored.id / "dataset.json"
    record = json.loads(path.read_text())
    assert record["roles"]["price"] == "token_price"
    del record["derived_from"]
    path.write_text(json.dumps(record))
    assert catalogue.get(stored.id) == stored


def test_a_record_whose_roles_are_of_another_kind_is_passed_over(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    path = catalogue.folder / stored.id / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "kind": "visits"}))
    assert catalogue.list() == []


def test_lineage_goes_back_to_the_file(catalogue: Catalogue):
    content = sales().to_csv(index=False).encode()
    first = catalogue.add_upload(read_upload("<b>.csv", content), ROLES, name="first")
    assert first.source["file"] == "<b>.csv"
    assert (first.source["bytes"], first.source["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    second = catalogue.add_panel(first.panel().head(9), ROLES, name="second", derived_from=first.id)
    assert catalogue.lineage(second.id) == (second, first)
    catalogue.delete(first.id)
    assert [item.name for item in catalogue.lineage(second.id)] == ["second", "first"]
    catalogue.purge(first.id)
    assert catalogue.lineage(second.id) == (second,)
    with pytest.raises(DatasetNotFoundError):
        catalogue.lineage(first.id)


def test_only_deleted_data_sets_are_purged(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    with pytest.raises(DatasetNotFoundError):
        catalogue.purge(stored.id)
    catalogue.delete(stored.id)
    catalogue.purge(stored.id)
    assert catalogue.list(deleted=True) == []
    assert [path.name for path in catalogue.folder.iterdir()] == [".lock"]


def test_the_mapping_is_remembered_for_files_with_the_same_columns(catalogue: Catalogue):
    frame = sales().rename(columns={"token_price": "zz", "course_id": "p"}).assign(city="x")
    roles = ROLES.model_copy(update={"price": "zz", "unit": "city and p"})
    upload = read_upload("a.csv", frame.to_csv(index=False).encode())
    assert catalogue.saved_mapping(upload.columns, "panel") is None
    catalogue.add_upload(upload, roles, name="a", unit_parts=("city", "p"))
    result = Catalogue(catalogue.folder).saved_mapping(tuple(reversed(upload.columns)), "panel")
    assert (result.roles, result.unit_parts) == (roles, ("city", "p"))
    assert catalogue.saved_mapping(upload.columns[1:], "panel") is None
    assert catalogue.saved_mapping(upload.columns, "visits") is None
    (file,) = (catalogue.folder / ".mappings").iterdir()
    file.write_text("{")
    assert catalogue.saved_mapping(upload.columns, "panel") is None


SMALL = MarketParams(learners=300, teachers=10, courses=30, weeks=12, seed=3)


def test_a_market_is_generated_into_the_catalogue(catalogue: Catalogue):
    message: list[float] = []
    stored = catalogue.add_generated(SMALL, name="small", progress=lambda share, _: message.append(share))
    market = generate_market(SMALL)
    assert stored.digest == market.digest
    assert stored.tables == {name: len(table) for name, table in market.tables.items()}
    for name, table in market.tables.items():
        pd.testing.assert_frame_equal(stored.table(name), table.reset_index(drop=True))
    assert stored.key_figures().quantity == len(market.tables["enrollments"])
    assert stored.query("SELECT sum(tokens_spent)::BIGINT AS spent FROM enrollments WHERE token_price > ?", 0)[
        "spent"
    ].tolist() == [market.tables["enrollments"]["tokens_spent"].sum()]
    assert message[-1] == 1
    assert catalogue.add_generated(SMALL, name="small") == stored
    again = catalogue.get(stored.id).market()
    assert again.check_identities() == []
    assert again.params == SMALL


@pytest.mark.parametrize("after", [0, 1])
def test_a_cancelled_generation_leaves_nothing(catalogue: Catalogue, after):
    request = iter([False] * after + [True] * 9)
    with pytest.raises(JobCancelledError):
        catalogue.add_generated(SMALL, name="small", cancelled=lambda: next(request))
    assert catalogue.list() == []
    assert [path.name for path in catalogue.folder.iterdir()] == [".lock"]


def test_an_invalid_name_is_rejected_before_generation(catalogue: Catalogue):
    with pytest.raises(DataError, match="1 to 200 characters"):
        catalogue.add_generated(MarketParams(), name=" ", progress=lambda *_: pytest.fail("generated"))


def test_a_draft_in_use_is_not_swept(catalogue: Catalogue):
    with catalogue.draft() as draft:
        (draft.folder / "part").write_text("x")
        (catalogue.folder / ".writing-left").mkdir()
        catalogue.add_panel(sales(), ROLES, name="a")
        assert (draft.folder / "part").is_file()
        assert not (catalogue.folder / ".writing-left").exists()
    assert sorted(path.name for path in catalogue.folder.glob(".*")) == [".lock"]


WRITER = """
from pathlib import Path
from edtech.data import Catalogue
from tests.data.conftest import ROLES, sales
catalogue, panel = Catalogue(Path({folder!r})), sales(300, 60)
for number in range(10**6):
    stored = catalogue.add_panel(panel, ROLES, name=str(number))
    catalogue.rename(stored.id, "renamed " + str(number))
    print(number, flush=True)
"""


def test_killed_at_any_moment_the_catalogue_is_whole(catalogue: Catalogue):
    moments = np.random.default_rng(5)
    for _ in range(5):
        before = {item.id for item in catalogue.list()}
        code = WRITER.format(folder=str(catalogue.folder))
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=PROJECT) as writer:
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(timeout=moments.uniform(0, 0.2))
            writer.kill()
        after = catalogue.list()
        assert before < {item.id for item in after} or not before
        assert all(item.panel().shape == (18_000, 4) for item in after)
    assert catalogue.add_panel(sales(), ROLES, name="after").rows == 20
    assert not list(catalogue.folder.glob(".writing-*"))
