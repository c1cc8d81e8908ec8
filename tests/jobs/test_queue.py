"""Jobs in real worker processes: outcome, log, cancel, a worker that is killed, and others that go on."""

import os
import signal
import sys
from types import ModuleType

import pytest

from edtech.errors import ContractError, JobCancelledError, JobError, ParamsError
from edtech.jobs.queue import Jobs, State
from edtech.jobs.worker_pool import Workers
from edtech.settings import Settings
from edtech.tracking import RunStore
from tests.jobs import tasks as works
from tests.waiting import SECONDS, until


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def jobs(place):
    closing = RunStore(settings=place).close_stale_runs
    jobs = Jobs(place, Workers(2, on_lost=closing, modules=()))
    yield jobs
    jobs.close()


def ended(jobs: Jobs, job_id: str):
    job = jobs.wait(job_id, SECONDS)
    assert not job.active
    return job


def hanging(jobs: Jobs, work=works.hang):
    """Return a job that hangs in its process."""
    job = jobs.submit("Hang", work)
    until(lambda: jobs.get(job.id).log)
    return jobs.get(job.id)


def gone(job) -> None:
    """Wait until the process that told its id is no more."""

    def is_gone() -> bool:
        try:
            os.kill(int(job.log[-1]), 0)
        except ProcessLookupError:
            return True
        return False

    until(is_gone)


def test_a_job_is_done_in_another_process_and_tells_its_steps(jobs):
    job = ended(jobs, jobs.submit("Look", works.name_process).id)
    assert (job.title, job.state, job.share, job.log) == ("Look", State.DONE, 1.0, ("Looking",))
    assert job.outcome.runs != (str(os.getpid()),)
    assert jobs.get("nobody") is None
    assert jobs.list()[0] == job


def test_an_error_of_ours_comes_back_whole(jobs):
    job = ended(jobs, jobs.submit("Refuse", works.refuse).id)
    assert (job.state, type(job.error), job.outcome) == (State.FAILED, ContractError, None)
    assert str(job.error) == "No good. Expected: better. Found: worse. - one - two"


def test_a_bug_is_told_as_one_and_goes_to_the_log(jobs, caplog):
    job = ended(jobs, jobs.submit("Fail", works.fail).id)
    assert (job.state, type(job.error)) == (State.FAILED, JobError)
    assert job.error.found == "ZeroDivisionError: a bug"
    until(lambda: "tests/jobs/tasks.py" in caplog.text)  # told after those who wait


def test_a_killed_worker_is_an_error_its_run_is_closed_others_go_on_and_the_next_job_works(jobs, place):
    other, job = hanging(jobs), hanging(jobs, works.hang_in_a_run)
    os.kill(int(job.log[-1]), signal.SIGKILL)
    job = ended(jobs, job.id)
    assert (job.state, type(job.error)) == (State.FAILED, JobError)
    assert "ended before the job was done" in job.error.problem
    runs = RunStore(settings=place).list_runs(finished=False).set_index("name")
    assert runs["status"].to_dict() == {"open": "FAILED", "finished before": "FINISHED"}
    assert "ended before it was done" in runs.loc["open", "tags.edtech.failed_because"]
    assert ended(jobs, jobs.submit("Next", works.name_process).id).state is State.DONE
    assert jobs.get(other.id).state is State.RUNNING
    jobs.cancel(other.id)
    assert jobs.get(other.id).state is State.CANCELLED
    ended(jobs, other.id)


def test_cancel_ends_a_running_job_at_once_and_one_that_waits_never_starts(jobs):
    one, two = hanging(jobs), hanging(jobs)
    waiting = jobs.submit("Wait", works.name_process)
    assert jobs.get(waiting.id).state is State.WAITING
    jobs.cancel(waiting.id)
    assert (jobs.get(waiting.id).state, jobs.get(waiting.id).log) == (State.CANCELLED, ())
    jobs.cancel(one.id)
    job = ended(jobs, one.id)
    assert (job.state, type(job.error)) == (State.CANCELLED, JobCancelledError)
    assert jobs.get(two.id).state is State.RUNNING
    jobs.cancel(two.id)
    assert ended(jobs, two.id).state is State.CANCELLED
    gone(one)
    jobs.cancel(one.id)  # nothing happens to one that has ended


def test_a_worker_that_died_while_it_was_idle_fails_no_job():
    workers = Workers(1, modules=())
    first = workers.submit(os.getpid).result(SECONDS)
    os.kill(first, signal.SIGKILL)
    [lane] = workers._lanes
    until(lambda: lane.pool._broken)
    second = workers.submit(os.getpid).result(SECONDS)
    workers.shutdown()
    assert second not in (first, os.getpid())


def test_a_worker_that_starts_while_a_page_is_drawn_does_not_run_the_page(tmp_path, monkeypatch):
    page = ModuleType("__main__")
    page.__file__ = str(tmp_path / "page.py")
    (tmp_path / "page.py").write_text("raise SystemExit('a page that only a dashboard can run')")
    monkeypatch.setitem(sys.modules, "__main__", page)
    workers = Workers(1, modules=())
    assert workers.submit(os.getpid).result(SECONDS) != os.getpid()
    workers.shutdown()


def test_closing_ends_what_runs(place):
    jobs = Jobs(place, Workers(1, modules=()))
    job = hanging(jobs)
    jobs.close()
    gone(job)


def test_without_workers_a_job_is_done_when_it_is_asked_for(home):
    jobs = Jobs(home)
    job = jobs.submit("Look", works.name_process)
    assert (job.state, job.outcome.runs) == (State.DONE, (str(os.getpid()),))
    refused = jobs.submit("Refuse", works.refuse_at_once)
    assert (refused.state, type(refused.error)) == (State.FAILED, ParamsError)
    with pytest.raises(ZeroDivisionError):
        jobs.submit("Fail", works.fail)
