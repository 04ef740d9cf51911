"""The same cases as on every wire, kept by a subgraph of a federation: a GraphQL server that gives entities by key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.asgi import GraphQL

from tests.wires import GIVEN_COLUMNS, PERSON_COLUMNS, RAW_GIVEN, RAW_PEOPLE, Wire, gate_of, served, stanza

GIVERS = {1: ("N-1", "عون"), 2: ("N-2", "Aid of the North"), 3: ("N-1", "عون")}
"""Who gave what is numbered so; of the others nobody knows."""


@strawberry.federation.type
class Giver:
    """Has no key: it can be reached through what it gave alone."""

    code: str
    title: str


@strawberry.federation.type
class Handout:
    number: int
    type: str
    programme: str | None
    minor: int
    currency: str
    given_on: str | None
    giver: Giver | None

    @strawberry.field
    def doubtful(self) -> str | None:
        """A field that fails for one row."""
        if self.number == 2:
            raise GraphQLError("Zaynab-al-Juburi-1988")
        return "sure"


@strawberry.federation.type
class Card:
    number: str | None
    line: str | None


@strawberry.federation.type(keys=["caseNo"])
class Case:
    case_no: strawberry.ID
    first_name: str
    family_name: str | None
    sex: str
    born: str | None
    members: int | None
    score: float | None
    living: bool | None
    card: Card
    family_no: str | None

    @strawberry.field
    def aid(self) -> list[Handout]:
        """What the case received, as recorded."""
        return [_handout(row) for row in RAW_GIVEN if row[1] == self.case_no]

    @strawberry.field
    def last(self) -> Handout | None:
        """The last of it; a case may have none."""
        return next((_handout(row) for row in RAW_GIVEN[::-1] if row[1] == self.case_no), None)

    @classmethod
    def resolve_reference(cls, caseNo: str) -> Case | None:  # noqa: N803 — strawberry hands the representation on as it came
        """One case by its key; one number fails, for itself alone."""
        if caseNo == "broken":
            raise GraphQLError("Zaynab-al-Juburi-1988")
        return next((_case(row) for row in RAW_PEOPLE if row[0] == caseNo), None)


def _case(row: Any) -> Case:
    found = dict(zip(PERSON_COLUMNS, row, strict=True))
    card = Card(number=found.pop("card"), line=found.pop("card_line"))
    return Case(**found, card=card)


def _handout(row: Any) -> Handout:
    found = dict(zip(GIVEN_COLUMNS, row, strict=True))
    found.pop("case_no")
    giver = GIVERS.get(found["number"])
    return Handout(**found, giver=Giver(code=giver[0], title=giver[1]) if giver else None)


@strawberry.type
class Query:
    @strawberry.field
    def all_cases(self, first: int, after: strawberry.ID | None = None) -> list[Case]:
        """A plain list that goes on after a key, as many subgraphs have it; never more than four at once."""
        start = next((place for place, row in enumerate(RAW_PEOPLE, 1) if row[0] == after), 0)
        return [_case(row) for row in RAW_PEOPLE[start : start + min(first, 4)]]


def subgraph_app() -> Any:
    """The subgraph."""
    return GraphQL(strawberry.federation.Schema(query=Query), graphql_ide=None)


def subgraph_stanza(url: str, **more: Any) -> dict[str, Any]:
    """The stanza of the cases as a subgraph: people from a list, what they received from below them."""
    made = stanza("graphql", url, "allCases", "allCases", camel=True, page_size=2, **more)
    person, given = made["entities"]["person"], made["entities"]["allocation"]
    person["identifiers"]["ration_card"] = ["card.number", "card.line"]
    given["key"] = "aid.number"
    given["attributes"] = {
        name: {**mapped, "column": f"aid.{mapped['column']}"} if isinstance(mapped, dict) else f"aid.{mapped}"
        for name, mapped in given["attributes"].items()
    } | {"organisation": "aid.giver.code", "organisation.name": "aid.giver.title"}
    made["options"] = {"type": "Case", "rows": "", "cursor": "caseNo", "place": "ID", "allocation.below": "aid"}
    return made


@asynccontextmanager
async def subgraph() -> AsyncIterator[Wire]:
    """A subgraph on a socket, asked for two keys at a time."""
    with served(subgraph_app()) as url:
        gate = gate_of(subgraph_stanza(url))
        await gate.open()
        yield Wire("subgraph", gate)
        await gate.close()
