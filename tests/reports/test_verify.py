"""Every type of report in every form agrees with the stores, and one changed number anywhere does not."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from pypdf import PdfReader, PdfWriter
from typer.testing import CliRunner

from edtech.cli import app
from edtech.errors import DatasetNotFoundError, ReportError
from edtech.pricing.constraints import Constraints
from edtech.pricing.price_changes import PriceChange
from edtech.pricing.scenarios import Scenario
from edtech.reports import FORMS, Report, read, write
from edtech.reports.cells import shown
from edtech.reports.pdf import NUMBERS
from edtech.reports.recipes import (
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
from edtech.reports.verify import differences, verify
from edtech.training.trainer import train_runs

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
    dearer = Scenario(
        name="Dearer",
        dataset_id=market.id,
        run_id=runs[0],
        changes=(PriceChange("segment", (segment,), "percent", 0.1),),
    )
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
    """The report with the first rows of its tables and without its pictures."""
    sections = [
        replace(section, figures=(), tables=tuple(replace(one, frame=one.frame.head(12)) for one in section.tables))
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections))


def spread(places: Sequence[Any]) -> list[Any]:
    """Ten of the places, from the first to the last."""
    assert len(places) >= CHANGES
    return [places[one] for one in np.linspace(0, len(places) - 1, CHANGES).astype(int)]


def other(number: str) -> str:
    """The number with its first digit that matters changed."""
    place = next((place for place, digit in enumerate(number) if digit in "123456789"), len(number) - 1)
    return number[:place] + str((int(number[place]) + 4) % 10) + number[place + 1 :]


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d[\d,]*(\.\d+)?(e[+-]\d+)?", text) is not None


def changed_csv(data: bytes, column: int | None) -> bytes:
    rows = list(csv.reader(io.StringIO(data.decode())))
    places = [
        (row, place)
        for row, cells in enumerate(rows)
        for place, cell in enumerate(cells)
        if is_number(cell) and column in (None, place)
    ]
    for row, place in spread(places):
        rows[row][place] = other(rows[row][place])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def changed_zip(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    fullest = max(files, key=lambda name: len(re.findall(rb"(?<![^,\n])-?\d+\.?\d*(?=[,\n])", files[name])))
    return _zipped(files | {fullest: changed_csv(files[fullest], None)})


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def changed_xlsx(data: bytes) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [
        cell
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if isinstance(cell.value, int | float) and not isinstance(cell.value, bool)
    ]
    for cell in spread(cells):
        cell.value += 1
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed_html(data: bytes) -> bytes:
    """Numbers that are shown, numbers behind them, and one in prose where there is any."""
    page = data.decode()
    shown = [match.span(1) for match in re.finditer(r'<data value="[^"]*">([^<]*\d[^<]*)</data>', page)]
    exact = [match.span(1) for match in re.finditer(r'<data value="([^"]*\d[^"]*)">', page)]
    prose = [match.span(1) for match in re.finditer(r"<p>([^<&]*\d[^<&]*)</p>", page)]
    last = prose[0] if prose else spread(exact)[-1]
    for start, end in sorted([*spread(shown)[:4], *spread(exact)[4:-1], last], reverse=True):
        page = page[:start] + other(page[start:end]) + page[end:]
    return page.encode()


def changed_pdf(data: bytes) -> bytes:
    """The attached numbers; what is on the pages has a test of its own."""
    return _attached(data, changed_csv(PdfReader(io.BytesIO(data)).attachments[NUMBERS][0], 4))


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
    found = [one for one in differences(read(CHANGED[ending](data), ending), read(data, ending)) if one.shown]
    assert len(found) == CHANGES  # those that show nothing are empty cells that openpyxl leaves out
    assert all(NUMBER.search(str(one.shown)) for one in found)


def falsified(report: Report) -> tuple[Report, list[str]]:
    """The report with ten of its cells changed, and each paragraph that has a number, and what now stands in cells."""
    frames = {table.title: table.frame.copy().astype(object) for table in report.tables()}
    cells = [
        (frame, row, column)
        for frame in frames.values()
        for row in range(len(frame))
        for column in range(frame.shape[1])
        if is_number(str(frame.iat[row, column]))
    ]
    words = []
    for frame, row, column in spread(cells):
        value = frame.iat[row, column]
        frame.iat[row, column] = value * 2 + 1 if isinstance(value, Real) else other(value)
        words.append(shown(frame.iat[row, column]))
    sections = [
        replace(
            section,
            text=tuple(other(text) if re.search("[1-9]", text) else text for text in section.text),
            tables=tuple(replace(table, frame=frames[table.title]) for table in section.tables),
        )
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections)), words


@pytest.mark.parametrize("kind", KINDS)
def test_ten_numbers_changed_on_the_pages_of_a_pdf_are_found_and_those_in_its_paragraphs(made, kind):
    report = short(made[kind])
    false, words = falsified(report)
    data = write(report, "pdf")
    attached = PdfReader(io.BytesIO(data)).attachments[NUMBERS][0]
    found = differences(read(_attached(write(false, "pdf"), attached), "pdf"), read(_attached(data, attached), "pdf"))
    assert all(one.place.startswith("page ") for one in found)
    lines = " ".join(str(one.shown) for one in found)
    for section, changed in zip(report.sections, false.sections, strict=True):
        for texts in zip(section.text, changed.text, strict=True):
            words += [new for old, new in zip(*map(str.split, texts), strict=True) if old != new]
    assert [word for word in words if word not in lines] == []


@pytest.mark.parametrize("ending", FORMS)
def test_the_command_says_which_number_differs(made, place, tmp_path, ending):
    file = tmp_path / f"report.{ending}"
    data = write(made["comparison"], ending)
    file.write_bytes(data)
    told = CliRunner().invoke(app, ["verify", str(file), "--out", str(place.root)], catch_exceptions=False)
    assert (told.exit_code, "match the stored data" in told.output) == (0, True)
    file.write_bytes(CHANGED[ending](data))
    told = CliRunner().invoke(app, ["verify", str(file), "--out", str(place.root)], catch_exceptions=False)
    assert told.exit_code == 1
    assert "the file shows" in told.output
    assert re.search(r"\d+ of [\d,]+ values differ", told.output)


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
