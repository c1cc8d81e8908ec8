import re

import pandas as pd
import pytest

from edtech.errors import ReportError
from edtech.reports import Report, Section, Table, to_html
from tests.browser import watch
from tests.charts.conftest import HOSTILE


@pytest.fixture
def opened(page, report, tmp_path):
    """The report in a browser, and what it did that it should not."""
    file = tmp_path / "report.html"
    file.write_text(to_html(report), encoding="utf-8")
    watched = watch(page)
    page.on("dialog", lambda dialog: watched.errors.append(dialog.message))
    page.goto(file.as_uri())
    return page, watched


@pytest.mark.browser
def test_it_opens_without_a_network_or_an_error_and_shows_names_as_text(opened):
    page, watched = opened
    assert (watched.errors, watched.strangers) == ([], [])
    assert page.title() == "What if <prices> rise"
    names = page.locator("section").first.locator("tbody th").all_text_contents()
    assert names[:4] == HOSTILE[:4]
    assert page.locator("img, script, b, iframe, a:not([href^='#'])").count() == 0
    assert page.get_by_text("All react").count() == 1


@pytest.mark.browser
def test_its_numbers_are_the_exact_ones(opened, effects):
    page, _ = opened
    cells = page.locator("td data")
    values = cells.evaluate_all("cells => cells.map(cell => [cell.textContent, Number(cell.value)])")
    assert [value for text, value in values if text == "0.3"] == [0.1 + 0.2]
    assert [value for text, value in values if text == "1,235"] == [1_234.5678]
    assert [float(value) for text, value in values if text == "1.153e+18"] == [2.0**60]
    assert len(values) == 2 * len(effects) - 1  # two columns of numbers; nan is none


@pytest.mark.browser
def test_it_follows_the_theme_and_prints_on_white(opened):
    page, _ = opened
    colors = """() => [document.body, document.querySelector('svg text')].map(
        (node, place) => getComputedStyle(node)[place ? 'fill' : 'backgroundColor'])"""
    page.emulate_media(color_scheme="light")
    assert page.evaluate(colors) == ["rgb(255, 255, 255)", "rgb(27, 39, 51)"]
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colors) == ["rgb(13, 18, 24)", "rgb(228, 234, 240)"]
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(colors) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.browser
def test_on_a_phone_nothing_makes_the_page_wider(opened):
    page, _ = opened
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.browser
def test_the_policy_stops_what_would_slip_through(page, report, tmp_path):
    file = tmp_path / "report.html"
    slipped = "<script>document.title = 'owned'</script><img src='https://evil.example/x.png'></body>"
    file.write_text(to_html(report).replace("</body>", slipped), encoding="utf-8")
    watched = watch(page)
    page.goto(file.as_uri())
    assert page.title() == "What if <prices> rise"
    assert sum("Content Security Policy" in error for error in watched.errors) == 2


def test_it_can_be_read_aloud(report):
    page = to_html(report)
    assert '<html lang="en">' in page
    assert page.count("<h1>") == 1
    assert page.count("<table>") == page.count("<caption>") == 2
    assert len(re.findall(r"<th(?! scope)[\s>]", page)) == 0
    assert re.findall(r'<svg[^>]*role="img"[^>]*aria-label="([^"]+)"', page) == [
        "A curve that peaks at +10%",
        "All near -1",
        "Points near a line",
    ]
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', page)) <= set(ids)


def test_units_and_help_stand_with_their_column(report):
    page = to_html(report)
    assert re.search(r"change<small>share</small></th>", page)
    assert "<dt>change</dt><dd>Relative change of the total.</dd>" in page


def test_the_same_report_gives_the_same_page(report):
    assert to_html(report) == to_html(report)


def test_a_long_table_shows_its_beginning_and_says_so():
    frame = pd.DataFrame({"a": range(1_200)})
    page = to_html(Report("T", "Q", (Section("S", (), (Table("Long", frame),)),), {}))
    assert "The first 500 of 1,200 rows; the CSV download holds all." in page
    assert page.count("<tr>") == 1 + 500 + 1


def test_a_page_that_would_be_too_big_is_refused_with_what_to_do():
    wide = pd.DataFrame({f"c{number}": [1.5] * 500 for number in range(300)})
    with pytest.raises(ReportError, match=r"too big.*at most 6,000,000 bytes.*CSV"):
        to_html(Report("T", "Q", (Section("S", (), (Table("Wide", wide),)),), {}))
