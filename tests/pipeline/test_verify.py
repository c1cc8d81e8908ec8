"""Every type of report in every form agrees with the stores, and one changed number anywhere does not."""

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from pypdf import PdfReader, PdfWriter
from typer.testing import CliRunner

from edtech.cli import app
from edtech.errors import DatasetNotFoundError, ReportError
from edtech.pipeline.recipes import (
    ComparisonRecipe,
    EconomyRecipe,
    HealthRecipe,
    OutlookRecipe,
    RunRecipe,
    Stores,
    TrainingsRecipe,
    WhatIfRecipe,
    parse,
    report_of,
)
from edtech.pipeline.training import train_runs
from edtech.pipeline.verify import differences, verify
from edtech.pricing.asked import PriceChange
from edtech.pricing.bounds import Constraints
from edtech.pricing.saved import Scenario
from edtech.reports import FORMS, Report, read, write
from edtech.reports.pdf import NUMBERS

KINDS = ("health", "run", "comparison", "what-if", "trainings", "economy", "outlook")
CHANGES = 10
NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")


@pytest.fixture(scope="module")
def stores(place) -> Stores:
    return Stores.of(place)


@pytest.fixture(scope="module")
def made(market, tracker, stores) -> dict[str, Report]:
    """A report of each kind."""
    runs = tuple(str(run.run_id) for run in train_runs(market, ["fixed_effects", "linear"], tracker=tracker))
    segment = str(market.panel()["category"].iloc[0])
    dearer = Scenario(name="Dearer", dataset_id=market.id, run_id=runs[0],
                      changes=(PriceChange("segment", (segment,), "percent", 0.1),))  # fmt: skip
    recipes = [
        HealthRecipe(dataset=market.id),
        RunRecipe(run=runs[0]),
        ComparisonRecipe(runs=runs, baseline=runs[0]),
        WhatIfRecipe(scenario=dearer, constraints=Constraints(most_changed=5)),
        TrainingsRecipe(dataset=market.id, runs=runs),
        EconomyRecipe(dataset=market.id),
        OutlookRecipe(dataset=market.id, run=runs[0], changes={segment: 0.1}, assumed={"draws": 100}),
    ]
    return {recipe.kind: report_of(recipe, stores) for recipe in recipes}


def short(report: Report) -> Report:
    """The report with the first rows of its tables: it is read eleven times."""
    sections = [
        replace(section, tables=tuple(replace(table, frame=table.frame.head(12)) for table in section.tables))
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections))


def spread(count: int) -> list[int]:
    """Ten places out of so many, from the first to the last."""
    assert count >= CHANGES
    return np.linspace(0, count - 1, CHANGES).astype(int).tolist()


def other(number: str) -> str:
    """The number with its first digit that matters changed."""
    place = next((place for place, digit in enumerate(number) if digit in "123456789"), len(number) - 1)
    return number[:place] + str((int(number[place]) + 4) % 10) + number[place + 1 :]


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d[\d,]*(\.\d+)?(e[+-]\d+)?", text) is not None


def changed_csv(data: bytes, column: int | None) -> list[bytes]:
    rows = list(csv.reader(io.StringIO(data.decode())))
    places = [
        (row, place) for row, cells in enumerate(rows) for place, cell in enumerate(cells)
        if is_number(cell) and column in (None, place)
    ]  # fmt: skip
    return [_with(rows, *places[one]) for one in spread(len(places))]


def _with(rows: list[list[str]], row: int, place: int) -> bytes:
    copy = [list(cells) for cells in rows]
    copy[row][place] = other(copy[row][place])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(copy)
    return out.getvalue().encode()


