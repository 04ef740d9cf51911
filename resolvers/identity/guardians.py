"""Guardians: who acts for whom, borne out by a registry, by staff who saw papers, or by the person itself.

That two people live in one household proves nothing here: a parent is one whom the registry names in the child's own entry.
Whoever acts for another does so under a role of its own, `guardian`, for which nothing is allowed that no rule says; so every
step, consent and look of a guardian reads as a guardian's.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, NotPermitted, Unknown
from privacy.names import compare, readable
from privacy.sealing import Seal
from privacy.standing import epoch
from resolvers.gather import Gathering, moment_of
from resolvers.identity.enrolment import SURE
from resolvers.identity.registry import Kept, Registry
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import Change
from tables.identity import person
from tables.identity.guardians import guardianship
from tables.writing import step
from values import Act, Enquiry, PersonNumber, Requester, Role, Scheme

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from tables.database import Database

COLUMNS = tuple(guardianship.c)
OF_AGE = 18
"""Years; a parent's guardianship ends on this birthday. Source: Iraqi Civil Code (Law 40 of 1951), article 106."""

LONGEST_SECONDS = 5 * 366 * 86400
"""No guardianship but a parent's is for longer; a court or the person names it anew."""

PARENT = 80
"""Points from which the name in the child's entry is the applicant's: there it is written short, as a name and the father's."""

