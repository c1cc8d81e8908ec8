"""Checks a logged run: exit code 0 where all of it holds, 1 where something does not.

The run's model predicts the rows of its sample again, which must give the stored predictions, and the logged errors on
later data are computed again from the stored predictions on it. Each run with a sample holds a copy of this file with
the names below filled in.
"""

import sys
from io import BytesIO

import numpy as np
import pandas as pd

RUN_ID = ""
TRACKING_URI = ""
PROJECT = ""
DTYPES: dict[str, str] = {}

SAMPLE, LATER = "evaluation/predictions_sample.csv", "evaluation/predictions.csv"
TOLERANCE = 1e-6


def read_sample(content: bytes, dtypes: dict[str, str]) -> pd.DataFrame:
    """Return the sample: actual, predicted, then the model's inputs with their own types."""
    dates = [name for name, dtype in dtypes.items() if dtype.startswith("datetime")]
    others = {name: dtype for name, dtype in dtypes.items() if name not in dates}
    return pd.read_csv(BytesIO(content), dtype=others, parse_dates=dates, keep_default_na=False, na_values=[""])


def errors(actual: pd.Series, predicted: pd.Series) -> dict[str, float]:
    """Return what the errors of predictions (n,) are."""
    off, spread = predicted - actual, actual - actual.mean()
    found = {"rmse": float(np.sqrt((off**2).mean())), "mae": float(off.abs().mean())}
    return found | ({"r2": float(1 - (off**2).sum() / (spread**2).sum())} if spread.any() else {})


def holds(logged: float, found: float) -> bool:
    """Whether two numbers are the same but for rounding."""
    return bool(abs(found - logged) <= TOLERANCE * max(abs(logged), 1.0))


def main() -> int:
    """Print one line for each check and return the exit code."""
    sys.path.append(PROJECT)  # where the model's own classes are
    from edtech.tracking import RunStore

    store = RunStore(TRACKING_URI)
    run = store.get_run(RUN_ID)
    sample = read_sample(store.read_artifact(RUN_ID, SAMPLE), DTYPES)
    stored = sample.iloc[:, 1]
    predicted = pd.Series(np.asarray(store.load_model(RUN_ID).predict(sample.iloc[:, 2:]), dtype=float))
    off = float((predicted - stored).abs().max())
    checks = [("largest difference of a prediction", 0.0, off / max(float(stored.abs().max()), 1.0))]
    if LATER in run.artifacts:
        later = pd.read_csv(BytesIO(store.read_artifact(RUN_ID, LATER)))
        again = errors(later["actual"], later["predicted"])
        checks += [(name, run.metrics[name], value) for name, value in again.items() if name in run.metrics]
    for name, logged, found in checks:
        print(f"{'ok  ' if holds(logged, found) else 'FAIL'}  {name}: logged {logged:.10g}, found {found:.10g}")
    return 0 if all(holds(logged, found) for _, logged, found in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
