"""Every command and every question takes nonsense in each of its inputs: it is refused in words, and nothing is written.

Nothing here knows the commands: what is sent is made of the schema. Each input is tried in turn while the others hold, so that a value
that is wrong in one place gets as far as it can.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apsw
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLUnionType,
    get_named_type,
)

from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_tenants import MUTATIONS, QUERIES, filled, furnished, needed, refused, seen, selected
from values import PersonNumber, Purpose, Role

NONSENSE: dict[str, list[Any]] = {
    "String": [
        "", " ", "x" * 20_000, "\u202e", "' OR 1=1 --", "=1+1", "\r\nBcc: a@b.example", '{"a":', "https://[", "http://127.0.0.1:1/", "-",
        "\uffff", "é" * 300, "١٢٣", "<script>", "%s%n", "../../etc/passwd", "\U0001f600", "a\x00b", 5, {"a": 1},
    ],
    "ID": ["", " ", "x" * 20_000, "../..", "A" * 64, "A" * 63 + "=", "hope-network", "-1", 0, 2**63, 1.5, True, "é", "\U0001f600", "\x00"],
    "Int": [0, -1, 1, 2**31 - 1, -(2**31), 2**31, 1.5, "5", True],
    "Float": [0.0, -0.0, -1.0, 1e308, -1e308, 5e-324, "x"],
    "Boolean": [True, False, "true", 1],
    "Amount": [
        0, -1, "1e400", "1E+100000000", "1E-100000000", "NaN", "Infinity", "-0", 10**30, "0.0001", 1e308, 2**63, "9223372036854775.807",
        " 1 ", "", "1_000", "١٢", True, "9" * 5000,
    ],
    "Day": ["", "0001-01-01", "9999-12-31", "2026-W01-1", "20260101", "2026-02-30", "x", 5, "1969-12-31", "2026-03-21T00:00:00Z"],
    "Instant": [
        "", "x", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-21T09:30:00+99:00", "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+12:00", "2026-03-21T09:30:00.123456Z", 5, "1969-12-31T00:00:00Z", "2026-W01-1T00:00:00Z",
    ],
    "Code": ["", "x", "IQD", "iqd", "x" * 5000, "XXX", "cash\n", "IQ-BG", 5],
}  # fmt: skip
"""By type: what cannot be, what is at the edge, what another language reads otherwise."""

EACH = 3
"""So many of a type are tried in one place; the next place goes on with the next."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody, under one purpose, with the fields that there are for it and the identifiers it saw."""

    who: str
    purpose: Purpose
    there: Mapping[str, frozenset[str]]


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which an organisation has something of everything, and somebody has each role."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("nonsense") / "hub")) as opened:
        await furnished(opened)
        now, issue = int(datetime.now(UTC).timestamp()), opened.hub.credentials.issue
        govern = [Purpose.ORGANISATION_GOVERNANCE]
        opened.keys["governor"] = await issue("governor", "staff", "crescent-aid", Role.MANAGER, govern, now)
        newcomer = PersonNumber(1)
        opened.keys["newcomer"] = await issue("newcomer", "person", None, Role.NEWCOMER, [Purpose.SELF_ACCESS], now, newcomer)
        yield opened


async def askers(hub: Asking) -> list[Asker]:
    """Those who between them see everything there is; the own organisation's first, because it has something."""
    found = []
    for who in sorted(hub.keys, key=lambda name: (not name.startswith("crescent"), name)):
        for purpose in (await hub.hub.enquiry(hub.keys[who], None)).requester.purposes:
            found.append(Asker(who, purpose, await hub.fields(who, purpose)))  # noqa: PERF401 — each waits for the hub
    return [*found, Asker("public", Purpose.OPEN_DATA, await hub.fields("public"))]


# --- what is sent ----------------------------------------------------------------------------------------------------


