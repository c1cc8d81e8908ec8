"""Differences between two data sets, compared with pandas and scipy."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from edtech.data import Catalogue, difference
from tests.data.conftest import ROLES, sales


def test_nothing_differs_from_itself(catalogue: Catalogue):
    stored = catalogue.add_panel(sales(), ROLES, name="a")
    result = difference(stored, stored)
    assert result.same_content
    assert result.rows == {"panel": (20, 20)}
    assert {item.column: item.distance for item in result.columns} == dict.fromkeys(sales().columns, 0)


def test_numbers_dates_and_text_are_compared(catalogue: Catalogue):
    old, new = sales(10, 30), sales(8, 40)
    new["token_price"] = new["token_price"] ** 1.1
    item, other = (catalogue.add_panel(frame, ROLES, name="a") for frame in (old, new))
    result = difference(item, other)
    columns = {item.column: item for item in result.columns}
    for name in ("token_price", "enrollments", "week"):
        values = [frame[name].astype("int64") if name == "week" else frame[name] for frame in (old, new)]
        assert columns[name].distance == pytest.approx(ks_2samp(*values).statistic)
    price = columns["token_price"]
    assert price.before["mean"] == pytest.approx(old["token_price"].mean())
    assert price.after["sd"] == pytest.approx(new["token_price"].std())
    assert price.after["q95"] == pytest.approx(np.quantile(new["token_price"], 0.95))
    assert columns["week"].before["mean"].startswith("2024-04-1")
    shares = [frame["course_id"].value_counts(normalize=True) for frame in (old, new)]
    assert columns["course_id"].distance == pytest.approx(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    assert columns["course_id"].after["levels"]["C0"] == pytest.approx(1 / 8)
    table = result.table()
    assert table["distance"].is_monotonic_decreasing
    assert table.set_index("column").loc["token_price", "mean after"] == pytest.approx(new["token_price"].mean())


def test_columns_and_types_that_differ_are_reported(catalogue: Catalogue):
    frame = sales()
    more = ROLES.model_copy(update={"controls": ("extra",)})
    item = catalogue.add_panel(frame.assign(extra=1.0), more, name="a")
    other = catalogue.add_panel(
        frame.assign(extra="x", Extra=2.0, week=frame.index),
        ROLES.model_copy(update={"controls": ("extra", "Extra")}),
        name="b",
    )
    result = difference(item, other)
    assert not result.same_content
    assert (result.columns_added, result.columns_removed) == (("panel.Extra",), ())
    assert set(result.retyped) == {"panel.extra", "panel.week"}
    back = difference(other, item)
    assert (back.columns_added, back.columns_removed) == ((), ("panel.Extra",))
