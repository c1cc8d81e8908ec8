"""No run is lost if a server fails: it stays pending in the embedded store and is sent once."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Thread

import numpy as np
import pytest
from mlflow import MlflowClient

from edtech.errors import SettingsError, TrackingError
from edtech.pipeline import tasks
from edtech.settings import PROJECT
from edtech.tracking import EdTechMLFlowTracker, RunItems, RunStore, SampleItem, outbox, pending_runs, sync
from edtech.tracking.copying import RunCopier
from edtech.tracking.outbox import SyncReport
from tests.tracking.serving import failing_server
from tests.waiting import SECONDS

WAIT_SECONDS = 2.0


@pytest.fixture
def away(settings, request, nobody) -> EdTechMLFlowTracker:
    """A tracker of a server that does not run."""
    return EdTechMLFlowTracker(request.node.name, nobody, settings)


@pytest.fixture
def client(server) -> MlflowClient:
    return MlflowClient(tracking_uri=server)


def on_server(client: MlflowClient, experiment: str) -> list:
    stored = client.get_experiment_by_name(experiment)
    return client.search_runs([stored.experiment_id]) if stored else []


def test_a_run_logged_offline_is_sent_completely_and_once(away, server, client, settings, items, panel, ridge):
    sample = SampleItem(panel.drop(columns="enrollments"), panel["enrollments"])
    start = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    here = away.log(replace(items, started=start, sample=sample))
    assert pending_runs(settings) == [here]
    assert "does not answer" in away.notice
    assert "python -m edtech sync" in away.notice
    local = away.runs.get_run(here)

    report = sync(server, settings)
    assert (list(report.synced), report.failed, pending_runs(settings)) == ([here], {}, [])
    (run,) = on_server(client, away.experiment_name)
    assert (run.info.run_id, run.info.status) == (report.synced[here], "FINISHED")
    assert run.info.start_time == start.timestamp() * 1000
    assert run.info.end_time == pytest.approx(run.info.start_time + local.duration_seconds * 1000)
    assert (run.data.params, run.data.metrics) == (local.params, local.metrics)
    new = {"edtech.sent_from": here}
    old = {key: local.tags[key] for key in ("edtech.waiting", "edtech.lock")}
    assert run.data.tags.items() | old.items() == local.tags.items() | new.items()
    assert len(run.inputs.dataset_inputs) == 2

    runs = RunStore(server, settings.model_copy(update={"home": settings.home / "elsewhere"}))
    sent = runs.get_run(run.info.run_id)
    assert sent.artifacts == local.artifacts
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(runs.load_model(sent.run_id).predict(rows), ridge.predict(rows))
    assert sent.run_id in runs.read_artifact(sent.run_id, "evaluation/model_validation.py").decode()
    assert away.runs.get_run(here).name == "ridge"  # by its id here, too

    assert sync(server, settings).synced == {}
    assert len(on_server(client, away.experiment_name)) == 1


def test_a_job_sends_pending_runs_and_reports_progress(away, server, settings, items):
    here = away.log(items)
    steps = []
    done = tasks.sync_runs(
        settings.model_copy(update={"mlflow_tracking_uri": server}), lambda *step: steps.append(step)
    )
    assert done.summary == "Sent to the server: 1 run."
    assert steps == [(0.0, "Sending 1 of 1")]
    assert here not in pending_runs(settings)


def test_the_report_tells_why_runs_are_still_pending():
    report = SyncReport({"a": "b", "c": "d"}, {"e": "The server said no.\nFound: 500"})
    assert report.summary == "Sent to the server: 2 runs. Still pending: 1. First problem: The server said no."


KILLED = """
import os, signal, sys
from edtech.settings import Settings
from edtech.tracking import copying, sync
copying.RunCopier._copy_files = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sync(sys.argv[1], Settings(home=sys.argv[2]))
"""


class Stop(BaseException):
    """An exception that no code handles."""


def test_a_sync_that_is_interrupted_anywhere_continues_without_duplicates(
    away, server, client, settings, items, monkeypatch
):
    with away.group(RunItems("search", kind="group")) as group:
        child = away.log(replace(items, parent=group.run_id))
    command = [sys.executable, "-c", KILLED, server, str(settings.home)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for step in ("_copy_values", "_copy_models", "_mark_synced"):
        with monkeypatch.context() as patched:
            patched.setattr(RunCopier, step, lambda *_: (_ for _ in ()).throw(Stop))
            with pytest.raises(Stop):
                sync(server, settings)
    report = sync(server, settings)
    runs = {run.info.run_name: run for run in on_server(client, away.experiment_name)}
    assert {name: run.info.run_id for name, run in runs.items()} == {
        "ridge": report.synced[child],
        "search": report.synced[group.run_id],
    }
    assert len(on_server(client, away.experiment_name)) == 2
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs["ridge"].data.tags["mlflow.parentRunId"] == runs["search"].info.run_id
    ready = client.search_logged_models([runs["ridge"].info.experiment_id])
    assert [model.status.value for model in ready].count("READY") == 1


@pytest.mark.parametrize("failure", ["500", "hang"])
def test_a_server_that_errs_or_hangs_costs_a_training_two_seconds_at_most(settings, failure, monkeypatch):
    timeouts = []

    class Watched(Thread):
        def join(self, timeout: float | None = None) -> None:
            timeouts.append(timeout)
            super().join(timeout)

    monkeypatch.setattr(outbox, "Thread", Watched)
    with failing_server(failure) as address:
        tracker = EdTechMLFlowTracker(tracking_uri=address, settings=settings)
        first = tracker.log(RunItems("first", metrics={"rmse": 1.0}))
        second = tracker.log(RunItems("second"))
        assert timeouts == [outbox.SYNC_SECONDS]  # after a timeout the next run does not wait
        assert outbox.SYNC_SECONDS < WAIT_SECONDS
        assert pending_runs(settings) == [first, second]
        assert tracker.runs.get_run(first).metrics == {"rmse": 1.0}
        assert "python -m edtech sync" in tracker.notice


def test_a_server_that_hangs_is_not_queried_again_soon(settings, monkeypatch):
    queries, free = [], Event()
    monkeypatch.setattr(RunStore, "list_runs", lambda *_, **__: queries.append(1) or free.wait(SECONDS))
    with failing_server("hang") as address:
        tracker = EdTechMLFlowTracker(tracking_uri=address, settings=settings)
        for problem in ("did not answer within", "too slow a moment ago"):
            with pytest.raises(TrackingError, match=problem):
                tracker.newest_runs(10)
        free.set()
    assert queries == [1]


def test_runs_logged_while_others_are_sent_are_sent_too(server, client, settings, request, monkeypatch):
    send, free = RunCopier.copy, Event()
    monkeypatch.setattr(RunCopier, "copy", lambda self, tree: (free.wait(SECONDS), send(self, tree))[1])
    tracker = EdTechMLFlowTracker(request.node.name, server, settings)
    runs = [tracker.log(RunItems(name)) for name in ("first", "second", "third")]
    assert pending_runs(settings) == runs
    assert "python -m edtech sync" in tracker.notice
    free.set()
    tracker.flush(SECONDS)
    assert (pending_runs(settings), tracker.notice) == ([], None)
    assert sorted(run.info.run_name for run in on_server(client, request.node.name)) == ["first", "second", "third"]


def test_the_notice_stays_while_a_run_is_pending(away, server, settings, monkeypatch):
    away.log(RunItems("refused"))
    tracker = EdTechMLFlowTracker(away.experiment_name, server, settings)
    send, refused = RunCopier.copy, pending_runs(settings)
    monkeypatch.setattr(RunCopier, "copy", lambda self, tree: {} if tree[0].run_id in refused else send(self, tree))
    tracker._sync.notice = "why it is pending"
    tracker.log(RunItems("taken"))
    tracker.flush(SECONDS)
    assert (pending_runs(settings), tracker.notice) == (refused, "why it is pending")


def test_pending_runs_are_listed_with_the_runs_of_the_server(away, server, settings):
    here = away.log(RunItems("logged offline"))
    runs = RunStore(server, settings)
    assert runs.list_runs([away.experiment_name])["run_id"].tolist() == [here]
    runs.update_run(here, "renamed while pending", "a note")
    runs.set_tag(here, "mine", "yes")
    assert runs.get_run(here).name == "renamed while pending"
    sent = sync(server, settings).synced[here]
    assert runs.list_runs([away.experiment_name])["run_id"].tolist() == [sent]


def test_a_sent_run_is_read_by_its_local_id_and_by_its_id_on_the_server(away, server, settings):
    local_id = away.log(RunItems("r", metrics={"rmse": 1.5}))
    server_id = sync(server, settings).synced[local_id]
    runs = RunStore(server, settings)
    assert [runs.is_local(run_id) for run_id in (local_id, server_id)] == [True, False]
    history = runs.metric_history([local_id, server_id], "rmse")
    assert history[["run_id", "value"]].to_numpy().tolist() == [[local_id, 1.5], [server_id, 1.5]]


def test_a_run_whose_process_was_killed_offline_is_sent_as_failed(away, server, client, settings):
    script = """
import os, signal, sys
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems
tracker = EdTechMLFlowTracker(sys.argv[1], sys.argv[2], Settings(home=sys.argv[3]))
with tracker.group(RunItems("search", kind="group")) as group:
    tracker.log(RunItems("trial", parent=group.run_id))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", script, away.experiment_name, away.uri, str(settings.home)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sync(server, settings).synced == {}  # the group could still be open
    EdTechMLFlowTracker(settings=settings)  # the next start closes it
    assert len(sync(server, settings).synced) == 2
    runs = {run.info.run_name: run for run in on_server(client, away.experiment_name)}
    assert {name: run.info.status for name, run in runs.items()} == {"search": "FAILED", "trial": "FINISHED"}
    assert "ended before" in runs["search"].data.tags["edtech.failed_because"]


def test_sync_without_a_server_raises(settings, away):
    with pytest.raises(SettingsError, match="EDTECH_MLFLOW_TRACKING_URI"):
        sync(settings=settings)
    assert sync(away.uri, settings).synced == {}
    away.log(RunItems("r"))
    with pytest.raises(TrackingError, match="does not answer"):
        sync(away.uri, settings)
