"""Consents as those see them who hold them: what they may do until when, and that a person has taken one back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Invalid
from privacy.standing import live_values
from resolvers.events import NOTHING
from resolvers.gather import Gathering
from resolvers.room import Answers, Keys, Pushes, Room, Shows, page_size
from resolvers.want import Field, shaped
from tables.identity import consent, own_case
from values import Category, ConsentMode, Enquiry, Purpose, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub


class HeldConsents(Room):
    """Consents towards the requester's organisation."""

    def __init__(self, hub: Hub) -> None:
        """Name what is answered, watched and sent from here."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"consents_held": self.held}
        self.watched: dict[str, tuple[Keys, Shows]] = {"consent_ended": (self._organisation, self._ended)}
        self.pushed: dict[str, Pushes] = {"consent_ended": self._push}
        its_own = sa.exists().where(
            own_case.c.organisation == sa.bindparam("receiver", type_=sa.Text), own_case.c.person == consent.c.person
        )
        columns = (consent.c.id, consent.c.person, consent.c.categories, consent.c.granted_at, consent.c.ends_at)
        terms = (consent.c.mode, consent.c.keep_days, consent.c.uses, consent.c.period_days, consent.c.witness, consent.c.confirmed_at)
        # Of a class, only own cases: whoever consented to all NGOs did not ask to be listed for each.
        self._held = hub.database.prepare(
            sa.select(*columns, *terms)
            .where(
                sa.or_(
                    consent.c.receiver == sa.bindparam("receiver", type_=sa.Text),
                    sa.and_(consent.c.receiver == sa.bindparam("receiver_class", type_=sa.Text), its_own),
                ),
                consent.c.purpose == sa.bindparam("purpose"),
                consent.c.ends_at > sa.bindparam("now"),
                consent.c.withdrawn_at.is_(None),
                consent.c.granted_at > sa.bindparam("granted_after"),
                consent.c.id > sa.bindparam("after"),
            )
            .order_by(consent.c.id)  # random: neither the order of granting nor of people
            .limit(sa.bindparam("first"))
        )

    async def held(self, gathering: Gathering, field: Field) -> Any:
        """The consents in force towards the requester's organisation for this purpose, some at a time.

        Raises:
            NotPermitted: the requester may not.
            Invalid: a page that cannot be, or a cursor of somebody else.
        """
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "consent.held")
        arguments = field.arguments(gathering.variables)
        first, receiver, after = page_size(self.hub, arguments["first"]), enquiry.requester.receiver, b""
        if arguments.get("after") is not None:
            opened = self.hub.pseudonyms.unseal(receiver, "consents", str(arguments["after"]))
            if opened is None:
                raise Invalid("this cursor is not one of this requester's", "start again without `after`", "after")
            after = opened
        values = live_values(enquiry, self.hub.consents.rules)
        rows = await self.hub.database.fetch(self._held, {**values, "after": after.decode(), "first": first}, rows=first)
        made = self.hub.identifier(enquiry, "person")
        mask = self.hub.consents.rules.ceiling(enquiry.purpose).mask
        found = []
        for id_, person, stored, granted_at, ends_at, mode, keep_days, uses, period_days, witness, confirmed_at in rows:
            found.append(
                {
                    "cursor": self.hub.pseudonyms.seal(receiver, "consents", id_.encode()),
                    "person": made(person),
                    "purpose": enquiry.purpose.name,
                    "categories": [each.name for each in Category if stored & mask & each.bit],
                    "granted_on": day(granted_at),
                    "ends_on": day(ends_at),
                    "mode": ConsentMode(mode).name,
                    "keep_days": keep_days,
                    "frequency": None if uses is None else {"times": uses, "in_days": period_days},
                    "witnessed": witness is not None and confirmed_at is None,
                }
            )
        if rows:
            gathering.shown.append(Shown(("HeldConsent.person",), (), tuple(dict.fromkeys(row[1] for row in rows)), ""))
        return shaped(field.want, found)

    # --- taken back ----------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> Hashable:
        self.hub.demand(enquiry, "consent.held")
        return enquiry.requester.organisation

    async def _ended(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        enquiry = gathering.enquiry
        if news["purpose"] != enquiry.purpose.value:
            return NOTHING
        found = await self._push(gathering, enquiry.requester.organisation or "", news)
        if found is None:
            return NOTHING
        names = {"purpose": Purpose(found["purpose"]).name, "mode": ConsentMode(found["mode"]).name}
        return shaped(field.want, {**found, **names, "categories": [Category(each).name for each in found["categories"]]})

    async def _push(self, gathering: Gathering, organisation: str, news: Mapping[str, Any]) -> dict[str, Any] | None:
        """What an organisation is told of a consent taken back; of a class of receivers, only those who used it or know the person."""
        number = int(news["person"])
        enquiry = gathering.enquiry
        if news["receiver"] != organisation and not await self._used(enquiry, number, int(news["granted_at"])):
            return None
        gathering.shown.append(Shown(("ConsentEnded.person",), (), (number,), ""))
        return {
            "person": self.hub.identifier(enquiry, "person")(number),
            "purpose": news["purpose"],
            "categories": news["categories"],
            "mode": news["mode"],
        }

    async def _used(self, enquiry: Enquiry, number: int, since: int) -> bool:
        if (await self.hub.standing.of(enquiry, [number])).own:
            return True
        organisation = enquiry.requester.organisation
        entries = await self.hub.record.of_person(
            number, 1, None, lambda disclosure: disclosure.organisation == organisation, datetime.fromtimestamp(since, UTC)
        )
        return bool(entries)


def day(seconds: int) -> str:
    """The day of a stored moment: two receivers of one class shall not tell a person by the second in which it consented."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
