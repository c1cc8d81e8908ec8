import numpy as np
import pandas as pd
import pytest

from edtech.charts import models, pricing, static
from edtech.reports import Report, Section, Table, figure
from tests.charts.conftest import HOSTILE
from tests.training.conftest import market, panel, settings, tracker  # noqa: F401  # fixtures


@pytest.fixture
def effects() -> pd.DataFrame:
    size = len(HOSTILE)
    return pd.DataFrame(
        {
            "segment": HOSTILE,
            "change": [-0.12, 0.1 + 0.2, 1e-9, 1_234.5678, np.nan, -0.0, 2.0**60, np.inf],
            "weeks": range(size),
            "best": [True, False] * (size // 2),
            "from": pd.date_range("2025-01-06", periods=size, tz="UTC"),
        }
    )


@pytest.fixture
def report(effects) -> Report:
    change = np.linspace(-0.5, 0.5, 21)
    curve = pd.DataFrame({"change": change, "revenue": 1_000 - 900 * change**2})
    segments = pd.DataFrame({"segment": HOSTILE, "estimate": -1.0, "low": -1.4, "high": -0.6})
    predictions = pd.DataFrame({"actual": [1.0, 2.0, 3.0], "predicted": [1.5, 2.0, 2.5]})
    revenue = static.revenue_curve(curve, peak=0.1, support=(-0.2, 0.3), title="Raising prices earns more")
    elasticities = pricing.elasticity_by_segment(segments, naive=1.7, title="All react")
    fit = models.actual_vs_predicted(predictions, title="Predictions follow")
    answer = Section(
        "Answer <script>alert(2)</script>",
        ("Revenue rises by 3%.", "![](https://evil.example/y.png) <b>bold</b>"),
        (Table("Effects", effects, {"change": "share"}, {"change": "Relative change of the total."}),),
        (figure("Revenue", revenue, "A curve that peaks at +10%"),),
    )
    figures = (figure("Elasticities", elasticities, "All near -1"), figure("Fit", fit, "Points near a line"))
    provenance = {"Data set": "sha256:0a1b", "Runs": "=HYPERLINK(1)", "Seed": 7, "Version": "0.1.0"}
    return Report(
        "What if <prices> rise",
        "Do we earn more?",
        (answer, Section("Models", (), (), figures), Section("Data")),
        provenance,
    )
