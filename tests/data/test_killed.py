"""After a kill at any time of a generation or upload, the catalogue opens and has only complete data sets."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edtech.data import Catalogue
from edtech.settings import PROJECT
from tests.data.conftest import KILLS, ROLES, sales

GENERATE = """
from pathlib import Path
from edtech.data import Catalogue
from edtech.market import MarketParams
if __name__ == "__main__":
    catalogue = Catalogue(Path({folder!r}))
    for seed in range({start}, 10**6):
        params = MarketParams(learners=6_000, teachers=20, courses=40, weeks=10, seed=seed)
        print("begin", flush=True)
        catalogue.add_generated(params, name=str(seed))
"""
UPLOAD = """
from pathlib import Path
import edtech.data.catalogue as module
from edtech.data import Catalogue
from tests.data.conftest import ROLES, sales
module.LARGE_ROWS = {large}
catalogue, content = Catalogue(Path({folder!r})), sales(300, 60).to_csv(index=False).encode()
for number in range({start}, 10**6):
    print("begin", flush=True)
    upload = catalogue.stage("sales.csv", content)
    stored = catalogue.add_upload(upload, ROLES, name=str(number))
    upload.close()
    catalogue.delete(stored.id)
    catalogue.purge(stored.id) if number % 2 else catalogue.restore(stored.id)
"""


def run_and_kill(code: str, seconds: float) -> None:
    """Run a program, and kill it so many seconds after it began."""
    env = os.environ | {"PYTHONPATH": str(PROJECT)}
    program = [sys.executable, "-c", code]
    with subprocess.Popen(program, stdout=subprocess.PIPE, cwd=PROJECT, env=env) as writer:
        assert writer.stdout.readline() == b"begin\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(timeout=seconds)
        writer.send_signal(signal.SIGKILL)


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(".*") if path.name not in (".lock", ".mappings"))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("code", "large", "longest"),
    [(GENERATE, 0, 1.5), (UPLOAD, 10**9, 0.5), (UPLOAD, 10, 0.7)],
    ids=["generating", "uploading", "uploading a large file"],
)
def test_killed_at_any_moment_the_catalogue_holds_the_old_or_the_new(catalogue: Catalogue, code, large, longest):
    moments = np.random.default_rng(7)
    saved: set[str] = set()
    for attempt in range(KILLS):
        program = code.format(folder=str(catalogue.folder), start=1_000 * attempt, large=large)
        run_and_kill(program, moments.uniform(0, longest))
        after = [*catalogue.list(), *catalogue.list(deleted=True)]
        assert saved <= {item.id for item in after}
        for item in after[-3:]:
            assert {table: len(item.table(table)) for table in item.tables} == item.tables
            if item.kind == "market":
                assert item.market().digest == item.digest
        assert {path.name for path in catalogue.folder.glob("[0-9a-f]*")} == {item.id for item in after}
        saved = {item.id for item in after if item.deleted is None}
    catalogue.add_panel(sales(), ROLES, name="after")
    assert hidden(catalogue.folder) == []
