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

from edtech.data.quality.findings import Check, graded
from edtech.errors import ModelError
from edtech.ml.base import Estimate, Params
from edtech.ml.elasticity.description import GROUNDS
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.fitting.fixed_effects import reacts, views_slope
from edtech.ml.elasticity.fitting.inference import STRONG_F
from edtech.ml.elasticity.fitting.share_logit import MANY_UNSOLD, SOME_UNSOLD
from edtech.ml.elasticity.identification import Identification
from edtech.ml.elasticity.panel import PanelArrays
from edtech.ml.elasticity.result import UNSOLD, recommends
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
    known: pd.DataFrame
    arrays: PanelArrays
    ground: Identification
    elasticity: Estimate
    early: Estimate | None
    folds: pd.DataFrame
    evaluation: pd.DataFrame


def elasticity_checks(found: Evidence) -> tuple[Check, ...]:
    """Return every check that applies to this training."""
    asked: tuple[Callable[[Evidence], Check | None], ...] = (
        convergence,
        identification,
        sign,
        first_stage_strength,
        price_range,
        unsold_rows,
        views_reaction,
        stability,
        baseline,
        edges,
    )
    return tuple(check for one in asked if (check := one(found)) is not None)


def fold_elasticities(panel: pd.DataFrame, roles: PanelRoles, read: Callable[[pd.DataFrame], Estimate]) -> pd.DataFrame:
    """Return the elasticity of consecutive parts of the time, `FOLD_COLUMNS`; a part that cannot be fitted has NaN.

    Without enough periods, no rows.
    """
    periods = np.empty(0) if roles.period is None else np.sort(panel[roles.period].unique())
    rows = []
    for part in np.array_split(periods, FOLDS) if periods.size >= FOLDS * _FEWEST_PERIODS else []:
        name = f"{pd.Series(part).iloc[0]} to {pd.Series(part).iloc[-1]}"
        try:
            found = read(panel[panel[roles.period].isin(part)])
        except ModelError:
            found = Estimate(np.nan)
        rows.append((name, found.estimate, found.low, found.high))
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS)).astype(dict.fromkeys(FOLD_COLUMNS[1:], float))


def convergence(found: Evidence) -> Check | None:
    """Whether the iterations settled well before they ran out; a fit that did not settle is an error."""
    used, most = getattr(found.model, "iterations_", None), getattr(found.params, "max_iterations", None)
    if used is None or most is None:
        return None
    return graded(
        "convergence",
        "The fit settled",
        review=used > 0.8 * most,
        evidence=f"after {used} of at most {most} iterations",
        fix="allow more iterations, or use one slope for all segments",
    )


def identification(found: Evidence) -> Check:
    """Whether prices may be recommended on the ground that these data give."""
    return graded(
        "identification",
        "The price effect can be told from what else moves demand",
        review=not recommends(found.ground.kind, found.roles),
        evidence=f"it is {GROUNDS[found.ground.kind]}, and holds if {found.ground.condition}",
        fix="no price is recommended from this run; an answer on Pricing names the test that would tell",
    )


def sign(found: Evidence) -> Check:
    """Whether demand falls with the price, and is known to."""
    one = found.elasticity
    known = f", 95 % interval {one.low:.2f} to {one.high:.2f}" if one.low is not None else ", no honest interval"
    return graded(
        "elasticity_sign",
        "Demand falls with the price",
        fail=one.estimate > 0,
        review=one.high is not None and one.high >= 0,
        evidence=f"elasticity {one.estimate:.2f}{known}",
        fix="prices may have followed demand, or moved too little: randomize some discounts before acting on this",
    )


def first_stage_strength(found: Evidence) -> Check | None:
    """Whether the randomized discount or the instruments move the price enough to be used."""
    strength = found.ground.first_stage_f
    if strength is None:
        return None
    return graded(
        "first_stage",
        "Randomized discounts or instruments move the price",
        fail=strength < STRONG_F,
        evidence=f"effective F {strength:.1f}; {STRONG_F:g} is needed, below it they are not used",
        fix="randomize deeper or more discounts, or name stronger instruments",
    )


def price_range(found: Evidence) -> Check:
    """Whether units were seen at prices far enough apart to tell what a change does."""
    arrays = found.arrays
    prices = pd.Series(arrays.price).groupby(arrays.group)
    spread = (prices.max() / prices.min() - 1).to_numpy()
    sold = np.bincount(arrays.group, weights=arrays.price * arrays.quantity)
    fixed = float(sold[spread < _LEAST_RANGE].sum() / sold.sum())
    middle = float(np.median(spread))
    return graded(
        "price_support",
        "Prices moved enough",
        fail=fixed > 0.5,
        review=middle < _SMALL_RANGE or fixed > 0.2,
        evidence=f"the middle unit's highest price is {middle:.0%} above its lowest; {fixed:.0%} of revenue is of "
        "units whose price never moved",
        fix="answers for larger changes extrapolate: vary more prices, and further",
    )


