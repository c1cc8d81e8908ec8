"""The card of a registered model, as Markdown in which text of users stays text.

Mitchell et al. (2019), "Model Cards for Model Reporting", FAT* 2019: description, use, performance, limits.
"""

from collections.abc import Sequence

from edtech.metrics import METRICS, metric
from edtech.tracking import Run
from edtech.tracking.mlflow_limits import escape_markdown
from edtech.tracking.registry import ChampionChange, ModelVersion
from edtech.tracking.registry_requirements import Requirement


def model_card(
    version: ModelVersion, run: Run | None, requirements: Sequence[Requirement], changes: Sequence[ChampionChange]
) -> str:
    """Return the card of a version; `run` is None if it is deleted. `changes` is the champion history."""
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    parts = [f"# {escape_markdown(version.name)}, version {version.version}{aliases}", _facts(version, run)]
    if run is not None:
        note = run.tags.get("mlflow.note.content", "").strip()
        parts += [
            "## Results",
            escape_markdown(note) if note else "The run has no description.",
            "## Metrics",
            _metrics(run),
        ]
    parts += [
        "## Requirements",
        *(
            f"- {'passed' if item.passed else 'failed'}: {escape_markdown(item.title)}. "
            f"{escape_markdown(item.evidence)}"
            for item in requirements
        ),
    ]
    own = [change for change in changes if change.version == version.version]
    if own:
        parts += [
            "## Champion history",
            *(
                f"- {escape_markdown(item.at)}: {escape_markdown(item.how)}. {escape_markdown(item.reason)}"
                for item in own
            ),
        ]
    return "\n\n".join(parts) + "\n"


def _facts(version: ModelVersion, run: Run | None) -> str:
    rows = {
        "Family": version.tags.get("model_type"),
        "Algorithm": version.tags.get("algorithm"),
        "Trained on": version.tags.get("dataset_name"),
        "Data set digest": version.tags.get("dataset_digest"),
        "Errors measured on": version.tags.get("split"),
        "Registered": None if version.created is None else f"{version.created:%Y-%m-%d %H:%M} UTC",
        "Run": version.run_id if run is not None else f"{version.run_id} (deleted)",
        "Reason for promotion": version.tags.get("edtech.reason"),
    }
    return "\n".join(f"- {title}: {escape_markdown(value)}" for title, value in rows.items() if value)


def _metrics(run: Run) -> str:
    values = [(metric(name), value) for name, value in run.metrics.items() if name in METRICS]
    rows = [
        f"| {escape_markdown(m.title)} | {value:,.6g} | {escape_markdown(m.unit)} | {escape_markdown(m.help)} |"
        for m, value in values
    ]
    return "\n".join(["| metric | value | unit | meaning |", "|---|---|---|---|", *rows])
