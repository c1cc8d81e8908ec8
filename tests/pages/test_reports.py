"""The Reports page archives, verifies and deletes reports."""

import shutil

import pytest

from edtech.reports import write
from edtech.reports.archive import archive_report, archived_reports
from edtech.reports.recipes import HealthRecipe, Stores, report_of
from tests.pages.look import press, table, texts


@pytest.fixture
def report(stored_full, home) -> bytes:
    """A report of the small market in this test's own home, as CSV."""
    shutil.copytree(stored_full.settings.data_dir / stored_full.market.id, home.data_dir / stored_full.market.id)
    return write(report_of(HealthRecipe(dataset=stored_full.market.id), Stores.of(home)), "csv")


def test_an_archived_report_is_verified_and_deleted(report, home, open_page):
    name = archive_report(home.reports_dir, "health-report", "csv", report)
    app = open_page("reports")
    assert table(app, "Report")["Report"].tolist() == [name]
    press(app, "Verify")
    assert not app.exception
    assert f"{name}: All " in texts(app)
    assert "values match the stored data" in texts(app)
    press(app, "Delete permanently")
    assert "No report is stored yet" in texts(app)
    assert archived_reports(home.reports_dir) == ()


def test_verification_lists_the_changed_numbers_of_a_file(report, open_page):
    app = open_page("reports")
    changed = report.replace(b"tokens", b"![](https://evil.example/x.png)", 1)
    app.file_uploader(key="reports.file").upload("mine.csv", changed).run()
    press(app, "Verify")
    assert not app.exception
    assert "differ from the stored data" in texts(app)
    assert "the file shows" in texts(app)
    app.file_uploader(key="reports.file").upload("mine.csv", b"a,b\n1,2\n").run()
    press(app, "Verify")
    assert "The file is not a readable report" in texts(app)
