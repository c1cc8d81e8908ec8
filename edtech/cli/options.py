"""Shared options of the commands, and parsers of their values."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edtech.errors import ParamsError, ReportError
from edtech.settings import Settings, load_settings

if TYPE_CHECKING:
    from edtech.data import Catalogue
    from edtech.ml.base import Algorithm
    from edtech.reports.recipes import Recipe

Out = Annotated[Path | None, typer.Option(help="Home folder of data, runs and reports; default: EDTECH_HOME.")]
Experiment = Annotated[str | None, typer.Option(help="MLflow experiment; default: EDTECH_EXPERIMENT.")]
Family = Annotated[str, typer.Option(help="Model family.")]
Param = Annotated[
    list[str] | None,
    typer.Option(
        help="Hyperparameter as name=value, or algorithm.name=value for one of several algorithms. Repeatable."
    ),
]
RoleOf = Annotated[
    list[str] | None,
    typer.Option(
        help="Column role that overrides the stored one, such as controls=rating,age; role= for none. Repeatable."
    ),
]
Learners = Annotated[int | None, typer.Option(help="Number of learners who join by the last week.")]
Teachers = Annotated[int | None, typer.Option(help="Number of teachers.")]
Courses = Annotated[int | None, typer.Option(help="Number of courses published by the last week.")]
Weeks = Annotated[int | None, typer.Option(help="Number of observed weeks.")]
Seed = Annotated[int | None, typer.Option(help="Random seed; the same seed gives the same market.")]
Preset = Annotated[
    str | None, typer.Option(help="Kind of market: balanced (default), confounded, price_test, thin, growing.")
]
Knobs = Annotated[
    list[str] | None,
    typer.Option("--set", help="Market parameter as name=value; `data generate --knobs` lists them. Repeatable."),
]
ReportFile = Annotated[
    Path | None, typer.Option(help="Also write a report to this file: .html, .pdf, .xlsx, .zip or .csv.")
]
Name = Annotated[str, typer.Option(help="Name of the data set.")]


def settings_of(out: Path | None) -> Settings:
    """Return the settings, with `out` as the home folder if it is given."""
    return load_settings(out)


def catalogue(settings: Settings) -> "Catalogue":
    """Return the data catalogue of a home."""
    from edtech.data import Catalogue

    return Catalogue(settings.data_dir)


def assignments(texts: list[str]) -> dict[str, Any]:
    """Parse `name=value` texts into a dict; an empty value is None. Raises ParamsError for any other text."""
    values: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign:
            raise ParamsError(
                "The option has no value", expected="name=value", actual=repr(text), fix="write name=value"
            )
        values[name] = value or None
    return values


def params_by_algorithm(texts: list[str], algorithms: Sequence["Algorithm"]) -> dict[str, dict[str, Any]]:
    """Parse `name=value` or `algorithm.name=value` texts into hyperparameters by algorithm.

    A hyperparameter without an algorithm applies to all algorithms that have it. Raises ParamsError if none has it.
    """
    values: dict[str, dict[str, Any]] = {}
    for key, value in assignments(texts).items():
        target, _, name = key.rpartition(".")
        takers = [
            algorithm.name
            for algorithm in algorithms
            if target in ("", algorithm.name) and name in algorithm.params.model_fields
        ]
        if not takers:
            raise ParamsError(
                "None of the selected algorithms has this hyperparameter",
                expected="; ".join(
                    f"{algorithm.name}: {', '.join(algorithm.params.model_fields)}" for algorithm in algorithms
                ),
                actual=repr(key)[:80],
                fix="correct the name, or add the algorithm that has it",
            )
        for taker in takers:
            values.setdefault(taker, {})[name] = value
    return values


def roles_of(texts: list[str], several: Collection[str]) -> dict[str, Any]:
    """Parse `role=column` texts into columns by role: a tuple for the roles in `several`, else a column or None.

    A role in `several` takes columns separated by commas or in repeated options; `role=` removes the columns before
    it. Raises ParamsError for any other text.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise ParamsError(
                "The role has no column", expected="role=column", actual=repr(text), fix="write for example price=cost"
            )
        if name not in several or not value:
            values[name] = () if name in several else value or None
        else:
            values[name] = (*values.get(name, ()), *filter(None, value.split(",")))
    return values


def number(name: str, text: str | None) -> float:
    """Parse the number of a `name=number` option. Raises ParamsError if it is no number."""
    try:
        return float(text or "")
    except ValueError as exc:
        raise ParamsError(
            f"The value of {name!r} is not a number",
            expected="a number such as 0.15",
            actual=repr(text),
            fix=f"write {name}=0.15",
        ) from exc


def write_report(recipe: "Recipe", path: Path, settings: Settings) -> None:
    """Write a report in the format of the file extension. Raises ReportError for an unknown extension."""
    from edtech.reports import write
    from edtech.reports.recipes import Stores, report_of

    write_bytes(path, write(report_of(recipe, Stores.of(settings)), path.suffix.removeprefix(".").lower()))
    typer.echo(f"Report: {path}")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file. Raises ReportError if that is not possible."""
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise ReportError(
            "The file cannot be written",
            actual=exc.strerror,
            where=str(path),
            fix="name a file in an existing, writable folder",
        ) from exc
