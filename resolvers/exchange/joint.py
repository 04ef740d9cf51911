"""What joint decisions are made of: decisions, proposals and votes as they are stored, and the rule by which one wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import sqlalchemy as sa

from errors import Unknown
from resolvers.aid.inputs import shown
from tables.database import Database, among
from tables.exchange.decisions import joint_decision, joint_party, joint_person, joint_proposal, joint_vote
from tables.statement import Row
from values import Enquiry

DECISIONS: Final[Mapping[str, Mapping[str, str]]] = {"": {"open": "open"}, "open": {"close": "closed"}}
"""What may happen to a joint decision; one whose end has come takes no proposal and no vote, and can be closed."""

PROPOSALS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"propose": "proposed", "volunteer": "agreed"},
    "proposed": {"agree": "agreed", "decline": "declined", "lose": "lost"},
    "agreed": {"decline": "declined", "win": "won", "lose": "lost"},
    "won": {"apply": "applied", "fail": "failed"},
    "failed": {"apply": "applied", "fail": "failed"},
}
"""What may happen to a proposal."""

LIVE: Final = ("proposed", "agreed")
DUE: Final = ("won", "failed")
"""Proposals that are still to be booked."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A joint decision as it is stored; times in seconds since 1970 (UTC)."""

    id: int
    opener: str
    purpose: str
    title: str
    state: str
    version: int
    opened_at: int
    ends_at: int

    def stands(self, now: int) -> str:
        """Its state at a moment."""
        return "ended" if self.state == "open" and self.ends_at <= now else self.state


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who would cover one person of the list, with what."""

    id: int
    decision: int
    place: int
    organisation: str
    proposed_by: str
    kind: str
    amount: int
    unit: str
    goods: bool
    state: str
    programme: int | None = None
    booked_on: str | None = None
    agreed_by: str | None = None
    agreed_role: str | None = None
    agreed_credential: str | None = None
    allocation: int | None = None
    fault: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What it gives, as an allocation's input says it."""
        amount = shown(self.amount)
        return {
            "kind": self.kind,
            "amount": None if self.goods else amount,
            "currency": None if self.goods else self.unit,
            "quantity": amount if self.goods else None,
            "unit": self.unit if self.goods else None,
            "on": self.booked_on,
        }


DECISION = [joint_decision.c[each.name] for each in fields(Decision)]
PROPOSAL = [joint_proposal.c[each.name] for each in fields(Proposal)]


def winner(proposals: Iterable[Proposal], votes: Mapping[str, int], parties: int) -> int | None:
    """The proposal that more than half of all parties voted for, and that its organisation agreed to; None leaves it unresolved."""
    for each in proposals:
        if each.state == "agreed" and 2 * sum(chosen == each.id for chosen in votes.values()) > parties:
            return each.id
    return None


class Joint:
    """Reads and keeps joint decisions; each look at one is a few statements, however long its list is."""

    def __init__(self, database: Database) -> None:
        """Prepare every statement once."""
        prepare = database.prepare
        this = joint_decision.c.id == sa.bindparam("which")
        self._one, self._hold = prepare(sa.select(*DECISION).where(this)), prepare(sa.select(*DECISION).where(this).with_for_update())
        self.close = prepare(sa.update(joint_decision).where(this).values(state=sa.bindparam("next"), version=joint_decision.c.version + 1))
        of_these = among(joint_party.c.decision, "decisions", "whole")
        listed = sa.select(joint_party.c.decision, joint_party.c.organisation).order_by(joint_party.c.decision, joint_party.c.organisation)
        self._parties = prepare(listed.where(of_these))
        people = sa.select(joint_person.c.place, joint_person.c.person).where(joint_person.c.decision == sa.bindparam("which"))
        self._people = prepare(people.order_by(joint_person.c.place))
        proposals = sa.select(*PROPOSAL).where(joint_proposal.c.decision == sa.bindparam("which"))
        self._proposals = prepare(proposals.order_by(joint_proposal.c.place, joint_proposal.c.organisation, joint_proposal.c.id))
        one = joint_proposal.c.id == sa.bindparam("which")
        self._proposal, self._proposal_held = (
            prepare(each.where(one)) for each in (sa.select(*PROPOSAL), sa.select(*PROPOSAL).with_for_update())
        )
        votes = sa.select(joint_vote.c.place, joint_vote.c.organisation, joint_vote.c.proposal)
        self._votes = prepare(votes.where(joint_vote.c.decision == sa.bindparam("which")).order_by(joint_vote.c.organisation))
        self.add, self.add_party, self.add_person, self.add_proposal, self.add_vote = (
            prepare(sa.insert(each)) for each in (joint_decision, joint_party, joint_person, joint_proposal, joint_vote)
        )
        self.revote = prepare(
            sa.update(joint_vote)
            .where(
                joint_vote.c.decision == sa.bindparam("which"),
                joint_vote.c.place == sa.bindparam("at_place"),
                joint_vote.c.organisation == sa.bindparam("whose"),
            )
            .values(proposal=sa.bindparam("chosen"))
        )
        moving = ("state", "programme", "booked_on", "agreed_by", "agreed_role", "agreed_credential", "allocation", "fault")
        self._moving = moving
        self._move = prepare(sa.update(joint_proposal).where(one).values({name: sa.bindparam(f"new_{name}") for name in moving}))

    async def find(self, where: Any, enquiry: Enquiry, which: int, *, held: bool = False) -> Decision:
        """A decision of the requester's organisation, under its purpose; held, proposals, votes and closing wait for each other.

        Raises:
            Unknown: the organisation is no party of it, there is none, or it is of another purpose.
        """
        rows = await where.fetch(self._hold if held else self._one, {"which": which})
        row = Decision(*rows[0]) if rows else None
        if row is None or row.purpose != enquiry.purpose.value or enquiry.requester.organisation not in await self.parties(where, which):
            raise Unknown("there is no such joint decision", "give the id of one of `jointDecisions`", "decision")
        return row

    async def parties(self, where: Any, which: int) -> list[str]:
        """Its parties, by name."""
        return (await self.parties_of(where, [which]))[which]

    async def parties_of(self, where: Any, decisions: Sequence[int]) -> dict[int, list[str]]:
        """The parties of several."""
        found: dict[int, list[str]] = {each: [] for each in decisions}
        for which, organisation in await where.fetch(self._parties, {"decisions": list(decisions)}) if decisions else []:
            found[which].append(organisation)
        return found

    async def people(self, where: Any, which: int) -> dict[int, int]:
        """Its people by their place in the list."""
        return dict(await where.fetch(self._people, {"which": which}))

    async def proposals(self, where: Any, which: int) -> list[Proposal]:
        """Every proposal made in it."""
        return [Proposal(*row) for row in await where.fetch(self._proposals, {"which": which})]

    async def proposal(self, where: Any, which: int, *, held: bool = False) -> Proposal | None:
        """One proposal."""
        rows: list[Row] = await where.fetch(self._proposal_held if held else self._proposal, {"which": which})
        return Proposal(*rows[0]) if rows else None

    async def votes(self, where: Any, which: int) -> dict[int, dict[str, int]]:
        """Who voted for which proposal, by place."""
        found: dict[int, dict[str, int]] = {}
        for place, organisation, proposal in await where.fetch(self._votes, {"which": which}):
            found.setdefault(place, {})[organisation] = proposal
        return found

    async def move(self, change: Any, rows: Sequence[Proposal]) -> None:
        """Keep proposals as they are now."""
        values = [{"which": each.id, **{f"new_{name}": getattr(each, name) for name in self._moving}} for each in rows]
        await change.execute_many(self._move, values)
