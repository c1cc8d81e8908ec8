"""Every action of a page as a command; the same numbers come out.

Heavy packages are imported inside the commands, so that `--help` answers at once.
"""

from edtech.cli import data, economy, models, pipeline, pricing  # noqa: F401  # importing a module adds its commands
from edtech.cli.entry import app, main

__all__ = ["app", "main"]
