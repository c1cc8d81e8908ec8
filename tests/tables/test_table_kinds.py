"""The contracts of visits, labeled rows and ratings, and the messages on violations."""

import numpy as np
import pandas as pd
import pytest

from edtech.data import CONTRACTS, read_upload, sample_csv, suggest_mapping
from edtech.errors import ContractError
from edtech.tables.contract import MAX_FAILED_ROWS, build_table
from edtech.tables.roles import ColumnKind, LabelRoles, RatingRoles, Roles, VisitRoles
from edtech.tables.table_kinds import contract_for


def visits(**columns) -> pd.DataFrame:
    base = {"v": [1, 1, 2, 2], "c": list("abab"), "p": [5.0, 6, 5, 6], "y": [0, 1, 0, 0]}
    return pd.DataFrame({**base, **columns})


VISITS = VisitRoles(visit="v", course="c", price="p", chosen="y")


def failures(frame: pd.DataFrame, roles: Roles) -> tuple[str, ...]:
    with pytest.raises(ContractError) as caught:
        build_table(contract_for(roles), frame, roles)
    return caught.value.details


@pytest.mark.parametrize("kind", CONTRACTS)
def test_the_sample_keeps_its_contract_with_the_suggested_mapping(kind: str):
    assert sample_csv(kind) == sample_csv(kind)
    frame = read_upload("x", sample_csv(kind)).frame
    roles = CONTRACTS[kind].roles(**suggest_mapping(frame, kind))
    assert contract_for(roles).kind == kind
    table = build_table(CONTRACTS[kind], frame, roles)
    assert len(table) == len(frame)
    assert list(table.columns) == list(roles.columns())


@pytest.mark.parametrize("kind", CONTRACTS)
def test_every_role_says_what_it_is(kind: str):
    fields = CONTRACTS[kind].roles.model_fields
    assert all(info.title and info.description for info in fields.values())
    assert any(isinstance(mark, ColumnKind) for info in fields.values() for mark in info.metadata)


def test_visits_hold_each_course_once_and_at_most_one_choice():
    table = build_table(CONTRACTS["visits"], visits(y=["no", "yes", "no", "no"]), VISITS)
    assert table["y"].tolist() == [False, True, False, False]
    (line,) = failures(visits(y=[1, 1, 0, 0]), VISITS)
    assert line.startswith("column 'y', 'v': at most one course may be chosen in each visit (2 rows, e.g. row 1: True")
    (line,) = failures(visits(c=list("aaab")), VISITS)
    assert line.startswith("column 'v', 'c': must occur once for each visit and course (2 rows")


def test_all_failures_are_reported_at_once():
    lines = failures(visits(p=[0, -1, np.nan, 6], y=["maybe", 1, 0, 0], c=["a", "a", "a", None]), VISITS)
    assert {line.split(" (")[0] for line in lines} == {
        "column 'p': must not be missing",
        "column 'p': must be above 0",
        "column 'y': must be true or false, yes or no, 1 or 0",
        "column 'c': must not be missing",
        "column 'v', 'c': must occur once for each visit and course",
    }


def test_a_text_label_has_values_that_count_as_1():
    frame = pd.DataFrame({"result": ["Pass", "Fail", " Withdrawn"], "x": [1.0, None, 3]})
    roles = LabelRoles(label="result", positive=("Withdrawn", "Fail"), features=("x",))
    table = build_table(CONTRACTS["labels"], frame, roles)
    assert table["result"].tolist() == [False, True, True]
    assert table["x"].isna().tolist() == [False, True, False]
    assert "must be true or false" in failures(frame, LabelRoles(label="result"))[0]
    assert "must hold both outcomes" in failures(frame, LabelRoles(label="result", positive=("Left",)))[0]


def test_a_feature_may_have_gaps_but_no_endless_categories():
    frame = pd.DataFrame({"label": [0, 1] * 200, "id": [f"i{i}" for i in range(400)], "n": [" ", "2"] * 200})
    table = build_table(CONTRACTS["labels"], frame, LabelRoles(features=()))
    assert list(table.columns) == ["label"]
    assert "at most 200 different values" in failures(frame, LabelRoles(features=("id",)))[0]
    table = build_table(CONTRACTS["labels"], frame.assign(n=[" ", "2", "3", "4"] * 100), LabelRoles(features=("n",)))
    assert table["n"].tolist()[1:4] == [2, 3, 4]
    assert table["n"].isna().sum() == 100


def test_a_duration_is_not_negative():
    frame = pd.DataFrame({"label": [0, 1], "months": [-1, 3]})
    (line,) = failures(frame, LabelRoles(task="churn", duration="months"))
    assert line.startswith("column 'months': must be from 0")


def test_ratings_are_numbers_of_a_teacher():
    frame = pd.DataFrame({"teacher_id": ["b", "a", None], "rating": [4, "five", 3]})
    assert len(failures(frame, RatingRoles())) == 2
    assert build_table(CONTRACTS["ratings"], frame.head(1), RatingRoles())["rating"].tolist() == [4]


def test_the_failed_rows_are_bounded_and_hold_what_was_wrong():
    n = MAX_FAILED_ROWS + 5_000
    frame = pd.DataFrame({"v": range(n), "c": "a", "p": -1.0, "y": 0})
    frame.loc[2, "p"] = np.inf
    with pytest.raises(ContractError) as caught:
        build_table(CONTRACTS["visits"], frame, VISITS)
    rows = caught.value.failures
    assert len(rows) == MAX_FAILED_ROWS
    assert rows["row"].is_monotonic_increasing
    assert rows.iloc[0].to_dict() == {"row": 1, "column": "p", "value": "-1.0", "problem": "must be above 0"}
    assert f"({n - 1:,} rows" in caught.value.details[-1]
