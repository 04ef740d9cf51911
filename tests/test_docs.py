"""What the documentation says is there, and what is there is documented."""

import importlib
import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import errors
import settings
from cli import main
from values import Category, Condition, Level, Purpose, Reason, Role, Scheme, SourceStatus

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PARTS = ["Context", "Decision", "Consequences", "Alternatives", "Check"]


def _names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def _text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _tables(text: str) -> dict[str, dict[str, list[str]]]:
    """Heading → first cell → the other cells, of every table in a page."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip("`")
        elif line.startswith("| `"):
            first, *others = (cell.strip() for cell in line.strip()[1:-1].split("|"))
            found.setdefault(heading, {})[first.strip("`")] = others
    return found


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip("# ").lower()).replace(" ", "-")


# --- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=_names(PAGES))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            headings = [_anchor(line) for line in target.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
            assert anchor in headings, f"{link} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=_names(PAGES))
def test_no_page_names_a_machine_or_a_registry(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(?:home|root|work|tmp|Users)/\w|pypi\.org|pythonhosted|npmjs|registry\.\w+\.\w|localhost:\d{5}", text)


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^):\s]+)\)", readme)}
    assert not [name for page, name in zip(PAGES, _names(PAGES), strict=True) if not {page, page.parent} & {*linked, ROOT}]


def test_every_task_the_readme_names_is_in_the_makefile() -> None:
    tasks = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {task for page in PAGES for task in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {"serve", "test", "check"} <= named <= tasks


# --- decisions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", DECISIONS, ids=_names(DECISIONS))
def test_a_decision_says_why_what_it_costs_and_what_holds_it(page: Path) -> None:
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == PARTS
    assert text.startswith(f"# {int(page.name[:4])}. ")


def test_decisions_are_numbered_once() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(set(numbers)) == len(numbers)


def test_a_test_that_a_page_names_exists() -> None:
    for page in PAGES:
        for file, name in re.findall(r"(tests/test_\w+\.py)(?:::(test_\w+))?", page.read_text(encoding="utf-8")):
            assert (ROOT / file).exists(), f"{page.name} names {file}"
            assert f"def {name}{'(' if name else ''}" in (ROOT / file).read_text(encoding="utf-8"), f"{page.name} names {file}::{name}"


def test_every_attack_names_a_defence_and_the_test_that_shows_it() -> None:
    lines = [line for line in _text("security.md").splitlines() if line.startswith("| ") and not line.startswith("| attack |")]
    assert len(lines) > 50
    for line in lines:
        attack, defence, shown = (cell.strip() for cell in line.strip("| ").split(" | "))
        assert attack
        assert defence.endswith(".")
        assert re.fullmatch(r"tests/test_\w+\.py::test_\w+(, tests/test_\w+\.py::test_\w+)*", shown), shown


# --- settings --------------------------------------------------------------------------------------------------------


def _models(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in get_args(annotation) for model in _models(each)]


def _stanzas(model: type[BaseModel], place: str = "") -> dict[str, type[BaseModel]]:
    """`[sources.NAME.breaker]` → its model, for every table that hub.toml may hold."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            many = {"entities": ".ENTITY", "attributes": ".ATTRIBUTE"}.get(name, ".NAME") if "dict" in str(field.annotation) else ""
            below = f"{place}.{name}{many}".lstrip(".")
            found[f"[[{below}]]" if "tuple" in str(field.annotation) else f"[{below}]"] = inner
            found |= _stanzas(inner, below)
    return found


STANZAS = _stanzas(settings.Settings)


def test_every_stanza_and_nothing_else_is_documented() -> None:
    assert sorted(_tables(_text("settings.md"))) == sorted(STANZAS)


@pytest.mark.parametrize(("heading", "model"), STANZAS.items(), ids=list(STANZAS))
def test_every_key_of_a_stanza_is_documented_with_its_default(heading: str, model: type[BaseModel]) -> None:
    table = _tables(_text("settings.md"))[heading]
    assert set(table) == set(model.model_fields)
    for name, field in model.model_fields.items():
        said, sentence = table[name]
        assert sentence.endswith((".", ").")), f"{name} has no sentence"
        assert said == _default(field), f"{name} defaults to {_default(field)}, not {said}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    assert value is not PydanticUndefined
    if isinstance(value, BaseModel):
        return "see there"
    if value is None or (value == () and _models(field.annotation)):
        return "none"
    return f"`{json.dumps(value)}`"


