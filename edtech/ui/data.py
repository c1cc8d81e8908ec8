"""Parts of the Data page: generate, upload, stored data sets."""

from typing import Any

import streamlit as st

from edtech.charts import pricing as charts
from edtech.data import Dataset, RoleSuggestion, Upload, combine_columns, read_upload, suggest_roles
from edtech.data.health import Check, check_panel
from edtech.data.samples import sample_panel_csv
from edtech.market import PRESETS, MarketParams
from edtech.tables.roles import PanelRoles
from edtech.ui import jobs, resources
from edtech.ui.overview import key_figures, origin
from edtech.ui.state import Key, choose, notify
from edtech.ui.widgets import errors_shown, params_form, plain

SIZE = ("learners", "teachers", "courses", "weeks", "seed")
PRICES = ("price_sensitivity", "endogeneity", "promo_rate", "promo_depth", "promo_randomized_share", "price_test_share")
COMBINED = "unit (combined)"
NOTHING = "(none)"
PRICES_SET = {
    "unknown": "I do not know, or in answer to demand",
    "schedule": "By a schedule or rule that does not look at demand",
    "experiment": "At random, as an experiment",
}
MARKS = {"PASS": ":material/check_circle:", "REVIEW": ":material/visibility:", "FAIL": ":material/error:"}


def generate_form() -> None:
    """Show the knobs of a market and generate it."""
    preset = st.selectbox(
        "Preset",
        list(PRESETS),
        key="generate.preset",
        help="A starting point: in confounded, prices follow demand; in price_test, they are drawn at random.",
    )
    start = PRESETS[preset]
    others = tuple(name for name in MarketParams.model_fields if name not in (*SIZE, *PRICES))
    with st.form("generate", border=True):
        name = st.text_input("Name", f"{preset} market", max_chars=200, key=f"generate.name.{preset}")
        values: dict[str, Any] = {}
        for title, names, open_ in (
            ("Size", SIZE, True),
            ("Prices and promotions", PRICES, True),
            ("Everything else", others, False),
        ):
            with st.expander(title, expanded=open_):
                values |= _in_columns(start, f"generate.{preset}", names)
        asked = st.form_submit_button("Generate", type="primary", icon=":material/play_arrow:")
    if asked:
        with errors_shown():
            stored = jobs.generate(MarketParams(**values), name, jobs.progress())
            notify(f"{stored.name} is stored and chosen: {stored.rows:,} course-weeks.")
            st.rerun()


