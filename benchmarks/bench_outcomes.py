"""Accuracy of predicted probabilities on published data sets, and on generated markets against their truth.

python benchmarks/bench_outcomes.py      exits with 1 if a target is missed

Real data are in EDTECH_EXAMPLES, default ../shared/examples; missing data sets are skipped.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.bench_elasticity import Target
from edtech.data import Catalogue, Dataset
from edtech.market import MarketParams
from edtech.market.params import PRESETS
from edtech.ml.elasticity.fitting.inference import critical_value
from edtech.ml.families import FAMILIES
from edtech.ml.outcomes import families as of
from edtech.ml.outcomes.cases import Cases
from edtech.ml.outcomes.metrics import auc_difference
from edtech.ml.outcomes.training import train_cases
from edtech.settings import PROJECT
from edtech.training.trainer import RunResult, train_runs

EXAMPLES = Path(os.environ.get("EDTECH_EXAMPLES", PROJECT.parent / "shared" / "examples"))
FAMILIES_MEASURED = ("enrollment_propensity", "course_completion", "churn_prediction")
LEARNERS = {"enrollment_propensity": 6_000, "course_completion": 20_000, "churn_prediction": 6_000}
"""Enough that calibrated probabilities rarely exceed the target of the calibration error."""
WORLDS = {"enrollment_propensity": 1, "course_completion": 1, "churn_prediction": 2}
"""Markets of each preset, each of a year."""
STARTS = {"2013B": "2013-02-01", "2013J": "2013-10-01", "2014B": "2014-02-01", "2014J": "2014-10-01"}


def auc(task: of.OutcomeTask, cases: Cases, family: str, algorithm: str, **params: float) -> float:
    """Return the AUC on held-out rows."""
    kind = FAMILIES[family].algorithms[algorithm]
    return train_cases(task, cases, kind, kind.validate_params(params)).metrics["roc_auc"]


def telco() -> Iterator[Target]:
    """Yield the mean AUC of ten stratified splits of a quarter."""
    frame = pd.read_csv(EXAMPLES / "telco_churn" / "Telco-Customer-Churn.csv.gz")
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    cases = Cases(frame.drop(columns=["customerID", "Churn"]), (frame["Churn"] == "Yes").astype("boolean"))
    for algorithm in ("logistic", "gradient_boosting"):
        aucs = [
            auc(of.LEARNERS, cases, "churn_prediction", algorithm, seed=seed, evaluation_share=0.25)
            for seed in range(10)
        ]
        yield Target(f"Telco churn, {algorithm}: mean AUC of 10 splits", float(np.mean(aucs)), 0.84, 0.90)


def oulad() -> Iterator[Target]:
    """Yield the AUC of withdrawal in the last presentation, from features at registration."""
    keys = ["code_module", "code_presentation", "id_student"]
    frame = pd.read_csv(EXAMPLES / "oulad" / "student.csv.gz").merge(
        pd.read_csv(EXAMPLES / "oulad" / "student_registration.csv.gz"), on=keys
    )
    target = (frame["final_result"] == "Withdrawn").astype("boolean")
    features = frame.drop(columns=["final_result", "date_unregistration", "id_student", "code_presentation"])
    start = pd.to_datetime(frame["code_presentation"].map(STARTS))
    cases = Cases(features, target, time=start, subject=frame["id_student"].astype("str"))
    for algorithm in ("logistic", "gradient_boosting"):
        yield Target(
            f"OULAD withdrawal in 2014J, {algorithm}: AUC",
            auc(of.ENROLLMENTS, cases, "course_completion", algorithm),
            0.65,
            0.75,
        )


def dropout() -> Iterator[Target]:
    """Yield the mean AUC of dropout at enrollment over five stratified splits of a quarter."""
    frame = pd.read_csv(EXAMPLES / "student_dropout" / "students_dropout_academic_success.csv")
    features = frame.drop(columns=["target", *(name for name in frame if name.startswith("Curricular"))])
    cases = Cases(features, (frame["target"] == "Dropout").astype("boolean"), as_of="enrollment")
    for algorithm in ("logistic", "gradient_boosting"):
        aucs = [
            auc(of.ENROLLMENTS, cases, "course_completion", algorithm, seed=seed, evaluation_share=0.25)
            for seed in range(5)
        ]
        yield Target(f"Student dropout at enrollment, {algorithm}: mean AUC", float(np.mean(aucs)), 0.80, 0.83)


def worlds(family: str) -> Iterator[tuple[str, MarketParams]]:
    """Yield the preset and the parameters of each market, with the preset's teachers and courses per learner."""
    for position, (name, preset) in enumerate(PRESETS.items()):
        factor = LEARNERS[family] / preset.learners
        size = {section: round(getattr(preset, section) * factor) for section in ("learners", "teachers", "courses")}
        for number in range(WORLDS[family]):
            yield name, MarketParams.preset(name, seed=100 + 10 * number + position, weeks=52, **size)


