"""Commands that make and read data sets: generate, upload, list, show, check, explore."""

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
from edtech.tables.words import counted

if TYPE_CHECKING:
    from edtech.data import Catalogue, Dialect, Upload
    from edtech.tables.roles import Roles

data = typer.Typer(help="Generate, upload, check, explore, compare and keep data sets.", no_args_is_help=True)
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
    knobs: Annotated[bool, typer.Option(help="List all knobs with bounds and meaning, and end.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes; the market is the same.")] = 1,
    name: Name = "Market",
    out: Out = None,
) -> None:
    """Generate a market whose truth is known and store it."""
    from edtech.market import MarketParams
    from edtech.market.estimate import expected

    sizes = {"learners": learners, "teachers": teachers, "courses": courses, "weeks": weeks, "seed": seed}
    given = {size: value for size, value in sizes.items() if value is not None}
    params = MarketParams.preset(preset or "balanced", **given | assignments(set_ or []))
    if knobs:
        for knob, info in MarketParams.model_fields.items():
            bounds = " ".join(str(bound) for bound in info.metadata)
            typer.echo(f"{knob} = {getattr(params, knob)}  {bounds}  {info.description}")
        return
    typer.echo(str(expected(params, workers)))
    stored = catalogue(settings_of(out)).add_generated(params, name=name, workers=workers, progress=_progress)
    typer.echo(f"{stored.id}  {stored.name}  {stored.rows:,} course-weeks")


def _progress(share: float, what: str) -> None:
    typer.echo(f"{share:4.0%}  {what}", err=True)


@data.command("upload")
def data_upload(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet or XLSX; .gz is unpacked.")],
    kind: Annotated[str, typer.Option(help="What it is: panel, visits, labels or ratings; default: suggested.")] = "",
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="role=column where the suggestion is wrong, such as price=cost; role= for none; several columns or "
            "values are separated by commas. Repeatable."
        ),
    ] = None,
    unit_part: Annotated[
        list[str] | None, typer.Option(help="Columns that together make the unit. Repeatable; `none` for none.")
    ] = None,
    prices_set: Annotated[str | None, typer.Option(help="How prices were set: unknown, schedule, experiment.")] = None,
    dialect: Annotated[
        list[str] | None,
        typer.Option(help="delimiter=;, decimal=,, encoding=cp1252 or thousands=. where it was not found out right."),
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook; default: the first.")] = None,
    failures: Annotated[Path | None, typer.Option(help="Write all rows that fail there, as CSV.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: the file's.")] = None,
    out: Out = None,
) -> None:
    """Check a table against its contract and store it; columns are suggested from their names."""
    settings = settings_of(out)
    kept = catalogue(settings)
    upload = _staged(kept, file, settings.upload_limit_mb, sheet, dialect or [])
    try:
        for note in upload.notes:
            typer.echo(note)
        more = [*(role or []), *([f"prices_set={prices_set}"] if prices_set else [])]
        roles, parts = _roles(upload, kind, more, unit_part or [])
        typer.echo(f"Columns: {_told(roles)}")
        stored = kept.add_upload(upload, roles, name=name or file.name, unit_parts=parts)
    except ContractError as error:
        if failures is not None and error.failures is not None:
            from edtech.reports import table_csv

            write_bytes(failures, table_csv(error.failures))
            typer.echo(f"All rows that fail: {failures}", err=True)
        raise
    finally:
        upload.close()
    typer.echo(f"{stored.id}  {stored.name}  {stored.kind}  {counted(stored.rows, 'row')}")


def _staged(kept: "Catalogue", file: Path, limit_mb: int, sheet: str | None, dialect: list[str]) -> "Upload":
    """Return the file as read, again where its dialect is given; what is asked must speak of its format."""
    upload = kept.stage(file.name, file, limit_mb=limit_mb, sheet=sheet)
    try:
        if sheet is not None and upload.sheet is None:
            raise ParamsError(
                "Only an Excel workbook has sheets",
                expected="no --sheet",
                found=repr(sheet)[:80],
                fix="leave out --sheet",
            )
        asked = _dialect(upload.dialect, dialect) if dialect else None
    except ParamsError:
        upload.close()
        raise
    if asked is None:
        return upload
    upload.close()
    return kept.stage(file.name, file, limit_mb=limit_mb, dialect=asked)


def _told(roles: "Roles") -> str:
    """Return what plays which role, as `--role` takes it."""
    columns: dict[str, list[str]] = {}
    for column, role in roles.by_column().items():
        columns.setdefault(role, []).append(column)
    stated = roles.model_dump(exclude_defaults=True) | columns
    values = {name: value if isinstance(value, str) else ",".join(value) for name, value in stated.items() if value}
    return " ".join(shlex.quote(f"{name}={value}") for name, value in values.items())


