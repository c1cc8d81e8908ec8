import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from edtech.errors import ContractError, DataError, DatasetNotFoundError, JobCancelledError
from edtech.market import MarketParams, generate_market, open_market, shard
from edtech.settings import PROJECT

SMALL = MarketParams(learners=300, teachers=20, courses=40, weeks=12)


@pytest.fixture(scope="module")
def market():
    return generate_market(MarketParams())


def test_counts_of_a_course_week_are_the_rows(market):
    panel = market.tables["course_weeks"]
    assert panel["views"].sum() == len(market.tables["views"])
    assert panel["enrollments"].sum() == len(market.tables["enrollments"]) > 2_000
    assert market.check_identities() == []
    assert (panel["week"].dt.day_of_week == 0).all()
    assert {"category", "teacher_id"} <= set(panel.columns)


@pytest.fixture
def room(tmp_path):
    """An empty folder."""
    folder = tmp_path / "room"
    folder.mkdir()
    return folder


def test_the_seed_determines_the_market():
    first, again = generate_market(SMALL), generate_market(SMALL)
    assert first.digest == again.digest
    assert generate_market(SMALL.model_copy(update={"seed": 2})).digest != first.digest
    for name, table in first.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_workers_and_files_make_the_same_market(room):
    params = MarketParams(learners=5_400, teachers=20, courses=40, weeks=6)
    assert -(-params.learners // shard.SIZE) == 2
    whole = generate_market(params)
    stored = generate_market(params, out=room / "made", workers=2)
    assert stored.digest == whole.digest == open_market(room / "made").digest
    assert set(stored.tables) == set(whole.tables)
    assert set(stored.truth.tables) == set(whole.truth.tables)
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(table, stored.tables[name])
    for name, table in whole.truth.tables.items():
        pd.testing.assert_frame_equal(table, stored.truth.tables[name])
    assert stored.check_identities() == []
    assert stored.truth.own_elasticity == whole.truth.own_elasticity
    assert [path.name for path in room.iterdir()] == ["made"]


def test_progress_ends_at_one_and_cancellation_leaves_no_files(room):
    reports = []
    generate_market(SMALL, progress=lambda share, what: reports.append((share, what)))
    assert [share for share, _ in reports] == sorted(share for share, _ in reports)
    assert reports[-1][0] == 1.0
    answers = iter([False, True])
    with pytest.raises(JobCancelledError, match="nothing was stored"):
        generate_market(SMALL, out=room / "made", cancelled=lambda: next(answers))
    assert list(room.iterdir()) == []


def test_a_market_of_one_shard_reports_its_steps_and_can_be_canceled_between_them(room):
    reports = []
    whole = generate_market(SMALL, progress=lambda share, what: reports.append((share, what)))
    steps = [what.removeprefix("shard 1 of 1: ") for _, what in reports]
    assert steps[:6] == ["supply", "visits", "choices", "ledger", "tables", "platform metrics"]
    assert max(b - a for (a, _), (b, _) in pairwise(reports)) < 0.35
    assert whole.digest == generate_market(SMALL).digest
    for allowed in range(len(reports) - 1):
        answers = iter([False] * allowed + [True])
        with pytest.raises(JobCancelledError):
            generate_market(SMALL, out=room / "made", cancelled=lambda answers=answers: next(answers))
        assert list(room.iterdir()) == []


@pytest.mark.parametrize("prices", [None, {"Music": -0.3}, pd.Series({"C03": 12.5, "C07": 80.0})])
def test_the_price_plan_is_stored_with_the_market(room, prices):
    stored = generate_market(SMALL, out=room / "made", prices=prices)
    opened = open_market(room / "made")
    assert opened.prices == stored.prices
    assert (opened.prices is None) == (prices is None)
    if prices is not None:
        assert dict(opened.prices.prices) == dict(prices)
    # The counterfactual without a change equals the market.
    same = opened.truth.counterfactual().course_weeks
    assert (same["enrollments"] == opened.tables["course_weeks"]["enrollments"]).all()
    assert (same["token_price"] == opened.tables["course_weeks"]["token_price"]).all()


KILLED = """
import sys
from pathlib import Path
from edtech.market import MarketParams, generate_market
params = MarketParams(learners=20_000, teachers=20, courses=40, weeks=6)
generate_market(params, out=Path(sys.argv[1]), progress=lambda share, what: print(share, flush=True))
"""


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_a_killed_generation_leaves_no_market(room, shards):
    """A generation killed after some shards leaves no folder, and another attempt succeeds."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, room / "made"], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    with process:
        for _ in range(shards):
            assert process.stdout.readline()
        process.kill()
    assert process.returncode != 0
    with pytest.raises(DatasetNotFoundError):
        open_market(room / "made")
    assert generate_market(SMALL, out=room / "made").check_identities() == []


def test_an_existing_folder_stays_unchanged(room):
    (room / "keep").touch()
    with pytest.raises(DataError, match="does not exist yet"):
        generate_market(SMALL, out=room)
    assert [path.name for path in room.iterdir()] == ["keep"]


def test_a_damaged_market_raises(room):
    generate_market(SMALL, out=room / "made")
    (room / "made" / "market.json").write_text('{"params": {"learners": -1}, "digest": 1}')
    with pytest.raises(ContractError, match="cannot be read"):
        open_market(room / "made")


def test_a_folder_without_a_market_raises(room):
    with pytest.raises(DatasetNotFoundError, match="no market"):
        open_market(room)


def test_enrollments_match_their_probabilities(market):
    chance = market.truth.tables["views"].set_index("view_id")["enrollment_probability"]
    expected, spread = chance.sum(), np.sqrt((chance * (1 - chance)).sum())
    assert abs(len(market.tables["enrollments"]) - expected) < 4 * spread
    by_week = market.truth.tables["course_weeks"]["expected_enrollments"].sum()
    assert by_week == pytest.approx(expected)
