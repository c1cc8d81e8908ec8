"""The registry on the Models page: versions, gates, promotion and rollback, the card, the champion's history."""

import pandas as pd
import streamlit as st

from edtech.charts import models as charts
from edtech.metrics import metric
from edtech.reports.model_card import model_card
from edtech.tracking.registry import CHAMPION, Event, Version
from edtech.tracking.registry_checks import DECISIONS, Gate
from edtech.ui import run_tables
from edtech.ui.cache import services
from edtech.ui.state import notify
from edtech.ui.widgets import escape, show_errors

_MARKS = {True: ":material/check_circle:", False: ":material/block:"}


def register(run_id: str, key: str) -> None:
    """Show the gates of a run; register it, and make it the champion, on request."""
    registry = services.registry()
    _gates(registry.gates(run_id))
    with st.form(key, border=True):
        reason = _reason(f"{key}.reason")
        challenger = st.form_submit_button(
            "Register as the challenger",
            key=f"{key}.challenger",
            icon=":material/add_box:",
            help="The newest version of its family's model.",
        )
        champion = st.form_submit_button(
            "Register and make it the champion",
            key=f"{key}.champion",
            icon=":material/trophy:",
            help="The version that Predict, Pricing and `models:/...@champion` take.",
        )
    if challenger or champion:
        with show_errors():
            version_created = registry.register(run_id)
            message = f"Registered as version {version_created.version} of {version_created.name}"
            if champion:
                st.success(
                    escape(f"{message}."), icon=":material/check_circle:"
                )  # true where the next gate is shut too
                registry.promote(version_created.name, version_created.version, reason)
            _changed(f"{message}, the champion." if champion else f"{message}.")


def _reason(key: str) -> str:
    return st.text_input(
        "Reason", max_chars=1_000, key=key, help="Needed for a champion whose decisions are not worth more; it is kept."
    )


def _gates(gates: tuple[Gate, ...]) -> None:
    for gate in gates:
        more = " A written reason opens it." if gate.opens_for_a_reason and not gate.passed else ""
        st.markdown(f"{_MARKS[gate.passed]} **{escape(gate.title)}**: {escape(gate.evidence)}.{more}")


def choose_model() -> str | None:
    """Let the user choose a registered model; None where there is none."""
    names = services.registry().names()
    if not names:
        return None
    return st.selectbox("Registered model", names, key="models.name", help="One for each family, or named by a user.")


def choose_version(name: str, key: str) -> Version:
    """Let the user choose a version; the champion is chosen at first."""
    versions = {version.version: version for version in services.registry().versions(name)}
    held = next((position for position, version in enumerate(versions.values()) if version.is_champion), 0)
    number = st.selectbox(
        "Version",
        list(versions),
        index=held,
        format_func=lambda version: _label(versions[version]),
        key=f"{key}.{name}",
        help="Newest first.",
    )
    return versions[number]


def _label(version: Version) -> str:
    message = (f"version {version.version}", _algorithm(version), *version.aliases)
    return ", ".join(filter(None, message))


def _algorithm(version: Version) -> str:
    return run_tables.algorithm_title(version.tags.get("model_type", ""), version.tags.get("algorithm", ""))


def show_versions(name: str) -> None:
    """Show a model's versions, what they are worth, and let one be promoted or the champion taken back."""
    registry = services.registry()
    st.dataframe(version_rows(registry.versions(name)), hide_index=True, key="models.versions")
    selection = choose_version(name, "models.version")
    address = f"models:/{name}@{CHAMPION}" if selection.is_champion else selection.uri
    st.code(f'mlflow.pyfunc.load_model("{address}")', language=None)
    run = registry.run_of(selection)
    gates = () if run is None else registry.gates(selection.run_id, name)
    if run is None:
        st.warning("The run of this version is gone.", icon=":material/warning:")
    elif not selection.is_champion:
        _gates(gates)
        _promote(selection)
    _rollback(name)
    events = registry.events(name)
    _history(name, events)
    card = model_card(selection, run, gates, events)
    with st.expander("Model card"):
        st.markdown(card)
    st.download_button(
        "Download the model card",
        card,
        f"{name}-{selection.version}.md",
        key="models.card",
        on_click="ignore",
        icon=":material/download:",
    )


def version_rows(versions: list[Version]) -> pd.DataFrame:
    """Return one row for each version."""
    rows = [
        (
            version.version,
            ", ".join(version.aliases),
            _algorithm(version),
            version.tags.get("dataset_name"),
            _utc(version),
            version.run_id,
            version.tags.get("edtech.reason"),
        )
        for version in versions
    ]
    return pd.DataFrame(
        rows, columns=["Version", "Alias", "Algorithm", "Data set", "Registered (UTC)", "Run", "Reason"]
    )


def _utc(version: Version) -> str:
    return "" if version.created is None else f"{version.created:%Y-%m-%d %H:%M}"


def _promote(version: Version) -> None:
    with st.form("models.promote", border=True):
        reason = _reason("models.reason")
        if st.form_submit_button("Make it the champion", type="primary", icon=":material/trophy:"):
            with show_errors():
                services.registry().promote(version.name, version.version, reason)
                _changed(f"Version {version.version} of {version.name} is the champion.")


def _rollback(name: str) -> None:
    if st.button(
        "Roll back to the champion before",
        key="models.rollback",
        icon=":material/undo:",
        help="Gives the place back to the version that held it before.",
    ):
        with show_errors():
            version_created = services.registry().rollback(name)
            _changed(f"Version {version_created.version} of {name} is the champion again.")


def _history(name: str, events: tuple[Event, ...]) -> None:
    if not events:
        st.caption("No version was the champion yet.")
        return
    st.subheader("Champions so far")
    st.dataframe(
        pd.DataFrame(
            [(e.at[:16].replace("T", " "), e.version, e.how, e.reason) for e in events],
            columns=["When (UTC)", "Version", "How", "Reason"],
        ),
        hide_index=True,
        key="models.events",
    )
    prediction = history(services.registry().versions(name), events)
    if prediction is not None:
        of, table = prediction
        title = f"{metric(of).title} of the champion over time"
        st.altair_chart(
            charts.time_series(table, title=title, y_title=f"{metric(of).title} ({metric(of).unit})", x_title="When"),
            alt=title,
        )


def history(versions: list[Version], events: tuple[Event, ...]) -> tuple[str, pd.DataFrame] | None:
    """Return the name of the decision's metric and its value (period, value) at each change of the champion."""
    tags = {version.version: version.tags for version in versions}
    for name in DECISIONS:
        key = f"metric.{name}"
        rows = [(event.at, float(tags[event.version][key])) for event in events if key in tags.get(event.version, {})]
        if len(rows) > 1:
            table = pd.DataFrame(rows, columns=["period", "value"])
            return name, table.assign(period=pd.to_datetime(table["period"], utc=True).dt.tz_localize(None))
    return None


def _changed(text: str) -> None:
    notify(text)
    st.rerun()
