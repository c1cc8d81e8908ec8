"""Functions that a package needs from one to its right, by name.

Packages import only from those to their left, see docs/architecture.md. Where one has to call into a package to its
right, that seam has a line here, and nowhere else. The table is a constant: no file, setting or user can add to it.
"""

from importlib import import_module
from typing import Any

PROVIDERS = {"stored_types": "edtech.ml.stored_types"}
"""Function -> the module that defines it."""


def provided(name: str) -> Any:  # noqa: ANN401  # the function's own type
    """Import the module that provides a function, and return the function."""
    return getattr(import_module(PROVIDERS[name]), name)
