"""Nothing is loaded whose types are not on our list, whatever the file is."""

import contextlib
import inspect
import io
import json
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.models import Model
from skops.io import dumps

from edtech.errors import UntrustedModelError
from edtech.ml.outcomes.churn_estimators import LogisticChurn
from edtech.ml.stored_types import stored_types
from edtech.settings import PROJECT
from edtech.tracking import ModelItem
from edtech.tracking import trusted_types as trusted_types_module
from edtech.tracking.model_files import save_model
from edtech.tracking.trusted_types import load_trusted, untrusted_types


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
    monkeypatch.setattr(trusted_types_module, "MAX_UNPACKED_BYTES", 100)
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


STORED_ATTRIBUTES = json.loads(Path(__file__).with_name("stored_types_0_1.json").read_text(encoding="utf-8"))
"""Full name of each class in version 0.1 -> the attributes of its fitted instances, as version 0.1 stored them."""
FORMER_NAMES = list(STORED_ATTRIBUTES)


def with_former_names(data: bytes) -> bytes:
    """Return a skops file as version 0.1 would have written it."""
    former = {}
    for name in FORMER_NAMES:
        kind = stored_types()[name]
        former[f"{kind.__module__}.{kind.__qualname__}"] = name.rpartition(".")

    def rename(node: dict) -> dict:
        name = former.get(f"{node.get('__module__')}.{node.get('__class__')}")
        return node if name is None else node | {"__module__": name[0], "__class__": name[2]}

    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as current, zipfile.ZipFile(buffer, "w") as archive:
        for entry in current.infolist():
            content = current.read(entry)
            if entry.filename == "schema.json":
                content = json.dumps(json.loads(content, object_hook=rename)).encode()
            archive.writestr(entry, content)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FORMER_NAMES)
def test_a_former_name_is_trusted_and_can_still_be_imported(name):
    module, _, kind = name.rpartition(".")
    assert stored_types()[name] is getattr(import_module(module), kind)


@pytest.mark.parametrize("name", FORMER_NAMES)
def test_every_attribute_that_version_0_1_stored_is_still_read(name):
    kind = stored_types()[name]
    loaded = kind.__new__(kind)
    loaded.__setstate__(dict.fromkeys(STORED_ATTRIBUTES[name]))
    modules = {base.__module__ for base in kind.__mro__ if base.__module__.startswith("edtech")}
    code = "".join(inspect.getsource(sys.modules[module]) for module in modules)
    lost = [attribute for attribute in vars(loaded) if not re.search(rf"\b{attribute}\b", code)]
    assert not lost, f"{kind.__name__} maps no former name to {lost}: see its __setstate__"


@pytest.fixture(scope="module")
def churn_model() -> LogisticChurn:
    """A model whose file holds four of our types: the estimator, its encoder, its correction and a season."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"spent": rng.normal(size=400), "device": rng.choice(["phone", "desktop"], 400)})
    y = (rng.random(400) < 0.4).astype(float)
    return LogisticChurn(penalty=10.0, calibration="platt", max_iterations=500).fit(X, y)


def test_a_model_stored_under_former_names_predicts_the_same(churn_model):
    rows = pd.DataFrame({"spent": [0.1, -2.0], "device": ["phone", "desktop"]})
    old = with_former_names(dumps(churn_model))
    assert b"edtech.ml.labels.encoding" in zipfile.ZipFile(io.BytesIO(old)).read("schema.json")
    assert untrusted_types(old) == []
    loaded = load_trusted(old, "m")
    assert type(loaded) is LogisticChurn
    assert (loaded.predict(rows) == churn_model.predict(rows)).all()


def test_mlflow_loads_a_model_stored_under_former_names(churn_model, tmp_path):
    rows = pd.DataFrame({"spent": [0.1, -2.0], "device": ["phone", "desktop"]})
    save_model(ModelItem(churn_model, rows), tmp_path / "model", Model())
    file, description = tmp_path / "model" / "model.skops", tmp_path / "model" / "MLmodel"
    file.write_bytes(with_former_names(file.read_bytes()))
    text = description.read_text(encoding="utf-8")
    for name in FORMER_NAMES:
        kind = stored_types()[name]
        text = text.replace(f"{kind.__module__}.{kind.__qualname__}\n", f"{name}\n")
    description.write_text(text, encoding="utf-8")
    code = f"import mlflow, pandas; print(*mlflow.pyfunc.load_model({str(tmp_path / 'model')!r}).predict("
    code += f"pandas.DataFrame({rows.to_dict('list')!r})).tolist())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert done.returncode == 0, done.stderr
    assert [float(value) for value in done.stdout.split()] == churn_model.predict(rows).tolist()


def test_a_former_module_lends_its_name_to_our_types_only(ridge):
    data = forged(
        __class__="FunctionTransformer", __module__="edtech.ml.elasticity.curved", __loader__="TypeNode", __id__=1
    )
    assert untrusted_types(data) == ["edtech.ml.elasticity.curved.FunctionTransformer"]


def test_a_process_that_imports_only_tracking_knows_the_types_of_all_families():
    code = "from edtech.tracking.trusted_types import trusted_types; print(*trusted_types())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    current = {f"{kind.__module__}.{kind.__qualname__}" for kind in stored_types().values()}
    assert len(current) == 21
    assert {*done.stdout.split()} == current | {*trusted_types_module.COMPILED_TREES}
