"""A home that version 0.1.0 made is opened by the present code, and all in it is as it was.

`home_0_1.zip` was made at commit 2ed7dfc by a script that is not in the tree, since it runs at that commit only. It set
EDTECH_HOME to `/home/analyst/edtech` and USER to `analyst`, and replaced the name of the host (`socket.gethostname`)
and the folder of the project (`edtech.tracking.evaluation.PROJECT`) by neutral values, so that the archive names no
path of a real machine. Then it made, by the functions that pages and commands call:

- a generated market (`price_test`; 200 learners, 8 teachers, 12 courses, 14 weeks, seed 11), an uploaded panel (the
  first 12 products and 16 weeks of `inputs.panel_csv`) and a table of ratings that was deleted again;
- trainings with small hyperparameters: every algorithm of demand (on the panel; `choice_logit` and once more
  `fixed_effects` on the market), all of propensity, churn and teachers, one of completion, two seeds of `raw_mean`
  under a group. Their models hold every type of `TRUSTED_TYPES` at that commit; the script checked this;
- a run that was deleted again, a run that was renamed and got a note and a tag, and a run of another team in an
  experiment of its own, whose metric `uplift_eur` a user described (`metrics.json`);
- two champions of `token_elasticity` one after the other and a challenger;
- two saved what-ifs, one of changes with other rates and one of a price list;
- a report of each kind, each format among them, archived as the Reports page does.

Finally it removed the plots of all runs but one, removed lock files, vacuumed the database and packed the home. What
`home.of_home` returned for the unpacked home is `expected.json` in the archive. To change the archive, repeat these
steps at that commit: an archive that later code made tests nothing.
"""

import json
import math
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import mlflow
import pytest
from skops.io import get_untrusted_types

from tests.reference import home
from tests.reference.project import (
    Catalogue,
    DatasetNotFoundError,
    MarketParams,
    MetricDefinitions,
    ModelRegistry,
    Settings,
    Stores,
    archived_reports,
    compare_runs,
    conform_rows,
    content_digest,
    define_metrics,
    generate_market,
    parse_recipe,
    read,
    read_file,
    report_of,
    rerun,
    template,
    verify,
    write,
)
from tests.reference.values import Figures, all_differences

with zipfile.ZipFile(home.ARCHIVE) as _archive:
    EXPECTED: Figures = json.loads(_archive.read("expected.json"))
    REPORTS = sorted(Path(name).name for name in _archive.namelist() if name.startswith("home/reports/"))
TYPES = {
    "edtech.ml.elasticity.choice_estimator.ChoiceLogitDemand",
    "edtech.ml.elasticity.curved.AdditiveDemand",
    "edtech.ml.elasticity.curved.PolynomialDemand",
    "edtech.ml.elasticity.double_ml.DoubleMLDemand",
    "edtech.ml.elasticity.estimators.FixedEffectsDemand",
    "edtech.ml.elasticity.feature_estimators.GradientBoostingDemand",
    "edtech.ml.elasticity.feature_estimators.LinearDemand",
    "edtech.ml.elasticity.feature_estimators.RandomForestDemand",
    "edtech.ml.elasticity.share_estimator.ShareLogitDemand",
    "edtech.ml.labels.churn_estimators.BoostingChurn",
    "edtech.ml.labels.churn_estimators.CoxChurn",
    "edtech.ml.labels.churn_estimators.LogisticChurn",
    "edtech.ml.labels.encoding.Encoder",
    "edtech.ml.labels.estimators.BoostingProbability",
    "edtech.ml.labels.estimators.Correction",
    "edtech.ml.labels.estimators.ForestProbability",
    "edtech.ml.labels.estimators.LogisticProbability",
    "edtech.ml.labels.season.Season",
    "edtech.ml.teachers.estimators.MixedRatings",
    "edtech.ml.teachers.estimators.RawMeanRatings",
    "edtech.ml.teachers.estimators.ShrunkenRatings",
}
"""Types of the project in the stored models, by their names in 0.1.0."""
PARTS = ("dataset", "run", "result", "model", "scenario", "memory")


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """The home for tests that only read."""
    return home.unpack(tmp_path_factory.mktemp("old"))


@pytest.fixture
def writable(tmp_path) -> Settings:
    """A home for a test that writes."""
    return home.unpack(tmp_path)


@pytest.fixture(scope="module")
def computed(settings) -> Figures:
    figures: Figures = json.loads(json.dumps(home.of_home(settings)))
    return figures


def of_part(figures: Figures, section: str) -> Figures:
    return {key: value for key, value in figures.items() if key.partition("/")[0] == section}


@pytest.mark.parametrize("section", PARTS)
def test_all_that_the_home_holds_is_read_as_it_was(computed, section):
    assert of_part(EXPECTED, section)
    different = all_differences(of_part(EXPECTED, section), of_part(computed, section))
    assert not different, f"{len(different)} differences, first:\n" + "\n".join(different[:40])


def test_every_value_belongs_to_a_part(computed):
    assert {key.partition("/")[0] for key in (*EXPECTED, *computed)} == set(PARTS)


def test_the_models_hold_every_type_that_0_1_stored(settings):
    """So each of these names must still lead to a class: a type that moves needs its old name in a table."""
    stored = {name for path in settings.root.rglob("model.skops") for name in get_untrusted_types(file=path)}
    assert {name for name in stored if name.startswith("edtech.")} == TYPES


