"""The prices of a what-if, and the errors of a list with invalid rows."""

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from edtech.errors import PricingError
from edtech.pricing import changed_prices, estimate_effects
from edtech.pricing.price_changes import PriceChange, price_bounds_by_unit, price_list, unit_attributes
from edtech.pricing.scenarios import Scenario, compare_scenarios, scenario_items
from edtech.pricing.tables import effect_text
from edtech.settings import Settings
from edtech.tables.tokens import RevenueSplit
from edtech.tracking import EdTechMLFlowTracker
from edtech.tracking.export import export_experiment


@pytest.fixture(scope="module")
def attributes(response):
    level = np.where(np.arange(len(response.units)) % 2 == 0, "easy", "hard")
    return unit_attributes(response, pd.DataFrame({"level": level}, index=response.names))


def test_changes_by_segment_are_price_changes_of_that_segment(response, attributes):
    name = response.segments.iloc[0]
    changes = (PriceChange("segment", (name,), "percent", 0.15),)
    prices = changed_prices(response, changes, attributes)
    assert prices == pytest.approx(changed_prices(response, {name: 0.15}))
    assert prices == pytest.approx(response.baseline * np.where(response.segments == name, 1.15, 1.0))


@pytest.mark.parametrize("change", [-0.97, 10.0])
def test_both_forms_of_changes_have_the_same_limits(response, change):
    name = response.segments.iloc[0]
    item, other = changed_prices(response, {name: change}), (PriceChange("segment", (name,), "percent", change),)
    assert np.array_equal(item, changed_prices(response, other))
    for beyond in (-1.0, 10.1):
        with pytest.raises(PricingError, match="no usable price"):
            changed_prices(response, {name: beyond})


def test_price_changes_of_version_0_1_are_read():
    former = '[{"scope": "level", "names": ["easy"], "how": "tokens", "amount": 2}]'
    current = '[{"attribute": "level", "names": ["easy"], "mode": "tokens", "amount": 2}]'
    changes = TypeAdapter(tuple[PriceChange, ...])
    assert (
        changes.validate_json(former)
        == changes.validate_json(current)
        == (PriceChange("level", ("easy",), "tokens", 2),)
    )
    assert changes.validate_json(changes.dump_json(changes.validate_json(former))) == changes.validate_json(former)


def test_changes_apply_one_after_the_other_to_whom_they_name(response, attributes):
    unit = response.units[4]
    changes = (
        PriceChange("all", (), "percent", 0.1),
        PriceChange("level", ("hard",), "tokens", -2.0),
        PriceChange("unit", (unit,), "set", 30.0),
    )
    prices = changed_prices(response, changes, attributes)
    hard = attributes["level"] == "hard"
    expected = response.baseline * 1.1 - 2.0 * hard
    expected[4] = 30.0
    assert prices == pytest.approx(expected.to_numpy() if hasattr(expected, "to_numpy") else expected)


@pytest.mark.parametrize(
    "change",
    [
        PriceChange("moon", ("x",), "percent", 0.1),
        PriceChange("level", ("odd",), "percent", 0.1),
        PriceChange("all", (), "percent", -1.0),
        PriceChange("all", (), "set", 0.0),
        PriceChange("all", (), "tokens", float("nan")),
        PriceChange("all", (), "percent", 1e6),
    ],
)
def test_an_invalid_change_is_an_error_with_a_fix(response, attributes, change):
    with pytest.raises(PricingError) as caught:
        changed_prices(response, (change,), attributes)
    assert caught.value.actual
    assert caught.value.fix


def test_a_price_list_sets_what_it_names(response):
    units = [str(unit) for unit in response.units[:3]]
    prices = price_list(response, pd.DataFrame({"course": units, "new": ["10", "20.5", 30]}), "course", "new")
    assert prices[:3] == pytest.approx([10, 20.5, 30])
    assert prices[3:] == pytest.approx(response.baseline[3:])


def test_every_invalid_row_of_a_price_list_is_listed(response):
    units = [response.units[0], response.units[0], "nowhere", response.units[1]]
    frame = pd.DataFrame({"course": units, "new": [10, 11, 12, 0]})
    with pytest.raises(PricingError) as caught:
        price_list(response, frame, "course", "new")
    message = " ".join(caught.value.details)
    assert "no such unit (1 row, e.g. row 3: nowhere" in message
    assert "more than once (2 rows" in message
    assert "not a number above 0 (1 row, e.g. row 4" in message
    assert caught.value.actual == "4 of 4 rows are invalid"
    with pytest.raises(PricingError, match="lacks columns"):
        price_list(response, frame, "course", "price")


