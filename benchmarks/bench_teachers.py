"""Errors, rank correlations and interval coverage of `teacher_quality` on generated markets.

python benchmarks/bench_teachers.py [MARKETS]      exits with 1 if a target is missed
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

MARKETS = 200
END = "2100-01-01"
NAMES = ("mixed_model", "empirical_bayes")


def evaluation(preset: str, seed: int) -> dict[str, float]:
    """Return the metrics of both algorithms against the truth of one market."""
    market = generate_market(MarketParams.preset(preset, seed=seed))
    feature_frame = features(market.tables, FAMILY, END)
    rows = feature_frame.frame[list(MARKET_ROLES.covariates)].join(feature_frame.ids)
    rows = rows.assign(rating=feature_frame.target.astype(float))
    figures = {}
    for name in NAMES:
        kind = ALGORITHMS[name]
        result = train_ratings(rows, MARKET_ROLES, kind, kind.validate_params({"seed": seed}), no_progress)
        metrics = compare_with_truth(result, rows, market.truth.tables["teachers"])
        figures |= {f"{name}.{key}": value for key, value in metrics.items()}
    return figures


def figures(preset: str, markets: int) -> Iterator[Target]:
    """Yield the targets over markets of a preset."""
    table = pd.DataFrame([evaluation(preset, seed) for seed in range(markets)])
    mean = table.mean()
    for name in NAMES:
        ratio = mean[f"{name}.effect_rmse_truth"] / mean[f"{name}.effect_rmse_truth_raw_mean"]
        yield Target(f"{name}: RMSE relative to raw means", ratio, 0, 0.75 if name == NAMES[0] else np.inf)
        yield Target(f"{name}: rank correlation", mean[f"{name}.rank_correlation_truth"], -np.inf, np.inf)
    yield Target("raw_mean: rank correlation", mean["mixed_model.rank_correlation_truth_raw_mean"], -np.inf, np.inf)
    gain = table["mixed_model.rank_correlation_truth"] - table["empirical_bayes.rank_correlation_truth"]
    yield Target("mixed_model - empirical_bayes: rank correlation", gain.mean(), 0, np.inf)
    yield Target("  its t statistic over the markets", float(ttest_1samp(gain, 0).statistic), -np.inf, np.inf)
    yield Target("mixed_model: 90% rank intervals cover", mean["mixed_model.rank_covered"], 0.84, 0.96)
    yield Target("mixed_model: 95% effect intervals cover", mean["mixed_model.effect_covered"], -np.inf, np.inf)
    yield Target("mixed_model: gain of its top tenth, stars", mean["mixed_model.decision_value_stars"], 0, np.inf)


def main() -> int:
    """Return the exit code: 0 if every target is met."""
    markets = int(sys.argv[1]) if len(sys.argv) > 1 else MARKETS
    run = partial(figures, markets=markets)
    met = [show(f"{markets} markets, preset {preset}", run(preset)) for preset in ("balanced", "confounded")]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