def test_digests_are_those_of_the_contents(settings):
    """A market is generated again, which on processors without AVX2 may give other last bits and so another digest."""
    for dataset in Catalogue(settings.data_dir).list():
        if dataset.kind == "market":
            again = generate_market(MarketParams.of(dataset.source["params"]))
            assert again.digest == dataset.digest
            assert dataset.market().check_identities() == []
        else:
            assert content_digest({name: dataset.table(name) for name in dataset.tables}) == dataset.digest


def test_a_deleted_data_set_is_restored(writable):
    catalogue = Catalogue(writable.data_dir)
    [deleted] = catalogue.list(deleted=True)
    with pytest.raises(DatasetNotFoundError):
        catalogue.get(deleted.id)
    assert catalogue.restore(deleted.id).id == deleted.id
    assert len(catalogue.get(deleted.id).main()) == EXPECTED[f"dataset/{deleted.name}/rows"]["ratings"]


def test_a_deleted_run_is_restored(writable):
    store = Stores.of(writable).runs
    [run_id] = EXPECTED["run/deleted"]
    assert run_id not in set(store.list_runs()["run_id"])
    store.restore(run_id)
    assert run_id in set(store.list_runs()["run_id"])
    assert home.predictions(store, run_id, store.load_model(run_id))


def test_mlflow_loads_the_champion_by_its_documented_address(settings, clean_process):
    """As docs/mlflow-setup.md says; MLflow imports the classes of a model by the names stored in it."""
    store = Stores.of(settings).runs
    registry = ModelRegistry(settings)
    champion = registry.champion("token_elasticity")
    rows = conform_rows(template(store, champion.run_id, home.ROWS), store.signature(champion.run_id))
    mlflow.set_tracking_uri(registry.uri)
    mlflow.set_registry_uri(registry.uri)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of type hints in its own code when it is imported
        predicted = mlflow.pyfunc.load_model("models:/token_elasticity@champion").predict(rows)
    assert list(predicted) == pytest.approx(EXPECTED["model/token_elasticity/champion predicts"], rel=1e-9)


def test_the_script_that_a_run_holds_finds_the_run_in_order(settings, tmp_path):
    store = Stores.of(settings).runs
    script = tmp_path / "check.py"
    run_id = home.trainings(settings)[-1]
    script.write_bytes(store.read_artifact(run_id, "evaluation/model_validation.py"))
    completed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "FAIL" not in completed.stdout


def test_reports_are_listed(settings):
    assert sorted(report.name for report in archived_reports(settings.reports_dir)) == REPORTS
    assert {Path(name).suffix for name in REPORTS} == {".html", ".pdf", ".xlsx", ".zip", ".csv"}


@pytest.mark.parametrize("name", REPORTS)
def test_an_archived_report_verifies(settings, name):
    verification = verify(settings.reports_dir / name, Stores.of(settings))
    assert verification.compared > 30
    assert [str(difference) for difference in verification.differences[:10]] == []
    assert verification.wording_compared or verification.summary.endswith("Wording compared: no, written by 0.1.0.")


@pytest.mark.parametrize("name", REPORTS)
def test_the_numbers_of_an_archived_report_are_those_of_the_stores(settings, name):
    """Wording aside: the numbers in the file are, in order, those of the report made again from its recipe."""
    view = read_file(settings.reports_dir / name)
    extension = Path(name).suffix[1:]
    again = read(write(report_of(parse_recipe(view.recipe), Stores.of(settings)), extension), extension)
    stored, computed = numbers(view), numbers(again)
    assert len(stored) > 20
    assert len(stored) == len(computed)
    assert [pair for pair in zip(stored, computed, strict=True) if not math.isclose(*pair, rel_tol=1e-9)] == []


def numbers(content) -> list[float]:
    """Return the numbers of a report in order; formats of cells are none."""
    positions = {position: text for position, text in content.values.items() if not position.endswith(", format")}
    return [number for text in positions.values() if (number := as_number(text)) is not None]


def as_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def test_old_runs_are_compared_with_one_of_today(writable):
    """The panel's first run, trained again: nothing but times differs, and runs old and new are ranked together."""
    store = Stores.of(writable).runs
    listed = store.list_runs(kind=None)
    old = [run_id for run_id in home.trainings(writable) if EXPECTED[f"result/{run_id}/algorithm"][1] == "linear"]
    again = rerun(old[0], writable)
    assert [name for name, pair in again.differences.items() if pair != pytest.approx(pair[::-1], rel=1e-7)] == []
    runs = [store.get_run(run_id) for run_id in (again.new.run_id, *listed["run_id"])]
    similar = [run for run in runs if run.tags.get("dataset_digest") == again.new.tags["dataset_digest"]]
    similar = [run for run in similar if run.tags.get("model_type") == "token_elasticity"]
    comparison = compare_runs(similar, baseline=old[0])
    assert len(comparison.labels) > 5
    assert comparison.same_data, comparison.warning
    assert comparison.best
    assert comparison.differences.loc["rmse", again.new.run_id] == pytest.approx(0, abs=1e-7)
    every = compare_runs(
        runs, define_metrics(store.list_runs(kind=None), MetricDefinitions(writable.root / "metrics.json").load())
    )
    assert len(every.labels) == len(listed) + 1
    assert (every.dictionary["uplift_eur"].direction, every.dictionary["uplift_eur"].unit) == ("higher", "EUR")
