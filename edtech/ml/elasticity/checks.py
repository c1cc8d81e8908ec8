"""The checks of one training of `token_elasticity`: what to look at before the elasticity is used.

Each check has a title, the numbers behind it, and what to do. Agreement between algorithms is checked in `diagnostics`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic.fields import FieldInfo
from scipy import stats
from sklearn.metrics import mean_poisson_deviance

from edtech.data.quality.checks import Check, grade
from edtech.errors import ModelError
from edtech.ml.base import Estimate, Params, field_bounds
from edtech.ml.elasticity.description import IDENTIFICATION, interval_text
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.fitting.fixed_effects import views_elasticity, views_react
from edtech.ml.elasticity.fitting.inference import STRONG_F
from edtech.ml.elasticity.fitting.share_logit import MAX_UNSOLD_SHARE, REVIEW_UNSOLD_SHARE
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays
from edtech.ml.elasticity.result import UNSOLD_CHECK, supports_recommendation
from edtech.tables.arrays import Floats
from edtech.tables.roles import PanelRoles

FOLDS = 3
FOLD_COLUMNS = ("fold", "estimate", "low", "high")
_MIN_FOLD_PERIODS = 4
"""With fewer periods, period effects absorb most of the variation."""
_REVIEW_PRICE_RANGE, _MIN_PRICE_RANGE = 0.05, 0.01
_MAX_CHANGE = 0.25
_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class FitEvidence:
    """What the checks of a training are computed from.

    `arrays` are the training rows of the final fit. The holdout fit is on `training_rows`: `holdout_elasticity` is its
    elasticity and `evaluation` its predictions of the held-out rows. `folds` has the elasticity of consecutive parts of
    the time (`FOLD_COLUMNS`), or no rows.
    """

    params: Params
    model: DemandEstimator
    roles: PanelRoles
    training_rows: pd.DataFrame
    arrays: PanelArrays
    identification: Identification
    elasticity: Estimate
    holdout_elasticity: Estimate | None
    folds: pd.DataFrame
    evaluation: pd.DataFrame


def elasticity_checks(fit: FitEvidence) -> tuple[Check, ...]:
    """Return every check that applies to this training."""
    checks: tuple[Callable[[FitEvidence], Check | None], ...] = (
        check_convergence,
        check_identification,
        check_sign,
        check_first_stage,
        check_price_range,
        check_unsold_rows,
        check_views_reaction,
        check_stability,
        check_baseline,
        check_params_on_edge,
    )
    return tuple(check for run_check in checks if (check := run_check(fit)) is not None)


def fold_elasticities(
    panel: pd.DataFrame, roles: PanelRoles, estimate: Callable[[pd.DataFrame], Estimate]
) -> pd.DataFrame:
    """Return the elasticity of consecutive parts of the time, `FOLD_COLUMNS`; NaN for a part that cannot be fitted.

    Without enough periods, no rows.
    """
    periods = np.empty(0) if roles.period is None else np.sort(panel[roles.period].unique())
    rows = []
    for fold in np.array_split(periods, FOLDS) if periods.size >= FOLDS * _MIN_FOLD_PERIODS else []:
        name = f"{pd.Series(fold).iloc[0]} to {pd.Series(fold).iloc[-1]}"
        try:
            elasticity = estimate(panel[panel[roles.period].isin(fold)])
        except ModelError:
            elasticity = Estimate(np.nan)
        rows.append((name, elasticity.estimate, elasticity.low, elasticity.high))
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS)).astype(dict.fromkeys(FOLD_COLUMNS[1:], float))


def check_convergence(fit: FitEvidence) -> Check | None:
    """Check that the fit converged well before its maximum of iterations; a fit that does not converge is an error."""
    used, most = getattr(fit.model, "iterations_", None), getattr(fit.params, "max_iterations", None)
    if used is None or most is None:
        return None
    return grade(
        "convergence",
        "Convergence",
        review=used > 0.8 * most,
        evidence=f"converged after {used} of at most {most} iterations",
        fix="raise the maximum of iterations, or use one slope for all segments",
    )


def check_identification(fit: FitEvidence) -> Check:
    """Check that the identification supports recommended prices."""
    return grade(
        "identification",
        "Can price elasticity be estimated?",
        review=not supports_recommendation(fit.identification.kind, fit.roles),
        evidence=f"{IDENTIFICATION[fit.identification.kind]}; valid if {fit.identification.condition}",
        fix="no price is recommended from this run; the Pricing page names a test that would identify the effect",
    )


def check_sign(fit: FitEvidence) -> Check:
    """Check that demand falls with the price, and that the interval excludes 0."""
    elasticity = fit.elasticity
    return grade(
        "elasticity_sign",
        "Demand falls as the price rises",
        fail=elasticity.estimate > 0,
        review=elasticity.high is not None and elasticity.high >= 0,
        evidence=f"elasticity {elasticity.estimate:.2f}, {interval_text(elasticity.low, elasticity.high)}",
        fix="prices may follow demand, or vary too little: randomize some discounts before you act on this",
    )


def check_first_stage(fit: FitEvidence) -> Check | None:
    """Check that the randomized discount or the instruments are strong."""
    strength = fit.identification.first_stage_f
    if strength is None:
        return None
    return grade(
        "first_stage",
        "Instrument strength",
        fail=strength < STRONG_F,
        evidence=f"effective first-stage F {strength:.1f}; below {STRONG_F:g} discounts and instruments are not used",
        fix="randomize deeper or more discounts, or name stronger instruments",
    )


def check_price_range(fit: FitEvidence) -> Check:
    """Check that the prices of a unit vary enough to estimate the effect of a change."""
    arrays = fit.arrays
    prices = pd.Series(arrays.price).groupby(arrays.group)
    ranges = (prices.max() / prices.min() - 1).to_numpy()
    revenue = np.bincount(arrays.group, weights=arrays.price * arrays.quantity)
    constant = float(revenue[ranges < _MIN_PRICE_RANGE].sum() / revenue.sum())
    median = float(np.median(ranges))
    return grade(
        "price_support",
        "Price variation",
        fail=constant > 0.5,
        review=median < _REVIEW_PRICE_RANGE or constant > 0.2,
        evidence=f"the median unit's highest price is {median:.0%} above its lowest; {constant:.0%} of revenue comes "
        "from units with a constant price",
        fix="forecasts of larger changes extrapolate: vary more prices, and over a wider range",
    )


def check_unsold_rows(fit: FitEvidence) -> Check | None:
    """Check that an estimator of log shares drops few rows, those without sales."""
    unsold = getattr(fit.model, "unsold_share_", None)
    if unsold is None:
        return None
    return grade(
        UNSOLD_CHECK,
        "Rows without sales",
        fail=unsold > MAX_UNSOLD_SHARE,
        review=unsold > REVIEW_UNSOLD_SHARE,
        evidence=f"{unsold:.1%} of the rows have no sales and are dropped, which biases the elasticity towards 0",
        fix="use longer periods or larger markets, leave out units that rarely sell, or train fixed_effects",
    )


def check_views_reaction(fit: FitEvidence) -> Check | None:
    """Check that views do not react to the price: else the elasticity at constant views is not the whole effect."""
    elasticity = getattr(fit.model, "views_elasticity_", None)
    if elasticity is None:
        elasticity = views_elasticity(fit.arrays, fit.identification.first_stage)
    if elasticity is None:
        return None
    included = getattr(fit.model, "views_react_", False)
    return grade(
        "views_react",
        "Views do not depend on the price",
        review=views_react(elasticity),
        evidence=f"a 1% price increase changes views by {elasticity[0]:+.2f}% "
        f"({interval_text(elasticity[1], elasticity[2])}); this is {'in' if included else 'not in'} the elasticity",
        fix="nothing, if only the price changes views"
        if included
        else "train fixed_effects, which includes this effect, or train without the column of views",
    )


def check_stability(fit: FitEvidence) -> Check | None:
    """Check that parts of the time have the same elasticity."""
    folds = fit.folds
    if folds.empty:
        return _check_holdout_stability(fit)
    estimates, overall = folds["estimate"].to_numpy(), abs(fit.elasticity.estimate)
    texts = ", ".join("not fitted" if np.isnan(estimate) else f"{estimate:.2f}" for estimate in estimates)
    evidence = f"by thirds of the time: {texts}"
    errors = ((folds["high"] - folds["low"]) / (2 * 1.96)).to_numpy()
    if np.isnan(estimates).any():
        unstable = True
    elif np.isnan(errors).any() or not (errors > 0).all():
        unstable = np.ptp(estimates) > 2 * _MAX_CHANGE * overall
    else:
        weights = errors**-2.0
        excess = float(weights @ (estimates - np.average(estimates, weights=weights)) ** 2)
        p_value = float(stats.chi2.sf(excess, estimates.size - 1))
        unstable, evidence = p_value < _ALPHA, f"{evidence}; test of equality p = {p_value:.3f}"
    return grade(
        "stability",
        "Stability over time",
        review=bool(unstable),
        evidence=evidence,
        fix="train on the later part only, or find what changed in between",
    )


def _check_holdout_stability(fit: FitEvidence) -> Check | None:
    if fit.holdout_elasticity is None:
        return None
    overall, holdout = fit.elasticity.estimate, fit.holdout_elasticity.estimate
    return grade(
        "stability",
        "Stability without the held-out rows",
        review=abs(holdout - overall) > _MAX_CHANGE * abs(overall),
        evidence=f"elasticity {holdout:.2f} without the held-out rows, {overall:.2f} with them",
        fix="find how these rows differ, or add more of them",
    )


def check_baseline(fit: FitEvidence) -> Check | None:
    """Check that held-out rows are predicted better than by training means: each unit's own if the rows are later.

    It never fails: if prices follow demand, a correct causal model predicts levels less well than the mean.
    """
    rows = fit.evaluation
    if rows.empty or not np.isfinite(rows["predicted"]).all():
        return None
    actual, means = rows["actual"].to_numpy(), _unit_means(fit)
    model, baseline = (
        mean_poisson_deviance(actual, np.maximum(predicted, 1e-9)) for predicted in (rows["predicted"], means)
    )
    return grade(
        "baseline",
        _baseline_title(fit.roles),
        review=model > baseline,
        evidence=f"held-out Poisson deviance {model:.3f}, of the mean {baseline:.3f}",
        fix="do not rely on this model's levels; its elasticity may still be valid",
    )


def _baseline_title(roles: PanelRoles) -> str:
    if roles.period is not None:
        whose = "the" if roles.unit is None else "each unit's"
        return f"Later periods are predicted better than by {whose} mean"
    return f"Held-out {'offers' if roles.unit is None else 'units'} are predicted better than by the mean of the others"


def _unit_means(fit: FitEvidence) -> Floats:
    """Return the predictions (e,) of held-out rows by each unit's mean training rate, with one sale added."""
    roles, training, rows = fit.roles, fit.training_rows, fit.evaluation
    exposure = pd.Series(1.0, index=training.index) if roles.views is None else training[roles.views]
    overall_rate = training[roles.quantity].sum() / exposure.sum()
    later = rows["views"].to_numpy(dtype=float) if "views" in rows else np.ones(len(rows))
    if roles.unit is None:
        return np.asarray(later * overall_rate)
    sold, views = (column.groupby(training[roles.unit]).sum() for column in (training[roles.quantity], exposure))
    unit_rate = (sold + 1) / (views + 1 / overall_rate)
    return np.asarray(later * rows["unit"].map(unit_rate).fillna(overall_rate).to_numpy())


def check_params_on_edge(fit: FitEvidence) -> Check:
    """Check that no hyperparameter lies at a bound of its range, beyond which the optimum may lie."""
    fields = type(fit.params).model_fields
    at_bound = [name for name, info in fields.items() if _on_edge(info, getattr(fit.params, name))]
    return grade(
        "params_on_edge",
        "No hyperparameter is at a bound",
        review=bool(at_bound),
        evidence=", ".join(f"{name} = {getattr(fit.params, name)}" for name in at_bound)
        or "all inside their ranges, or at their defaults",
        fix="try values on the other side, or justify this value",
    )


def _on_edge(info: FieldInfo, value: object) -> bool:
    return value in (field_bounds(info) or ()) and value != info.default
