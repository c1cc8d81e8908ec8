"""Registered models: versions under the aliases `champion` and `challenger`, what lets a version in, and the way back.

MLflow's stages are deprecated; aliases took their place. Every change of the champion is an event in a tag of the
registered model, so that whoever looks later sees when, why, and what a rollback goes back to.
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
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION, CHALLENGER = "champion", "challenger"
_CHANGES_TAG = "edtech.champions"
_MAX_CHANGES = 25  # a tag holds 5,000 characters
_REASON_TAG = "edtech.reason"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a registered model; `tags` hold what its run said when it came in."""

    name: str
    version: int
    run_id: str
    aliases: tuple[str, ...]
    created: datetime | None
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """The address by which MLflow loads it."""
        return f"models:/{self.name}/{self.version}"

    @property
    def is_champion(self) -> bool:
        """Whether it is the one to be used."""
        return CHAMPION in self.aliases


@dataclass(frozen=True, slots=True)
class ChampionChange:
    """A change of the champion: to which version, when (UTC, ISO 8601), how (promoted or rolled back) and why."""

    version: int
    at: str
    how: str
    reason: str


class ModelRegistry:
    """The registered models of one store; nothing is opened before it is asked.

    Raises RegistryError for a model, version or step that there is not, TrackingError where the store cannot answer.
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
        """The store's address, as `mlflow.set_tracking_uri` takes it."""
        return self._store.uri

    def names(self) -> list[str]:
        """Return the names of the registered models that ours may have; none where there is no store yet."""
        if self._store.database is not None and not self._store.database.exists():
            return []
        with translate_errors("list the registered models", self._store):
            found = [model.name for model in self._client.search_registered_models(max_results=1_000)]
        return sorted(name for name in found if _NAME.fullmatch(name))

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a model, newest first; none where there is no such model."""
        if name not in self.names():
            return []
        with translate_errors(f"list the versions of {name!r}", self._store):
            aliases = self._registered_model(name).aliases
            found = self._client.search_model_versions(f"name = '{name}'", max_results=1_000)
        versions = [_to_model_version(one, aliases) for one in found]
        return sorted(versions, key=lambda one: -one.version)

    def version(self, name: str, version: int) -> Version:
        """Return one version. Raises RegistryError where there is none."""
        found = self.versions(name)
        for one in found:
            if one.version == version:
                return one
        raise RegistryError(
            "There is no such version of the model",
            expected=", ".join(str(one.version) for one in found[:20]) or "a registered model",
            actual=f"{version}",
            where=name,
            fix="choose from the list",
        )

    def champion(self, name: str) -> Version | None:
        """Return the version to be used, None where none was promoted."""
        return next((one for one in self.versions(name) if one.is_champion), None)

    def champion_run_id(self, name: str, dataset_digest: str | None = None) -> str | None:
        """Return the id of the champion's run; None where there is none, or it is of other data than the digest's."""
        held = self.champion(name)
        if held is None or (dataset_digest is not None and held.tags.get("dataset_digest") != dataset_digest):
            return None
        return held.run_id

    def requirements(self, run_id: str, name: str | None = None) -> tuple[Requirement, ...]:
        """Return what lets a run in, and what lets it take the champion's place in the model `name`."""
        run = self.runs.get_run(run_id)
        held = self.champion(name or _family(run))
        against = None if held is None else self.run_of_version(held)
        return (*registration_requirements(read_diagnostics(self.runs, run)), promotion_requirement(run, against))

    def register(self, run_id: str, name: str | None = None) -> Version:
        """Register a run's model as the newest version and the challenger; the same run again gives its version.

        `name` is the family where none is given. Raises RegistryError where a gate that no reason opens is shut.
        """
        self._refuse_local_run(run_id)
        run = self.runs.get_run(run_id)
        name = _validate_name(name or _family(run))
        for one in self.versions(name):
            if one.run_id == run_id:
                return one
        raise_if_unmet(
            [gate for gate in registration_requirements(read_diagnostics(self.runs, run)) if not gate.passed],
            "register",
        )
        with translate_errors(f"register the run {run_id}", self._store):
            model = self._logged_model(run_id)
            if name not in self.names():
                self._client.create_registered_model(name, tags={"platform": "EdTech", "family": _family(run)})
            made = self._client.create_model_version(
                # Its place, since MLflow would look a models:/ address up in its global store.
                name,
                model.artifact_location,
                run_id,
                tags=_version_tags(run),
                model_id=model.model_id,
                await_creation_for=0,
            )
            self._client.set_registered_model_alias(name, CHALLENGER, made.version)
        return self.version(name, int(made.version))

    def promote(self, name: str, version: int, reason: str = "") -> Version:
        """Make a version the champion. A `reason` is needed where its decision value is not better; it is kept.

        Raises RegistryError where a gate is shut.
        """
        chosen = self.version(name, version)
        if chosen.is_champion:
            return chosen
        shut = [gate for gate in self.requirements(chosen.run_id, name) if not gate.passed]
        raise_if_unmet([gate for gate in shut if not (gate.can_be_overridden and reason.strip())], "promote")
        return self._set_champion(chosen, "promoted", reason)

    def rollback(self, name: str) -> Version:
        """Give the champion's place back to the version that held it before. Raises RegistryError where none did."""
        line = _champion_history(self.champion_changes(name))
        if len(line) < 2:
            raise RegistryError(
                "There is no champion to go back to",
                expected="a version that was champion before",
                actual=f"{len(line)} so far",
                where=name,
                fix="promote another version instead",
            )
        return self._set_champion(self.version(name, line[-2]), "rolled back", f"instead of version {line[-1]}")

    def champion_changes(self, name: str) -> tuple[ChampionChange, ...]:
        """Return the changes of the champion, oldest first."""
        if name not in self.names():
            return ()
        with translate_errors(f"read the history of {name!r}", self._store):
            text = self._registered_model(name).tags.get(_CHANGES_TAG, "[]")
        try:
            return tuple(ChampionChange(**one) for one in json.loads(text))
        except (ValueError, TypeError):
            return ()  # written by someone else: what is not ours is not a history

    def run_of_version(self, version: Version) -> Run | None:
        """Return the run of a version, None where it is gone."""
        try:
            return self.runs.get_run(version.run_id)
        except RunNotFoundError:
            return None

    def _set_champion(self, chosen: Version, how: str, reason: str) -> Version:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        events = [
            *self.champion_changes(chosen.name),
            ChampionChange(chosen.version, now, how, truncate(reason.strip(), 80)),
        ]
        with translate_errors(f"make version {chosen.version} of {chosen.name!r} the champion", self._store):
            if reason.strip():
                self._client.set_model_version_tag(
                    chosen.name, str(chosen.version), _REASON_TAG, truncate(reason.strip(), 1_000)
                )
            kept = json.dumps([asdict(event) for event in events[-_MAX_CHANGES:]], ensure_ascii=False)
            self._client.set_registered_model_tag(chosen.name, _CHANGES_TAG, kept)
            self._client.set_registered_model_alias(chosen.name, CHAMPION, str(chosen.version))
            if CHALLENGER in chosen.aliases:
                self._client.delete_registered_model_alias(chosen.name, CHALLENGER)
        return self.version(chosen.name, chosen.version)

    def _registered_model(self, name: str) -> "RegisteredModel":
        return self._client.get_registered_model(name)

    def _refuse_local_run(self, run_id: str) -> None:
        if self.runs.is_local(run_id):
            raise RegistryError(
                "The run still waits on this machine to be sent to the server, which keeps the registry",
                actual=f"run {run_id}",
                where=self._store.redacted_uri,
                fix="send it first: python -m edtech sync; it has another id there",
            )

    def _logged_model(self, run_id: str) -> "LoggedModel":
        outputs = self._client.get_run(run_id).outputs
        if not outputs or not outputs.model_outputs:
            raise RegistryError("The run has no model", actual=f"run {run_id}", fix="choose a finished training")
        return self._client.get_logged_model(outputs.model_outputs[-1].model_id)


def _champion_history(events: Sequence[ChampionChange]) -> list[int]:
    """Return the versions that hold the place one after another; a rollback takes the last one off."""
    line: list[int] = []
    for event in events:
        if event.how == "rolled back" and len(line) > 1:
            line.pop()
        else:
            line.append(event.version)
    return line


def _to_model_version(found: "ModelVersion", aliases: Mapping[str, Any]) -> Version:
    number = int(found.version)
    held = tuple(sorted(alias for alias, at in aliases.items() if int(at) == number))
    return Version(
        found.name, number, found.run_id or "", held, to_datetime(found.creation_timestamp), dict(found.tags)
    )


def _version_tags(run: Run) -> dict[str, str]:
    """Return what a version says of its run even where that is deleted."""
    names = ("model_type", "algorithm", "dataset_name", "dataset_digest", "split", "decision_value")
    facts = {name: truncate(run.tags[name], 1_000) for name in names if run.tags.get(name)}
    value = decision_value(run)
    return facts | ({} if value is None else {f"metric.{value[0]}": repr(value[1])})


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
