"""A small market of the second simulator, trained models, and their response to prices."""

import pytest

from edtech.ml import ElasticityResult
from edtech.pricing import Response, price_response
from tests.worlds import World, make_world


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(seed=1, units=120, weeks=40)


@pytest.fixture(scope="session")
def result(world: World) -> ElasticityResult:
    """Identified by randomized discounts: prices may be recommended."""
    return world.modeler().compare_models(world.panel, ["fixed_effects"])["fixed_effects"]


@pytest.fixture(scope="session")
def forest(world: World) -> ElasticityResult:
    """The same ground, and no interval."""
    return world.modeler().compare_models(world.panel, ["random_forest"])["random_forest"]


@pytest.fixture(scope="session")
def unproven(world: World) -> ElasticityResult:
    """Identified only if prices do not follow demand, which nobody stated: no price may be recommended."""
    modeler = world.modeler(randomized_discount=None, randomized_flag=None)
    return modeler.compare_models(world.panel, ["fixed_effects"])["fixed_effects"]


@pytest.fixture(scope="session")
def response(world: World, result: ElasticityResult) -> Response:
    return price_response(result, world.panel)
