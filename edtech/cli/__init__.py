"""Every action of a page as a command; the same numbers come out.

Heavy packages are imported inside the commands, so that `--help` answers at once.
"""

# Importing a module adds its commands.
from edtech.cli import catalogue, data, economy, models, pipeline, pricing, registry, reports, tracking  # noqa: F401
from edtech.cli.entry import app, main

__all__ = ["app", "main"]
