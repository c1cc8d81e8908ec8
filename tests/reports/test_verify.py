"""Every kind of report in every format matches the stores, and a report with one changed number does not."""

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
from edtech.reports import FORMATS, Report, Table, read, write
from edtech.reports.cells import display
from edtech.reports.pdf import NUMBERS
from edtech.reports.recipes import (
    ComparisonRecipe,
    EconomyRecipe,
    ForecastRecipe,
    HealthRecipe,
    RunRecipe,
    Stores,
    TrainingsRecipe,
    WhatIfRecipe,
    parse_recipe,
    report_of,
)
from edtech.reports.verify import differences, verify, verify_bytes
from edtech.training.trainer import train_runs

KINDS = ("health", "run", "comparison", "what-if", "trainings", "economy", "outlook")
CHANGES = 10
NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")


@pytest.fixture(scope="module")
def stores(settings) -> Stores:
    return Stores.of(settings)


@pytest.fixture(scope="module")
def reports(market, tracker, stores) -> dict[str, Report]:
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
        ForecastRecipe(dataset=market.id, run=runs[0], changes={segment: 0.1}, assumed={"draws": 100}),
    ]
    return {recipe.kind: report_of(recipe, stores) for recipe in recipes}


def short(report: Report) -> Report:
    """The report with the first rows of its tables and without its pictures."""
    sections = [
        replace(section, figures=(), tables=tuple(replace(item, frame=item.frame.head(12)) for item in section.tables))
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections))


def spread(items: Sequence[Any]) -> list[Any]:
    """Return ten of the items, from the first to the last."""
    assert len(items) >= CHANGES
    return [items[position] for position in np.linspace(0, len(items) - 1, CHANGES).astype(int)]


def other(number: str) -> str:
    """The number with its first digit that matters changed."""
    first = next((index for index, digit in enumerate(number) if digit in "123456789"), len(number) - 1)
    return number[:first] + str((int(number[first]) + 4) % 10) + number[first + 1 :]


def is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d[\d,]*(\.\d+)?(e[+-]\d+)?", text) is not None


def changed_csv(data: bytes, column: int | None) -> bytes:
    rows = list(csv.reader(io.StringIO(data.decode())))
    numbers = [
        (row, index)
        for row, cells in enumerate(rows)
        for index, cell in enumerate(cells)
        if is_number(cell) and column in (None, index)
    ]
    for row, index in spread(numbers):
        rows[row][index] = other(rows[row][index])
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
    displayed = [match.span(1) for match in re.finditer(r'<data value="[^"]*">([^<]*\d[^<]*)</data>', page)]
    exact = [match.span(1) for match in re.finditer(r'<data value="([^"]*\d[^"]*)">', page)]
    prose = [match.span(1) for match in re.finditer(r"<p>([^<&]*\d[^<&]*)</p>", page)]
    last = prose[0] if prose else spread(exact)[-1]
    for start, end in sorted([*spread(displayed)[:4], *spread(exact)[4:-1], last], reverse=True):
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
def test_a_report_in_every_format_matches_the_stores(reports, stores, tmp_path, kind):
    again = report_of(parse_recipe(reports[kind].recipe), stores)
    for extension in FORMATS:
        content, fresh = read(write(reports[kind], extension), extension), read(write(again, extension), extension)
        assert content.recipe == reports[kind].recipe
        assert differences(content, fresh) == ()
        assert len(fresh.values) > 30


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_of_ten_changed_numbers_is_found(reports, kind, extension):
    data = write(short(reports[kind]), extension)
    pairs = differences(read(CHANGED[extension](data), extension), read(data, extension))
    changed = [item for item in pairs if item.reported]  # openpyxl leaves out empty cells
    assert len(changed) == CHANGES
    assert all(NUMBER.search(str(item.reported)) for item in changed)


def falsified(report: Report) -> tuple[Report, list[str]]:
    """Return the report with ten cells and each paragraph that has a number changed, and the texts of these cells."""
    frames = {table.title: table.frame.copy().astype(object) for table in report.tables()}
    cells = [
        (frame, row, column)
        for frame in frames.values()
        for row in range(len(frame))
        for column in range(frame.shape[1])
        if is_number(str(frame.iat[row, column]))
    ]
    texts = []
    for frame, row, column in spread(cells):
        value = frame.iat[row, column]
        frame.iat[row, column] = value * 2 + 1 if isinstance(value, Real) else other(value)
        texts.append(display(frame.iat[row, column]))
    sections = [
        replace(
            section,
            text=tuple(other(text) if re.search("[1-9]", text) else text for text in section.text),
            tables=tuple(replace(table, frame=frames[table.title]) for table in section.tables),
        )
        for section in report.sections
    ]
    return replace(report, sections=tuple(sections)), texts


@pytest.mark.parametrize("kind", KINDS)
def test_ten_numbers_changed_on_the_pages_of_a_pdf_are_found_and_those_in_its_paragraphs(reports, kind):
    report = short(reports[kind])
    false, texts = falsified(report)
    data = write(report, "pdf")
    attached = PdfReader(io.BytesIO(data)).attachments[NUMBERS][0]
    changes = differences(read(_attached(write(false, "pdf"), attached), "pdf"), read(_attached(data, attached), "pdf"))
    assert all(change.location.startswith("page ") for change in changes)
    lines = " ".join(str(change.reported) for change in changes)
    for section, changed in zip(report.sections, false.sections, strict=True):
        for pair in zip(section.text, changed.text, strict=True):
            texts += [new for old, new in zip(*map(str.split, pair), strict=True) if old != new]
    assert [text for text in texts if text not in lines] == []


