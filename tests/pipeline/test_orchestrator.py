"""The whole way in one call: what it makes, and which stage is named when it fails."""

import pytest

from edtech.data import Catalogue
from edtech.errors import PipelineError
from edtech.pipeline import EdTechPipelineOrchestrator
from edtech.tables.roles import PanelRoles
from edtech.tracking import RunStore
from tests.pipeline.conftest import MARKET
from tests.worlds import make_world


def test_one_call_makes_data_runs_and_a_report(home):
    said = []
    done = EdTechPipelineOrchestrator(settings=home, say=said.append).run_complete_pipeline(MARKET, name="Small")
    assert [line for line in said if line.startswith("Stage")] == [
        "Stage 1 of 3: data", "Stage 2 of 3: training", "Stage 3 of 3: report"
    ]  # fmt: skip
    assert Catalogue(home.data_dir).get(done.dataset.id).name == "Small"
    runs = RunStore(done.tracking_uri, home).list_runs()
    assert set(runs["run_id"]) == {run.run_id for run in done.runs}
    # a generated market holds its visits: all algorithms can be trained
    assert {run.result.algorithm for run in done.runs} >= {"choice_logit", "fixed_effects", "linear"}
    html, csv = (path.read_text(encoding="utf-8-sig") for path in done.reports)
    for run in done.runs:
        assert run.run_id in html
        assert any(run.result.algorithm in line for line in csv.splitlines())
    assert "http://" not in html.replace("http://www.w3.org", "")
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


def test_the_stage_that_failed_is_named_and_earlier_ones_stay(home):
    with pytest.raises(PipelineError, match="The stage 'training' failed: There is no such algorithm") as caught:
        EdTechPipelineOrchestrator(use_mlflow=False, settings=home).run_complete_pipeline(MARKET, algorithms=["oracle"])
    assert "fixed_effects" in caught.value.expected
    assert [dataset.name for dataset in Catalogue(home.data_dir).list()] == ["Pipeline market"]
