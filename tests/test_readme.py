"""The README's first screen is what a caseworker really gets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Request
from tests.country import Country

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.anyio


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


async def asked_as_the_readme_says(country: Country) -> dict[str, Any]:
    async with Hub(country.settings, CATALOGUE, PUBLIC_NAMES) as hub:
        enquiry = await hub.enquiry(country.keys["crescent-caseworker"], None)
        response = await Door(hub, SCHEMA).answer(Request(block("graphql"), None, {"card": "2043817/1"}), enquiry, explain=True)
        return response.body


async def test_the_main_question_gets_the_answer_the_readme_shows(country: Country) -> None:
    body = await asked_as_the_readme_says(country)
    assert body["data"] == json.loads(block("json"))
    assert "errors" not in body


async def test_each_source_is_asked_what_the_readme_tells(country: Country) -> None:
    body = await asked_as_the_readme_says(country)
    rows = re.findall(r"^\| ([a-z-]+) \| [\w ]+ \| (\w+): ([\w, ]+) \| (\d) \|$", README, re.MULTILINE)
    told = sorted((source, entity, attributes.split(", "), int(people)) for source, entity, attributes, people in rows)
    assert sorted((each["source"], each["entity"], each["attributes"], each["keys"]) for each in body["extensions"]["plan"]) == told
