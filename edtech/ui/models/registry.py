"""The model registry: checks, versions, promotion, rollback, model card and history of the champion."""

import pandas as pd
import streamlit as st

from edtech.charts import models as charts
from edtech.metrics import metric
from edtech.reports.model_card import model_card
from edtech.tracking.registry import CHAMPION, ChampionChange, ModelVersion
from edtech.tracking.registry_requirements import DECISION_VALUE_METRICS, Requirement
from edtech.ui import run_tables
from edtech.ui.cache import services
from edtech.ui.state import notify
from edtech.ui.widgets import escape, show_errors

_MARKS = {True: ":material/check_circle:", False: ":material/block:"}


def register(run_id: str, key: str) -> None:
    """Show the checks of a run; register it, and promote it to champion, on request."""
    registry = services.registry()
    _gates(registry.requirements(run_id))
    with st.form(key, border=True):
        reason = _reason(f"{key}.reason")
        challenger = st.form_submit_button(
            "Register as challenger",
            key=f"{key}.challenger",
            icon=":material/add_box:",
            help="Registers the newest version of the family's model.",
        )
        champion = st.form_submit_button(
            "Register as champion",
            key=f"{key}.champion",
            icon=":material/trophy:",
            help="Registers the version that Predict, Pricing and `models:/...@champion` use.",
        )
    if challenger or champion:
        with show_errors():
            version_created = registry.register(run_id)
            message = f"Registered as version {version_created.version} of {version_created.name}"
            if champion:
                # registered even if the promotion fails
                st.success(escape(f"{message}."), icon=":material/check_circle:")
                registry.promote(version_created.name, version_created.version, reason)
            _changed(f"{message}, now the champion." if champion else f"{message}.")


def _reason(key: str) -> str:
    return st.text_input(
        "Reason",
        max_chars=1_000,
        key=key,
        help="Required if the decision value is not higher than the champion's. It is stored.",
    )


def _gates(gates: tuple[Requirement, ...]) -> None:
    for gate in gates:
        more = " A written reason overrides this check." if gate.can_be_overridden and not gate.passed else ""
        st.markdown(f"{_MARKS[gate.passed]} **{escape(gate.title)}**: {escape(gate.evidence)}.{more}")


def choose_model() -> str | None:
    """Show the choice of a registered model; return None without models."""
    names = services.registry().names()
    if not names:
        return None
    return st.selectbox(
        "Registered model", names, key="models.name", help="One model per family, or a name given by a user."
    )


def choose_version(name: str, key: str) -> ModelVersion:
    """Show the choice of a version, by default the champion."""
    versions = {version.version: version for version in services.registry().versions(name)}
    champion = next((position for position, version in enumerate(versions.values()) if version.is_champion), 0)
    number = st.selectbox(
        "Version",
        list(versions),
        index=champion,
        format_func=lambda version: _label(versions[version]),
        key=f"{key}.{name}",
        help="Newest first.",
    )
    return versions[number]


def _label(version: ModelVersion) -> str:
    texts = (f"version {version.version}", _algorithm(version), *version.aliases)
    return ", ".join(filter(None, texts))


def _algorithm(version: ModelVersion) -> str:
    return run_tables.algorithm_title(version.tags.get("model_type", ""), version.tags.get("algorithm", ""))


def show_versions(name: str) -> None:
    """Show the versions of a model, with promotion, rollback, history and model card."""
    registry = services.registry()
    st.dataframe(version_rows(registry.versions(name)), hide_index=True, key="models.versions")
    selection = choose_version(name, "models.version")
    address = f"models:/{name}@{CHAMPION}" if selection.is_champion else selection.uri
    st.code(f'mlflow.pyfunc.load_model("{address}")', language=None)
    run = registry.run_of_version(selection)
    gates = () if run is None else registry.requirements(selection.run_id, name)
    if run is None:
        st.warning("The run of this version is deleted. Restore it or register another run.", icon=":material/warning:")
    elif not selection.is_champion:
        _gates(gates)
        _promote(selection)
    _rollback(name)
    events = registry.champion_changes(name)
    _history(name, events)
    card = model_card(selection, run, gates, events)
    with st.expander("Model card"):
        st.markdown(card)
    st.download_button(
        "Download model card",
        card,
        f"{name}-{selection.version}.md",
        key="models.card",
        on_click="ignore",
        icon=":material/download:",
    )


def version_rows(versions: list[ModelVersion]) -> pd.DataFrame:
    """Return a table with a row per version."""
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


def _utc(version: ModelVersion) -> str:
    return "" if version.created is None else f"{version.created:%Y-%m-%d %H:%M}"


def _promote(version: ModelVersion) -> None:
    with st.form("models.promote", border=True):
        reason = _reason("models.reason")
        if st.form_submit_button("Promote to champion", type="primary", icon=":material/trophy:"):
            with show_errors():
                services.registry().promote(version.name, version.version, reason)
                _changed(f"Version {version.version} of {version.name} is the champion.")


def _rollback(name: str) -> None:
    if st.button(
        "Roll back champion",
        key="models.rollback",
        icon=":material/undo:",
        help="Restores the previous champion.",
    ):
        with show_errors():
            version_created = services.registry().rollback(name)
            _changed(f"Version {version_created.version} of {name} is the champion again.")


def _history(name: str, events: tuple[ChampionChange, ...]) -> None:
    if not events:
        st.caption("No version has been champion yet.")
        return
    st.subheader("Champion history")
    st.dataframe(
        pd.DataFrame(
            [(e.at[:16].replace("T", " "), e.version, e.how, e.reason) for e in events],
            columns=["When (UTC)", "Version", "How", "Reason"],
        ),
        hide_index=True,
        key="models.events",
    )
    decision_history = history(services.registry().versions(name), events)
    if decision_history is not None:
        metric_name, table = decision_history
        definition = metric(metric_name)
        title = f"{definition.title} of the champion over time"
        st.altair_chart(
            charts.time_series(table, title=title, y_title=f"{definition.title} ({definition.unit})", x_title="Date"),
            alt=title,
        )


def history(versions: list[ModelVersion], events: tuple[ChampionChange, ...]) -> tuple[str, pd.DataFrame] | None:
    """Return the name of the decision metric and its values (period, value) at each change of the champion."""
    tags = {version.version: version.tags for version in versions}
    for name in DECISION_VALUE_METRICS:
        key = f"metric.{name}"
        rows = [(event.at, float(tags[event.version][key])) for event in events if key in tags.get(event.version, {})]
        if len(rows) > 1:
            table = pd.DataFrame(rows, columns=["period", "value"])
            return name, table.assign(period=pd.to_datetime(table["period"], utc=True).dt.tz_localize(None))
    return None


def _changed(text: str) -> None:
    notify(text)
    st.rerun()
