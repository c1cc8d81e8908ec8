"""Jobs on a page, in a real worker process: progress, reload, cancellation, failure with a reason."""

import os
import shutil
import signal

import pytest
from streamlit.testing.v1 import AppTest

from edtech.jobs.queue import JobState
from edtech.settings import PROJECT
from edtech.tracking import RunStore
from edtech.ui.cache import services
from edtech.ui.overview import sections
from tests.jobs import tasks
from tests.pages.look import press, texts, visit
from tests.waiting import SECONDS, until


@pytest.fixture
def market(stored_full, home):
    """Put the small market into this test's home."""
    shutil.copytree(stored_full.settings.data_dir / stored_full.market.id, home.data_dir / stored_full.market.id)


@pytest.fixture
def server(home, clear_caches_of_old_home, monkeypatch):
    """A server with one worker, and its jobs."""
    monkeypatch.setenv("EDTECH_WORKERS", "1")
    clear_caches_of_old_home()
    jobs = services.jobs()
    yield jobs
    jobs.close()
    monkeypatch.setenv("EDTECH_WORKERS", "0")
    clear_caches_of_old_home()


def browser(job_id: str = "") -> AppTest:
    """Return a new session on the Train page, at the address of a reload."""
    app = AppTest.from_file(str(PROJECT / "edtech" / "ui" / "dashboard.py"), default_timeout=SECONDS).run()
    if job_id:
        app.query_params["job"] = job_id
    return visit(app, "train")


def submit_hanging(jobs, title: str = "Hang"):
    """Return a job that hangs in its process, and the process's id."""
    job = jobs.submit(title, tasks.hang)
    log = until(lambda: jobs.get(job.id).log)
    return job, int(log[0])


def test_a_training_is_followed_after_a_reload_and_its_run_is_shown(market, server, home):
    app = browser()
    app.segmented_control(key="train.algorithm.token_elasticity").set_value("linear").run()
    press(app, "Train")
    [job] = server.list()
    assert app.query_params["job"] in (job.id, [job.id])
    assert "Cancel" in [button.label for button in app.button]
    again = browser(job.id)
    assert "Train Log-linear Poisson regression on Small market" in texts(again)
    assert server.wait(job.id, SECONDS).state is JobState.DONE, server.get(job.id).error
    for session in (app, again):
        session.run()
        assert not session.exception
        assert "Trained and logged: 1 run." in texts(session)
        assert server.get(job.id).result.command in texts(session)
    assert RunStore(settings=home).list_runs()["run_id"].tolist() == list(server.get(job.id).result.run_ids)


def test_cancel_on_the_page_ends_the_job_and_a_killed_worker_gives_the_reason(market, server):
    job, _ = submit_hanging(server)
    app = browser(job.id)
    press(app, "Cancel")
    assert server.wait(job.id, SECONDS).state is JobState.CANCELLED
    assert "Canceled. Unfinished work is discarded." in texts(app.run())

    job, pid = submit_hanging(server)
    app = browser(job.id)
    os.kill(pid, signal.SIGKILL)
    assert server.wait(job.id, SECONDS).state is JobState.FAILED
    page_text = texts(app.run())
    assert "The worker process that ran the job ended before the job was done" in page_text
    assert "start the job again" in page_text
    assert not app.exception


def test_every_session_follows_a_running_demo_without_a_second_button(server, open_page):
    job, _ = submit_hanging(server, sections.DEMO)
    app = open_page("overview")
    assert app.query_params["job"] in (job.id, [job.id])
    assert "Cancel" in [button.label for button in app.button]
    assert not [button for button in app.button if button.key == "overview.demo"]
    press(app, "Cancel")
    server.wait(job.id, SECONDS)
    assert app.run().button(key="overview.demo")
