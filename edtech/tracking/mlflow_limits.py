"""Make the content of a run fit MLflow's limits; a tag names each value that is changed or left out."""

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
    """Params, metrics and tags that MLflow accepts, and artifact paths that stay inside the run."""

    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    artifacts: dict[str, bytes]


def to_mlflow_values(items: RunItems) -> MlflowValues:
    """Return the content of a run within MLflow's limits.

    Characters that are invalid in keys become `_`, long texts are truncated, metrics that are not finite are left out.
    The tags `edtech.renamed`, `edtech.cut` and `edtech.not_finite` list these changes.
    Raises TrackingError for an artifact path that is not relative, or leaves the run.
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
    tags |= {key: ", ".join(changes) for key, changes in notes.items() if changes}
    return MlflowValues(
        params={key: truncate(value, MAX_PARAM) for key, value in params.items()},
        metrics={key: value for key, value in metrics.items() if math.isfinite(value)},
        tags={key: truncate(value, MAX_TAG) for key, value in tags.items()},
        artifacts={validate_artifact_path(path): _to_bytes(content) for path, content in items.artifacts.items()},
    )


def standard_tags(items: RunItems) -> dict[str, str]:
    """Return the standard tags of a run, as far as the items have them."""
    training = [data.digest for data in items.datasets if data.context == "training"]
    optional: Mapping[str, object] = {
        "mlflow.note.content": run_note(items),
        "dataset_digest": training[0] if training else "",
        "dataset_name": items.datasets[0].name if items.datasets else "",
        "seed": items.params.get("seed", ""),
        "mlflow.parentRunId": items.parent or "",
    }
    present = {key: str(value) for key, value in optional.items() if value != ""}
    return {**PLATFORM_TAGS, "kind": items.kind, "experiment_type": items.kind, **present}


def run_note(items: RunItems) -> str:
    """Return a run's description and metrics in Markdown, empty if it has neither; special characters are escaped."""
    rows = [
        f"| {escape_markdown(METRICS[key].title)} | {value:,.6g} | {escape_markdown(METRICS[key].unit)} |"
        for key, value in items.metrics.items()
        if key in METRICS
    ]
    table = ["| metric | value | unit |", "|:--|--:|:--|", *rows] if rows and items.kind == "training" else []
    paragraphs = [*map(escape_markdown, items.description.split("\n\n")), "\n".join(table)]
    return "\n\n".join(filter(None, paragraphs))


def escape_markdown(text: str) -> str:
    """Return text so that Markdown shows it literally: no links, images, HTML or headings."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def valid_keys(keys: Iterable[str]) -> dict[str, str]:
    """Map each key to a unique key that MLflow accepts: letters, digits, `_-. /`, at most 250 characters."""
    valid: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        base = re.sub(r"[^\w.\- /]", "_", key)[:MAX_KEY]
        if posixpath.normpath(base) != base or base.startswith(("/", "..")) or base in {"", "."}:
            base = re.sub(r"[/.]", "_", base) or "_"
        taken, name, count = set(valid.values()), base, 2
        while name in taken:
            name, count = f"{base[: MAX_KEY - 8]}_{count}", count + 1
        valid[key] = name
    return valid


def validate_artifact_path(path: str) -> str:
    """Return an artifact path unchanged; raise TrackingError unless it is relative, POSIX and stays inside the run."""
    names = path.split("/")
    invalid = not path or any(name in {"", ".", ".."} for name in names) or re.search(r'[\\:*?"<>|\x00-\x1f]', path)
    if invalid or len(path) > 500:
        raise TrackingError(
            "This is not a valid artifact path",
            expected="a relative path such as evaluation/predictions.csv",
            actual=repr(path[:100]),
        )
    return path


def truncate(text: str, limit: int) -> str:
    """Return the text; if it is longer than the limit, replace its end by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _to_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
