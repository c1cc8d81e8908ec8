"""The sidebar: data set and experiment for all pages, and the tracking store."""

import streamlit as st

from edtech.data import CONTRACTS, Dataset
from edtech.errors import EdtechError
from edtech.ui.cache import run_cache, services
from edtech.ui.state import Key, address_names_unknown, choose, get
from edtech.ui.widgets import error_panel, escape, page_link, shared_selectbox, show_errors


def show() -> None:
    """Show the sidebar."""
    with st.sidebar:
        st.subheader("Workspace")
        _dataset()
        experiment = _experiment()
        st.caption("Tracking store")
        _store()
        _server()
    choose(Key.EXPERIMENT, experiment)


def _store() -> None:
    """Show the tracking store, without a password, and how to open MLflow's pages."""
    from edtech.tracking.store import find_store  # imports the whole package, after the server reports healthy

    try:
        store = find_store(settings=services.settings())
    except EdtechError:  # each page that needs the store shows the error
        st.caption("The address of the tracking store cannot be used.")
        return
    st.code(store.redacted_uri, language=None, wrap_lines=True)
    command = "open this address" if store.is_server else "run mlflow ui --backend-store-uri with this address"
    st.caption(f"To open MLflow, {command}.")


def current_dataset() -> Dataset | None:
    """Return the selected data set, else the newest, or None without data sets."""
    stored = services.catalogue().list()
    wanted = get(Key.DATASET)
    return next((dataset for dataset in stored if dataset.id == wanted), stored[0] if stored else None)


def current_experiment() -> str:
    """Return the selected experiment."""
    return get(Key.EXPERIMENT) or services.settings().experiment


def has_panel(dataset: Dataset) -> bool:
    """Tell whether the data set has prices and quantities; if not, say what this page needs."""
    if dataset.kind in ("market", "panel"):
        return True
    title = CONTRACTS[dataset.kind].title
    st.info(
        f"The selected data set is a {title}. This page needs prices and quantities by unit and period.",
        icon=":material/database:",
    )
    st.markdown("Choose a demand panel or a generated market in the sidebar, or open this data set on the Data page.")
    page_link("data", "Open the Data page", ":material/database:")
    return False


def _dataset() -> None:
    stored, current = services.catalogue().list(), current_dataset()
    if current is None:
        st.info("No data set yet. Generate or upload one on the Data page.", icon=":material/database:")
        return
    names = {dataset.id: f"{dataset.name} ({dataset.kind}, {dataset.created:%d %b %H:%M})" for dataset in stored}
    if address_names_unknown(Key.DATASET, names):
        st.warning(
            "The address names a data set that does not exist here. The newest is shown.", icon=":material/link_off:"
        )
    shared_selectbox(
        "Data set",
        list(names),
        current.id,
        Key.DATASET,
        key="sidebar.dataset",
        format_func=names.__getitem__,
        help="Used for training and pricing on every page.",
    )


def _experiment() -> str:
    name = st.text_input(
        "Experiment",
        value=current_experiment()[:200],
        max_chars=200,
        help="MLflow experiment for new runs, shown on Compare.",
        key="sidebar.experiment",
    )
    return name.strip() or services.settings().experiment


def _server() -> None:
    """Warn if the tracking server cannot be reached."""
    if services.settings().has_server:
        with show_errors():
            if notice := run_cache.server_notice():
                st.warning(escape(notice), icon=":material/cloud_off:")


def store_is_open() -> bool:
    """Tell whether the tracking store works; if not, show the error."""
    try:
        services.tracker(current_experiment())
    except EdtechError as error:
        error_panel(error)
        return False
    return True
