"""Identity's answers: people, households and case loads as this requester may see them, consents and disclosures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Invalid, Unknown
from privacy.links import Keys
from privacy.standing import People
from resolvers.events import NOTHING
from resolvers.gather import INLINE_KEYS, Gathering, moment
from resolvers.identity.consents import consent_row
from resolvers.plan import Merged
from resolvers.room import Answers, Room, Shows, page_size
from resolvers.room import Keys as WatchKeys
from resolvers.settle import Step
from resolvers.want import Field, Want, shaped
from resolvers.words import REMEDIES
from tables.database import among
from tables.identity import identifier, link, own_case
from values import Category, Condition, Enquiry, Reason, Scheme, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub


class PeopleAnswers(Room):
    """Answers about people; the only place where a pseudonym becomes a person number."""

    def __init__(self, hub: Hub) -> None:
        """Name the root fields answered here."""
        self.hub = hub
        self.roots: dict[str, Answers] = {
            "me": self.me,
            "person": self.person,
            "person_by_identifier": self.person_by_identifier,
            "caseload": self.caseload,
            "people": self.page,
        }
        self.watched: dict[str, tuple[WatchKeys, Shows]] = {"case_consented": (self._organisation, self._case)}
        self._by_blind = hub.database.prepare(sa.select(identifier.c.person).where(identifier.c.blind == sa.bindparam("blind")))
        self._by_forms = hub.database.prepare(
            sa.select(identifier.c.person).where(among(identifier.c.blind, "blinds", "blob")).order_by(identifier.c.scheme)
        )
        # A double entry has one place in the case load, and is found by its other number through its link.
        self._by_case = hub.database.prepare(
            sa.select(own_case.c.person)
            .where(own_case.c.organisation == sa.bindparam("organisation"), own_case.c.position == sa.bindparam("number"))
            .union_all(sa.select(link.c.person).where(among(link.c.source, "sources"), link.c.key == sa.bindparam("number")))
        )

    # --- root fields ---------------------------------------------------------------------------------------------

    async def me(self, gathering: Gathering, field: Field) -> Any:
        """The requester, and itself as a person where it is one."""
        assert field.want is not None
        requester = gathering.enquiry.requester
        value: dict[str, Any] = {
            "name": requester.name,
            "role": requester.role.value,
            "organisation": requester.organisation,
            "purpose": gathering.enquiry.purpose.name,
            "purposes": [each.name for each in requester.purposes],
            "person": None,
        }
        finished = {}
        for each in field.want.fields:
            if each.name == "person" and each.want is not None:
                finished[each.key] = await self.single(gathering, each.want, requester.person)
            else:
                finished[each.key] = field.want.type if each.name == "__typename" else value[each.name]
        return finished

    async def person(self, gathering: Gathering, field: Field) -> Any:
        """One person by this requester's pseudonym; unknown, forged, foreign and forbidden all give None."""
        assert field.want is not None
        requester = gathering.enquiry.requester
        number = self.hub.pseudonyms.resolve(requester.receiver, str(field.arguments(gathering.variables)["id"]))
        return await self.single(gathering, field.want, number)

    async def person_by_identifier(self, gathering: Gathering, field: Field) -> Any:
        """One person by a number known outside the hub.

        Raises:
            Invalid: the number does not have the form of its scheme; the value is not repeated.
        """
        assert field.want is not None
        enquiry = gathering.enquiry
        arguments = field.arguments(gathering.variables)
        scheme, raw = Scheme(arguments["scheme"]), str(arguments["value"])
        if not self.hub.may(enquiry, "person.find"):
            return None
        return await self.single(gathering, field.want, await self.numbered(enquiry, scheme, raw))

    async def numbered(self, enquiry: Enquiry, scheme: Scheme, raw: str) -> int | None:
        """The person of a number known outside the hub, whether or not this requester may know of it.

        Raises:
            Invalid: the number does not have the form of its scheme; the value is not repeated.
        """
        try:
            if scheme is Scheme.CASE_NUMBER:
                organisation = enquiry.requester.organisation or ""
                sources = self.hub.settings.sources.items()
                its_own = [name for name, source in sources if source.steward == organisation and source.wire != "hub"]
                values = {"organisation": organisation, "number": raw.strip()[:190], "sources": its_own}
                rows = await self.hub.database.fetch(self._by_case, values)
            else:
                rows = await self._identified(scheme, raw)
        except ValueError as error:
            raise Invalid(f"this is not a {scheme.value.replace('_', ' ')}", str(error), "value") from None
        return int(rows[0][0]) if rows else None

    async def _identified(self, scheme: Scheme, raw: str) -> list[tuple[Any, ...]]:
        """The person of an identifier, by the form of ordinary sources and by that of edge-mode ones; the first has precedence."""
        blind, form = self.hub.blinder.blind(scheme, raw), await self.hub.edge.of(scheme, raw)
        if form is None:
            return await self.hub.database.fetch(self._by_blind, {"blind": blind})
        return await self.hub.database.fetch(self._by_forms, {"blinds": [blind, form]})

    async def caseload(self, gathering: Gathering, field: Field) -> Any:
        """A page of the own case load, as a connection."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "caseload.read")
        arguments = field.arguments(gathering.variables)
        first = page_size(self.hub, arguments["first"])
        receiver = gathering.enquiry.requester.receiver
        after = ""
        if arguments.get("after") is not None:
            opened = self.hub.pseudonyms.unseal(receiver, "caseload", str(arguments["after"]))
            if opened is None:
                raise Invalid("this cursor is not one of this requester's", "start again without `after`", "after")
            after = opened.decode()
        people = await self.hub.standing.page(gathering.enquiry, after, first, self._sources(gathering, field.want), places=True)

        def cursor(number: int) -> str:
            return self.hub.pseudonyms.seal(receiver, "caseload", people.positions[number].encode())

        return await self._connection(gathering, field.want, people, cursor, began=bool(after))

    async def _connection(self, gathering: Gathering, want: Want, people: People, cursor: Callable[[int], str], *, began: bool) -> Any:
        finished: dict[str, Any] = {}
        for each in want.fields:
            if each.name == "nodes":
                finished[each.key] = await self._several(gathering, each.want, people)
            elif each.name == "edges":
                finished[each.key] = await self._edges(gathering, each.want, people, cursor)
            elif each.name == "page_info":
                page = {
                    "has_next_page": people.more,
                    "has_previous_page": began,
                    "start_cursor": cursor(people.numbers[0]) if people.numbers else None,
                    "end_cursor": cursor(people.numbers[-1]) if people.numbers else None,
                }
                assert each.want is not None
                finished[each.key] = shaped(each.want, page)
            elif each.name == "total_count":
                finished[each.key] = await self.hub.standing.count(gathering.enquiry)
            else:
                finished[each.key] = want.type
        return finished

    async def _edges(self, gathering: Gathering, want: Want | None, people: People, cursor: Callable[[int], str]) -> Any:
        assert want is not None
        columns: list[tuple[str, list[Any]]] = []
        for each in want.fields:
            if each.name == "node":
                columns.append((each.key, await self._several(gathering, each.want, people)))
            elif each.name == "cursor":
                columns.append((each.key, [cursor(number) for number in people.numbers]))
            else:
                columns.append((each.key, [want.type] * len(people.numbers)))
        return [{key: values[place] for key, values in columns} for place in range(len(people.numbers))]

    async def page(self, gathering: Gathering, field: Field) -> Any:
        """A plain page of the own case load, after a person."""
        self.hub.demand(gathering.enquiry, "caseload.read")
        arguments = field.arguments(gathering.variables)
        first = page_size(self.hub, arguments["first"])
        after = ""
        if arguments.get("after") is not None:
            number = self.hub.pseudonyms.resolve(gathering.enquiry.requester.receiver, str(arguments["after"]))
            position = await self.hub.standing.position(gathering.enquiry, number or 0)
            if position is None:
                raise Invalid("`after` is not a person of this case load", "give the `id` of the last person of the page before", "after")
            after = position
        assert field.want is not None
        plan = self.hub.plan(field.want, gathering.enquiry)

        async def read() -> list[dict[str, Any]]:
            return await gathering.people(plan, await self.hub.standing.page(gathering.enquiry, after, first, plan.sources))

        if first <= INLINE_KEYS:
            return await read()
        async with self.hub.large:  # before the page is read, which would only hold memory while it waits
            return await read()

    def _sources(self, gathering: Gathering, connection: Want) -> set[str]:
        """Every source that the people of a connection may be asked of, through nodes or edges."""
        inner = [node for each in connection.fields if each.name == "edges" and each.want for node in each.want.fields]
        wants = [each.want for each in (*connection.fields, *inner) if each.name in {"nodes", "node"} and each.want is not None]
        return {source for want in wants for source in self.hub.plan(want, gathering.enquiry).sources}

    # --- people --------------------------------------------------------------------------------------------------

    async def _several(self, gathering: Gathering, want: Want | None, people: People) -> list[dict[str, Any]]:
        assert want is not None
        plan = self.hub.plan(want, gathering.enquiry)
        if len(people.numbers) <= INLINE_KEYS:
            return await gathering.people(plan, people)
        async with self.hub.large:
            return await gathering.people(plan, people)

    async def single(self, gathering: Gathering, want: Want, number: int | None) -> Any:
        """One person if it may be known; the same work is done for one that does not exist."""
        sources = self.hub.plan(want, gathering.enquiry).sources
        somebody = self.hub.standing.somebody()
        people = await self.hub.standing.of_one(gathering.enquiry, number or somebody, sources)
        if not number:
            people.numbers = ()
        await gathering.counted(self.hub.plan(want, gathering.enquiry), people)
        self.known(gathering.enquiry, people)
        found = await self._several(gathering, want, people)
        return found[0] if found else None

    async def known_of(self, enquiry: Enquiry, numbers: Sequence[int]) -> People:
        """The standing of those of given people whose existence this requester may know; no use of a consent is counted for it.

        0 is nobody, for whom the same work is done.
        """
        people = await self.hub.standing.of(enquiry, [number or self.hub.standing.somebody() for number in numbers])
        people.numbers = [number for number in people.numbers if number in numbers]
        await self.hub.uses.settle(enquiry, people, lambda _: 0, None)
        self.known(enquiry, people)
        return people

    def known(self, enquiry: Enquiry, people: People) -> None:
        """Keep only the people whose existence this requester may know."""
        entity = self.hub.catalogue.entities["person"]
        conditions = self.hub.policies.release(enquiry.requester, enquiry.purpose, entity, None, enquiry.now.date())
        if Condition.ALWAYS in conditions:
            return
        people.numbers = [
            number
            for number in people.numbers
            if (Condition.OWN_CASE in conditions and number in people.own)
            or (Condition.CONSENTED in conditions and people.masks.get(number))
            or (Condition.SELF in conditions and number == people.itself)
        ]
        people.everyone_own = all(number in people.own for number in people.numbers)

    async def households(
        self, gathering: Gathering, plan: Merged, step: Step, concerned: People, people: People, keys: Mapping[str, Keys]
    ) -> Mapping[int, Any]:
        """The finished household of each person; members that may not be known are left out."""
        rows, blanks = gathering._rows(plan, step, keys)  # noqa: SLF001 — the household is a step of the same gathering
        hidden = {number for missing in step.missing if "household.id" in missing.coordinates for number in missing.people}
        shown = [number for number in concerned.numbers if number not in hidden]
        home = {number: concerned.households[number] for number in shown}
        below = []
        for relation in plan.relations:
            assert isinstance(relation.plan, Merged)
            below.append(await self._members(gathering, relation.plan, home))
        identify = self.hub.identifiers(gathering.enquiry, "household")
        made = plan.project(shown, rows, blanks, below, lambda numbers: identify([home[number] or 0 for number in numbers]))
        gathering.shown.append(Shown(("household.id",), (), tuple(shown), ""))
        by_household = {home[number]: household for number, household in zip(shown, made, strict=True)}
        return {number: by_household.get(people.households.get(number)) for number in people.numbers}

    async def _members(self, gathering: Gathering, plan: Merged, home: Mapping[int, int | None]) -> Mapping[int, list[Any]]:
        numbers = [household for household in home.values() if household is not None]
        members = await self.hub.standing.members(gathering.enquiry, numbers)
        await gathering.counted(plan, members)
        self.known(gathering.enquiry, members)
        finished = await gathering.people(plan, members)
        lists: dict[int | None, list[Any]] = {household: [] for household in numbers}
        identify = self.hub.identifier(gathering.enquiry, "person")
        by_age = _by_age(plan.want)
        shown = sorted(zip(members.numbers, finished, strict=True), key=lambda each: (by_age(each[1]), identify(each[0])))
        for number, each in shown:
            lists[members.households[number]].append(each)
        return {number: lists[household] for number, household in home.items()}

    # --- news ----------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "caseload.read")
        assert enquiry.requester.organisation is not None
        return enquiry.requester.organisation

    async def _case(self, gathering: Gathering, field: Field, consented: Mapping[str, Any]) -> Any:
        enquiry = gathering.enquiry
        number = int(consented["person"])
        if consented["purpose"] != enquiry.purpose.value:
            return NOTHING
        assert field.want is not None
        people = await self.hub.standing.of(enquiry, [number])
        await gathering.counted(self.hub.plan(field.want, enquiry), people)
        self.known(enquiry, people)
        if not people.numbers or number not in people.own:
            return NOTHING
        return (await gathering.people(self.hub.plan(field.want, enquiry), people))[0]

    # --- about the answer itself ---------------------------------------------------------------------------------

    async def meta(self, gathering: Gathering, field: Field, people: People, steps: Sequence[Step]) -> Mapping[int, Any]:
        """`withheld`, `provenance`, `disclosures` or `consents` of each person."""
        assert field.want is not None
        if field.name == "withheld":
            language = str(field.arguments(gathering.variables).get("language", "en"))
            return self._withheld(field.want, people, steps, REMEDIES[language])
        if field.name == "provenance":
            return self._provenance(field.want, people, steps)
        itself = people.itself
        enquiry = gathering.enquiry
        own = self.hub.policies.release(enquiry.requester, enquiry.purpose, f"person.{field.name}", None, enquiry.now.date())
        if itself not in people.numbers or itself is None or Condition.SELF not in own:
            return {}
        if field.name == "consents":
            return {itself: shaped(field.want, [consent_row(each) for each in reversed(await self.hub.consents.of(itself))])}
        return {itself: await self.hub.oversight.looks.of_person(gathering, field, itself)}

    def _withheld(self, want: Want, people: People, steps: Sequence[Step], remedies: Mapping[Reason, str]) -> Mapping[int, Any]:
        lines: dict[int, dict[tuple[str, Reason], dict[str, str]]] = {number: {} for number in people.numbers}
        for step in steps:
            found = [(missing.coordinates, missing.reason, missing.people) for missing in step.missing]
            found += [(pending.coordinates, pending.failed, pending.people) for pending in step.pending if pending.failed]
            for coordinates, reason, numbers in found:
                for coordinate in coordinates:
                    line = {"attribute": self.hub.public_name(coordinate), "reason": reason.name, "remedy": remedies[reason]}
                    for number in numbers:
                        lines[number][coordinate, reason] = line
        return {number: shaped(want, list(each.values())) for number, each in lines.items()}

    def _provenance(self, want: Want, people: People, steps: Sequence[Step]) -> Mapping[int, Any]:
        lines: dict[int, list[dict[str, str | None]]] = {number: [] for number in people.numbers}
        for pending in (pending for step in steps for pending in step.pending if pending.answer is not None):
            assert pending.answer is not None
            for coordinate in pending.coordinates:
                line = {"attribute": self.hub.public_name(coordinate), "source": pending.part.source, "as_of": moment(pending.answer.as_of)}
                for number in pending.people:
                    lines[number].append(line)
        return {number: shaped(want, each) for number, each in lines.items()}

    async def why(self, enquiry: Enquiry, coordinate: str, person: str | None) -> list[str]:
        """Why a field is or is not released, for one person if one is named by the requester's own identifier.

        Raises:
            Unknown: the requester may not know of this person.
        """
        lines = self.hub.policies.why(enquiry.requester, enquiry.purpose, coordinate, None, enquiry.now.date())
        if person is None:
            return lines
        people = await self.known_of(enquiry, [self.hub.pseudonyms.resolve(enquiry.requester.receiver, person) or 0])
        if not people.numbers:
            raise Unknown("this requester knows no such person", "use an identifier from this requester's own answers")
        number = people.numbers[0]
        mask = people.masks.get(number, 0)
        consented = [each.value for each in Category if mask & each.bit]
        return [
            *lines,
            f"This person: {'an own case' if number in people.own else 'not an own case'}.",
            f"Consented for this purpose to: {', '.join(consented) or 'nothing'}.",
        ]


def _by_age(want: Want) -> Callable[[Mapping[str, Any]], str]:
    """The oldest member first, where the answer shows ages: an order by what it does not show would tell two requesters who is who."""
    field = want.first("birth_date") or want.first("birth_year")
    return lambda member: str((member[field.key] if field else None) or "unknown")
