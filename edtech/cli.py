"""Every action of a page as a command; the same numbers come out.

Heavy packages are imported inside the commands, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edtech import __version__
from edtech.errors import EdtechError, ParamsError
from edtech.settings import Settings

if TYPE_CHECKING:
    from edtech.data import Catalogue
    from edtech.reports import Report

app = typer.Typer(
    help="EdTech Token Economy: token pricing with numbers one can act on.", no_args_is_help=True, add_completion=False
)
data = typer.Typer(help="Generate, upload, list and check data sets.", no_args_is_help=True)
app.add_typer(data, name="data")

Out = Annotated[Path | None, typer.Option(help="Home folder for what is made; default: EDTECH_HOME.")]
Experiment = Annotated[str | None, typer.Option(help="MLflow experiment; default: EDTECH_EXPERIMENT.")]
Learners = Annotated[int, typer.Option(help="Learners who join until the last week.")]
Teachers = Annotated[int, typer.Option(help="Teachers who offer courses.")]
Courses = Annotated[int, typer.Option(help="Courses published until the last week.")]
Weeks = Annotated[int, typer.Option(help="Length of the observed time.")]
Seed = Annotated[int, typer.Option(help="Same seed, same market.")]
Preset = Annotated[str, typer.Option(help="Kind of market: balanced, confounded, price_test, thin, growing.")]
Name = Annotated[str, typer.Option(help="Name of the data set.")]


def main() -> None:
    """Run the command line; an error of ours is one message on stderr and exit code 1."""
    try:
        app()
    except EdtechError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def pipeline(
    learners: Learners = 10_000,
    teachers: Teachers = 500,
    courses: Courses = 2_000,
    weeks: Weeks = 52,
    seed: Seed = 1,
    preset: Preset = "balanced",
    dataset: Annotated[str | None, typer.Option(help="Id of a stored data set to use instead of a new market.")] = None,
    algorithms: Annotated[str, typer.Option(help="Algorithms, separated by commas; default: all that can be.")] = "",
    mlflow: Annotated[bool, typer.Option(help="Log the trainings to MLflow.")] = True,
    out: Out = None,
) -> None:
    """Generate a market, train and log models, write the report; prints stages and results."""
    from edtech.market import MarketParams
    from edtech.pipeline import EdTechPipelineOrchestrator

    settings = _settings(out)
    params = MarketParams.preset(
        preset, learners=learners, teachers=teachers, courses=courses, weeks=weeks, seed=seed
    )  # fmt: skip
    orchestrator = EdTechPipelineOrchestrator(use_mlflow=mlflow, settings=settings, say=typer.echo)
    orchestrator.run_complete_pipeline(
        params,
        name=f"{preset} market, seed {seed}",
        dataset=_catalogue(settings).get(dataset) if dataset else None,
        algorithms=[name.strip() for name in algorithms.split(",") if name.strip()] or None,
    )


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
    stored = _catalogue(_settings(out)).add_generated(params, name=name)
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

    settings = _settings(out)
    upload = read_upload(file.name, file, limit_mb=settings.upload_limit_mb)
    for note in upload.notes:
        typer.echo(note)
    suggestion, frame = suggest_roles(upload.frame), upload.frame
    chosen: dict[str, Any] = suggestion.roles_so_far()
    if suggestion.unit_parts:
        frame = combine_columns(frame, suggestion.unit_parts, "unit (combined)")
        chosen["unit"] = "unit (combined)"
    roles = _roles(chosen | _assignments(role or []) | {"prices_set": prices_set})
    typer.echo("Columns: " + ", ".join(f"{key}={value}" for key, value in roles.model_dump().items() if value))
    stored = _catalogue(settings).add_panel(frame, roles, name=name or file.name, source={"file": file.name})
    typer.echo(f"{stored.id}  {stored.name}  {stored.rows:,} rows")


@data.command("list")
def data_list(out: Out = None) -> None:
    """List the stored data sets, newest first."""
    for one in _catalogue(_settings(out)).list():
        typer.echo(f"{one.id}  {one.created:%Y-%m-%d %H:%M}  {one.kind:6}  {one.rows:>9,} rows  {one.name}")


@data.command("check")
def data_check(dataset: Annotated[str, typer.Argument(help="Id of the data set.")], out: Out = None) -> None:
    """Say whether an elasticity can be learned from a data set."""
    from edtech.data import check_panel
    from edtech.data.identities import identities_check

    stored = _catalogue(_settings(out)).get(dataset)
    books = [identities_check(stored)] if stored.kind == "market" else []
    for check in (*books, *check_panel(stored.panel(), stored.roles)):
        typer.echo(f"{check.severity:6}  {check.title}: {check.evidence} {check.fix}".rstrip())


@app.command()
def train(
    dataset: Annotated[str, typer.Argument(help="Id of the data set.")],
    algorithm: Annotated[str, typer.Option(help="Algorithm of the family token_elasticity.")] = "fixed_effects",
    param: Annotated[list[str] | None, typer.Option(help="name=value of a hyperparameter. Repeatable.")] = None,
    experiment: Experiment = None,
    out: Out = None,
) -> None:
    """Train one algorithm on a data set and log it."""
    from edtech.ml.words import sentence, warning
    from edtech.pipeline.training import train_runs
    from edtech.tracking import EdTechMLFlowTracker

    settings = _settings(out)
    tracker = EdTechMLFlowTracker(experiment, settings=settings)
    values = {algorithm: _assignments(param or [])}
    stored = _catalogue(settings).get(dataset)
    for run in train_runs(stored, [algorithm], params=values, tracker=tracker):
        typer.echo(f"run {run.run_id}\n{sentence(run.result)}\n{warning(run.result)}")
        for name, value in run.metrics.items():
            typer.echo(f"  {name} = {value!r}")


@app.command()
def runs(experiment: Experiment = None, out: Out = None) -> None:
    """List the finished trainings of an experiment, newest first."""
    from edtech.tracking import RunStore

    settings = _settings(out)
    table = RunStore(settings=settings).list_runs([experiment or settings.experiment])
    for run_id, started, name in zip(table["run_id"], table["started"], table["name"], strict=True):
        typer.echo(f"{run_id}  {started:%Y-%m-%d %H:%M:%S}  {name}")


@app.command()
def compare(
    run_ids: Annotated[list[str], typer.Argument(help="Ids of the runs; the first is the baseline.")],
    report: Annotated[Path | None, typer.Option(help="Write the comparison there: .html, .csv or .zip.")] = None,
    out: Out = None,
) -> None:
    """Lay runs side by side: metrics, differences to the first, the best marked."""
    from edtech.reports.comparison import KINDS, comparison_report, metric_table
    from edtech.tracking import RunStore, compare_runs

    store = RunStore(settings=_settings(out))
    comparison = compare_runs([store.get_run(run_id) for run_id in run_ids], baseline=run_ids[0])
    if comparison.warning:
        typer.echo(comparison.warning)
    for kind, title in KINDS:
        table = metric_table(comparison, kind)
        if len(table):
            typer.echo(f"\n{title}\n{table.to_string(index=False)}")
    if report is not None:
        provenance = {"version": __version__, **{f"run {place}": run for place, run in enumerate(run_ids, 1)}}
        _write(comparison_report(comparison, "rmse", "decision_value_tokens", provenance), report)


@app.command("what-if")
def what_if(
    run_id: Annotated[str, typer.Argument(help="Id of the run that answers.")],
    dataset: Annotated[str, typer.Argument(help="Id of the data set it was trained on.")],
    change: Annotated[list[str] | None, typer.Option(help="segment=change, such as Programming=0.15.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the answer there: .html, .csv or .zip.")] = None,
    out: Out = None,
) -> None:
    """Say what price changes are expected to do, with intervals, and which prices are best."""
    from edtech.ml.artifacts import load_result
    from edtech.pipeline.training import plan_to_act_on, revenue_split
    from edtech.pricing import answer, changed_prices, price_response, revenue_curve
    from edtech.pricing.tables import effect_rows
    from edtech.reports.pricing import pricing_report
    from edtech.tracking import RunStore

    settings = _settings(out)
    stored = _catalogue(settings).get(dataset)
    response = price_response(load_result(RunStore(settings=settings), run_id), stored.panel())
    changes = {name: _number(name, value) for name, value in _assignments(change or []).items()}
    split = revenue_split(stored)
    outcome = answer(response, changed_prices(response, changes), split)
    plan = plan_to_act_on(stored, response, split)
    typer.echo(effect_rows(outcome).to_string(index=False))
    for line in dict.fromkeys((*outcome.reasons, *plan.reasons)):
        typer.echo(line)
    if report is not None:
        provenance = {"data set": stored.name, "data set digest": stored.digest, "run": run_id, "version": __version__}
        curve = revenue_curve(response, tuple(changes) or None)
        _write(pricing_report(response, changes, outcome, curve, plan, provenance), report)


def _settings(out: Path | None) -> Settings:
    return Settings() if out is None else Settings(home=out)


def _catalogue(settings: Settings) -> "Catalogue":
    from edtech.data import Catalogue

    return Catalogue(settings.data_dir)


def _assignments(texts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign:
            raise ParamsError(
                "This is not an assignment", expected="name=value", found=repr(text), fix="write name=value"
            )
        found[name] = value or None
    return found


def _number(name: str, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as exc:
        raise ParamsError(
            f"The change of {name!r} is not a number",
            expected="a share such as 0.15",
            found=repr(text),
            fix=f"write {name}=0.15 for 15 % up",
        ) from exc


def _roles(chosen: dict[str, Any]) -> Any:  # noqa: ANN401  # PanelRoles, imported late
    from pydantic import ValidationError

    from edtech.tables.roles import PanelRoles

    try:
        return PanelRoles(**chosen)
    except ValidationError as exc:
        raise ParamsError(
            "The columns cannot play these roles",
            expected=f"a price and a quantity column, and roles out of {', '.join(PanelRoles.model_fields)}",
            found="; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()[:5]),
            fix="name them: --role price=COLUMN --role quantity=COLUMN",
        ) from exc


def _write(report: "Report", path: Path) -> None:
    from edtech.reports import to_csv, to_csv_zip, to_html

    writers = {".html": lambda r: to_html(r).encode(), ".csv": to_csv, ".zip": to_csv_zip}
    if path.suffix not in writers:
        raise ParamsError(
            "There is no such form of report",
            expected=", ".join(writers),
            found=path.suffix or "no ending",
            fix="end the file's name with one of these",
        )
    path.write_bytes(writers[path.suffix](report))
    typer.echo(f"Report: {path}")