def places(kind: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every place of an input with the type of what stands there: lists, objects and leaves."""
    plain = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if path:
        yield path, plain
    inner: Any = get_named_type(plain)
    if isinstance(inner, GraphQLInputObjectType) and len(path) < 4:
        for name, field in inner.fields.items():
            yield from places(field.type, (*path, name))


def nonsense(kind: Any, turn: int) -> list[Any]:
    """What is tried in a place of this type; `turn` says where to go on."""
    if isinstance(kind, GraphQLList):
        one = filled(kind.of_type, "", {}, "")
        return [[], None, [None], [one] * 3, [one] * 400]
    if isinstance(kind, GraphQLEnumType):
        return [list(kind.values)[turn % len(kind.values)], "NOPE", 1]
    if isinstance(kind, GraphQLScalarType):
        known = NONSENSE[kind.name]
        return [*(known[(EACH * turn + step) % len(known)] for step in range(EACH)), None]
    return [{}, None, []]


def put(value: Any, path: tuple[str, ...], new: Any, kind: Any, command: str) -> Any:
    """The same input with another value in one place; of a list it is the first."""
    plain = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if not path:
        return new
    if isinstance(plain, GraphQLList):
        first = value[0] if isinstance(value, list) and value else filled(plain.of_type, "", {}, command)
        return [put(first, path, new, plain.of_type, command)]
    known = dict(value) if isinstance(value, dict) else filled(plain, "", {}, command)
    return {**known, path[0]: put(known.get(path[0]), path[1:], new, plain.fields[path[0]].type, command)}


class Writes:
    """Whether anything was written: SQLite tells a connection when another has committed."""

    def __init__(self, hub: Asking) -> None:
        self._look = apsw.Connection(hub.hub.settings.hub.database.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
        self._seen = 0

    def since(self) -> bool:
        """Whether there was a commit since this was asked last."""
        before, (self._seen,) = self._seen, next(self._look.execute("PRAGMA data_version"))
        return before != self._seen

    def close(self) -> None:
        """Let go of the file."""
        self._look.close()


# --- and what comes of it --------------------------------------------------------------------------------------------


async def test_no_command_fails_by_nonsense_or_writes_what_it_refuses(hub: Asking) -> None:
    assert MUTATIONS is not None
    failed, wrote, tried, writes, turn = [], [], set(), Writes(hub), 0
    known: dict[str, list[str]] = {}
    for asker in await askers(hub):
        for command, field in MUTATIONS.fields.items():
            if command not in asker.there.get("Mutation", ()) or command in tried or "input" not in field.args:
                continue
            tried.add(command)
            if asker.who not in known:
                known[asker.who] = [each for texts in (await seen(hub, asker.who)).values() for each in texts]
            kind, document = field.args["input"].type, _document(command, field)
            base = await _base(hub, asker, (command, document, kind), known[asker.who])
            for place, inner in places(kind):
                turn += 1
                for each in nonsense(inner, turn):
                    writes.since()
                    body = await hub.ask(document, asker.who, {"input": put(base, place, each, kind, command)}, asker.purpose)
                    code = refused(body)
                    if code == "INTERNAL":
                        failed.append((command, place, repr(each)[:60]))
                    if code is not None and writes.since():
                        wrote.append((command, place, repr(each)[:60], code))
    writes.close()
    assert (failed, wrote) == ([], [])
    assert {name for name, field in MUTATIONS.fields.items() if "input" in field.args} - tried == set()


async def test_no_question_fails_by_nonsense(hub: Asking) -> None:
    assert QUERIES is not None
    failed, tried, turn = [], set(), 0
    for asker in await askers(hub):
        for question, field in QUERIES.fields.items():
            inner = selected(field.type, asker.there) or (
                "" if isinstance(get_named_type(field.type), GraphQLScalarType | GraphQLEnumType) else "{ __typename }"
            )
            if question not in asker.there["Query"] or question in tried or not field.args:
                continue
            tried.add(question)
            declared = ", ".join(f"${name}: {each.type}" for name, each in field.args.items())
            passed = ", ".join(f"{name}: ${name}" for name in field.args)
            document = f"query ({declared}) {{ {question}({passed}) {inner} }}"
            types = {name: each.type for name, each in field.args.items()}
            base = {name: filled(each, name, {}, question) for name, each in types.items() if isinstance(each, GraphQLNonNull)}
            for name, type_ in types.items():
                for place, kind in [((), type_.of_type if isinstance(type_, GraphQLNonNull) else type_), *places(type_)]:
                    turn += 1
                    for value in nonsense(kind, turn):
                        given = {**base, name: put(base.get(name), place, value, type_, question)}
                        body = await hub.ask(document, asker.who, given, asker.purpose)
                        if any(error["extensions"]["code"] == "INTERNAL" for error in body.get("errors", ())):
                            failed.append((question, name, place, repr(value)[:60]))
    assert failed == []
    assert len(tried) > 50


def _document(command: str, field: GraphQLField) -> str:
    told = "{ __typename ... on Refusal { code field } }" if isinstance(get_named_type(field.type), GraphQLUnionType) else "{ __typename }"
    return f"mutation ($input: {field.args['input'].type}) {{ {command}(input: $input) {told} }}"


async def _base(hub: Asking, asker: Asker, about: tuple[str, str, Any], known: list[str]) -> Any:
    """An input that holds as far as can be guessed: identifiers that the asker saw, where one of them is not unknown."""
    command, document, kind = about
    base = filled(kind, "", {}, command)
    for place, inner in places(kind):
        if getattr(inner, "name", "") == "ID" and needed(kind, place):
            for each in known[:20]:
                given = put(base, place, each, kind, command)
                if refused(await hub.ask(document, asker.who, {"input": given}, asker.purpose)) not in {"UNKNOWN", "INVALID"}:
                    base = given
                    break
    return base
