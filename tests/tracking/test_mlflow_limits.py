"""Any run content fits MLflow's limits, by MLflow's own validation."""

from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import path_not_unique, validate_param_and_metric_name

from edtech.tracking import RunItems
from edtech.tracking.mlflow_limits import MAX_KEY, MAX_PARAM, MAX_TAG, to_mlflow_values, valid_keys


@given(st.lists(st.text(max_size=400), max_size=8))
def test_any_key_becomes_a_unique_valid_key(keys):
    fitted = valid_keys(keys)
    assert set(fitted) == set(keys)
    assert len(set(fitted.values())) == len(set(keys))
    for key in fitted.values():
        assert 0 < len(key) <= MAX_KEY
        assert validate_param_and_metric_name(key)
        assert not path_not_unique(key)


@given(st.lists(st.text("abc._- /", min_size=1, max_size=20), max_size=8))
def test_valid_keys_are_unchanged(keys):
    good = [key for key in keys if not path_not_unique(key)]
    assert valid_keys(good) == {key: key for key in good}


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=50) | st.floats() | st.booleans(), max_size=5),
    st.dictionaries(st.text(max_size=20), st.floats(), max_size=5),
    st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5),
)
def test_any_run_fits(params, metrics, tags):
    fitted = to_mlflow_values(RunItems("r", params=params, metrics=metrics, tags=tags))
    assert len(fitted.params) == len(params)
    assert all(len(value) <= MAX_PARAM for value in fitted.params.values())
    assert all(len(value) <= MAX_TAG for value in fitted.tags.values())
    assert all(abs(value) < float("inf") for value in fitted.metrics.values())