def _roles(upload: "Upload", kind: str, texts: list[str], unit_parts: list[str]) -> tuple[Any, list[str]]:
    """Return the roles as suggested with what was given instead, and the parts of the unit."""
    from edtech.data import CONTRACTS, roles_for, suggest_kind, suggest_mapping, suggest_roles

    kind = kind or suggest_kind(upload.frame)
    given = roles_of(texts, CONTRACTS[kind].roles.several() if kind in CONTRACTS else ())
    chosen = dict(suggest_mapping(upload.frame, kind)) if kind in CONTRACTS else {}
    if kind == "panel" and not unit_parts and "unit" not in given:
        unit_parts = list(suggest_roles(upload.frame).unit_parts)
    unit_parts = [] if unit_parts == ["none"] else unit_parts
    if unit_parts:
        chosen["unit"] = "unit (combined)"
    chosen |= given
    typer.echo(f"Taken for: {kind}")
    return roles_for(kind, chosen), unit_parts if chosen.get("unit") == "unit (combined)" else []


def _dialect(found: "Dialect | None", texts: list[str]) -> "Dialect":
    from dataclasses import fields, replace

    if found is None:
        raise ParamsError(
            "Only a file of text has a dialect",
            expected="CSV or TSV",
            found="Parquet or a workbook",
            fix="leave out --dialect",
        )
    given = {name: value or "" for name, value in assignments(texts).items()}
    if unknown := set(given) - {field.name for field in fields(found)}:
        raise ParamsError(
            "There is no such part of a dialect",
            expected="delimiter, decimal, encoding, thousands",
            found=", ".join(sorted(unknown))[:80],
        )
    return replace(found, **cast(dict[str, Any], given))


@data.command("list")
def data_list(
    deleted: Annotated[bool, typer.Option(help="List those that can be restored instead.")] = False, out: Out = None
) -> None:
    """List the stored data sets, newest first."""
    for one in catalogue(settings_of(out)).list(deleted=deleted):
        typer.echo(f"{one.id}  {one.created:%Y-%m-%d %H:%M}  {one.kind:7}  {one.rows:>9,} rows  {one.name}")


@data.command("show")
def data_show(dataset: DatasetId, out: Out = None) -> None:
    """Print what a data set is and amounts to."""
    from edtech.data.summary import summary

    stored = catalogue(settings_of(out)).get(dataset)
    period = f", {stored.period[0]} to {stored.period[1]}" if stored.period else ""
    typer.echo(f"{stored.name}: {stored.kind}, created {stored.created:%Y-%m-%d %H:%M} UTC{period}")
    typer.echo(f"digest {stored.digest}")
    for table, rows in stored.tables.items():
        typer.echo(f"  {table}: {counted(rows, 'row')}")
    for figure in summary(stored):
        if figure.value is not None:
            shown = f"{figure.value:.4%}" if figure.unit == "share" else f"{figure.value!r} {figure.unit}".strip()
            typer.echo(f"  {figure.title} = {shown}")


@data.command("check")
def data_check(dataset: DatasetId, report: ReportFile = None, out: Out = None) -> None:
    """Print the health of a data set: identities of the books, and what can be learned from it."""
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
    table: Annotated[str | None, typer.Option(help="A table of the data set; default: the main one.")] = None,
    out: Out = None,
) -> None:
    """Print what the columns of a table mean, and their range."""
    from edtech.data.summary import dictionary

    stored = catalogue(settings_of(out)).get(dataset)
    typer.echo(dictionary(stored, table or stored.main_table).to_string(index=False))


Explored = Literal["distribution", "by-unit", "by-period", "season", "retention", "flows", "outcome", "likeness"]


@data.command("explore")
def data_explore(
    dataset: DatasetId,
    figure: Annotated[Explored, typer.Option(help="Which figure's numbers.")] = "distribution",
    table: Annotated[str | None, typer.Option(help="For a distribution: the table; default: the main one.")] = None,
    column: Annotated[str | None, typer.Option(help="For a distribution or an outcome: the column.")] = None,
    out: Out = None,
) -> None:
    """Print the numbers behind a figure of the Explore tab, as CSV."""
    from edtech.data.figures import figure_frame
    from edtech.reports import table_csv

    stored = catalogue(settings_of(out)).get(dataset)
    frame = figure_frame(stored, figure, table=table, column=column)
    typer.echo(table_csv(frame).decode(), nl=False)
