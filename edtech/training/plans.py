"""Plans of trainings and searches: values that go to a worker process, or become a command line or Python code."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edtech.errors import ParamsError
from edtech.jobs.progress import Progress
from edtech.ml.families import get_family
from edtech.settings import PROJECT, Settings
from edtech.training.search import Budget, SearchResult, search
from edtech.training.trainer import RunResult, train_runs

if TYPE_CHECKING:
    from edtech.data import Dataset
    from edtech.tracking import EdTechMLFlowTracker


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Algorithms of a family to train on a stored data set, one run each.

    `dataset`: its id. `algorithms`: empty for all that the data set has the tables for. `params`: hyperparameters by
    algorithm; the others have their defaults. `roles`: column roles that differ from those stored with the data set.
    `repeats`: trainings of each algorithm that has a seed, with consecutive seeds.
    """

    dataset: str
    family: str
    algorithms: tuple[str, ...] = ()
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    roles: Mapping[str, Any] = field(default_factory=dict)
    experiment: str | None = None
    repeats: int = 1

    def changed_params(self) -> dict[str, dict[str, Any]]:
        """Return the hyperparameters that differ from the defaults."""
        family = get_family(self.family)
        defaults = {name: family.algorithm(name).params().model_dump() for name in self.params}
        return {
            name: {key: value for key, value in values.items() if defaults[name][key] != value}
            for name, values in self.params.items()
        }

    def command(self, settings: Settings | None = None) -> str:
        """Return the shell command of the same training, which gives the same numbers."""
        arguments = ["python", "-m", "edtech", "train", self.dataset, "--family", self.family]
        arguments += ["--algorithm", ",".join(self.algorithms) or "all"]
        for name, values in self.changed_params().items():
            prefix = "" if self.algorithms == (name,) else f"{name}."
            for key, value in values.items():
                arguments += ["--param", f"{prefix}{key}={value}"]
        if self.repeats > 1:
            arguments += ["--repeats", str(self.repeats)]
        return shlex.join([*arguments, *_options(self.roles, self.experiment, settings)])

    def code(self, settings: Settings | None = None) -> str:
        """Return Python code of the same training, which gives the same numbers."""
        optional = {
            "algorithms": self.algorithms,
            "params": {name: values for name, values in self.changed_params().items() if values},
            "roles": dict(self.roles),
            "experiment": self.experiment,
            "repeats": self.repeats if self.repeats > 1 else None,
        }
        arguments = "".join(f", {name}={value!r}" for name, value in optional.items() if value)
        home = _home(settings)
        return (
            "from edtech.pipeline import TrainingPlan, train_planned\n"
            + (f"from edtech.settings import Settings\n\nsettings = Settings(home={home[1]!r})\n" if home else "\n")
            + f"plan = TrainingPlan({self.dataset!r}, {self.family!r}{arguments})\n"
            f"for run in train_planned(plan{', settings' if home else ''}):\n"
            "    print(run.run_id, run.metrics)\n"
        )


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search of hyperparameters of one algorithm; `names` is empty for all of them."""

    dataset: str
    family: str
    algorithm: str
    names: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)
    roles: Mapping[str, Any] = field(default_factory=dict)
    experiment: str | None = None

    def command(self, settings: Settings | None = None) -> str:
        """Return the shell command of the same search, which tries the same points in the same order."""
        arguments = ["python", "-m", "edtech", "search", self.dataset, "--family", self.family]
        arguments += ["--algorithm", self.algorithm]
        for name in self.names:
            arguments += ["--vary", name]
        for name, value in asdict(self.budget).items():
            arguments += [f"--{name}", str(value)]
        return shlex.join([*arguments, *_options(self.roles, self.experiment, settings)])


def _options(roles: Mapping[str, Any], experiment: str | None, settings: Settings | None) -> list[str]:
    options: list[str] = []
    for role, value in roles.items():
        columns = (value or ("",)) if isinstance(value, tuple) else (value or "",)
        for column in columns:
            options += ["--role", f"{role}={column}"]
    return [*options, *(["--experiment", experiment] if experiment else []), *_home(settings)]


def _home(settings: Settings | None) -> list[str]:
    return ["--out", str(settings.root)] if settings is not None and settings.root != PROJECT else []


def train_planned(
    plan: TrainingPlan, settings: Settings | None = None, progress: Progress | None = None
) -> list[RunResult]:
    """Run the trainings of a plan and log them.

    Raises DatasetNotFoundError and the errors of `train_runs`.
    """
    settings = settings or Settings()
    dataset = load_dataset(plan.dataset, plan.roles, settings)
    return train_runs(
        dataset,
        plan.algorithms or None,
        family=plan.family,
        params=plan.params,
        tracker=get_tracker(settings, plan.experiment),
        progress=progress,
        repeats=plan.repeats,
    )


def search_planned(
    plan: SearchPlan, settings: Settings | None = None, progress: Progress | None = None
) -> SearchResult:
    """Run the search of a plan. Raises DatasetNotFoundError and the errors of `search`."""
    settings = settings or Settings()
    return search(
        load_dataset(plan.dataset, plan.roles, settings),
        get_family(plan.family),
        plan.algorithm,
        budget=plan.budget,
        names=plan.names,
        tracker=get_tracker(settings, plan.experiment),
        progress=progress,
    )


@lru_cache(maxsize=8)
def get_tracker(settings: Settings, experiment: str | None) -> "EdTechMLFlowTracker":
    """Return the tracker of an experiment; each process opens it once."""
    from edtech.tracking import EdTechMLFlowTracker

    return EdTechMLFlowTracker(experiment, settings=settings)


def load_dataset(dataset_id: str, roles: Mapping[str, Any], settings: Settings) -> "Dataset":
    """Return a stored data set with other roles for some of its columns.

    Raises DatasetNotFoundError, or ParamsError if the columns cannot have these roles.
    """
    from edtech.data import Catalogue

    dataset = Catalogue(settings.data_dir).get(dataset_id)
    if not roles:
        return dataset
    kind = type(dataset.mapping)
    try:
        mapping = kind.model_validate({**dataset.mapping.model_dump(), **roles})
    except ValidationError as exc:
        raise ParamsError(
            "The columns cannot have these roles",
            expected=f"roles out of {', '.join(kind.model_fields)}",
            actual="; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:5]),
            where=dataset.name,
            fix="choose other columns",
        ) from exc
    if missing := set(mapping.columns()) - set(dataset.columns()):
        raise ParamsError(
            "The data set has no such column",
            expected=", ".join(dataset.columns())[:300],
            actual=", ".join(sorted(missing))[:300],
            where=dataset.name,
            fix="choose other columns",
        )
    return dataset.model_copy(update={"mapping": mapping})
