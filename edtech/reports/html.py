"""Report -> one self-contained HTML file without scripts or network, for screens, paper and screen readers."""

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from edtech.errors import ReportError
from edtech.reports.bundle import Drawing, Report, Table
from edtech.reports.cells import display, exact_text, is_number
from edtech.reports.svg import inline

MAX_BYTES = 6_000_000
MAX_ROWS = 500


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    number: str | None


def to_html(report: Report) -> str:
    """Return the whole page.

    Text of users is escaped. A table shows its first 500 rows and says so. Numbers are rounded for reading; their exact
    values are in `<data value="...">`. Raises ReportError if the page would exceed 6 MB.
    """
    environment = Environment(
        loader=PackageLoader("edtech.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"display": display, "svg": _svg, "data": _data}
    page = environment.get_template("report.html").render(report=report, cells=_cells, is_number=_is_number_column)
    # A lone surrogate from a broken name cannot be written as UTF-8.
    page = page.encode("utf-8", errors="replace").decode("utf-8")
    if (size := len(page.encode("utf-8"))) > MAX_BYTES:
        raise ReportError(
            "The HTML report is too big",
            expected=f"at most {MAX_BYTES:,} bytes",
            actual=f"{size:,} bytes",
            fix="Report fewer runs or segments, or download the CSV, which has no limit",
        )
    return page


def _cells(table: Table) -> list[list[_Cell]]:
    rows = table.frame.head(MAX_ROWS).itertuples(index=False, name=None)
    return [[_Cell(display(value), exact_text(value) if is_number(value) else None) for value in row] for row in rows]


def _is_number_column(table: Table, column: int) -> bool:
    return table.frame.dtypes.iloc[column].kind in "iuf"


def _svg(drawing: Drawing, prefix: str) -> Markup:
    return Markup(inline(drawing, prefix))  # noqa: S704 - rebuilt from known elements and attributes


def _data(json: str) -> Markup:
    """JSON for a block that no browser runs: what could end the block is written as an escape."""
    return Markup(json.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704
