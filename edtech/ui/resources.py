"""What is opened once for all sessions; the only place with `st.cache_*`."""

from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd
import streamlit as st

from edtech.data import Catalogue, Check, Dataset, Dialect, Difference, KeyFigures, Upload, check_dataset, difference
from edtech.data import explore as aggregates
from edtech.data import summary as summaries
from edtech.errors import UploadError
from edtech.jobs.queue import Jobs
from edtech.pipeline import tasks
from edtech.settings import Settings, load_settings
from edtech.ui.run_tables import of_dataset
from edtech.ui.upload_storage import UNTAKEN, take

MOST_RUNS = 100_000
if TYPE_CHECKING:
    from edtech.economy import Economy, Period, Reconciliation
    from edtech.economy.observed_flows import Observed
    from edtech.market import MarketParams
    from edtech.market.estimate import Expected
    from edtech.ml.prediction import Scored
    from edtech.pricing import Plan, Response, RevenueCurve
    from edtech.pricing.constraints import Constraints, Objective
    from edtech.tracking import EdTechMLFlowTracker, RunStore
    from edtech.tracking.metric_dictionary import MetricMemory
    from edtech.tracking.registry import ModelRegistry


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings the server started with. Raises SettingsError where the environment cannot be used."""
    return load_settings()


@st.cache_resource(show_spinner=False, on_release=Jobs.close)
def jobs() -> Jobs:
    """Return the jobs of this server and the processes that do them."""
    return Jobs(settings(), on_lost=partial(tasks.close_stale_runs, settings()))


@st.cache_resource(show_spinner=False)
def catalogue() -> Catalogue:
    """Return the data sets of this home."""
    return Catalogue(settings().data_dir)


@st.cache_resource(show_spinner="Opening the MLflow store")
def tracker(experiment: str) -> "EdTechMLFlowTracker":
    """Return the tracker of an experiment; runs that a killed process left open are closed first."""
    from edtech.tracking import EdTechMLFlowTracker  # MLflow takes more than a second to load

    opened = EdTechMLFlowTracker(experiment, settings=settings())
    if not opened.runs.problem():  # a server that is away hides no page; its runs are closed at the next start
        opened.runs.close_stale_runs()
    return opened


def dataset(dataset_id: str) -> Dataset:
    """Return a stored data set as it is now."""
    return catalogue().get(dataset_id)


@st.cache_data(show_spinner="Reading the data set", max_entries=5)
def panel(dataset_id: str) -> pd.DataFrame:
    """Return the demand panel of a data set."""
    return dataset(dataset_id).panel()


@st.cache_data(show_spinner=False, max_entries=50)
def key_figures(dataset_id: str) -> KeyFigures:
    """Return the key figures of a data set."""
    return dataset(dataset_id).key_figures()


@st.cache_data(show_spinner=False, max_entries=50)
def by_period(dataset_id: str) -> pd.DataFrame:
    """Return revenue, quantity and views by period."""
    return dataset(dataset_id).by_period()


@st.cache_data(show_spinner=False, max_entries=50)
def explorable(dataset_id: str) -> dict[str, list[str]]:
    """Return the columns of each table that a distribution can be asked of."""
    return aggregates.tables_to_explore(dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=50)
def summary(dataset_id: str) -> tuple[summaries.KeyFigure, ...]:
    """Return the figures that a data set amounts to."""
    return summaries.summary(dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=100)
def distribution(dataset_id: str, table: str, column: str) -> pd.DataFrame:
    """Return how the values of a column are spread."""
    return aggregates.distribution(dataset(dataset_id), table, column)


@st.cache_data(show_spinner=False, max_entries=100)
def mean_by(dataset_id: str, value: str, by: str) -> pd.DataFrame:
    """Return how the mean of a column differs with another."""
    return aggregates.mean_by(dataset(dataset_id), value, by)


@st.cache_data(show_spinner=False, max_entries=20)
def market_figures(dataset_id: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return season, cohort retention and token flows of a generated market."""
    market = dataset(dataset_id)
    return aggregates.seasonality(market), aggregates.cohort_retention(market), aggregates.token_flows(market)


@st.cache_data(show_spinner=False, max_entries=50)
def dictionary(dataset_id: str, table: str) -> pd.DataFrame:
    """Return the dictionary of a table's columns."""
    return summaries.dictionary(dataset(dataset_id), table)


@st.cache_data(show_spinner="Checking the data set", max_entries=20)
def checks(dataset_id: str) -> tuple[Check, ...]:
    """Return the findings on a data set; the last sums them up."""
    return check_dataset(dataset(dataset_id))


@st.cache_data(show_spinner="Comparing the data sets", max_entries=20)
def differences(before_id: str, after_id: str) -> Difference:
    """Return what differs between two data sets."""
    return difference(dataset(before_id), dataset(after_id))


@st.cache_data(show_spinner=False, max_entries=100)
def expected(params: "MarketParams", workers: int) -> "Expected":
    """Return how big a market of these parameters will be."""
    from edtech.market.estimate import expected as estimate

    return estimate(params, workers)


