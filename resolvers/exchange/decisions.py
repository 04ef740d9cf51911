"""Joint decisions: organisations propose who covers whom of a list, vote, and see what came of it.

Each reads the people of the list by its own identifiers, or by handles. Whoever is proposed must agree itself, with a programme of its
own; what wins is booked by `outcomes.py` in its own books, as any allocation is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from privacy.standing import epoch
from resolvers.aid.inputs import currency, kind_of_aid, text, thousandths, unit_of_goods
from resolvers.events import NOTHING
from resolvers.exchange.joint import DECISION, DECISIONS, LIVE, PROPOSALS, Decision, Joint, Proposal
from resolvers.exchange.messages import about, hears
from resolvers.exchange.outcomes import Outcomes
from resolvers.exchange.paging import cursor, place_of
from resolvers.governance.register import own_organisation
from resolvers.identity.wording import tells_who
from resolvers.oversight.matters import DAY, Matter, at, fresh, instant
from resolvers.room import Answers, Keys, Pushes, Shows, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.exchange.decisions import joint_decision, joint_party
from values import Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_PARTIES: Final = 10
MOST_PEOPLE: Final = 100
USUAL_DAYS, LONGEST_DAYS = 7, 60
LONGEST_TITLE: Final = 200
KNOWN_DAYS: Final = 90
"""So long after it was opened its parties read whom it is about."""


class JointDecisions(Matter):
    """Opens joint decisions, takes proposals and votes, and shows them."""

    kind = "joint_decision"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.joint = Joint(hub.database)
        self.outcomes = Outcomes(hub, self.joint)
        self.roots: dict[str, Answers] = {
            "joint_decisions": self.decisions,
            "joint_decision": self.decision,
            "joint_decision_steps": self.traced,
        }
        self.watched: dict[str, tuple[Keys, Shows]] = {"joint_decision_moved": (self._organisation, self._told)}
        self.pushed: dict[str, Pushes] = {"joint_decision_moved": self._push}
        before = sa.tuple_(*(sa.bindparam(name, type_=sa.BigInteger) for name in ("before_at", "before_id")))
        joined = joint_party.join(joint_decision, joint_decision.c.id == joint_party.c.decision)
        place = sa.tuple_(joint_party.c.opened_at, joint_party.c.decision)
        of_purpose = joint_decision.c.purpose == sa.bindparam("for_purpose")
        listed = (
            sa.select(*DECISION).select_from(joined).where(joint_party.c.organisation == sa.bindparam("whose"), of_purpose, place < before)
        )
        newest = (joint_party.c.opened_at.desc(), joint_party.c.decision.desc())
        self._page = hub.database.prepare(listed.order_by(*newest).limit(sa.bindparam("first")))

    # --- opening -------------------------------------------------------------------------------------------------

    async def open(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Open a joint decision over people one knows, with other organisations.

        Raises:
            NotPermitted: the requester may not.
            Invalid: a title, party, list or end that cannot be; `field` names it.
            Unknown: somebody whom the requester does not know; `field` names who.
            LimitReached: a party was spoken to of so many people today.
        """
        self.hub.demand(enquiry, "joint.open")
        own, title = own_organisation(enquiry), text(str(given["title"]), "title", LONGEST_TITLE)
        if tells_who(title):
            raise Invalid("the title holds what looks like a number or address of a person", "say it without", "title")
        to, people = [str(each) for each in given["parties"]], [str(each) for each in given["people"]]
        if not 1 <= len(to) < MOST_PARTIES or len(set(to)) != len(to):
            raise Invalid(f"a joint decision has 2 to {MOST_PARTIES} parties, each once", f"name 1 to {MOST_PARTIES - 1} others", "parties")
        for each in to:
            self.hub.identity.references.addressee(enquiry, each, "parties")
        if not 1 <= len(people) <= MOST_PEOPLE or len(set(people)) != len(people):
            raise Invalid(f"a list has 1 to {MOST_PEOPLE} people, each once", "name somebody, and decide on more in parts", "people")
        now = epoch(enquiry.now)
        ends_at = now + USUAL_DAYS * DAY if given["ends_at"] is None else epoch(instant(given["ends_at"], "endsAt"))
        if not now < ends_at <= now + LONGEST_DAYS * DAY:
            raise Invalid(f"a joint decision ends within {LONGEST_DAYS} days", "name another end", "endsAt")

        async def work(change: Change) -> dict[str, Any]:
            numbers = await self.hub.identity.references.spoken(change, people, to, "people")
            made = Decision(fresh(), own, enquiry.purpose.value, self.sealed(title), moved(DECISIONS, "", "open"), 1, change.now, ends_at)
            await change.execute(self.joint.add, {each.name: getattr(made, each.name) for each in fields(Decision)})
            parties = [{"decision": made.id, "organisation": each, "opened_at": change.now} for each in sorted([own, *to])]
            await change.execute_many(self.joint.add_party, parties)
            listed = [{"decision": made.id, "place": place, "person": number} for place, number in enumerate(numbers, 1)]
            await change.execute_many(self.joint.add_person, listed)
            await change.step(self.thing(made.id), "open", made.state)
            self.outcomes.tell(change, made, [own, *to])
            return self._moved(enquiry, made)

        content = [title, to, people, given["ends_at"]]
        return await self.hub.writing.run(enquiry, "joint.open", work, key=key, content=content)

    # --- proposing and voting ------------------------------------------------------------------------------------

    async def propose(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Propose who covers a person of the list; for one's own organisation with a programme, which is to agree at once.

        Raises:
            NotPermitted: the requester may not.
            Unknown: no such decision of this organisation, or no such place, programme or own case.
            Invalid: an organisation, kind or amount that cannot be, or what the programme does not give.
            Conflict: it is over, or this organisation is proposed for this person already.
        """
        self.hub.demand(enquiry, "joint.take_part")
        own, number, organisation = own_organisation(enquiry), self.number(enquiry, str(given["decision"])), str(given["organisation"])
        base = self._offered(given, organisation, own)

        async def work(change: Change) -> dict[str, Any]:
            row = await self._running(change, number)
            person = (await self.joint.people(change, number)).get(given["place"])
            if person is None:
                raise Unknown("nobody stands at this place of the list", "give a `place` of the decision", "place")
            if organisation not in await self.joint.parties(change, number):
                raise Invalid("this organisation is no party of the decision", "name one of its parties", "organisation")
            others = [each for each in await self.joint.proposals(change, number) if each.place == given["place"]]
            if any(each.organisation == organisation and each.state in LIVE for each in others):
                raise Conflict("this organisation is proposed for this person already", "have it decline that first")
            made = replace(base, id=fresh(), decision=number, place=given["place"])
            if organisation == own:
                made = await self._agreed(change, replace(made, state=""), "volunteer", person, given)
            await change.execute(self.joint.add_proposal, {each.name: getattr(made, each.name) for each in fields(Proposal)})
            await self._keep(change, row, made, "propose" if organisation != own else "volunteer")
            return {**self._moved(enquiry, row), "proposal": self._named(enquiry, made.id), "proposal_state": made.state.upper()}

        content = [number, given["place"], organisation, base.kind, base.amount, base.unit, given["programme"], given["on"]]
        return await self.hub.writing.run(enquiry, "joint.propose", work, key=key, content=content)

    def _offered(self, given: Mapping[str, Any], organisation: str, own: str) -> Proposal:
        """What is proposed, as far as it can be read without the programme."""
        goods = given["quantity"] is not None or given["unit"] is not None
        if goods == (given["amount"] is not None or given["currency"] is not None):
            raise Invalid("a proposal is of money or of goods", "give amount and currency, or quantity and unit", "amount")
        unit = unit_of_goods(str(given["unit"])) if goods else currency(str(given["currency"]))
        what = "quantity" if goods else "amount"
        if given[what] is None:
            raise Invalid(f"{what} is missing", f"give {what}", what)
        if (organisation == own) != (given["programme"] is not None) or (given["programme"] is None) != (given["on"] is None):
            raise Invalid(
                "a programme and a day are named by who covers the person, and by nobody else", "it names them when it agrees", "programme"
            )
        amount = thousandths(given[what], unit, what)
        return Proposal(0, 0, 0, organisation, own, kind_of_aid(str(given["kind"])), amount, unit, goods, moved(PROPOSALS, "", "propose"))

    async def _agreed(self, change: Change, row: Proposal, act: str, person: int, given: Mapping[str, Any]) -> Proposal:
        """A proposal as its own organisation agrees to it: read and admitted as an allocation is, and signed by an account."""
        enquiry = change.enquiry
        self.hub.demand(enquiry, "allocation.record")
        wanted = {**row.given, "programme": given["programme"], "on": str(given["on"])}
        line = {"person": self.hub.identifier(enquiry, "person")(person), "amount": None, "quantity": None}
        asked = await self.hub.aid.giving.asked(enquiry, wanted, [line], "record")
        await self.hub.aid.giving.admits(change, asked)
        who = enquiry.requester
        return replace(
            row, state=moved(PROPOSALS, row.state, act), programme=asked.programme, booked_on=asked.on.isoformat(),
            agreed_by=who.name[:64], agreed_role=who.role.value, agreed_credential=who.credential,
        )  # fmt: skip

    async def answer(self, enquiry: Enquiry, which: str, act: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Agree to a proposal of one's own organisation, with a programme, or decline it.

        Raises:
            NotPermitted: the requester may not.
            Unknown: no such proposal of this organisation, or no such programme or own case.
            Invalid: what the programme does not give.
            Conflict: the decision is over, or the act does not follow on the proposal's state.
        """
        self.hub.demand(enquiry, "joint.take_part")
        own, number = own_organisation(enquiry), self._resolved(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            found = await self.joint.proposal(change, number)
            if found is None or found.organisation != own:
                raise _nothing()
            row = await self._running(change, found.decision)
            before = await self.joint.proposal(change, number, held=True)
            assert before is not None
            if act == "agree":
                person = (await self.joint.people(change, row.id))[before.place]
                after = await self._agreed(change, before, act, person, given)
            else:
                after = replace(before, state=moved(PROPOSALS, before.state, act))
            await self.joint.move(change, [after])
            await self._keep(change, row, after, act)
            return {**self._moved(enquiry, row), "proposal": which, "proposal_state": after.state.upper()}

        return await self.hub.writing.run(enquiry, f"joint.{act}", work)

    async def vote(self, enquiry: Enquiry, which: str) -> dict[str, Any]:
        """Vote for a proposal; a later vote for the same person takes its place.

        Raises:
            NotPermitted: the requester may not.
            Unknown: no such proposal in a decision of this organisation.
            Conflict: the decision is over, or the proposal was declined.
        """
        self.hub.demand(enquiry, "joint.take_part")
        own, number = own_organisation(enquiry), self._resolved(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            found = await self.joint.proposal(change, number)
            if found is None or own not in await self.joint.parties(change, found.decision):
                raise _nothing()
            row = await self._running(change, found.decision)
            found = await self.joint.proposal(change, number, held=True)
            assert found is not None
            if found.state not in LIVE:
                raise Conflict("this proposal was declined", "vote for another")
            if own in (await self.joint.votes(change, row.id)).get(found.place, {}):
                await change.execute(self.joint.revote, {"which": row.id, "at_place": found.place, "whose": own, "chosen": number})
            else:
                await change.execute(
                    self.joint.add_vote, {"decision": row.id, "place": found.place, "organisation": own, "proposal": number}
                )
            await self._keep(change, row, found, "vote")
            return {**self._moved(enquiry, row), "proposal": which, "proposal_state": found.state.upper()}

        return await self.hub.writing.run(enquiry, "joint.vote", work)

    async def close(self, enquiry: Enquiry, which: str, version: int) -> dict[str, Any]:
        """Close a decision and book what it came to: see `Outcomes.close`."""
        return await self._came_to(enquiry, await self.outcomes.close(enquiry, self.number(enquiry, which), version))

    async def apply(self, enquiry: Enquiry, which: str) -> dict[str, Any]:
        """Book what a closed decision came to and could not be booked yet: see `Outcomes.apply`."""
        return await self._came_to(enquiry, await self.outcomes.apply(enquiry, self.number(enquiry, which)))

    async def _came_to(self, enquiry: Enquiry, row: Decision) -> dict[str, Any]:
        states = [each.state for each in await self.joint.proposals(self.hub.database, row.id)]
        applied, failed = states.count("applied"), states.count("failed")
        unresolved = len(await self.joint.people(self.hub.database, row.id)) - applied - failed
        return {**self._moved(enquiry, row), "applied": applied, "failed": failed, "unresolved": unresolved}

    async def _running(self, change: Change, number: int) -> Decision:
        row = await self.joint.find(change, change.enquiry, number, held=True)
        if row.stands(change.now) != "open":
            raise Conflict("this joint decision takes nothing any more", "see `jointDecisions` for others")
        return row

    async def _keep(self, change: Change, row: Decision, proposal: Proposal, act: str) -> None:
        await change.step(f"joint_proposal:{proposal.id}", act, proposal.state)
        self.outcomes.tell(change, row, await self.joint.parties(change, row.id))

    # --- reading -------------------------------------------------------------------------------------------------

    async def decisions(self, gathering: Gathering, field: Field) -> Any:
        """A page of the decisions of which the organisation is a party, under this purpose; the newest first."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "joint.read")
        first = page_size(self.hub, arguments["first"])
        before = place_of(self.hub, enquiry, "joint_decisions", arguments.get("after"))
        values = {"whose": enquiry.requester.organisation, "for_purpose": enquiry.purpose.value, "first": first + 1}
        rows = await self.hub.database.fetch(self._page, {**values, "before_at": before[0], "before_id": before[1]}, rows=first)
        page = [Decision(*row) for row in rows[:first]]
        parties = await self.joint.parties_of(self.hub.database, [each.id for each in page])
        found = [self._shown(enquiry, each, parties[each.id]) for each in page]
        end = cursor(self.hub, enquiry, "joint_decisions", (page[-1].opened_at, page[-1].id)) if page else None
        return shaped(field.want, {"decisions": found, "end_cursor": end, "has_next_page": len(rows) > first})

    async def decision(self, gathering: Gathering, field: Field) -> Any:
        """One decision with its people, proposals and votes; None for one of others, or of another purpose."""
        assert field.want is not None
        enquiry, database = gathering.enquiry, self.hub.database
        row = await self._seen(gathering, field)
        if row is None:
            return None
        number = row.id
        people, votes = await self.joint.people(database, number), await self.joint.votes(database, number)
        by_place: dict[int, list[dict[str, Any]]] = {place: [] for place in people}
        for each in await self.joint.proposals(database, number):
            by_place[each.place].append(self._proposed(enquiry, each, votes.get(each.place, {})))
        now = epoch(enquiry.now)
        abouts = await about(
            self.hub, gathering, [(self._spoken(enquiry, row, person, now), self.thing(number)) for person in people.values()]
        )
        listed = [{"place": place, "about": who, "proposals": by_place[place]} for place, who in zip(people, abouts, strict=True)]
        return shaped(field.want, {**self._shown(enquiry, row, await self.joint.parties(database, number)), "people": listed})

    async def traced(self, gathering: Gathering, field: Field) -> Any:
        """Every signed step of a decision and its proposals, in the order of time; None for one of others, or of another purpose."""
        assert field.want is not None
        row = await self._seen(gathering, field)
        if row is None:
            return None
        proposals = {f"joint_proposal:{each.id}": each.id for each in await self.joint.proposals(self.hub.database, row.id)}
        traces = await self.hub.writing.traces([self.thing(row.id), *proposals])
        named = {name: self._named(gathering.enquiry, number) for name, number in proposals.items()}
        steps = sorted(((each.at, name, each) for name, trace in traces.items() for each in trace), key=lambda one: one[0])
        found = [
            {"at": at(when), "act": each.act, "state": each.state, "organisation": each.organisation, "proposal": named.get(name)}
            for when, name, each in steps
        ]
        return shaped(field.want, found)

    async def _seen(self, gathering: Gathering, field: Field) -> Decision | None:
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "joint.read")
        number = self.number(enquiry, str(field.arguments(gathering.variables)["id"]))
        try:
            return await self.joint.find(self.hub.database, enquiry, number)
        except Unknown:
            return None

    def _spoken(self, enquiry: Enquiry, row: Decision, person: int, now: int) -> str | None:
        if row.opened_at + KNOWN_DAYS * DAY <= now:
            return None
        own = enquiry.requester.receiver
        return self.hub.identity.references.forward(row.opener, own, Purpose(row.purpose), self.thing(row.id), person, now + DAY)

    def _shown(self, enquiry: Enquiry, row: Decision, parties: Sequence[str]) -> dict[str, Any]:
        named = {
            "id": self.named(enquiry, row.id),
            "opened_by": row.opener,
            "title": self.opened(row.title) or row.title,
            "parties": list(parties),
        }
        state = row.stands(epoch(enquiry.now)).upper()
        return {**named, "state": state, "version": row.version, "opened_at": at(row.opened_at), "ends_at": at(row.ends_at)}

    def _proposed(self, enquiry: Enquiry, row: Proposal, votes: Mapping[str, int]) -> dict[str, Any]:
        mine = row.organisation == enquiry.requester.organisation
        made = self.hub.identifier
        return {
            "id": self._named(enquiry, row.id),
            "organisation": row.organisation,
            "proposed_by": row.proposed_by,
            **row.given,
            "state": row.state.upper(),
            "votes": [organisation for organisation, chosen in votes.items() if chosen == row.id],
            "programme": made(enquiry, "programme")(row.programme) if mine and row.programme is not None else None,
            "allocation": made(enquiry, "booked")(row.allocation) if mine and row.allocation is not None else None,
            "fault": row.fault if mine else None,  # what its books or rules say of a person is its own
        }

    def _named(self, enquiry: Enquiry, number: int) -> str:
        return self.hub.identifier(enquiry, "joint_proposal")(number)

    def _resolved(self, enquiry: Enquiry, given: str) -> int:
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, given, "joint_proposal") or 0

    def _moved(self, enquiry: Enquiry, row: Decision) -> dict[str, Any]:
        return {"decision": self.named(enquiry, row.id), "state": row.state.upper(), "version": row.version}

    # --- news ----------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "joint.read")
        return own_organisation(enquiry)

    async def _told(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        if news["purpose"] != gathering.enquiry.purpose.value:
            return NOTHING
        return shaped(field.want, {"decision": self.named(gathering.enquiry, int(news["decision"]))})

    async def _push(self, gathering: Gathering, _: str, news: Mapping[str, Any]) -> dict[str, Any] | None:
        if not hears(self.hub, gathering):
            return None
        return {"decision": self.named(gathering.enquiry, int(news["decision"])), "purpose": news["purpose"]}


def _nothing() -> Unknown:
    return Unknown("there is no such proposal", "give the id of one of a decision's `proposals`", "proposal")