@pytest.mark.parametrize("extension", FORMATS)
def test_the_command_says_which_number_differs(reports, settings, tmp_path, extension):
    file = tmp_path / f"report.{extension}"
    data = write(reports["comparison"], extension)
    file.write_bytes(data)
    result = CliRunner().invoke(app, ["verify", str(file), "--out", str(settings.root)], catch_exceptions=False)
    assert (result.exit_code, "match the stored data" in result.output) == (0, True)
    file.write_bytes(CHANGED[extension](data))
    result = CliRunner().invoke(app, ["verify", str(file), "--out", str(settings.root)], catch_exceptions=False)
    assert result.exit_code == 1
    assert "the file shows" in result.output
    assert re.search(r"\d+ of [\d,]+ values differ", result.output)


# ---- reports of another version


def reworded(report: Report) -> Report:
    """Return the report as another version would word it: other titles, headings, texts and advice."""

    def reword(table: Table) -> Table:
        frame = table.frame.assign(**{name: "so to say" for name in table.wording})
        return replace(table, title=f"The {table.title}", frame=frame.add_prefix("the "), help={}, units={})

    sections = [
        replace(
            section,
            title=f"On {section.title}",
            text=("Two of 3 words.", *section.text[1:]),
            figures=(),
            tables=tuple(map(reword, section.tables)),
        )
        for section in report.sections
    ]
    recipe = re.sub(r'"version":"[^"]*"', '"version":"0.1.0"', report.recipe)
    provenance = {f"the {name}": value for name, value in report.provenance.items()} | {"the version": "0.1.0"}
    return Report("Another title", "Why?", tuple(sections), provenance, recipe)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_another_version_match_whatever_its_words(reports, stores, kind, extension):
    data = write(reworded(reports[kind]), extension)
    result = verify_bytes(data, f"report.{extension}", stores)
    assert result.differences == ()
    assert not result.wording_compared
    assert result.summary.endswith("match the stored data. Wording compared: no, written by 0.1.0.")
    assert 30 < result.compared < len(read(data, extension).values)


@pytest.mark.parametrize("extension", FORMATS)
def test_changed_numbers_of_another_version_are_found(reports, stores, extension):
    report = reworded(reports["what-if"])
    data = CHANGED[extension](write(replace(report, sections=report.sections[2:]), extension))
    assert len(verify_bytes(data, f"report.{extension}", stores).differences) >= CHANGES
    data = CHANGED[extension](write(report, extension))
    result = verify_bytes(data, f"report.{extension}", stores)
    assert 0 < len(result.differences) <= 2 * CHANGES
    assert "differ from the stored data. Wording compared: no" in result.summary


def test_a_number_changed_on_the_pages_of_another_version_is_found(reports, stores):
    report = reworded(reports["what-if"])
    data = write(report, "pdf")
    attached = PdfReader(io.BytesIO(data)).attachments[NUMBERS][0]
    curve = report.sections[2].tables[0]
    false = replace(curve, frame=curve.frame.assign(**{curve.frame.columns[3]: curve.frame.iloc[:, 3] * 1.37}))
    sections = (*report.sections[:2], replace(report.sections[2], tables=(false,)), *report.sections[3:])
    forged = _attached(write(replace(report, sections=sections), "pdf"), attached)
    changes = verify_bytes(forged, "report.pdf", stores).differences
    assert changes
    assert all(change.location.startswith("pages, number ") for change in changes)


def test_a_report_of_another_version_with_the_same_words_is_compared_whole(reports, stores):
    report = reports["health"]
    recipe = parse_recipe(report.recipe).model_copy(update={"version": "0.1.0"})
    result = verify_bytes(write(report_of(recipe, stores), "html"), "report.html", stores)
    assert (result.differences, result.wording_compared) == ((), True)


def test_a_number_changed_in_the_store_is_found(reports, tracker, stores, tmp_path):
    file = tmp_path / "report.csv"
    runs = [tracker.runs.get_run(run_id) for run_id in parse_recipe(reports["comparison"].recipe).runs]
    rmse = runs[0].metrics["rmse"]
    client = tracker.runs._runs.client
    report = report_of(ComparisonRecipe(runs=(runs[0].run_id,)), stores)
    file.write_bytes(write(report, "csv"))
    assert verify(file, stores).differences == ()
    client.log_metric(runs[0].run_id, "rmse", rmse + 1, step=1)
    changes = verify(file, stores).differences
    client.log_metric(runs[0].run_id, "rmse", rmse, step=2)
    assert any(change.reported == repr(rmse) and change.expected == repr(rmse + 1) for change in changes)
    assert verify(file, stores).differences == ()


def test_a_deleted_data_set_is_an_error(reports, tmp_path, home):
    file = tmp_path / "report.html"
    file.write_bytes(write(reports["health"], "html"))
    with pytest.raises(DatasetNotFoundError):
        verify(file, Stores.of(home))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("", "has no recipe"),
        ("{", "recipe of the report is invalid"),
        ('{"kind": "shell", "command": "true"}', "recipe of the report is invalid"),
        ('{"kind": "health", "dataset": "../../etc/passwd"}', "recipe of the report is invalid"),
        ('{"kind": "health", "dataset": "' + "0" * 16 + '", "folder": "/etc"}', "recipe of the report is invalid"),
    ],
)
def test_a_foreign_recipe_is_refused(reports, stores, tmp_path, recipe, message):
    file = Path(tmp_path, "report.html")
    file.write_bytes(write(replace(reports["health"], recipe=recipe), "html"))
    with pytest.raises(ReportError, match=message):
        verify(file, stores)
