"""Nothing is loaded whose types are not on our list, whatever the file is."""

import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skops.io import dumps

from edtech.errors import UntrustedModelError
from edtech.tracking import trusted_types
from edtech.tracking.trusted_types import untrusted_types, load_trusted


def forged(**root: object) -> bytes:
    """A skops file whose root node is what an attacker wants it to be."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps({"protocol": 2, "_skops_version": "0.16.0", **root}))
    return buffer.getvalue()


def test_a_model_of_ours_loads(ridge, panel):
    rows = panel.drop(columns="enrollments")
    assert (load_trusted(dumps(ridge), "m").predict(rows) == ridge.predict(rows)).all()


def test_a_function_of_others_is_named_and_never_called(tmp_path):
    target = tmp_path / "made"
    data = forged(
        __class__="system",
        __module__="os",
        __loader__="FunctionNode",
        __id__=1,
        content={
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "JsonNode",
            "content": f'"touch {target}"',
        },
    )
    with pytest.raises(UntrustedModelError, match=r"os\.system"):
        load_trusted(data, "m")
    assert not target.exists()


def test_a_name_that_only_begins_like_ours_is_not_ours():
    module = "edtech.ml.elasticity.estimators.fixed_effects"
    data = forged(__class__="FixedEffectsDemandX", __module__=module, __loader__="TypeNode", __id__=1)
    assert untrusted_types(data) == ["edtech.ml.elasticity.estimators.fixed_effects.FixedEffectsDemandX"]


def test_a_zip_bomb_is_refused_before_it_is_read(monkeypatch, ridge):
    monkeypatch.setattr(trusted_types, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(UntrustedModelError, match="unpacks to"):
        untrusted_types(dumps(ridge))


def test_endless_nesting_is_an_error_of_ours():
    deep = b"[" * 200_000
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", deep)
    with pytest.raises(UntrustedModelError, match="cannot be read"):
        load_trusted(buffer.getvalue(), "m")


@given(st.binary(max_size=300))
def test_bytes_that_are_no_model(data):
    with pytest.raises(UntrustedModelError, match="cannot be read"):
        load_trusted(data, "m")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NODES = ["ObjectNode", "FunctionNode", "JsonNode", "NdArrayNode", "ListNode", "DictNode", "TypeNode", "nope", None]


@given(st.sampled_from(NODES), st.text(max_size=8), st.text(max_size=8), JSON)
def test_a_forged_schema_is_an_error_of_ours_or_plain_data(loader, module, name, content):
    data = forged(
        __loader__=loader, __module__=module, __class__=name, __id__=1, content=content, type="numpy", file="x"
    )
    with pytest.raises(UntrustedModelError):
        load_trusted(data, "m")


@given(data=st.data())
def test_a_damaged_model_is_an_error_of_ours_or_still_a_model(ridge, data):
    good = dumps(ridge)
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    with contextlib.suppress(UntrustedModelError):
        load_trusted(damaged, "m")
