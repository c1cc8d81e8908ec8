"""Checks the set-up of tracking from the address to the packages, one finding after another."""

import platform
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from edtech.errors import EdtechError, TrackingError
from edtech.settings import PROJECT, Settings
from edtech.tracking.outbox import COMMAND, pending_runs
from edtech.tracking.run_items import RunItems
from edtech.tracking.run_writer import RunWriter
from edtech.tracking.runs import RunStore
from edtech.tracking.store import Store, connect, find_store, translate_errors

TOKEN_FILE = "token.txt"  # noqa: S105  # a file's name


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found: `ok`, what was seen or is wrong, and what to do."""

    name: str
    ok: bool
    text: str
    fix: str = ""


def check_setup(tracking_uri: str | None = None, settings: Settings | None = None) -> Iterator[CheckResult]:
    """Yield the findings as they are made: URI, store, experiment, write, read, registry, versions, waiting runs.

    A check that rests on one that failed is left out. The run that is written for the check is deleted again.
    """
    settings = settings or Settings()
    yield (address := _run_check("URI", lambda: find_store(tracking_uri, settings).redacted_uri))
    if address.ok:
        yield from _check_store(find_store(tracking_uri, settings), settings)
    yield _run_check("versions", _check_versions)
    yield _run_check("waiting", lambda: _check_pending(settings))


def _check_store(store: Store, settings: Settings) -> Iterator[CheckResult]:
    kept: dict[str, str] = {}

    def opened() -> str:
        connect(store)
        return "a server that answers" if store.is_server else "the schema is that of the installed MLflow"

    def experiment() -> str:
        recorder = RunWriter(store, settings.experiment)
        return f"{settings.experiment!r}, id {recorder.experiment_id}"

    def write() -> str:
        recorder, token = RunWriter(store, settings.experiment), uuid.uuid4().hex
        items = RunItems("doctor", kind="group", params={"token": token}, artifacts={TOKEN_FILE: token})
        with recorder.start_run(items, {}) as run_id:
            kept.update(run_id=run_id, token=token)
        return f"run {run_id}"

    def read() -> str:
        runs, run_id = RunStore(store.uri, settings), kept["run_id"]
        try:
            found = (
                runs.get_run(run_id).params["token"],
                runs.read_artifact(run_id, TOKEN_FILE).decode(errors="replace"),
            )
        finally:
            with translate_errors("delete the run of this check", store):
                connect(store).delete_run(run_id)
        if found != (kept["token"], kept["token"]):
            raise TrackingError(
                "Something else came back than was written", actual=str(found)[:200], where=store.redacted_uri
            )
        return "what was written came back"

    def registry() -> str:
        with translate_errors("read the model registry", store):
            found = connect(store).search_registered_models(max_results=100)
        return f"{len(found)}{' or more' if found.token else ''} registered models"

    checks: dict[str, Callable[[], str]] = {
        "store": opened,
        "experiment": experiment,
        "write": write,
        "read": read,
        "registry": registry,
    }
    for name, check in checks.items():
        finding = _run_check(name, check)
        yield finding
        if not finding.ok:
            return


def _run_check(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, check())
    except EdtechError as error:
        found = f" Found: {error.actual}." if error.actual else ""
        return CheckResult(name, False, f"{error.problem.rstrip('.')}.{found}", error.fix or "")


def _check_versions() -> str:
    """Name what is installed. Raises EdtechError where it is not what the project was tested with."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    other = [
        f"{name} {found or 'missing'} instead of {pin}"
        for name, pin in pins.items()
        if (found := _installed_version(name)) != pin
    ]
    if other:
        raise EdtechError(
            "The installed packages are not the pinned ones",
            actual="; ".join(other),
            fix="python -m pip install -r requirements.txt -c constraints.txt",
        )
    return f"Python {platform.python_version()}, mlflow {pins['mlflow']}; all {len(pins)} packages as pinned"


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_pending(settings: Settings) -> str:
    count = len(pending_runs(settings))
    return f"{count} runs wait to be sent: {COMMAND}" if count else "no run waits to be sent to a server"
