"""The card of a registered model, as Markdown in which nothing of others is more than text.

Mitchell et al. (2019), "Model Cards for Model Reporting", FAT* 2019: what it is, for what, how it does, its limits.
"""

from collections.abc import Sequence

from edtech.metrics import METRICS, metric
from edtech.tracking import Run
from edtech.tracking.mlflow_limits import escape_markdown
from edtech.tracking.registry import ChampionChange, Version
from edtech.tracking.registry_requirements import Requirement


def model_card(version: Version, run: Run | None, gates: Sequence[Requirement], events: Sequence[ChampionChange]) -> str:
    """Return the card of a version; `run` is None where it is gone."""
    held = f" ({', '.join(version.aliases)})" if version.aliases else ""
    parts = [f"# {escape_markdown(version.name)}, version {version.version}{held}", _facts(version, run)]
    if run is not None:
        note = run.tags.get("mlflow.note.content", "").strip()
        parts += [
            "## What was found",
            escape_markdown(note) if note else "Nothing is written.",
            "## How it does",
            _metrics(run),
        ]
    parts += [
        "## Gates",
        *(f"- {'passed' if g.passed else 'shut'}: {escape_markdown(g.title)}. {escape_markdown(g.evidence)}" for g in gates),
    ]
    own = [event for event in events if event.version == version.version]
    if own:
        parts += ["## As the champion", *(f"- {escape_markdown(e.at)}: {escape_markdown(e.how)}. {escape_markdown(e.reason)}" for e in own)]
    return "\n\n".join(parts) + "\n"


def _facts(version: Version, run: Run | None) -> str:
    rows = {
        "Family": version.tags.get("model_type"),
        "Algorithm": version.tags.get("algorithm"),
        "Trained on": version.tags.get("dataset_name"),
        "Data set digest": version.tags.get("dataset_digest"),
        "Errors measured on": version.tags.get("split"),
        "Registered": None if version.created is None else f"{version.created:%Y-%m-%d %H:%M} UTC",
        "Run": version.run_id if run is not None else f"{version.run_id} (gone)",
        "Reason to promote": version.tags.get("edtech.reason"),
    }
    return "\n".join(f"- {title}: {escape_markdown(value)}" for title, value in rows.items() if value)


def _metrics(run: Run) -> str:
    known = [(metric(name), value) for name, value in run.metrics.items() if name in METRICS]
    rows = [f"| {escape_markdown(m.title)} | {value:,.6g} | {escape_markdown(m.unit)} | {escape_markdown(m.help)} |" for m, value in known]
    return "\n".join(["| metric | value | unit | meaning |", "|---|---|---|---|", *rows])
