"""Registered models: versions with the aliases `champion` and `challenger`, promotion and rollback.

MLflow has replaced its stages by aliases. A tag of the registered model records every change of the champion with time
and reason, and tells a rollback which version was champion before.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edtech.errors import RegistryError, RunNotFoundError
from edtech.settings import Settings
from edtech.tracking.mlflow_limits import truncate
from edtech.tracking.registry_requirements import (
    Requirement,
    decision_value,
    promotion_requirement,
    raise_if_unmet,
    read_diagnostics,
    registration_requirements,
)
from edtech.tracking.run_frames import Run, to_datetime
from edtech.tracking.runs import RunStore
from edtech.tracking.store import connect, find_store, translate_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion
    from mlflow.entities.model_registry import RegisteredModel

CHAMPION, CHALLENGER = "champion", "challenger"
_CHANGES_TAG = "edtech.champions"
_MAX_CHANGES = 25  # a tag holds 5,000 characters
_REASON_TAG = "edtech.reason"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,99}")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model; `tags` describe its run as it was at registration."""

    name: str
    version: int
    run_id: str
    aliases: tuple[str, ...]
    created: datetime | None
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """The address for MLflow's `load_model`."""
        return f"models:/{self.name}/{self.version}"

    @property
    def is_champion(self) -> bool:
        """Whether it has the alias `champion`."""
        return CHAMPION in self.aliases


@dataclass(frozen=True, slots=True)
class ChampionChange:
    """A change of the champion: the new version, when (UTC, ISO 8601), how (promoted or rolled back) and why.

    The tag stores these field names.
    """

    version: int
    at: str
    how: str
    reason: str


class ModelRegistry:
    """The registered models of one store; connects lazily.

    Raises RegistryError for an unknown model or version or an action that is not allowed, TrackingError if the store
    fails.
    """

    def __init__(self, settings: Settings | None = None, tracking_uri: str | None = None) -> None:
        settings = settings or Settings()
        self._store = find_store(tracking_uri, settings)
        self.runs = RunStore(tracking_uri, settings)

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self._store)

    @property
    def uri(self) -> str:
        """The store's address for `mlflow.set_tracking_uri`."""
        return self._store.uri

    def names(self) -> list[str]:
        """Return the names of the registered models, except names that this project does not allow."""
        if self._store.database is not None and not self._store.database.exists():
            return []
        with translate_errors("list the registered models", self._store):
            names = [model.name for model in self._client.search_registered_models(max_results=1_000)]
        return sorted(name for name in names if _NAME.fullmatch(name))

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model, newest first; none if there is no such model."""
        if name not in self.names():
            return []
        with translate_errors(f"list the versions of {name!r}", self._store):
            aliases = self._registered_model(name).aliases
            stored = self._client.search_model_versions(f"name = '{name}'", max_results=1_000)
        versions = [_to_model_version(version, aliases) for version in stored]
        return sorted(versions, key=lambda version: -version.version)

    def version(self, name: str, version: int) -> ModelVersion:
        """Return one version. Raises RegistryError if there is none."""
        versions = self.versions(name)
        for candidate in versions:
            if candidate.version == version:
                return candidate
        raise RegistryError(
            "There is no such version of the model",
            expected=", ".join(str(candidate.version) for candidate in versions[:20]) or "a registered model",
            actual=f"{version}",
            where=name,
            fix="choose from the list",
        )

    def champion(self, name: str) -> ModelVersion | None:
        """Return the champion, None if no version was promoted."""
        return next((version for version in self.versions(name) if version.is_champion), None)

    def champion_run_id(self, name: str, dataset_digest: str | None = None) -> str | None:
        """Return the id of the champion's run; None without a champion, or if it was trained on another data set."""
        champion = self.champion(name)
        if champion is None or (dataset_digest is not None and champion.tags.get("dataset_digest") != dataset_digest):
            return None
        return champion.run_id

    def requirements(self, run_id: str, name: str | None = None) -> tuple[Requirement, ...]:
        """Return the requirements for registering a run and for promoting it to champion of the model `name`."""
        run = self.runs.get_run(run_id)
        champion = self.champion(name or _family(run))
        champion_run = None if champion is None else self.run_of_version(champion)
        return (*registration_requirements(read_diagnostics(self.runs, run)), promotion_requirement(run, champion_run))

    def register(self, run_id: str, name: str | None = None) -> ModelVersion:
        """Register a run's model as the newest version and the challenger; return the version if it has one already.

        `name` is by default that of the family. Raises RegistryError if a requirement for registration is not met.
        """
        self._refuse_local_run(run_id)
        run = self.runs.get_run(run_id)
        name = _validate_name(name or _family(run))
        for version in self.versions(name):
            if version.run_id == run_id:
                return version
        raise_if_unmet(
            [gate for gate in registration_requirements(read_diagnostics(self.runs, run)) if not gate.passed],
            "register",
        )
        with translate_errors(f"register the run {run_id}", self._store):
            model = self._logged_model(run_id)
            if name not in self.names():
                self._client.create_registered_model(name, tags={"platform": "EdTech", "family": _family(run)})
            created = self._client.create_model_version(
                # A location, since MLflow would look up a models:/ address in its global store.
                name,
                model.artifact_location,
                run_id,
                tags=_version_tags(run),
                model_id=model.model_id,
                await_creation_for=0,
            )
            self._client.set_registered_model_alias(name, CHALLENGER, created.version)
        return self.version(name, int(created.version))

    def promote(self, name: str, version: int, reason: str = "") -> ModelVersion:
        """Make a version the champion.

        A `reason`, which is stored, overrides the requirement of a higher decision value. Raises RegistryError if a
        requirement is not met.
        """
        new = self.version(name, version)
        if new.is_champion:
            return new
        unmet = [requirement for requirement in self.requirements(new.run_id, name) if not requirement.passed]
        raise_if_unmet([item for item in unmet if not (item.can_be_overridden and reason.strip())], "promote")
        return self._set_champion(new, "promoted", reason)

    def rollback(self, name: str) -> ModelVersion:
        """Make the previous champion the champion again. Raises RegistryError if there was none."""
        history = _champion_history(self.champion_changes(name))
        if len(history) < 2:
            raise RegistryError(
                "There is no previous champion",
                expected="a version that was champion before",
                actual=f"{len(history)} so far",
                where=name,
                fix="promote another version instead",
            )
        return self._set_champion(self.version(name, history[-2]), "rolled back", f"instead of version {history[-1]}")

    def champion_changes(self, name: str) -> tuple[ChampionChange, ...]:
        """Return the changes of the champion, oldest first."""
        if name not in self.names():
            return ()
        with translate_errors(f"read the history of {name!r}", self._store):
            text = self._registered_model(name).tags.get(_CHANGES_TAG, "[]")
        try:
            return tuple(ChampionChange(**change) for change in json.loads(text))
        except (ValueError, TypeError):
            return ()  # another program wrote the tag

    def run_of_version(self, version: ModelVersion) -> Run | None:
        """Return the run of a version, None if it was deleted for good."""
        try:
            return self.runs.get_run(version.run_id)
        except RunNotFoundError:
            return None

    def _set_champion(self, new: ModelVersion, how: str, reason: str) -> ModelVersion:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        changes = [
            *self.champion_changes(new.name),
            ChampionChange(new.version, now, how, truncate(reason.strip(), 80)),
        ]
        with translate_errors(f"make version {new.version} of {new.name!r} the champion", self._store):
            if reason.strip():
                self._client.set_model_version_tag(
                    new.name, str(new.version), _REASON_TAG, truncate(reason.strip(), 1_000)
                )
            text = json.dumps([asdict(change) for change in changes[-_MAX_CHANGES:]], ensure_ascii=False)
            self._client.set_registered_model_tag(new.name, _CHANGES_TAG, text)
            self._client.set_registered_model_alias(new.name, CHAMPION, str(new.version))
            if CHALLENGER in new.aliases:
                self._client.delete_registered_model_alias(new.name, CHALLENGER)
        return self.version(new.name, new.version)

    def _registered_model(self, name: str) -> "RegisteredModel":
        return self._client.get_registered_model(name)

    def _refuse_local_run(self, run_id: str) -> None:
        if self.runs.is_local(run_id):
            raise RegistryError(
                "The run is still pending on this machine, but the registry is on the server",
                actual=f"run {run_id}",
                where=self._store.redacted_uri,
                fix="send it first: python -m edtech sync; it gets another id there",
            )

    def _logged_model(self, run_id: str) -> "LoggedModel":
        outputs = self._client.get_run(run_id).outputs
        if not outputs or not outputs.model_outputs:
            raise RegistryError("The run has no model", actual=f"run {run_id}", fix="choose a finished training")
        return self._client.get_logged_model(outputs.model_outputs[-1].model_id)


