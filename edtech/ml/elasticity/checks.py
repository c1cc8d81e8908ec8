"""What should be looked at before an elasticity is believed: the checks of one training.

Each says what was looked at, the numbers behind it, and what to do. Whether algorithms agree is asked where several
runs are at hand.
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
from edtech.ml.elasticity.description import IDENTIFICATION
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.fitting.fixed_effects import views_elasticity, views_react
from edtech.ml.elasticity.fitting.inference import STRONG_F
from edtech.ml.elasticity.fitting.share_logit import MAX_UNSOLD_SHARE, REVIEW_UNSOLD_SHARE
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays
from edtech.ml.elasticity.result import UNSOLD_CHECK, supports_recommendation
from edtech.tables.roles import PanelRoles

FOLDS = 3
FOLD_COLUMNS = ("fold", "estimate", "low", "high")
_FEWEST_PERIODS = 4
"""Of a fold; with fewer, period effects leave little."""
_SMALL_RANGE, _LEAST_RANGE = 0.05, 0.01
_UNSTABLE = 0.25
_ALPHA = 0.01


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a training leaves to be checked.

    `arrays` are the rows trained on; `known` those of the early fit, `evaluation` those held back from it, with actual
    and predicted; `early` is its elasticity, `folds` that of consecutive parts of the time (`FOLD_COLUMNS`), if any.
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


def elasticity_checks(evidence: Evidence) -> tuple[Check, ...]:
    """Return every check that applies to this training."""
    checks: tuple[Callable[[Evidence], Check | None], ...] = (
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
    return tuple(check for run_check in checks if (check := run_check(evidence)) is not None)


def fold_elasticities(panel: pd.DataFrame, roles: PanelRoles, estimate: Callable[[pd.DataFrame], Estimate]) -> pd.DataFrame:
    """Return the elasticity of consecutive parts of the time, `FOLD_COLUMNS`; a part that cannot be fitted has NaN.

    Without enough periods, no rows.
    """
    periods = np.empty(0) if roles.period is None else np.sort(panel[roles.period].unique())
    rows = []
    for part in np.array_split(periods, FOLDS) if periods.size >= FOLDS * _FEWEST_PERIODS else []:
        name = f"{pd.Series(part).iloc[0]} to {pd.Series(part).iloc[-1]}"
        try:
            found = estimate(panel[panel[roles.period].isin(part)])
        except ModelError:
            found = Estimate(np.nan)
        rows.append((name, found.estimate, found.low, found.high))
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS)).astype(dict.fromkeys(FOLD_COLUMNS[1:], float))


def check_convergence(found: Evidence) -> Check | None:
    """Whether the iterations settled well before they ran out; a fit that did not settle is an error."""
    used, most = getattr(found.model, "iterations_", None), getattr(found.params, "max_iterations", None)
    if used is None or most is None:
        return None
    return grade(
        "convergence",
        "The fit settled",
        review=used > 0.8 * most,
        evidence=f"after {used} of at most {most} iterations",
        fix="allow more iterations, or use one slope for all segments",
    )


def check_identification(found: Evidence) -> Check:
    """Whether prices may be recommended on the ground that these data give."""
    return grade(
        "identification",
        "The price effect can be told from what else moves demand",
        review=not supports_recommendation(found.identification.kind, found.roles),
        evidence=f"it is {IDENTIFICATION[found.identification.kind]}, and holds if {found.identification.condition}",
        fix="no price is recommended from this run; an answer on Pricing names the test that would tell",
    )


def check_sign(found: Evidence) -> Check:
    """Whether demand falls with the price, and is known to."""
    one = found.elasticity
    known = f", 95 % interval {one.low:.2f} to {one.high:.2f}" if one.low is not None else ", no honest interval"
    return grade(
        "elasticity_sign",
        "Demand falls with the price",
        fail=one.estimate > 0,
        review=one.high is not None and one.high >= 0,
        evidence=f"elasticity {one.estimate:.2f}{known}",
        fix="prices may have followed demand, or moved too little: randomize some discounts before acting on this",
    )


def check_first_stage(found: Evidence) -> Check | None:
    """Whether the randomized discount or the instruments move the price enough to be used."""
    strength = found.identification.first_stage_f
    if strength is None:
        return None
    return grade(
        "first_stage",
        "Randomized discounts or instruments move the price",
        fail=strength < STRONG_F,
        evidence=f"effective F {strength:.1f}; {STRONG_F:g} is needed, below it they are not used",
        fix="randomize deeper or more discounts, or name stronger instruments",
    )


def check_price_range(found: Evidence) -> Check:
    """Whether units were seen at prices far enough apart to tell what a change does."""
    arrays = found.arrays
    prices = pd.Series(arrays.price).groupby(arrays.group)
    spread = (prices.max() / prices.min() - 1).to_numpy()
    sold = np.bincount(arrays.group, weights=arrays.price * arrays.quantity)
    fixed = float(sold[spread < _LEAST_RANGE].sum() / sold.sum())
    middle = float(np.median(spread))
    return grade(
        "price_support",
        "Prices moved enough",
        fail=fixed > 0.5,
        review=middle < _SMALL_RANGE or fixed > 0.2,
        evidence=f"the middle unit's highest price is {middle:.0%} above its lowest; {fixed:.0%} of revenue is of "
        "units whose price never moved",
        fix="answers for larger changes extrapolate: vary more prices, and further",
    )


def check_unsold_rows(found: Evidence) -> Check | None:
    """Whether an estimator of log shares had to leave out many rows, those that sold nothing."""
    unsold = getattr(found.model, "unsold_", None)
    if unsold is None:
        return None
    return grade(
        UNSOLD_CHECK,
        "Hardly a row sold nothing",
        fail=unsold > MAX_UNSOLD_SHARE,
        review=unsold > REVIEW_UNSOLD_SHARE,
        evidence=f"{unsold:.1%} of the rows sold nothing and are left out, which biases the elasticity towards 0",
        fix="use longer periods or larger markets, leave out units that hardly sell, or train fixed_effects",
    )


def check_views_reaction(found: Evidence) -> Check | None:
    """Whether views fall or rise with the price: then an elasticity at given views is only a part of the answer."""
    slope = getattr(found.model, "views_slope_", None)
    slope = views_elasticity(found.arrays, found.identification.first_stage) if slope is None else slope
    if slope is None:
        return None
    counted = getattr(found.model, "views_react_", False)
    more = "it is counted in" if counted else "the elasticity at given views does not hold it"
    return grade(
        "views_react",
        "Views do not depend on the price",
        review=views_react(slope),
        evidence=f"views move by {slope[0]:+.2f} % for each percent of price, 95 % interval {slope[1]:+.2f} to "
        f"{slope[2]:+.2f}; {more}",
        fix="nothing, as long as the price alone moves views"
        if counted
        else "train fixed_effects, which counts it in, or without the column of views",
    )


def check_stability(found: Evidence) -> Check | None:
    """Whether parts of the time tell the same."""
    folds = found.folds
    if folds.empty:
        return _check_holdout_stability(found)
    each, whole = folds["estimate"].to_numpy(), abs(found.elasticity.estimate)
    told = ", ".join("not fitted" if np.isnan(one) else f"{one:.2f}" for one in each)
    errors = ((folds["high"] - folds["low"]) / (2 * 1.96)).to_numpy()
    if np.isnan(each).any():
        unlike, evidence = True, f"thirds of the time: {told}"
    elif np.isnan(errors).any() or not (errors > 0).all():
        unlike, evidence = np.ptp(each) > 2 * _UNSTABLE * whole, f"thirds of the time: {told}"
    else:
        weights = errors**-2.0
        excess = float(weights @ (each - np.average(each, weights=weights)) ** 2)
        chance = float(stats.chi2.sf(excess, each.size - 1))
        unlike, evidence = chance < _ALPHA, f"thirds of the time: {told}; alike by chance with p = {chance:.3f}"
    return grade(
        "stability",
        "The elasticity is the same over time",
        review=bool(unlike),
        evidence=evidence,
        fix="train on the later part only, or look for what changed in between",
    )


def _check_holdout_stability(found: Evidence) -> Check | None:
    if found.holdout_elasticity is None:
        return None
    whole, early = found.elasticity.estimate, found.holdout_elasticity.estimate
    return grade(
        "stability",
        "The elasticity is the same without the rows held back",
        review=abs(early - whole) > _UNSTABLE * abs(whole),
        evidence=f"{early:.2f} without the rows held back, {whole:.2f} with them",
        fix="look for what sets these rows apart, or bring more of them",
    )


def check_baseline(found: Evidence) -> Check | None:
    """Whether the rows held back are predicted better than by means of the others: each unit's own, if they are later.

    It never fails: where prices follow demand, a right model of what prices do predicts levels less well than the mean.
    """
    rows = found.evaluation
    if rows.empty or not np.isfinite(rows["predicted"]).all():
        return None
    actual, mean = rows["actual"].to_numpy(), _unit_means(found)
    model, plain = (mean_poisson_deviance(actual, np.maximum(one, 1e-9)) for one in (rows["predicted"], mean))
    return grade(
        "baseline",
        _baseline_title(found.roles),
        review=model > plain,
        evidence=f"Poisson deviance {model:.3f}, of the means {plain:.3f}",
        fix="do not lean on this model's levels; its elasticity may still hold",
    )


def _baseline_title(roles: PanelRoles) -> str:
    if roles.period is not None:
        whose = "the" if roles.unit is None else "each unit's"
        return f"Later data are predicted better than by {whose} mean"
    held_back = "Offers" if roles.unit is None else "Units"
    return f"{held_back} held back are predicted better than by the mean of the others"


def _unit_means(found: Evidence) -> np.ndarray:
    """What each unit's mean rate before says of the rows held back (e,); a sale is added, as every mean has."""
    roles, known, rows = found.roles, found.training_rows, found.evaluation
    exposure = pd.Series(1.0, index=known.index) if roles.views is None else known[roles.views]
    rate = known[roles.quantity].sum() / exposure.sum()
    later = rows["views"].to_numpy(dtype=float) if "views" in rows else np.ones(len(rows))
    if roles.unit is None:
        return np.asarray(later * rate)
    sold, seen = (one.groupby(known[roles.unit]).sum() for one in (known[roles.quantity], exposure))
    own = (sold + 1) / (seen + 1 / rate)
    return np.asarray(later * rows["unit"].map(own).fillna(rate).to_numpy())


def check_params_on_edge(found: Evidence) -> Check:
    """Whether a hyperparameter was chosen at the end of its range, where the best may lie beyond."""
    fields = type(found.params).model_fields
    at = [name for name, info in fields.items() if _on_edge(info, getattr(found.params, name))]
    return grade(
        "params_on_edge",
        "No hyperparameter lies at the end of its range",
        review=bool(at),
        evidence=", ".join(f"{name} = {getattr(found.params, name)}" for name in at)
        or "all inside, or at their default",
        fix="look at values on the other side, or say why this one",
    )


def _on_edge(info: FieldInfo, value: object) -> bool:
    return value in (field_bounds(info) or ()) and value != info.default
