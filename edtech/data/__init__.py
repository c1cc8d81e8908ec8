"""Data sets: the catalogue that keeps them, and how an uploaded file becomes one."""

from edtech.data.catalogue import Catalogue
from edtech.data.dialect import Dialect
from edtech.data.health import Check, Severity, check_panel
from edtech.data.mapping import RoleSuggestion, combine_columns, suggest_roles
from edtech.data.samples import sample_panel_csv
from edtech.data.store import Dataset, KeyFigures
from edtech.data.upload import Upload, read_upload
from edtech.tables.panel import build_panel

__all__ = [
    "Catalogue",
    "Check",
    "Dataset",
    "Dialect",
    "KeyFigures",
    "RoleSuggestion",
    "Severity",
    "Upload",
    "build_panel",
    "check_panel",
    "combine_columns",
    "read_upload",
    "sample_panel_csv",
    "suggest_roles",
]
