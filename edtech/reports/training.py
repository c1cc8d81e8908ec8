"""Trainings on one data set as a report."""

from collections.abc import Mapping

import pandas as pd

from edtech.charts import pricing as charts
from edtech.metrics import METRICS, metric
from edtech.ml import FAMILIES, ElasticityResult, FitResult
from edtech.ml.elasticity.description import describe, finding, naive_warning
from edtech.reports.bundle import Report, Section, Table
from edtech.reports.svg import figure


def training_report(
    trainings: Mapping[str, tuple[FitResult, Mapping[str, float]]], provenance: Mapping[str, str | int | float]
) -> Report:
    """Return the results of trainings and their metrics side by side; `trainings` is label -> result, metrics."""
    return Report(
        title="Trainings",
        question=" ".join(dict.fromkeys(FAMILIES[result.family].question for result, _ in trainings.values())),
        sections=(_side_by_side(trainings), *(_section(result) for result, _ in trainings.values())),
        provenance=provenance,
    )


def _side_by_side(trainings: Mapping[str, tuple[FitResult, Mapping[str, float]]]) -> Section:
    names = [name for name in METRICS if any(name in metrics for _, metrics in trainings.values())]
    rows = [
        {
            "metric": metric(name).title,
            "unit": metric(name).unit,
            **{algorithm: metrics.get(name, float("nan")) for algorithm, (_, metrics) in trainings.items()},
            "meaning": metric(name).help,
        }
        for name in names
    ]
    return Section(
        "Metrics side by side", (), (Table("Metrics", pd.DataFrame(rows), wording=("metric", "unit", "meaning")),)
    )


def _section(result: FitResult) -> Section:
    title = FAMILIES[result.family].algorithms[result.algorithm].title
    if isinstance(result, ElasticityResult):
        return _elasticity(title, result)
    text = tuple(FAMILIES[result.family].summary(result).split("\n\n"))
    return Section(title, text, tuple(Table(f"{name}, {title}", frame) for name, frame in result.tables.items()))


def _elasticity(title: str, result: ElasticityResult) -> Section:
    chart = charts.elasticity_by_segment(
        result.elasticity_by_segment, naive=result.naive.estimate, title=finding(result)
    )
    notes = (result.elasticity.note, *result.notes)
    return Section(
        title,
        (describe(result), naive_warning(result), *(note for note in notes if note)),
        (Table(f"Elasticity by segment, {title}", result.elasticity_by_segment),),
        (figure(f"Elasticity by segment, {title}", chart, finding(result)),),
    )
