"""Chart -> SVG for use inside a page: nothing runs or loads, ids are unique, text has the page's color."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert
from matplotlib.figure import Figure

from edtech.charts.base import TEXT
from edtech.charts.png import render
from edtech.errors import ReportError
from edtech.reports.bundle import Drawing

SVG, XLINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_ELEMENTS = "svg g path rect line circle ellipse polyline polygon text tspan defs clipPath use"
_ATTRIBUTES = """
    id class width height viewBox d x y x1 x2 y1 y2 dx dy cx cy r rx ry points transform style clip-path href
    fill fill-opacity stroke stroke-width stroke-opacity stroke-dasharray stroke-linecap stroke-linejoin
    stroke-miterlimit opacity font-family font-size font-style font-weight text-anchor dominant-baseline"""
ELEMENTS, ATTRIBUTES = frozenset(_ELEMENTS.split()), frozenset(_ATTRIBUTES.split())
_THEMED = {"labelColor": "currentColor", "titleColor": "currentColor", "domainColor": "#7F7F7F", "tickColor": "#7F7F7F"}
_TITLES = {"color": "currentColor", "subtitleColor": "currentColor"}
CONFIG = {
    "axis": {**_THEMED, "gridColor": "#7F7F7F", "gridOpacity": 0.25},
    "legend": _THEMED,
    "header": _THEMED,
    "title": _TITLES,
    "view": {"stroke": None},
}
_TEXT = re.compile(rf"#000000\b|#000\b|{TEXT}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_OUTSIDE = re.compile(r"url\((?!#)|@import|expression", re.IGNORECASE)


def figure(title: str, chart: alt.TopLevelMixin | Figure, alt_text: str) -> Drawing:
    """Return a chart of `edtech.charts` (altair or `charts.static`) as a figure of a report, 620 pixels wide.

    `alt_text` describes the chart for screen readers. Plotly figures need a browser; each has a static version of the
    same name in `charts.static`.
    """
    if isinstance(chart, Figure):
        return Drawing(title, alt_text, render(chart, "svg").decode())
    if not isinstance(chart, alt.TopLevelMixin):
        raise ReportError(
            f"The figure {title!r} cannot be drawn in a report",
            expected="a chart of altair or matplotlib",
            actual=type(chart).__name__,
            fix="Use the function of the same name in edtech.charts.static",
        )
    return Drawing(title, alt_text, vl_convert.vegalite_to_svg(_sized(chart.to_dict()), config=CONFIG))


def _sized(spec: dict[str, Any]) -> dict[str, Any]:
    return spec if "facet" in spec else {"width": 620, **spec}


def inline(drawing: Drawing, prefix: str) -> str:
    """Return the figure's SVG for use within HTML, ids numbered after `prefix`; anything but drawing is left out.

    Raises ReportError if the text is not SVG.
    """
    try:
        root = ElementTree.fromstring(drawing.svg)  # noqa: S314 - drawn by our own libraries, not taken from users
    except ElementTree.ParseError as exc:
        raise ReportError(
            f"The figure {drawing.title!r} is not SVG", actual=str(exc), fix="Make it with edtech.reports.figure"
        ) from exc
    ids = {node.get("id", ""): f"{prefix}-{number}" for number, node in enumerate(root.iter(), 1) if node.get("id")}
    clean = _clean(root, ids)
    clean.attrib |= {"role": "img", "aria-label": drawing.alt, "fill": clean.get("fill", "currentColor")}
    return ElementTree.tostring(clean, encoding="unicode")


def to_png(drawing: Drawing) -> bytes:
    """Return the figure as PNG on white for paper, its text black, twice as fine as on screen."""
    svg = inline(drawing, "f").replace("<svg ", f'<svg xmlns="{SVG}" ', 1).replace("currentColor", "#000000")
    return bytes(vl_convert.svg_to_png(svg, scale=2))


def _clean(node: ElementTree.Element, ids: dict[str, str]) -> ElementTree.Element:
    """Return a copy with known elements and attributes only, without namespaces, as HTML wants it."""
    copy = ElementTree.Element(_local(node.tag), dict(_attributes(node, ids)))
    copy.text, copy.tail = node.text, node.tail
    copy.extend(_clean(child, ids) for child in node if isinstance(child.tag, str) and _local(child.tag) in ELEMENTS)
    return copy


def _attributes(node: ElementTree.Element, ids: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in node.items():
        local = "href" if name == XLINK else name
        if local not in ATTRIBUTES or _OUTSIDE.search(value):
            continue
        if local == "id":
            yield local, ids[value]
        elif local == "href":
            if value.removeprefix("#") in ids:
                yield local, f"#{ids[value.removeprefix('#')]}"
        else:
            own = _REFERENCE.sub(lambda match: f"url(#{ids.get(match[1], '')})", value)
            yield local, _TEXT.sub("currentColor", own)


def _local(tag: str) -> str:
    return tag.removeprefix(f"{{{SVG}}}")