def test_bounds_are_held_to_the_rules_of_a_price_list():
    frame = pd.DataFrame({"course": [" a", "b ", "c"], "floor": ["10", " ", None], "ceiling": [20, 30, 40.5]})
    assert price_bounds_by_unit(frame) == ({"a": 10.0}, {"a": 20.0, "b": 30.0, "c": 40.5})
    assert price_bounds_by_unit(frame[["course", "ceiling"]])[0] is None
    frame = pd.DataFrame({"course": ["d", "a", " a", "b"], "floor": [None, 10, 12, -1]})
    with pytest.raises(PricingError, match="'floor' have invalid rows") as caught:
        price_bounds_by_unit(frame)
    message = " ".join(caught.value.details)
    assert "more than once (2 rows, e.g. row 2: a, 10.0; row 3: a, 12.0)" in message
    assert "not a number above 0 (1 row, e.g. row 4: b" in message


def test_a_file_of_bounds_without_either_is_refused_and_not_ignored():
    with pytest.raises(PricingError, match="holds no bounds") as caught:
        price_bounds_by_unit(pd.DataFrame({"course": ["a"], "min": [1], "max": [2]}))
    assert caught.value.actual == "the columns 'course', 'min', 'max'"


def test_other_rates_change_who_gets_what_at_the_same_revenue(response):
    split, other = RevenueSplit(), RevenueSplit(commission_rate=0.3, burn_rate=0.1)
    result = estimate_effects(response, response.baseline, split, other)
    assert result.token_revenue.change == pytest.approx(0)
    assert result.platform_commission.planned == pytest.approx(0.3 * result.token_revenue.today)
    assert result.platform_commission.change == pytest.approx(0.3 / split.commission_rate - 1)
    assert result.tokens_burned.planned == pytest.approx(0.1 * result.token_revenue.today)
    parts = result.teacher_earnings, result.platform_commission, result.tokens_burned
    assert sum(section.planned for section in parts) == pytest.approx(result.token_revenue.planned)


def test_a_share_that_was_nothing_before_is_new_and_one_that_stays_nothing_does_not_change(response):
    none = RevenueSplit(commission_rate=0, burn_rate=0)
    result = estimate_effects(response, response.baseline * 0.9, none, none.model_copy(update={"commission_rate": 0.2}))
    new, still = result.platform_commission, result.tokens_burned
    assert (new.today, new.change, new.low, new.high) == (0, np.inf, None, None)
    assert new.planned == pytest.approx(0.2 * result.token_revenue.planned)
    assert (still.planned, still.change, still.low, still.high) == (0, 0, 0, 0)
    line = next(line for line in effect_text(result).splitlines() if "Commission" in line)
    assert line.split()[-5:] == ["new", "-", "-", "-", "-"]


def test_a_saved_scenario_keeps_that_a_figure_is_new_and_its_export_is_strict_json(response, tmp_path):
    none = RevenueSplit(commission_rate=0, burn_rate=0)
    after = none.model_copy(update={"commission_rate": 0.2})
    outcome = estimate_effects(response, response.baseline, none, after)
    scenario = Scenario(name="With commission", run_id="r", dataset_id="d", split=none, planned_split=after)
    tracker = EdTechMLFlowTracker("new", settings=Settings(home=tmp_path, mlflow_tracking_uri=None))
    tracker.log(scenario_items(scenario, outcome, "Data", "digest"))
    saved = tracker.runs.list_runs(["new"], kind="scenario")
    assert compare_scenarios(saved, {})["platform_commission"].tolist() == [np.inf]
    message = json.loads(export_experiment(tracker.runs, "new", tmp_path / "all.json").read_text(encoding="utf-8"))
    metrics = message["runs"][0]["metrics"]
    assert (metrics["platform_commission_today"], metrics["platform_commission_planned"] > 0) == (0, True)
    assert "platform_commission_change" not in metrics


def test_the_80_percent_interval_lies_inside_the_95_percent_one(response):
    result = estimate_effects(response, response.baseline * 1.1)
    for effect in result.effects.values():
        assert effect.low < effect.low_80 < effect.change < effect.high_80 < effect.high


def test_the_enrollment_rate_is_enrollments_over_views(world, response):
    result = estimate_effects(response, response.baseline * 0.9)
    views = world.panel.groupby("course_id")["views"].mean().sum()
    assert result.enrollment_rate.planned == pytest.approx(result.enrollments.planned / views)
    assert result.enrollment_rate.change == pytest.approx(result.enrollments.change)
