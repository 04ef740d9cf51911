"""Consent on paper, for people without a telephone: recorded by who witnessed it, told to the person, and ending unless confirmed."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from errors import Invalid, Unknown
from privacy.consent import Grant, Paper
from privacy.standing import DAY
from resolvers.gather import Gathering
from resolvers.identity.consents import Wish, consent_row, instant, moment_in, tell
from resolvers.room import Keys, Room, Shows
from resolvers.want import Field, shaped
from values import Category, Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_.-]{0,39}")
"""How the place of a paper may be named."""

NUMBER = re.compile(r"\D*(\d\D*){9,}")
"""Nine digits and more are a telephone or a national number, not a file's."""


def paper_named(document: str) -> str:
    """A reference to a paper, where it is one.

    Raises:
        Invalid: it is none, or looks like the number of a person.
    """
    if not REFERENCE.fullmatch(document) or NUMBER.fullmatch(document):
        raise Invalid(
            "a paper is referred to by 1 to 40 Latin letters, digits, and / _ . -, and never by a person's number",
            "name the file and page, as CA-2026/17",
            "document",
        )
    return document


class PaperCommands(Room):
    """What was agreed on paper."""

    def __init__(self, hub: Hub) -> None:
        """Name what is watched here."""
        self.hub = hub
        self.watched: dict[str, tuple[Keys, Shows]] = {"consent_witnessed": (self._person, self._witnessed)}

    async def witness(self, enquiry: Enquiry, person: str, document: str, wish: Wish, key: str | None = None) -> dict[str, Any]:
        """Record what an own case agreed to on paper, with the requester's organisation as witness and receiver.

        It holds at once, and no longer than `paper_days` unless the person confirms it.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the person is no own case of the requester's organisation.
            Invalid: a reference that cannot be, an end that is no moment, or what goes beyond the ceiling of the purpose.
        """
        self.hub.demand(enquiry, "consent.witness")
        organisation = enquiry.requester.organisation or ""
        paper_named(document)
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, person)
        people = await self.hub.standing.of(enquiry, [number or 0])
        if number is None or number not in people.own:
            raise Unknown("the organisation has no such case", "use the `id` of a person of its case load")
        wished = moment_in(wish.ends_at, "endsAt")

        async def work(change: Change) -> dict[str, Any]:
            ends_at = min(wished, change.now + self.hub.consents.rules.paper_days * DAY)
            paper = Paper(organisation, document, wished)
            grant = Grant(organisation, enquiry.purpose, wish.categories, ends_at, wish.terms, paper)
            given = await self.hub.consents.give(change, number, grant, change.now)
            await change.step(f"consent:{given.id}", "witness", "granted", f"on paper, {document}")
            tell(change, given)
            change.tell("consent_witnessed", str(number), {"id": given.id})
            categories = [each.name for each in Category if each in given.categories]
            return {"person": person, "categories": categories, "document": document, "ends_at": instant(ends_at)}

        return await self.hub.writing.run(enquiry, "consent.witness", work, key=key, content=[person, document, *wish.content()])

    async def confirm(self, enquiry: Enquiry, consent: str, key: str | None = None) -> dict[str, Any]:
        """The person stands by what a witness recorded: it now holds as long as the paper says.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: no such consent of this person.
            Conflict: it does not wait to be confirmed.
        """
        self.hub.demand(enquiry, "consent.grant")
        person = enquiry.requester.person
        assert person is not None

        async def work(change: Change) -> dict[str, Any]:
            confirmed = await self.hub.consents.confirm(change, consent, person, change.now)
            await change.step(f"consent:{confirmed.id}", "confirm", "granted")
            return consent_row(confirmed)

        return await self.hub.writing.run(enquiry, "consent.confirm", work, key=key, content=[consent])

    def _person(self, enquiry: Enquiry) -> Hashable:
        self.hub.demand(enquiry, "consent.grant")
        return str(enquiry.requester.person)

    async def _witnessed(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        person = gathering.enquiry.requester.person
        assert person is not None
        given = [each for each in await self.hub.consents.of(person) if each.id == news["id"]]
        return shaped(field.want, consent_row(given[0])) if given else None
