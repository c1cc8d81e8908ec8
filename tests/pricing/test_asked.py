"""Which prices a what-if asks for, and that a list which cannot be used is told row by row."""

import numpy as np
import pandas as pd
import pytest

from edtech.errors import PricingError
from edtech.pricing import answer, changed_prices
from edtech.pricing.asked import PriceChange, asked_prices, attributes, price_list
from edtech.tables.split import RevenueSplit


@pytest.fixture(scope="module")
def known(response):
    level = np.where(np.arange(len(response.units)) % 2 == 0, "easy", "hard")
    return attributes(response, pd.DataFrame({"level": level}, index=response.names))


def test_changes_of_a_segment_are_those_of_the_sliders(response, known):
    name = response.segments.iloc[0]
    changes = (PriceChange("segment", (name,), "percent", 0.15),)
    assert asked_prices(response, known, changes) == pytest.approx(changed_prices(response, {name: 0.15}))


def test_changes_apply_one_after_the_other_to_whom_they_name(response, known):
    unit = response.units[4]
    changes = (
        PriceChange("all", (), "percent", 0.1),
        PriceChange("level", ("hard",), "tokens", -2.0),
        PriceChange("unit", (unit,), "set", 30.0),
    )
    prices = asked_prices(response, known, changes)
    hard = known["level"] == "hard"
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
def test_what_cannot_be_asked_is_told_in_words(response, known, change):
    with pytest.raises(PricingError) as caught:
        asked_prices(response, known, (change,))
    assert caught.value.found
    assert caught.value.fix


def test_a_price_list_sets_what_it_names(response):
    units = [str(unit) for unit in response.units[:3]]
    prices = price_list(response, pd.DataFrame({"course": units, "new": ["10", "20.5", 30]}), "course", "new")
    assert prices[:3] == pytest.approx([10, 20.5, 30])
    assert prices[3:] == pytest.approx(response.baseline[3:])


def test_every_row_of_a_bad_price_list_is_told(response):
    units = [response.units[0], response.units[0], "nowhere", response.units[1]]
    frame = pd.DataFrame({"course": units, "new": [10, 11, 12, 0]})
    with pytest.raises(PricingError) as caught:
        price_list(response, frame, "course", "new")
    told = " ".join(caught.value.details)
    assert "no such unit (1 row, e.g. row 3: nowhere" in told
    assert "more than once (2 rows" in told
    assert "not a number above 0 (1 row, e.g. row 4" in told
    assert caught.value.found == "4 of 4 rows that cannot"
    with pytest.raises(PricingError, match="lacks columns"):
        price_list(response, frame, "course", "price")


def test_other_rates_change_who_gets_what_at_the_same_revenue(response):
    split, other = RevenueSplit(), RevenueSplit(commission_rate=0.3, burn_rate=0.1)
    found = answer(response, response.baseline, split, other)
    assert found.token_revenue.change == pytest.approx(0)
    assert found.platform_commission.planned == pytest.approx(0.3 * found.token_revenue.today)
    assert found.platform_commission.change == pytest.approx(0.3 / split.commission_rate - 1)
    assert found.tokens_burned.planned == pytest.approx(0.1 * found.token_revenue.today)
    parts = found.teacher_earnings, found.platform_commission, found.tokens_burned
    assert sum(part.planned for part in parts) == pytest.approx(found.token_revenue.planned)


def test_the_80_percent_interval_lies_inside_the_95_percent_one(response):
    found = answer(response, response.baseline * 1.1)
    for effect in found.effects.values():
        assert effect.low < effect.low_80 < effect.change < effect.high_80 < effect.high


def test_the_enrollment_rate_is_enrollments_over_views(world, response):
    found = answer(response, response.baseline * 0.9)
    views = world.panel.groupby("course_id")["views"].mean().sum()
    assert found.enrollment_rate.planned == pytest.approx(found.enrollments.planned / views)
    assert found.enrollment_rate.change == pytest.approx(found.enrollments.change)