def trained(catalogue: Catalogue, family: str) -> Iterator[tuple[str, dict[str, RunResult]]]:
    """Yield each market's preset and its runs by algorithm; each market is deleted afterwards."""
    for name, params in worlds(family):
        dataset = catalogue.add_generated(params, name=f"{name} {params.seed} for {family}")
        yield name, {run.result.algorithm: run for run in train_runs(dataset, family=family)}
        catalogue.delete(dataset.id)
        catalogue.purge(dataset.id)


def markets(catalogue: Catalogue) -> Iterator[Target]:
    """Yield the calibration on held-out rows of large markets, and boosting against Cox."""
    for family in FAMILIES_MEASURED:
        table, differences = pd.DataFrame(), []
        for name, runs in trained(catalogue, family):
            rows = pd.DataFrame([{"market": name, "algorithm": item} | run.metrics for item, run in runs.items()])
            table = pd.concat([table, rows], ignore_index=True)
            if family == "churn_prediction":
                differences.append(_against_cox(runs, name))
        print(f"    {family} by market", flush=True)
        print(table.groupby(["algorithm", "market"])[_print_row(table)].mean().round(4).to_string(), flush=True)
        for algorithm, mean in table.groupby("algorithm").mean(numeric_only=True).iterrows():
            yield Target(f"{family}, {algorithm}: calibration slope", mean["calibration_slope"], 0.9, 1.1)
            yield Target(f"{family}, {algorithm}: calibration error", mean["calibration_error"], 0, 0.02)
        if differences:
            difference, error = np.array(differences).T
            z_score = difference.sum() / np.sqrt((error**2).sum())
            yield Target("AUC of boosting minus Cox, all markets, z score", float(z_score), -1.96, 99)


def _print_row(table: pd.DataFrame) -> list[str]:
    names = ("calibration_slope", "calibration_error", "calibration_error_chance", "calibration_error_truth", "roc_auc")
    names += ("decision_value_reach", "integrated_brier", "integrated_brier_base", "fit_seconds")
    return [name for name in names if name in table]


def _against_cox(runs: dict[str, RunResult], market: str) -> tuple[float, float]:
    """Return the AUC of boosting minus that of Cox, and its standard error."""
    boosting, cox = (runs[name].result.evaluation for name in ("gradient_boosting", "cox"))
    cluster = np.asarray(pd.factorize(cox["subject"])[0])
    gain = auc_difference(
        cox["actual"].to_numpy(), boosting["predicted"].to_numpy(), cox["predicted"].to_numpy(), cluster
    )
    error = ((gain.high or 0) - gain.estimate) / critical_value(len(np.unique(cluster)))
    print(f"    {market}: AUC of boosting minus Cox {gain.estimate:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})")
    return gain.estimate, error


def timings(dataset: Dataset) -> Iterator[Target]:
    """Yield how long each default training takes on the default data set."""
    for family in FAMILIES_MEASURED:
        for name in FAMILIES[family].algorithms:
            started, spent = time.perf_counter(), time.process_time()
            train_runs(dataset, [name], family=family)
            print(f"    {family} {name}: {time.process_time() - spent:.1f} s CPU", flush=True)
            yield Target(f"{family}, {name}: seconds", time.perf_counter() - started, 0, 20)


def main() -> int:
    """Print every target; return 1 if one is missed."""
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        catalogue = Catalogue(Path(home))
        real_data = {"telco_churn": telco, "oulad": oulad, "student_dropout": dropout}
        available = [section() for name, section in real_data.items() if (EXAMPLES / name).is_dir()]
        print(f"{len(available)} of {len(real_data)} real data sets are available")
        default = catalogue.add_generated(MarketParams(), name="Default")
        for section in (*available, timings(default), markets(catalogue)):
            for target in section:
                missed += not target.met
                limits = f"{target.low:g} to {target.high:g}"
                print(f"{'ok  ' if target.met else 'MISS'} {target.name}: {target.value:.4f} ({limits})", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
