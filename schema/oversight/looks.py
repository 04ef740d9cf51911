"""Who looked: what was withheld and why, the disclosures as a person reads them, and the tree that anyone may hold the record to."""

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from schema.access import Instant, plain
from schema.roots import query, subscription
from values import Category, Level, Purpose, Reason


@plain(Level.PARTNER, "An attribute that is not shown, why, and what could be done.")
class Withheld:
    """One line of a person's `withheld`."""

    attribute: str = strawberry.field(description="The field, as `Person.birthDate`.")
    reason: Reason = strawberry.field(description="Why; depends on requester, purpose, consent and selection, never on the value.")
    remedy: str = strawberry.field(description="What the requester could do about it.")


@plain(Level.PARTNER, "Where a shown attribute came from.")
class Provenance:
    """One line of a person's `provenance`."""

    attribute: str = strawberry.field(description="The field, as `Person.sex`.")
    source: str = strawberry.field(description="The source it was read from.")
    as_of: Instant = strawberry.field(description="When the source's data were true, as far as it tells.")


class LookManner(StrEnum):
    """How a look came about."""

    ORDINARY = "ordinary"
    OWN = "own"
    BY_GUARDIAN = "by_guardian"
    BREAK_GLASS = "break_glass"


strawberry.enum(LookManner, name="LookManner", description="How a look came about.")


@plain(Level.SEALED, "One look at a person's data: who, when, why, what.")
class Disclosure:
    """An entry of the disclosure record, as the person reads it."""

    id: strawberry.ID = strawberry.field(description="The entry's number in the record.")
    at: Instant = strawberry.field(description="When.")
    organisation: str | None = strawberry.field(description="The receiving organisation.")
    role: str = strawberry.field(description="The role of who looked.")
    purpose: str = strawberry.field(description="Why.")
    attributes: list[str] = strawberry.field(description="Which fields were shown.")
    categories: list[Category] = strawberry.field(description="The categories of these fields.")
    sources: list[str] = strawberry.field(description="Which sources they came from.")
    grounds: list[str] = strawberry.field(description="On which grounds, as the glossary has them.")
    manner: LookManner = strawberry.field(description="How it came about.")
    hidden_until: Instant | None = strawberry.field(description="Until when the law had it hidden from the person, if so.")
    hidden_basis: str | None = strawberry.field(description="By which law it was hidden.")
    proof: str | None = strawberry.field(description="Proof as JSON that this entry is in the tree of the newest head.")


def disclosure(row: dict[str, Any]) -> Disclosure:
    """A look as the answer of a mutation has it."""
    return Disclosure(**{**row, "categories": [Category[each] for each in row["categories"]], "manner": LookManner[row["manner"]]})


@strawberry.input(description="Which looks to list; what is left out does not restrict.")
class DisclosureFilter:
    """All of them together."""

    since: Instant | None = strawberry.field(default=None, description="At this moment or later.")
    until: Instant | None = strawberry.field(default=None, description="Before this moment.")
    receiver: str | None = strawberry.field(default=None, description="Of this organisation.")
    purpose: Purpose | None = strawberry.field(default=None, description="For this purpose.")
    category: Category | None = strawberry.field(default=None, description="At fields of this category.")


@plain(Level.OPEN, "A signed head of the Merkle tree over the disclosure record, after RFC 9162.")
class TreeHead:
    """What a monitor keeps."""

    size: strawberry.ID = strawberry.field(description="How many entries the tree holds.")
    root: str = strawberry.field(description="The root's SHA-256 in hexadecimal digits.")
    at: Instant = strawberry.field(description="When it was signed.")
    checkpoint: str = strawberry.field(description="Name, size, root, time and Ed25519 signature as one text, after C2SP tlog-checkpoint.")
    verifier_key: str = strawberry.field(description="The public key that verifies it; note it once, from somewhere else.")


@plain(Level.OPEN, "The proof that one tree continues another (RFC 9162, 2.1.4).")
class TreeConsistency:
    """What a monitor asks for between two heads."""

    hashes: list[str] = strawberry.field(description="SHA-256 hashes in hexadecimal digits, in the order of RFC 9162.")


@strawberry.type
class Query:
    """The record's tree."""

    @query("The newest signed head of the record's tree, or that of a size; open to anyone.")
    def tree_head(
        self, size: Annotated[int | None, strawberry.argument(description="That of a tree of so many entries.")] = None
    ) -> TreeHead | None: ...

    @query("The proof that the tree of one head continues that of another; open to anyone.")
    def tree_consistency(
        self,
        first: Annotated[strawberry.ID, strawberry.argument(description="The size of the earlier head.")],
        second: Annotated[strawberry.ID, strawberry.argument(description="The size of the later head.")],
    ) -> TreeConsistency | None: ...


@strawberry.type
class Subscription:
    """Looks as they happen."""

    @subscription(
        "A look at the subscriber's own data as it enters the record; for the person alone, its own looks left out.", "disclosures.watch"
    )
    async def disclosed(self) -> AsyncGenerator[Disclosure | None, None]: ...