def test_the_examples_of_settings_are_toml() -> None:
    for page in PAGES:
        for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            tomllib.loads(block)


# --- errors, reasons, words ------------------------------------------------------------------------------------------


def _errors() -> list[type[errors.HubError]]:
    return [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.HubError)]


def test_every_error_is_documented_with_its_code() -> None:
    table = _tables(_text("errors.md"))["Errors of the hub"]
    assert {name: cells[0].strip("`") for name, cells in table.items()} == {each.__name__: each.code for each in _errors()}


def test_every_reason_and_status_is_documented() -> None:
    tables = _tables(_text("errors.md"))
    assert list(tables["Why a value is withheld"]) == list(Reason)
    assert list(tables["How a source did"]) == list(SourceStatus)


def test_every_code_that_the_doors_give_is_documented() -> None:
    documented = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", _text("errors.md")))
    given = {code for path in [*(ROOT / "schema").rglob("*.py")] for code in re.findall(r'"code": "([A-Z_]+)"', path.read_text())}
    assert given
    assert given <= documented


@pytest.mark.parametrize("words", [Level, Condition, Purpose, Role, Scheme, Category], ids=lambda words: words.__name__)
def test_every_word_of_a_closed_list_is_in_the_glossary(words: Any) -> None:
    table = _tables(_text("terms.md"))[{"Category": "Categories"}.get(words.__name__, f"{words.__name__}s")]
    assert list(table) == list(words)


# --- commands --------------------------------------------------------------------------------------------------------


def _commands(command: click.Command, name: str = "mizalla") -> dict[str, click.Command]:
    if isinstance(command, click.Group):
        return {path: each for part, below in command.commands.items() for path, each in _commands(below, f"{name} {part}").items()}
    return {name: command}


COMMANDS = _commands(main)


def test_every_command_and_nothing_else_is_documented() -> None:
    assert sorted(re.findall(r"^## `(mizalla [a-z ]+?)`", _text("commands.md"), re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize(("name", "command"), COMMANDS.items(), ids=list(COMMANDS))
def test_every_option_of_a_command_is_documented(name: str, command: click.Command) -> None:
    section = _text("commands.md").split(f"## `{name}`")[1].split("\n## ")[0]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--") and option != "--config"}
    assert set(re.findall(r"`(--[a-z-]+)", section)) == options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_names_a_command_and_options_that_exist(name: str) -> None:
    section = _text("commands.md").split(f"## `{name}`")[1].split("\n## ")[0]
    examples = [
        line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines() if line.startswith(name)
    ]
    known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert examples
    for example in examples:
        assert set(re.findall(r" (--[a-z-]+)", re.sub(r"'[^']*'", "", example))) <= known


# --- connectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", ["rest", "graphql"])
def test_every_option_of_a_wire_is_documented_with_its_default(wire: str) -> None:
    defaults = importlib.import_module(f"connectors.{wire}").DEFAULTS
    table = _tables(_text("connectors.md"))[wire]
    assert {name: cells[0].strip("`") for name, cells in table.items()} == defaults


@pytest.mark.parametrize("wire", ["sql", "files", "hub"])
def test_a_wire_without_an_interface_to_describe_takes_the_options_that_are_documented(wire: str) -> None:
    documented = _tables(_text("connectors.md")).get(wire, {})
    module = (ROOT / "connectors" / f"{wire}.py").read_text(encoding="utf-8")
    assert set(re.findall(r"known_options\(name, source, \(\"(\w+)\",\)\)", module)) == set(documented)


def test_every_wire_has_its_chapter() -> None:
    chapters = re.findall(r"^## (\w+)$", _text("connectors.md"), re.MULTILINE)
    assert set(get_args(settings.Source.model_fields["wire"].annotation)) <= set(chapters)


def test_what_runs_by_the_clock_are_commands_that_take_these_options() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = re.findall(r"^[\d*]\S* .* mizalla  mizalla (.+)$", page, re.MULTILINE)
    assert {line.split(" --")[0] for line in lines} == set(re.findall(r"^\| `mizalla ([a-z ]+)` \|", page, re.MULTILINE))
    assert {"crowd", "attestation refresh", "queue refresh"} <= {line.split(" --")[0] for line in lines}
    for line in lines:
        *words, option, _ = line.split()
        found: click.Command = main
        for word in words:
            assert isinstance(found, click.Group)
            found = found.commands[word]
        assert option in {opt for each in found.params for opt in each.opts}, line
