"""The complete pipeline in one call: its results, resuming it, and the stage that a failure names."""

import io
import json
import shutil

import numpy as np
import pytest

from edtech.data import Catalogue, roles_for, sample_csv, suggest_mapping
from edtech.errors import PipelineError
from edtech.pipeline import EdTechPipelineOrchestrator, stages
from edtech.pipeline.orchestrator import STAGES
from edtech.reports.recipes import Stores
from edtech.reports.verify import verify
from edtech.settings import Settings
from edtech.tables.roles import PanelRoles
from edtech.tracking import RunStore
from edtech.tracking.registry import ModelRegistry
from tests.training.conftest import MARKET
from tests.worlds import make_world


def test_one_call_generates_data_and_writes_runs_and_reports(home):
    lines = []
    result = EdTechPipelineOrchestrator(settings=home, say=lines.append).run_complete_pipeline(MARKET, name="Small")
    assert [line for line in lines if line.startswith("Stage")] == [
        f"Stage {number} of 6: {name}" for number, name in enumerate(STAGES, 1)
    ]
    assert Catalogue(home.data_dir).get(result.dataset.id).name == "Small"
    runs = RunStore(result.tracking_uri, home).list_runs()
    assert set(runs["run_id"]) == {run.run_id for run in result.runs}
    # a generated market holds its visits: all algorithms can be trained
    assert {run.result.algorithm for run in result.runs} >= {"choice_logit", "fixed_effects", "linear"}
    assert [check.code for check in result.checks][-1] == "learnable"
    best = result.best["token_elasticity"]
    assert best.metric == "decision_value_tokens"
    assert best.value == max(run.metrics.get(best.metric, -np.inf) for run in result.runs)
    assert [f"runs:/{run.run_id}/model" for run in result.runs] == list(result.models)
    assert {path.suffix for path in result.reports} == {".html", ".pdf", ".xlsx", ".zip", ".csv"}
    files = {path.suffix: path for path in result.reports}
    html, csv = (files[suffix].read_text(encoding="utf-8") for suffix in (".html", ".csv"))
    assert verify(files[".zip"], Stores.of(home)).differences == ()
    for run in result.runs:
        assert run.run_id in html
        assert any(run.result.algorithm in line for line in csv.splitlines())
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert {run["run_id"] for run in json.loads(result.export.read_text(encoding="utf-8"))["runs"]} == set(
        runs["run_id"]
    )
    champion = ModelRegistry(home).champion("token_elasticity")
    assert champion is None or champion.run_id == best.run.run_id
    assert (champion is not None) == ("token_elasticity" in result.registered and "is the champion" in "\n".join(lines))
    assert result.tracking_uri in result.ui_command
    assert result.ui_command in lines[-1]


def test_an_uploaded_panel_runs_without_mlflow(home):
    frame = make_world(seed=1, units=30, weeks=12).panel
    dataset = Catalogue(home.data_dir).add_panel(frame, PanelRoles(), name="Uploaded")
    result = EdTechPipelineOrchestrator(use_mlflow=False, settings=home).run_complete_pipeline(
        dataset=dataset, algorithms=["linear"]
    )
    assert result.dataset == dataset
    assert (result.tracking_uri, result.ui_command, result.runs[0].run_id) == (None, None, None)
    assert not home.mlruns_dir.exists()
    assert all(path.is_file() for path in result.reports)


def test_ratings_get_health_checks_too(home):
    catalogue, lines = Catalogue(home.data_dir), []
    upload = catalogue.stage("ratings.csv", io.BytesIO(sample_csv("ratings")))
    roles = roles_for("ratings", suggest_mapping(upload.frame, "ratings"))
    checks = stages.check_data(catalogue.add_upload(upload, roles, name="Ratings"), lines.append)
    upload.close()
    assert checks[-1].code == "learnable"
    assert any("Can teachers be compared" in line for line in lines)


def test_a_failure_names_its_stage_and_earlier_results_stay(home):
    with pytest.raises(PipelineError, match="The stage 'preparation' failed: There is no such algorithm") as caught:
        EdTechPipelineOrchestrator(use_mlflow=False, settings=home).run_complete_pipeline(MARKET, algorithms=["oracle"])
    assert "fixed_effects" in caught.value.expected
    assert [dataset.name for dataset in Catalogue(home.data_dir).list()] == ["Pipeline market"]


def test_resume_continues_after_a_failure_and_repeats_nothing(home):
    orchestrator = EdTechPipelineOrchestrator(settings=home)
    home.reports_dir.mkdir(parents=True)
    blocked = home.reports_dir / "pipeline_report.html"
    blocked.mkdir()  # the report cannot be written
    with pytest.raises(PipelineError, match="'report' failed") as caught:
        orchestrator.run_complete_pipeline(MARKET, algorithms=["linear", "random_forest"])
    assert "--resume" in caught.value.fix
    before = RunStore(settings=home).list_runs()
    blocked.rmdir()
    result = EdTechPipelineOrchestrator(settings=home).resume()
    after = RunStore(settings=home).list_runs()
    assert set(after["run_id"]) == set(before["run_id"]) == {run.run_id for run in result.runs}
    assert len(Catalogue(home.data_dir).list()) == 1
    assert all(path.is_file() for path in result.reports)


def test_worker_processes_give_the_same_numbers(home, tmp_path):
    algorithms = ("fixed_effects", "linear", "random_forest")
    result = EdTechPipelineOrchestrator(settings=home).run_complete_pipeline(MARKET, algorithms=algorithms)
    other_home = Settings(home=tmp_path / "other")
    shared = EdTechPipelineOrchestrator(settings=other_home, workers=2).run_complete_pipeline(
        MARKET, algorithms=algorithms
    )
    assert [run.result.algorithm for run in shared.runs] == list(algorithms)
    for alone, parallel in zip(result.runs, shared.runs, strict=True):
        assert {**parallel.metrics, "fit_seconds": 0} == pytest.approx({**alone.metrics, "fit_seconds": 0}, rel=1e-9)
        assert parallel.result.checks == alone.result.checks


def test_a_failure_in_a_worker_process_names_the_stage(home):
    frame = make_world(seed=1, units=30, weeks=12).panel.assign(token_price=5.0)
    flat = Catalogue(home.data_dir).add_panel(frame, PanelRoles(), name="Constant prices")
    with pytest.raises(PipelineError, match="'training' failed") as caught:
        EdTechPipelineOrchestrator(settings=home, workers=2).run_complete_pipeline(dataset=flat)
    assert caught.value.__cause__.problem in str(caught.value)


def test_resume_needs_an_earlier_pipeline(home):
    with pytest.raises(PipelineError, match="no pipeline to resume"):
        EdTechPipelineOrchestrator(settings=home).resume()


def test_a_damaged_run_is_trained_again(home):
    result = EdTechPipelineOrchestrator(settings=home).run_complete_pipeline(MARKET, algorithms=["linear"])
    shutil.rmtree(home.mlruns_dir / "artifacts")
    again = EdTechPipelineOrchestrator(settings=home).resume()
    assert again.runs[0].run_id != result.runs[0].run_id
    assert again.runs[0].metrics["rmse"] == pytest.approx(result.runs[0].metrics["rmse"], rel=1e-9)
