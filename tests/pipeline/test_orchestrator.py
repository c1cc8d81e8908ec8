"""The whole way in one call: what it makes, and which stage is named when it fails."""

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


def test_one_call_makes_data_runs_and_a_report(home):
    said = []
    done = EdTechPipelineOrchestrator(settings=home, say=said.append).run_complete_pipeline(MARKET, name="Small")
    assert [line for line in said if line.startswith("Stage")] == [
        f"Stage {number} of 6: {name}" for number, name in enumerate(STAGES, 1)
    ]
    assert Catalogue(home.data_dir).get(done.dataset.id).name == "Small"
    runs = RunStore(done.tracking_uri, home).list_runs()
    assert set(runs["run_id"]) == {run.run_id for run in done.runs}
    # a generated market holds its visits: all algorithms can be trained
    assert {run.result.algorithm for run in done.runs} >= {"choice_logit", "fixed_effects", "linear"}
    assert [check.code for check in done.checks][-1] == "learnable"
    best = done.best["token_elasticity"]
    assert best.metric == "decision_value_tokens"
    assert best.value == max(run.metrics.get(best.metric, -np.inf) for run in done.runs)
    assert [f"runs:/{run.run_id}/model" for run in done.runs] == list(done.models)
    assert {path.suffix for path in done.reports} == {".html", ".pdf", ".xlsx", ".zip", ".csv"}
    files = {path.suffix: path for path in done.reports}
    html, csv = (files[suffix].read_text(encoding="utf-8") for suffix in (".html", ".csv"))
    assert verify(files[".zip"], Stores.of(home)).differences == ()
    for run in done.runs:
        assert run.run_id in html
        assert any(run.result.algorithm in line for line in csv.splitlines())
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert {run["run_id"] for run in json.loads(done.export.read_text(encoding="utf-8"))["runs"]} == set(runs["run_id"])
    champion = ModelRegistry(home).champion("token_elasticity")
    assert champion is None or champion.run_id == best.run.run_id
    assert (champion is not None) == ("token_elasticity" in done.registered and "is the champion" in "\n".join(said))
    assert done.tracking_uri in done.ui_command
    assert done.ui_command in said[-1]


def test_an_uploaded_panel_goes_the_same_way_without_mlflow(home):
    frame = make_world(seed=1, units=30, weeks=12).panel
    dataset = Catalogue(home.data_dir).add_panel(frame, PanelRoles(), name="Uploaded")
    done = EdTechPipelineOrchestrator(use_mlflow=False, settings=home).run_complete_pipeline(
        dataset=dataset, algorithms=["linear"]
    )
    assert done.dataset == dataset
    assert (done.tracking_uri, done.ui_command, done.runs[0].run_id) == (None, None, None)
    assert not home.mlruns_dir.exists()
    assert all(path.is_file() for path in done.reports)


def test_the_health_of_ratings_is_looked_at_too(home):
    kept, said = Catalogue(home.data_dir), []
    upload = kept.stage("ratings.csv", io.BytesIO(sample_csv("ratings")))
    roles = roles_for("ratings", suggest_mapping(upload.frame, "ratings"))
    checks = stages.understanding(kept.add_upload(upload, roles, name="Ratings"), said.append)
    upload.close()
    assert checks[-1].code == "learnable"
    assert any("Can teachers be compared" in line for line in said)


def test_the_stage_that_failed_is_named_and_earlier_ones_stay(home):
    with pytest.raises(PipelineError, match="The stage 'preparation' failed: There is no such algorithm") as caught:
        EdTechPipelineOrchestrator(use_mlflow=False, settings=home).run_complete_pipeline(MARKET, algorithms=["oracle"])
    assert "fixed_effects" in caught.value.expected
    assert [dataset.name for dataset in Catalogue(home.data_dir).list()] == ["Pipeline market"]


def test_it_goes_on_where_it_failed_and_makes_nothing_twice(home):
    orchestrator = EdTechPipelineOrchestrator(settings=home)
    home.reports_dir.mkdir(parents=True)
    blocked = home.reports_dir / "pipeline_report.html"
    blocked.mkdir()  # the report cannot be written
    with pytest.raises(PipelineError, match="'report' failed") as caught:
        orchestrator.run_complete_pipeline(MARKET, algorithms=["linear", "random_forest"])
    assert "--resume" in caught.value.fix
    before = RunStore(settings=home).list_runs()
    blocked.rmdir()
    done = EdTechPipelineOrchestrator(settings=home).resume()
    after = RunStore(settings=home).list_runs()
    assert set(after["run_id"]) == set(before["run_id"]) == {run.run_id for run in done.runs}
    assert len(Catalogue(home.data_dir).list()) == 1
    assert all(path.is_file() for path in done.reports)


def test_processes_give_the_same_numbers(home, tmp_path):
    asked = ("fixed_effects", "linear", "random_forest")
    done = EdTechPipelineOrchestrator(settings=home).run_complete_pipeline(MARKET, algorithms=asked)
    elsewhere = Settings(home=tmp_path / "elsewhere")
    shared = EdTechPipelineOrchestrator(settings=elsewhere, workers=2).run_complete_pipeline(MARKET, algorithms=asked)
    assert [run.result.algorithm for run in shared.runs] == list(asked)
    for alone, along in zip(done.runs, shared.runs, strict=True):
        assert {**along.metrics, "fit_seconds": 0} == pytest.approx({**alone.metrics, "fit_seconds": 0}, rel=1e-9)
        assert along.result.checks == alone.result.checks


def test_what_fails_in_a_process_names_the_stage(home):
    frame = make_world(seed=1, units=30, weeks=12).panel.assign(token_price=5.0)
    flat = Catalogue(home.data_dir).add_panel(frame, PanelRoles(), name="Prices that never moved")
    with pytest.raises(PipelineError, match="'training' failed") as caught:
        EdTechPipelineOrchestrator(settings=home, workers=2).run_complete_pipeline(dataset=flat)
    assert caught.value.__cause__.problem in str(caught.value)


def test_there_must_be_a_pipeline_to_go_on_with(home):
    with pytest.raises(PipelineError, match="no pipeline to go on with"):
        EdTechPipelineOrchestrator(settings=home).resume()


def test_a_damaged_run_is_trained_again(home):
    done = EdTechPipelineOrchestrator(settings=home).run_complete_pipeline(MARKET, algorithms=["linear"])
    shutil.rmtree(home.mlruns_dir / "artifacts")
    again = EdTechPipelineOrchestrator(settings=home).resume()
    assert again.runs[0].run_id != done.runs[0].run_id
    assert again.runs[0].metrics["rmse"] == pytest.approx(done.runs[0].metrics["rmse"], rel=1e-9)