def _let_go(staged: Upload | UploadError) -> None:
    if isinstance(staged, Upload):
        staged.close()


def _close(content: BinaryIO | None) -> None:
    if content is not None:
        content.close()


@st.cache_resource(scope="session", max_entries=UNTAKEN, on_release=_close, show_spinner=False)
def large_file(file_id: str) -> BinaryIO | None:
    """Return the content of a large upload, None where Streamlit holds it; it goes when the session ends."""
    return take(file_id)


@st.cache_resource(scope="session", max_entries=2, on_release=_let_go, show_spinner="Reading the file")
def staged(file_id: str, dialect: Dialect | None, sheet: str | None, _file: Any) -> Upload | UploadError:  # noqa: ANN401, ARG001
    """Return a file that was read, its rows on disk, or why it cannot be; they go when replaced or the session ends.

    Two readings are kept: as found out, and as the user says it is written.
    """
    limit = settings().upload_limit_mb
    try:
        content = large_file(_file.file_id) or _file
        return catalogue().stage(str(_file.name), content, limit_mb=limit, dialect=dialect, sheet=sheet)
    except UploadError as error:
        return error


@st.cache_data(show_spinner=False, max_entries=50)
def by_unit(dataset_id: str) -> pd.DataFrame:
    """Return mean price and quantity of each unit with its segment."""
    return dataset(dataset_id).by_unit()


def _runs() -> "RunStore":
    from edtech.tracking import RunStore

    return RunStore(settings=settings())


def run_table(experiment: str) -> pd.DataFrame:
    """Return the experiment's finished trainings, newest first."""
    return run_table_at(experiment, store_stamp())


@st.cache_data(show_spinner="Reading the runs", max_entries=20)
def run_table_at(experiment: str, stamp: tuple[int, ...]) -> pd.DataFrame:  # noqa: ARG001
    """Return the same as the store stood at that stamp; clear it to see at once what a server was sent."""
    return _runs().list_runs([experiment], or_kept=True)


@st.cache_data(show_spinner=False, ttl=10)
def server_notice() -> str | None:
    """Return what is wrong with the server of the runs and what is shown instead; None where nothing is."""
    problem = _runs().problem()
    return problem and f"{problem.rstrip('.')}. Only runs that wait on this machine are shown."


def waiting_runs() -> list[str]:
    """Return the ids of the finished runs that wait to be sent to a server; none where no server is set."""
    from edtech.tracking.outbox import waiting

    return waiting(settings()) if settings().has_server else []


def store_stamp() -> tuple[int, ...]:
    """Return what is another where the store was written to."""
    return _runs().stamp()


@st.cache_resource(show_spinner="Reading the runs", max_entries=5)
def all_runs(experiments: tuple[str, ...], stamp: tuple[int, ...]) -> pd.DataFrame:  # noqa: ARG001  # its cache's key
    """Return every run of the experiments, whoever wrote it and whatever became of it; not to be changed."""
    return _runs().list_runs(list(experiments), kind=None, limit=MOST_RUNS, finished=False, or_kept=True)


@st.cache_data(show_spinner=False, max_entries=5)
def experiments(stamp: tuple[int, ...]) -> list[str]:  # noqa: ARG001  # its cache's key
    """Return the names of all experiments, newest first."""
    return _runs().experiments(or_kept=True)


@st.cache_resource(show_spinner=False)
def metric_memory() -> "MetricMemory":
    """Return what users said of metrics that are not ours."""
    from edtech.tracking.metric_dictionary import MetricMemory

    return MetricMemory(settings().root / "metrics.json")


@st.cache_data(show_spinner="Reading the run's files", max_entries=200)
def artifact(run_id: str, path: str) -> bytes:
    """Return a file of a run."""
    return _runs().read_artifact(run_id, path)


@st.cache_data(show_spinner=False, max_entries=200)
def artifacts(run_id: str) -> tuple[str, ...]:
    """Return the paths of a run's files."""
    return _runs().get_run(run_id).artifacts


@st.cache_data(show_spinner="Reading the metric's history", ttl=30, max_entries=50)
def metric_history(run_ids: tuple[str, ...], metric: str) -> pd.DataFrame:
    """Return each time a metric was logged in these runs."""
    return _runs().metric_history(run_ids, metric)


@st.cache_resource(show_spinner="Loading the run", max_entries=20)
def result(run_id: str, experiment: str) -> Any:  # noqa: ANN401  # the result of whichever family it is of
    """Return what a run found, with its model."""
    from edtech.ml.artifacts import load_result

    return load_result(tracker(experiment).runs, run_id)


@st.cache_resource(show_spinner="Preparing the answer", max_entries=20)
def response(run_id: str, experiment: str, dataset_id: str) -> "Response":
    """Return a run's demand at prices for the units of a data set."""
    from edtech.pricing import price_response

    return price_response(result(run_id, experiment), panel(dataset_id))


