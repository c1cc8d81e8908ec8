"""Compare runs: what differs, by how much, and which run is best by each metric. Pure functions over frames.

Runs on different data are shown together, but they are not ranked unless the caller requests it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edtech.errors import TrackingError
from edtech.metrics import METRICS, Direction, Kind, Metric, metric
from edtech.tracking.run_frames import COLUMNS, Run, as_frame

ROUNDING = 1e-12
INTERNAL_TAG_PREFIXES = ("mlflow.", "edtech.")
"""Prefixes of the tags that MLflow and this package use internally."""
DATA_TAGS = {"tags.dataset_digest": "data sets", "tags.split": "splits into training and evaluation rows"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison; every frame has one column per run id, in the order of `labels`.

    labels: run id -> display name, made unique if two runs share one; not trusted, show it as plain text.
    runs: rows name, experiment, started, status, duration_seconds, kind, dataset.
    params, tags: all of them as text, None where a run lacks one.
    metrics: all metrics, NaN where a run lacks one; those of the dictionary first, in its order.
    differences: metrics minus the baseline's; None without a baseline.
    better: 1 if a run is better than the baseline by the metric's direction, -1 if it is worse, else 0; None without a
        baseline.
    best: metric -> ids of the best runs, several if tied. Metrics without a direction or with fewer than two different
        finite values are missing; empty if the runs may not be ranked.
    same_data: whether all runs have the same data set digest and split; `warning` names the difference.
    rank_across_data: whether the caller requested a ranking in spite of that.
    """

    labels: Mapping[str, str]
    runs: pd.DataFrame
    params: pd.DataFrame
    tags: pd.DataFrame
    metrics: pd.DataFrame
    differences: pd.DataFrame | None
    better: pd.DataFrame | None
    best: Mapping[str, tuple[str, ...]]
    baseline: str | None
    same_data: bool
    rank_across_data: bool
    warning: str | None
    dictionary: Mapping[str, Metric]

    @property
    def differing_params(self) -> pd.DataFrame:
        """The parameters whose value differs between runs."""
        return _rows_that_differ(self.params)

    @property
    def differing_tags(self) -> pd.DataFrame:
        """The tags whose value differs between runs, without internal tags."""
        return _rows_that_differ(
            self.tags[[not str(name).startswith(INTERNAL_TAG_PREFIXES) for name in self.tags.index]]
        )

    def metrics_of(self, kind: Kind) -> pd.DataFrame:
        """Return the metrics of one kind: `model`, `business` or `truth`; rows = metric, columns = run id."""
        return self.metrics[[metric_definition(name, self.dictionary).kind == kind for name in self.metrics.index]]

    def tidy(self) -> pd.DataFrame:
        """Return one row per metric and run that has it, for charts and export.

        Columns: metric, title, kind, unit, direction, run_id, run, value, difference (to the baseline), best.
        """
        rows = [
            {
                **{"metric": name, "title": definition.title, "kind": definition.kind, "unit": definition.unit},
                **{"direction": definition.direction, "run_id": run_id, "run": self.labels[run_id], "value": value},
                "difference": np.nan if self.differences is None else self.differences.at[name, run_id],
                "best": run_id in self.best.get(name, ()),
            }
            for name in self.metrics.index
            for definition in [metric_definition(name, self.dictionary)]
            for run_id, value in self.metrics.loc[name].dropna().items()
        ]
        columns = ["metric", "title", "kind", "unit", "direction", "run_id", "run", "value", "difference", "best"]
        return pd.DataFrame(rows, columns=columns)


def compare_runs(
    runs: pd.DataFrame | Sequence[Run],
    metrics: Mapping[str, Metric] = METRICS,
    baseline: str | None = None,
    rank_across_data: bool = False,
) -> Comparison:
    """Compare runs.

    `runs`: rows of `RunStore.list_runs`, or runs; of two with the same id, the first is used. `metrics`: the metric
    definitions. `baseline`: the id of the run that differences refer to. `rank_across_data`: mark the best runs even if
    they used different data.
    Raises TrackingError if there is no run, or the baseline is not one of them.
    """
    frame = runs if isinstance(runs, pd.DataFrame) else as_frame(runs)
    frame = frame.drop_duplicates("run_id").set_index("run_id", drop=False)
    if frame.empty:
        raise TrackingError("There is nothing to compare", expected="one run or more", actual="none")
    if baseline is not None and baseline not in frame.index:
        raise TrackingError("The baseline is not one of the runs", expected=", ".join(frame.index), actual=baseline)
    values = _sorted_metrics(_side_by_side(frame, "metrics.").astype(float), metrics)
    scores = _scores(values, metrics)
    differing = _data_differences(frame)
    ranked = rank_across_data or not differing
    return Comparison(
        labels=_labels(frame["name"]),
        runs=_header(frame),
        params=_side_by_side(frame, "params."),
        tags=_side_by_side(frame, "tags."),
        metrics=values,
        differences=None if baseline is None else _differences(values, baseline),
        better=None if baseline is None else _better(scores, baseline) * int(ranked),
        best=_best(scores) if ranked else {},
        baseline=baseline,
        same_data=not differing,
        rank_across_data=rank_across_data,
        warning=_warning(differing, len(frame), rank_across_data),
        dictionary=metrics,
    )


