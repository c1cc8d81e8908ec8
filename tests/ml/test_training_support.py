"""The meaning of predictions, and warnings about values outside the training data."""

import numpy as np
import pandas as pd
import pytest

from edtech.ml.elasticity.estimators.fixed_effects import FixedEffectsDemand
from edtech.ml.elasticity.family import TOKEN_ELASTICITY
from edtech.ml.outcomes import CHURN, COMPLETION, PROPENSITY
from edtech.ml.outcomes.encoding import Encoder
from edtech.ml.outcomes.estimators import LogisticProbability
from edtech.ml.outcomes.families import CHURN_PREDICTION, ENROLLMENT_PROPENSITY
from edtech.ml.prediction import normalize_decimal, out_of_range_warnings, prediction_meaning
from edtech.ml.teachers.estimators import RawMeanRatings
from edtech.tables.roles import PanelRoles, RatingRoles

RATED = RatingRoles().model_dump()


@pytest.fixture
def demand() -> FixedEffectsDemand:
    """A model of two courses in one category, with the attributes that these tests use."""
    model = TOKEN_ELASTICITY.algorithm("fixed_effects").new_estimator(columns=PanelRoles().model_dump())
    model.units_, model.segments_ = np.array(["A", "B"]), np.array(["Art"])
    return model


@pytest.fixture
def labels() -> LogisticProbability:
    """A model of a word, an even number and one with a long tail, with the attributes that these tests use."""
    spent = np.r_[np.zeros(50), np.geomspace(1, 1_000, 10)]
    training = pd.DataFrame({"device": "phone", "price": np.linspace(10, 50, 60), "spent": spent})
    model = ENROLLMENT_PROPENSITY.algorithm("logistic").new_estimator()
    model.encoder_ = Encoder().fit(training)
    assert model.encoder_.logs_.tolist() == [False, True]
    return model


def test_each_family_states_the_meaning_of_its_predictions(demand, labels):
    assert prediction_meaning(demand, "") == "Expected enrollments per week"
    assert prediction_meaning(labels, PROPENSITY) == "Probability of enrolling"
    assert prediction_meaning(labels, COMPLETION) == "Probability of completing"
    churn = CHURN_PREDICTION.algorithm("logistic").new_estimator(horizon=42.0)
    assert prediction_meaning(churn, CHURN) == "Probability of leaving within 42 days"
    assert prediction_meaning(RawMeanRatings(columns=RATED), "") == "Expected rating (stars)"
    assert prediction_meaning(object(), "mine") == "Prediction"


def test_new_courses_and_prices_never_seen_are_told(demand):
    rows = pd.DataFrame({"course_id": ["A", "NOPE"], "category": ["Art", "Art"], "token_price": [12.0, 500.0]})
    support = pd.DataFrame({"unit": ["A", "B"], "low": [10.0, 20.0], "high": [15.0, 40.0]})
    assert out_of_range_warnings(demand, rows.head(1), support) == ()
    assert out_of_range_warnings(demand, rows, support) == (
        "course_id: 'NOPE' was not in the training data (1 of 2 rows)",
        "token_price: 500.0 is outside the training range 10 to 40 (1 of 2 rows)",
    )
    assert out_of_range_warnings(demand, rows.assign(token_price=[16.0, 30.0]).head(1), support) == (
        "token_price: 16.0 is outside the training range 10 to 15",
    )
    assert len(out_of_range_warnings(demand, rows)) == 1


def test_words_and_numbers_a_label_model_never_saw_are_told(labels):
    rows = pd.DataFrame({"device": ["phone"], "price": [50.0], "spent": [1_000.0]})
    assert out_of_range_warnings(labels, rows) == ()
    strange = out_of_range_warnings(labels, rows.assign(device="toaster", price=51.0, spent=2_000.0))
    assert strange == (
        "device: 'toaster' was not in the training data",
        "price: 51.0 is outside the training range 10 to 50",
        "spent: 2000.0 is outside the training range 0 to 1,000",
    )
    assert out_of_range_warnings(labels, rows.assign(device=None, price=np.nan)) == ()


def test_other_models_give_no_warnings():
    assert out_of_range_warnings(object(), pd.DataFrame({"a": [1]})) == ()


@pytest.mark.parametrize(
    ("typed", "read"),
    [("45,5", "45.5"), (" -0,405 ", "-0.405"), ("1,234", "1,234"), ("12,3456", "12.3456"), ("a,b", "a,b"), ("7", "7")],
)
def test_a_decimal_comma_is_read_and_thousands_are_not(typed, read):
    assert normalize_decimal(typed) == read
