"""Reports in their folder: listed, read and removed by name, and nothing else in reach."""

import os

import pytest

from edtech.errors import ReportError
from edtech.reports import archive
from edtech.reports.archive import archive_report, archived_reports, delete_archived, read_archived


def test_an_archived_report_is_listed_read_and_deleted(tmp_path):
    folder = tmp_path / "reports"
    assert archived_reports(folder) == ()
    name = archive_report(folder, "economy-report", "pdf", b"%PDF")
    [report] = archived_reports(folder)
    assert (report.name, report.extension, report.size) == (name, "pdf", 4)
    assert read_archived(folder, name) == b"%PDF"
    delete_archived(folder, name)
    assert archived_reports(folder) == ()


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "state.json", "link.csv", "", "sub.csv"])
def test_no_name_reaches_another_file(tmp_path, name):
    (tmp_path / "secret.csv").write_text("secret")
    folder = tmp_path / "reports"
    (folder / "sub.csv").mkdir(parents=True)
    (folder / "state.json").write_text("{}")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    assert archived_reports(folder) == ()
    for act in (read_archived, delete_archived):
        with pytest.raises(ReportError, match="not archived"):
            act(folder, name)
    assert (tmp_path / "secret.csv").exists()


def test_a_report_that_goes_while_the_list_is_read_is_left_out(tmp_path, monkeypatch):
    names = [archive_report(tmp_path, name, "csv", b"1") for name in ("run-report", "health-report")]
    files = list(os.scandir(tmp_path))
    (tmp_path / names[0]).unlink()
    monkeypatch.setattr(archive.os, "scandir", lambda _folder: files)
    assert [report.name for report in archived_reports(tmp_path)] == names[1:]


def test_only_the_newest_downloads_stay_and_other_reports_always(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_DOWNLOADS", 2)
    (tmp_path / "pipeline_report.csv").write_bytes(b"1")
    names = [archive_report(tmp_path, "run-report", "csv", bytes([number])) for number in range(4)]
    left = {report.name for report in archived_reports(tmp_path)}
    assert "pipeline_report.csv" in left
    assert len(left) == 3
    assert left < {"pipeline_report.csv", *names}


def test_a_folder_that_cannot_be_used_is_an_error(tmp_path):
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ReportError, match="cannot be used"):
        archive_report(tmp_path / "reports", "run-report", "csv", b"1")