INVITED_SECONDS = 86400
DAY = 86400
TRIES = 5


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What staff witnesses: who acts for whom, by the identifiers of their organisation, on what papers."""

    guardian: str
    ward: str
    kind: str
    acts: tuple[Act, ...]
    ends_at: int
    papers: tuple[str, ...]


class GuardianCommands(Room):
    """Guardianships: begun, used, ended."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.registry = Registry(hub)
        self._seal = Seal(hub.ring, "invitation", "guardian")
        self.roots: dict[str, Answers] = {"wards": self.wards, "guardians": self.guardians, "invitation": self.invitation}
        prepare = hub.database.prepare
        in_force = guardianship.c.ended_at.is_(None), guardianship.c.ends_at > sa.bindparam("now")
        mine = guardianship.c.guardian == sa.bindparam("guardian")
        self._add = prepare(sa.insert(guardianship).values({column.name: sa.bindparam(column.name) for column in COLUMNS}))
        self._between = prepare(sa.select(*COLUMNS).where(mine, guardianship.c.ward == sa.bindparam("ward"), *in_force))
        self._wards = prepare(sa.select(*COLUMNS).where(mine).order_by(guardianship.c.begun_at, guardianship.c.id))
        self._guardians = prepare(
            sa.select(*COLUMNS).where(guardianship.c.ward == sa.bindparam("ward")).order_by(guardianship.c.begun_at, guardianship.c.id)
        )
        self._hold = prepare(sa.select(*COLUMNS).where(guardianship.c.id == sa.bindparam("id")).with_for_update())
        self._end = prepare(sa.update(guardianship).where(guardianship.c.id == sa.bindparam("which")).values(ended_at=sa.bindparam("at")))
        self._tries = prepare(sa.select(sa.func.count()).where(step.c.thing == sa.bindparam("thing"), step.c.at > sa.bindparam("since")))
        self._homes = prepare(
            sa.select(person.c.number, person.c.household).where(person.c.number.in_([sa.bindparam("one"), sa.bindparam("other")]))
        )

    # --- acting --------------------------------------------------------------------------------------------------

    async def acting(self, requester: Requester, ward: str, now: datetime) -> Requester:
        """The requester in the place of another, whom it names by its own identifier.

        Raises:
            NotPermitted: it may not act for this person, who is not told apart from nobody.
        """
        number = self.hub.pseudonyms.resolve(requester.receiver, ward)
        rows = []
        if requester.role is Role.PERSON and requester.person is not None:
            values = {"guardian": requester.person, "ward": number or 0, "now": epoch(now)}
            rows = await self.hub.database.fetch(self._between, values)
        if not rows:
            raise NotPermitted(
                "this requester may not act for such a person", "send Mizalla-Acting-For with the `person` of one of `wards`"
            )
        given = [_named(row) for row in rows]
        acts = tuple(act for act in Act if any(act.value in each["acts"].split() for each in given))
        return replace(
            requester, name="guardian", role=Role.GUARDIAN, person=PersonNumber(given[0]["ward"]), acts=acts, guardianship=given[0]["id"]
        )

    # --- beginning -----------------------------------------------------------------------------------------------

    async def apply(self, enquiry: Enquiry, scheme: Scheme, number: str, name: str, birth_year: int) -> dict[str, Any]:
        """Apply, as a parent, for a child whose entry in the registry names the applicant.

        Raises:
            NotPermitted: the requester is no person, or nobody enrols here.
            Invalid: the number or name cannot be read.
            LimitReached: the applicant tried too often today.
        """
        itself = self._itself(enquiry)
        blind = self.registry.blind(scheme, number)
        try:
            called = readable(name)
        except ValueError as error:
            raise Invalid("this name cannot be read", str(error), "name") from None
        thing, now = f"wards:{itself}", epoch(enquiry.now)
        await self._hold_back(self.hub.database, thing, now)
        child = await self.registry.look(blind, enquiry.now)
        parent = await self.registry.of(itself, b"", enquiry.now)
        together = await self._together(itself, child.person or 0)
        of_age = _of_age(child.birth_date)
        fits = (
            together and child.birth_year == birth_year and compare(called, child.name or "-").score >= SURE and _parent_of(child, parent)
        )

        async def work(change: Change) -> dict[str, Any]:
            # Once more: of many at once, each looked before the others were written. Of two that now write the same step, one is refused.
            await self._hold_back(change, thing, now)
            begun = None
            if fits and child.person is not None and child.person != itself and of_age is not None and of_age > now:
                begun = await self._begun(change, itself, child.person, "parent", "registry", tuple(Act), of_age, source=self._source())
            await change.step(thing, "apply", "established" if begun else "open")
            return {"status": "ESTABLISHED" if begun else "NEEDS_REVIEW", "guardianship": begun and self._ward_row(enquiry, begun)}

        return await self.hub.writing.run(enquiry, "guardianship.apply", work)

    async def _hold_back(self, reads: Database | Change, thing: str, now: int) -> None:
        ((tries,),) = await reads.fetch(self._tries, {"thing": thing, "since": now - DAY})
        if tries >= TRIES:
            raise LimitReached("this was tried too often today", "go to an organisation of the umbrella with the papers", DAY)

    async def witness(self, enquiry: Enquiry, seen: Witnessed) -> dict[str, Any]:
        """Establish what staff saw papers of, between two people whom their organisation knows.

        Raises:
            NotPermitted: the requester is no caseworker of a verified organisation.
            Unknown: one of the two is nobody whom this organisation may know.
            Invalid: no papers for it, nothing it is for, or an end that cannot stand.
        """
        self.hub.demand(enquiry, "enrolment.witness")
        numbers = [self.hub.pseudonyms.resolve(enquiry.requester.receiver, each) or 0 for each in (seen.guardian, seen.ward)]
        people = await self.hub.standing.of(enquiry, numbers)
        self.hub.identity.people.known(enquiry, people)
        if set(people.numbers) != set(numbers) or numbers[0] == numbers[1]:
            raise Unknown("this requester knows no such two people", "use identifiers from this requester's own answers")
        if not seen.papers or (seen.kind == "court" and "court_order" not in seen.papers):
            raise Invalid("this needs a paper that shows it", "name the kinds of papers seen; a court's decision for `COURT`", "papers")
        ends_at = _end(seen.ends_at, epoch(enquiry.now))
        if seen.kind == "parent":
            child = await self.registry.of(numbers[1], b"", enquiry.now)
            of_age = _of_age(child.birth_date)
            if of_age is None or of_age <= epoch(enquiry.now):
                raise Conflict("the registry does not know this person as a child", "a court, or the person itself, may name a guardian")
            ends_at = min(of_age, seen.ends_at)

        async def work(change: Change) -> dict[str, Any]:
            organisation = enquiry.requester.organisation
            begun = await self._begun(
                change, numbers[0], numbers[1], seen.kind, "witness", _acts(seen.acts), ends_at, organisation=organisation
            )
            return _shown(begun, seen.ward)

        return await self.hub.writing.run(enquiry, "guardianship.witness", work)

    async def invitation(self, gathering: Gathering, field: Field) -> Any:
        """A text by which somebody may name the person that asks as its guardian, for a day; None for who is no person."""
        assert field.want is not None
        enquiry = gathering.enquiry
        if enquiry.requester.person is None or not self.hub.may(enquiry, "wallet.keep"):
            return None
        ends_at = epoch(enquiry.now) + INVITED_SECONDS
        payload = secrets.token_bytes(16) + int(enquiry.requester.person).to_bytes(8) + ends_at.to_bytes(8)
        return shaped(field.want, {"text": self._seal.close(payload, self.hub.ring.current), "ends_at": moment_of(ends_at)})

    async def grant(self, enquiry: Enquiry, invitation: str, acts: tuple[Act, ...], ends_at: int) -> dict[str, Any]:
        """Name a guardian of one's own, by the invitation it gave.

        Raises:
            NotPermitted: the requester is no person.
            Invalid: the invitation cannot be read or has ended, nothing it is for, or an end that cannot stand.
        """
        itself, now = self._itself(enquiry), epoch(enquiry.now)
        opened = self._seal.open(invitation[:400])
        guardian = int.from_bytes(opened[16:24]) if opened and int.from_bytes(opened[24:]) > now else itself
        if guardian == itself:
            raise Invalid("this is no invitation, or it has ended", "ask whoever shall act for you for a new one", "invitation")
        wanted, until = _acts(acts), _end(ends_at, now)

        async def work(change: Change) -> dict[str, Any]:
            begun = await self._begun(change, guardian, itself, "named", "ward", wanted, until)
            return _shown(begun, None)

        return await self.hub.writing.run(enquiry, "guardianship.grant", work)

    async def _begun(  # noqa: PLR0913, PLR0917 — each is a column of the row it makes
        self,
        change: Change,
        guardian: int,
        ward: int,
        kind: str,
        basis: str,
        acts: tuple[Act, ...],
        ends_at: int,
        organisation: str | None = None,
        source: str | None = None,
    ) -> dict[str, Any]:
        id_ = secrets.token_hex(16)
        named = " ".join(each.value for each in acts)
        row = {"id": id_, "guardian": guardian, "ward": ward, "kind": kind, "basis": basis, "organisation": organisation, "source": source}
        row |= {"acts": named, "begun_at": change.now, "ends_at": ends_at, "ended_at": None}
        await change.execute(self._add, row)
        await change.step(f"guardianship:{id_}", "begin", "in_force")
        for concerned in (guardian, ward):
            change.tell("wallet_changed", concerned, {"guardianship": id_})
        return row

    # --- ending --------------------------------------------------------------------------------------------------

    async def end(self, enquiry: Enquiry, id: str) -> dict[str, Any]:  # noqa: A002 — as the caller calls it
        """End a guardianship: by either of the two, or by staff of the organisation that witnessed it.

        Raises:
            NotPermitted: the requester is none of these in general.
            Unknown: not in this case; not told apart from none.
            Conflict: it has ended.
        """
        self.hub.demand(enquiry, "guardianship.end")
        requester = enquiry.requester

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"id": id[:33]})
            found = _named(rows[0]) if rows else None
            parties = {found["guardian"], found["ward"]} if found else set()
            witness = found is not None and found["organisation"] is not None and found["organisation"] == requester.organisation
            if found is None or not (requester.person in parties or witness):
                raise Unknown("there is no such guardianship", "read `wards` and `guardians` for their ids")
            if found["ended_at"] is not None or found["ends_at"] <= change.now:
                raise Conflict("it has ended", "nothing is left to do")
            await change.execute(self._end, {"which": found["id"], "at": change.now})
            await change.step(f"guardianship:{found['id']}", "end", "ended")
            for concerned in parties:
                change.tell("wallet_changed", concerned, {"guardianship": found["id"]})
            return _shown({**found, "ended_at": change.now}, None)

        return await self.hub.writing.run(enquiry, "guardianship.end", work)

    # --- reading -------------------------------------------------------------------------------------------------

    async def wards(self, gathering: Gathering, field: Field) -> Any:
        """Whom the person that asks acts, or acted, for."""
        assert field.want is not None
        enquiry = gathering.enquiry
        if enquiry.requester.person is None or not self.hub.may(enquiry, "wallet.keep"):
            return None
        rows = await self.hub.database.fetch(self._wards, {"guardian": enquiry.requester.person})
        return shaped(field.want, [self._ward_row(enquiry, _named(row)) for row in rows])

    async def guardians(self, gathering: Gathering, field: Field) -> Any:
        """Who acts, or acted, for the person that asks."""
        assert field.want is not None
        enquiry = gathering.enquiry
        if enquiry.requester.person is None or not self.hub.may(enquiry, "wallet.keep"):
            return None
        rows = await self.hub.database.fetch(self._guardians, {"ward": enquiry.requester.person})
        return shaped(field.want, [_shown(_named(row), None) for row in rows])

    # --- comparing -----------------------------------------------------------------------------------------------

    def _itself(self, enquiry: Enquiry) -> int:
        self.hub.demand(enquiry, "wallet.keep")
        assert enquiry.requester.person is not None
        return int(enquiry.requester.person)

    def _source(self) -> str:
        return self.registry.settings().source

    def _ward_row(self, enquiry: Enquiry, row: dict[str, Any]) -> dict[str, Any]:
        return _shown(row, self.hub.identifier(enquiry, "person")(row["ward"]))

    async def _together(self, one: int, other: int) -> bool:
        homes: dict[int, int | None] = dict(await self.hub.database.fetch(self._homes, {"one": one, "other": other}))
        return homes.get(one) is not None and homes.get(one) == homes.get(other)


