"""What a joint decision comes to: who won for whom, and its booking in the winner's own books, once each.

Closing decides everything in one transaction. Each outcome is then booked in one of its own, together with the mark that it was: so
one that cannot be booked spoils no other, a hub that is killed in between books the rest when it is asked to, and nothing is booked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from errors import Conflict, Refused, Stale
from resolvers.exchange.joint import DECISIONS, DUE, PROPOSALS, Decision, Joint, Proposal, winner
from resolvers.writing import moved
from values import Enquiry, Requester, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change


class Outcomes:
    """Closes joint decisions and books what they came to."""

    def __init__(self, hub: Hub, joint: Joint) -> None:
        """Nothing is kept."""
        self.hub = hub
        self.joint = joint

    async def close(self, enquiry: Enquiry, number: int, version: int) -> Decision:
        """Close a decision that has ended, or in which everybody voted on everybody, and book what it came to.

        Raises:
            NotPermitted: the requester may not.
            Unknown: it is no party of such a decision.
            Stale: it was closed meanwhile.
            Conflict: it is closed, or votes are missing and its end has not come.
        """
        self.hub.demand(enquiry, "joint.take_part")

        async def work(change: Change) -> dict[str, Any]:
            row = await self.joint.find(change, enquiry, number, held=True)
            state = moved(DECISIONS, row.state, "close")
            if row.version != version:
                raise Stale("the decision changed since it was read", "read it again", "version")
            parties, people = await self.joint.parties(change, number), await self.joint.people(change, number)
            votes = await self.joint.votes(change, number)
            if row.stands(change.now) == "open" and any(len(votes.get(place, ())) < len(parties) for place in people):
                raise Conflict("votes are missing, and its end has not come", "wait for its end, or until everybody has voted on everybody")
            await self._decide(change, number, len(parties), votes)
            await change.execute(self.joint.close, {"which": number, "next": state})
            await change.step(f"joint_decision:{number}", "close", state)
            self.tell(change, row, parties)
            return {}

        await self.hub.writing.run(enquiry, "joint.close", work)
        return await self.apply(enquiry, number)

    async def _decide(self, change: Change, number: int, parties: int, votes: dict[int, dict[str, int]]) -> None:
        by_place: dict[int, list[Proposal]] = {}
        for each in await self.joint.proposals(change, number):
            if each.state in {"proposed", "agreed"}:
                by_place.setdefault(each.place, []).append(each)
        after = []
        for place, proposals in by_place.items():
            won = winner(proposals, votes.get(place, {}), parties)
            after += [replace(each, state=moved(PROPOSALS, each.state, "win" if each.id == won else "lose")) for each in proposals]
        if after:
            await self.joint.move(change, after)
        for each in after:
            await change.step(f"joint_proposal:{each.id}", "win" if each.state == "won" else "lose", each.state)

    async def apply(self, enquiry: Enquiry, number: int) -> Decision:
        """Book every outcome that is not booked yet, each alone; who is refused by its own books is marked so, and can be tried again.

        Raises:
            NotPermitted: the requester may not.
            Unknown: it is no party of such a decision.
            Conflict: it is not closed.
        """
        self.hub.demand(enquiry, "joint.take_part")
        database = self.hub.database
        row = await self.joint.find(database, enquiry, number)
        if row.state != "closed":
            raise Conflict("this joint decision is not closed", "close it first: `jointDecisionClose`")
        people = await self.joint.people(database, number)
        for each in await self.joint.proposals(database, number):
            if each.state in DUE:
                await self._book(self._as_winner(enquiry, each), row, each, people[each.place])
        return row

    async def _book(self, enquiry: Enquiry, row: Decision, proposal: Proposal, person: int) -> None:
        made, giving = self.hub.identifier, self.hub.aid.giving
        parties = await self.joint.parties(self.hub.database, row.id)

        async def held(change: Change) -> Proposal | None:
            found = await self.joint.proposal(change, proposal.id, held=True)
            return found if found is not None and found.state in DUE else None

        async def work(change: Change) -> dict[str, Any]:
            before = await held(change)
            if before is not None:
                self.hub.demand(enquiry, "allocation.record")
                wanted = {**before.given, "programme": made(enquiry, "programme")(before.programme or 0)}
                line = {"person": made(enquiry, "person")(person), "amount": None, "quantity": None}
                asked = await giving.asked(enquiry, wanted, [line], "record")
                (booked,) = await giving.book(change, asked)
                after = replace(before, state=moved(PROPOSALS, before.state, "apply"), allocation=booked.id, fault=None)
                await self._marked(change, row, after, "apply", parties)
            return {}

        async def refused(change: Change) -> dict[str, Any]:
            before = await held(change)
            if before is not None:
                after = replace(before, state=moved(PROPOSALS, before.state, "fail"), fault=code)
                await self._marked(change, row, after, "fail", parties)
            return {}

        try:
            await self.hub.writing.run(enquiry, "joint.apply", work)
        except Refused as fault:
            code = fault.code[:32]
            await self.hub.writing.run(enquiry, "joint.fail", refused)

    async def _marked(self, change: Change, row: Decision, after: Proposal, act: str, parties: Sequence[str]) -> None:
        await self.joint.move(change, [after])
        await change.step(f"joint_proposal:{after.id}", act, after.state)
        self.tell(change, row, parties)

    def _as_winner(self, enquiry: Enquiry, proposal: Proposal) -> Enquiry:
        """The enquiry of the account that agreed for its organisation, with the rights that organisation and role have now."""
        body, name = self.hub.organisations.get(proposal.organisation), proposal.organisation
        who = Requester(
            name=proposal.agreed_by or "",
            role=Role(proposal.agreed_role or Role.PUBLIC),
            receiver=name,
            organisation=name,
            organisation_kind=body.kind if body is not None else None,
            verified=body is not None and body.verified,
            purposes=body.purposes if body is not None else (),
            credential=proposal.agreed_credential,
        )
        return Enquiry(who, enquiry.purpose, enquiry.now)

    def tell(self, change: Change, row: Decision, parties: Sequence[str]) -> None:
        """Tell every party that a decision moved."""
        for each in parties:
            change.tell("joint_decision_moved", each, {"decision": row.id, "purpose": row.purpose})
