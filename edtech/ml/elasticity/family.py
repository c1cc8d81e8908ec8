"""The family `token_elasticity` as the registry lists it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from edtech.charts import png
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm, Family, FittedModel, Params
from edtech.ml.elasticity.algorithms import ALGORITHMS, FAMILY, VISITS, available_algorithms
from edtech.ml.elasticity.description import finding, summary
from edtech.ml.elasticity.diagnostics import compare_runs, panel_checks
from edtech.ml.elasticity.estimators.base import DemandEstimator
from edtech.ml.elasticity.modeler import TokenPriceElasticityModeler
from edtech.ml.elasticity.result import ElasticityResult
from edtech.ml.plots import error_plots, importance_plot
from edtech.ml.training_support import beyond_range, new_values
from edtech.tables.roles import PanelRoles

if TYPE_CHECKING:
    from edtech.data import Dataset

USUAL = ("fixed_effects", "linear", "polynomial", "gam", "random_forest", "gradient_boosting", "choice_logit")
"""Algorithms that the pipeline trains unless others are named; the others need data that few have."""
VISIT_COLUMNS = ["visit_id", "course_id", "viewed_at", "token_price", "enrolled"]


def fits(dataset: "Dataset") -> tuple[str, ...]:
    """Return the algorithms whose tables the data set has, the recommended one first."""
    if dataset.kind not in ("panel", "market"):
        return ()
    return available_algorithms(dataset.roles, "views" in dataset.tables)


def visits_for(dataset: "Dataset", algorithm: Algorithm) -> pd.DataFrame | None:
    """Return the offers shown on visits, if the algorithm needs them and the data set has them."""
    if algorithm.needs != VISITS or "views" not in dataset.tables:
        return None
    return dataset.table("views", VISIT_COLUMNS)


def train(dataset: "Dataset", algorithm: Algorithm, params: Params, progress: Progress) -> FittedModel:
    """Train one algorithm on the data set's demand panel."""
    panel, visits = dataset.panel(), visits_for(dataset, algorithm)
    modeler = TokenPriceElasticityModeler.from_roles(dataset.roles)
    values = {algorithm.name: params.model_dump()}
    results = modeler.compare_models(panel, [algorithm.name], visits=visits, params=values, progress=progress)
    return FittedModel(results[algorithm.name], panel, dataset.roles.quantity)


def plots(result: ElasticityResult) -> dict[str, bytes]:
    """Return the plots of a run as PNG files by artifact path."""
    segments = png.elasticity_by_segment(
        result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
    )
    return (
        {"evaluation/elasticity_by_segment.png": segments}
        | error_plots(result, ALGORITHMS[result.algorithm].title, "rmse", f"{result.roles.quantity} per row")
        | importance_plot(result, "increase of Poisson deviance if shuffled")
    )


def prediction_meaning(model: DemandEstimator) -> str:
    """Return what a prediction is, as a phrase."""
    roles = model.roles
    return f"Expected {roles.quantity}" + (f" per {roles.period}" if roles.period else "")


def range_warnings(model: DemandEstimator, rows: pd.DataFrame, support: pd.DataFrame | None) -> tuple[str, ...]:
    """Return a sentence for each column of `rows` with values outside the training data.

    `support`: unit, low, high, the observed prices of each unit; None where the run does not hold them.
    """
    return tuple(_range_warnings(model, rows, support))


def _range_warnings(model: DemandEstimator, rows: pd.DataFrame, support: pd.DataFrame | None) -> Iterator[str]:
    roles = model.roles
    for column, trained in ((roles.unit, model.units_), (roles.segment, model.segments_)):
        if column is not None:
            yield from new_values(rows, column, trained)
    if support is None or support.empty:
        return
    bounds = support.assign(unit=support["unit"].astype(str)).set_index("unit")
    units = rows[roles.unit].astype(str) if roles.unit is not None else pd.Series("all", rows.index)
    low = units.map(bounds["low"]).fillna(bounds["low"].min()).to_numpy(dtype=float)
    high = units.map(bounds["high"]).fillna(bounds["high"].max()).to_numpy(dtype=float)
    yield from beyond_range(rows, roles.price, low, high)


TOKEN_ELASTICITY = Family(
    name=FAMILY,
    title="Price elasticity of demand",
    question="How does a price change affect sales and token revenue?",
    needs="a demand panel: one row for each course and week with its price and quantity; visits add substitution",
    algorithms=ALGORITHMS,
    result=ElasticityResult,
    algorithms_for=fits,
    train=train,
    summary=summary,
    roles=PanelRoles,
    usual_algorithms=USUAL,
    plots=plots,
    checks=panel_checks,
    compare_runs=compare_runs,
    prediction_meaning=prediction_meaning,
    range_warnings=range_warnings,
)
