"""A small market, stored, and one training of each family and algorithm on it."""

import pytest

from edtech.data import Catalogue, Dataset
from edtech.market import MarketParams
from edtech.ml.families import FAMILIES
from edtech.settings import Settings
from edtech.tracking import EdTechMLFlowTracker
from edtech.training.trainer import RunResult, train_runs

SMALL = MarketParams(learners=400, teachers=15, courses=30, weeks=18, seed=5)
LABELS = ("enrollment_propensity", "course_completion", "churn_prediction")
QUICK = {"trees": 20, "horizon_days": 28}


@pytest.fixture(scope="session")
def label_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("labels"), mlflow_tracking_uri=None)


@pytest.fixture(scope="session")
def label_market(label_settings: Settings) -> Dataset:
    return Catalogue(label_settings.data_dir).add_generated(SMALL, name="Small market")


@pytest.fixture(scope="session")
def label_tracker(label_settings: Settings) -> EdTechMLFlowTracker:
    return EdTechMLFlowTracker(label_settings.experiment, settings=label_settings)


@pytest.fixture(scope="session")
def label_runs(label_market: Dataset, label_tracker: EdTechMLFlowTracker) -> dict[tuple[str, str], RunResult]:
    result = {}
    for family in LABELS:
        kind = FAMILIES[family]
        params = {
            name: {field: value for field, value in QUICK.items() if field in algorithm.params.model_fields}
            for name, algorithm in kind.algorithms.items()
        }
        first, *others = kind.algorithms
        own = {first: params.pop(first)}
        logged = train_runs(label_market, [first], family=family, params=own, tracker=label_tracker)
        for run in (*logged, *train_runs(label_market, others, family=family, params=params)):
            result[family, run.result.algorithm] = run
    return result
