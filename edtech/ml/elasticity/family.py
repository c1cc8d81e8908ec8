"""The family `token_elasticity` as the registry lists it."""

from typing import TYPE_CHECKING

import pandas as pd

from edtech.charts import png
from edtech.jobs.progress import Progress
from edtech.ml.base import Algorithm, Family, FittedModel, Params
from edtech.ml.elasticity.algorithms import ALGORITHMS, FAMILY, VISITS, fitting
from edtech.ml.elasticity.description import finding, summary
from edtech.ml.elasticity.modeler import TokenPriceElasticityModeler
from edtech.ml.elasticity.result import ElasticityResult
from edtech.ml.plots import error_plots, importance_plot

if TYPE_CHECKING:
    from edtech.data import Dataset

VISIT_COLUMNS = ["visit_id", "course_id", "viewed_at", "token_price", "enrolled"]


def fits(dataset: "Dataset") -> tuple[str, ...]:
    """Return the algorithms that the data set has the tables for, the one to start with first."""
    if dataset.kind not in ("panel", "market"):
        return ()
    return fitting(dataset.roles, "views" in dataset.tables)


def visits_for(dataset: "Dataset", algorithm: Algorithm) -> pd.DataFrame | None:
    """Return the offers seen on visits where the algorithm needs them and the data set has them."""
    if algorithm.needs != VISITS or "views" not in dataset.tables:
        return None
    return dataset.table("views", VISIT_COLUMNS)


def train(dataset: "Dataset", algorithm: Algorithm, params: Params, progress: Progress) -> FittedModel:
    """Train one algorithm on the data set's demand panel."""
    panel, visits = dataset.panel(), visits_for(dataset, algorithm)
    modeler = TokenPriceElasticityModeler.from_roles(dataset.roles)
    values = {algorithm.name: params.model_dump()}
    found = modeler.compare_models(panel, [algorithm.name], visits=visits, params=values, progress=progress)
    return FittedModel(found[algorithm.name], panel, dataset.roles.quantity)


def plots(result: ElasticityResult) -> dict[str, bytes]:
    """Return the plots of a run as PNG files that are readable at a glance."""
    segments = png.elasticity_by_segment(
        result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
    )
    return (
        {"evaluation/elasticity_by_segment.png": segments}
        | error_plots(result, ALGORITHMS[result.algorithm].title, "rmse", "pieces / row")
        | importance_plot(result, "rise of Poisson deviance when shuffled")
    )


TOKEN_ELASTICITY = Family(
    name=FAMILY,
    title="Price elasticity of demand",
    question="What does a price change do to enrollments and token revenue?",
    needs="a demand panel: one row for each course and week with its price and quantity; visits add substitution",
    algorithms=ALGORITHMS,
    result=ElasticityResult,
    algorithms_for=fits,
    train=train,
    summary=summary,
    plots=plots,
)
