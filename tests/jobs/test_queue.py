"""Jobs in real worker processes: result, log, cancellation, a killed worker, and other executors."""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from edtech.errors import ContractError, JobCancelledError, JobError, ParamsError
from edtech.jobs.progress import scaled_progress
from edtech.jobs.queue import CancellableExecutor, JobQueue, JobState
from edtech.jobs.worker_pool import InlineExecutor, WorkerPool
from edtech.settings import Settings
from edtech.tracking import RunStore
from tests.jobs import tasks
from tests.jobs.remote import RemoteExecutor
from tests.waiting import SECONDS, until


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module")
def jobs(settings):
    close_stale_runs = RunStore(settings=settings).close_stale_runs
    jobs = JobQueue(WorkerPool(2, on_worker_lost=close_stale_runs))
    yield jobs
    jobs.close()


def finish(jobs: JobQueue, job_id: str):
    """Wait until a job ends and return it."""
    job = jobs.wait(job_id, SECONDS)
    assert not job.active
    return job


def start_hanging(jobs: JobQueue, task=tasks.hang):
    """Return a job that hangs in its process."""
    job = jobs.submit("Hang", task)
    until(lambda: jobs.get(job.id).log or not jobs.get(job.id).active)
    job = jobs.get(job.id)
    assert job.active, job.error
    return job


def wait_for_exit(job) -> None:
    """Wait until the process of a hanging job has ended."""

    def has_ended() -> bool:
        try:
            os.kill(int(job.log[-1]), 0)
        except ProcessLookupError:
            return True
        return False

    until(has_ended)


def test_a_job_runs_in_another_process_and_reports_its_steps(jobs):
    job = finish(jobs, jobs.submit("Look", tasks.process_id).id)
    assert (job.title, job.state, job.fraction, job.log) == ("Look", JobState.DONE, 1.0, ("Looking",))
    assert job.result != os.getpid()
    assert jobs.get("nobody") is None
    assert jobs.list()[0] == job


def test_an_error_of_the_project_comes_back_complete(jobs):
    job = finish(jobs, jobs.submit("Refuse", tasks.refuse).id)
    assert (job.state, type(job.error), job.result) == (JobState.FAILED, ContractError, None)
    assert str(job.error) == "No good. Expected: better. Found: worse. - one - two"


def test_an_unexpected_error_is_a_job_error_and_goes_to_the_log(jobs, caplog):
    job = finish(jobs, jobs.submit("Fail", tasks.fail).id)
    assert (job.state, type(job.error)) == (JobState.FAILED, JobError)
    assert job.error.actual == "ZeroDivisionError: a bug"
    until(lambda: "tests/jobs/tasks.py" in caplog.text)  # logged after waiting threads continue


def test_a_killed_worker_fails_its_job_and_run_but_no_other_job(jobs, settings):
    other, job = start_hanging(jobs), start_hanging(jobs, partial(tasks.hang_in_a_run, settings))
    os.kill(int(job.log[-1]), signal.SIGKILL)
    job = finish(jobs, job.id)
    assert (job.state, type(job.error)) == (JobState.FAILED, JobError)
    assert "ended before the job was done" in job.error.problem
    runs = RunStore(settings=settings).list_runs(finished=False).set_index("name")
    assert runs["status"].to_dict() == {"open": "FAILED", "finished before": "FINISHED"}
    assert "ended before the run was complete" in runs.loc["open", "tags.edtech.failed_because"]
    assert finish(jobs, jobs.submit("Next", tasks.process_id).id).state is JobState.DONE
    assert jobs.get(other.id).state is JobState.RUNNING
    jobs.cancel(other.id)
    assert jobs.get(other.id).state is JobState.CANCELLED
    finish(jobs, other.id)


