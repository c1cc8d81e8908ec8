"""Data sets: the catalogue that keeps them, and how an uploaded file becomes one."""

from edtech.data.catalogue import Catalogue
from edtech.data.mapping import RoleSuggestion, combine_columns, suggest_roles
from edtech.data.store import Dataset, KeyFigures
from edtech.data.text import Dialect
from edtech.data.upload import Upload, read_upload
from edtech.tables.panel import build_panel

__all__ = [
    "Catalogue",
    "Dataset",
    "Dialect",
    "KeyFigures",
    "RoleSuggestion",
    "Upload",
    "build_panel",
    "combine_columns",
    "read_upload",
    "suggest_roles",
]
