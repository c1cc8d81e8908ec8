"""Names are standard terms: nouns for data, verbs for functions, and none of the words listed here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edtech.settings import PROJECT

FOLDERS = ("edtech", "pages", "benchmarks", "tests")
SOURCES = [PROJECT / "app.py", *sorted(file for top in FOLDERS for file in (PROJECT / top).rglob("*.py"))]
# Never a whole name: a participle without its noun, or a word that says nothing of what it names.
BANNED = set(
    re.findall(
        r"\w+",
        """
    found told asked kept chosen seen given drawn shown made one ones words place places part known rest likeness
    dearness alike books drafts worth works judged judge tell forms ending outlook ground crowd
""",
    )
)
# Never a word of a name either.
BANNED_PARTS = set(re.findall(r"\w+", "asked told words worth tell likeness dearness outlook settled judged"))


def identifiers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and name of every function, class, parameter, variable and attribute that a file defines."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


PERSISTED = {"edtech/tables/roles.py": {"chosen"}}  # a role that stored data sets and runs name


def banned(name: str) -> bool:
    """Tell whether a name is, or holds, a word that the project does not use."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).strip("_").lower()
    return plain in BANNED or not BANNED_PARTS.isdisjoint(plain.split("_"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_names_are_standard_terms(path: Path):
    exempt = PERSISTED.get(path.relative_to(PROJECT).as_posix(), ())
    names = identifiers(ast.parse(path.read_text(encoding="utf-8")))
    wrong = [
        f"line {line}: {name}"
        for line, name in names
        if banned(name) and not name.startswith("test_") and name not in exempt
    ]
    assert not wrong, f"{path.relative_to(PROJECT)}: {wrong}"


def test_the_check_sees_what_is_banned():
    code = "def judge(found, /): ...\nfor one in (): self.kept = asked_prices = 1\nclass RunWords: ...\n"
    wrong = {name for _, name in identifiers(ast.parse(code)) if banned(name)}
    assert wrong == {"judge", "RunWords", "one", "found", "asked_prices", "kept"}
    assert not any(map(banned, ("founder", "requested_prices", "partial", "drawn_prices", "ground_truth", "one_hot")))


if __name__ == "__main__":  # python tests/test_language.py PATH ...: list the banned names of some files
    import sys

    for top in map(Path, sys.argv[1:]):
        for file in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            tree = ast.parse(file.read_text())
            wrong = [f"{line}:{name}" for line, name in identifiers(tree) if banned(name) and name[:5] != "test_"]
            if wrong:
                print(file, *wrong)