def changed_zip(data: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    fullest = max(files, key=lambda name: len(re.findall(rb"(?<![^,\n])-?\d+\.?\d*(?=[,\n])", files[name])))
    return [_zipped(files | {fullest: one}) for one in changed_csv(files[fullest], None)]


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed_xlsx(data: bytes) -> list[bytes]:
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [
        (sheet.title, cell.coordinate) for sheet in book for row in sheet.iter_rows() for cell in row
        if isinstance(cell.value, int | float) and not isinstance(cell.value, bool)
    ]  # fmt: skip
    return [_saved(data, *cells[one]) for one in spread(len(cells))]


def _saved(data: bytes, sheet: str, cell: str) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    book[sheet][cell].value += 1
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed_html(data: bytes) -> list[bytes]:
    """Numbers that are shown, numbers behind them, and numbers in prose."""
    page = data.decode()
    shown = [match.span(1) for match in re.finditer(r'<data value="[^"]*">([^<]*\d[^<]*)</data>', page)]
    exact = [match.span(1) for match in re.finditer(r'<data value="([^"]*\d[^"]*)">', page)]
    prose = [match.span(1) for match in re.finditer(r"<p>([^<&]*\d[^<&]*)</p>", page)]
    spans = [*(shown[one] for one in spread(len(shown))[:4]), *(exact[one] for one in spread(len(exact))[4:])]
    spans += prose[:1]
    return [(page[:start] + other(page[start:end]) + page[end:]).encode() for start, end in spans]


def changed_pdf(data: bytes) -> list[bytes]:
    """The attached numbers; what is on the pages has a test of its own."""
    attached = PdfReader(io.BytesIO(data)).attachments[NUMBERS][0]
    return [_attached(data, one) for one in changed_csv(attached, 4)]


def _attached(data: bytes, numbers: bytes) -> bytes:
    writer = PdfWriter()
    for page in PdfReader(io.BytesIO(data)).pages:
        writer.add_page(page)
    writer.add_attachment(NUMBERS, numbers)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


CHANGED = {
    "html": changed_html,
    "pdf": changed_pdf,
    "xlsx": changed_xlsx,
    "zip": changed_zip,
    "csv": lambda data: changed_csv(data, 4),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_in_every_form_agrees_with_the_stores(made, stores, tmp_path, kind):
    again = report_of(parse(made[kind].recipe), stores)
    for ending in FORMS:
        shown, fresh = read(write(made[kind], ending), ending), read(write(again, ending), ending)
        assert shown.recipe == made[kind].recipe
        assert differences(shown, fresh) == ()
        assert len(fresh.places) > 30


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_of_ten_changed_numbers_is_found(made, kind, ending):
    data = write(short(made[kind]), ending)
    fresh, changed = read(data, ending), CHANGED[ending](data)
    assert len(changed) >= CHANGES
    for one in changed:
        found = differences(read(one, ending), fresh)
        assert found, "a changed number was not found"
        assert any(NUMBER.search(str(each.shown)) for each in found)


def test_a_number_changed_on_a_page_of_a_pdf_is_found(made):
    report = made["what-if"]
    table = next(report.tables())
    frame = table.frame.copy()
    frame.loc[0, "planned"] *= 1.5
    section = replace(report.sections[0], tables=(replace(table, frame=frame), *report.sections[0].tables[1:]))
    attached = PdfReader(io.BytesIO(write(report, "pdf"))).attachments[NUMBERS][0]
    false = _attached(write(replace(report, sections=(section, *report.sections[1:])), "pdf"), attached)
    found = differences(read(false, "pdf"), read(_attached(write(report, "pdf"), attached), "pdf"))
    assert [one.place.startswith("page 1") for one in found] == [True]


@pytest.mark.parametrize("ending", FORMS)
def test_the_command_says_which_number_differs(made, place, tmp_path, ending):
    file = tmp_path / f"report.{ending}"
    data = write(made["comparison"], ending)
    file.write_bytes(data)
    told = CliRunner().invoke(app, ["verify", str(file), "--out", str(place.root)], catch_exceptions=False)
    assert (told.exit_code, "agree with the stores" in told.output) == (0, True)
    file.write_bytes(CHANGED[ending](data)[3])
    told = CliRunner().invoke(app, ["verify", str(file), "--out", str(place.root)], catch_exceptions=False)
    assert told.exit_code == 1
    assert "the file shows" in told.output
    assert re.search(r"\d+ of [\d,]+ places differ", told.output)


def test_a_number_changed_in_the_store_is_found(made, tracker, stores, tmp_path):
    file = tmp_path / "report.csv"
    runs = [tracker.runs.get_run(run_id) for run_id in parse(made["comparison"].recipe).runs]
    rmse = runs[0].metrics["rmse"]
    client = tracker.runs._client
    report = report_of(ComparisonRecipe(runs=(runs[0].run_id,)), stores)
    file.write_bytes(write(report, "csv"))
    assert verify(file, stores).differences == ()
    client.log_metric(runs[0].run_id, "rmse", rmse + 1, step=1)
    found = verify(file, stores).differences
    client.log_metric(runs[0].run_id, "rmse", rmse, step=2)
    assert any(one.shown == repr(rmse) and one.expected == repr(rmse + 1) for one in found)
    assert verify(file, stores).differences == ()


def test_what_is_gone_is_said(made, tmp_path, home):
    file = tmp_path / "report.html"
    file.write_bytes(write(made["health"], "html"))
    with pytest.raises(DatasetNotFoundError):
        verify(file, Stores.of(home))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("", "has no recipe"),
        ("{", "No report"),
        ('{"kind": "shell", "command": "true"}', "No report"),
        ('{"kind": "health", "dataset": "../../etc/passwd"}', "No report"),
        ('{"kind": "health", "dataset": "' + "0" * 16 + '", "folder": "/etc"}', "No report"),
    ],
)
def test_a_recipe_of_others_is_refused(made, stores, tmp_path, recipe, words):
    file = Path(tmp_path, "report.html")
    file.write_bytes(write(replace(made["health"], recipe=recipe), "html"))
    with pytest.raises(ReportError, match=words):
        verify(file, stores)
