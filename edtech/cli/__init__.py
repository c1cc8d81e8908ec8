"""A command for every action of the dashboard, with the same numbers.

Commands import large packages when they run, so that `--help` is fast.
"""

# Importing a module adds its commands.
from edtech.cli import catalogue, data, economy, models, pipeline, pricing, registry, reports, tracking  # noqa: F401
from edtech.cli.entry import app, main

__all__ = ["app", "main"]
