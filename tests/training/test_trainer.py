"""From a stored data set to logged runs: their content, their decision value, and cancellation."""

import mlflow
import numpy as np
import pytest

from edtech.data import Catalogue
from edtech.errors import JobCancelledError, NotIdentifiedError, ParamsError
from edtech.metrics import METRICS
from edtech.ml.artifacts import load_result
from edtech.pricing.plan_policy import revenue_split
from edtech.tables.roles import PanelRoles
from edtech.tables.tokens import RevenueSplit
from edtech.training.ground_truth import true_revenue
from edtech.training.trainer import train_runs
from tests.training.conftest import MARKET
from tests.worlds import make_world

TWO = ("fixed_effects", "random_forest")


@pytest.fixture(scope="module")
def trained(market, tracker):
    return train_runs(market, TWO, tracker=tracker)


@pytest.fixture(scope="module")
def uploaded(panel, tracker):
    return train_runs(panel, ["fixed_effects"], tracker=tracker)[0]


@pytest.fixture(scope="module")
def client(tracker):
    return mlflow.MlflowClient(tracking_uri=tracker.uri)


def all_runs(client, tracker):
    return client.search_runs([tracker.experiment_id])


def test_each_algorithm_has_a_finished_run_with_its_metrics(trained, client, market):
    assert [run.result.algorithm for run in trained] == list(TWO)
    for run in trained:
        logged = client.get_run(run.run_id)
        assert logged.info.status == "FINISHED"
        assert logged.data.metrics == pytest.approx(run.metrics, rel=0, abs=0)
        assert logged.data.tags["dataset_digest"] == market.digest
        assert logged.data.tags["algorithm"] == run.result.algorithm
        assert logged.data.params["algorithm"] == run.result.algorithm


def test_every_logged_metric_is_described(trained, uploaded):
    for run in (*trained, uploaded):
        assert run.metrics.keys() <= METRICS.keys()
        assert all(np.isfinite(value) for value in run.metrics.values())


def test_a_loaded_result_equals_the_result_of_the_training(trained, tracker, market):
    for run in trained:
        again = load_result(tracker.runs, run.run_id)
        assert again.elasticity == run.result.elasticity
        assert np.array_equal(again.model.predict(market.panel()), run.result.model.predict(market.panel()))


def test_runs_on_a_generated_market_are_scored_against_its_ground_truth(trained, market):
    truth = market.market().truth
    for run in trained:
        assert not run.plan.refused
        assert run.decision_value.basis == "computed from the ground truth of the generated market"
        assert run.metrics["elasticity_truth"] == pytest.approx(truth.own_elasticity)
        bias = run.result.elasticity.estimate - truth.own_elasticity
        assert run.metrics["elasticity_bias"] == pytest.approx(bias)
    estimate = trained[0].result.elasticity
    assert trained[0].metrics["elasticity_covered"] == float(estimate.low <= truth.own_elasticity <= estimate.high)
    assert "elasticity_covered" not in trained[1].metrics  # no interval, nothing to cover with


def test_the_decision_value_is_what_the_plan_truly_earns_and_not_what_the_run_says(trained, market):
    truth = market.market().truth
    for run in trained:
        today = run.plan.table.set_index("unit")["today"]
        value = truth.counterfactual(run.plan.prices).course_weeks["token_revenue"].sum()
        value -= truth.counterfactual(today).course_weeks["token_revenue"].sum()
        assert run.metrics["decision_value_tokens"] == pytest.approx(value / MARKET.weeks)
        assert run.metrics["decision_value_tokens"] != pytest.approx(run.metrics["revenue_impact"])


def test_true_revenue_is_per_week_and_moves_with_the_prices(market):
    truth = market.market().truth
    current = truth.counterfactual().course_weeks.groupby("course_id")["token_price"].mean()
    cheap, today = true_revenue(truth, current * 0.01), true_revenue(truth, current)
    assert 0 < cheap < today


def test_an_uploaded_panel_has_no_ground_truth(uploaded, client):
    assert not uploaded.plan.refused
    assert not {"decision_value_tokens", "elasticity_truth", "elasticity_bias"} & uploaded.metrics.keys()
    tags = client.get_run(uploaded.run_id).data.tags
    assert tags["decision_value"] == "empty: an uploaded data set has no ground truth"
    assert tags["plan"] == "recommended"


def test_the_plan_that_a_run_expects_is_among_its_metrics(trained):
    for run in trained:
        revenue = run.plan.outcome.token_revenue
        assert run.metrics["token_revenue_plan"] == revenue.planned
        assert run.metrics["teacher_earnings_plan"] == run.plan.outcome.teacher_earnings.planned
        assert run.metrics["revenue_impact"] == pytest.approx(revenue.planned - revenue.today)
    sure, unsure = (run.metrics for run in trained)
    assert sure["revenue_impact_low"] < sure["revenue_impact"] < sure["revenue_impact_high"]
    assert not {"revenue_impact_low", "revenue_impact_high"} & unsure.keys()


