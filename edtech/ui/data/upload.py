"""Upload of a file: format, column roles, checks and storage."""

from functools import partial
from typing import Any

import streamlit as st

from edtech.data import CONTRACTS, DECIMALS, DELIMITERS, ENCODINGS, THOUSANDS, Dialect, Upload, roles_for, sample_csv
from edtech.errors import ContractError, EdtechError
from edtech.reports import table_csv
from edtech.tables.formatting import pluralize
from edtech.ui import state
from edtech.ui.cache import dataset_cache, services
from edtech.ui.data import column_mapping
from edtech.ui.state import Key, choose, notify
from edtech.ui.widgets import error_panel, escape, show_errors

PREVIEW = 20


def upload_form() -> None:
    """Read a file, map its columns, check and store it."""
    st.markdown(
        "Upload a **demand panel**, **visits** with the offered courses, **labeled rows** (enrolled, completed or "
        "left), or **ratings** by teacher. The check lists all problems with their rows."
    )
    _samples()
    limit = services.settings().upload_limit_mb
    file = st.file_uploader(
        "File (CSV, TSV, Parquet or XLSX)",
        key="upload.file",
        max_upload_size=limit,
        help=f"At most {limit} MB. Files in .gz are decompressed.",
    )
    if file is None:
        dataset_cache.staged.clear()
        dataset_cache.large_file.clear()
    elif state.value("upload.stored") == file.file_id:
        st.info(
            "This file is stored and selected. See the Summary tab, or choose another file above.",
            icon=":material/done:",
        )
        st.button("Edit mapping", key="upload.again", on_click=_forget, icon=":material/undo:")
    else:
        with show_errors():
            _read_map_store(file)


def _forget() -> None:
    state.clear("upload.stored")


def _samples() -> None:
    with st.expander("Sample files"), st.container(horizontal=True):
        for kind, contract in CONTRACTS.items():
            st.download_button(
                f"Download {contract.title} (CSV)",
                partial(sample_csv, kind),
                f"{kind}_sample.csv",
                "text/csv",
                key=f"upload.sample.{kind}",
                on_click="ignore",
                icon=":material/download:",
                help=contract.row,
            )


def _read_map_store(file: Any) -> None:  # noqa: ANN401  # Streamlit's uploaded file
    """Show the detected format; if the file is readable, map its columns, check and store it.

    The rows are on disk (`Catalogue.stage`), so a rerun does not read the file again.
    """
    with st.expander("File format", expanded=True):
        upload, token = _confirm_format(file)
        for note in upload.notes:
            st.text(note)
    st.dataframe(upload.frame.head(PREVIEW), hide_index=True, key="upload.preview")
    kind = column_mapping.choose_kind(upload, token)
    selection, parts = column_mapping.choose_roles(upload, kind, token)
    name = st.text_input("Name", file.name[:200], max_chars=200, key=f"upload.name.{file.name}")
    roles = roles_for(kind, selection)
    if st.button("Check and store", type="primary", key="upload.store", icon=":material/save:"):
        with st.spinner("Checking every row"):
            try:
                stored = services.catalogue().add_upload(upload, roles, name=name, unit_parts=parts)
            except EdtechError as error:
                _show_failures(error)
                return
        state.set_value("upload.stored", file.file_id)
        dataset_cache.staged.clear()
        choose(Key.DATASET, stored.id)
        notify(f"{stored.name} is stored and selected: {pluralize(stored.rows, 'row')}.")
        st.rerun()


def _show_failures(error: EdtechError) -> None:
    error_panel(error)
    if isinstance(error, ContractError) and error.failures is not None:
        st.download_button(
            "Download failures (CSV)",
            table_csv(error.failures),
            "failures.csv",
            "text/csv",
            key="upload.failures",
            on_click="ignore",
            icon=":material/download:",
        )


def _confirm_format(file: Any) -> tuple[Upload, str]:  # noqa: ANN401  # Streamlit's uploaded file
    """Return the upload in the confirmed format, and a token of that format.

    Raises:
        UploadError: The file cannot be read in this format.
    """
    result = dataset_cache.staged(file.file_id, None, None, file)
    fresh = state.is_new("upload.read", file.file_id)
    if isinstance(result, Upload) and result.dialect is None:
        sheet = _sheet(result, fresh=fresh)
        read = result if sheet == result.sheet else dataset_cache.staged(file.file_id, None, sheet, file)
        return _require_upload(read), f"{file.file_id}.{sheet}"
    if isinstance(result, EdtechError):
        st.caption(f"The detected format failed: {escape(result.problem)}. If it is a text file, set its format below.")
    start = (
        result.dialect if isinstance(result, Upload) and result.dialect is not None else Dialect(",", ".", "utf-8", "")
    )
    requested = _dialect(start, fresh=fresh)
    read = result if requested == start else dataset_cache.staged(file.file_id, requested, None, file)
    return _require_upload(read), f"{file.file_id}.{requested}"


def _require_upload(read: Upload | EdtechError) -> Upload:
    if isinstance(read, EdtechError):
        raise read
    return read


def _sheet(upload: Upload, *, fresh: bool) -> str | None:
    if not upload.sheets:
        return upload.sheet
    state.start_from("upload.sheet", upload.sheet or upload.sheets[0], fresh=fresh)
    sheet: str = st.selectbox("Sheet", upload.sheets, key="upload.sheet", help="The sheet with the table.")
    return sheet


def _dialect(detected: Dialect, *, fresh: bool) -> Dialect:
    """Show the format of a text file, filled in with the detected format."""
    columns = st.columns(4)
    return Dialect(
        _choice(columns[0], "Delimiter", DELIMITERS, detected.delimiter, fresh=fresh),
        _choice(columns[1], "Decimal mark", DECIMALS, detected.decimal, fresh=fresh),
        _choice(columns[2], "Encoding", dict(zip(ENCODINGS, ENCODINGS, strict=True)), detected.encoding, fresh=fresh),
        _choice(columns[3], "Thousands separator", THOUSANDS, detected.thousands, fresh=fresh),
    )


def _choice(column: Any, label: str, options: dict[str, str], detected: str, *, fresh: bool) -> Any:  # noqa: ANN401
    key = f"upload.{label.lower().replace(' ', '_')}"
    state.start_from(key, detected, fresh=fresh)
    return column.selectbox(label, list(options), format_func=options.__getitem__, key=key)