@st.cache_data(show_spinner=False, max_entries=100)
def curve(run_id: str, experiment: str, dataset_id: str, moved: bytes) -> "RevenueCurve":
    """Return the curve over a common change of a mask of units: how far their slider is moved does not change it."""
    from edtech.pricing import revenue_curve

    return revenue_curve(response(run_id, experiment, dataset_id), moved=np.frombuffer(moved, dtype=bool))


@st.cache_resource(show_spinner="Looking for better prices", max_entries=20)
def plan(
    run_id: str,
    experiment: str,
    dataset_id: str,
    objective: "Objective" = "token_revenue",
    constraints: "Constraints | None" = None,
) -> "Plan":
    """Return the plan of a run for a data set that may be acted on; no slider of the what-if changes it."""
    from edtech.pricing.constraints import Constraints
    from edtech.pricing.policy import plan_to_act_on, revenue_split

    chosen = dataset(dataset_id)
    split = revenue_split(chosen)
    return plan_to_act_on(
        chosen, response(run_id, experiment, dataset_id), split, objective, constraints or Constraints()
    )


@st.cache_resource(show_spinner=False, max_entries=20)
def unit_attributes(run_id: str, experiment: str, dataset_id: str) -> pd.DataFrame:
    """Return what the units of a response can be chosen by."""
    from edtech.pricing.price_changes import attributes, unit_table

    return attributes(response(run_id, experiment, dataset_id), unit_table(dataset(dataset_id)))


def demand_runs(experiment: str, digest: str) -> pd.DataFrame:
    """Return the experiment's finished trainings of demand on the data set of that digest, newest first."""
    runs = of_dataset(run_table(experiment), digest)
    return runs[runs.reindex(columns=["tags.model_type"])["tags.model_type"] == "token_elasticity"]


@st.cache_data(show_spinner=False, ttl=30, max_entries=20)
def deleted_scenarios(experiment: str) -> pd.DataFrame:
    """Return the experiment's deleted scenarios, newest first."""
    return tracker(experiment).runs.deleted(experiment, "scenario")


@st.cache_data(show_spinner=False, ttl=30, max_entries=20)
def scenario_table(experiment: str) -> pd.DataFrame:
    """Return the experiment's saved scenarios, newest first."""
    return _runs().list_runs([experiment], kind="scenario", or_kept=True)


@st.cache_data(show_spinner=False, max_entries=50)
def whole_period(dataset_id: str) -> "Period | None":
    """Return the days that a data set is about."""
    from edtech.economy import whole_period

    return whole_period(dataset(dataset_id))


@st.cache_data(show_spinner="Adding up the ledger", max_entries=50)
def economy(dataset_id: str, period: "Period | None") -> "Economy":
    """Return the figures of the token economy over a range of days."""
    from edtech.economy import economy

    return economy(dataset(dataset_id), period)


@st.cache_data(show_spinner="Checking the books", max_entries=50)
def reconciliation(dataset_id: str, period: "Period") -> "Reconciliation":
    """Return the proof that the figures agree with the ledger."""
    from edtech.economy import reconcile

    return reconcile(dataset(dataset_id), period)


@st.cache_resource(show_spinner="Reading the flows of the ledger", max_entries=20)
def observed(dataset_id: str) -> "Observed":
    """Return what a forecast starts from."""
    from edtech.economy.observed_flows import observe

    return observe(dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=50)
def price_index(dataset_id: str) -> pd.DataFrame:
    """Return the price level of each period."""
    from edtech.economy.series import price_index

    return price_index(dataset(dataset_id))


@st.cache_resource(show_spinner=False)
def registry() -> "ModelRegistry":
    """Return the registered models of the store."""
    from edtech.tracking.registry import ModelRegistry

    return ModelRegistry(settings())


@st.cache_data(show_spinner="Predicting", max_entries=5)
def scored(run_id: str, rows: pd.DataFrame) -> "Scored":
    """Return rows with the predictions of a run's model, what they are of, and what the model never saw."""
    from edtech.ml.prediction import scored

    return scored(registry().runs, run_id, rows)


@st.cache_data(show_spinner=False, max_entries=20)
def scoring_template(run_id: str) -> pd.DataFrame:
    """Return a table with the columns that a run's model predicts from, with rows that it was asked."""
    from edtech.ml.prediction import template

    return template(registry().runs, run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def signature(run_id: str) -> dict[str, str]:
    """Return the columns that a run's model predicts from, with their types."""
    return registry().runs.signature(run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def example_row(run_id: str) -> dict[str, str]:
    """Return a row that a run's model was asked, as text."""
    from edtech.ml.prediction import example_row

    return example_row(registry().runs, run_id)


@st.cache_data(show_spinner=False, max_entries=50)
def leaned_on(run_id: str) -> tuple[str, ...]:
    """Return the columns that a run's predictions lean on, most first."""
    from edtech.ml.prediction import leaned_on

    return leaned_on(registry().runs, run_id)
