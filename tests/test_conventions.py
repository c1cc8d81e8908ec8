"""Rules of the tests themselves: none depends on how fast the machine is."""

import ast
from pathlib import Path

import pytest

from edtech.settings import PROJECT

TESTS = sorted(PROJECT.glob("tests/**/*.py"))
CLOCKS = {
    f"{name}{unit}"
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time")
    for unit in ("", "_ns")
} | {"default_timer"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def asserts_on_time(code: str) -> list[int]:
    """Return the lines of asserts that compare with what a clock says, directly, by a name or by a function."""
    tree = ast.parse(code)
    clocks = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "timeit")
        for alias in node.names
        if alias.name in CLOCKS
    }
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    outside = [node for node in tree.body if not isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    scopes = [ast.Module(outside, []), *functions]
    while True:  # until no further function turns out to return a time
        result = {function.name for function in functions if _returns_time(function, clocks)} - clocks
        if not result:
            break
        clocks |= result
    return sorted({line for scope in scopes for line in _asserts(scope, clocks)})


def _asserts(scope: ast.AST, clocks: set[str]) -> list[int]:
    names = _times(scope, clocks)
    return [
        check.lineno
        for check in ast.walk(scope)
        if isinstance(check, ast.Assert)
        for node in ast.walk(check.test)
        if isinstance(node, ast.Compare) and _reads(node, names, clocks)
    ]


def _returns_time(function: ast.AST, clocks: set[str]) -> bool:
    names = _times(function, clocks)
    return any(
        node.value is not None and _reads(node.value, names, clocks)
        for node in ast.walk(function)
        if isinstance(node, ast.Return)
    )


def _times(scope: ast.AST, clocks: set[str]) -> set[str]:
    """Return the names in a scope that are made of what a clock says."""
    names: set[str] = set()
    while True:
        result = {
            name.id
            for node in ast.walk(scope)
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr))
            and node.value is not None
            and _reads(node.value, names, clocks)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            for name in ast.walk(target)
            if isinstance(name, ast.Name)
        }
        if result <= names:
            return names
        names |= result


def _reads(expression: ast.AST, names: set[str], clocks: set[str]) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in names)
        or (isinstance(node, ast.Call) and _is_clock(node.func, clocks))
        for node in ast.walk(expression)
    )


def _is_clock(function: ast.AST, clocks: set[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in clocks
    return (
        isinstance(function, ast.Attribute)
        and function.attr in CLOCKS
        and isinstance(function.value, ast.Name)
        and function.value.id in ("time", "timeit")
    )


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_no_test_asserts_a_time(path: Path):
    lines = asserts_on_time(path.read_text(encoding="utf-8"))
    assert not lines, f"lines {lines} assert a time: bound the work (tests/work.py), or measure it in benchmarks/"


@pytest.mark.parametrize(
    "code",
    [
        "import time\ndef test():\n    begun = time.process_time()\n    assert time.process_time() - begun < 5",
        "from time import perf_counter as now\ndef test():\n    a = now()\n    took = now() - a\n    assert 5 > took",
        "import time\ndef took(): return time.monotonic()\ndef half(): return took() / 2\nassert half() < 1",
        "import time\ndef test():\n    assert (end := time.time()) and end - 1 < 2",
        "import timeit\nassert timeit.default_timer() < 1",
    ],
)
def test_asserts_on_time_are_found(code):
    assert asserts_on_time(code) == [code.count("\n") + 1]


@pytest.mark.parametrize(
    "code",
    [
        "import time\nwhile time.monotonic() < 5: pass\nassert 1 < 2",
        "import time\ndef f():\n    begun = time.time()\ndef test(begun):\n    assert begun < 5",
        "assert frame.time() < 5",
    ],
)
def test_what_is_no_assert_on_time_is_left_alone(code):
    assert asserts_on_time(code) == []