def unsold_rows(found: Evidence) -> Check | None:
    """Whether an estimator of log shares had to leave out many rows, those that sold nothing."""
    unsold = getattr(found.model, "unsold_", None)
    if unsold is None:
        return None
    return graded(
        UNSOLD,
        "Hardly a row sold nothing",
        fail=unsold > MANY_UNSOLD,
        review=unsold > SOME_UNSOLD,
        evidence=f"{unsold:.1%} of the rows sold nothing and are left out, which biases the elasticity towards 0",
        fix="use longer periods or larger markets, leave out units that hardly sell, or train fixed_effects",
    )


def views_reaction(found: Evidence) -> Check | None:
    """Whether views fall or rise with the price: then an elasticity at given views is only a part of the answer."""
    slope = getattr(found.model, "views_slope_", None)
    slope = views_slope(found.arrays, found.ground.first) if slope is None else slope
    if slope is None:
        return None
    counted = getattr(found.model, "views_react_", False)
    more = "it is counted in" if counted else "the elasticity at given views does not hold it"
    return graded(
        "views_react",
        "Views do not depend on the price",
        review=reacts(slope),
        evidence=f"views move by {slope[0]:+.2f} % for each percent of price, 95 % interval {slope[1]:+.2f} to "
        f"{slope[2]:+.2f}; {more}",
        fix="nothing, as long as the price alone moves views"
        if counted
        else "train fixed_effects, which counts it in, or without the column of views",
    )


def stability(found: Evidence) -> Check | None:
    """Whether parts of the time tell the same."""
    folds = found.folds
    if folds.empty:
        return _early_agrees(found)
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
    return graded(
        "stability",
        "The elasticity is the same over time",
        review=bool(unlike),
        evidence=evidence,
        fix="train on the later part only, or look for what changed in between",
    )


def _early_agrees(found: Evidence) -> Check | None:
    if found.early is None:
        return None
    whole, early = found.elasticity.estimate, found.early.estimate
    return graded(
        "stability",
        "The elasticity is the same without the rows held back",
        review=abs(early - whole) > _UNSTABLE * abs(whole),
        evidence=f"{early:.2f} without the rows held back, {whole:.2f} with them",
        fix="look for what sets these rows apart, or bring more of them",
    )


def baseline(found: Evidence) -> Check | None:
    """Whether the rows held back are predicted better than by means of the others: each unit's own, if they are later.

    It never fails: where prices follow demand, a right model of what prices do predicts levels less well than the mean.
    """
    rows = found.evaluation
    if rows.empty or not np.isfinite(rows["predicted"]).all():
        return None
    actual, mean = rows["actual"].to_numpy(), _unit_means(found)
    model, plain = (mean_poisson_deviance(actual, np.maximum(one, 1e-9)) for one in (rows["predicted"], mean))
    return graded(
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
    roles, known, rows = found.roles, found.known, found.evaluation
    exposure = pd.Series(1.0, index=known.index) if roles.views is None else known[roles.views]
    rate = known[roles.quantity].sum() / exposure.sum()
    later = rows["views"].to_numpy(dtype=float) if "views" in rows else np.ones(len(rows))
    if roles.unit is None:
        return np.asarray(later * rate)
    sold, seen = (one.groupby(known[roles.unit]).sum() for one in (known[roles.quantity], exposure))
    own = (sold + 1) / (seen + 1 / rate)
    return np.asarray(later * rows["unit"].map(own).fillna(rate).to_numpy())


def edges(found: Evidence) -> Check:
    """Whether a hyperparameter was chosen at the end of its range, where the best may lie beyond."""
    fields = type(found.params).model_fields
    at = [name for name, info in fields.items() if _on_edge(info, getattr(found.params, name))]
    return graded(
        "params_on_edge",
        "No hyperparameter lies at the end of its range",
        review=bool(at),
        evidence=", ".join(f"{name} = {getattr(found.params, name)}" for name in at)
        or "all inside, or at their default",
        fix="look at values on the other side, or say why this one",
    )


def _on_edge(info: FieldInfo, value: object) -> bool:
    ends = [getattr(item, end) for item in info.metadata for end in ("ge", "le") if hasattr(item, end)]
    return value in ends and value != info.default
