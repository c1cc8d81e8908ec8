"""Every action as a command; the numbers are those of the library."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.cli.options import params_by_algorithm
from edtech.data import Catalogue
from edtech.data.ingest.samples import sample_panel_csv
from edtech.errors import DatasetNotFoundError, ParamsError, PricingError, ReportError
from edtech.ml.artifacts import load_result
from edtech.ml.families import FAMILIES
from edtech.pricing import estimate_effects, price_response, what_if
from edtech.pricing.plan_policy import revenue_split
from edtech.pricing.scenarios import read_scenario
from edtech.pricing.tables import effect_text
from edtech.settings import PROJECT, Settings
from edtech.tracking import RunStore

SIZE = ["--learners", "300", "--teachers", "20", "--courses", "40", "--weeks", "16"]


def run(*args: str) -> str:
    result = CliRunner().invoke(app, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def pipeline_output(home) -> str:
    return run("pipeline", *SIZE, "--seed", "7", "--algorithms", "fixed_effects,linear", "--out", str(home))


@pytest.fixture(scope="module")
def ids(home, pipeline_output) -> tuple[str, str]:
    """The data set and the run of `fixed_effects`."""
    runs = RunStore(settings=Settings(home=home)).list_runs()
    run_ids = runs.loc[runs["tags.algorithm"] == "fixed_effects", "run_id"]
    return Catalogue(home / "data").list()[0].id, str(run_ids.iloc[0])


def test_the_pipeline_prints_its_stages_and_writes_runs_and_reports(home, pipeline_output):
    for text in ("Stage 1 of 6: data", "Stage 4 of 6: training", "Stage 6 of 6: report", "mlflow ui"):
        assert text in pipeline_output
    runs = RunStore(settings=Settings(home=home)).list_runs()
    assert sorted(runs["tags.algorithm"]) == ["fixed_effects", "linear"]
    assert (home / "reports" / "pipeline_report.html").read_text(encoding="utf-8").startswith("<!")
    for run_id in runs["run_id"]:
        assert run_id in pipeline_output


def test_repeating_a_training_gives_the_same_metrics(home, ids):
    dataset, run_id = ids
    output = run("train", dataset, "--algorithm", "fixed_effects", "--out", str(home))
    logged = RunStore(settings=Settings(home=home)).get_run(run_id).metrics
    for name in ("price_elasticity_coefficient", "rmse", "revenue_impact", "decision_value_tokens"):
        assert f"{name} = {logged[name]!r}" in output


@pytest.mark.parametrize(
    ("algorithm", "param"),
    [
        ("linear", "random_forst.trees=5"),
        ("linear", "random_forest.trees=5"),
        ("all", "nonsense=10"),
        ("linear", "x=1"),
    ],
)
def test_a_hyperparameter_of_no_selected_algorithm_is_refused(home, ids, algorithm, param):
    with pytest.raises(ParamsError, match=r"None of the selected algorithms has this hyperparameter"):
        run("train", ids[0], "--algorithm", algorithm, "--param", param, "--out", str(home))


def test_a_hyperparameter_applies_to_every_algorithm_that_has_it():
    both = [FAMILIES["token_elasticity"].algorithm(name) for name in ("random_forest", "linear")]
    params = params_by_algorithm(["trees=7", "random_forest.seed=3", "evaluation_share=0.3"], both)
    assert params == {
        "random_forest": {"trees": "7", "seed": "3", "evaluation_share": "0.3"},
        "linear": {"evaluation_share": "0.3"},
    }


def test_a_what_if_gives_the_numbers_of_the_library(home, ids, tmp_path):
    dataset, run_id = ids
    report = tmp_path / "answer.csv"
    segment = Catalogue(home / "data").get(dataset).panel()["category"].iloc[0]
    run("what-if", run_id, dataset, "--change", f"{segment}=0.1", "--report", str(report), "--out", str(home))
    result = load_result(RunStore(settings=Settings(home=home)), run_id)
    outcome = what_if(result, Catalogue(home / "data").get(dataset).panel(), {segment: 0.1})
    assert repr(outcome.token_revenue.planned) in report.read_text(encoding="utf-8")


def test_the_command_takes_every_input_of_the_pricing_page(home, ids, tmp_path):
    dataset, _ = ids
    run_id = run("train", dataset, "--algorithm", "choice_logit", "--out", str(home)).split()[1]
    stored, store = Catalogue(home / "data").get(dataset), RunStore(settings=Settings(home=home))
    response = price_response(load_result(store, run_id), stored.panel())

    def ask(*args: str) -> str:
        return run("what-if", run_id, dataset, *args, "--out", str(home))

    plan, saved = tmp_path / "plan.csv", tmp_path / "prices.csv"
    changes = "--scope level --how tokens --change beginner=1 --commission 0.3"
    options = "--step 1 --most-changed 3 --objective platform_commission --save Dearer --plan"
    output = ask(*changes.split(), *options.split(), str(plan))
    scenario = read_scenario(store, output.split("scenario ")[1].split()[0])
    assert (scenario.name, scenario.planned_split.commission_rate) == ("Dearer", 0.3)
    assert [(change.attribute, change.names, change.mode, change.amount) for change in scenario.changes] == [
        ("level", ("beginner",), "tokens", 1.0)
    ]
    table = pd.read_csv(plan)
    changed = table[table["change"] != 0]
    assert 0 < len(changed) <= 3
    assert (changed["recommended"] % 1 == 0).all()
    assert f"Recommended: {len(changed)} of 40 prices change" in output
    unit = response.units[0]
    saved.write_text(f"unit,price\n{unit},{response.baseline[0] * 1.1}\n", encoding="utf-8")
    outcome = estimate_effects(
        response, np.r_[response.baseline[0] * 1.1, response.baseline[1:]], revenue_split(stored)
    )
    weighted = ("--objective", "token_revenue=1", "--objective", "enrollments=5")
    assert effect_text(outcome) in ask("--prices", str(saved), *weighted)
    with pytest.raises(PricingError, match="objective does not exist"):
        ask("--objective", "fame")


def test_compare_prints_the_metrics_of_runs(home, pipeline_output):
    runs = RunStore(settings=Settings(home=home)).list_runs()["run_id"].head(2).tolist()
    output = run("compare", *runs, "--out", str(home))
    assert "Model metrics" in output
    assert "★" in output


def test_an_upload_is_checked_and_stored(tmp_path, home):
    file = tmp_path / "panel.csv"
    file.write_bytes(sample_panel_csv())
    output = run("data", "upload", str(file), "--prices-set", "schedule", "--out", str(tmp_path / "home"))
    assert "price=token_price" in output
    stored = Catalogue(tmp_path / "home" / "data").list()
    assert [dataset.roles.prices_set for dataset in stored] == ["schedule"]
    assert stored[0].id in run("data", "list", "--out", str(tmp_path / "home"))
    assert "Can price elasticity be estimated" in run("data", "check", stored[0].id, "--out", str(tmp_path / "home"))


def test_generate_and_runs_are_listed(tmp_path):
    output = run("data", "generate", *SIZE, "--name", "small", "--out", str(tmp_path))
    assert Catalogue(tmp_path / "data").list()[0].id in output
    assert run("runs", "--out", str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["train", "0" * 16], DatasetNotFoundError),
        (["data", "generate", "--preset", "golden"], ParamsError),
        (["what-if", "x", "y", "--change", "Design"], DatasetNotFoundError),
        (["data", "generate", "--set", "name=x"], ParamsError),
        (["data", "generate", "--learners", "50", "--set", "learners=1"], ParamsError),
        (["pipeline", "--set", "learners=1"], ParamsError),
        (["report", "no id", "report.html"], ReportError),
    ],
)
def test_invalid_input_raises_an_error_of_the_project(args, error, tmp_path):
    with pytest.raises(error):
        CliRunner().invoke(app, [*args, "--out", str(tmp_path)], catch_exceptions=False)


def test_an_unwritable_file_gives_a_readable_error(tmp_path):
    with pytest.raises(ReportError, match="cannot be written"):
        run("data", "sample", "panel", str(tmp_path / "none" / "sample.csv"))


def test_an_error_is_one_message_and_exit_code_1(tmp_path):
    command = [sys.executable, "-m", "edtech", "train", "0" * 16, "--out", str(tmp_path)]
    process = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.startswith("Error: No data set has the id")
    assert "Traceback" not in process.stderr


def test_economy_forecast_and_run_comparison(home, ids, tmp_path):
    dataset, run_id = ids
    report = tmp_path / "forecast.html"
    output = run(
        "economy",
        "outlook",
        dataset,
        "--run",
        run_id,
        "--change",
        "Programming=-0.2",
        "--assume",
        "weeks=4",
        "--report",
        str(report),
        "--out",
        str(home),
    )
    assert "Circulating supply" in output
    assert "Prices change at once" in output
    assert "Token economy forecast" in report.read_text(encoding="utf-8")
    output = run("economy", "runs", dataset, run_id, "--out", str(home))
    assert "Today's prices" in output
    with pytest.raises(ParamsError, match="need a trained run"):
        run("economy", "outlook", dataset, "--recommended", "--out", str(home))
