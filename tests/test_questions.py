"""Questions with their answers: what each of the cast, and each who asks about them, really gets, and what each source was asked for it.

A question is a file `tests/queries/<domain>/<name>.graphql`; its first line is the promise, the lines below say who asks:

    # A family's caseworker sees what each member received.
    # as: crescent-caseworker            a name of `mizalla sample credentials`, or somebody of the cast; the public otherwise
    # purpose: case_management           the credential's first otherwise
    # variables: {"card": "2043817/1"}
    # after: aid/family                  questions asked first, of a hub of its own
    # found: person = aid/family household.members.0.person.id, day = …
                                         variables that stand in the answers of questions asked before, by where they stand
    # failures: 1.1b                     failures of `docs/domains/<domain>.md` that it shows

Its answer stands beside it as JSON. `MIZALLA_GOLDEN=write` writes the answers anew: read what changed before keeping it.
"""

import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from samples.cast import member
from samples.seeding import People
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import Purpose, Role

QUERIES = Path(__file__).parent / "queries"
DOMAINS = ("aid", "exchange", "identity", "insurance", "oversight")
NAMES = sorted(str(path.relative_to(QUERIES).with_suffix("")) for path in QUERIES.rglob("*.graphql"))

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{24,}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Question:
    """A document with what its first lines say."""

    promise: str
    text: str
    who: str = "public"
    purpose: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    found: tuple[tuple[str, str, str], ...] = ()


def question(name: str) -> Question:
    """Read one question by its name, `aid/family`."""
    text = (QUERIES / f"{name}.graphql").read_text(encoding="utf-8")
    promise, *more = (line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))
    said = dict(line.split(": ", 1) for line in more)
    assert said.keys() <= {"as", "purpose", "variables", "after", "found", "failures"}, f"{name} says what is not understood"
    after = tuple(said["after"].split(", ")) if "after" in said else ()
    named = [each.split(" = ") for each in said["found"].split(", ")] if "found" in said else []
    found = tuple((name, *where.split(" ", 1)) for name, where in named)
    assert all(len(each) == 3 for each in found), f"{name} does not say where it finds what"
    variables = json.loads(said.get("variables", "{}"))
    return Question(promise, text, said.get("as", "public"), said.get("purpose"), variables, after, found)  # type: ignore[arg-type]


def _in_order(members: Any) -> Any:
    """Members without an age in the answer come in an order of the requester's own keys, another one in each build."""
    if not members or "birthYear" in members[0]:
        return members
    return sorted(members, key=lambda each: IDENTIFIER.sub("", json.dumps(each, ensure_ascii=False)))


def settled(body: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from one build to the next: identifiers, moments, addresses, durations."""
    names: dict[str, str] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(_in_order(each) if key == "members" else each) for key, each in value.items() if key != "milliseconds"}
        if isinstance(value, list):
            return [plain(each) for each in value]
        if not isinstance(value, str):
            return value
        if MOMENT.fullmatch(value):
            return "a moment"
        if IDENTIFIER.fullmatch(value):
            return names.setdefault(value, f"id-{len(names) + 1}")
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", value)

    extensions = body.get("extensions", {"plan": []})  # a document that is refused has none
    asked = [
        {"of": f"{each['source']} {each['entity']}", "attributes": " ".join(each["attributes"]), "keys": each["keys"], "sent": each["sent"]}
        for each in extensions.pop("plan")
    ]
    for listed in (extensions.get("sources", []), extensions.get("withheld", []), asked):
        listed.sort(key=lambda each: [str(value) for key, value in each.items() if key in {"name", "coordinate", "of", "attributes"}])
    return {key: plain(value) for key, value in {**body, "asked": asked}.items() if value}


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub whose record holds nothing yet that the questions tell of."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("questions"))) as opened:
        yield opened


async def ask(hub: Asking, asked: Question) -> dict[str, Any]:
    """The whole answer; somebody of the cast without a credential gets one."""
    if asked.who not in {"public", *hub.keys}:
        number = member(asked.who).national_number
        assert number is not None
        found = await People(hub.hub.database, hub.hub.blinder).numbers([number])
        hub.keys[asked.who] = await hub.hub.credentials.issue(
            asked.who, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), 0, found[number]
        )
    variables = dict(asked.variables)
    for name, before, where in asked.found:
        answer: Any = (await ask(hub, question(before)))["data"]
        for part in where.split("."):
            answer = answer[int(part)] if part.isdigit() else answer[part]
        variables[name] = answer
    return await hub.ask(asked.text, asked.who, variables, asked.purpose)


@pytest.mark.parametrize("name", NAMES)
async def test_a_question_gets_the_answer_beside_it(name: str, hub: Asking, country: Country, tmp_path: Path) -> None:
    asked = question(name)
    if asked.after:
        async with asking(country, copied(country, tmp_path / "own")) as own:
            for before in asked.after:
                await ask(own, question(before))
            body = await ask(own, asked)
    else:
        body = await ask(hub, asked)
    answer = json.dumps(settled(body), ensure_ascii=False, indent=1) + "\n"
    beside = QUERIES / f"{name}.json"
    if os.environ.get("MIZALLA_GOLDEN") == "write":
        beside.write_text(answer, encoding="utf-8")
    assert answer == beside.read_text(encoding="utf-8")


def test_every_answer_has_its_question() -> None:
    assert sorted(str(path.relative_to(QUERIES).with_suffix("")) for path in QUERIES.rglob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_question_begins_with_its_promise(name: str) -> None:
    assert name.split("/", maxsplit=1)[0] in DOMAINS
    assert re.fullmatch(r"[A-Z].*\.", question(name).promise)
