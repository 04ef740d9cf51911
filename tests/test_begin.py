"""What the first page has a newcomer type does what it says."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from graphql import parse, validate

from cli import main
from schema import SCHEMA

PAGE = (Path(__file__).parent.parent / "docs" / "begin.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    structlog.reset_defaults()


def test_every_document_holds_against_the_schema() -> None:
    asked = [*blocks("graphql"), *re.findall(r'"query":"([^"]+)"', PAGE)]
    assert len(asked) == 3
    for each in asked:
        assert validate(SCHEMA._schema, parse(each)) == []


def test_the_hub_of_ones_own_answers(place: Path) -> None:
    (place / "hub.toml").write_text(blocks("toml")[0], encoding="utf-8")
    with sqlite3.connect(place / "cases.db") as cases:
        cases.executescript(blocks("sql")[0])
    cases.close()
    *commands, last = blocks("sh")[-1].splitlines()
    assert last == "mizalla serve"
    told = ""
    for each in commands:
        result = CliRunner().invoke(main, each.split()[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        told = result.stdout
    question = "{ people(first: 1) { name birthYear } }"
    answer = CliRunner().invoke(main, ["ask", question], env={"MIZALLA_KEY": told.split()[0]}, catch_exceptions=False)
    assert '"name": "Zaynab Kazim"' in answer.stdout
    assert '"birthYear": 1981' in answer.stdout
