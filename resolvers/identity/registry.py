"""What a registry knows of somebody who is at the door: the hub's own ask, for verifying identity and nothing else.

It goes the way of every ask: the rules decide for the enrolment office, the plan asks the source for the four particulars alone, and the
look stands in the disclosure record for its person to read. For a number that nobody has, the source is asked all the same, for a key
that it does not have: who applies cannot tell by answer or work whether there is such a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from errors import Invalid, NotPermitted
from privacy.links import Keys
from privacy.standing import People
from resolvers.gather import Gathering
from resolvers.want import Field, Want
from stanzas import Enrolment
from tables.identity import identifier
from values import Enquiry, Purpose, Requester, Role, Scheme

if TYPE_CHECKING:
    from resolvers.hub import Hub

PARTICULARS: Final = ("name", "mother_name", "birth_date", "birth_year", "living")
"""What is compared; nothing of it is kept."""

WANT: Final = Want("Person", tuple(Field(name, name) for name in PARTICULARS))

NOBODY = "000000000000"
"""A key that no registry gives: asked for where there is nobody to ask about."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the registry keeps of the person with a number; all None where it has nobody, or did not answer.

    `failed` says that it did not answer; `blind` is the keyed hash of the number.
    """

    blind: bytes
    person: int | None
    failed: bool
    name: str | None = None
    mother_name: str | None = None
    birth_date: str | None = None
    birth_year: int | None = None
    living: bool | None = None


class Registry:
    """Asks the one registry that `hub.toml` names for enrolment."""

    def __init__(self, hub: Hub) -> None:
        """Prepare the one statement there is."""
        self.hub = hub
        self._by_blind = hub.database.prepare(sa.select(identifier.c.person).where(identifier.c.blind == sa.bindparam("blind")))

    def settings(self) -> Enrolment:
        """How people enrol here.

        Raises:
            NotPermitted: nobody does.
        """
        found = self.hub.settings.hub.enrolment
        if found is None:
            raise NotPermitted("this hub enrols nobody", "its operator names a registry in [hub.enrolment]")
        return found

    def blind(self, scheme: Scheme, number: str) -> bytes:
        """The keyed hash of a number.

        Raises:
            Invalid: it cannot be read; it is not repeated.
        """
        try:
            return self.hub.blinder.blind(scheme, number)
        except ValueError as error:
            raise Invalid(f"this is not a {scheme.value.replace('_', ' ')}", str(error), "number") from None

    async def look(self, blind: bytes, now: datetime) -> Kept:
        """Ask the registry about the person whose number has this hash.

        Raises:
            NotPermitted: nobody enrols here.
            RecordError: the look could not be recorded; it counts as never made.
        """
        rows = await self.hub.database.fetch(self._by_blind, {"blind": blind})
        return await self.of(rows[0][0] if rows else None, blind, now)

    async def of(self, person: int | None, blind: bytes, now: datetime) -> Kept:
        """Ask the registry about a person of the hub's, or about nobody with the same work.

        Raises:
            NotPermitted: nobody enrols here.
            RecordError: the look could not be recorded; it counts as never made.
        """
        settings = self.settings()
        number = person or 0
        keys = (await self.hub.links.keys([settings.source], [number]))[settings.source]
        if number not in keys.key:
            number, keys = 0, Keys({0: NOBODY}, {}, {NOBODY: 0})
        enquiry = self._enquiry(settings, now)
        plan = self.hub.plan(WANT, enquiry)
        people = People([number], keys={**{source: Keys() for source in plan.sources}, settings.source: keys})
        gathering = Gathering(self.hub, enquiry)
        (found,) = await gathering.people(plan, people)
        await self.hub.disclose(gathering)
        if gathering.faults or not gathering.asks:
            return Kept(blind, None, failed=True)
        known = number != 0 and found["name"] is not None
        return Kept(blind, person if known else None, False, **{name: found[name] for name in PARTICULARS})

    def _enquiry(self, settings: Enrolment, now: datetime) -> Enquiry:
        office = self.hub.organisations[settings.office]
        purposes = tuple(each for each in office.purposes if each is Purpose.IDENTITY_VERIFICATION)
        requester = Requester("enrolment", Role.REGISTRAR, settings.office, settings.office, office.kind, office.verified, purposes)
        return Enquiry(requester, Purpose.IDENTITY_VERIFICATION, now)
