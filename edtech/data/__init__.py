"""Store data sets in a catalogue, read uploads, and check the quality of tables."""

from edtech.data.catalogue import Catalogue
from edtech.data.difference import ColumnDifference, Difference, difference
from edtech.data.ingest.dialect import DECIMALS, DELIMITERS, ENCODINGS, THOUSANDS, Dialect
from edtech.data.ingest.mapping import SavedMapping, combine_columns
from edtech.data.ingest.samples import sample_csv, sample_panel_csv
from edtech.data.ingest.suggest import RoleSuggestion, suggest_kind, suggest_mapping, suggest_roles
from edtech.data.ingest.upload import Upload, read_upload
from edtech.data.quality.checks import Check, Severity
from edtech.data.quality.demand_panel import check_panel
from edtech.data.quality.health import check_dataset, check_table
from edtech.data.store import Dataset, KeyFigures
from edtech.tables.table_kinds import CONTRACTS, build_panel, contract_for, roles_for

__all__ = [
    "CONTRACTS",
    "DECIMALS",
    "DELIMITERS",
    "ENCODINGS",
    "THOUSANDS",
    "Catalogue",
    "Check",
    "ColumnDifference",
    "Dataset",
    "Dialect",
    "Difference",
    "KeyFigures",
    "RoleSuggestion",
    "SavedMapping",
    "Severity",
    "Upload",
    "build_panel",
    "check_dataset",
    "check_panel",
    "check_table",
    "combine_columns",
    "contract_for",
    "difference",
    "read_upload",
    "roles_for",
    "sample_csv",
    "sample_panel_csv",
    "suggest_kind",
    "suggest_mapping",
    "suggest_roles",
]

Mapped = SavedMapping
"""Former name."""
