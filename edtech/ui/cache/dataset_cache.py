"""What pages show of a data set, read once for all sessions."""

from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd
import streamlit as st

from edtech.data import Check, Dataset, Dialect, Difference, KeyFigures, Upload, check_dataset, difference
from edtech.data import explore as aggregates
from edtech.data import summary as summaries
from edtech.errors import UploadError
from edtech.ui.cache import services
from edtech.ui.upload_storage import MAX_WAITING, take_file

if TYPE_CHECKING:
    from edtech.market import MarketParams
    from edtech.market.estimate import SizeEstimate


def dataset(dataset_id: str) -> Dataset:
    """Return a stored data set as it is now."""
    return services.catalogue().get(dataset_id)


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
def expected(params: "MarketParams", workers: int) -> "SizeEstimate":
    """Return how big a market of these parameters will be."""
    from edtech.market.estimate import estimate_size as estimate

    return estimate(params, workers)


def _let_go(staged: Upload | UploadError) -> None:
    if isinstance(staged, Upload):
        staged.close()


def _close(content: BinaryIO | None) -> None:
    if content is not None:
        content.close()


@st.cache_resource(scope="session", max_entries=MAX_WAITING, on_release=_close, show_spinner=False)
def large_file(file_id: str) -> BinaryIO | None:
    """Return the content of a large upload, None where Streamlit holds it; it goes when the session ends."""
    return take_file(file_id)


@st.cache_resource(scope="session", max_entries=2, on_release=_let_go, show_spinner="Reading the file")
def staged(file_id: str, dialect: Dialect | None, sheet: str | None, _file: Any) -> Upload | UploadError:  # noqa: ANN401, ARG001
    """Return a file that was read, its rows on disk, or why it cannot be; they go when replaced or the session ends.

    Two readings are kept: as found out, and as the user says it is written.
    """
    limit = services.settings().upload_limit_mb
    try:
        content = large_file(_file.file_id) or _file
        return services.catalogue().stage(str(_file.name), content, limit_mb=limit, dialect=dialect, sheet=sheet)
    except UploadError as error:
        return error


@st.cache_data(show_spinner=False, max_entries=50)
def by_unit(dataset_id: str) -> pd.DataFrame:
    """Return mean price and quantity of each unit with its segment."""
    return dataset(dataset_id).by_unit()
