import pytest

from edtech import reports
from edtech.errors import DataError, ReportError
from edtech.reports import FORMATS, failure_report, read, write


def test_every_format_is_described():
    for extension, item in FORMATS.items():
        assert item.title
        assert item.help.endswith(".")
        assert "/" in item.mime, extension


@pytest.mark.parametrize("extension", FORMATS)
def test_the_file_itself_says_why_a_report_could_not_be_made(extension):
    error = DataError("The file is gone", expected="a file", fix="Upload it again", details=["row 3: <b>"])
    content = "\n".join(read(write(failure_report(error), extension), extension).values.values())
    for text in ("The file is gone", "a file", "Upload it again", "row 3: <b>"):
        assert text in content


def test_another_extension_is_refused_and_the_message_lists_all(report):
    with pytest.raises(ReportError, match=r"\.html, \.pdf, \.xlsx, \.zip, \.csv.*\.docx"):
        write(report, "docx")
    with pytest.raises(ReportError, match="no extension"):
        write(report, "")


def test_former_names_keep_working():
    assert (reports.FORMS, reports.failed, reports.Shown) == (FORMATS, failure_report, reports.ReportContent)
