"""Commands about data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edtech.cli.entry import app
from edtech.cli.options import (
    Courses,
    Learners,
    Name,
    Out,
    Preset,
    Seed,
    Teachers,
    Weeks,
    assignments,
    catalogue,
    panel_roles,
    settings_of,
)

data = typer.Typer(help="Generate, upload, list and check data sets.", no_args_is_help=True)
app.add_typer(data, name="data")


@data.command("generate")
def data_generate(
    learners: Learners = 2_000,
    teachers: Teachers = 100,
    courses: Courses = 200,
    weeks: Weeks = 26,
    seed: Seed = 1,
    preset: Preset = "balanced",
    name: Name = "Market",
    out: Out = None,
) -> None:
    """Generate a market whose truth is known and store it."""
    from edtech.market import MarketParams

    params = MarketParams.preset(
        preset, learners=learners, teachers=teachers, courses=courses, weeks=weeks, seed=seed
    )  # fmt: skip
    stored = catalogue(settings_of(out)).add_generated(params, name=name)
    typer.echo(f"{stored.id}  {stored.name}  {stored.rows:,} course-weeks")


@data.command("upload")
def data_upload(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or Parquet with one row for each unit and period.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="role=column where the suggestion is wrong, such as price=cost; role= for none. Repeatable."),
    ] = None,
    prices_set: Annotated[str, typer.Option(help="How prices were set: unknown, schedule or experiment.")] = "unknown",
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: the file's.")] = None,
    out: Out = None,
) -> None:
    """Check a demand panel against its contract and store it; columns are suggested from their names."""
    from edtech.data import combine_columns, read_upload, suggest_roles

    settings = settings_of(out)
    upload = read_upload(file.name, file, limit_mb=settings.upload_limit_mb)
    for note in upload.notes:
        typer.echo(note)
    suggestion, frame = suggest_roles(upload.frame), upload.frame
    chosen: dict[str, Any] = suggestion.roles_so_far()
    if suggestion.unit_parts:
        frame = combine_columns(frame, suggestion.unit_parts, "unit (combined)")
        chosen["unit"] = "unit (combined)"
    roles = panel_roles(chosen | assignments(role or []) | {"prices_set": prices_set})
    typer.echo("Columns: " + ", ".join(f"{key}={value}" for key, value in roles.model_dump().items() if value))
    stored = catalogue(settings).add_panel(frame, roles, name=name or file.name, source={"file": file.name})
    typer.echo(f"{stored.id}  {stored.name}  {stored.rows:,} rows")


@data.command("list")
def data_list(out: Out = None) -> None:
    """List the stored data sets, newest first."""
    for one in catalogue(settings_of(out)).list():
        typer.echo(f"{one.id}  {one.created:%Y-%m-%d %H:%M}  {one.kind:6}  {one.rows:>9,} rows  {one.name}")


@data.command("check")
def data_check(dataset: Annotated[str, typer.Argument(help="Id of the data set.")], out: Out = None) -> None:
    """Say whether an elasticity can be learned from a data set."""
    from edtech.data import check_panel
    from edtech.data.identities import identities_check

    stored = catalogue(settings_of(out)).get(dataset)
    books = [identities_check(stored)] if stored.kind == "market" else []
    for check in (*books, *check_panel(stored.panel(), stored.roles)):
        typer.echo(f"{check.severity:6}  {check.title}: {check.evidence} {check.fix}".rstrip())
