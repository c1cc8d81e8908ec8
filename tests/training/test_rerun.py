"""A repeated run has equal metrics, or the changes are reported."""

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from edtech.cli import app
from edtech.data import Catalogue
from edtech.errors import DatasetNotFoundError, TrackingError
from edtech.ml.artifacts import load_result
from edtech.tables.roles import PanelRoles
from edtech.tracking import RunItems
from edtech.training.plans import TrainingPlan, train_planned
from edtech.training.rerun import rerun
from edtech.training.trainer import train_runs
from tests.worlds import make_world


@pytest.fixture(scope="module")
def run_id(panel, tracker) -> str:
    values = {"trees": 30, "seed": 5}
    return str(train_runs(panel, ["random_forest"], params={"random_forest": values}, tracker=tracker)[0].run_id)


def test_a_repeated_run_has_equal_metrics_and_names_the_old_one(run_id, settings, tracker):
    result = CliRunner().invoke(app, ["rerun", run_id, "--out", str(settings.home)], catch_exceptions=False)
    assert (result.exit_code, "The metrics are equal." in result.output) == (0, True)
    (new,) = [word for word in result.output.split() if len(word) == 32]
    old, again = tracker.runs.get_run(run_id), tracker.runs.get_run(new)
    assert again.tags["rerun_of"] == run_id
    assert (again.params, again.tags["dataset_digest"]) == (old.params, old.tags["dataset_digest"])
    assert again.params["trees"] == "30"


def test_changes_are_reported(run_id, settings, tracker):
    client = MlflowClient(tracking_uri=tracker.uri)
    packages = tracker.runs.get_run(run_id).tags["edtech.packages"]
    client.set_tag(run_id, "edtech.packages", packages.replace("numpy==", "numpy==0."))
    client.set_tag(run_id, "edtech.version", "0.0.1")
    client.log_metric(run_id, "rmse", 123.0)
    result = rerun(run_id, settings)
    assert list(result.differences) == ["rmse"]
    assert result.differences["rmse"][0] == 123.0
    assert "1 of" in result.summary
    assert "code (edtech.version): 0.0.1 before" in result.summary
    assert "versions (edtech.packages): numpy==0." in result.summary
    assert "scipy" not in result.summary


def test_a_repetition_has_the_column_roles_of_the_run(panel, settings, tracker):
    roles = {"weights": "equal", "views": None}
    (run,) = train_planned(TrainingPlan(panel.id, "token_elasticity", ("linear",), roles=roles), settings)
    result = rerun(str(run.run_id), settings)
    assert (result.equal, result.summary) == (True, "The metrics are equal.")
    assert load_result(tracker.runs, result.new.run_id).roles == run.result.roles


def test_other_data_is_named_and_missing_data_refused(run_id, settings, tracker):
    roles = PanelRoles(randomized_discount="discount_pct", randomized_flag="promo_randomized")
    other = Catalogue(settings.data_dir).add_panel(make_world(seed=2, units=40, weeks=16).panel, roles, name="Other")
    result = rerun(run_id, settings, other.id)
    assert not result.equal
    assert "data (dataset_digest)" in result.summary
    MlflowClient(tracking_uri=tracker.uri).set_tag(run_id, "dataset_digest", "gone")
    with pytest.raises(DatasetNotFoundError, match="--dataset ID"):
        rerun(run_id, settings)


def test_a_deleted_data_set_is_to_be_restored(run_id, panel, settings, tracker):
    catalogue = Catalogue(settings.data_dir)
    MlflowClient(tracking_uri=tracker.uri).set_tag(run_id, "dataset_digest", panel.digest)
    catalogue.delete(panel.id)
    with pytest.raises(DatasetNotFoundError) as refused:
        rerun(run_id, settings)
    catalogue.restore(panel.id)
    assert f"was deleted. Expected: a data set with the digest {panel.digest[:32]}" in str(refused.value)
    assert f"Restore {panel.name!r} on the Data page" in str(refused.value)


def test_a_run_that_is_no_training_of_ours_is_refused(settings, tracker):
    with pytest.raises(TrackingError, match=r"result\.json"):
        rerun(tracker.log(RunItems("what-if", kind="scenario")), settings)


def test_a_training_without_tracking_opens_no_store(panel, settings, tmp_path, monkeypatch):
    monkeypatch.setenv("EDTECH_HOME", str(tmp_path / "untracked"))
    (run,) = train_runs(panel, ["linear"], tracker=None)
    assert (run.run_id, run.metrics["rmse"] > 0) == (None, True)
    assert not (tmp_path / "untracked" / "mlruns").exists()
