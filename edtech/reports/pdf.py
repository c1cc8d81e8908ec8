"""Report -> PDF: selectable text, tables that continue over pages with repeated headings, exact numbers attached."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from edtech.charts.base import label
from edtech.reports.bundle import Drawing, Report, Section, Table
from edtech.reports.cells import display, is_number
from edtech.reports.csv_files import to_csv
from edtech.reports.svg import to_png

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Flowable

NUMBERS = "numbers.csv"
"""Name of the attachment: all tables at full precision, the provenance and the recipe."""
MAX_ROWS = 300
_FONT, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
# Scripts that those fonts lack, in fonts that every PDF viewer brings along.
_VIEWERS = {
    "STSong-Light": re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+"),
    "HYSMyeongJo-Medium": re.compile("[\u1100-\u11ff\uac00-\ud7af]+"),
}
_MARGIN = 42.0
_NARROWEST = 52.0  # points: what a column of numbers with a short head needs
_TOGETHER = 110.0  # points: a title is not left alone at the foot of a page
_MAX_TEXT = 300  # a cell of more text could be taller than a page
_LINE, _BAND = "#BBBBBB", "#EEEEEE"


def to_pdf(report: Report) -> bytes:
    """Return the PDF, A4, landscape if a table is wide; the same report gives the same bytes.

    A table shows its first 300 rows and says so; one with many columns is continued below with its first column again.
    `numbers.csv` is attached to it.
    """
    from pypdf import PdfReader, PdfWriter
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.platypus import SimpleDocTemplate

    out = BytesIO()
    wide = any(table.frame.shape[1] > 8 for table in report.tables())
    size = landscape(A4) if wide else A4
    title = label(report.title, 200)
    document = SimpleDocTemplate(
        out,
        pagesize=size,
        title=title,
        author="EdTech Token Economy",
        invariant=1,
        **dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), _MARGIN),
    )
    width = size[0] - 2 * _MARGIN - 12  # 12: what a frame keeps for itself
    foot = _foot(title)
    document.build(list(_flow(report, width)), onFirstPage=foot, onLaterPages=foot)
    writer = PdfWriter(PdfReader(out))
    writer.add_attachment(NUMBERS, to_csv(report))
    packed = BytesIO()
    writer.write(packed)
    return packed.getvalue()


@cache
def _styles() -> "dict[str, ParagraphStyle]":
    """Return the styles; their fonts come with matplotlib and know Latin, Greek, Cyrillic, Hebrew and Arabic."""
    import matplotlib
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    for name in (_FONT, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf")))
    for name in _VIEWERS:
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    text = ParagraphStyle("text", fontName=_FONT, fontSize=9, leading=12.5, spaceAfter=5)
    section = ParagraphStyle("section", text, fontName=_BOLD, fontSize=13, leading=17, spaceBefore=14)
    cell = ParagraphStyle("cell", text, fontSize=7.5, leading=9.5, spaceAfter=0)
    return {
        "title": ParagraphStyle("title", text, fontName=_BOLD, fontSize=17, leading=21, spaceAfter=4),
        "question": ParagraphStyle("question", text, fontSize=11, leading=15, textColor="#444444"),
        "section": section,
        "caption": ParagraphStyle("caption", text, fontName=_BOLD, spaceBefore=6),
        "text": text,
        "note": ParagraphStyle("note", text, fontSize=8, leading=10.5, textColor="#444444"),
        "cell": cell,
        "number": ParagraphStyle("number", cell, alignment=TA_RIGHT),
        "head": ParagraphStyle("head", cell, fontName=_BOLD),
        "number head": ParagraphStyle("number head", cell, fontName=_BOLD, alignment=TA_RIGHT),
    }


def _paragraph(text: object, style: str, longest: int = 4_000) -> "Flowable":
    from reportlab.platypus import Paragraph

    markup = escape(label(text, longest))
    for font, script in _VIEWERS.items():
        markup = script.sub(lambda run, font=font: f'<font name="{font}">{run[0]}</font>', markup)  # type: ignore[misc]
    return Paragraph(markup, _styles()[style])


def _flow(report: Report, width: float) -> "Iterator[Flowable]":
    from reportlab.platypus import CondPageBreak

    yield _paragraph(report.title, "title")
    yield _paragraph(report.question, "question")
    for section in report.sections:
        yield from _section(section, width)
    yield CondPageBreak(_TOGETHER)
    yield _paragraph("Provenance", "section")
    rows = [[_paragraph(name, "cell"), _paragraph(value, "cell")] for name, value in report.provenance.items()]
    if rows:
        yield _grid([[_paragraph("What", "head"), _paragraph("Value", "head")], *rows], [width * 0.25, width * 0.75])
    yield _paragraph(f"The attached file {NUMBERS} holds every number of the tables at full precision.", "note")


def _section(section: Section, width: float) -> "Iterator[Flowable]":
    from reportlab.platypus import CondPageBreak

    yield CondPageBreak(_TOGETHER)
    yield _paragraph(section.title, "section")
    for text in section.text:
        yield _paragraph(text, "text")
    for table in section.tables:
        yield from _table(table, width)
    for drawing in section.figures:
        yield _figure(drawing, width)


def _figure(drawing: Drawing, width: float) -> "Flowable":
    from reportlab.platypus import Image, KeepTogether

    image = Image(BytesIO(to_png(drawing)))
    image._restrictSize(min(width, 460), 420)
    image.hAlign = "LEFT"
    return KeepTogether([_paragraph(drawing.title, "caption"), image, _paragraph(drawing.alt, "note")])


def _table(table: Table, width: float) -> "Iterator[Flowable]":
    from reportlab.platypus import CondPageBreak

    rows = len(table.frame)
    yield CondPageBreak(_TOGETHER)
    yield _paragraph(table.title, "caption")
    for columns in _column_groups(table, width):
        yield _table_part(table, columns, width)
    if rows > MAX_ROWS:
        yield _paragraph(f"The first {MAX_ROWS:,} of {rows:,} rows; the attached {NUMBERS} holds all.", "note")
    for column, text in table.help.items():
        if column in table.frame.columns:
            yield _paragraph(f"{column}: {text}", "note")


def _column_groups(table: Table, width: float) -> list[list[int]]:
    """Return the positions of the columns in each part of a wide table; the first column is in each part."""
    columns = table.frame.shape[1]
    most = max(2, int(width // _NARROWEST))
    others = list(range(1, columns))
    if columns <= most:
        return [list(range(columns))]
    return [[0, *others[start : start + most - 1]] for start in range(0, len(others), most - 1)]


def _table_part(table: Table, columns: Sequence[int], width: float) -> "Flowable":
    frame = table.frame.iloc[:MAX_ROWS, list(columns)]
    numeric = [kind.kind in "iuf" for kind in frame.dtypes]
    titles = zip(frame.columns, numeric, strict=True)
    head = [_paragraph(_head(table, column), "number head" if right else "head") for column, right in titles]
    body = [
        [
            _paragraph(display(value), "number" if right or is_number(value) else "cell", _MAX_TEXT)
            for value, right in zip(row, numeric, strict=True)
        ]
        for row in frame.itertuples(index=False, name=None)
    ]
    return _grid([head, *body], _widths(frame, width))


def _head(table: Table, column: object) -> str:
    return f"{column} ({table.units[str(column)]})" if column in table.units else str(column)


def _widths(frame: Any, width: float) -> list[float]:  # noqa: ANN401 - a frame; its columns may repeat
    """Return column widths in proportion to the longest text of each column, at least the width of a number."""
    texts = [[str(frame.columns[column]), *map(display, frame.iloc[:50, column])] for column in range(frame.shape[1])]
    wanted = [min(max(map(len, column)), 60) + 3 for column in texts]
    free = width - _NARROWEST * len(wanted)
    return [_NARROWEST + max(free, 0) * length / sum(wanted) for length in wanted]


def _grid(rows: "list[list[Flowable]]", widths: list[float]) -> "Flowable":
    from reportlab.platypus import LongTable

    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("BACKGROUND", (0, 0), (-1, 0), _BAND),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    return LongTable(rows, widths, repeatRows=1, style=style, hAlign="LEFT", spaceAfter=8)


def _foot(title: str) -> Any:  # noqa: ANN401 - what reportlab calls on each page
    def draw(canvas: "Canvas", document: Any) -> None:  # noqa: ANN401
        canvas.saveState()
        canvas.setFont(_FONT, 7)
        canvas.drawString(_MARGIN, 24, label(title, 100))
        canvas.drawRightString(document.pagesize[0] - _MARGIN, 24, f"Page {document.page}")
        canvas.restoreState()

    return draw
