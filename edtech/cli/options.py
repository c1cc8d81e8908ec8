"""What the commands share: options, and how their texts become values."""

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

Out = Annotated[Path | None, typer.Option(help="Home folder for what is made; default: EDTECH_HOME.")]
Experiment = Annotated[str | None, typer.Option(help="MLflow experiment; default: EDTECH_EXPERIMENT.")]
Family = Annotated[str, typer.Option(help="Model family.")]
Param = Annotated[
    list[str] | None,
    typer.Option(help="name=value of a hyperparameter; algorithm.name=value where several are trained. Repeatable."),
]
RoleOf = Annotated[
    list[str] | None,
    typer.Option(
        help="role=column other than stored with the data set, such as controls=rating,age; role= for none. Repeatable."
    ),
]
Learners = Annotated[int | None, typer.Option(help="Learners who join until the last week.")]
Teachers = Annotated[int | None, typer.Option(help="Teachers who offer courses.")]
Courses = Annotated[int | None, typer.Option(help="Courses published until the last week.")]
Weeks = Annotated[int | None, typer.Option(help="Length of the observed time.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same market.")]
Preset = Annotated[
    str | None, typer.Option(help="Kind of market: balanced (default), confounded, price_test, thin, growing.")
]
Knobs = Annotated[
    list[str] | None,
    typer.Option("--set", help="name=value of any knob; `data generate --knobs` lists them. Repeatable."),
]
ReportFile = Annotated[Path | None, typer.Option(help="Write a report there: .html, .pdf, .xlsx, .zip or .csv.")]
Name = Annotated[str, typer.Option(help="Name of the data set.")]


def settings_of(out: Path | None) -> Settings:
    """Return the settings, with another home where one is given."""
    return load_settings(out)


def catalogue(settings: Settings) -> "Catalogue":
    """Return the data sets of a home."""
    from edtech.data import Catalogue

    return Catalogue(settings.data_dir)


def assignments(texts: list[str]) -> dict[str, Any]:
    """Return `name=value` texts as a dict; an empty value is None. Raises ParamsError for any other text."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign:
            raise ParamsError(
                "This is not an assignment", expected="name=value", found=repr(text), fix="write name=value"
            )
        found[name] = value or None
    return found


def params_by_algorithm(texts: list[str], algorithms: Sequence["Algorithm"]) -> dict[str, dict[str, Any]]:
    """Return `name=value` or `algorithm.name=value` texts as hyperparameters by algorithm.

    One without an algorithm's name goes to all that have it. Raises ParamsError for one that none of them has.
    """
    found: dict[str, dict[str, Any]] = {}
    for key, value in assignments(texts).items():
        named, _, name = key.rpartition(".")
        takers = [one.name for one in algorithms if named in ("", one.name) and name in one.params.model_fields]
        if not takers:
            raise ParamsError(
                "No algorithm that is trained has this hyperparameter",
                expected="; ".join(f"{one.name}: {', '.join(one.params.model_fields)}" for one in algorithms),
                found=repr(key)[:80],
                fix="correct the name, or train the algorithm that has it",
            )
        for algorithm in takers:
            found.setdefault(algorithm, {})[name] = value
    return found


def roles_of(texts: list[str], several: Collection[str]) -> dict[str, Any]:
    """Return `role=column` texts by role: all columns of a role in `several`, else the last one or None.

    Columns of a role that takes several are separated by commas, or given one by one; `role=` takes back what was
    given before it. Raises ParamsError for any other text.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise ParamsError(
                "This names no column", expected="role=column", found=repr(text), fix="write such as price=cost"
            )
        if name not in several or not value:
            found[name] = () if name in several else value or None
        else:
            found[name] = (*found.get(name, ()), *filter(None, value.split(",")))
    return found


def number(name: str, text: str | None) -> float:
    """Return what is asked of a name as a number. Raises ParamsError where it is none."""
    try:
        return float(text or "")
    except ValueError as exc:
        raise ParamsError(
            f"What is asked of {name!r} is not a number",
            expected="a number such as 0.15",
            found=repr(text),
            fix=f"write {name}=0.15",
        ) from exc


def write_report(recipe: "Recipe", path: Path, settings: Settings) -> None:
    """Make a report and write it in the form that the ending of its path names. Raises ReportError for another."""
    from edtech.reports import write
    from edtech.reports.recipes import Stores, report_of

    write_bytes(path, write(report_of(recipe, Stores.of(settings)), path.suffix.removeprefix(".").lower()))
    typer.echo(f"Report: {path}")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that was asked for. Raises ReportError where it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise ReportError(
            "The file cannot be written",
            found=exc.strerror,
            where=str(path),
            fix="name a file in a folder that is there and can be written",
        ) from exc