def _parent_of(child: Kept, parent: Kept) -> bool:
    """Whether the child's own entry names the parent, as its mother or as the father in its chain of names."""
    if not (child.name and parent.name and child.mother_name):
        return False
    mother = compare(child.mother_name, parent.name)
    father = compare(child.name.partition(" ")[2], parent.name)
    return any(each.score >= PARENT and "different" not in each.traits for each in (mother, father))


def _of_age(birth_date: str | None) -> int | None:
    """When somebody born on this day comes of age; None where the day is not known."""
    if birth_date is None:
        return None
    born = date.fromisoformat(birth_date)
    leap = born.month == 2 and born.day == 29
    day = date(born.year + OF_AGE, 3, 1) if leap else born.replace(year=born.year + OF_AGE)
    return epoch(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _acts(acts: tuple[Act, ...]) -> tuple[Act, ...]:
    if not acts:
        raise Invalid("a guardianship is for something", "choose what may be done", "acts")
    return tuple(each for each in Act if each in acts)


def _end(ends_at: int, now: int) -> int:
    if not now < ends_at <= now + LONGEST_SECONDS:
        raise Invalid("a guardianship ends in the future, at most five years ahead", "choose an end within five years", "endsAt")
    return ends_at


def _named(row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.name: value for column, value in zip(COLUMNS, row, strict=True)}


def _shown(row: dict[str, Any], ward: str | None) -> dict[str, Any]:
    return {
        "id": row["id"],
        "person": ward,
        "kind": row["kind"].upper(),
        "basis": row["basis"].upper(),
        "witness": row["organisation"],
        "source": row["source"],
        "acts": [each.upper() for each in row["acts"].split()],
        "begun_at": moment_of(row["begun_at"]),
        "ends_at": moment_of(row["ends_at"]),
        "ended_at": moment_of(row["ended_at"]),
    }
