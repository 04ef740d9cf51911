"""Each organisation's space is its own: whatever one of them can name, another can neither change nor read.

Nothing here knows the commands: every mutation and question of the schema that takes an identifier is tried with all that another
organisation ever saw of its own, as it stands, and translated into the thief's own identifiers, as if it had guessed the numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import product
from typing import Any

import apsw
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from schema import SCHEMA
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_giving import ISSUE, TODAY, Desk

OWN, THIEF = "crescent", "hope"
ROLES = ("manager", "caseworker")
OPAQUE = re.compile(r"[A-Za-z0-9_-]{24,}")
LATER = datetime.now(UTC) + timedelta(days=20)
PROGRAM = SCHEMA._schema
MUTATIONS, QUERIES = PROGRAM.mutation_type, PROGRAM.query_type
KINDS = ("allocation", "booked", "household", "programme", "resource", "alert", "appeal", "reference", "request", "complaint", "waiting")
"""Kinds of identifiers whose numbers a thief might guess, beside those it is given."""

WORDS = "A sentence that says something about this matter, at some length."
ORGANISATIONS = {"receiver", "organisation", "body", "to", "parties"}
"""Inputs that name an organisation, which anybody may."""

BY_NAME: dict[str, Any] = {
    "name": "A name",
    "caseNumber": "T-9",
    "document": "CA-2026/17",
    "thread": "a thread",
    "currency": "IQD",
    "unit": "IQD",
    "kind": "cash",
    "need": "FOOD",
    "governorate": "IQ-BG",
    "version": 1,
    "hours": 1,
    "days": 5,
    "topics": ["consent.ended"],
    "content": "QUJD",
    "url": "https://example.org/hook",
}
"""What an input of this name is given; any other is given something of its type."""

GIVEN: dict[str, set[str]] = {
    "jointDecisionPropose": {"amount", "currency"},
    "allocationRecord": {"amount", "currency"},
    "allocationsRecord": {"amount", "currency"},
}
"""Inputs that may be left out and are not, so that the rest of a command is reached."""


SEALED = {"messageSend", "referralSend"}
"""Commands that look at what was sealed first; `tests/test_messages.py` and `tests/test_referrals.py` try them across organisations."""


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which an organisation has something of everything it can have by itself."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("tenants") / "hub")) as opened:
        await furnished(opened)
        yield opened


async def furnished(hub: Asking) -> None:
    """What a manager of the own organisation sets up."""
    desk = Desk(hub, f"{OWN}-manager")
    fund, programme = await desk.means()
    del fund
    some = await desk.people(5)
    planned = [(await desk.record(programme, each))["allocation"]["id"] for each in some]
    await desk.did(ISSUE, id=planned[0], ends=(datetime.now(UTC) + timedelta(days=9)).date().isoformat())
    await desk.did("mutation { needAlertSet(input: {need: FOOD, atLeast: 5}) { __typename } }")
    registered = await desk.did(
        'mutation { householdRegister(input: {members: [{caseNumber: "T-1"}, {caseNumber: "T-2"}]}) { __typename } }'
    )
    assert registered["__typename"] == "HouseholdRegistered"
    made = 'mutation ($p: ID!) { referenceMake(input: {receiver: "rafidain-relief", person: $p, thread: "a thread"}) { __typename } }'
    assert (await desk.did(made, p=some[0]))["__typename"] != "Refusal"


# --- what the own organisation sees ----------------------------------------------------------------------------------


def selected(kind: Any, there: Mapping[str, frozenset[str]], depth: int = 4) -> str:
    """A selection of every identifier below a type that there is for a requester."""
    named = get_named_type(kind)
    if not isinstance(named, GraphQLObjectType | GraphQLUnionType):
        return ""
    if isinstance(named, GraphQLUnionType):
        parts = [f"... on {each.name} {selected(each, there, depth)}" for each in named.types if selected(each, there, depth)]
        return f"{{ __typename {' '.join(parts)} }}"
    found = []
    for name, field in named.fields.items():
        if name not in there.get(named.name, ()):
            continue
        below = get_named_type(field.type)
        if below.name == "ID" or name == "endCursor":
            found.append(name)
        elif depth and (inner := selected(below, there, depth - 1)) and "{ }" not in inner and not _required(field):
            found.append(f"{name} {inner}")
    return f"{{ {' '.join(found)} }}" if found else ""


def _required(field: GraphQLField) -> list[str]:
    return [name for name, each in field.args.items() if is_required_argument(each)]


def identifiers(value: Any) -> Iterator[str]:
    """Every text of an answer that could be an identifier."""
    if isinstance(value, dict):
        for each in value.values():
            yield from identifiers(each)
    elif isinstance(value, list):
        for each in value:
            yield from identifiers(each)
    elif isinstance(value, str) and OPAQUE.fullmatch(value):
        yield value


async def seen(hub: Asking, who: str) -> dict[str, list[str]]:
    """What a requester sees of identifiers, by the root field it sees them under; at most three of each path."""
    there = await hub.fields(who)
    found: dict[str, list[str]] = {}
    assert QUERIES is not None
    given = {"need": "need: FOOD", "by": "by: [NEED]"}
    for name, field in QUERIES.fields.items():
        wanted = [each for each in _required(field) if each not in given]
        inner = selected(field.type, there)
        if name not in there["Query"] or wanted or not inner:
            continue
        arguments = ", ".join(given[each] for each in _required(field))
        body = await hub.ask(f"{{ {name}{f'({arguments})' if arguments else ''} {inner} }}", who)
        for each in dict.fromkeys(identifiers(body.get("data"))):
            found.setdefault(name, []).append(each)
    return {name: each[:3] for name, each in found.items()}


# --- what is tried with it -------------------------------------------------------------------------------------------


def paths(kind: Any, name: str = "", depth: int = 3) -> Iterator[tuple[str, ...]]:
    """Every place of an input that takes an identifier."""
    named = get_named_type(kind)
    if named.name == "ID" and name not in ORGANISATIONS:
        yield (name,)
    elif isinstance(named, GraphQLInputObjectType) and depth:
        for below, field in named.fields.items():
            for path in paths(field.type, below, depth - 1):
                yield (name, *path) if name else path


def needed(kind: Any, path: tuple[str, ...]) -> bool:
    """Whether an input cannot do without what stands at a place."""
    field = get_named_type(kind).fields[path[0]]
    return is_required_input_field(field) and (len(path) == 1 or needed(field.type, path[1:]))


def filled(kind: Any, name: str, chosen: dict[tuple[str, ...], str], command: str, path: tuple[str, ...] = ()) -> Any:
    """A value of an input's type, with the chosen identifiers in their places."""
    if isinstance(kind, GraphQLNonNull):
        return filled(kind.of_type, name, chosen, command, path)
    if isinstance(kind, GraphQLList):
        return BY_NAME.get(name) or [filled(kind.of_type, name, chosen, command, path)]
    if isinstance(kind, GraphQLInputObjectType):
        made = {}
        for below, field in kind.fields.items():
            place = (*path, below)
            named = any(each[: len(place)] == place for each in chosen)
            needed = is_required_input_field(field)
            if not (named or needed or below in GIVEN.get(command, ())):
                continue
            made[below] = filled(field.type, below, chosen, command, place)
        return made
    return chosen.get(path, "rafidain-relief") if kind.name == "ID" else plain(kind, name)


