"""Who looked: a person's own view of the disclosure record, what is told as it happens, and the record's tree for anyone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from errors import Invalid, NotPermitted
from privacy.record import Keeps
from privacy.standing import epoch
from resolvers.events import NOTHING
from resolvers.gather import Gathering, moment
from resolvers.oversight.hiding import Order, hides, was_hidden
from resolvers.oversight.matters import at, instant
from resolvers.room import Answers, Keys, Room, Shows, page_size
from resolvers.want import Field, shaped
from values import Category, Condition, Disclosure, Enquiry, Purpose, Role, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub


class Looks(Room):
    """The disclosure record as a person reads it, and what anyone may hold it to."""

    def __init__(self, hub: Hub) -> None:
        """Name the root fields answered here."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"tree_head": self.head, "tree_consistency": self.consistency}
        self.watched: dict[str, tuple[Keys, Shows]] = {"disclosed": (self._person, self._disclosed)}

    # --- the tree ------------------------------------------------------------------------------------------------

    async def head(self, gathering: Gathering, field: Field) -> Any:
        """The newest signed head of the record's tree, or that of a size; None where there is none."""
        assert field.want is not None
        size = field.arguments(gathering.variables).get("size")
        head = await self.hub.record.tree.head(size)
        if head is None:
            return None
        found = {
            "size": str(head.size),
            "root": head.root.hex(),
            "at": moment(datetime.fromtimestamp(head.at, UTC)),
            "checkpoint": head.checkpoint,
            "verifier_key": self.hub.record.tree.verifier(head.key_version),
        }
        return shaped(field.want, found)

    async def consistency(self, gathering: Gathering, field: Field) -> Any:
        """The hashes that prove one tree to continue another.

        Raises:
            Invalid: the sizes are not of two trees.
        """
        arguments = field.arguments(gathering.variables)
        sizes = []
        for name in ("first", "second"):
            if not str(arguments[name]).isdecimal():
                raise Invalid(f"`{name}` is not the size of a tree", "take it from a head that was published", name)
            sizes.append(int(arguments[name]))
        assert field.want is not None
        return shaped(field.want, {"hashes": [each.hex() for each in await self.hub.record.tree.consistent(*sizes)]})

    # --- the person's view ---------------------------------------------------------------------------------------

    async def of_person(self, gathering: Gathering, field: Field, number: int) -> Any:
        """A page of the looks at a person, newest first.

        Raises:
            Invalid: a page, cursor or filter that is none.
        """
        assert field.want is not None
        arguments = field.arguments(gathering.variables)
        before = str(arguments["before"]) if arguments.get("before") is not None else None
        if before is not None and not (before.isdecimal() and len(before) < 19):
            raise Invalid("`before` is not the id of a disclosure", "give the `id` of the last one read", "before")
        first = page_size(self.hub, arguments["first"])
        since, keeps = self._filter(arguments.get("filter") or {})
        orders, now = await self.hub.oversight.hiding.of_person(number), epoch(gathering.enquiry.now)

        def shows(look: Disclosure) -> bool:
            return keeps(look) and not hides(orders, look, now)

        entries = await self.hub.record.of_person(number, first, int(before) if before else None, shows, since)
        found = disclosure_rows(self.hub, [(entry, each, each.shown) for entry, each in entries], orders)
        if field.want.first("proof") is not None:
            await self._prove(found, number)
        return shaped(field.want, found)

    async def _prove(self, rows: Iterable[dict[str, Any]], person: int) -> None:
        await self.hub.record.tree.grow()
        await self.hub.record.tree.sign()
        for row in rows:
            made = await self.hub.record.tree.proof(int(row["id"]), person)
            row["proof"] = None if made is None else orjson.dumps(made).decode()

    def _filter(self, wanted: Mapping[str, Any]) -> tuple[datetime | None, Keeps]:
        """Since when to look, and which to keep."""
        since, until = (instant(wanted[name], name) if wanted.get(name) is not None else None for name in ("since", "until"))
        receiver, purpose, category = wanted.get("receiver"), wanted.get("purpose"), wanted.get("category")

        def keeps(disclosure: Disclosure) -> bool:
            return (
                (until is None or disclosure.at < until)
                and (receiver is None or disclosure.organisation == receiver)
                and (purpose is None or disclosure.purpose is Purpose(purpose))
                and (category is None or Category(category) in categories_of(self.hub, disclosure.shown))
            )

        return since, keeps

    # --- news ----------------------------------------------------------------------------------------------------

    def _person(self, enquiry: Enquiry) -> int:
        if enquiry.requester.person is None or not self.hub.may(enquiry, "disclosures.watch"):
            raise NotPermitted("only a person may watch who looks at its data", "use the person's own credential")
        return enquiry.requester.person

    async def _disclosed(self, gathering: Gathering, field: Field, news: tuple[int, Disclosure]) -> Any:
        person = gathering.enquiry.requester.person
        assert person is not None
        assert field.want is not None
        number, disclosure = news
        if hides(await self.hub.oversight.hiding.of_person(person), disclosure, epoch(gathering.enquiry.now)):
            return NOTHING
        shown = [part for part in disclosure.shown if person in part.people]
        gathering.shown.append(Shown(("person.id",), (), (person,), Condition.SELF.value))
        return shaped(field.want, disclosure_rows(self.hub, [(number, disclosure, shown)])[0])


def categories_of(hub: Hub, parts: Iterable[Shown]) -> list[Category]:
    """The categories of everything shown, in the order of their list."""
    found = set()
    for coordinate in {name for part in parts for name in part.coordinates}:
        entity, _, name = coordinate.partition(".")
        kind = hub.catalogue.entities.get(entity)
        attribute = None if kind is None else kind.attributes.get(name) or kind.relations.get(name)
        if attribute is not None and attribute.category is not None:
            found.add(attribute.category)
    return sorted(found, key=list(Category).index)


def manner(disclosure: Disclosure, parts: Iterable[Shown]) -> str:
    """How a look came about, for who reads it."""
    grounds = {ground for part in parts for ground in part.grounds.split()}
    if Condition.BREAK_GLASS.value in grounds:
        return "BREAK_GLASS"
    if disclosure.role is Role.GUARDIAN:
        return "BY_GUARDIAN"
    return "OWN" if disclosure.role in {Role.PERSON, Role.NEWCOMER} else "ORDINARY"


def disclosure_rows(
    hub: Hub, entries: Iterable[tuple[int, Disclosure, Sequence[Shown]]], orders: Sequence[Order] = ()
) -> list[dict[str, Any]]:
    """Entries of the record as the schema shows them, each reduced to the parts that concern its reader.

    `orders` are those that hid some of them until now.
    """
    return [
        {
            "hidden_until": None if (order := was_hidden(orders, each)) is None else at(order.ends_at),
            "hidden_basis": None if order is None else order.basis,
            "id": str(number),
            "at": moment(each.at),
            "organisation": each.organisation,
            "role": each.role.value,
            "purpose": each.purpose.value,
            "attributes": sorted({hub.public_name(name) for shown in parts for name in shown.coordinates}),
            "categories": [category.name for category in categories_of(hub, parts)],
            "sources": sorted({name for shown in parts for name in shown.sources}),
            "grounds": sorted({ground for shown in parts for ground in shown.grounds.split()}),
            "manner": manner(each, parts),
            "proof": None,
        }
        for number, each, parts in entries
    ]
