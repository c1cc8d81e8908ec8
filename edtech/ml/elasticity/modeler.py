"""Training of the family `token_elasticity`: the effect of a price change on the quantity sold.

The own-price elasticity is the average over rows of d log E[quantity] / d log price of one unit, all else equal,
weighted by quantity or equally. All algorithms share this definition.
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
from edtech.ml.elasticity.algorithms import ALGORITHMS, FAMILY, VISITS, available_algorithms
from edtech.ml.elasticity.checks import FitEvidence, elasticity_checks, fold_elasticities
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.evaluation import error_metrics, per_period_metrics, permutation_importance, split_panel
from edtech.ml.elasticity.fitting.inference import half_width
from edtech.ml.elasticity.identification import Identification, identify
from edtech.ml.elasticity.panel import PanelArrays, original_labels, panel_arrays
from edtech.ml.elasticity.protocols import SubstitutionModel
from edtech.ml.elasticity.result import ElasticityResult
from edtech.tables.arrays import Floats
from edtech.tables.roles import Dates, PanelRoles, PricesSet, Weights
from edtech.tables.table_kinds import PANEL_CONTRACT, build_panel, roles_for

_NAIVE_NOTE = "Pooled log-log slope: it mixes the effect of prices with the reasons why they differ. Do not use it."

Fit = Callable[[pd.DataFrame], DemandEstimator]
"""Fits the algorithm on rows of a panel."""

_MAX_ROWS_FOR_FOLDS = 100_000
"""With more rows the elasticity by fold is skipped: it would take as long as the training itself."""


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
        values = {
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
        self.roles = cast(PanelRoles, roles_for(PANEL_CONTRACT.kind, values))

    @classmethod
    def from_roles(cls, roles: PanelRoles) -> "TokenPriceElasticityModeler":
        """Return a modeler for these roles."""
        modeler = cls()
        modeler.roles = roles
        return modeler

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

        The default is every algorithm whose inputs are available: `choice_logit` needs `visits`, with a row for each
        offer shown on a visit, `dml` needs covariates and `share_logit` a market. `params` holds hyperparameters by
        algorithm. Raises ParamsError for an unknown algorithm or value, ContractError for a panel that breaks its
        contract, and NotIdentifiedError if no elasticity can be estimated.
        """
        available = available_algorithms(self.roles, visits is not None)
        names = list(available if algorithms is None else dict.fromkeys(algorithms))
        if unknown := [name for name in dict.fromkeys([*names, *(params or {})]) if name not in ALGORITHMS]:
            raise ParamsError(
                "There is no such algorithm",
                expected=f"one of {', '.join(ALGORITHMS)}",
                actual=", ".join(map(repr, unknown)),
                where=f"family {FAMILY!r}",
                fix="choose from the list",
            )
        settings = {name: ALGORITHMS[name].validate_params((params or {}).get(name)) for name in names}
        rows = build_panel(panel, self.roles)
        results = {}
        for number, name in enumerate(names):
            if progress is not None:
                progress(number / len(names), f"Training {ALGORITHMS[name].title}")
            result = train(rows, self.roles, ALGORITHMS[name], settings[name], visits)
            results[name] = _with_original_labels(result, panel, self.roles)
        if progress is not None:
            progress(1.0, "Trained")
        return results


def _with_original_labels(result: ElasticityResult, panel: pd.DataFrame, roles: PanelRoles) -> ElasticityResult:
    by_segment, support = result.elasticity_by_segment, result.support
    return replace(
        result,
        elasticity_by_segment=by_segment.assign(segment=original_labels(by_segment["segment"], panel, roles.segment)),
        support=support.assign(unit=original_labels(support["unit"], panel, roles.unit)),
    )


