"""Households change: members join and leave, another becomes the head, it moves, it becomes two.

Only the organisation that registered a household changes it; whoever it lists otherwise lives where the registry says. Each change
moves everybody concerned in every queue, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from errors import Conflict, Invalid, Unknown
from resolvers.aid.homes import CAUSES, HEAD, File, Homes, Member, place_of, relation_of
from resolvers.aid.households import MOST_MEMBERS, Households, case_of
from resolvers.aid.inputs import day_between, years_around
from resolvers.aid.likeness import particulars_of
from resolvers.aid.ranking import Ranking, Reads
from resolvers.aid.sharing import Sharing
from resolvers.gather import Gathering, moment
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change


class Membership(Room):
    """Who lives together."""

    def __init__(self, hub: Hub, households: Households, ranking: Ranking) -> None:
        """Keep the rooms it works through."""
        self.hub = hub
        self.households = households
        self.homes: Homes = households.homes
        self.ranking = ranking
        self.sharing = Sharing(hub.database)
        self.roots: dict[str, Answers] = {"household_file": self.file, "household_steps": self.steps}

    # --- reading -------------------------------------------------------------------------------------------------

    async def file(self, gathering: Gathering, field: Field) -> Any:
        """An own household as it is kept; None for what is not one."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "household.read")
        organisation = str(enquiry.requester.organisation)
        if (arguments.get("household") is None) == (arguments.get("person") is None):
            raise Invalid("a household is found by its id or by a member", "give one of both", "household")
        if arguments.get("person") is not None:
            number = self._number(enquiry, str(arguments["person"]))
            home = (await self.homes.lives(self.hub.database, organisation, [number])).get(number) or 0
        else:
            home = self._number(enquiry, str(arguments["household"]), "household")
        found = await self.homes.file(self.hub.database, organisation, home)
        if found is None:
            return None
        row, people = await self.row(self.hub.database, enquiry, found)
        gathering.shown.append(Shown(("person.id", "household.id"), (), tuple(people), Condition.OWN_CASE.value))
        assert field.want is not None
        return shaped(field.want, row)

    async def steps(self, gathering: Gathering, field: Field) -> Any:
        """The signed steps of an own household; None for what is not one."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "household.read")
        home = self._number(enquiry, str(field.arguments(gathering.variables)["household"]), "household")
        if await self.homes.file(self.hub.database, str(enquiry.requester.organisation), home) is None:
            return None
        found = [
            {
                "number": each.number,
                "at": moment(datetime.fromtimestamp(each.at, UTC)),
                "act": each.act,
                "state": each.state,
                "role": each.role,
            }
            for each in await self.hub.writing.trace(f"household:{home}")
        ]
        assert field.want is not None
        return shaped(field.want, found)

    async def row(self, reads: Reads, enquiry: Enquiry, found: File) -> tuple[dict[str, Any], list[int]]:
        """A household as the schema shows it, and whom it shows."""
        members = await self.homes.members(reads, found.household)
        residences = await self.homes.residences(reads, str(enquiry.requester.organisation), found.household)
        identify = self.hub.identifier(enquiry, "person")
        shown = [
            {
                "person": identify(each.person),
                "relation": each.relation,
                "joined_on": each.joined_on,
                "left_on": each.left_on,
                "cause": each.cause,
            }
            for each in members
        ]
        row = {
            "household": self.hub.identifier(enquiry, "household")(found.household),
            "state": found.state,
            "version": found.version,
            "size": sum(each.left_on is None for each in members),
            "head": None if found.head is None else identify(found.head),
            "members": shown,
            "residences": residences,
        }
        return row, list(dict.fromkeys(each.person for each in members))

    # --- changing ------------------------------------------------------------------------------------------------

    async def add(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Let somebody join: an own case that lives in no household, or somebody new.

        Raises:
            Unknown: no such household, or nobody of the own case load.
            Conflict: the person lives in a household, or the case number is taken.
            Invalid: both or neither, a relation or day that cannot be, or too many members.
        """
        home, version, on = self._asked(enquiry, given)
        relation = relation_of(given["relation"], "relation")
        if relation == HEAD:
            raise Invalid("a household has one head", "let the member join, then `householdHeadChange`", "relation")
        if (given["person"] is None) == (given["case_number"] is None):
            raise Invalid("who joins is an own case or somebody new", "give a person or a case number", "person")
        number = 0 if given["person"] is None else self._number(enquiry, str(given["person"]))
        case, need = (None, None) if given["person"] is not None else case_of(given, "")
        if given["particulars"] is not None and case is None:
            raise Invalid("particulars are for somebody new", "write those of an own case down by `caseDescribe`", "particulars")
        written = particulars_of(given["particulars"], "particulars.", enquiry.now.year) if given["particulars"] is not None else None
        distinct_from = self.households.files.numbers(enquiry, given["distinct_from"])

        async def work(change: Change) -> dict[str, Any]:
            file = await self.homes.held(change, home, version, "add")
            present = _present(await self.homes.members(change, home))
            if len(present) >= MOST_MEMBERS:
                raise Invalid(f"a household has at most {MOST_MEMBERS} members", "split it first", "household")
            if case is not None:
                typed = [("particulars.", written)] if written is not None else []
                await self.households.files.distinct(change, typed, distinct_from)
                joined = (await self.households.people(change, {case: need}, None, "caseNumber"))[case]
                await self.households.files.describe_new(change, {joined: written} if written is not None else {})
            else:
                joined = await self._alone(change, number)
            await self.homes.join(change, home, [(joined, relation)], on)
            await self._moved(change, {joined: home})
            await self.sharing.joined(change, [*present, joined])
            await self.homes.keep(change, file, file.head, "add")
            await self.ranking.rehoused(change, [joined], [home])
            return await self._answer(change, home)

        content = [home, version, on, relation, number, case, need, asdict(written) if written else None, sorted(distinct_from)]
        return await self.hub.writing.run(enquiry, "household.member_add", work, key=given["idempotency_key"], content=content)

    async def remove(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Let a member leave; with the last one the household ends.

        Raises:
            Unknown: no such household, or nobody who lives there.
            Conflict: the head leaves while others stay.
            Invalid: a cause or day that cannot be.
        """
        home, version, on = self._asked(enquiry, given)
        cause = str(given["cause"]).lower()
        if cause not in CAUSES:
            raise Invalid("there is no such cause", f"one of {', '.join(CAUSES)}", "cause")
        number = self._number(enquiry, str(given["person"]))

        async def work(change: Change) -> dict[str, Any]:
            file = await self.homes.held(change, home, version, "remove")
            present = _present(await self.homes.members(change, home))
            _live_here(present, [number], on, "person")
            stay = [each for each in present if each != number]
            if number == file.head and stay:
                raise Conflict("the head cannot leave while others stay", "choose another head first: `householdHeadChange`", "person")
            await self.homes.leave(change, home, [number], on, cause)
            await self._part(change, home, stay, [number], None)
            await self.homes.keep(change, file, file.head if stay else None, "remove" if stay else "end")
            await self.ranking.rehoused(change, [number], [home])
            return await self._answer(change, home)

        content = [home, version, on, cause, number]
        return await self.hub.writing.run(enquiry, "household.member_remove", work, key=given["idempotency_key"], content=content)

    async def change_head(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Let another member speak for the household.

        Raises:
            Unknown: no such household, or nobody who lives there.
            Invalid: the head already, or a relation that cannot be.
        """
        self.hub.demand(enquiry, "household.change")
        home, version = self._number(enquiry, str(given["household"]), "household"), int(given["version"])
        number, relation = self._number(enquiry, str(given["person"])), relation_of(given["former_head"], "formerHead")
        if relation == HEAD:
            raise Invalid("a household has one head", "say what the former head is to the new one", "formerHead")

        async def work(change: Change) -> dict[str, Any]:
            file = await self.homes.held(change, home, version, "head")
            present = _present(await self.homes.members(change, home))
            _live_here(present, [number], "9999", "person")
            if number == file.head:
                raise Invalid("this member is the head already", "nothing has to be changed", "person")
            assert file.head is not None
            await self.homes.relate(change, home, {file.head: relation, number: HEAD})
            await self.homes.keep(change, file, number, "head")
            return await self._answer(change, home)

        content = [home, version, number, relation]
        return await self.hub.writing.run(enquiry, "household.head_change", work, key=given["idempotency_key"], content=content)

    async def move(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Note that a household lives elsewhere from a day on.

        Raises:
            Unknown: no such household.
            Invalid: no governorate, the same place again, or a day before the last move.
        """
        home, version, on = self._asked(enquiry, given)
        where = place_of(given)
        if where is None:
            raise Invalid("it moves somewhere", "give the governorate", "governorate")

        async def work(change: Change) -> dict[str, Any]:
            file = await self.homes.held(change, home, version, "move")
            before = await self.homes.residences(change, str(enquiry.requester.organisation), home)
            if before and (before[-1]["governorate"], before[-1]["place"]) == where:
                raise Invalid("it lives there already", "nothing has to be changed", "place" if where[1] else "governorate")
            if before and before[-1]["moved_on"] > on:
                raise Invalid("it moved later than that", f"give a day from {before[-1]['moved_on']}", "on")
            await self.homes.settle(change, home, on, where)
            await self.homes.keep(change, file, file.head, "move")
            return await self._answer(change, home)

        content = [home, version, on, where]
        return await self.hub.writing.run(enquiry, "household.move", work, key=given["idempotency_key"], content=content)

    async def split(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Let some members, but not the head, live apart as a household of their own.

        Raises:
            Unknown: no such household, or nobody who lives there.
            Conflict: the head would leave.
            Invalid: nobody, everybody, somebody twice, or a head who is none of them.
        """
        home, version, on = self._asked(enquiry, given)
        people = [self._number(enquiry, str(each)) for each in given["people"][: MOST_MEMBERS + 1]]
        head, where = self._number(enquiry, str(given["head"])), place_of(given)
        if not 1 <= len(people) <= MOST_MEMBERS:
            raise Invalid("somebody lives apart", "name those who leave together", "people")
        if len(set(people)) < len(people):
            raise Invalid("somebody stands in the list twice", "name each once", "people")
        if head not in people:
            raise Invalid("the new household's head is one of those who leave", "name one of `people`", "head")

        async def work(change: Change) -> dict[str, Any]:
            file = await self.homes.held(change, home, version, "split")
            present = _present(await self.homes.members(change, home))
            _live_here(present, people, on, "people")
            if file.head in people:
                raise Conflict("the head stays", "choose another head first: `householdHeadChange`", "people")
            made = await self.households.house(change)
            await self.homes.leave(change, home, people, on, "split")
            listed = [(head, HEAD), *((each, present[each].relation) for each in people if each != head)]
            await self.homes.open(change, made, listed, on, where)
            await self._part(change, home, [each for each in present if each not in people], [each for each, _ in listed], made)
            await self.homes.keep(change, file, file.head, "split")
            await change.step(f"household:{made}", "split_off", "registered")
            await self.ranking.rehoused(change, people, [home, made])
            return {**await self._answer(change, home), "made": (await self._answer(change, made))["household"]}

        content = [home, version, on, sorted(people), head, where]
        return await self.hub.writing.run(enquiry, "household.split", work, key=given["idempotency_key"], content=content)

    # --- parts of it ---------------------------------------------------------------------------------------------

    def _asked(self, enquiry: Enquiry, given: Mapping[str, Any]) -> tuple[int, int, str]:
        """The household, its version and the day of a change."""
        self.hub.demand(enquiry, "household.change")
        first, _ = years_around(enquiry.now.date())
        on = day_between(str(given["on"]), "on", first, enquiry.now.date())
        return self._number(enquiry, str(given["household"]), "household"), int(given["version"]), on.isoformat()

    def _number(self, enquiry: Enquiry, given: str, kind: str = "person") -> int:
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, given, kind) or 0

    async def _alone(self, change: Change, number: int) -> int:
        """Somebody of the own case load who lives in no household, held.

        Raises:
            Unknown: nobody of it.
            Conflict: the person lives in one.
        """
        await self.ranking.members(change, [number], [], held=True)
        lives = await self.homes.lives(change, str(change.enquiry.requester.organisation), [number])
        if number not in lives:
            raise Unknown("this is nobody of the own case load", "give the id of somebody of `caseload`", "person")
        if lives[number] is not None:
            raise Conflict("this person lives in a household", "take it out of that one first, where this organisation keeps it", "person")
        return number

    async def _part(self, change: Change, home: int, stay: Sequence[int], left: Sequence[int], to: int | None) -> None:
        """Let those who leave live elsewhere; whom a registry housed meanwhile stays where it says."""
        lives = await self.ranking.members(change, [*stay, *left], [], held=True)
        await self.sharing.parted(change, stay, left)
        await self._moved(change, {each: to for each in left if lives.get(each) == home})

    async def _moved(self, change: Change, homes: Mapping[int, int | None]) -> None:
        await self.households.linkage.house(change.tx, homes)

    async def _answer(self, change: Change, home: int) -> dict[str, Any]:
        found = await self.homes.file(change, str(change.enquiry.requester.organisation), home)
        assert found is not None
        return {"household": (await self.row(change, change.enquiry, found))[0]}


def _present(members: Sequence[Member]) -> dict[int, Member]:
    return {each.person: each for each in members if each.left_on is None}


def _live_here(present: Mapping[int, Member], people: Sequence[int], on: str, field: str) -> None:
    """Go on only where all of these lived here on a day.

    Raises:
        Unknown: somebody does not.
        Invalid: somebody joined later.
    """
    for each in people:
        if each not in present:
            raise Unknown("this is nobody who lives in the household", "give the id of somebody of its `members`", field)
        if present[each].joined_on > on:
            raise Invalid("this member joined later than that", f"give a day from {date.fromisoformat(present[each].joined_on)}", "on")
