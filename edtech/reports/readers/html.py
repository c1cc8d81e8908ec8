"""What an HTML report shows, place by place."""

import hashlib
from collections import Counter
from html.parser import HTMLParser

from edtech.reports.readers.files import Shown, text_of

RECIPE_ID = "recipe"
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])
_TITLES = {"h1": "title", "h2": "section", "caption": "table", "figcaption": "figure"}


def read_page(data: bytes, found: Shown) -> Shown:
    """Note every text of the page, the exact value behind each number, and a digest of each drawing and style."""
    reader = _Page(found)
    reader.feed(text_of(data))
    reader.close()
    found.recipe = found.recipe.strip()
    return found


class _Page(HTMLParser):
    def __init__(self, found: Shown) -> None:
        super().__init__(convert_charrefs=True)
        self._found = found
        self._open: list[str] = []
        self._depth: Counter[str] = Counter()  # how many of each are open: a stack may be 100,000 deep
        self._at = {"section": "top", "table": "", "figure": ""}
        self._row = self._column = 0
        self._drawing: list[str] = []
        self._in_recipe = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in _VOID:
            self._open.append(tag)
            self._depth[tag] += 1
        self._in_recipe = tag == "script" and values.get("id") == RECIPE_ID and values.get("type") == "application/json"
        if self._opaque():
            self._drawing.append(repr((tag, attrs)))
        elif tag == "table":
            self._row = 0
        elif tag == "tr":
            self._row, self._column = self._row + 1, 0
        elif tag in ("td", "th"):
            self._column += 1
        elif tag == "data":
            self._found.add(f"{self._place()}, exact", values.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        while self._depth[tag]:
            closed = self._open.pop()
            self._depth[closed] -= 1
            if closed == tag:
                break
        self._in_recipe = False
        if self._drawing and not self._opaque():
            digest = hashlib.sha256("".join(self._drawing).encode()).hexdigest()[:16]
            self._found.add(f"{self._place()}, drawing or style", f"digest {digest}")
            self._drawing = []
        if tag == "table":
            self._at["table"] = ""
        if tag == "figure":
            self._at["figure"] = ""

    def handle_data(self, data: str) -> None:
        if self._in_recipe:
            self._found.recipe += data
        elif self._opaque():
            self._drawing.append(data)
        elif text := " ".join(data.split()):
            tag = self._open[-1] if self._open else ""
            if tag in _TITLES:
                self._at[_TITLES[tag]] = text
            self._found.add(self._place(), text)

    def _opaque(self) -> bool:
        return bool(self._depth["svg"] or self._depth["style"])

    def _place(self) -> str:
        if self._depth["tr"]:
            return f"{self._at['section']}, {self._at['table']}, row {self._row - 1}, column {self._column}"
        where = (self._at["section"], self._at["table"] or self._at["figure"], self._open[-1] if self._open else "")
        return ", ".join(part for part in where if part)
