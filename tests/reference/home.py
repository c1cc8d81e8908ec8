"""Unpacks a home made by version 0.1.0 and returns everything in it as one flat mapping, as `figures` does."""

import hashlib
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from tests.reference.inputs import panel_csv
from tests.reference.prices import of_outcome
from tests.reference.project import (
    FAMILIES,
    Catalogue,
    Dataset,
    MetricDefinitions,
    ModelRegistry,
    RunStore,
    Settings,
    Stores,
    conform_rows,
    estimate_effects,
    load_result,
    price_response,
    read_scenario,
    template,
    unit_attributes,
    unit_table,
)
from tests.reference.runs import of_elasticity
from tests.reference.values import Figures, of_frame, plain, under

ARCHIVE = Path(__file__).with_name("home_0_1.zip")
ROOT, PROJECT = "/home/analyst/edtech", "/home/analyst/project"
"""Where the home and the code that made it were. MLflow stores the first with every experiment, run, model and version;
the script that checks a run names both."""
COLUMNS = tuple(panel_csv().decode().split("\n", 1)[0].split(";"))
"""Columns of the file that was uploaded."""
ROWS = 10
"""Rows of each run's stored sample that its model predicts again."""


def unpack(folder: Path) -> Settings:
    """Unpack the home into a folder and return its settings.

    Version 0.1.0 cannot open a home that was moved: MLflow stores absolute addresses of artifacts. So they are
    rewritten here, in every text of the database and in the scripts that check a run, as a user would have to.
    """
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    home = folder / "home"
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as database, database:
        for table, column in text_columns(database):
            sql = f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE "{column}" LIKE ?'  # noqa: S608
            database.execute(sql, (ROOT, home.as_posix(), f"%{ROOT}%"))
    for script in home.rglob("model_validation.py"):
        text = script.read_text(encoding="utf-8").replace(ROOT, home.as_posix())
        script.write_text(text.replace(PROJECT, Path(__file__).parents[2].as_posix()), encoding="utf-8")
    return Settings(home=home, mlflow_tracking_uri=None)