def _in_columns(start: MarketParams, key: str, names: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column, offset in zip(st.columns(2), (0, 1), strict=True):
        with column:
            values |= params_form(MarketParams, key, start, names[offset::2])
    return values


def upload_form() -> None:
    """Read a file, ask which column is what and how prices were set, check, store."""
    st.markdown(
        "A **demand panel**: one row for each course (or product) and week (or other period) with the price and the "
        "quantity sold. Views, a randomized discount, instruments and covariates make the answer sounder."
    )
    st.download_button(
        "Sample file (CSV)", sample_panel_csv, "demand_panel_sample.csv", "text/csv", key="upload.sample",
        on_click="ignore", icon=":material/download:",
    )  # fmt: skip
    limit = resources.settings().upload_limit_mb
    file = st.file_uploader("File (CSV, TSV or Parquet)", key="upload.file", max_upload_size=limit,
                            help=f"At most {limit} MB; .gz is unpacked.")  # fmt: skip
    if file is None:
        return
    with errors_shown():
        upload = read_upload(file.name, file, limit_mb=limit)
        st.caption(f"{upload.rows:,} rows, {len(upload.columns):,} columns.")
        for note in upload.notes:
            st.text(note)
        st.dataframe(upload.frame.head(20), hide_index=True, key="upload.preview")
        _map_and_store(upload, file.name)


def _map_and_store(upload: Upload, file_name: str) -> None:
    frame, suggestion = upload.frame, suggest_roles(upload.frame)
    if suggestion.unit_parts:
        parts = st.multiselect("Columns that together tell the units apart", [str(c) for c in frame.columns],
                               list(suggestion.unit_parts), key="upload.parts")  # fmt: skip
        frame = combine_columns(frame, parts, COMBINED)
    roles = _mapping(frame.columns.astype(str).tolist(), suggestion)
    name = st.text_input("Name", file_name[:200], max_chars=200, key=f"upload.name.{file_name}")
    if roles is None:
        st.info("Choose the price and the quantity to go on.", icon=":material/arrow_upward:")
        return
    if st.button("Check and store", type="primary", key="upload.store", icon=":material/save:"):
        with errors_shown():
            stored = resources.catalogue().add_panel(frame, roles, name=name, source={"file": file_name[:200]})
            choose(Key.DATASET, stored.id)
            notify(f"{stored.name} is stored and chosen: {stored.rows:,} rows.")
            st.rerun()


def _mapping(columns: list[str], suggestion: RoleSuggestion) -> PanelRoles | None:
    """Ask for each role; the suggestion is filled in."""
    found = {name: getattr(suggestion, name, None) for name in PanelRoles.model_fields}
    if suggestion.unit_parts:
        found["unit"] = COMBINED
    st.markdown("**Which column is what?** Filled in where the names tell; please check.")
    single = ("price", "quantity", "unit", "period", "segment", "views", "randomized_discount", "randomized_flag")
    chosen: dict[str, Any] = {}
    for number, column in enumerate(st.columns(2)):
        for role in single[number::2]:
            info = PanelRoles.model_fields[role]
            options = [NOTHING, *columns]
            index = options.index(str(found[role])) if found[role] in options else 0
            picked = column.selectbox(info.title or role, options, index, key=f"upload.{role}", help=info.description)
            chosen[role] = None if picked == NOTHING else picked
    for role in ("instruments", "controls"):
        info = PanelRoles.model_fields[role]
        start = [name for name in found[role] or () if name in columns]
        chosen[role] = st.multiselect(info.title or role, columns, start, key=f"upload.{role}", help=info.description)
    prices_set = st.radio("How were the prices set?", list(PRICES_SET), format_func=PRICES_SET.__getitem__,
                          key="upload.prices_set", help=PanelRoles.model_fields["prices_set"].description)  # fmt: skip
    weights = st.radio("Average over", ["quantity", "equal"], horizontal=True, key="upload.weights",
                       help=PanelRoles.model_fields["weights"].description)  # fmt: skip
    if chosen["price"] is None or chosen["quantity"] is None:
        return None
    return PanelRoles(**chosen, prices_set=prices_set, weights=weights)


def dataset_details(dataset: Dataset) -> None:
    """Show one data set: figures, prices and demand, whether an elasticity can be learned, and its settings."""
    st.subheader(plain(dataset.name))
    made = f"Digest {dataset.digest[:12]}, created {dataset.created:%Y-%m-%d %H:%M} UTC."
    st.caption(f"{origin(dataset)}. {made}")
    key_figures(dataset)
    units = resources.by_unit(dataset.id)
    st.altair_chart(
        charts.demand_scatter(
            units, title="Dear and cheap units differ in more than their price: this slope is no price effect"
        ),
        alt="Mean price against quantity sold of each unit, by segment",
    )
    st.subheader("Can an elasticity be learned here?")
    *checks, verdict = check_panel(resources.panel(dataset.id), dataset.roles)
    _check(verdict)
    passed = [check for check in checks if check.severity == "PASS"]
    for check in checks:
        if check not in passed:
            _check(check)
    with st.expander(f"{len(passed)} checks passed"):
        for check in passed:
            _check(check)


def _check(check: Check) -> None:
    with st.container(border=True):
        st.markdown(f"{MARKS[check.severity]} **{check.severity}: {plain(check.title)}** (`{check.code}`)")
        st.text(check.evidence)
        if check.fix:
            st.text(f"What to do: {check.fix}")


def stored_list() -> None:
    """Rename, delete and restore data sets."""
    for one in resources.catalogue().list():
        with st.container(border=True):
            st.text(f"{one.name}: {one.rows:,} rows, {one.kind}, {one.created:%Y-%m-%d %H:%M} UTC")
            left, right = st.columns([3, 1], vertical_alignment="bottom")
            name = left.text_input("New name", one.name, key=f"rename.{one.id}", max_chars=200)
            with errors_shown():
                if name != one.name:
                    resources.catalogue().rename(one.id, name)
                    st.rerun()
                if right.button("Delete", key=f"delete.{one.id}", icon=":material/delete:"):
                    resources.catalogue().delete(one.id)
                    notify(f"{one.name} is deleted; it can be restored below.")
                    st.rerun()
    for one in resources.catalogue().list(deleted=True):
        st.text(f"Deleted: {one.name}")
        if st.button("Restore", key=f"restore.{one.id}", icon=":material/undo:"):
            resources.catalogue().restore(one.id)
            st.rerun()
