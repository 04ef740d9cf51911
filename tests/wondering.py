"""Questions nobody has thought of: operations drawn from the schema that a requester sees, with everything documents may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import GraphQLEnumType, GraphQLField, GraphQLList, GraphQLObjectType, GraphQLSchema, get_named_type

PEOPLE = ("me", "person", "personByIdentifier", "caseload", "people", "queue")
ROOTS = (*PEOPLE, *PEOPLE, "organisations", "consentsHeld", "programmes", "resources")
"""What the law in SQL can answer, those with people twice as often; the others say what is written, sealed, counted or of the moment."""

ELSEWHERE = {
    "reference": "the text it takes is opened once, by whom it was made for: tests/test_references.py",
    "suggestions": "what is learned has no law in SQL; its people are those of the queue: tests/test_suggestions.py",
}
"""Roots with people that this does not ask, and why."""

CHANGING = frozenset({"disclosures", "asOf", "withheld"})
"""Fields whose answer is another one the next time, or in the other order."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What arguments may name."""

    people: Sequence[str]
    cases: Sequence[str]
    cursors: Sequence[str]
    identifiers: Sequence[tuple[str, str]]
    places: Sequence[tuple[str, str]] = ()
    held: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Wondered:
    """A document with its variables."""

    text: str
    variables: dict[str, Any]


@dataclass(slots=True)
class _Writer:
    chosen: Random
    schema: GraphQLSchema
    pool: Pool
    declared: dict[str, str] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    count: int = 0

    def _next(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def _chance(self, one_in: int) -> bool:
        return self.chosen.randrange(one_in) == 0

    def selection(self, type_: GraphQLObjectType, depth: int, names: Sequence[str], most: int = 4) -> str:
        """Some fields of a type, in fragments or not."""
        parts: list[str] = []
        for name in self.chosen.choices(names, k=self.chosen.randint(1, most)):
            part = self.field(name, type_.fields[name], depth)
            wrapped = self.chosen.randrange(10)
            if wrapped == 0:
                part = f"... on {type_.name} {self._switch()} {{ {part} }}"
            elif wrapped == 1:
                part = f"... {self._switch()} {{ {part} }}"
            elif wrapped == 2:
                fragment = self._next("F")
                self.fragments.append(f"fragment {fragment} on {type_.name} {{ {part} }}")
                part = f"...{fragment} {self._switch()}"
            parts.append(part)
        if self._chance(4):
            parts.insert(self.chosen.randint(0, len(parts)), "__typename" if self._chance(2) else f"{self._next('t')}: __typename")
        return " ".join(parts)

    def field(self, name: str, definition: GraphQLField, depth: int) -> str:
        """One field with an alias, arguments, directives and what is below."""
        target = get_named_type(definition.type)
        arguments = self._arguments(name, definition)
        alias = f"{self._next('a')}: " if definition.args or self._chance(4) else ""
        below = ""
        if isinstance(target, GraphQLObjectType):
            names = [each for each in target.fields if each not in CHANGING]
            if depth <= 0:
                names = [each for each in names if not isinstance(get_named_type(target.fields[each].type), GraphQLObjectType)]
            below = f" {{ {self.selection(target, depth - 1, names or ['__typename'])} }}" if names else " { __typename }"
        return f"{alias}{name}{arguments} {self._switch()}{below}"

    def _switch(self) -> str:
        if not self._chance(8):
            return ""
        name, value = self.chosen.choice(["skip", "include"]), self.chosen.choice([True, False])
        said = self._variable("Boolean!", value) if self._chance(2) else str(value).lower()
        return f"@{name}(if: {said})"

    def _variable(self, type_: str, value: Any) -> str:
        name = self._next("v")
        self.declared[name], self.given[name] = type_, value
        return f"${name}"

    def _arguments(self, name: str, definition: GraphQLField) -> str:
        if name == "personByIdentifier":
            scheme, value = self.chosen.choice(self.pool.identifiers)
            return f"(scheme: {self._said('IdentifierScheme!', scheme, enum=True)}, value: {self._said('String!', value)})"
        parts = []
        if name == "queue" and self.pool.places and self._chance(2):
            need, after = self.chosen.choice(self.pool.places)
            return f"(first: 5, need: {self._said('Need!', need.upper(), enum=True)}, after: {self._said('String', after)})"
        for argument, declared in definition.args.items():
            if argument not in {"id", "need"} and self._chance(2):
                continue
            value, enum = self._value(name, argument, declared.type)
            if value is not NONE:
                parts.append(f"{argument}: {self._said(str(declared.type), value, enum=enum)}")
        return f"({', '.join(parts)})" if parts else ""

    def _said(self, type_: str, value: Any, *, enum: bool = False) -> str:
        """A value as a literal or as a variable."""
        if self._chance(2):
            return self._variable(type_, value)
        if value is None:
            return "null"
        if isinstance(value, list):
            return f"[{', '.join(self._literal(each) for each in value)}]"
        return str(value) if enum else self._literal(value)

    @staticmethod
    def _literal(value: Any) -> str:
        return f'"{value}"' if isinstance(value, str) else str(value)

    def _value(self, name: str, argument: str, type_: Any) -> tuple[Any, bool]:  # noqa: PLR0911 — one for each argument
        named = get_named_type(type_)
        if isinstance(named, GraphQLEnumType):
            return self.chosen.choice(list(named.values)), True
        if argument == "first":
            return self.chosen.choice([1, 2, 3, 5, 17]), False
        if argument == "id":
            return self.chosen.choice(self.pool.people), False
        if argument == "after":
            known = {"people": self.pool.cases, "caseload": self.pool.cursors, "consentsHeld": self.pool.held}.get(name)
            return (self.chosen.choice(known) if known and not self._chance(4) else None), False
        if argument == "state":
            return self.chosen.choice(["open", "closed", None]), False
        if argument == "since":
            return self.chosen.choice(["2025-10-05", "2024-01-01", "2026-01-01", None]), False
        if argument == "kinds":
            return self.chosen.choice([["food"], ["cash", "health"], ["education", "food", "cash"], [], None]), False
        assert not isinstance(type_, GraphQLList), (name, argument)
        return NONE, False


NONE = object()


def operation(chosen: Random, schema: GraphQLSchema, pool: Pool, roots: Sequence[str] = ROOTS) -> Wondered:
    """An operation over the readable part of this schema, or over these roots of it."""
    writer, query = _Writer(chosen, schema, pool), schema.query_type
    assert query is not None
    body = writer.selection(query, 4, [each for each in roots if each in query.fields], most=3)
    declared = ", ".join(f"${name}: {type_}" for name, type_ in writer.declared.items())
    text = f"query Q{f'({declared})' if declared else ''} {{ {body} }} {' '.join(writer.fragments)}"
    return Wondered(text, writer.given)
