"""What a run holds, made to fit MLflow's limits: nothing is lost without a tag that says so."""

import math
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edtech.errors import TrackingError
from edtech.metrics import METRICS
from edtech.tracking.run_items import RunItems

MAX_KEY = 250
MAX_PARAM = 6_000
MAX_TAG = 8_000
MAX_DIGEST = 36

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&@])")

PLATFORM_TAGS = {"platform": "EdTech", "domain": "education_technology"}


@dataclass(frozen=True, slots=True)
class MlflowValues:
    """Params, metrics and tags that MLflow takes as they are, and artifact paths that stay inside the run."""

    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: dict[str, bytes]


def to_mlflow_values(items: RunItems) -> MlflowValues:
    """Return the content of a run within MLflow's limits.

    Characters that keys cannot hold become `_`, texts that are too long are cut, metrics that are not finite are left
    out; the tags `edtech.renamed`, `edtech.cut` and `edtech.not_finite` name what was changed.
    Raises TrackingError for an artifact path that is not a plain relative one.
    """
    names = valid_keys([*items.params, *items.metrics, *items.tags])
    params = {names[key]: str(value) for key, value in items.params.items()}
    metrics = {names[key]: float(value) for key, value in items.metrics.items()}
    tags = standard_tags(items) | {names[key]: str(value) for key, value in items.tags.items()}
    notes = {
        "edtech.renamed": [f"{old} -> {new}" for old, new in names.items() if old != new],
        "edtech.cut": [k for k, v in params.items() if len(v) > MAX_PARAM]
        + [k for k, v in tags.items() if len(v) > MAX_TAG],
        "edtech.not_finite": [key for key, value in metrics.items() if not math.isfinite(value)],
    }
    tags |= {key: ", ".join(found) for key, found in notes.items() if found}
    return MlflowValues(
        params={key: truncate(value, MAX_PARAM) for key, value in params.items()},
        metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
        tags={key: truncate(value, MAX_TAG) for key, value in tags.items()},
        artifacts={validate_artifact_path(path): _to_bytes(content) for path, content in items.artifacts.items()},
    )


def standard_tags(items: RunItems) -> dict[str, str]:
    """Return the tags that every run of ours has, as far as the items tell them."""
    training = [data.digest for data in items.datasets if data.context == "training"]
    optional: Mapping[str, object] = {
        "mlflow.note.content": run_note(items),
        "dataset_digest": training[0] if training else "",
        "dataset_name": items.datasets[0].name if items.datasets else "",
        "seed": items.params.get("seed", ""),
        "mlflow.parentRunId": items.parent or "",
    }
    told = {key: str(value) for key, value in optional.items() if value != ""}
    return {**PLATFORM_TAGS, "kind": items.kind, "experiment_type": items.kind, **told}


def run_note(items: RunItems) -> str:
    """Return a run's description in Markdown, empty where there is nothing to tell; texts stay as they are written."""
    named = [(METRICS[key], value) for key, value in items.metrics.items() if key in METRICS]
    rows = [f"| {escape_markdown(one.title)} | {value:,.6g} | {escape_markdown(one.unit)} |" for one, value in named]
    table = ["| metric | value | unit |", "|:--|--:|:--|", *rows] if rows and items.kind == "training" else []
    parts = [*(escape_markdown(part) for part in items.description.split("\n\n")), "\n".join(table)]
    return "\n\n".join(part for part in parts if part)


def escape_markdown(text: str) -> str:
    """Return text of others so that Markdown shows it as it is written: no links, images, HTML or headings."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def valid_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map each key to one MLflow takes (letters, digits, `_-. /`, at most 250), different keys to different ones."""
    fitted: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        plain = re.sub(r"[^\w.\- /]", "_", key)[:MAX_KEY]
        if posixpath.normpath(plain) != plain or plain.startswith(("/", "..")) or plain in {"", "."}:
            plain = re.sub(r"[/.]", "_", plain) or "_"
        taken, name, count = set(fitted.values()), plain, 2
        while name in taken:
            name, count = f"{plain[: MAX_KEY - 8]}_{count}", count + 1
        fitted[key] = name
    return fitted


def validate_artifact_path(path: str) -> str:
    """Return the artifact path unchanged where it is a plain relative POSIX one, else raise TrackingError."""
    parts = path.split("/")
    bad = not path or any(part in {"", ".", ".."} for part in parts) or re.search(r'[\\:*?"<>|\x00-\x1f]', path)
    if bad or len(path) > 500:
        raise TrackingError(
            "This is not the path of an artifact",
            expected="a relative path such as evaluation/predictions.csv",
            actual=repr(path[:100]),
        )
    return path


def truncate(text: str, limit: int) -> str:
    """Return the text, its end replaced by an ellipsis where it is longer than the limit."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _to_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
