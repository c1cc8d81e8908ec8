"""Check the setup of tracking, from the address of the store to the installed packages."""

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
    """The result of a check: what works or what is wrong, and what to do."""

    name: str
    ok: bool
    text: str
    fix: str = ""


def check_setup(tracking_uri: str | None = None, settings: Settings | None = None) -> Iterator[CheckResult]:
    """Yield the result of each check: URI, store, experiment, write, read, registry, versions, pending runs.

    A check is skipped if one that it depends on has failed. The run that a check writes is deleted again.
    """
    settings = settings or Settings()
    yield (address := _run_check("URI", lambda: find_store(tracking_uri, settings).redacted_uri))
    if address.ok:
        store = _StoreChecks(find_store(tracking_uri, settings), settings)
        for name, check in store.checks().items():
            result = _run_check(name, check)
            yield result
            if not result.ok:
                break
    yield _run_check("versions", _check_versions)
    yield _run_check("pending runs", lambda: _check_pending(settings))


class _StoreChecks:
    """The checks of one store, in an order in which each needs those before it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._run_id, self._token = "", uuid.uuid4().hex

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by name."""
        return {
            "store": self._open,
            "experiment": self._open_experiment,
            "write": self._write_run,
            "read": self._read_run,
            "registry": self._read_registry,
        }

    def _open(self) -> str:
        connect(self._store)
        return "the server answers" if self._store.is_server else "the schema is that of the installed MLflow"

    def _open_experiment(self) -> str:
        writer = RunWriter(self._store, self._settings.experiment)
        return f"{self._settings.experiment!r}, id {writer.experiment_id}"

    def _write_run(self) -> str:
        items = RunItems("doctor", kind="group", params={"token": self._token}, artifacts={TOKEN_FILE: self._token})
        with RunWriter(self._store, self._settings.experiment).start_run(items, {}) as run_id:
            self._run_id = run_id
        return f"run {run_id}"

    def _read_run(self) -> str:
        runs = RunStore(self._store.uri, self._settings)
        try:
            param = runs.get_run(self._run_id).params["token"]
            file = runs.read_artifact(self._run_id, TOKEN_FILE).decode(errors="replace")
        finally:
            with translate_errors("delete the run of this check", self._store):
                connect(self._store).delete_run(self._run_id)
        if (param, file) != (self._token, self._token):
            raise TrackingError(
                "The run that was read differs from the one that was written",
                actual=f"{param}, {file}"[:200],
                where=self._store.redacted_uri,
            )
        return "the run reads back as written"

    def _read_registry(self) -> str:
        with translate_errors("read the model registry", self._store):
            models = connect(self._store).search_registered_models(max_results=100)
        return f"{len(models)}{' or more' if models.token else ''} registered models"


def _run_check(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, check())
    except EdtechError as error:
        actual = f" Found: {error.actual}." if error.actual else ""
        return CheckResult(name, False, f"{error.problem.rstrip('.')}.{actual}", error.fix or "")


def _check_versions() -> str:
    """Return the installed versions. Raises EdtechError if they are not those that the project was tested with."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    differences = [
        f"{name} {installed or 'missing'} instead of {pin}"
        for name, pin in pins.items()
        if (installed := _installed_version(name)) != pin
    ]
    if differences:
        raise EdtechError(
            "The installed packages are not the pinned ones",
            actual="; ".join(differences),
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
    return f"{count} to send to the server: {COMMAND}" if count else "none"
