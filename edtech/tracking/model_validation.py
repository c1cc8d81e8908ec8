"""Validate a logged run: exit code 0 if all checks pass, else 1.

The run's model must predict its sample as stored, and the logged held-out errors must follow from the stored held-out
predictions. Each run with a sample has a copy of this file in which the constants below are set.
"""

import sys
from io import BytesIO

import numpy as np
import pandas as pd

RUN_ID = ""
TRACKING_URI = ""
PROJECT = ""
DTYPES: dict[str, str] = {}

SAMPLE, HELD_OUT = "evaluation/predictions_sample.csv", "evaluation/predictions.csv"
TOLERANCE = 1e-6


def read_sample(content: bytes, dtypes: dict[str, str]) -> pd.DataFrame:
    """Return the sample: actual, predicted, then the model's inputs with their dtypes."""
    dates = [name for name, dtype in dtypes.items() if dtype.startswith("datetime")]
    others = {name: dtype for name, dtype in dtypes.items() if name not in dates}
    return pd.read_csv(BytesIO(content), dtype=others, parse_dates=dates, keep_default_na=False, na_values=[""])


def errors(actual: pd.Series, predicted: pd.Series) -> dict[str, float]:
    """Return RMSE, MAE and, if the actual values vary, R² of predictions (n,)."""
    error, deviation = predicted - actual, actual - actual.mean()
    values = {"rmse": float(np.sqrt((error**2).mean())), "mae": float(error.abs().mean())}
    return values | ({"r2": float(1 - (error**2).sum() / (deviation**2).sum())} if deviation.any() else {})


def is_close(logged: float, computed: float) -> bool:
    """Whether two numbers are equal up to rounding."""
    return bool(abs(computed - logged) <= TOLERANCE * max(abs(logged), 1.0))


def main() -> int:
    """Print one line for each check and return the exit code."""
    sys.path.append(PROJECT)  # has the classes of the model
    from edtech.tracking import RunStore

    store = RunStore(TRACKING_URI)
    run = store.get_run(RUN_ID)
    sample = read_sample(store.read_artifact(RUN_ID, SAMPLE), DTYPES)
    stored = sample.iloc[:, 1]
    predicted = pd.Series(np.asarray(store.load_model(RUN_ID).predict(sample.iloc[:, 2:]), dtype=float))
    difference = float((predicted - stored).abs().max())
    checks = [("largest difference of a prediction", 0.0, difference / max(float(stored.abs().max()), 1.0))]
    if HELD_OUT in run.artifacts:
        held_out = pd.read_csv(BytesIO(store.read_artifact(RUN_ID, HELD_OUT)))
        computed = errors(held_out["actual"], held_out["predicted"])
        checks += [(name, run.metrics[name], value) for name, value in computed.items() if name in run.metrics]
    for name, logged, value in checks:
        print(f"{'ok  ' if is_close(logged, value) else 'FAIL'}  {name}: logged {logged:.10g}, computed {value:.10g}")
    return 0 if all(is_close(logged, value) for _, logged, value in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
