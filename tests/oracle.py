"""The right answer to a question, from one database with the law in SQL: what the hub's answers are held against.

The policy of docs/levels.md is a handful of views over the gathered country; a document is walked as the specification says,
field by field and person by person, and each value looked up by its own statement. Nothing here is shared with resolvers or
policies, and nothing is fast.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    value_from_ast_untyped,
)

from privacy.pseudonyms import Pseudonyms
from settings import Settings
from tests.books import Books
from tests.lawbook import ALLOCATIONS, FIRST, HOUSEHOLD, LAW, PERMITTED, RECEIVED
from values import Enquiry

UNTOLD = object()
"""Stands for a field that speaks of the answer itself or of other answers, which this knows nothing of."""

ABOUT = frozenset({"withheld", "provenance", "disclosures"})


@dataclass(frozen=True, slots=True)
class Document:
    """A document, and what was sent with it."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: dict[str, Any]


def document(text: str, variables: dict[str, Any]) -> Document:
    """Read a document of one operation."""
    found = parse(text).definitions
    (operation,) = [each for each in found if isinstance(each, OperationDefinitionNode)]
    return Document(operation, {each.name.value: each for each in found if isinstance(each, FragmentDefinitionNode)}, variables)


class Oracle:
    """Answers for one requester and purpose."""

    def __init__(
        self, country: sqlite3.Connection, settings: Settings, schema: GraphQLSchema, pseudonyms: Pseudonyms, who: Enquiry
    ) -> None:
        """Take a copy of the gathered country and lay the law over it."""
        self.db = sqlite3.connect(":memory:", check_same_thread=False)
        country.backup(self.db)
        self.settings, self.schema, self.who = settings, schema, who
        requester, receiver = who.requester, who.requester.receiver
        self.person_id, self.household_id = pseudonyms.maker(receiver, "person"), pseudonyms.maker(receiver, "household")
        self.row_id = {kind: pseudonyms.opaque(receiver, kind) for kind in ("allocation", "insurance")}
        self.pseudonyms = pseudonyms
        self.numbers = {self.person_id(number): number for (number,) in self.db.execute("SELECT number FROM person")}
        self.db.execute("CREATE TABLE asker(role, organisation, kind, verified, purpose, itself, today)")
        self.db.execute("CREATE TABLE may(purpose)")
        kind = requester.organisation_kind.value if requester.organisation_kind else None
        row = (requester.role.value, requester.organisation, kind, requester.verified, who.purpose.value, requester.person)
        self.db.execute("INSERT INTO asker VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, str(who.now.date())))
        self.db.executemany("INSERT INTO may VALUES (?)", [(each.value,) for each in requester.purposes])
        self.db.executescript(LAW)
        self.db.executescript(PERMITTED)
        self.untold, self.books = UNTOLD, Books(self)

    def identifier(self, kind: str) -> Callable[[int], str]:
        """What the requester calls things of a kind, by their inner number."""
        return self.pseudonyms.maker(self.who.requester.receiver, kind)

    def cursor(self, position: str) -> str:
        """The cursor of a place in the case load."""
        return self.pseudonyms.seal(self.who.requester.receiver, "caseload", position.encode())

    def answer(self, text: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of the answer to a document."""
        self.asked = document(text, variables)
        fields = self._fields("Query", [self.asked.operation.selection_set])
        return {key: self._root(nodes) for key, nodes in fields.items()}

    def permits(self, coordinate: str, source: str, people: Sequence[int]) -> bool:
        """Whether this value of all of these people may be shown, and so asked of the source."""
        entity, _, name = coordinate.partition(".")
        found = self.db.execute(
            "SELECT count(DISTINCT person) FROM permitted WHERE entity = ? AND name = ? AND source = ? AND person IN "
            "(SELECT value FROM json_each(?))",
            (entity, "key" if name == "id" else name, source, json.dumps(list(people))),
        ).fetchone()
        return bool(found[0] == len(set(people)))

    # --- documents, as the specification has them --------------------------------------------------------------------------

    def _fields(self, type_: str, sets: Sequence[SelectionSetNode | None]) -> dict[str, list[FieldNode]]:
        found: dict[str, list[FieldNode]] = {}
        self._collect(type_, sets, found, set())
        return found

    def _collect(self, type_: str, sets: Sequence[SelectionSetNode | None], found: dict[str, list[FieldNode]], seen: set[str]) -> None:
        for node in [node for each in sets if each is not None for node in each.selections]:
            if not all(self._lets(directive) for directive in node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or node.type_condition.name.value == type_:
                    self._collect(type_, [node.selection_set], found, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.asked.fragments[node.name.value]
                if fragment.type_condition.name.value == type_:
                    self._collect(type_, [fragment.selection_set], found, seen)

    def _lets(self, directive: Any) -> bool:
        value = value_from_ast_untyped(directive.arguments[0].value, self.asked.variables)
        return bool(value) is (directive.name.value == "include")

    def below(self, type_: str, nodes: Sequence[FieldNode]) -> dict[str, list[FieldNode]]:
        return self._fields(type_, [node.selection_set for node in nodes])

    def _arguments(self, type_: str, node: FieldNode) -> dict[str, Any]:
        declared = self.schema.type_map[type_].fields[node.name.value].args  # type: ignore[attr-defined]
        given = {
            each.name.value: value_from_ast_untyped(each.value, self.asked.variables)
            for each in node.arguments or ()
            if not isinstance(each.value, VariableNode) or each.value.name.value in self.asked.variables
        }
        defaults = {name: getattr(each.default_value, "name", each.default_value) for name, each in declared.items()}
        return {**{name: value for name, value in defaults.items() if isinstance(value, str | int)}, **given}

    # --- the hub ---------------------------------------------------------------------------------------------------------------

    def _root(self, nodes: list[FieldNode]) -> Any:  # noqa: PLR0911 — one for each root field
        name = nodes[0].name.value
        if name == "__typename":
            return "Query"
        arguments, requester = self._arguments("Query", nodes[0]), self.who.requester
        if name == "organisations":
            return [self._organisation(each, nodes) for each in sorted(self.settings.organisations)]
        if name in self.books.roots:
            return self.books.roots[name](arguments, nodes)
        if name == "person":
            return self._single(self.numbers.get(arguments["id"]), nodes)
        if name == "personByIdentifier":
            return self._single(self._identified(arguments["scheme"], arguments["value"]), nodes)
        if name == "me":
            told: dict[str, Any] = {"name": requester.name, "role": requester.role.value, "organisation": requester.organisation}
            told |= {"purpose": self.who.purpose.name, "purposes": [each.name for each in requester.purposes], "__typename": "Me"}
            below = self.below("Me", nodes)
            return {
                key: self._single(requester.person, each) if each[0].name.value == "person" else told[each[0].name.value]
                for key, each in below.items()
            }
        after = arguments.get("after")
        if after is not None and name == "people":
            after = self.db.execute(
                "SELECT position FROM own_case, asker USING (organisation) WHERE own_case.person = ?", (self.numbers[after],)
            ).fetchone()[0]
        elif after is not None:
            after = next(each for (each,) in self.db.execute("SELECT position FROM own_case") if self.cursor(each) == after)
        page = "SELECT own_case.position, own_case.person FROM own_case, asker USING (organisation) WHERE position > ? ORDER BY position"
        everyone = self.db.execute(page, (after or "",)).fetchall()
        rows = everyone[: arguments["first"]]
        if name == "people":
            return self.people([number for _, number in rows], nodes)
        return self._caseload(rows, len(everyone) > len(rows), after is not None, nodes)

    def _identified(self, scheme: str, value: str) -> int | None:
        """Whose identifier this is, by the books of those who know it."""
        if scheme == "CASE_NUMBER":
            found = self.db.execute(
                "SELECT c.person FROM own_case AS c, asker USING (organisation) WHERE position = ?", (value,)
            ).fetchone()
            return found[0] if found else None
        name = {"NATIONAL_NUMBER": "national_number", "RATION_CARD": "ration_card"}[scheme]
        registry = "SELECT person FROM row WHERE source = 'civil-registry' AND entity = 'person' AND content ->> ? = ?"
        found = self.db.execute(registry, (name, value)).fetchone()
        return found[0] if found else None

    def _caseload(self, rows: Sequence[tuple[str, int]], more: bool, began: bool, nodes: list[FieldNode]) -> Any:
        finished: dict[str, Any] = {}
        ends = (self.cursor(rows[0][0]), self.cursor(rows[-1][0])) if rows else (None, None)
        told = {"hasNextPage": more, "hasPreviousPage": began, "startCursor": ends[0], "endCursor": ends[1], "__typename": "PageInfo"}
        for key, each in self.below("CaseloadConnection", nodes).items():
            name = each[0].name.value
            if name == "pageInfo":
                finished[key] = {inner: told[nodes_[0].name.value] for inner, nodes_ in self.below("PageInfo", each).items()}
            elif name == "nodes":
                finished[key] = self.people([number for _, number in rows], each)
            elif name == "edges":
                columns: dict[str, list[Any]] = {}
                for inner, nodes_ in self.below("CaseloadEdge", each).items():
                    word = nodes_[0].name.value
                    if word == "node":
                        columns[inner] = self.people([number for _, number in rows], nodes_)
                    else:
                        columns[inner] = [self.cursor(at) if word == "cursor" else "CaseloadEdge" for at, _ in rows]
                finished[key] = [{inner: column[place] for inner, column in columns.items()} for place in range(len(rows))]
            elif name == "totalCount":
                finished[key] = self.db.execute("SELECT count(*) FROM own_case, asker USING (organisation)").fetchone()[0]
            else:
                finished[key] = "CaseloadConnection"
        return finished

    def _organisation(self, name: str, nodes: list[FieldNode]) -> dict[str, Any]:
        found = self.settings.organisations[name]
        told = {"id": name, "name": found.name.en, "kind": found.kind.value, "website": found.website, "__typename": "Organisation"}
        made = {}
        for key, each in self.below("Organisation", nodes).items():
            word = each[0].name.value
            if word == "named":
                made[key] = getattr(found.name, self._arguments("Organisation", each[0])["language"].lower())
            else:
                made[key] = told[word]
        return made

    # --- people ------------------------------------------------------------------------------------------------------------

    def _single(self, number: int | None, nodes: list[FieldNode]) -> Any:
        if number is None or not self.visible(number):
            return None
        return self.people([number], nodes)[0]

    def visible(self, number: int) -> bool:
        return self.db.execute("SELECT 1 FROM visible WHERE person = ?", (number,)).fetchone() is not None

    def people(self, page: Sequence[int], nodes: list[FieldNode]) -> list[dict[str, Any]]:
        fields = self.below("Person", nodes)
        homes = {key: self._households(page, each) for key, each in fields.items() if each[0].name.value == "household"}
        return [
            {key: homes[key].get(number) if key in homes else self._of_person(number, each) for key, each in fields.items()}
            for number in page
        ]

    def _of_person(self, number: int, nodes: list[FieldNode]) -> Any:
        name = nodes[0].name.value
        if name == "__typename":
            return "Person"
        if name == "id":
            return self.person_id(number)
        below = {"allocations": self._allocations, "received": self._received, "insurance": self._insurance}
        if name in below:
            return below[name](number, nodes)
        if name == "consents":
            return self.books.given(number, nodes)
        if name in ABOUT:
            return UNTOLD
        found = {each: source for each, source, _ in self.db.execute(FIRST, ("person", number))}
        return self._value("person", number, snake(name), found.get(snake(name)))

    def _value(self, entity: str, number: int, name: str, source: str | None) -> Any:
        """The value of the first of a person's entries in a source that has one."""
        if source is None:
            return None
        rows = self.db.execute(
            "SELECT content FROM row AS r JOIN link AS l ON l.source = r.source AND l.person = r.person "
            "WHERE r.entity = ? AND r.person = ? AND r.source = ? "
            "AND (r.key = l.key OR r.entity <> 'person' OR r.source = 'hub') ORDER BY l.nth, r.at",
            (entity, number, source),
        )
        return next((value for (content,) in rows if (value := json.loads(content).get(name)) is not None), None)

    def _insurance(self, number: int, nodes: list[FieldNode]) -> Any:
        fields = self.below("Insurance", nodes)
        wanted = {snake(each[0].name.value) for each in fields.values()} | {"key"}
        settled = {name: source for name, source, _ in self.db.execute(FIRST, ("insurance", number)) if name in wanted}
        with_rows = (
            "SELECT r.source FROM row AS r JOIN source AS s ON s.name = r.source WHERE entity = 'insurance' AND person = ? ORDER BY place"
        )
        there = [source for (source,) in self.db.execute(with_rows, (number,)) if source in settled.values()]
        if not there:
            return None
        told = {"id": self.row_id["insurance"](str(number)), "source": there[0], "__typename": "Insurance"}
        return {
            key: told[word]
            if (word := each[0].name.value) in told
            else self._value("insurance", number, snake(word), settled.get(snake(word)))
            for key, each in fields.items()
        }

    def _given(self, number: int, arguments: Mapping[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]] | None:
        """The allocations of a person that pass the filters: day, source, key and what may be shown of each."""
        may = "SELECT name, source FROM permitted WHERE entity = 'allocation' AND person = ?"
        permitted = set(self.db.execute(may, (number,)))
        if not any(name == "key" for name, _ in permitted):
            return None
        found = []
        for source, key, content in self.db.execute(ALLOCATIONS, (number,)):
            row = {name: value for name, value in json.loads(content).items() if (name, source) in permitted or name == "organisation"}
            day, kind = row.get("allocated_on"), row.get("kind")
            if arguments.get("since") is not None and (day is None or day < arguments["since"]):
                continue
            if arguments.get("kinds") is not None and kind not in arguments["kinds"]:
                continue
            found.append((day or "", source, key, row))
        return found

    def _allocations(self, number: int, nodes: list[FieldNode]) -> Any:
        arguments, fields = self._arguments("Person", nodes[0]), self.below("Allocation", nodes)
        found = self._given(number, arguments)
        if found is None:
            return None
        if arguments["order"] == "NEWEST":
            found.sort(key=lambda each: each[0], reverse=True)
        return [self._allocation(source, key, row, fields) for _, source, key, row in found[: arguments["first"]]]

    def _received(self, number: int, nodes: list[FieldNode]) -> Any:
        """What was given in all: a table of it, and sums over that."""
        found = self._given(number, self._arguments("Person", nodes[0]))
        if found is None:
            return None
        self.db.execute("DROP TABLE IF EXISTS given")
        self.db.execute("CREATE TEMP TABLE given(kind, currency, millionths, day, planned)")
        for _, _, _, row in found:
            if row.get("status") in {"delivered", "planned", None}:
                amount, planned = row.get("amount"), row.get("status") == "planned"
                millionths = None if amount is None else round(amount * 1_000_000)
                at = (row.get("kind"), row.get("currency"), millionths, row.get("allocated_on"), planned)
                self.db.execute("INSERT INTO given VALUES (?, ?, ?, ?, ?)", at)
        fields, made = self.below("Received", nodes), []
        for kind, currency, amount, planned, count, last in self.db.execute(RECEIVED):
            told = {"kind": kind, "currency": currency, "count": count, "lastOn": last, "complete": True, "__typename": "Received"}
            told |= {"amount": None if amount is None else amount / 1e6, "planned": None if planned is None else planned / 1e6}
            made.append({key: told[each[0].name.value] for key, each in fields.items()})
        return made

    def _allocation(self, source: str, key: str, row: Mapping[str, Any], fields: Mapping[str, list[FieldNode]]) -> dict[str, Any]:
        told = {"id": self.row_id["allocation"](f"{source}:{key}"), "source": source, "__typename": "Allocation"}
        made: dict[str, Any] = {}
        for answer, each in fields.items():
            name = each[0].name.value
            if name == "organisation":
                made[answer] = self._organisation(row[name], each) if row.get(name) in self.settings.organisations else None
            else:
                made[answer] = told[name] if name in told else row.get(snake(name))
        return made

    def _households(self, page: Sequence[int], nodes: list[FieldNode]) -> dict[int, Any]:
        fields = self.below("Household", nodes)
        settled: dict[int, dict[str, tuple[int, str]]] = {}
        doubted: set[int] = set()
        offered: set[int] = set()
        for household, first, name, source, _, allowed, linked in self.db.execute(HOUSEHOLD, {"page": json.dumps(list(page))}):
            if name == "key":
                offered.add(household)
            if name in settled.get(household, {}):
                continue
            if allowed and linked:
                settled.setdefault(household, {})[name] = (first, source)
            elif name == "key" and not allowed:
                doubted.add(household)
        homes = dict(
            self.db.execute(
                "SELECT number, household FROM person WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(page)),)
            )
        )
        shown = [
            home for home in dict.fromkeys(homes[each] for each in page) if "key" in settled.get(home, {}) or home in offered - doubted
        ]
        members = {key: self._members(shown, each) for key, each in fields.items() if each[0].name.value == "members"}
        made = {}
        for home in shown:
            told = {"id": self.household_id(home), "__typename": "Household"}
            made[home] = {
                key: members[key][home] if key in members else told[word] if (word := each[0].name.value) in told else None
                for key, each in fields.items()
            }
            for key, each in fields.items():
                first, source = settled.get(home, {}).get(snake(each[0].name.value), (0, None))
                if source is not None and each[0].name.value not in told:
                    made[home][key] = self._value("household", first, snake(each[0].name.value), source)
        return {number: made.get(home) for number, home in homes.items()}

    def _members(self, homes: Sequence[int], nodes: list[FieldNode]) -> dict[int, list[Any]]:
        listed = "SELECT p.number, p.household FROM person AS p JOIN visible AS v ON v.person = p.number WHERE p.household IN "
        rows = self.db.execute(
            f"{listed} (SELECT value FROM json_each(?)) ORDER BY p.household, p.number", (json.dumps(list(homes)),)
        ).fetchall()
        fields = self.below("Person", nodes)
        ages = [key for name in ("birthDate", "birthYear") for key, each in fields.items() if each[0].name.value == name]
        found: dict[int, list[Any]] = {home: [] for home in homes}
        people = self.people([number for number, _ in rows], nodes)
        for (number, home), each in zip(rows, people, strict=True):
            # The oldest first, where ages are shown; else in an order of the requester's own.
            age = str((each[ages[0]] if ages else None) or "unknown")
            found[home].append(((age, self.person_id(number)), each))
        return {home: [member for _, member in sorted(of_home, key=lambda each: each[0])] for home, of_home in found.items()}


def snake(name: str) -> str:
    """`birthDate` as `birth_date`."""
    return re.sub(r"[A-Z]", lambda part: f"_{part[0].lower()}", name)
