"""Errors are measured on held-out data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edtech.ml.elasticity.evaluation import error_metrics, permutation_importance, split_panel
from edtech.tables.roles import PanelRoles
from edtech.tables.table_kinds import build_panel

ROLES = PanelRoles(segment=None, views=None)
SHARES = st.floats(0.1, 0.4)


def panel(units: int, periods: int) -> pd.DataFrame:
    unit, period = np.indices((units, periods)).reshape(2, -1)
    columns = {"course_id": [f"C{i}" for i in unit], "week": period, "token_price": 1.0 + unit, "enrollments": period}
    return pd.DataFrame(columns)


@given(units=st.integers(1, 6), periods=st.integers(4, 40), share=SHARES, seed=st.integers(0, 99))
def test_every_held_out_row_is_later_than_every_other(units, periods, share, seed):
    rows = panel(units, periods).sample(frac=1, random_state=seed)
    mask = split_panel(rows, ROLES, share).held_out
    assert 0 < mask.sum() < len(rows)
    assert rows["week"][mask].min() > rows["week"][~mask].max()
    assert rows["week"][mask].nunique() == max(1, round(share * periods))


@given(units=st.integers(4, 60), share=SHARES)
def test_without_periods_whole_units_are_held_out(units, share):
    rows = panel(units, 3)
    mask = split_panel(rows, ROLES.model_copy(update={"period": None}), share).held_out
    assert not set(rows["course_id"][mask]) & set(rows["course_id"][~mask])
    assert rows["course_id"][mask].nunique() == max(1, round(share * units))


def test_offers_of_their_own_are_held_out_one_by_one_and_always_the_same():
    rows, roles = panel(20, 5), ROLES.model_copy(update={"unit": None, "period": None})
    split = split_panel(rows, roles, 0.2)
    assert split.held_out.sum() == 20
    assert np.array_equal(split.held_out, split_panel(rows, roles, 0.2).held_out)


@pytest.mark.parametrize(
    ("rows", "roles", "reason"),
    [
        (panel(9, 3), ROLES, "only 3 periods"),
        (panel(3, 9), ROLES.model_copy(update={"period": None}), "only 3 units and no periods"),
    ],
)
def test_a_short_panel_has_no_held_out_rows(rows, roles, reason):
    split = split_panel(rows, roles, 0.2)
    assert split.held_out is None
    assert split.description.startswith(reason)


@pytest.mark.parametrize("algorithm", ["fixed_effects", "linear", "gradient_boosting", "random_forest"])
def test_later_sales_do_not_affect_their_own_predictions(world, results, algorithm):
    last = world.panel["week"] >= np.sort(world.panel["week"].unique())[-8]
    turned = world.panel.assign(enrollments=world.panel["enrollments"].where(~last, world.panel["views"] // 2))
    other = world.modeler().compare_models(turned, [algorithm])[algorithm]
    expected = results[algorithm].evaluation
    assert len(expected) == last.sum()
    assert not np.array_equal(other.evaluation["actual"], expected["actual"])
    assert np.array_equal(other.evaluation["predicted"], expected["predicted"])


def test_the_evaluation_holds_the_rows_held_out_and_the_errors_are_theirs(world, results):
    result = results["fixed_effects"]
    later = build_panel(world.panel, result.roles).query("week >= week.unique()[-8:].min()")
    rows = result.evaluation
    assert list(rows) == ["period", "unit", "segment", "price", "views", "actual", "predicted"]
    assert np.array_equal(rows["actual"], later["enrollments"])
    assert np.array_equal(rows["unit"], later["course_id"])
    off = rows["actual"] - rows["predicted"]
    assert result.metrics["rmse"] == pytest.approx(np.sqrt((off**2).mean()))
    assert result.metrics["mae"] == pytest.approx(off.abs().mean())
    assert result.metrics["r2"] == pytest.approx(
        1 - (off**2).sum() / ((rows["actual"] - rows["actual"].mean()) ** 2).sum()
    )
    assert result.metrics["token_revenue"] == pytest.approx((rows["price"] * rows["actual"]).sum() / 8)
    assert result.metrics["token_revenue_predicted"] == pytest.approx((rows["price"] * rows["predicted"]).sum() / 8)
    assert result.metrics["enrollment_rate"] == pytest.approx(rows["actual"].sum() / rows["views"].sum())
    assert (result.metrics["rows_train"], result.metrics["rows_evaluation"]) == (4800, 960)


def test_a_panel_of_three_periods_is_trained_without_errors_and_says_so(world):
    short = world.panel[world.panel["week"].isin(np.sort(world.panel["week"].unique())[:3])]
    result = world.modeler().compare_models(short, ["linear"])["linear"]
    assert result.notes == ("Held-out errors are not measured: only 3 periods, too few to hold any out.",)
    assert result.evaluation.empty
    assert result.importance.empty
    assert not {"rmse", "r2", "token_revenue"} & result.metrics.keys()


def test_perfect_predictions_have_no_error_and_a_constant_has_no_r2():
    actual = np.array([1.0, 2.0, 4.0])
    perfect = error_metrics(actual, actual)
    assert perfect == pytest.approx({"rmse": 0, "mae": 0, "poisson_deviance": 0, "r2": 1})
    assert "r2" not in error_metrics(np.array([2.0, 2.0]), np.array([1.0, 3.0]))


def test_importance_is_that_of_the_columns_predictions_depend_on(world, results):
    result = results["random_forest"]
    table = result.importance.set_index("feature")["importance"]
    assert set(table.index) == {"token_price", "course_id", "category", "week", "views"}
    assert table.is_monotonic_decreasing
    # later weeks are all new to the model, so which of them a row belongs to says nothing
    assert table["week"] == 0
    assert table["course_id"] > 0.1
    rows = world.panel[world.panel["week"] == world.panel["week"].max()]
    again = [permutation_importance(result.model, rows, result.roles) for _ in range(2)]
    pd.testing.assert_frame_equal(*again)
