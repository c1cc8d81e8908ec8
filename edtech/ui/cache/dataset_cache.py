"""Tables and figures of data sets, read once for all sessions."""

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
    """Return a stored data set in its current state."""
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
    """Return the columns of each table that have a distribution."""
    return aggregates.tables_to_explore(dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=50)
def summary(dataset_id: str) -> tuple[summaries.KeyFigure, ...]:
    """Return the summary figures of a data set."""
    return summaries.summary(dataset(dataset_id))


@st.cache_data(show_spinner=False, max_entries=100)
def distribution(dataset_id: str, table: str, column: str) -> pd.DataFrame:
    """Return the distribution of a column."""
    return aggregates.distribution(dataset(dataset_id), table, column)


@st.cache_data(show_spinner=False, max_entries=100)
def mean_by(dataset_id: str, value: str, by: str) -> pd.DataFrame:
    """Return the mean of a column by another column."""
    return aggregates.mean_by(dataset(dataset_id), value, by)


@st.cache_data(show_spinner=False, max_entries=20)
def market_figures(dataset_id: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return seasonality, cohort retention and token flows of a generated market."""
    market = dataset(dataset_id)
    return aggregates.seasonality(market), aggregates.cohort_retention(market), aggregates.token_flows(market)


@st.cache_data(show_spinner=False, max_entries=50)
def dictionary(dataset_id: str, table: str) -> pd.DataFrame:
    """Return the dictionary of a table's columns."""
    return summaries.dictionary(dataset(dataset_id), table)


@st.cache_data(show_spinner="Checking the data set", max_entries=20)
def checks(dataset_id: str) -> tuple[Check, ...]:
    """Return the checks of a data set; the last is the verdict."""
    return check_dataset(dataset(dataset_id))


@st.cache_data(show_spinner="Comparing the data sets", max_entries=20)
def differences(before_id: str, after_id: str) -> Difference:
    """Return the differences between two data sets."""
    return difference(dataset(before_id), dataset(after_id))


@st.cache_data(show_spinner=False, max_entries=100)
def expected(params: "MarketParams", workers: int) -> "SizeEstimate":
    """Return the expected size of a market with these parameters."""
    from edtech.market.estimate import estimate_size

    return estimate_size(params, workers)


def _release(staged: Upload | UploadError) -> None:
    if isinstance(staged, Upload):
        staged.close()


def _close(content: BinaryIO | None) -> None:
    if content is not None:
        content.close()


@st.cache_resource(scope="session", max_entries=MAX_WAITING, on_release=_close, show_spinner=False)
def large_file(file_id: str) -> BinaryIO | None:
    """Return the content of a large upload until the session ends, or None if Streamlit holds it."""
    return take_file(file_id)


@st.cache_resource(scope="session", max_entries=2, on_release=_release, show_spinner="Reading the file")
def staged(file_id: str, dialect: Dialect | None, sheet: str | None, _file: Any) -> Upload | UploadError:  # noqa: ANN401, ARG001
    """Return a parsed file with its rows on disk, or the error; released on replacement or at the end of the session.

    Two versions are cached: with the detected dialect, and with the dialect of the user.
    """
    limit = services.settings().upload_limit_mb
    try:
        content = large_file(_file.file_id) or _file
        return services.catalogue().stage(str(_file.name), content, limit_mb=limit, dialect=dialect, sheet=sheet)
    except UploadError as error:
        return error


@st.cache_data(show_spinner=False, max_entries=50)
def by_unit(dataset_id: str) -> pd.DataFrame:
    """Return mean price, mean quantity and segment of each unit."""
    return dataset(dataset_id).by_unit()
