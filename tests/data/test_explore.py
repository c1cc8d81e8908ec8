"""The numbers of each figure equal those computed with pandas."""

import numpy as np
import pandas as pd
import pytest

from edtech.charts import explore as charts
from edtech.data import explore
from edtech.data.ingest.samples import sample_panel_csv
from edtech.data.ingest.upload import read_upload
from edtech.errors import DataError
from edtech.market import MarketParams, generate_market
from edtech.tables.roles import MARKET_ROLES, PanelRoles

SMALL = MarketParams(learners=400, teachers=15, courses=40, weeks=20, seed=4, growth=0.4)


@pytest.fixture(scope="module")
def market():
    return generate_market(SMALL)


@pytest.fixture
def stored(catalogue, market):
    return catalogue.add_market(market, name="small")


@pytest.mark.parametrize("column", ["token_price", "enrollments", "week"])
def test_a_histogram_counts_every_row_once(stored, market, column):
    values = market.tables["course_weeks"][column]
    result = explore.distribution(stored, "course_weeks", column, bins=10)
    assert result["rows"].sum() == len(values)
    assert result["low"].iloc[0] == values.min()
    assert len(result) <= 10
    numbers = values.astype("int64") / 1e6 if column == "week" else values
    edges = np.linspace(numbers.min(), numbers.max(), 11)
    counts = np.histogram(numbers, edges)[0]
    assert result["rows"].tolist() == [number for number in counts if number]


def test_a_distribution_of_text_and_flags_counts_the_most_frequent(stored, market):
    views = market.tables["views"]
    result = explore.distribution(stored, "views", "source").set_index("value")["rows"]
    assert result.to_dict() == views["source"].value_counts().to_dict()
    flags = explore.distribution(stored, "views", "enrolled").set_index("value")["rows"]
    assert flags["true"] == views["enrolled"].sum()
    people = explore.distribution(stored, "views", "learner_id")
    assert len(people) == explore.TOP + 1
    assert people["value"].iloc[-1] == "(others)"
    assert people["rows"].sum() == len(views)
    ages = explore.distribution(stored, "learners", "age_group")
    assert ages["rows"].sum() == market.tables["learners"]["age_group"].notna().sum()


def test_columns_of_any_name_can_be_explored(catalogue):
    frame = read_upload("s.csv", sample_panel_csv()).frame
    odd = {"token_price": 'Price "x"; DROP TABLE panel', "enrollments": "price"}
    frame = frame.rename(columns=odd)
    roles = PanelRoles(price=odd["token_price"], quantity="price", views=None)
    stored = catalogue.add_panel(frame, roles, name="odd")
    result = explore.distribution(stored, "panel", odd["token_price"])
    assert result["low"].iloc[0] == frame[odd["token_price"]].min()
    assert explore.distribution(stored, "panel", "price")["low"].iloc[0] == frame["price"].min()
    with pytest.raises(DataError, match="Choose a generated market"):
        explore.cohort_retention(stored)


def test_a_constant_and_a_column_of_missing_values(catalogue):
    frame = read_upload("s.csv", sample_panel_csv()).frame.assign(views=50_000)
    stored = catalogue.add_panel(frame, MARKET_ROLES, name="flat")
    result = explore.distribution(stored, "panel", "views")
    assert result.to_dict("records") == [{"low": 50_000.0, "high": 50_000.0, "rows": len(frame)}]


def test_price_and_demand_are_the_means_of_each_course(stored, market):
    result = explore.price_demand(stored).set_index("unit")
    rows = market.tables["course_weeks"].groupby("course_id")
    assert result["price"].to_numpy() == pytest.approx(rows["token_price"].mean().to_numpy())
    assert result["quantity"].to_numpy() == pytest.approx(rows["enrollments"].mean().to_numpy())


def test_the_season_counts_enrollments_by_week_and_weekday(stored, market):
    result = explore.seasonality(stored)
    times = market.tables["enrollments"]["enrolled_at"]
    assert result["enrollments"].sum() == len(times)
    monday = result[(result["week"] == 3) & (result["weekday"] == 1)]["enrollments"].item()
    assert monday == (times.dt.normalize() == "2024-01-15").sum()


def test_the_busiest_week_is_that_of_the_most_enrollments_not_of_the_busiest_day():
    season = pd.DataFrame({"week": [3, 3, 3, 4, 4, 4], "weekday": [1, 2, 3] * 2, "enrollments": [9, 1, 1, 6, 6, 6.0]})
    assert explore.busiest_week(season) == 4


def test_retention_is_who_of_a_cohort_enrolled_in_a_later_month(stored, market):
    result = explore.cohort_retention(stored)
    people, rows = market.tables["learners"], market.tables["enrollments"]
    start = market.tables["platform_metrics"]["day"].min()
    joined = people["joined_on"].clip(lower=start).dt.to_period("M")
    assert result.groupby("cohort")["learners"].first().sum() == len(people)
    for (cohort, months), row in result.set_index(["cohort", "months"]).iterrows():
        mine = people.loc[joined == cohort.to_period("M"), "learner_id"]
        month = rows["enrolled_at"].dt.to_period("M") == cohort.to_period("M") + months
        assert row["learners"] == len(mine)
        assert row["active"] == rows.loc[month & rows["learner_id"].isin(mine), "learner_id"].nunique()
        assert row["share"] == pytest.approx(row["active"] / len(mine))
    widths = result.groupby("cohort").size().tolist()
    assert widths == sorted(widths, reverse=True) == list(range(len(widths), 0, -1))


def test_flows_are_those_of_the_platform_metrics_in_tokens(stored, market):
    result = explore.token_flows(stored)
    days = market.tables["platform_metrics"]
    for flow, rows in result.groupby("flow"):
        assert (rows["tokens"] * 100).round().tolist() == days[flow].tolist()
        assert rows["day"].tolist() == days["day"].tolist()
    with pytest.raises(DataError, match="Unknown token flow"):
        explore.token_flows(stored, ["day FROM x; --"])


@pytest.mark.parametrize(("table", "column"), [("gold", "x"), ("views", "gold")])
def test_what_is_not_there_says_what_is(stored, table, column):
    with pytest.raises(DataError, match="Unknown") as error:
        explore.distribution(stored, table, column)
    assert error.value.expected
    assert "course_id" in explore.tables_to_explore(stored)["views"]


def test_every_answer_can_be_drawn(stored):
    for table, columns in explore.tables_to_explore(stored).items():
        for column in columns:
            result = explore.distribution(stored, table, column)
            assert charts.distribution(result, title=table, x_title=column).to_dict()
    assert all(
        chart.to_dict()
        for _, chart in charts.price_demand(explore.price_demand(stored), price_title="p", quantity_title="q")[0]
    )
    assert charts.seasonality(explore.seasonality(stored), title="").to_dict()
    assert charts.retention(explore.cohort_retention(stored), title="").to_dict()
    assert len(charts.token_flows(explore.token_flows(stored), title="").data) == 10


def test_a_damaged_file_says_so(stored):
    stored.files("views")[0].write_bytes(b"junk")
    with pytest.raises(DataError, match="missing or damaged"):
        explore.distribution(stored, "views", "source")