def text_columns(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield table and column of every column that holds text."""
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for _, column, kind, *_ in database.execute(f'PRAGMA table_info("{table}")'):
            if kind.upper().startswith(("VARCHAR", "TEXT", "CLOB")):
                yield table, column


def of_home(settings: Settings) -> Figures:
    """Return the content of the home: data sets, runs, results, models, scenarios and what users entered."""
    return {
        **of_datasets(settings),
        **of_runs(settings),
        **of_results(settings),
        **of_registry(settings),
        **of_scenarios(settings),
        **of_memory(settings),
    }


def of_datasets(settings: Settings) -> Figures:
    catalogue = Catalogue(settings.data_dir)
    datasets = [*catalogue.list(), *catalogue.list(deleted=True)]
    return {
        key: value
        for dataset in datasets
        for key, value in under(f"dataset/{dataset.name}", of_dataset(dataset)).items()
    }


def of_dataset(dataset: Dataset) -> Figures:
    return {
        "id": dataset.id,
        "digest": dataset.digest,
        "kind": dataset.kind,
        "deleted": dataset.deleted is not None,
        "created": str(dataset.created),
        "period": plain(dataset.period),
        "source": dataset.source,
        "roles": list(dataset.mapping.model_dump(mode="json").values()),
        "rows": dict(dataset.tables),
        "content": {table: content(dataset.table(table)) for table in dataset.tables},
    }


def content(frame: pd.DataFrame) -> str:
    """Return a hash of a table's values, by other code than the project's digests."""
    values = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(repr(list(frame.columns)).encode() + values.tobytes()).hexdigest()[:16]


def of_runs(settings: Settings) -> Figures:
    """Return every run as it is stored, those of others too."""
    store = Stores.of(settings).runs
    figures: Figures = {"run/experiments": store.experiments()}
    for run_id in store.list_runs(kind=None)["run_id"]:
        run = store.get_run(run_id)
        texts = {"name": run.name, "experiment": run.experiment, "status": run.status, "kind": run.kind}
        values = {"params": dict(run.params), "metrics": plain(run.metrics), "tags": dict(run.tags)}
        figures |= under(
            f"run/{run_id}", {**texts, **values, "started": str(run.started), "files": list(run.artifacts)}
        )
    figures["run/deleted"] = sorted(store.deleted_runs(settings.experiment)["run_id"])
    return figures


def trainings(settings: Settings) -> list[str]:
    """Return the ids of the trainings of ours, newest first."""
    listed = Stores.of(settings).runs.list_runs()
    return [str(run_id) for run_id in listed.loc[listed["tags.model_type"].isin(FAMILIES), "run_id"]]


def of_results(settings: Settings) -> Figures:
    return {
        key: value
        for run_id in trainings(settings)
        for key, value in under(f"result/{run_id}", of_result(settings, run_id)).items()
    }


def of_result(settings: Settings, run_id: str) -> Figures:
    """Return a stored result, what its model predicts, and of a demand model what 10% higher prices do."""
    store = Stores.of(settings).runs
    result = load_result(store, run_id)
    figures: Figures = {
        "algorithm": [result.family, result.algorithm],
        "metrics": plain(result.metrics),
        "split and notes": [result.split, *result.notes],
        "checks": [[check.code, str(check.severity)] for check in result.checks],
        **under("held out", of_frame(result.evaluation)),
        **under("importance", of_frame(result.importance)),
        "predictions": predictions(store, run_id, result.model),
    }
    for position, table in enumerate(result.tables.values()):
        figures |= under(f"table {position}", of_frame(table))
    if result.family == "token_elasticity":
        response = price_response(result, dataset_of(settings, store.get_run(run_id).tags["dataset_digest"]).panel())
        figures |= of_elasticity(result)
        figures |= under("10% dearer", of_outcome(estimate_effects(response, response.baseline * 1.1)))
    return figures


def dataset_of(settings: Settings, digest: str) -> Dataset:
    return next(dataset for dataset in Catalogue(settings.data_dir).list() if dataset.digest == digest)


def predictions(store: RunStore, run_id: str, model: Any) -> list[float]:
    """Return what the model of a run predicts for the first rows of the sample that the run holds."""
    rows = conform_rows(template(store, run_id, ROWS), store.signature(run_id), getattr(model, "roles", None))
    return plain(model.predict(rows))


def of_registry(settings: Settings) -> Figures:
    registry = ModelRegistry(settings)
    figures: Figures = {}
    for name in registry.names():
        for version in registry.versions(name):
            facts = {"run": version.run_id, "aliases": list(version.aliases), "tags": dict(version.tags)}
            figures |= under(f"model/{name}/{version.version}", {**facts, "created": str(version.created)})
        figures[f"model/{name}/events"] = [
            [event.version, event.how, event.reason] for event in registry.champion_changes(name)
        ]
        champion = registry.champion(name)
        if champion is not None:
            model = registry.runs.load_model(champion.run_id)
            figures[f"model/{name}/champion predicts"] = predictions(registry.runs, champion.run_id, model)
    return figures


def of_scenarios(settings: Settings) -> Figures:
    """Return what was saved, and the answer to the same what-if computed again."""
    store = Stores.of(settings).runs
    figures: Figures = {}
    for run_id in store.list_runs(kind="scenario")["run_id"]:
        scenario = read_scenario(store, run_id)
        dataset = Catalogue(settings.data_dir).get(scenario.dataset_id)
        response = price_response(load_result(store, scenario.run_id), dataset.panel())
        prices = scenario.new_prices(response, unit_attributes(response, unit_table(dataset)))
        outcome = estimate_effects(response, prices, scenario.split, scenario.planned_split)
        saved = [scenario.name, scenario.note, scenario.run_id, scenario.dataset_id]
        figures |= under(f"scenario/{run_id}", {"saved": saved, **of_outcome(outcome)})
    return figures


def of_memory(settings: Settings) -> Figures:
    """Return descriptions of foreign metrics, and the mappings remembered for files."""
    entries = MetricDefinitions(settings.root / "metrics.json").load()
    mapped = Catalogue(settings.data_dir).saved_mapping(COLUMNS, "panel")
    return {
        "memory/metrics": {name: [entry.direction, entry.unit] for name, entry in entries.items()},
        "memory/roles": mapped and list(mapped.roles.model_dump(mode="json").values()),
    }
