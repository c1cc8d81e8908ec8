"""Commands that create and read data sets: generate, upload, list, show, check, dictionary, explore."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from edtech.cli.entry import app
from edtech.cli.options import (
    Courses,
    Knobs,
    Learners,
    Name,
    Out,
    Preset,
    ReportFile,
    Seed,
    Teachers,
    Weeks,
    assignments,
    catalogue,
    roles_of,
    settings_of,
    write_bytes,
    write_report,
)
from edtech.errors import ContractError, ParamsError
from edtech.tables.formatting import pluralize

if TYPE_CHECKING:
    from edtech.data import Catalogue, Dialect, Upload
    from edtech.tables.roles import Roles

data = typer.Typer(help="Generate, upload, check, explore, compare and manage data sets.", no_args_is_help=True)
app.add_typer(data, name="data")

DatasetId = Annotated[str, typer.Argument(help="Id of the data set.")]


@data.command("generate")
def data_generate(
    learners: Learners = None,
    teachers: Teachers = None,
    courses: Courses = None,
    weeks: Weeks = None,
    seed: Seed = None,
    preset: Preset = None,
    set_: Knobs = None,
    knobs: Annotated[bool, typer.Option(help="List all market parameters with bounds and meaning, then exit.")] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Worker processes; any number gives the same market.")
    ] = 1,
    name: Name = "Market",
    out: Out = None,
) -> None:
    """Generate a market with known ground truth and store it."""
    from edtech.market import MarketParams
    from edtech.market.estimate import estimate_size

    sizes = {"learners": learners, "teachers": teachers, "courses": courses, "weeks": weeks, "seed": seed}
    chosen_sizes = {size: value for size, value in sizes.items() if value is not None}
    params = MarketParams.preset(preset or "balanced", **chosen_sizes | assignments(set_ or []))
    if knobs:
        for knob, info in MarketParams.model_fields.items():
            bounds = " ".join(str(bound) for bound in info.metadata)
            typer.echo(f"{knob} = {getattr(params, knob)}  {bounds}  {info.description}")
        return
    typer.echo(str(estimate_size(params, workers)))
    stored = catalogue(settings_of(out)).add_generated(params, name=name, workers=workers, progress=_progress)
    typer.echo(f"{stored.id}  {stored.name}  {stored.rows:,} course-weeks")


def _progress(fraction: float, step: str) -> None:
    typer.echo(f"{fraction:4.0%}  {step}", err=True)


@data.command("upload")
def data_upload(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or XLSX file, also compressed as .gz.")],
    kind: Annotated[
        str, typer.Option(help="Kind of table: panel, visits, labels or ratings; default: suggested from the columns.")
    ] = "",
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="Column role that overrides the suggestion, such as price=cost; role= for none. "
            "Commas separate several columns or values. Repeatable."
        ),
    ] = None,
    unit_part: Annotated[
        list[str] | None, typer.Option(help="Column that is part of the unit; `none` for none. Repeatable.")
    ] = None,
    prices_set: Annotated[
        str | None, typer.Option(help="How prices were set: unknown, schedule or experiment.")
    ] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option(
            help="Text format that overrides the detected one: delimiter=;, decimal=,, encoding=cp1252 or thousands=."
        ),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook; default: the first.")] = None,
    failures: Annotated[Path | None, typer.Option(help="Write all invalid rows to this CSV file.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: the file name.")] = None,
    out: Out = None,
) -> None:
    """Check a table and store it; column roles are suggested from the column names."""
    settings = settings_of(out)
    datasets = catalogue(settings)
    upload = _stage(datasets, file, settings.upload_limit_mb, sheet, dialect or [])
    try:
        for note in upload.notes:
            typer.echo(note)
        more = [*(role or []), *([f"prices_set={prices_set}"] if prices_set else [])]
        roles, parts = _roles(upload, kind, more, unit_part or [])
        typer.echo(f"Columns: {_role_options(roles)}")
        stored = datasets.add_upload(upload, roles, name=name or file.name, unit_parts=parts)
    except ContractError as error:
        if failures is not None and error.failures is not None:
            from edtech.reports import table_csv

            write_bytes(failures, table_csv(error.failures))
            typer.echo(f"All invalid rows: {failures}", err=True)
        raise
    finally:
        upload.close()
    typer.echo(f"{stored.id}  {stored.name}  {stored.kind}  {pluralize(stored.rows, 'row')}")


def _stage(datasets: "Catalogue", file: Path, limit_mb: int, sheet: str | None, dialect: list[str]) -> "Upload":
    """Read the file, a second time if the dialect is given. Raises ParamsError for an option of another format."""
    upload = datasets.stage(file.name, file, limit_mb=limit_mb, sheet=sheet)
    try:
        if sheet is not None and upload.sheet is None:
            raise ParamsError(
                "Only an Excel workbook has sheets",
                expected="no --sheet",
                actual=repr(sheet)[:80],
                fix="omit --sheet",
            )
        requested = _dialect(upload.dialect, dialect) if dialect else None
    except ParamsError:
        upload.close()
        raise
    if requested is None:
        return upload
    upload.close()
    return datasets.stage(file.name, file, limit_mb=limit_mb, dialect=requested)


def _role_options(roles: "Roles") -> str:
    """Return the columns by role, as arguments of `--role`."""
    columns: dict[str, list[str]] = {}
    for column, role in roles.by_column().items():
        columns.setdefault(role, []).append(column)
    stated = roles.model_dump(exclude_defaults=True) | columns
    values = {name: value if isinstance(value, str) else ",".join(value) for name, value in stated.items() if value}
    return " ".join(shlex.quote(f"{name}={value}") for name, value in values.items())


def _roles(upload: "Upload", kind: str, texts: list[str], unit_parts: list[str]) -> tuple[Any, list[str]]:
    """Return the suggested roles with the overrides of the user, and the columns that make the unit."""
    from edtech.data import CONTRACTS, roles_for, suggest_kind, suggest_mapping, suggest_roles

    kind = kind or suggest_kind(upload.frame)
    overrides = roles_of(texts, CONTRACTS[kind].roles.several() if kind in CONTRACTS else ())
    columns = dict(suggest_mapping(upload.frame, kind)) if kind in CONTRACTS else {}
    if kind == "panel" and not unit_parts and "unit" not in overrides:
        unit_parts = list(suggest_roles(upload.frame).unit_parts)
    unit_parts = [] if unit_parts == ["none"] else unit_parts
    if unit_parts:
        columns["unit"] = "unit (combined)"
    columns |= overrides
    typer.echo(f"Kind: {kind}")
    return roles_for(kind, columns), unit_parts if columns.get("unit") == "unit (combined)" else []


def _dialect(detected: "Dialect | None", texts: list[str]) -> "Dialect":
    from dataclasses import fields, replace

    if detected is None:
        raise ParamsError(
            "Only a text file has a dialect",
            expected="CSV or TSV",
            actual="Parquet or a workbook",
            fix="omit --dialect",
        )
    options = {name: value or "" for name, value in assignments(texts).items()}
    if unknown := set(options) - {field.name for field in fields(detected)}:
        raise ParamsError(
            "The dialect has no such option",
            expected="delimiter, decimal, encoding, thousands",
            actual=", ".join(sorted(unknown))[:80],
        )
    return replace(detected, **cast(dict[str, Any], options))


@data.command("list")
def data_list(
    deleted: Annotated[bool, typer.Option(help="List the deleted data sets instead.")] = False, out: Out = None
) -> None:
    """List the stored data sets, newest first."""
    for item in catalogue(settings_of(out)).list(deleted=deleted):
        typer.echo(f"{item.id}  {item.created:%Y-%m-%d %H:%M}  {item.kind:7}  {item.rows:>9,} rows  {item.name}")


@data.command("show")
def data_show(dataset: DatasetId, out: Out = None) -> None:
    """Print the properties and key figures of a data set."""
    from edtech.data.summary import summary

    stored = catalogue(settings_of(out)).get(dataset)
    period = f", {stored.period[0]} to {stored.period[1]}" if stored.period else ""
    typer.echo(f"{stored.name}: {stored.kind}, created {stored.created:%Y-%m-%d %H:%M} UTC{period}")
    typer.echo(f"digest {stored.digest}")
    for table, rows in stored.tables.items():
        typer.echo(f"  {table}: {pluralize(rows, 'row')}")
    for figure in summary(stored):
        if figure.value is not None:
            value = f"{figure.value:.4%}" if figure.unit == "share" else f"{figure.value!r} {figure.unit}".strip()
            typer.echo(f"  {figure.title} = {value}")


@data.command("check")
def data_check(dataset: DatasetId, report: ReportFile = None, out: Out = None) -> None:
    """Run the health checks of a data set, including the accounting identities and whether a model can be trained."""
    from edtech.data import check_dataset

    settings = settings_of(out)
    for check in check_dataset(catalogue(settings).get(dataset)):
        typer.echo(f"{check.severity:6}  {check.code}  {check.title}: {check.evidence} {check.fix}".rstrip())
    if report is not None:
        from edtech.reports.recipes import HealthRecipe

        write_report(HealthRecipe(dataset=dataset), report, settings)


@data.command("dictionary")
def data_dictionary(
    dataset: DatasetId,
    table: Annotated[str | None, typer.Option(help="Table of the data set; default: the main table.")] = None,
    out: Out = None,
) -> None:
    """Print the data dictionary of a table: the meaning and range of its columns."""
    from edtech.data.summary import dictionary

    stored = catalogue(settings_of(out)).get(dataset)
    typer.echo(dictionary(stored, table or stored.main_table).to_string(index=False))


Explored = Literal[
    "distribution", "by-unit", "by-period", "season", "retention", "flows", "outcome", "realism", "likeness"
]


@data.command("explore")
def data_explore(
    dataset: DatasetId,
    figure: Annotated[Explored, typer.Option(help="Figure whose numbers to print.")] = "distribution",
    table: Annotated[str | None, typer.Option(help="For a distribution: the table; default: the main table.")] = None,
    column: Annotated[str | None, typer.Option(help="For a distribution or an outcome: the column.")] = None,
    out: Out = None,
) -> None:
    """Print the numbers of a figure of the Explore tab, as CSV."""
    from edtech.data.explore import figure_frame
    from edtech.reports import table_csv

    stored = catalogue(settings_of(out)).get(dataset)
    frame = figure_frame(stored, figure, table=table, column=column)
    typer.echo(table_csv(frame).decode(), nl=False)
