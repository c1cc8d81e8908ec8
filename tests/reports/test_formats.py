import pytest

from edtech.errors import DataError, ReportError
from edtech.reports import FORMATS, failure_report, read, write


def test_every_form_says_what_it_is_for():
    for ending, form in FORMATS.items():
        assert form.title
        assert form.help.endswith(".")
        assert "/" in form.mime, ending


@pytest.mark.parametrize("ending", FORMATS)
def test_why_a_report_could_not_be_made_stands_in_the_file_itself(ending):
    error = DataError("The file is gone", expected="a file", fix="Upload it again", details=["row 3: <b>"])
    shown = "\n".join(read(write(failure_report(error), ending), ending).places.values())
    for words in ("The file is gone", "a file", "Upload it again", "row 3: <b>"):
        assert words in shown


def test_another_ending_is_refused_with_those_there_are(report):
    with pytest.raises(ReportError, match=r"\.html, \.pdf, \.xlsx, \.zip, \.csv.*\.docx"):
        write(report, "docx")
    with pytest.raises(ReportError, match="no ending"):
        write(report, "")
