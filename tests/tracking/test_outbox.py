"""Runs are never lost to a server: they wait in the embedded store and are sent once."""

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
from tests.tracking.serving import misbehaving
from tests.waiting import SECONDS

WAIT_SECONDS = 2.0


@pytest.fixture
def away(settings, request, nobody) -> EdTechMLFlowTracker:
    """A tracker of a server that is not there."""
    return EdTechMLFlowTracker(request.node.name, nobody, settings)


@pytest.fixture
def client(server) -> MlflowClient:
    return MlflowClient(tracking_uri=server)


def on_server(client: MlflowClient, experiment: str) -> list:
    found = client.get_experiment_by_name(experiment)
    return client.search_runs([found.experiment_id]) if found else []


def test_a_run_made_offline_is_sent_whole_and_once(away, server, client, settings, items, panel, ridge):
    sample = SampleItem(panel.drop(columns="enrollments"), panel["enrollments"])
    began = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    here = away.log(replace(items, started=began, sample=sample))
    assert pending_runs(settings) == [here]
    assert "does not answer" in away.notice
    assert "python -m edtech sync" in away.notice
    kept = away.runs.get_run(here)

    report = sync(server, settings)
    assert (list(report.synced), report.failed, pending_runs(settings)) == ([here], {}, [])
    (run,) = on_server(client, away.experiment_name)
    assert (run.info.run_id, run.info.status) == (report.synced[here], "FINISHED")
    assert run.info.start_time == began.timestamp() * 1000
    assert run.info.end_time == pytest.approx(run.info.start_time + kept.duration_seconds * 1000)
    assert (run.data.params, run.data.metrics) == (kept.params, kept.metrics)
    new = {"edtech.sent_from": here}
    old = {key: kept.tags[key] for key in ("edtech.waiting", "edtech.lock")}
    assert run.data.tags.items() | old.items() == kept.tags.items() | new.items()
    assert len(run.inputs.dataset_inputs) == 2

    runs = RunStore(server, settings.model_copy(update={"home": settings.home / "elsewhere"}))
    sent = runs.get_run(run.info.run_id)
    assert sent.artifacts == kept.artifacts
    rows = panel.drop(columns="enrollments")
    assert np.array_equal(runs.load_model(sent.run_id).predict(rows), ridge.predict(rows))
    assert sent.run_id in runs.read_artifact(sent.run_id, "evaluation/model_validation.py").decode()
    assert away.runs.get_run(here).name == "ridge"  # by its id here, too

    assert sync(server, settings).synced == {}
    assert len(on_server(client, away.experiment_name)) == 1


def test_a_job_sends_what_waits_and_says_so(away, server, settings, items):
    here = away.log(items)
    told = []
    done = tasks.sync_runs(settings.model_copy(update={"mlflow_tracking_uri": server}), lambda *step: told.append(step))
    assert done.summary == "Sent to the server: 1 run."
    assert told == [(0.0, "Sending 1 of 1")]
    assert here not in pending_runs(settings)


def test_what_still_waits_is_told_with_the_reason():
    report = SyncReport({"a": "b", "c": "d"}, {"e": "The server said no.\nFound: 500"})
    assert report.summary == "Sent to the server: 2 runs. Still waiting: 1; the first because: The server said no."


KILLED = """
import os, signal, sys
from edtech.settings import Settings
from edtech.tracking import copying, sync
copying.Copier._send_files = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sync(sys.argv[1], Settings(home=sys.argv[2]))
"""


class Stop(BaseException):
    """What no code expects."""


def test_a_sending_that_is_broken_off_anywhere_goes_on_without_doubles(
    away, server, client, settings, items, monkeypatch
):
    with away.group(RunItems("search", kind="group")) as group:
        child = away.log(replace(items, parent=group.run_id))
    command = [sys.executable, "-c", KILLED, server, str(settings.home)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for step in ("_send_values", "_send_models", "_mark_sent"):
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


@pytest.mark.parametrize("how", ["500", "hang"])
def test_a_server_that_errs_or_hangs_costs_a_training_two_seconds_at_most(settings, how, monkeypatch):
    waited = []

    class Watched(Thread):
        def join(self, timeout: float | None = None) -> None:
            waited.append(timeout)
            super().join(timeout)

    monkeypatch.setattr(outbox, "Thread", Watched)
    with misbehaving(how) as address:
        tracker = EdTechMLFlowTracker(tracking_uri=address, settings=settings)
        first = tracker.log(RunItems("first", metrics={"rmse": 1.0}))
        second = tracker.log(RunItems("second"))
        assert waited == [outbox.SYNC_SECONDS]  # a server that was late is not waited for again soon
        assert outbox.SYNC_SECONDS < WAIT_SECONDS
        assert pending_runs(settings) == [first, second]
        assert tracker.runs.get_run(first).metrics == {"rmse": 1.0}
        assert "python -m edtech sync" in tracker.notice


def test_a_server_that_hangs_is_not_asked_again_soon(settings, monkeypatch):
    asked, free = [], Event()
    monkeypatch.setattr(RunStore, "list_runs", lambda *_, **__: asked.append(1) or free.wait(SECONDS))
    with misbehaving("hang") as address:
        tracker = EdTechMLFlowTracker(tracking_uri=address, settings=settings)
        for why in ("did not answer within", "late a moment ago"):
            with pytest.raises(TrackingError, match=why):
                tracker.newest_runs(10)
        free.set()
    assert asked == [1]


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


def test_the_notice_stays_as_long_as_a_run_waits(away, server, settings, monkeypatch):
    away.log(RunItems("refused"))
    tracker = EdTechMLFlowTracker(away.experiment_name, server, settings)
    send, refused = RunCopier.copy, pending_runs(settings)
    monkeypatch.setattr(RunCopier, "copy", lambda self, tree: {} if tree[0].run_id in refused else send(self, tree))
    tracker._sync.notice = "why it waits"
    tracker.log(RunItems("taken"))
    tracker.flush(SECONDS)
    assert (pending_runs(settings), tracker.notice) == (refused, "why it waits")


def test_what_waits_is_listed_with_the_runs_of_the_server(away, server, settings):
    here = away.log(RunItems("made offline"))
    runs = RunStore(server, settings)
    assert runs.list_runs([away.experiment_name])["run_id"].tolist() == [here]
    runs.update_run(here, "named while it waits", "a note")
    runs.set_tag(here, "mine", "yes")
    assert runs.get_run(here).name == "named while it waits"
    sent = sync(server, settings).synced[here]
    assert runs.list_runs([away.experiment_name])["run_id"].tolist() == [sent]


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
    found = {run.info.run_name: run for run in on_server(client, away.experiment_name)}
    assert {name: run.info.status for name, run in found.items()} == {"search": "FAILED", "trial": "FINISHED"}
    assert "ended before" in found["search"].data.tags["edtech.failed_because"]


def test_sending_without_a_server_says_so(settings, away):
    with pytest.raises(SettingsError, match="EDTECH_MLFLOW_TRACKING_URI"):
        sync(settings=settings)
    assert sync(away.uri, settings).synced == {}
    away.log(RunItems("r"))
    with pytest.raises(TrackingError, match="does not answer"):
        sync(away.uri, settings)
