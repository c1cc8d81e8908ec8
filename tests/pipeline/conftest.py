"""A small generated market, an uploaded panel, and a store for their runs."""

from tests.training.conftest import market, panel, place, tracker  # noqa: F401  # fixtures