def _champion_history(changes: Sequence[ChampionChange]) -> list[int]:
    """Return the successive champions; a rollback removes the last one."""
    history: list[int] = []
    for change in changes:
        if change.how == "rolled back" and len(history) > 1:
            history.pop()
        else:
            history.append(change.version)
    return history


def _to_model_version(stored: "MlflowVersion", aliases: Mapping[str, Any]) -> ModelVersion:
    number = int(stored.version)
    own = tuple(sorted(alias for alias, at in aliases.items() if int(at) == number))
    return ModelVersion(
        stored.name, number, stored.run_id or "", own, to_datetime(stored.creation_timestamp), dict(stored.tags)
    )


def _version_tags(run: Run) -> dict[str, str]:
    """Return tags that describe the run of a version, even after the run is deleted."""
    names = ("model_type", "algorithm", "dataset_name", "dataset_digest", "split", "decision_value")
    tags = {name: truncate(run.tags[name], 1_000) for name in names if run.tags.get(name)}
    value = decision_value(run)
    return tags | ({} if value is None else {f"metric.{value[0]}": repr(value[1])})


def _family(run: Run) -> str:
    family = run.tags.get("model_type", "")
    if run.kind != "training" or run.status != "FINISHED" or not _NAME.fullmatch(family):
        raise RegistryError(
            "Only a finished training can be registered",
            expected="a run of the kind training with the status FINISHED",
            actual=f"kind {run.kind or 'unknown'}, status {run.status}",
            where=f"run {run.run_id}",
            fix="choose another run, or train again",
        )
    return family


def _validate_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise RegistryError(
            "A model cannot have this name",
            expected="letters, digits, spaces, _ . and -, at most 100",
            actual=repr(name)[:120],
            fix="choose another name",
        )
    return name
