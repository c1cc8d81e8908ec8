"""The rules of docs/architecture.md, and that what users must know is documented."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from edtech.settings import PROJECT, Settings

ARCHITECTURE = PROJECT / "docs" / "architecture.md"
SOURCES = sorted([*PROJECT.glob("*.py"), *PROJECT.glob("pages/*.py"), *PROJECT.glob("edtech/**/*.py")])
PAGES = sorted(PROJECT.glob("pages/*.py"))
ONLY_IN = {
    "streamlit": ("app.py", "pages/", "edtech/ui/"),
    "mlflow": ("edtech/tracking/",),
    "duckdb": ("edtech/data/store.py",),
    "skops": ("edtech/tracking/", "edtech/ml/"),
}
MAY_NAME_ANY_MODULE = ("edtech/former_modules.py", "edtech/plugins.py")
"""The tables of moved modules and of the calls into packages to the right: both name modules, and import none."""
NOT_IN_PAGES = ("pandas", "mlflow", "sklearn", "duckdb", "numpy")


def name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def sources(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name)


def imports(path: Path) -> set[str]:
    """Return every module that a file imports, at any depth."""
    return modules(path.read_text(encoding="utf-8"), path.relative_to(PROJECT).parent.parts)


def modules(code: str, package: tuple[str, ...]) -> set[str]:
    """Return what code in that package imports; `from a import b` as `a.b`, relative imports resolved."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def named_modules(code: str) -> set[str]:
    """Return the modules of the project that string constants name, such as lazy imports and preloads of workers.

    Tags of runs, such as "edtech.version", name no module.
    """
    texts = {node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)}
    names = {text for text in texts if isinstance(text, str) and re.fullmatch(r"edtech(\.\w+)+(:\w+)?", text)}
    return {module for module in names if owner(module.partition(":")[0]) in order()}


@cache
def order() -> dict[str, int]:
    """Return the position of each package, read from the line of arrows in docs/architecture.md: the rule itself."""
    line = next(line for line in ARCHITECTURE.read_text(encoding="utf-8").splitlines() if line.count("←") > 3)
    groups = line.replace("`", "").split("←")
    return {
        member.strip().removesuffix(".py"): position
        for position, group in enumerate(groups)
        for member in group.split(",")
    }


def owner(module: str) -> str:
    """Return the package that the rule speaks of: `market` for `edtech.market.demand`."""
    parts = module.removesuffix(".__init__").split(".")
    return (parts[1] if len(parts) > 1 else "edtech") if parts[0] == "edtech" else parts[0]


@sources(SOURCES)
def test_imports_go_only_to_the_left(path):
    module = name(path).removesuffix(".py").replace("/", ".")
    own, positions = owner(module), order() | {"edtech": 99, "__main__": 99}
    assert own in positions, f"docs/architecture.md does not say where {own} stands"
    others = imports(path)
    if name(path) not in MAY_NAME_ANY_MODULE:
        others |= named_modules(path.read_text(encoding="utf-8"))
    ours = {owner(other.partition(":")[0]) for other in others if other.split(".")[0] in ("edtech", "pages", "app")}
    wrong = {other for other in ours - {own, "edtech", "__version__"} if positions.get(other, 99) > positions[own]}
    assert not wrong, f"{module} imports or names {sorted(wrong)}, which stand to the right of {own}"


@sources(SOURCES)
def test_a_library_is_imported_only_where_it_may_be(path):
    libraries = {module.split(".")[0] for module in imports(path)}
    wrong = [library for library, paths in ONLY_IN.items() if library in libraries and not name(path).startswith(paths)]
    assert not wrong, f"{name(path)} imports {wrong}; allowed: {[(library, ONLY_IN[library]) for library in wrong]}"


@sources([*PAGES, PROJECT / "app.py"])
def test_pages_are_short(path):
    limit = 80 if path in PAGES else 40
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= limit, f"{name(path)} has {lines} lines, allowed are {limit}"


@sources([*PAGES, *PROJECT.glob("app.py")])
def test_a_page_only_shows(path):
    libraries = {module.split(".")[0] for module in imports(path)}
    assert not libraries & {*NOT_IN_PAGES, *(("os", "pathlib") if path in PAGES else ())}
    cached = [node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    assert not [attribute for attribute in cached if attribute.startswith("cache_")]


@sources([path for path in SOURCES if name(path) != "edtech/ui/state.py"])
def test_only_the_state_module_touches_the_state_of_a_session(path):
    assert "session_state" not in path.read_text(encoding="utf-8")


def test_the_rule_sees_every_form_of_import():
    lazy = '"""Uses edtech.ml."""\nNAMES = ("edtech.ml.families", "edtech.data:load", "mlflow", "edtech.version")\n'
    assert named_modules(lazy) == {"edtech.ml.families", "edtech.data:load"}
    code = "import a.b, c as d\ndef f():\n    from e.f import g\n    from . import h\n    from ..i import j\n"
    assert modules(code, ("edtech", "ml")) == {"a.b", "c", "e.f.g", "edtech.ml.h", "edtech.i.j"}
    assert (
        order()["errors"] == order()["tables"] < order()["charts"] < order()["reports"] < order()["ui"] < order()["cli"]
    )
    assert [owner(module) for module in ("edtech.market.demand", "edtech.errors", "pages.home")] == [
        "market",
        "errors",
        "pages",
    ]


@pytest.mark.parametrize("module", ["edtech", "edtech.market", "edtech.charts", "edtech.reports", "edtech.cli"])
def test_importing_does_not_load_the_heavy_libraries(module):
    code = f"import sys, {module}; print(*{{'mlflow', 'sklearn', 'streamlit'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout.split() == []


def requirements(file: str) -> dict[str, str]:
    lines = (PROJECT / file).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in pairs}


def test_pins_agree_and_are_only_names_and_versions():
    pins = requirements("constraints.txt")
    for file in ("requirements.txt", "requirements-dev.txt"):
        assert requirements(file).items() <= pins.items(), file
    text = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    assert re.fullmatch(r"(#[^\n]*\n|[\w.-]+==[\w.]+\n)+", text)


def test_every_dependency_says_why_it_is_there():
    text = ARCHITECTURE.read_text(encoding="utf-8").lower()
    missing = [package for package in requirements("requirements.txt") if f"`{package}`" not in text]
    assert not missing, f"docs/architecture.md has no line for {missing}"


def test_the_documents_name_what_is_there():
    docs = {file: file.read_text(encoding="utf-8") for file in [PROJECT / "README.md", *PROJECT.glob("docs/*.md")]}
    named = {
        path for text in docs.values() for path in re.findall(r"`((?:edtech|docs|tests|benchmarks)/[\w./-]*)`", text)
    }
    assert not [path for path in named if not (PROJECT / path).exists()]
    table = docs[ARCHITECTURE]
    assert not [file for file in (PROJECT / "edtech").glob("[a-z]*/") if f"`edtech/{file.name}/`" not in table]


def test_every_setting_is_documented():
    docs = "".join(file.read_text(encoding="utf-8") for file in [PROJECT / "README.md", *PROJECT.glob("docs/*.md")])
    missing = [
        f"EDTECH_{setting.upper()}" for setting in Settings.model_fields if f"EDTECH_{setting.upper()}" not in docs
    ]
    assert not missing, f"README.md and docs/ do not mention {missing}"


def test_the_upload_limits_of_the_dashboard_and_of_the_settings_agree():
    config = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["maxUploadSize"] == Settings().upload_limit_mb
