"""Every action of the Data page as a command: the numbers are those of the library."""

import io
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.data import CONTRACTS, Catalogue, check_dataset, difference, sample_csv
from edtech.data.summary import dictionary, summary
from edtech.errors import ContractError, DataError, DatasetNotFoundError, EdtechError, ParamsError
from edtech.market import MarketParams
from edtech.reports.export import frame_csv
from tests.test_cli import run

SIZE = {"learners": 200, "teachers": 10, "courses": 20, "weeks": 8}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cli-data")


@pytest.fixture(scope="module")
def data(home):
    """Return a function that runs a data command in this home."""
    return lambda *args: run("data", *args, "--out", str(home))


@pytest.fixture(scope="module")
def catalogue(home) -> Catalogue:
    return Catalogue(home / "data")


@pytest.fixture(scope="module")
def uploads(home, data) -> dict[str, str]:
    """The sample of each kind of table, uploaded; the id of each."""
    ids = {}
    for kind in CONTRACTS:
        file = home / f"{kind}.csv"
        run("data", "sample", kind, str(file))
        output = data("upload", str(file))
        assert f"Kind: {kind}" in output
        ids[kind] = output.splitlines()[-1].split()[0]
    return ids


@pytest.fixture(scope="module")
def market(data) -> str:
    sizes = [arg for name, value in SIZE.items() for arg in (f"--{name}", str(value))]
    output = data("generate", "--preset", "growing", *sizes, "--set", "season=0.1", "--set", "once_only=true")
    return output.splitlines()[-1].split()[0]


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_kind_of_table_can_be_uploaded_shown_and_checked(uploads, catalogue, data, kind):
    stored = catalogue.get(uploads[kind])
    assert stored.kind == kind
    assert stored.rows == len(pd.read_csv(io.BytesIO(sample_csv(kind))))
    printed = data("show", stored.id)
    for figure in summary(stored):
        assert figure.value is None or f"  {figure.title} = " in printed
    checked = data("check", stored.id)
    for check in check_dataset(stored):
        assert f"{check.severity:6}  {check.code}  {check.title}: {check.evidence}" in checked
    output = data("dictionary", stored.id)
    assert all(name in output for name in dictionary(stored, kind)["column"])


def test_generate_takes_every_market_parameter_and_estimates_the_size(market, catalogue, data):
    dataset = catalogue.get(market)
    wanted = MarketParams.preset("growing", **SIZE, season=0.1, once_only=True)
    assert MarketParams.model_validate(dataset.source["params"]) == wanted
    listed = data("generate", "--knobs", "--preset", "thin")
    assert all(f"{name} = " in listed for name in MarketParams.model_fields)
    assert "learners = 1000" in listed
    assert "accounting identities" in data("check", market).lower()
    for bad in (["--set", "season=9"], ["--set", "cooking=1"], ["--preset", "golden"]):
        with pytest.raises(ParamsError):
            data("generate", *bad)


def test_data_sets_can_be_renamed_deleted_restored_and_purged(home, data, catalogue):
    file = home / "again.csv"
    file.write_bytes(sample_csv("ratings"))
    dataset = data("upload", str(file), "--name", "again").splitlines()[-1].split()[0]
    data("rename", dataset, "Stars")
    assert catalogue.get(dataset).name == "Stars"
    data("delete", dataset)
    assert dataset not in data("list")
    assert dataset in data("list", "--deleted")
    data("restore", dataset)
    assert dataset in data("list")
    with pytest.raises(DatasetNotFoundError):
        data("purge", dataset, "--yes")
    data("delete", dataset)
    declined = CliRunner().invoke(app, ["data", "purge", dataset, "--out", str(home)], input="n\n")
    assert declined.exit_code == 1
    assert dataset in data("list", "--deleted")
    data("purge", dataset, "--yes")
    assert dataset not in data("list", "--deleted")


def test_lineage_and_difference_match_the_library(uploads, catalogue, data, home):
    output = data("lineage", uploads["panel"])
    assert catalogue.get(uploads["panel"]).source["sha256"] in output
    frame = pd.read_csv(io.BytesIO(sample_csv("panel")))
    file = home / "dearer.csv"
    file.write_bytes(frame.assign(token_price=frame["token_price"] * 1.1).head(900).to_csv(index=False).encode())
    after = data("upload", str(file)).splitlines()[-1].split()[0]
    changes = difference(catalogue.get(uploads["panel"]), catalogue.get(after))
    output = data("difference", uploads["panel"], after)
    assert "Rows of panel: 1,040, now 900 (-140)." in output
    assert changes.table().to_string(index=False) in output


def test_an_exported_table_reads_back_equal(market, catalogue, data, home):
    stored = catalogue.get(market)
    for table in stored.tables:
        data("export", market, str(home / "t.parquet"), "--table", table)
        pd.testing.assert_frame_equal(pd.read_parquet(home / "t.parquet"), stored.table(table))
        data("export", market, str(home / "t.csv"), "--table", table)
        assert len(pd.read_csv(home / "t.csv")) == stored.tables[table]
    for path, table in ((home / "t.doc", "views"), (home / "no" / "t.csv", "views"), (home / "t.csv", "cooks")):
        with pytest.raises(EdtechError):
            data("export", market, str(path), "--table", table)


