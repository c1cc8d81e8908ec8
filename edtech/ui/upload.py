"""Part of the Data page: read a file, say how it was read, map its columns, check, store."""

from typing import Any

import streamlit as st

from edtech.data import (
    DECIMALS,
    DELIMITERS,
    ENCODINGS,
    THOUSANDS,
    Dialect,
    RoleSuggestion,
    Upload,
    read_upload,
    sample_panel_csv,
    suggest_roles,
)
from edtech.errors import ContractError, EdtechError
from edtech.reports import table_csv
from edtech.tables.roles import PanelRoles
from edtech.ui import resources
from edtech.ui.state import Key, choose, notify
from edtech.ui.widgets import error_panel, errors_shown

COMBINED = "unit (combined)"
NOTHING = "(none)"
PREVIEW = 20
PRICES_SET = {
    "unknown": "I do not know, or in answer to demand",
    "schedule": "By a schedule or rule that does not look at demand",
    "experiment": "At random, as an experiment",
}


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
    file = st.file_uploader("File (CSV, TSV, Parquet or XLSX)", key="upload.file", max_upload_size=limit,
                            help=f"At most {limit} MB; .gz is unpacked.")  # fmt: skip
    if file is None:
        return
    with errors_shown():
        upload = read_upload(file.name, file, limit_mb=limit)
        with st.expander("How the file was read", expanded=True):
            upload = _confirmed(upload, file, limit)
            for note in upload.notes:
                st.text(note)
        st.dataframe(upload.frame.head(PREVIEW), hide_index=True, key="upload.preview")
        _map_and_store(upload, file.name)


def _confirmed(upload: Upload, file: Any, limit: int) -> Upload:  # noqa: ANN401  # Streamlit's uploaded file
    """Let the user change what was found out of the file, and read it again where it was changed."""
    if upload.sheets:
        sheet = st.selectbox("Sheet", upload.sheets, upload.sheets.index(upload.sheet or upload.sheets[0]),
                             key="upload.sheet", help="The sheet of the workbook that holds the table.")  # fmt: skip
        return upload if sheet == upload.sheet else read_upload(file.name, file, limit_mb=limit, sheet=sheet)
    found = upload.dialect
    if found is None:
        return upload
    columns = st.columns(4)
    asked = Dialect(
        _choice(columns[0], "Between cells", DELIMITERS, found.delimiter),
        _choice(columns[1], "Decimal mark", DECIMALS, found.decimal),
        columns[2].selectbox("Encoding", ENCODINGS, ENCODINGS.index(found.encoding), key="upload.encoding"),
        _choice(columns[3], "Between thousands", THOUSANDS, found.thousands),
    )
    return upload if asked == found else read_upload(file.name, file, limit_mb=limit, dialect=asked)


def _choice(column: Any, label: str, options: dict[str, str], found: str) -> Any:  # noqa: ANN401  # a column of Streamlit
    names = list(options)
    key = f"upload.{label.lower().replace(' ', '_')}"
    return column.selectbox(label, names, names.index(found), format_func=options.__getitem__, key=key)


def _map_and_store(upload: Upload, file_name: str) -> None:
    remembered = resources.catalogue().remembered(upload.columns, "panel")
    suggestion = suggest_roles(upload.frame)
    if remembered is not None:
        st.caption("Mapped as the last file with these columns.")
        suggestion = RoleSuggestion(
            **remembered.roles.model_dump(exclude={"controls", "prices_set", "weights"}),
            unit_parts=remembered.unit_parts,
        )
    columns, parts = list(upload.columns), list(suggestion.unit_parts)
    if parts:
        parts = st.multiselect("Columns that together tell the units apart", columns, parts, key="upload.parts",
                               help="Joined into one column, which becomes the unit.")  # fmt: skip
        columns.append(COMBINED)
    roles = _mapping(columns, suggestion)
    name = st.text_input("Name", file_name[:200], max_chars=200, key=f"upload.name.{file_name}")
    if roles is None:
        missing = ContractError(
            "Choose the price and the quantity to go on",
            expected="one column for the price and one for the quantity",
            found="columns " + ", ".join(upload.columns[:20]),
            fix="choose them above; where the file has none, upload one that has",
        )
        error_panel(missing)
        return
    if st.button("Check and store", type="primary", key="upload.store", icon=":material/save:"):
        try:
            unit_parts = parts if roles.unit == COMBINED else []
            stored = resources.catalogue().add_upload(upload, roles, name=name, unit_parts=unit_parts)
        except EdtechError as error:
            error_panel(error)
            if isinstance(error, ContractError) and error.failures is not None:
                st.download_button("All failures (CSV)", table_csv(error.failures), "failures.csv", "text/csv",
                                   key="upload.failures", on_click="ignore", icon=":material/download:")  # fmt: skip
            return
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
