"""The registry: requirements, promotion, rollback, and predictions that equal MLflow's."""

import json
import warnings
from urllib.request import Request, urlopen

import mlflow
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from edtech.cli import app
from edtech.data import Catalogue
from edtech.errors import ContractError, RegistryError, UploadError
from edtech.market import MarketParams, generate_market
from edtech.ml.prediction import conform_rows, predict_rows
from edtech.ml.teachers.family import ratings
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker, RunItems
from edtech.tracking.registry import ModelRegistry
from edtech.tracking.registry_requirements import DIAGNOSTICS_FILE
from edtech.training.trainer import train_runs
from tests.tracking.serving import model_server

FAMILY = "teacher_quality"


def card(severity="PASS", code="baseline"):
    check = {"code": code, "title": "Better than raw means", "severity": severity, "evidence": "0.6 against 0.7"}
    return json.dumps({"checks": [{**check, "fix": "look"}]})


def items(ridge_items: RunItems, value=1.0, card_text=None, **tags) -> RunItems:
    return RunItems(
        name="ridge",
        metrics={} if value is None else {"decision_value_tokens": value},
        tags={"model_type": "token_elasticity", "dataset_digest": "d1", **tags},
        artifacts={DIAGNOSTICS_FILE: card_text or card()},
        model=ridge_items.model,
    )


@pytest.fixture
def registry(settings):
    return ModelRegistry(settings)


@pytest.fixture
def log(tracker, items):
    own = globals()["items"]
    return lambda **values: tracker.log(own(items, **values))


def test_a_missing_store_has_no_models_and_is_not_created(tmp_path):
    home = Settings(home=tmp_path / "none", mlflow_tracking_uri=None)
    assert ModelRegistry(home).names() == []
    assert ModelRegistry(home).champion_run_id("token_elasticity") is None
    assert not home.mlruns_dir.exists()


def test_the_champion_is_promoted_replaced_and_rolled_back(registry, log):
    first, second = (registry.register(log(value=value)) for value in (1.0, 2.0))
    assert (first.version, first.aliases, second.aliases) == (1, ("challenger",), ("challenger",))
    registry.promote(first.name, 1)
    assert registry.champion(first.name).version == 1
    registry.promote(first.name, 2)
    assert registry.champion(first.name).version == 2
    assert registry.version(first.name, 2).aliases == ("champion",)
    assert registry.rollback(first.name).version == 1
    assert [(change.version, change.how) for change in registry.champion_changes(first.name)] == [
        (1, "promoted"),
        (2, "promoted"),
        (1, "rolled back"),
    ]
    with pytest.raises(RegistryError, match="no previous champion"):
        registry.rollback(first.name)
    # a rollback is possible again after a promotion
    registry.promote(first.name, 2)
    assert registry.rollback(first.name).version == 1


def test_a_run_is_registered_once(registry, log):
    run_id = log()
    assert registry.register(run_id) == registry.register(run_id)
    assert len(registry.versions("token_elasticity")) == 1


@pytest.mark.parametrize("value", [1.0, 0.5, None])
def test_promotion_without_a_higher_decision_value_needs_a_reason_which_is_stored(registry, log, value):
    champion, other = registry.register(log(value=1.0)), registry.register(log(value=value))
    registry.promote(champion.name, champion.version)
    with pytest.raises(RegistryError, match="give a reason why it should be the champion"):
        registry.promote(other.name, other.version, " ")
    version = registry.promote(other.name, other.version, "It is simpler")
    assert version.is_champion
    assert version.tags["edtech.reason"] == "It is simpler"
    assert registry.champion_changes(champion.name)[-1].reason == "It is simpler"


def test_a_negative_decision_value_needs_a_reason_even_without_a_champion(registry, log):
    negative, unknown, zero = (registry.register(log(value=value)) for value in (-1.0, None, 0.0))
    passed = [registry.requirements(version.run_id)[-1].passed for version in (negative, unknown, zero)]
    assert passed == [False, True, True]
    with pytest.raises(RegistryError, match=r"Decision value -1 tokens.*give a reason"):
        registry.promote(negative.name, negative.version)
    assert registry.promote(negative.name, negative.version, "To test promotion").is_champion


def test_decision_values_on_different_data_are_not_compared(registry, log):
    champion, other = registry.register(log(value=1.0)), log(value=9.0, dataset_digest="d2")
    registry.promote(champion.name, champion.version)
    requirement = registry.requirements(other)[-1]
    assert (requirement.passed, requirement.can_be_overridden) == (False, True)
    assert "another data set" in requirement.evidence


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        (card("FAIL"), "0.6 against 0.7"),
        (card("REVIEW", "leaky_columns"), "0.6 against 0.7"),
        ("<html>", "no readable diagnostics card"),
        (json.dumps({"checks": [{"code": 1}]}), "no readable diagnostics card"),
    ],
)
def test_a_failed_or_missing_card_prevents_registration(registry, log, text, evidence):
    with pytest.raises(RegistryError, match=evidence):
        registry.register(log(card_text=text))
    assert registry.names() == []


def test_unknown_runs_names_and_versions_raise(registry, log, tracker):
    with pytest.raises(RegistryError, match="Only a finished training"):
        registry.register(tracker.log(RunItems(name="what-if", kind="scenario")))
    with pytest.raises(RegistryError, match="cannot have this name"):
        registry.register(log(), "../../etc")
    with pytest.raises(RegistryError, match="no such version"):
        registry.promote("token_elasticity", 3)


