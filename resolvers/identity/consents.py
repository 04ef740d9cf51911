"""Consents granted and taken back by the person itself; from the very next request on they are obeyed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from errors import Invalid
from privacy.consent import AS_NEEDED, Consent, Grant, Terms
from privacy.standing import epoch
from resolvers.gather import moment
from resolvers.room import Room
from values import Category, Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants to agree to: with whom, why, what, until when, and on which terms."""

    receiver: str
    purpose: Purpose
    categories: frozenset[Category]
    ends_at: str
    terms: Terms = AS_NEEDED

    def content(self) -> list[Any]:
        """The same as plain JSON values, by which a repeated request is known."""
        terms = self.terms
        categories = sorted(self.categories)
        return [self.receiver, self.purpose, categories, self.ends_at, terms.mode, terms.keep_days, terms.uses, terms.period_days]


class ConsentCommands(Room):
    """A person's own consents."""

    def __init__(self, hub: Hub) -> None:
        """Nothing is kept here."""
        self.hub = hub

    async def grant(self, enquiry: Enquiry, wish: Wish, key: str | None = None) -> dict[str, Any]:
        """Record a person's own consent; the next request obeys it.

        Raises:
            NotPermitted: the requester is not a person.
            Invalid: an unknown receiver, no category, an end that is no moment, or what goes beyond the ceiling of the purpose.
            Conflict: the idempotency key was used for something else.
        """
        self.hub.demand(enquiry, "consent.grant")
        person = enquiry.requester.person
        assert person is not None
        self.receiver(wish.receiver)
        ends_at = moment_in(wish.ends_at, "endsAt")

        async def work(change: Change) -> dict[str, Any]:
            guardianship = enquiry.requester.guardianship
            wanted = Grant(wish.receiver, wish.purpose, wish.categories, ends_at, wish.terms, guardianship=guardianship)
            given = await self.hub.consents.give(change, person, wanted, change.now)
            await change.step(f"consent:{given.id}", "grant", "granted")
            tell(change, given)
            return consent_row(given)

        return await self.hub.writing.run(enquiry, "consent.grant", work, key=key, content=wish.content())

    async def withdraw(self, enquiry: Enquiry, consent: str, key: str | None = None) -> dict[str, Any]:
        """Take a person's own consent back; the next request obeys it, and whoever held it is told.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: no such consent of this person.
            Conflict: the idempotency key was used for something else.
        """
        self.hub.demand(enquiry, "consent.withdraw")
        person = enquiry.requester.person
        assert person is not None

        async def work(change: Change) -> dict[str, Any]:
            ended, now = await self.hub.consents.end(change, consent, person, change.now)
            if now:
                await change.step(f"consent:{ended.id}", "withdraw", "withdrawn")
                await self.hub.oversight.openings.ended(change, f"consent:{ended.id}", "take_back")
                tell(change, ended)
            return consent_row(ended)

        return await self.hub.writing.run(enquiry, "consent.withdraw", work, key=key, content=[consent])

    def receiver(self, name: str) -> None:
        """Go on only where a receiver is an organisation or a class that has one.

        Raises:
            Invalid: it is not.
        """
        kinds = {f"kind:{each.kind.value}" for each in self.hub.organisations.values()}
        if name not in self.hub.organisations and name not in kinds:
            raise Invalid("there is no such receiver", "name one of `organisations { id }`, or a class such as kind:ngo", "receiver")


def tell(change: Change, consent: Consent) -> None:
    """Have those told who act on a consent: its receiver, of the case and, where it ended, that it did."""
    concerned = {"person": consent.person, "purpose": consent.purpose.value}
    change.tell("case_consented", consent.receiver, concerned)
    if consent.withdrawn_at is not None:
        categories = [each.value for each in Category if each in consent.categories]
        more = {"categories": categories, "mode": consent.mode.value, "receiver": consent.receiver, "granted_at": consent.granted_at}
        change.tell("consent_ended", consent.receiver, {**concerned, **more})


def moment_in(text: str, field: str) -> int:
    """Seconds since 1970 of a moment somebody wrote; without an offset it is UTC.

    Raises:
        Invalid: it is no moment.
    """
    try:
        read = datetime.fromisoformat(text)
        return epoch(read if read.tzinfo else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise Invalid(f"`{field}` is not a moment", "write it as 2027-01-31T00:00:00Z", field) from None


def instant(seconds: int | None) -> str | None:
    """A stored moment as the schema shows it."""
    return None if seconds is None else moment(datetime.fromtimestamp(seconds, UTC))


def consent_row(consent: Consent) -> dict[str, Any]:
    """A consent as the schema shows it."""
    return {
        "id": consent.id,
        "receiver": consent.receiver,
        "purpose": consent.purpose.name,
        "categories": [each.name for each in sorted(consent.categories, key=list(Category).index)],
        "granted_at": instant(consent.granted_at),
        "ends_at": instant(consent.ends_at),
        "withdrawn_at": instant(consent.withdrawn_at),
        "mode": consent.mode.name,
        "keep_days": consent.keep_days,
        "frequency": None if consent.uses is None else {"times": consent.uses, "in_days": consent.period_days},
        "witness": consent.witness,
        "document": consent.document,
        "confirmed_at": instant(consent.confirmed_at),
        "waits": consent.wished_ends_at is not None and consent.confirmed_at is None and consent.withdrawn_at is None,
        "receipt": consent.receipt.decode(),
    }
