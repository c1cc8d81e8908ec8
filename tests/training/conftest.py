"""A small generated market, an uploaded panel, and a store for their runs."""

import pytest

from edtech.data import Catalogue, Dataset
from edtech.market import MarketParams, generate_market
from edtech.settings import Settings
from edtech.tables.roles import PanelRoles
from edtech.tracking import EdTechMLFlowTracker
from tests.worlds import make_world

MARKET = MarketParams(learners=300, teachers=20, courses=40, weeks=12, seed=3)


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home that the tests of a module share."""
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def market(settings) -> Dataset:
    return Catalogue(settings.data_dir).add_market(generate_market(MARKET), name="Small market")


@pytest.fixture(scope="module")
def panel(settings) -> Dataset:
    frame = make_world(seed=1, units=40, weeks=16).panel
    roles = PanelRoles(randomized_discount="discount_pct", randomized_flag="promo_randomized")
    return Catalogue(settings.data_dir).add_panel(frame, roles, name="Uploaded")


@pytest.fixture(scope="module")
def tracker(settings) -> EdTechMLFlowTracker:
    return EdTechMLFlowTracker(settings=settings)