def test_a_champion_of_another_data_set_is_not_offered(registry, log):
    version = registry.register(log())
    assert registry.champion_run_id(version.name) is None
    registry.promote(version.name, version.version)
    assert registry.champion_run_id(version.name, "d1") == registry.champion_run_id(version.name) == version.run_id
    assert registry.champion_run_id(version.name, "d2") is None


# ---- predictions


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A champion of ratings in a home of its own, and the rows it was trained on."""
    home = Settings(home=tmp_path_factory.mktemp("scored"), mlflow_tracking_uri=None)
    market = generate_market(MarketParams(learners=600, teachers=20, courses=40, weeks=16, seed=2))
    dataset = Catalogue(home.data_dir).add_market(market, name="Small")
    (run,) = train_runs(dataset, ["empirical_bayes"], family=FAMILY, tracker=EdTechMLFlowTracker(settings=home))
    registry = ModelRegistry(home)
    registry.register(run.run_id)
    registry.promote(FAMILY, 1)
    return home, registry, run, ratings(dataset)[0].drop(columns="rating")


def test_mlflow_predicts_the_same_numbers(scored, clean_process):
    _, registry, run, rows = scored
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import, MLflow warns about type hints in its own code
        mlflow.set_tracking_uri(registry.uri)
        mlflow.set_registry_uri(registry.uri)
        theirs = mlflow.pyfunc.load_model(f"models:/{FAMILY}@champion").predict(rows)
    ours = predict_rows(registry.runs, run.run_id, rows)
    assert np.array_equal(ours["prediction"], theirs)
    assert np.array_equal(theirs, run.result.model.predict(rows))


def test_a_served_model_predicts_the_same_numbers(scored, tmp_path):
    _, registry, run, rows = scored
    few = rows.head(3)
    body = json.dumps({"dataframe_split": json.loads(few.to_json(orient="split", date_format="iso"))}).encode()
    with model_server(tmp_path, registry.uri, f"models:/{FAMILY}@champion") as address:
        request = Request(f"{address}/invocations", body, {"Content-Type": "application/json"})  # noqa: S310  # our own
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            theirs = json.load(answer)["predictions"]
    assert theirs == predict_rows(registry.runs, run.run_id, few)["prediction"].tolist()


def test_the_command_predicts_the_same_numbers(scored, tmp_path):
    home, _, run, rows = scored
    rows.to_csv(tmp_path / "rows.csv", index=False)
    arguments = ["models", "score", FAMILY, str(tmp_path / "rows.csv"), "--to", str(tmp_path / "out.csv")]
    done = CliRunner().invoke(app, [*arguments, "--out", str(home.root)])
    assert done.exit_code == 0, done.output
    scores = pd.read_csv(tmp_path / "out.csv")
    assert scores["prediction"].to_numpy() == pytest.approx(run.result.model.predict(rows), rel=1e-12)
    listed = CliRunner().invoke(app, ["models", "list", "--out", str(home.root)]).output
    assert f"run {run.run_id}" in listed
    assert "champion" in listed


def test_a_file_to_score_must_not_exceed_the_upload_limit(scored, tmp_path, monkeypatch):
    home, *_ = scored
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * 300_000)
    monkeypatch.setenv("EDTECH_UPLOAD_LIMIT_MB", "1")
    arguments = ["models", "score", FAMILY, str(tmp_path / "rows.csv"), "--to", str(tmp_path / "out.csv")]
    with pytest.raises(UploadError, match="at most 1 MB"):
        CliRunner().invoke(app, [*arguments, "--out", str(home.root)], catch_exceptions=False)


def test_invalid_rows_are_listed(scored):
    _, registry, run, rows = scored
    spoiled = rows.head(4).astype({"token_price": object, "certificate": object})
    spoiled.loc[1, "token_price"] = "dear"
    spoiled.loc[2, "teacher_id"] = None
    with pytest.raises(ContractError) as caught:
        predict_rows(registry.runs, run.run_id, spoiled)
    failures = caught.value.failures
    assert {(2, "token_price"), (3, "teacher_id")} <= set(zip(failures["row"], failures["column"], strict=True))
    with pytest.raises(ContractError, match=r"1 problem\..* in 1 row "):
        predict_rows(registry.runs, run.run_id, spoiled.loc[[1]])
    with pytest.raises(ContractError, match="lacks 'teacher_id'"):
        predict_rows(registry.runs, run.run_id, rows.drop(columns="teacher_id"))


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("long", "1.5", "whole number"),
        ("double", "x", "a number"),
        ("boolean", "maybe", "true or false"),
        ("datetime", "soon", "a date"),
    ],
)
def test_types_are_checked_without_roles(kind, cell, expected):
    good = {"long": "3", "double": "2.5", "boolean": "yes", "datetime": "2024-01-31"}[kind]
    assert len(conform_rows(pd.DataFrame({"a": [good]}), {"a": kind})) == 1
    with pytest.raises(ContractError) as caught:
        conform_rows(pd.DataFrame({"a": [good, cell]}), {"a": kind})
    assert expected in caught.value.details[0]
    assert caught.value.failures["row"].tolist() == [2]
