import io

import numpy as np
import pandas as pd
from pypdf import PdfReader

from edtech.reports import Report, Section, Table, to_csv, to_pdf


def opened(report: Report) -> PdfReader:
    return PdfReader(io.BytesIO(to_pdf(report)))


def text(report: Report) -> str:
    return "\n".join(page.extract_text() for page in opened(report).pages)


def only(frame: pd.DataFrame, **more) -> Report:
    return Report("T", "Q", (Section("S", (), (Table("Long", frame, **more),)),), {"Seed": 7})


def test_all_text_and_numbers_can_be_extracted(report):
    content = text(report)
    for phrase in (
        "What if <prices> rise",
        "Do we earn more?",
        "Answer <script>alert(2)</script>",
        "Revenue rises by 3%.",
    ):
        assert phrase in content
    for phrase in ("change (share)", "-0.12", "1,235", "=1+1", "数据", "2025-01-06", "sha256:0a1b", "=HYPERLINK(1)"):
        assert phrase in content
    assert "![](https://evil.example/y.png) <b>bold</b>" in content
    assert opened(report).metadata.title == "What if <prices> rise"


def test_nothing_in_it_runs_or_loads(report):
    reader = opened(report)
    assert reader.get_fields() in (None, {})
    for page in reader.pages:
        assert "/Annots" not in page
    root = reader.trailer["/Root"]
    assert not {"/OpenAction", "/AA", "/AcroForm"} & set(root)
    assert "/JavaScript" not in root.get("/Names", {})


def test_figures_are_drawn_twice_as_fine_as_on_screen(report):
    images = [image for page in opened(report).pages for image in page.images]
    assert len(images) == 3
    assert all(image.image.width >= 1_100 for image in images)
    assert "A curve that peaks at +10%" in text(report)


def test_a_long_table_repeats_its_head_shows_its_beginning_and_says_so():
    reader = opened(only(pd.DataFrame({"number": range(1_200), "twice": np.arange(1_200) * 2.5})))
    pages = [page.extract_text() for page in reader.pages]
    assert len(pages) > 4
    assert all("twice" in page for page in pages if "Provenance" not in page)
    assert "The first 300 of 1,200 rows; the attached numbers.csv holds all." in "".join(pages)
    assert "747.5" in "".join(pages)  # twice the last row that is shown
    assert "750" not in "".join(pages)


def test_a_wide_table_is_continued_below_with_its_first_column():
    frame = pd.DataFrame({"metric": ["rmse"], **{f"run {number}": [number + 0.5] for number in range(50)}})
    reader = opened(only(frame))
    content = "".join(page.extract_text() for page in reader.pages)
    assert reader.pages[0].mediabox.width > reader.pages[0].mediabox.height
    assert all(f"{number + 0.5:g}" in content for number in range(50))
    assert content.count("rmse") == content.count("metric") > 1


def test_a_cell_longer_than_a_page_is_cut():
    content = text(only(pd.DataFrame({"name": ["x " * 50_000]})))
    assert "…" in content


def test_the_exact_numbers_are_attached(report):
    assert opened(report).attachments["numbers.csv"] == [to_csv(report)]


def test_it_is_small_and_the_same_report_gives_the_same_bytes(report):
    assert to_pdf(report) == to_pdf(report)
    assert len(to_pdf(report)) < 600_000
