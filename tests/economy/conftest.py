"""One small market with everything that can happen to a token, stored; tests read it and leave it as it is."""

import pytest

from edtech.data import Catalogue, Dataset
from edtech.market import Market, MarketParams, generate_market

LIVELY = MarketParams(
    learners=300, teachers=15, courses=30, weeks=26, seed=4, refund_rate=0.1, expiry_weeks=5, payout_minimum=20
)


@pytest.fixture(scope="session")
def market() -> Market:
    return generate_market(LIVELY)


@pytest.fixture(scope="session")
def stored(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Catalogue(tmp_path_factory.mktemp("economy")).add_market(market, name="Lively market")