def train(
    panel: pd.DataFrame, roles: PanelRoles, algorithm: Algorithm, params: Params, visits: pd.DataFrame | None = None
) -> ElasticityResult:
    """Train one algorithm on a validated panel: errors come from a holdout fit, all else from a fit of all rows."""
    started = time.perf_counter()
    fit = partial(_fit_algorithm, roles=roles, algorithm=algorithm, params=params, visits=visits)
    arrays, rows = panel_arrays(panel, roles), _rows_with_views(panel, roles)
    identification = identify(rows, arrays, roles)
    model = fit(rows, identification=identification)
    holdout = _fit_holdout(panel, roles, params.evaluation_share, fit)
    elasticity, by_segment = average_elasticity(model, rows, arrays, roles)
    naive, folds = naive_elasticity(arrays), _elasticity_by_fold(panel, roles, model, fit)
    holdout_elasticity = None if holdout.model is None else average_elasticity(holdout.model, rows, arrays, roles)[0]
    evidence = FitEvidence(
        params=params,
        model=model,
        roles=roles,
        training_rows=holdout.training_rows,
        arrays=arrays,
        identification=identification,
        elasticity=elasticity,
        holdout_elasticity=holdout_elasticity,
        folds=folds,
        evaluation=holdout.evaluation,
    )
    checks = elasticity_checks(evidence)
    metrics = {
        "price_elasticity_coefficient": elasticity.estimate,
        **_interval_metrics(elasticity),
        "naive_elasticity": naive.estimate,
        "rows_train": float(len(rows)),
        **_segment_metrics(model),
        **({} if identification.first_stage_f is None else {"first_stage_f": identification.first_stage_f}),
        **_evaluation_metrics(holdout, roles),
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
        identification=identification.kind,
        condition=identification.condition,
        naive=naive,
        support=price_support(rows, roles),
        metrics=metrics,
        evaluation=holdout.evaluation,
        importance=_importance(holdout, roles),
        split=holdout.split,
        notes=(*identification.notes, *holdout.notes),
        checks=checks,
        tables={} if folds.empty else {"elasticity_by_fold": folds},
    )


@dataclass(frozen=True, slots=True)
class _HoldoutFit:
    """A fit of the `training_rows` and its predictions of the held-out rows (`evaluation`).

    If the panel is too short, `model` is None and no row is held out. `split` describes the held-out rows.
    """

    model: DemandEstimator | None
    training_rows: pd.DataFrame
    held_out: pd.DataFrame
    evaluation: pd.DataFrame
    split: str
    notes: tuple[str, ...] = ()


def _fit_holdout(panel: pd.DataFrame, roles: PanelRoles, share: float, fit: Fit) -> _HoldoutFit:
    split = split_panel(panel, roles, share)
    if split.held_out is None:
        no_rows = panel.iloc[:0]
        note = f"Held-out errors are not measured: {split.description}."
        return _HoldoutFit(None, panel, no_rows, _evaluation_rows(no_rows, None, roles), split.description, (note,))
    held_out, training_rows = panel[split.held_out], panel[~split.held_out]
    model = fit(training_rows)
    return _HoldoutFit(model, training_rows, held_out, _evaluation_rows(held_out, model, roles), split.description)


def _elasticity_by_fold(panel: pd.DataFrame, roles: PanelRoles, model: DemandEstimator, fit: Fit) -> pd.DataFrame:
    """Return the elasticity by fold, without rows if refitting would take long."""
    rows = panel if model.refits_quickly and len(panel) <= _MAX_ROWS_FOR_FOLDS else panel.iloc[:0]
    return fold_elasticities(rows, roles, partial(_refit_elasticity, roles, fit))


