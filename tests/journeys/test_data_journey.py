"""Use the Data page by clicking: cancel a long generation, upload files, explore them."""

import io
import re

import pandas as pd
import pytest

from edtech.data import Catalogue, sample_csv
from edtech.settings import MEGABYTE
from edtech.tables.roles import LabelRoles
from edtech.ui.upload_storage import SMALL_MB
from tests.journeys.conftest import JOB, Dashboard
from tests.waiting import until

pytestmark = pytest.mark.browser


def upload(tab: Dashboard, name: str, content: bytes) -> None:
    tab.page.get_by_role("tab", name="Upload").click()
    tab.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )
    tab.see("Column roles.")


def large_labels() -> bytes:
    """Return labeled rows that are too large for Streamlit's memory."""
    sample = pd.read_csv(io.BytesIO(sample_csv("labels")))
    times = 2 + (SMALL_MB * MEGABYTE) // len(sample_csv("labels"))
    rows = pd.concat([sample] * times, ignore_index=True)
    rows["learner_id"] = [f"L{number:07d}" for number in range(len(rows))]
    return rows.to_csv(index=False).encode()


def unfinished(catalogue: Catalogue) -> list[str]:
    """Return the folders of unfinished data sets that a process still holds; the lock removes the others."""
    with catalogue.draft() as draft:
        return [path.name for path in catalogue.folder.glob(".writing-*") if path.is_dir() and path != draft.folder]


def test_a_canceled_generation_leaves_no_files(tab, dashboard_home):
    catalogue = Catalogue(dashboard_home.data_dir)
    before = [item.id for item in catalogue.list()]
    tab.open("data")
    tab.page.get_by_role("tab", name="Generate").click()
    tab.fill("generate.balanced.learners", "200000")
    tab.see("About 6")
    tab.press("Generate")
    cancel = tab.page.get_by_role("button", name="Cancel", exact=True)
    cancel.wait_for()
    progress = tab.page.get_by_test_id("stProgress").get_by_text(re.compile(r"shard \d+ of 40"))
    progress.wait_for(timeout=JOB)  # the worker imports its modules first
    cancel.click()
    tab.see("Canceled. Unfinished work is discarded.")
    assert [item.id for item in catalogue.list()] == before
    until(lambda: not unfinished(catalogue))  # the job is canceled at once, and its process ends later


def test_labeled_rows_and_a_bad_file_by_clicking(tab, dashboard_home, tmp_path):
    tab.open("data")
    bad = sample_csv("labels").replace(b",1\n", b",maybe\n", 3)
    upload(tab, "bad.csv", bad)
    tab.press("Check and store")
    tab.see("1 problem:")
    failures = pd.read_csv(tab.download("upload.failures", tmp_path))
    assert failures["value"].tolist() == ["'maybe'"] * 3
    tab.page.get_by_test_id("stFileChipDeleteBtn").get_by_role("button").click()
    upload(tab, "who left.csv", large := large_labels())
    tab.press("Check and store")
    tab.see("who left.csv is stored and selected")
    [stored] = [item for item in Catalogue(dashboard_home.data_dir).list() if item.name == "who left.csv"]
    assert isinstance(stored.mapping, LabelRoles)
    assert (stored.rows, stored.source["bytes"]) == (large.count(b"\n") - 1, len(large))
    tab.page.get_by_role("tab", name="Explore").click()
    tab.see("Outcome by column")
    table = pd.read_csv(tab.download("explore.download.csv", tmp_path))
    assert len(table) == stored.rows
    assert (tab.watch.errors, tab.watch.strangers) == ([], [])