def test_text_that_looks_like_a_formula_is_exported_as_text(data, home, catalogue):
    frame = pd.read_csv(io.BytesIO(sample_csv("panel"))).assign(category="=HYPERLINK(1)")
    (home / "f.csv").write_bytes(frame.to_csv(index=False).encode())
    dataset = data("upload", str(home / "f.csv")).splitlines()[-1].split()[0]
    data("export", dataset, str(home / "out.csv"))
    assert set(pd.read_csv(home / "out.csv")["category"]) == {"'=HYPERLINK(1)"}
    assert set(catalogue.get(dataset).main()["category"]) == {"=HYPERLINK(1)"}


def test_neither_a_name_nor_a_category_is_exported_as_a_formula():
    assert frame_csv(pd.DataFrame({"=1+1": pd.Categorical(["=1", "x"])})) == b"'=1+1\n'=1\nx\n"


@pytest.mark.parametrize(
    "figure", ["distribution", "by-unit", "by-period", "season", "retention", "flows", "realism", "likeness"]
)
def test_the_numbers_behind_every_figure_are_printed(market, data, figure):
    frame = pd.read_csv(io.StringIO(data("explore", market, "--figure", figure)))
    assert len(frame) > 0


def test_explore_prints_an_outcome_by_group(uploads, data):
    frame = pd.read_csv(io.StringIO(data("explore", uploads["labels"], "--figure", "outcome", "--column", "plan")))
    assert set(frame["value"]) == {"monthly", "quarterly", "yearly"}
    with pytest.raises(DataError):
        data("explore", uploads["labels"], "--figure", "season")


def test_an_invalid_file_is_refused_with_all_its_rows(data, tmp_path):
    frame = pd.read_csv(io.BytesIO(sample_csv("labels"))).assign(churned=lambda x: x["churned"].where(x.index > 2))
    (tmp_path / "bad.csv").write_bytes(frame.assign(tenure=-1).to_csv(index=False).encode())
    with pytest.raises(ContractError) as error:
        data("upload", str(tmp_path / "bad.csv"), "--failures", str(tmp_path / "failures.csv"))
    failures = pd.read_csv(tmp_path / "failures.csv")
    assert len(failures) == len(error.value.failures) == 603
    assert set(failures["column"]) == {"churned", "tenure"}
    (tmp_path / "good.csv").write_bytes(sample_csv("labels"))
    for args in (["--kind", "recipes"], ["--role", "label="], ["--role", "label=no such column"]):
        with pytest.raises(ContractError):
            data("upload", str(tmp_path / "good.csv"), *args)
    with pytest.raises(ContractError):
        run("data", "sample", "recipes")


def test_a_role_takes_several_columns_in_one_option_or_in_several(data, tmp_path, catalogue):
    rows = "".join(f"C{i % 5},2024-01-{1 + i // 5:02d},{5 + i % 4},{i % 3},{i % 2},{i % 7}\n" for i in range(60))
    (tmp_path / "x.csv").write_text("course_id,day,price,enrollments,rating,age\n" + rows)
    ways = (
        ["controls=rating,age"],
        ["controls=rating", "controls=age"],
        ["controls=day", "controls=", "controls=rating,age"],
    )
    for texts in ways:
        args = [arg for text in texts for arg in ("--role", text)]
        output = data("upload", str(tmp_path / "x.csv"), "--kind", "panel", *args)
        assert "controls=rating,age" in output.splitlines()[-2].split()
        assert catalogue.get(output.splitlines()[-1].split()[0]).roles.controls == ("rating", "age")


def test_options_override_the_detected_format_and_roles(data, tmp_path, catalogue):
    text = "kurs;woche;preis;verkauft\n" + "".join(f"K{i % 5};{i // 5};{i},5;{i % 3}\n" for i in range(60))
    (tmp_path / "x.csv").write_bytes(text.encode("cp1252"))
    roles = ["unit=kurs", "period=woche", "price=preis", "quantity=verkauft", "controls="]
    args = [arg for role in roles for arg in ("--role", role)]
    output = data("upload", str(tmp_path / "x.csv"), *args, "--dialect", "encoding=cp1252", "--prices-set", "schedule")
    stored = catalogue.get(output.splitlines()[-1].split()[0])
    assert (stored.rows, stored.roles.prices_set, stored.roles.segment) == (60, "schedule", None)
    assert "cp1252" in stored.source["dialect"]
    options = output.splitlines()[-2].removeprefix("Columns: ").split()
    assert {"price=preis", "prices_set=schedule"} <= set(options)
    assert not any(word.endswith(("=None", "=")) for word in options)
    with pytest.raises(ParamsError, match="no such option"):
        data("upload", str(tmp_path / "x.csv"), "--dialect", "color=red")
    assert not list(catalogue.folder.glob("**/upload.parquet")), "no staged upload stays"


def test_an_option_for_another_format_is_refused(data, tmp_path, catalogue):
    pd.read_csv(io.BytesIO(sample_csv("panel"))).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ParamsError, match="Only a text file has a dialect"):
        data("upload", str(tmp_path / "x.parquet"), "--dialect", "decimal=,")
    (tmp_path / "x.csv").write_bytes(sample_csv("panel"))
    with pytest.raises(ParamsError, match="Only an Excel workbook has sheets"):
        data("upload", str(tmp_path / "x.csv"), "--sheet", "first")
    assert not list(catalogue.folder.glob("**/upload.parquet")), "no staged upload stays"
