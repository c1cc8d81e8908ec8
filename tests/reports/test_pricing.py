"""The report of a what-if states rates and units, and has the evidence before the long table of prices."""

import pytest

from edtech.pricing import (
    PricingModel,
    Response,
    Scenario,
    WhatIfQuestion,
    answer_question,
    plan_prices,
    price_response,
    revenue_curve,
)
from edtech.pricing.price_changes import PriceChange, unit_attributes
from edtech.reports import Report, to_html
from edtech.reports.pricing import pricing_report
from edtech.tables.tokens import RevenueSplit
from tests.worlds import make_world


@pytest.fixture(scope="module")
def response() -> Response:
    world = make_world(seed=1, units=40, weeks=20)
    result = world.modeler().compare_models(world.panel, ["fixed_effects"])["fixed_effects"]
    return price_response(result, world.panel)


def reported(response: Response, planned: RevenueSplit) -> Report:
    changes = (PriceChange("segment", ("cat1",), "percent", -0.1),)
    scenario = Scenario(name="x", run_id="0", dataset_id="0", changes=changes, planned_split=planned)
    model = PricingModel(
        response,
        unit_attributes(response),
        lambda _changed: revenue_curve(response),
        lambda _question: plan_prices(response),
    )
    return pricing_report(answer_question(WhatIfQuestion(scenario), model), {})


def test_rates_that_are_planned_are_stated(response):
    report = reported(response, RevenueSplit(commission_rate=0.35, burn_rate=0.1))
    assert "Planned rates: commission 35% (today 20%), burned 10% (today 5%)." in report.sections[0].text
    [shares] = [table.frame for table in report.tables() if table.title == "Shares of a token spent"]
    assert shares["planned (%)"].tolist() == pytest.approx([55, 35, 10])
    unchanged = reported(response, RevenueSplit())
    assert "Rates stay as they are: commission 20%, burned 5%." in unchanged.sections[0].text


def test_figures_have_units_and_changes_are_in_percent(response):
    report = reported(response, RevenueSplit())
    figures = next(report.tables()).frame.set_index("figure")
    assert figures.loc["Token revenue", "unit"] == "tokens / period"
    row = figures.loc["Token revenue"]
    assert row["change (%)"] == pytest.approx(100 * (row["forecast"] / row["today"] - 1))
    assert row["from (%, 95% interval)"] < row["from (%, 80% interval)"] < row["change (%)"]
    heads = {str(column) for table in report.tables() for column in table.frame}
    assert not heads & {"change_low", "low", "high", "low_80", "high_80", "planned", "quantity_low"}
    [prices] = [table.frame for table in report.tables() if table.title == "Recommended prices"]
    moved = prices["recommended (tokens)"] / prices["today (tokens)"] - 1
    assert prices["change (%)"].tolist() == pytest.approx((100 * moved).tolist())
    assert "-10.0%" in to_html(report)


def test_the_evidence_comes_before_the_prices(response):
    titles = [section.title for section in reported(response, RevenueSplit()).sections]
    assert titles == ["Expected effect", "Evidence and assumptions", "Revenue curve", "Recommended prices"]
