"""The trust card grades what an answer rests on, and a scenario comes back as it was saved."""

from dataclasses import replace

import pandas as pd
import pytest

from edtech.errors import TrackingError
from edtech.ml.base import Estimate, FittedModel
from edtech.ml.elasticity import diagnostics
from edtech.pricing import changed_prices, estimate_effects, price_response
from edtech.pricing.price_changes import PriceChange, unit_attributes
from edtech.pricing.scenarios import FILE, Scenario, read_scenario, scenario_items, scenario_table
from edtech.pricing.trust_card import other_elasticities, trust_card
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker


def graded(response, changes, others=None):
    card = trust_card(response, estimate_effects(response, changed_prices(response, changes)), others)
    return {check.code: check for check in card}


def test_a_sound_answer_passes_where_it_can(response, result):
    card = graded(response, {"cat0": -0.05}, {"linear": result.elasticity})
    assert [code for code, check in card.items() if check.severity == "FAIL"] == []
    for code in ("identification", "support", "sign", "agreement", "backtest"):
        assert card[code].severity == "PASS", card[code]
    assert card["substitution"].severity == "REVIEW"
    assert f"{result.naive.estimate:+.2f}" in card["naive"].evidence


def test_what_is_weak_is_named(world, response, result, unproven, forest):
    assert graded(price_response(unproven, world.panel), {})["identification"].severity == "FAIL"
    assert graded(price_response(forest, world.panel), {})["interval"].severity == "REVIEW"
    assert graded(response, {"cat0": 0.9})["support"].severity == "REVIEW"
    far = graded(response, {}, {"other": Estimate(result.elasticity.estimate * 4)})
    assert far["agreement"].severity == "REVIEW"
    assert "other" in far["agreement"].evidence
    rising = replace(result, elasticity=Estimate(0.5, 0.1, 0.9))
    assert graded(replace(response, result=rising), {})["sign"].severity == "FAIL"
    late = replace(result, evaluation=result.evaluation.assign(predicted=2 * result.evaluation["actual"]))
    assert graded(replace(response, result=late), {})["backtest"].severity == "REVIEW"


@pytest.mark.parametrize("share", [0.6, 0.78, 1.28, 1.4, -1.0])
@pytest.mark.parametrize("half", [None, 0.01, 2.0])
def test_the_cards_of_a_training_and_of_an_answer_agree_on_agreement(response, result, share, half):
    other, metrics = result.elasticity.estimate * share, "metrics.price_elasticity_"
    runs = pd.DataFrame({"run_id": ["1", "2"], "tags.algorithm": ["gam", result.algorithm]}).assign(
        **{f"{metrics}coefficient": [other, 0.0]},
        **({} if half is None else {f"{metrics}low": other - half, f"{metrics}high": other + half}),
    )
    at_training = diagnostics.compare_runs(FittedModel(result, pd.DataFrame(), ""), runs)
    assert graded(response, {}, other_elasticities(runs, "2"))["agreement"] == at_training


@pytest.fixture(scope="module")
def tracker(tmp_path_factory):
    return EdTechMLFlowTracker(settings=Settings(home=tmp_path_factory.mktemp("home")))


def test_a_scenario_comes_back_and_asks_the_same(tracker, response):
    lookup = unit_attributes(response)
    scenario = Scenario(
        name="=1+1 <b>",
        note="![](x)",
        run_id="0" * 32,
        dataset_id="0" * 16,
        changes=(PriceChange("segment", ("cat1",), "percent", -0.1), PriceChange("all", (), "tokens", 1.0)),
    )
    outcome = estimate_effects(response, scenario.new_prices(response, lookup))
    run_id = tracker.log(scenario_items(scenario, outcome, "world", "ab"))
    again = read_scenario(tracker.runs, run_id)
    assert again == scenario
    assert again.new_prices(response, lookup) == pytest.approx(outcome.prices.loc[list(response.names)].to_numpy())
    [row] = scenario_table(tracker.runs.list_runs(kind="scenario")).to_dict("records")
    assert row["Name"] == scenario.name
    revenue = outcome.token_revenue
    assert row["Tokens per period"] == revenue.planned
    assert row["Token revenue"] == f"{revenue.change:+.1%} ({revenue.low:+.1%} to {revenue.high:+.1%})"
    assert row["Trust"] == "needs review"  # substitution is not modeled
    assert tracker.runs.list_runs().empty  # it is no training


def test_a_price_list_is_saved_and_new_units_keep_their_price(response):
    listed = {str(unit): 10.0 for unit in response.units[:5]}
    scenario = Scenario(name="list", run_id="0", dataset_id="0", prices=listed)
    prices = scenario.new_prices(response, unit_attributes(response))
    assert prices[:5] == pytest.approx(10.0)
    assert prices[5:] == pytest.approx(response.baseline[5:])


@pytest.mark.parametrize(
    "content", ["{}", "[]", "no json", '{"name": "x", "run_id": "1", "dataset_id": "2", "more": 1}']
)
def test_a_run_without_a_readable_scenario_is_an_error(tracker, response, content):
    scenario = Scenario(name="s", run_id="0", dataset_id="0")
    items = scenario_items(scenario, estimate_effects(response, response.baseline), "world", "ab")
    run_id = tracker.log(replace(items, artifacts={FILE: content}))
    with pytest.raises(TrackingError, match="no readable scenario"):
        read_scenario(tracker.runs, run_id)