def plain(kind: Any, name: str) -> Any:
    """Something of a scalar or enum type."""
    if isinstance(kind, GraphQLEnumType):
        return BY_NAME[name] if BY_NAME.get(name) in kind.values else list(kind.values)[-1]
    some = {"String": WORDS, "Int": 5, "Float": 1.0, "Boolean": True, "Amount": 10, "Code": "cash", "Day": TODAY}
    return BY_NAME.get(name, some.get(kind.name, LATER.strftime("%Y-%m-%dT%H:%M:%SZ")))


def stored(hub: Asking) -> dict[str, str]:
    """A hash of every table of the hub's own but its counters of attempts."""
    book = apsw.Connection(hub.hub.settings.hub.database.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [row[0] for row in book.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    found = {each: blake2b(repr(sorted(map(repr, book.execute(f'SELECT * FROM "{each}"')))).encode()).hexdigest() for each in tables}
    book.close()
    return found


def translated(hub: Asking, own: str, thief: str, texts: list[str]) -> list[str]:
    """The thief's own identifiers of the things behind another's."""
    found = []
    pseudonyms = hub.hub.pseudonyms
    for text, kind in product(texts, KINDS):
        number = pseudonyms.resolve(own, text, kind)
        if number is not None:
            found.append(pseudonyms.maker(thief, kind)(number))
    return list(dict.fromkeys(found))


async def pool(hub: Asking) -> list[str]:
    """Everything the own organisation sees, and what a thief would make of it; none of what the thief sees itself."""
    own: dict[str, None] = {}
    for role in ROLES:
        if f"{OWN}-{role}" in hub.keys:
            for texts in (await seen(hub, f"{OWN}-{role}")).values():
                own.update(dict.fromkeys(texts))
    theirs = {
        each for role in ROLES if f"{THIEF}-{role}" in hub.keys for texts in (await seen(hub, f"{THIEF}-{role}")).values() for each in texts
    }
    receiver = (await hub.hub.enquiry(hub.keys[f"{OWN}-manager"], None)).requester.receiver
    thief = (await hub.hub.enquiry(hub.keys[f"{THIEF}-manager"], None)).requester.receiver
    return [each for each in [*own, *translated(hub, receiver, thief, list(own))] if each not in theirs]


def refused(body: dict[str, Any]) -> str | None:
    """The code of a refusal, whichever way it comes; None for what was done."""
    if body.get("errors"):
        return str(body["errors"][0]["extensions"]["code"])
    (answer,) = body["data"].values()
    if answer is None:
        return "NOTHING"
    return str(answer["code"]) if answer.get("__typename") == "Refusal" else None


async def test_the_own_organisation_sees_something_of_everything(hub: Asking) -> None:
    found = await seen(hub, f"{OWN}-manager")
    assert {"resources", "programmes", "people", "queue", "needAlerts"} <= set(found)
    assert len(await pool(hub)) > 20


async def test_no_command_takes_anything_of_another_organisation(hub: Asking) -> None:
    names, taken = await pool(hub), []
    reached: dict[str, set[str | None]] = {}
    assert MUTATIONS is not None
    before = stored(hub)
    for role in ROLES:
        who = f"{THIEF}-{role}"
        if who not in hub.keys:
            continue
        there = await hub.fields(who)
        for command, field in MUTATIONS.fields.items():
            argument = field.args.get("input")
            if command not in there.get("Mutation", ()) or argument is None or not (places := list(paths(argument.type))):
                continue
            kind = get_named_type(argument.type)
            union = get_named_type(field.type)
            document = (
                f"mutation ($input: {kind.name}!) {{ {command}(input: $input) {{ __typename ... on Refusal {{ code field }} }} }}"
                if isinstance(union, GraphQLUnionType)
                else f"mutation ($input: {kind.name}!) {{ {command}(input: $input) {selected(union, there)} }}"
            )
            for place in places:
                others = [each for each in places if each != place and needed(argument.type, each)]
                for name in names:
                    chosen = {place: name} | dict.fromkeys(others, name)
                    body = await hub.ask(document, who, {"input": filled(argument.type, "", chosen, command)})
                    code = refused(body)
                    reached.setdefault(command, set()).add(code)
                    if code is None:
                        taken.append((who, command, place))
    assert taken == []
    assert {name for name, each in stored(hub).items() if each != before[name]} <= {"command"}
    vacuous = {
        name: codes for name, codes in reached.items() if not codes & {"UNKNOWN", "NOT_PERMITTED", "CONFLICT"} and name not in SEALED
    }
    assert vacuous == {}, json.dumps({name: sorted(map(str, each)) for name, each in vacuous.items()})
    assert len(reached) > 30


async def test_no_question_shows_anything_of_another_organisation(hub: Asking) -> None:
    names = await pool(hub)
    assert QUERIES is not None
    shown = []
    for role in ROLES:
        who = f"{THIEF}-{role}"
        there = await hub.fields(who) if who in hub.keys else {}
        for question, field in QUERIES.fields.items():
            places = [name for name, each in field.args.items() if get_named_type(each.type).name in {"ID", "String"}]
            inner = selected(field.type, there)
            if question not in there.get("Query", ()) or not places or not inner:
                continue
            required = [name for name in _required(field) if name not in places]
            for name, place in product(names, places):
                given = {place: name} | {each: filled(field.args[each].type, each, {}, question) for each in required}
                given |= {each: name for each in _required(field) if each not in given}
                declared = ", ".join(f"${each}: {field.args[each].type}" for each in given)
                passed = ", ".join(f"{each}: ${each}" for each in given)
                body = await hub.ask(f"query ({declared}) {{ {question}({passed}) {inner} }}", who, given)
                leaked = set(identifiers(body.get("data"))) & set(names)
                if leaked:
                    shown.append((who, question, place))
    assert sorted(set(shown)) == []