def _rows_with_views(panel: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    return panel if roles.views is None else panel[panel[roles.views] > 0]


def _refit_elasticity(roles: PanelRoles, fit: Fit, rows: pd.DataFrame) -> Estimate:
    return average_elasticity(fit(rows), _rows_with_views(rows, roles), panel_arrays(rows, roles), roles)[0]


def _fit_algorithm(
    panel: pd.DataFrame,
    *,
    roles: PanelRoles,
    algorithm: Algorithm,
    params: Params,
    visits: pd.DataFrame | None,
    identification: Identification | None = None,
) -> DemandEstimator:
    model: DemandEstimator = algorithm.new_estimator(params, columns=roles.model_dump())
    extra = {"visits": visits} if algorithm.needs == VISITS else {}
    return model.fit(panel.drop(columns=roles.quantity), panel[roles.quantity], identification, **extra)


def average_elasticity(
    model: DemandEstimator, panel: pd.DataFrame, arrays: PanelArrays, roles: PanelRoles
) -> tuple[Estimate, pd.DataFrame]:
    """Return the average own-price elasticity over the panel's rows, and by segment.

    The interval is that of the slopes, clustered by unit, at the fitted values.
    """
    weights = arrays.quantity if roles.weights == "quantity" else np.ones_like(arrays.quantity)
    panel = model.with_category_codes(panel)
    rows, covariance = model.elasticities(panel), model.slope_covariance_
    terms = None if covariance is None else model.elasticity_terms(panel)

    def average(row_weights: Floats) -> Estimate:
        estimate = float(np.average(rows, weights=row_weights))
        if terms is None or covariance is None:
            return Estimate(estimate, note=model.interval_note)
        half = half_width(np.average(terms, axis=0, weights=row_weights), covariance, model.slope_degrees_of_freedom_)
        return Estimate(estimate, estimate - half, estimate + half, model.interval_note)

    segments = []
    for code, name in enumerate(arrays.segments):
        inside = weights * (arrays.segment == code)
        if inside.sum() > 0:
            elasticity = average(inside)
            segments.append((str(name), elasticity.estimate, elasticity.low, elasticity.high))
    table = pd.DataFrame(segments, columns=["segment", "estimate", "low", "high"])
    return _require_finite(average(weights)), table.astype({"estimate": float, "low": float, "high": float})


def _segment_metrics(model: DemandEstimator) -> dict[str, float]:
    """Return the elasticity if all prices of a segment change together, of a model of substitution."""
    return {"segment_elasticity": model.segment_elasticity_} if isinstance(model, SubstitutionModel) else {}


def _require_finite(estimate: Estimate) -> Estimate:
    if np.isfinite(estimate.estimate):
        return estimate
    raise ModelError(
        "The elasticity is not a finite number",
        expected="a finite slope",
        actual=str(estimate.estimate),
        fix="use one slope for all segments, or a panel with more sales",
    )


def naive_elasticity(arrays: PanelArrays) -> Estimate:
    """Return the slope of log quantity on log price over all rows, ignoring units, periods and how prices were set.

    If some rows have no sales, it uses log(1 + quantity).
    """
    quantity = np.log(arrays.quantity) if arrays.quantity.min() > 0 else np.log1p(arrays.quantity)
    return Estimate(float(np.polyfit(np.log(arrays.price), quantity, 1)[0]), note=_NAIVE_NOTE)


def price_support(panel: pd.DataFrame, roles: PanelRoles) -> pd.DataFrame:
    """Return the lowest and highest price of each unit, over all rows and over randomized rows.

    Columns: unit, low, high, randomized_low, randomized_high. Without units, all rows share the panel's range.
    """
    unit = panel[roles.unit].astype(str) if roles.unit is not None else pd.Series("all", index=panel.index)
    prices = panel[roles.price].astype(float)
    table = prices.groupby(unit).agg(low="min", high="max")
    if roles.randomized_discount is not None:
        randomized = panel[roles.randomized_flag].astype(bool) if roles.randomized_flag else slice(None)
        randomized_prices = (
            prices[randomized].groupby(unit[randomized]).agg(randomized_low="min", randomized_high="max")
        )
        table = table.join(randomized_prices)
    elif roles.prices_set == "experiment":
        table = table.assign(randomized_low=table["low"], randomized_high=table["high"])
    else:
        table = table.assign(randomized_low=np.nan, randomized_high=np.nan)
    support: pd.DataFrame = table.rename_axis("unit").reset_index()
    return support


def _interval_metrics(elasticity: Estimate) -> dict[str, float]:
    if elasticity.low is None or elasticity.high is None:
        return {}
    return {"price_elasticity_low": elasticity.low, "price_elasticity_high": elasticity.high}


def _evaluation_rows(held_out: pd.DataFrame, model: DemandEstimator | None, roles: PanelRoles) -> pd.DataFrame:
    columns = {"period": roles.period, "unit": roles.unit, "segment": roles.segment, "price": roles.price}
    frame = pd.DataFrame({name: held_out[column] for name, column in columns.items() if column is not None})
    if roles.views is not None:
        frame["views"] = held_out[roles.views]
    frame["actual"] = held_out[roles.quantity].astype(float)
    frame["predicted"] = np.nan if model is None else model.predict(held_out)
    return frame.reset_index(drop=True)


def _evaluation_metrics(holdout: _HoldoutFit, roles: PanelRoles) -> dict[str, float]:
    held_out, rows = holdout.held_out, {"rows_evaluation": float(len(holdout.held_out))}
    if holdout.evaluation.empty:
        return rows
    actual, predicted = holdout.evaluation["actual"].to_numpy(), holdout.evaluation["predicted"].to_numpy()
    planned = per_period_metrics(held_out, roles, predicted)
    return {
        **rows,
        **error_metrics(actual, predicted),
        **per_period_metrics(held_out, roles, actual),
        **{f"{name}_predicted": value for name, value in planned.items()},
    }


def _importance(holdout: _HoldoutFit, roles: PanelRoles) -> pd.DataFrame:
    if holdout.model is not None:
        return permutation_importance(holdout.model, holdout.held_out, roles)
    return pd.DataFrame({"feature": pd.Series(dtype=str), "importance": pd.Series(dtype=float)})
