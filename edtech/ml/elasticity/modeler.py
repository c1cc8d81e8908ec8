"""The family `token_elasticity`: what a price change does to the quantity sold, and why that can be known.

Own-price elasticity: the average over rows of d log E[quantity] / d log price of one unit, everything else fixed,
weighted by quantity or equally. Every algorithm is read through this one definition.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
import pandas as pd

from edtech.errors import ModelError, ParamsError
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm, Estimate, Params
from edtech.ml.elasticity.algorithms import ALGORITHMS, FAMILY, VISITS, fitting
from edtech.ml.elasticity.checks import Evidence, elasticity_checks, fold_elasticities
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.evaluation import errors, per_period, permutation_importance, split_panel
from edtech.ml.elasticity.fitting.inference import half_width
from edtech.ml.elasticity.identification import Identification, identify
from edtech.ml.elasticity.panel import PanelArrays, as_named, panel_arrays
from edtech.ml.elasticity.result import ElasticityResult
from edtech.tables.arrays import Floats
from edtech.tables.families import roles_for
from edtech.tables.panel import PANEL_CONTRACT, build_panel
from edtech.tables.roles import Dates, PanelRoles, PricesSet, Weights

_NAIVE_NOTE = "Pooled log-log slope: it mixes what prices do with why they differ. A warning, not an answer."

Fit = Callable[[pd.DataFrame], DemandEstimator]
"""Fits the chosen algorithm on rows of a panel."""

_MOST_ROWS_IN_FOLDS = 100_000
"""On more rows parts of the time are not fitted apart: it would take as long as the training itself."""


class TokenPriceElasticityModeler:
    """Trains the algorithms of the family on a demand panel; the defaults are the columns of `course_weeks`.

    Parameters are the panel's columns by their role, see `PanelRoles`. `randomized_discount` and `randomized_flag`
    are not assumed: name them ("discount_pct", "promo_randomized") where the panel has them. Raises ContractError for
    a value that a role cannot have.
    """

    def __init__(
        self,
        unit: str | None = "course_id",
        period: str | None = "week",
        price: str = "token_price",
        quantity: str = "enrollments",
        segment: str | None = "category",
        views: str | None = "views",
        randomized_discount: str | None = None,
        randomized_flag: str | None = None,
        instruments: Iterable[str] = (),
        controls: Iterable[str] = (),
        market: str | None = None,
        market_size: str | None = None,
        prices_set: PricesSet = "unknown",
        weights: Weights = "quantity",
        dates: Dates = "clear",
    ) -> None:
        chosen = {
            "unit": unit,
            "period": period,
            "price": price,
            "quantity": quantity,
            "segment": segment,
            "views": views,
            "randomized_discount": randomized_discount,
            "randomized_flag": randomized_flag,
            "instruments": tuple(instruments),
            "controls": tuple(controls),
            "market": market,
            "market_size": market_size,
            "prices_set": prices_set,
            "weights": weights,
            "dates": dates,
        }
        self.roles = cast(PanelRoles, roles_for(PANEL_CONTRACT.kind, chosen))

    @classmethod
    def from_roles(cls, roles: PanelRoles) -> "TokenPriceElasticityModeler":
        """Return a modeler for these roles."""
        found = cls()
        found.roles = roles
        return found

    def compare_models(
        self,
        panel: pd.DataFrame,
        algorithms: Iterable[str] | None = None,
        *,
        visits: pd.DataFrame | None = None,
        params: Mapping[str, Mapping[str, Any]] | None = None,
        progress: Progress | None = None,
    ) -> dict[str, ElasticityResult]:
        """Train the named algorithms on one panel and return name -> result.

        By default those that have what they need: `choice_logit` needs `visits`, a row for each offer seen on a visit,
        `dml` covariates, `share_logit` a market. `params` holds hyperparameters by algorithm. Raises ParamsError for an
        unknown algorithm or value, ContractError for a panel that breaks its contract, NotIdentifiedError where no
        elasticity can be learned.
        """
        fit = fitting(self.roles, visits is not None)
        chosen = list(fit if algorithms is None else dict.fromkeys(algorithms))
        if unknown := [name for name in dict.fromkeys([*chosen, *(params or {})]) if name not in ALGORITHMS]:
            raise ParamsError(
                "There is no such algorithm",
                expected=f"one of {', '.join(ALGORITHMS)}",
                found=", ".join(map(repr, unknown)),
                where=f"family {FAMILY!r}",
                fix="choose from the list",
            )
        settings = {name: ALGORITHMS[name].validate_params((params or {}).get(name)) for name in chosen}
        rows = build_panel(panel, self.roles)
        results = {}
        for number, name in enumerate(chosen):
            if progress is not None:
                progress(number / len(chosen), f"Training {ALGORITHMS[name].title}")
            found = train(rows, self.roles, ALGORITHMS[name], settings[name], visits)
            results[name] = _in_own_names(found, panel, self.roles)
        if progress is not None:
            progress(1.0, "Trained")
        return results


def _in_own_names(result: ElasticityResult, panel: pd.DataFrame, roles: PanelRoles) -> ElasticityResult:
    by_segment, support = result.elasticity_by_segment, result.support
    return replace(
        result,
        elasticity_by_segment=by_segment.assign(segment=as_named(by_segment["segment"], panel, roles.segment)),
        support=support.assign(unit=as_named(support["unit"], panel, roles.unit)),
    )


def train(
    panel: pd.DataFrame, roles: PanelRoles, algorithm: Algorithm, params: Params, visits: pd.DataFrame | None = None
) -> ElasticityResult:
    """Train one algorithm on a validated panel: errors from a fit without some rows, all else from the whole."""
    started = time.perf_counter()
    fit = partial(_fit, roles=roles, algorithm=algorithm, params=params, visits=visits)
    arrays, rows = panel_arrays(panel, roles), _seen(panel, roles)
    ground = identify(rows, arrays, roles)
    model = fit(rows, ground=ground)
    trial = _trial(panel, roles, params.evaluation_share, fit)
    elasticity, by_segment = read_elasticity(model, rows, arrays, roles)
    naive, folds = naive_elasticity(arrays), _folds(panel, roles, model, fit)
    before = None if trial.early is None else read_elasticity(trial.early, rows, arrays, roles)[0]
    evidence = Evidence(params, model, roles, trial.known, arrays, ground, elasticity, before, folds, trial.evaluation)
    checks = elasticity_checks(evidence)
    metrics = {
        "price_elasticity_coefficient": elasticity.estimate,
        **_bounds(elasticity),
        "naive_elasticity": naive.estimate,
        "rows_train": float(len(rows)),
        **_segment_wide(model),
        **({} if ground.first_stage_f is None else {"first_stage_f": ground.first_stage_f}),
        **_evaluation_metrics(trial, roles),
        "fit_seconds": time.perf_counter() - started,
    }
    return ElasticityResult(
        family=FAMILY,
        algorithm=algorithm.name,
        params=params,
        model=model,
        roles=roles,
        elasticity=elasticity,
        elasticity_by_segment=by_segment,
        identification=ground.kind,
        condition=ground.condition,
        naive=naive,
        support=price_support(rows, roles),
        metrics=metrics,
        evaluation=trial.evaluation,
        importance=_importance(trial, roles),
        split=trial.split,
        notes=(*ground.notes, *trial.notes),
        checks=checks,
        tables={} if folds.empty else {"elasticity_by_fold": folds},
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """A fit of the `known` rows, and what it said of those held back; none of both where the panel is too short.

    `split` says in words which were held back, `evaluation` what came of them and what was predicted.
    """

    early: DemandEstimator | None
    known: pd.DataFrame
    held_back: pd.DataFrame
    evaluation: pd.DataFrame
    split: str
    notes: tuple[str, ...] = ()


def _trial(panel: pd.DataFrame, roles: PanelRoles, share: float, fit: Fit) -> _Trial:
    split = split_panel(panel, roles, share)
    if split.held_back is None:
        nothing = panel.iloc[:0]
        note = f"Errors on rows held back are not measured: {split.words}."
        return _Trial(None, panel, nothing, _evaluation_rows(nothing, None, roles), split.words, (note,))
    held_back, known = panel[split.held_back], panel[~split.held_back]
    early = fit(known)
    return _Trial(early, known, held_back, _evaluation_rows(held_back, early, roles), split.words)


def _folds(panel: pd.DataFrame, roles: PanelRoles, model: DemandEstimator, fit: Fit) -> pd.DataFrame:
    """Return the elasticity of parts of the time, no rows where fitting them would take long."""
    parted = panel if model.refits_quickly and len(panel) <= _MOST_ROWS_IN_FOLDS else panel.iloc[:0]
    return fold_elasticities(parted, roles, partial(_refitted, roles, fit))


def _seen(panel: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    return panel if roles.views is None else panel[panel[roles.views] > 0]


def _refitted(roles: PanelRoles, fit: Fit, part: pd.DataFrame) -> Estimate:
    return read_elasticity(fit(part), _seen(part, roles), panel_arrays(part, roles), roles)[0]


def _fit(
    panel: pd.DataFrame,
    *,
    roles: PanelRoles,
    algorithm: Algorithm,
    params: Params,
    visits: pd.DataFrame | None,
    ground: Identification | None = None,
) -> DemandEstimator:
    model: DemandEstimator = algorithm.estimator(columns=roles.model_dump(), **params.estimator_arguments())
    more = {"visits": visits} if algorithm.needs == VISITS else {}
    return model.fit(panel.drop(columns=roles.quantity), panel[roles.quantity], ground, **more)


def read_elasticity(
    model: DemandEstimator, panel: pd.DataFrame, arrays: PanelArrays, roles: PanelRoles
) -> tuple[Estimate, pd.DataFrame]:
    """Return the average own-price elasticity over the panel's rows, and the same for each segment.

    The interval is that of the slopes, clustered by unit, at the fitted probabilities.
    """
    weights = arrays.quantity if roles.weights == "quantity" else np.ones_like(arrays.quantity)
    panel = model.encoded(panel)
    rows, covariance = model.elasticities(panel), model.slope_covariance_
    terms = None if covariance is None else model.elasticity_terms(panel)

    def read(where: Floats) -> Estimate:
        found = float(np.average(rows, weights=where))
        if terms is None or covariance is None:
            return Estimate(found, note=model.interval_note)
        half = half_width(np.average(terms, axis=0, weights=where), covariance, model.slope_freedom_)
        return Estimate(found, found - half, found + half, model.interval_note)

    segments = []
    for code, name in enumerate(arrays.segments):
        inside = weights * (arrays.segment == code)
        if inside.sum() > 0:
            found = read(inside)
            segments.append((str(name), found.estimate, found.low, found.high))
    table = pd.DataFrame(segments, columns=["segment", "estimate", "low", "high"])
    return _finite(read(weights)), table.astype({"estimate": float, "low": float, "high": float})


def _segment_wide(model: DemandEstimator) -> dict[str, float]:
    """Elasticity where all prices of a segment move together, of a model that knows substitution."""
    found = getattr(model, "segment_elasticity_", None)
    return {} if found is None else {"segment_elasticity": found}


def _finite(estimate: Estimate) -> Estimate:
    if np.isfinite(estimate.estimate):
        return estimate
    raise ModelError(
        "The elasticity is not a finite number",
        expected="a finite slope",
        found=str(estimate.estimate),
        fix="use one slope for all segments, or a panel with more sales",
    )


def naive_elasticity(arrays: PanelArrays) -> Estimate:
    """Slope of log quantity on log price over all rows, ignoring units, periods and how prices were set.

    Where some rows sold nothing, log(1 + quantity), as it is usually done.
    """
    quantity = np.log(arrays.quantity) if arrays.quantity.min() > 0 else np.log1p(arrays.quantity)
    return Estimate(float(np.polyfit(np.log(arrays.price), quantity, 1)[0]), note=_NAIVE_NOTE)


def price_support(panel: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """Return the lowest and highest price of each unit, over all rows and over randomized ones.

    Columns: unit, low, high, randomized_low, randomized_high. Rows that are offers of their own share the panel's
    range.
    """
    unit = panel[roles.unit].astype(str) if roles.unit is not None else pd.Series("all", index=panel.index)
    prices = panel[roles.price].astype(float)
    table = prices.groupby(unit).agg(low="min", high="max")
    if roles.randomized_discount is not None:
        drawn = panel[roles.randomized_flag].astype(bool) if roles.randomized_flag else slice(None)
        random = prices[drawn].groupby(unit[drawn]).agg(randomized_low="min", randomized_high="max")
        table = table.join(random)
    elif roles.prices_set == "experiment":
        table = table.assign(randomized_low=table["low"], randomized_high=table["high"])
    else:
        table = table.assign(randomized_low=np.nan, randomized_high=np.nan)
    support: pd.DataFrame = table.rename_axis("unit").reset_index()
    return support


def _bounds(elasticity: Estimate) -> dict[str, float]:
    if elasticity.low is None or elasticity.high is None:
        return {}
    return {"price_elasticity_low": elasticity.low, "price_elasticity_high": elasticity.high}


def _evaluation_rows(held_back: pd.DataFrame, early: DemandEstimator | None, roles: PanelRoles) -> pd.DataFrame:
    named = {"period": roles.period, "unit": roles.unit, "segment": roles.segment, "price": roles.price}
    frame = pd.DataFrame({name: held_back[column] for name, column in named.items() if column is not None})
    if roles.views is not None:
        frame["views"] = held_back[roles.views]
    frame["actual"] = held_back[roles.quantity].astype(float)
    frame["predicted"] = np.nan if early is None else early.predict(held_back)
    return frame.reset_index(drop=True)


def _evaluation_metrics(trial: _Trial, roles: PanelRoles) -> dict[str, float]:
    held_back, rows = trial.held_back, {"rows_evaluation": float(len(trial.held_back))}
    if trial.evaluation.empty:
        return rows
    actual, predicted = trial.evaluation["actual"].to_numpy(), trial.evaluation["predicted"].to_numpy()
    planned = per_period(held_back, roles, predicted)
    return {
        **rows,
        **errors(actual, predicted),
        **per_period(held_back, roles, actual),
        **{f"{name}_predicted": value for name, value in planned.items()},
    }


def _importance(trial: _Trial, roles: PanelRoles) -> pd.DataFrame:
    if trial.early is not None:
        return permutation_importance(trial.early, trial.held_back, roles)
    return pd.DataFrame({"feature": pd.Series(dtype=str), "importance": pd.Series(dtype=float)})
