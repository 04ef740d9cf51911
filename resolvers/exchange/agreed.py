"""What people agreed to on paper: a referral, for who has no device to agree with; witnessed by the sender, ending unless stood by.

The receiver witnesses nothing: it would gain the case. And the sender does so for its own cases only, of whom it gains nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Stale, Unknown
from resolvers.exchange.referrals import Referrals, nothing
from resolvers.governance.register import own_organisation
from resolvers.identity.paper import paper_named
from resolvers.oversight.matters import DAY
from resolvers.room import Duty, Room
from tables.exchange.referrals import referral
from values import PUBLIC, Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

PAUSE_SECONDS: Final = 3_600
MOST: Final = 100
"""Ended in one transaction."""


class Agreements(Room):
    """Records agreements on paper, and ends those that nobody stood by."""

    def __init__(self, hub: Hub, referrals: Referrals) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.referrals = referrals
        self.duties: dict[str, Duty] = {"papers": self._attend}
        over = sa.select(referral.c.id).where(referral.c.paper_until <= sa.bindparam("now"))
        self._over = hub.database.prepare(over.order_by(referral.c.paper_until, referral.c.id).limit(MOST))

    async def witness(self, enquiry: Enquiry, which: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Record that a person whom one referred agreed to it on paper.

        Raises:
            NotPermitted: the requester may not refer.
            Invalid: a reference to a paper that is none.
            Unknown: no such referral of this organisation, under this purpose; or the person is no own case of it.
            Stale: it moved since it was read.
            Conflict: the person agreed before, or it is over.
        """
        self.hub.demand(enquiry, "referral.send")
        own, document = own_organisation(enquiry), paper_named(str(given["document"]))
        number = self.referrals.number(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            row = await self.referrals.held(change, number)
            if row is None or row.sender != own or row.purpose != enquiry.purpose.value:
                raise nothing()
            if row.version != given["version"]:
                raise Stale("the referral moved since it was read", "read it again, and repeat with its new version", "version")
            if row.person not in (await self.hub.standing.of(enquiry, [row.person])).own:
                raise Unknown("the organisation has no such case", "it witnesses for people of its own case load", "referral")
            if row.stands(change.now) not in {"sent", "accepted"} or row.agreed_at is not None:
                raise Conflict("there is nothing to agree to any more", "see `referrals(sent: true)`")
            until = change.now + self.hub.consents.rules.paper_days * DAY
            agreed = replace(row, agreed_at=change.now, document=document, paper_until=until, version=row.version + 1)
            after = await self.referrals.admitted(change, agreed)
            await self.referrals.keep(change, after, "witness", f"on paper, {document}")
            return self.referrals.common(enquiry, after, change.now)

        content = [number, given["version"], document]
        return await self.hub.writing.run(enquiry, "referral.witness", work, key=given["idempotency_key"], content=content)

    async def end(self, now: datetime) -> int:
        """End what is agreed on paper alone and too old, with the cases it made; gives how much it was."""
        enquiry, count = Enquiry(PUBLIC, Purpose.STATISTICS, now), 0
        for (number,) in await self.hub.database.fetch(self._over, {"now": int(now.timestamp())}, rows=MOST):

            async def work(change: Change, number: int = number) -> dict[str, Any]:
                row = await self.referrals.held(change, number)
                if row is None or row.paper_until is None or row.paper_until > change.now:
                    return {"count": 0}
                after = replace(await self.referrals.let_go(change, row), agreed_at=None, paper_until=None, version=row.version + 1)
                await self.referrals.keep(change, after, "paper_end")
                return {"count": 1}

            count += (await self.hub.writing.run(enquiry, "referral.paper_end", work))["count"]
        return count

    async def _attend(self) -> None:
        """End them for ever, while the hub is served."""
        while True:
            while await self.end(datetime.now(UTC)) == MOST:
                pass
            await asyncio.sleep(PAUSE_SECONDS)
