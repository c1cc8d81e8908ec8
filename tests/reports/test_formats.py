import pytest

from edtech.errors import DataError, ReportError
from edtech.reports import FORMS, failed, read, write


def test_every_form_says_what_it_is_for():
    for ending, form in FORMS.items():
        assert form.title
        assert form.help.endswith(".")
        assert "/" in form.mime, ending


@pytest.mark.parametrize("ending", FORMS)
def test_why_a_report_could_not_be_made_stands_in_the_file_itself(ending):
    error = DataError("The file is gone", expected="a file", fix="Upload it again", details=["row 3: <b>"])
    shown = "\n".join(read(write(failed(error), ending), ending).places.values())
    for words in ("The file is gone", "a file", "Upload it again", "row 3: <b>"):
        assert words in shown


def test_another_ending_is_refused_with_those_there_are(report):
    with pytest.raises(ReportError, match=r"\.html, \.pdf, \.xlsx, \.zip, \.csv.*\.docx"):
        write(report, "docx")
    with pytest.raises(ReportError, match="no ending"):
        write(report, "")