def metric_definition(name: str, dictionary: Mapping[str, Metric] = METRICS) -> Metric:
    """Return the definition of a metric; without one it has no direction."""
    return dictionary.get(name, metric(name))


def _side_by_side(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Turn the columns with a prefix into rows, one column per run; drop empty ones."""
    columns = frame[[name for name in frame.columns if name.startswith(prefix)]]
    return columns.rename(columns=lambda name: name.removeprefix(prefix)).dropna(axis=1, how="all").T.rename_axis(None)


def _rows_that_differ(values: pd.DataFrame) -> pd.DataFrame:
    comparable = values.astype(object).where(values.notna(), None)
    return values[[len(set(row)) > 1 for row in comparable.to_numpy()]]


def _header(frame: pd.DataFrame) -> pd.DataFrame:
    header = frame.reindex(columns=[*COLUMNS[1:], "tags.dataset_name"]).rename(columns={"tags.dataset_name": "dataset"})
    return header.astype(object).T.rename_axis(None)


def _sorted_metrics(values: pd.DataFrame, dictionary: Mapping[str, Metric]) -> pd.DataFrame:
    defined = [name for name in dictionary if name in values.index]
    return values.loc[defined + sorted(set(values.index) - set(defined))]


def _scores(values: pd.DataFrame, dictionary: Mapping[str, Metric]) -> pd.DataFrame:
    """Return metrics signed so that higher is better; NaN where they are not finite or have no direction."""
    finite = values.where(np.isfinite(values))
    scores = {name: _score(finite.loc[name], metric_definition(name, dictionary).direction) for name in finite.index}
    return pd.DataFrame(scores).T.reindex(index=values.index, columns=values.columns).astype(float)


def _score(row: pd.Series, direction: Direction) -> pd.Series:
    match direction:
        case "higher":
            return row
        case "lower":
            return -row
        case "zero":
            return -row.abs()
        case "none":
            return row * np.nan


def _best(scores: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    comparable = scores[scores.nunique(axis=1) >= 2]  # a metric that is the same in all runs has no best run
    is_best = comparable.eq(comparable.max(axis=1), axis=0)
    return {
        str(name): tuple(map(str, is_best.columns[row]))
        for name, row in zip(is_best.index, is_best.to_numpy(), strict=True)
    }


def _better(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    return pd.DataFrame(np.sign(_differences(scores, baseline))).fillna(0).astype(int)


def _differences(values: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return values minus the baseline's; 0 where they are equal up to rounding."""
    base = values[baseline]
    same = values.sub(base, axis=0).abs().le(ROUNDING * base.abs(), axis=0)
    return values.sub(base, axis=0).mask(same & np.isfinite(values), 0.0)


def _data_differences(frame: pd.DataFrame) -> list[str]:
    """Describe how the data of the runs differ, or that they are unknown."""
    if len(frame) == 1:
        return []
    values = frame.reindex(columns=list(DATA_TAGS))
    tags = values.astype(str).where(values.notna(), "")
    unknown = int((tags["tags.dataset_digest"] == "").sum())
    differing = [description for column, description in DATA_TAGS.items() if tags[column].nunique() > 1]
    return differing or ([f"data sets ({unknown} runs do not name theirs)"] if unknown else [])


def _warning(differing: list[str], runs: int, ranked: bool) -> str | None:
    if not differing:
        return None
    consequence = "A better value may be due to the data." if ranked else "No run is marked as the best."
    return (
        f"These {runs} runs used different {' and '.join(differing)}, so their errors are not comparable. {consequence}"
    )


def _labels(names: pd.Series) -> dict[str, str]:
    """Return names without a common data set name, and with the start of the id if two are the same."""
    parts = names.astype(str).str.partition(" on ")
    if len(names) > 1 and parts[2].nunique() == 1 and (parts[0] != "").all():
        names = parts[0].set_axis(names.index)
    repeated = names.duplicated(keep=False)
    return {
        str(run_id): f"{name} ({str(run_id)[:8]})" if is_repeated else str(name)
        for run_id, name, is_repeated in zip(names.index, names, repeated, strict=True)
    }