def test_shares_are_the_markets_own_and_else_the_stated_defaults(trained, uploaded, market, panel):
    own = revenue_split(market)
    assert (own.commission_rate, own.burn_rate) == (MARKET.commission_rate, MARKET.burn_rate)
    assert revenue_split(panel) == RevenueSplit()
    for run, split in ((trained[0], own), (uploaded, RevenueSplit())):
        for suffix in ("", "_predicted"):
            revenue = run.metrics[f"token_revenue{suffix}"]
            assert run.metrics[f"teacher_earnings{suffix}"] == pytest.approx(revenue * split.teacher_rate)
            assert run.metrics[f"platform_commission{suffix}"] == pytest.approx(revenue * split.commission_rate)


def test_a_refused_plan_has_no_metrics_and_the_run_says_why(settings, tracker, client):
    frame = make_world(seed=2, units=30, weeks=12).panel
    dataset = Catalogue(settings.data_dir).add_panel(frame, PanelRoles(), name="How prices were set is not known")
    run = train_runs(dataset, ["fixed_effects"], tracker=tracker)[0]
    assert run.plan.refused
    assert not [name for name in run.metrics if name.endswith("_plan") or name.startswith("revenue_impact")]
    tags = client.get_run(run.run_id).data.tags
    assert (tags["plan"], tags["identification"]) == ("refused", "within_unit")


def test_hyperparameters_reach_the_model_and_the_run(panel, tracker, client):
    run = train_runs(panel, ["random_forest"], params={"random_forest": {"trees": 11, "seed": 5}}, tracker=tracker)[0]
    assert len(run.result.model.regressor_.estimators_) == 11
    logged = client.get_run(run.run_id)
    assert (logged.data.params["trees"], logged.data.tags["seed"]) == ("11", "5")


def test_without_a_tracker_nothing_is_logged_and_the_numbers_are_the_same(market, trained, client, tracker):
    before = len(all_runs(client, tracker))
    run = train_runs(market, ["fixed_effects"])[0]
    assert run.run_id is None
    assert len(all_runs(client, tracker)) == before
    same = trained[0].metrics.keys() - {"fit_seconds"}
    assert {name: run.metrics[name] for name in same} == {name: trained[0].metrics[name] for name in same}


def test_progress_only_grows_and_says_what_is_done(panel):
    steps = []
    train_runs(panel, ["linear", "fixed_effects"], progress=lambda share, text: steps.append((share, text)))
    shares = [share for share, _ in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    texts = {text for _, text in steps}
    assert {"Reading the data set", "Training Fixed effects", "Evaluating the decision", "Done"} <= texts


@pytest.mark.parametrize("step", ["Reading", "Training", "Evaluating", "Logging"])
def test_a_cancelled_training_leaves_no_finished_run(panel, tracker, client, step):
    before = {run.info.run_id for run in all_runs(client, tracker)}

    def cancel(_share, text):
        if text.startswith(step):
            raise JobCancelledError("You cancelled the training")

    with pytest.raises(JobCancelledError):
        train_runs(panel, ["linear"], tracker=tracker, progress=cancel)
    assert {run.info.run_id for run in all_runs(client, tracker)} == before


def test_runs_finished_before_a_cancellation_stay(panel, tracker, client):
    before = {run.info.run_id for run in all_runs(client, tracker)}
    steps = []

    def cancel(_share, text):
        steps.append(text)
        if steps.count("Logging the run") == 2:
            raise JobCancelledError("You cancelled the training")

    with pytest.raises(JobCancelledError):
        train_runs(panel, ["linear", "fixed_effects"], tracker=tracker, progress=cancel)
    new = [run for run in all_runs(client, tracker) if run.info.run_id not in before]
    assert [(run.info.status, run.data.tags["algorithm"]) for run in new] == [("FINISHED", "linear")]


def test_invalid_trainings_are_refused_before_anything_is_logged(settings, panel, tracker, client):
    before = len(all_runs(client, tracker))
    frame = make_world(seed=2, units=10, weeks=6).panel.assign(token_price=5)
    single = Catalogue(settings.data_dir).add_panel(frame, PanelRoles(), name="One price")
    with pytest.raises(NotIdentifiedError, match="single price"):
        train_runs(single, ["fixed_effects"], tracker=tracker)
    with pytest.raises(ParamsError, match="no such algorithm"):
        train_runs(panel, ["oracle"], tracker=tracker)
    with pytest.raises(ParamsError, match="an algorithm that is not trained"):
        train_runs(panel, ["linear"], params={"random_forst": {"trees": 5}}, tracker=tracker)
    with pytest.raises(ParamsError, match="trees from 10 to 300"):
        train_runs(panel, ["random_forest"], params={"random_forest": {"trees": 1}}, tracker=tracker)
    assert len(all_runs(client, tracker)) == before
