"""Consents granted and taken back by the person itself; from the very next request on they are obeyed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from errors import Invalid
from privacy.consent import Consent
from privacy.standing import epoch
from resolvers.gather import moment
from resolvers.room import Room
from values import Category, Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.hub import Hub


class ConsentCommands(Room):
    """A person's own consents."""

    def __init__(self, hub: Hub) -> None:
        """Nothing is kept here."""
        self.hub = hub

    async def grant(self, enquiry: Enquiry, receiver: str, purpose: Purpose, categories: set[Category], ends_at: str) -> dict[str, Any]:
        """Record a person's own consent; the next request obeys it.

        Raises:
            NotPermitted: the requester is not a person.
            Invalid: an unknown receiver, no category, or an end that is not a moment in the next five years.
        """
        self.hub.demand(enquiry, "consent.grant")
        person = enquiry.requester.person
        assert person is not None
        kinds = {f"kind:{each.kind.value}" for each in self.hub.settings.organisations.values()}
        if receiver not in self.hub.settings.organisations and receiver not in kinds:
            raise Invalid("there is no such receiver", "name one of `organisations { id }`, or a class such as kind:ngo", "receiver")
        try:
            ends = datetime.fromisoformat(ends_at)
            ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
        except ValueError:
            raise Invalid("`endsAt` is not a moment", "write it as 2027-01-31T00:00:00Z", "endsAt") from None
        granted = await self.hub.consents.grant(person, receiver, purpose, categories, epoch(ends), epoch(enquiry.now))
        self.hub.watching.consented(granted)
        return consent_row(granted)

    async def withdraw(self, enquiry: Enquiry, consent: str) -> dict[str, Any]:
        """Take a person's own consent back; the next request obeys it.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: no such consent of this person.
        """
        self.hub.demand(enquiry, "consent.withdraw")
        person = enquiry.requester.person
        assert person is not None
        withdrawn = await self.hub.consents.withdraw(consent, person, epoch(enquiry.now))
        self.hub.watching.consented(withdrawn)
        return consent_row(withdrawn)


def consent_row(consent: Consent) -> dict[str, Any]:
    """A consent as the schema shows it."""
    return {
        "id": consent.id,
        "receiver": consent.receiver,
        "purpose": consent.purpose.name,
        "categories": [each.name for each in sorted(consent.categories, key=list(Category).index)],
        "granted_at": moment(datetime.fromtimestamp(consent.granted_at, UTC)),
        "ends_at": moment(datetime.fromtimestamp(consent.ends_at, UTC)),
        "withdrawn_at": moment(datetime.fromtimestamp(consent.withdrawn_at, UTC)) if consent.withdrawn_at is not None else None,
        "receipt": consent.receipt.decode(),
    }