def test_cancel_ends_a_running_job_at_once_and_a_waiting_job_never_starts(jobs):
    first, second = start_hanging(jobs), start_hanging(jobs)
    waiting = jobs.submit("Wait", tasks.process_id)
    assert jobs.get(waiting.id).state is JobState.WAITING
    jobs.cancel(waiting.id)
    assert (jobs.get(waiting.id).state, jobs.get(waiting.id).log) == (JobState.CANCELLED, ())
    jobs.cancel(first.id)
    job = finish(jobs, first.id)
    assert (job.state, type(job.error)) == (JobState.CANCELLED, JobCancelledError)
    assert jobs.get(second.id).state is JobState.RUNNING
    jobs.cancel(second.id)
    assert finish(jobs, second.id).state is JobState.CANCELLED
    wait_for_exit(first)
    jobs.cancel(first.id)  # does nothing to a job that has ended


def test_an_idle_worker_that_dies_fails_no_job():
    pool = WorkerPool(1)
    first = pool.submit(os.getpid).result(SECONDS)
    os.kill(first, signal.SIGKILL)
    [worker] = pool._workers
    until(lambda: worker.pool._broken)
    second = pool.submit(os.getpid).result(SECONDS)
    pool.shutdown()
    assert second not in (first, os.getpid())


def test_a_worker_that_starts_while_a_page_is_drawn_does_not_run_the_page(tmp_path, monkeypatch):
    page = ModuleType("__main__")
    page.__file__ = str(tmp_path / "page.py")
    (tmp_path / "page.py").write_text("raise SystemExit('a page that only a dashboard can run')")
    monkeypatch.setitem(sys.modules, "__main__", page)
    pool = WorkerPool(1)
    assert pool.submit(os.getpid).result(SECONDS) != os.getpid()
    pool.shutdown()


def test_close_ends_running_jobs():
    jobs = JobQueue(WorkerPool(1))
    job = start_hanging(jobs)
    jobs.close()
    wait_for_exit(job)


def test_without_workers_a_job_runs_at_once_in_the_callers_process():
    jobs = JobQueue(InlineExecutor())
    job = jobs.submit("Look", tasks.process_id)
    assert (job.state, job.result, job.log) == (JobState.DONE, os.getpid(), ("Looking",))
    refused = jobs.submit("Refuse", tasks.refuse_at_once)
    assert (refused.state, type(refused.error)) == (JobState.FAILED, ParamsError)
    with pytest.raises(ZeroDivisionError):
        jobs.submit("Fail", tasks.fail)


def test_an_executor_that_shares_no_folder_with_the_queue_runs_jobs_with_progress(tmp_path):
    executor = RemoteExecutor(tmp_path / "remote")
    assert not isinstance(executor, CancellableExecutor)
    jobs = JobQueue(executor)
    job = finish(jobs, jobs.submit("Look", tasks.process_and_folders).id)
    assert (job.state, job.fraction, job.log) == (JobState.DONE, 1.0, ("Looking",))
    process, temporary, current = job.result
    assert process != os.getpid()
    assert {temporary, current} == {str(tmp_path / "remote")}
    refused = finish(jobs, jobs.submit("Refuse", tasks.refuse).id)
    assert (refused.state, refused.fraction, refused.log) == (JobState.FAILED, 0.1, ("Trying",))
    assert type(refused.error) is ContractError
    jobs.close()
    assert list((tmp_path / "remote").iterdir()) == []


def test_a_half_written_report_is_ignored(tmp_path):
    pool = WorkerPool(1)
    channel = pool.open_channel()
    channel.progress()(0.25, "First")
    with channel.path.open("a") as file:
        file.write('[0.5, "Sec')  # the writer was killed here
    assert channel.reports() == [(0.25, "First")]
    pool.shutdown()
    assert channel.reports() == []
    assert not Path(channel.path.parent).exists()


def test_progress_of_a_subtask_is_scaled_into_the_whole():
    reports = []
    scaled_progress(lambda *report: reports.append(report), 0.4, 0.5)(0.5, "Half")
    assert reports == [(pytest.approx(0.65), "Half")]
