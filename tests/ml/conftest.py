"""A small market of the second simulator and the algorithms that need the panel only, trained on it."""

import pytest

from edtech.ml import ElasticityResult
from tests.worlds import World, make_world


@pytest.fixture(scope="session")
def world() -> World:
    """120 courses x 40 weeks: some 13,000 sales, so that an interval is about a fifth of the elasticity wide."""
    return make_world(seed=1, units=120, weeks=40)


@pytest.fixture(scope="session")
def results(world: World) -> dict[str, ElasticityResult]:
    return world.modeler().compare_models(world.panel)
