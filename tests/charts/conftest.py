import numpy as np
import pandas as pd
import pytest

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "=1+1",
    "$\\frac{1$",
    "数据",
    "a\x00\x1b[31m\u202e",
    "",
    "*b* `c` ![i](https://evil.example/x.png)",
    "x" * 5_000,
]


@pytest.fixture
def curve() -> pd.DataFrame:
    change = np.linspace(-0.5, 0.5, 41)
    revenue = 1_000 * (1 + 0.1 * change - change**2)
    return pd.DataFrame({"change": change, "revenue": revenue, "low": revenue - 50, "high": revenue + 50})


@pytest.fixture
def predictions() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    actual = draw.poisson(5, 3_000).astype(float)
    return pd.DataFrame({"actual": actual, "predicted": 2 + 0.6 * actual + draw.normal(size=3_000)})


@pytest.fixture
def segments() -> pd.DataFrame:
    estimate = -1 - np.arange(len(HOSTILE)) / 10
    return pd.DataFrame({"segment": HOSTILE, "estimate": estimate, "low": estimate - 0.2, "high": estimate + 0.2})


@pytest.fixture
def importances() -> pd.DataFrame:
    return pd.DataFrame({"feature": [f"f{position}" for position in range(20)], "importance": np.arange(20.0)})
