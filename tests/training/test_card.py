"""The diagnostics card of a training: leaks of the previous system are reported by name; agreement with other runs."""

import json
from dataclasses import replace
from threading import Event

import pandas as pd
import pytest

from edtech.data import Catalogue
from edtech.jobs.progress import no_progress
from edtech.ml.artifacts import CARD, load_result
from edtech.ml.base import FittedModel
from edtech.ml.elasticity.diagnostics import compare_runs, panel_checks
from edtech.ml.elasticity.family import TOKEN_ELASTICITY
from edtech.ml.trust_checks import LEAKS, blocking_checks, blocking_reason
from edtech.tables.roles import PanelRoles
from edtech.tracking import EdTechMLFlowTracker, RunStore, pending_runs
from edtech.training.trainer import train_runs
from tests.tracking.serving import failing_server
from tests.waiting import SECONDS
from tests.worlds import make_world

LEAKING = ("actual_enrollments", "total_revenue", "demand_intensity")
RANDOMIZED = {"randomized_discount": "discount_pct", "randomized_flag": "promo_randomized"}


def card(result) -> dict[str, str]:
    return {check.code: str(check.severity) for check in result.checks}


@pytest.fixture(scope="module")
def leaky(settings):
    frame = make_world(seed=4, units=30, weeks=14).panel
    noise = frame["list_price"] / frame["list_price"].mean() / 10
    frame = frame.assign(
        actual_enrollments=frame["enrollments"],
        total_revenue=frame["enrollments"] * frame["token_price"],
        demand_intensity=frame["enrollments"] / frame["views"].clip(lower=1) + noise,
        rating=4.0 + noise,
    )
    roles = PanelRoles(**RANDOMIZED, controls=(*LEAKING, "rating"))
    return Catalogue(settings.data_dir).add_panel(frame, roles, name="With columns of the existing system")


@pytest.mark.parametrize("algorithm", ["fixed_effects", "random_forest"])
def test_leaking_columns_are_reported_and_block_registration(leaky, tracker, algorithm):
    [run] = train_runs(leaky, [algorithm], tracker=tracker)
    reason = blocking_reason(run.result.checks)
    assert all(repr(name) in reason for name in LEAKING)
    assert "'rating'" not in reason
    assert blocking_checks(run.result.checks)[0].code == "leak_outcome"
    stored = json.loads(tracker.runs.read_artifact(run.run_id, CARD))
    assert [check["code"] for check in stored["checks"]] == [check.code for check in run.result.checks]
    assert load_result(tracker.runs, run.run_id).checks == run.result.checks


def test_a_hanging_server_prevents_only_the_comparison_with_other_runs(panel, settings, monkeypatch):
    free = Event()
    monkeypatch.setattr(RunStore, "list_runs", lambda *_, **__: free.wait(SECONDS))
    with failing_server("hang") as address:
        [run] = train_runs(panel, ["linear"], tracker=EdTechMLFlowTracker(tracking_uri=address, settings=settings))
        assert pending_runs(settings) == [run.run_id]
        free.set()


def test_a_training_without_leaks_passes_every_leak_check(panel, tracker):
    [run] = train_runs(panel, ["fixed_effects"], tracker=tracker)
    severities = card(run.result)
    assert {severities[code] for code in LEAKS if code in severities} == {"PASS"}
    assert blocking_checks(run.result.checks) == ()


@pytest.fixture(scope="module")
def trained(panel) -> FittedModel:
    algorithm = TOKEN_ELASTICITY.algorithm("linear")
    return TOKEN_ELASTICITY.train(panel, algorithm, algorithm.params(), no_progress)


def changed(trained: FittedModel, **columns) -> dict[str, str]:
    evaluation = trained.result.evaluation.assign(**columns)
    checks = panel_checks(replace(trained, result=replace(trained.result, evaluation=evaluation, checks=())))
    return {check.code: str(check.severity) for check in checks}


def test_held_out_rows_older_than_training_rows_are_an_overlap(trained):
    earlier = trained.result.evaluation["period"] - pd.Timedelta(weeks=3)
    assert changed(trained)["time_overlap"] == "PASS"
    assert changed(trained, period=earlier)["time_overlap"] == "FAIL"


def test_checks_that_the_result_has_are_not_made_again(trained):
    checks = panel_checks(trained)
    again = replace(trained, result=replace(trained.result, checks=checks))
    assert {check.code for check in checks} >= {"leak_outcome", "time_overlap", "too_good"}
    assert panel_checks(again) == ()


def runs(*estimates: tuple[str, float, float]) -> pd.DataFrame:
    own = "metrics.price_elasticity_"
    rows = [(name, middle, middle - half, middle + half) for name, middle, half in estimates]
    return pd.DataFrame(rows, columns=["tags.algorithm", f"{own}coefficient", f"{own}low", f"{own}high"])


def test_the_newest_runs_of_other_algorithms_agree_or_not(trained):
    own = trained.result.elasticity.estimate
    near = compare_runs(trained, runs(("fixed_effects", own * 1.1, 0.05), ("gam", own * 0.95, 0.05)))
    assert str(near.severity) == "PASS"
    assert f"fixed_effects {own * 1.1:.2f}" in near.evidence
    assert str(compare_runs(trained, runs(("fixed_effects", own * 3, 0.01))).severity) == "REVIEW"
    assert str(compare_runs(trained, runs(("fixed_effects", -own, 9.0))).severity) == "REVIEW"  # another sign
    assert compare_runs(trained, runs(("linear", own, 0.1))) is None  # no other algorithm
    old = runs(("fixed_effects", own, 0.01), ("fixed_effects", own * 9, 0.01))
    assert str(compare_runs(trained, old).severity) == "PASS"
