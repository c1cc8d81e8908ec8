"""How right `teacher_quality` is on generated worlds: errors, rank correlations and intervals against the truth.

python benchmarks/bench_teachers.py [WORLDS]      exits with 1 where a promised figure is missed
"""

import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp

from benchmarks.bench_elasticity import Target, show
from edtech.data.features import features
from edtech.jobs.progress import no_progress
from edtech.market import MarketParams, generate_market
from edtech.ml.teachers.algorithms import ALGORITHMS, FAMILY
from edtech.ml.teachers.family import MARKET_ROLES
from edtech.ml.teachers.ground_truth import compare_with_truth
from edtech.ml.teachers.training import train_ratings

WORLDS = 200
END = "2100-01-01"
NAMES = ("mixed_model", "empirical_bayes")


def evaluation(preset: str, seed: int) -> dict[str, float]:
    """Return what the truth of one world says of both algorithms."""
    market = generate_market(MarketParams.preset(preset, seed=seed))
    results = features(market.tables, FAMILY, END)
    rows = results.frame[list(MARKET_ROLES.covariates)].join(results.ids).assign(rating=results.target.astype(float))
    figures = {}
    for name in NAMES:
        kind = ALGORITHMS[name]
        result = train_ratings(rows, MARKET_ROLES, kind, kind.validate_params({"seed": seed}), no_progress)
        metrics = compare_with_truth(result, rows, market.truth.tables["teachers"])
        figures |= {f"{name}.{key}": value for key, value in metrics.items()}
    return figures


def figures(preset: str, worlds: int) -> Iterator[Target]:
    """Yield the figures over worlds of a preset."""
    table = pd.DataFrame([evaluation(preset, seed) for seed in range(worlds)])
    mean = table.mean()
    for name in NAMES:
        left = mean[f"{name}.effect_rmse_truth"] / mean[f"{name}.effect_rmse_truth_raw_mean"]
        yield Target(f"{name}: RMSE / that of raw means", left, 0, 0.75 if name == NAMES[0] else np.inf)
        yield Target(f"{name}: rank correlation", mean[f"{name}.rank_correlation_truth"], -np.inf, np.inf)
    yield Target("raw_mean: rank correlation", mean["mixed_model.rank_correlation_truth_raw_mean"], -np.inf, np.inf)
    gain = table["mixed_model.rank_correlation_truth"] - table["empirical_bayes.rank_correlation_truth"]
    yield Target("mixed_model - empirical_bayes: rank correlation", gain.mean(), 0, np.inf)
    yield Target("  its t statistic over the worlds", float(ttest_1samp(gain, 0).statistic), -np.inf, np.inf)
    yield Target("mixed_model: 90% rank intervals cover", mean["mixed_model.rank_covered"], 0.84, 0.96)
    yield Target("mixed_model: 95% effect intervals cover", mean["mixed_model.effect_covered"], -np.inf, np.inf)
    yield Target("mixed_model: value of its best tenth, stars", mean["mixed_model.decision_value_stars"], 0, np.inf)


def main() -> int:
    """Return the exit code: 0 where every target is met."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else WORLDS
    ask = partial(figures, worlds=worlds)
    met = [show(f"{worlds} worlds, preset {preset}", ask(preset)) for preset in ("balanced", "confounded")]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
