"""Charts that compare runs."""

import re

import numpy as np
import pandas as pd
import pytest

from edtech.charts import compare
from tests.charts.test_pricing import rendered_spec

AXES = [
    "Own-price elasticity",
    "Correlation of probabilities",
    "RMSE",
    "Expected uplift",
    "seed",
    "MAE",
    "R²",
]


def numbers(runs: int) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(runs, len(AXES)))
    return pd.DataFrame(values, columns=AXES).assign(run=[f"run {position}" for position in range(runs)])


def test_parallel_coordinates_name_every_axis_and_a_few_runs_in_a_legend():
    svg = rendered_spec(compare.parallel(numbers(3), AXES, title="Each line is a run"))
    labels = " ".join(re.findall(r">([^<>]+)</t(?:ext|span)>", svg))
    for word in " ".join(AXES).split():
        assert word in labels
    assert [name for name in ("run 0", "run 1", "run 2") if name in labels] == ["run 0", "run 1", "run 2"]


def test_the_last_axis_colors_many_runs_and_a_note_says_so():
    svg = rendered_spec(compare.parallel(numbers(30), AXES, title="Each line is a run"))
    assert "color: R² from low" in re.sub(r"<[^>]+>", " ", svg)
    assert ">run 0<" not in svg


def test_runs_without_a_number_on_each_axis_are_counted():
    frame = numbers(3)
    frame.loc[0, "RMSE"] = np.nan
    assert "2 of 3 runs" in re.sub(r"<[^>]+>", " ", rendered_spec(compare.parallel(frame, AXES, title="x")))


@pytest.mark.parametrize("rows", [1, 2])
def test_equal_values_are_drawn(rows):
    frame = pd.DataFrame({"run": ["a", "b"], "x": [1.0, 1.0], "y": [2.0, 2.0]}).head(rows)
    assert "<svg" in rendered_spec(compare.parallel(frame, ["x", "y"], title="x"))
