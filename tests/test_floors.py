"""The house stands as its picture says: floors, names, lengths, and a word on everything public."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ["samples", "web", "schema", "resolvers", "policies", "connectors", "privacy", "tables"]
DOORS = ["server", "cli"]
ROOMS = ["cli", *FLOORS]
MODULES = ["server", "settings", "stanzas", "places", "telemetry", "errors", "values"]
GROUND = {
    "settings": {"errors", "places", "stanzas", "values"},
    "stanzas": {"values"},
    "places": {"errors"},
    "telemetry": {"settings", "errors"},
    "errors": set[str](),
    "values": set[str](),
}
BANNED = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc", "manager", "data", "info", "handle", "process"}
MODULE_LINES = 420
FUNCTION_LINES = 60

SOURCES = sorted([*(ROOT / f"{name}.py" for name in MODULES), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))])
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _public(node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for each in node.body:
        if isinstance(each, Definition) and not each.name.startswith("_"):
            yield each
            if isinstance(each, ast.ClassDef):
                yield from _public(each)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            found |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_floors_import_only_downwards() -> None:
    """The contracts stand in pyproject.toml under [tool.importlinter]."""
    linted = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
    assert " 0 broken" in linted.stdout


def test_the_contracts_speak_of_every_floor() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert sorted(contracts["root_packages"]) == sorted(ROOMS)
    assert sorted(path.parent.name for path in ROOT.glob("*/__init__.py")) == sorted([*ROOMS, "bench"])
    assert sorted(path.stem for path in ROOT.glob("*.py")) == sorted(MODULES)


@pytest.mark.parametrize(("name", "may"), GROUND.items())
def test_the_ground_imports_nothing_above_it(name: str, may: set[str]) -> None:
    assert _imports(ROOT / f"{name}.py") & {*FLOORS, *DOORS, *GROUND} <= may


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_module_fits_in_one_reading(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_a_function_fits_on_one_screen(path: Path) -> None:
    long = {
        node.name: length
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_everything_public_says_what_it_gives(path: Path) -> None:
    """In `schema/` the description given to a field's decorator is its documentation."""
    tree = _parsed(path)
    silent = [each.name for each in _public(tree) if not ast.get_docstring(each) and not ("schema" in path.parts and each.decorator_list)]
    assert not silent
    assert ast.get_docstring(tree), "the module itself says what it is for"


def test_no_file_is_named_after_nothing() -> None:
    assert not [path for path in ROOT.glob("[a-z]*/**/*.py") if path.stem in BANNED or path.parent.name in BANNED]


def test_no_folder_of_tests_shadows_a_floor() -> None:
    assert not {path.name for path in (ROOT / "tests").rglob("*") if path.is_dir()} & {*FLOORS, *DOORS, *GROUND}


def test_tests_are_flat() -> None:
    assert not list((ROOT / "tests").glob("*/**/test_*.py"))


STOPWATCH = re.compile(r"\b(perf_counter|process_time)|\bSIGKILL\b|\.kill\(\)")


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("test_*.py")), ids=lambda path: path.name)
def test_what_kills_or_measures_time_runs_by_itself(path: Path) -> None:
    """Beside another file it would measure that file, and fail now and then."""
    text = path.read_text(encoding="utf-8")
    if path == Path(__file__) or "\npytestmark = pytest.mark.alone\n" in text:
        return
    functions = {each.name: each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    source = {name: ast.get_source_segment(text, each) or "" for name, each in functions.items()}
    watching = {name for name in source if STOPWATCH.search(source[name])}
    watching |= {name for name in source if any(re.search(rf"\b{helper}\(", source[name]) for helper in watching)}
    marked = {name for name, each in functions.items() if "pytest.mark.alone" in map(ast.unparse, each.decorator_list)}
    assert sorted(name for name in watching - marked if name.startswith("test_")) == []
