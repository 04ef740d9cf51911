"""How people stand to a requester: whose own case they are, what they consented to, which household they belong to.

A page of the case load, its consents and its households are one statement, however many rows; so is the standing of
people named one by one. The statements run as prepared text: they are the first thing every enquiry waits for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

import sqlalchemy as sa

from privacy.links import CHEAP, Keys, Links
from stanzas import FAIR_USE, ConsentRules
from tables.database import Database, Row, among
from tables.identity import consent, link, own_case, person
from tables.oversight.inspection import glass
from tables.statement import Statement
from values import COUNTED_BIT, Enquiry, Role

DAY = 86_400

HOME, CONSENTED, OWN, LINKED = range(4)
"""What a row about one person tells: its household, a consent, that it is an own case, and from here on a key in each source."""


@dataclass(slots=True)
class People:
    """Some people and how they stand to one requester.

    `numbers` are in the order of the answer. `own` are those of them that are own cases, `masks` the bits of the
    categories each consented to. A set that equals all of them is kept as `everyone_own`, so that a page of own cases
    costs no look-ups; so are in `everyone_consented` the categories that each of them consented to. `counted` are those
    with a consent that may be used only so often: they have no mask until `privacy/uses.py` has counted this use. `keys` are
    their keys in the sources that were named when the page was read, `more` says that the page has a next one.
    `glass` are the categories that a broken glass opens of each.
    """

    numbers: Sequence[int]
    own: frozenset[int] | set[int] = frozenset()
    masks: dict[int, int] = field(default_factory=dict)
    households: dict[int, int | None] = field(default_factory=dict)
    itself: int | None = None
    everyone_own: bool = False
    everyone_consented: int = 0
    positions: dict[int, str] = field(default_factory=dict)
    keys: dict[str, Keys] = field(default_factory=dict)
    more: bool = False
    counted: Sequence[int] = ()
    glass: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take out the masks of those whose use is to be counted first; where there are none it costs one comparison a mask."""
        masks = self.masks
        if masks and max(masks.values()) >= COUNTED_BIT:
            self.counted = [number for number, mask in masks.items() if mask >= COUNTED_BIT]
            for number in self.counted:
                del masks[number]
            self.everyone_consented = 0


class Standing:
    """Reads standings from the hub's own tables."""

    def __init__(self, database: Database, links: Links, rules: ConsentRules = FAIR_USE) -> None:
        """Prepare the few statements there are."""
        self.rules = rules
        self._highest, self._turn = 1, 0
        self.database = database
        self.links = links
        self._pages: dict[tuple[tuple[str, ...], bool], Statement] = {}
        self._opened = consent.c.categories.op("&")(sa.bindparam("ceiling", type_=sa.BigInteger))
        # Wrapped, so that the receiver is compared in the few rows of a person and purpose, not looked up twice a person.
        receiver = sa.func.coalesce(consent.c.receiver, "")
        self._live = live = sa.and_(
            consent.c.purpose == sa.bindparam("purpose"),
            sa.or_(receiver == sa.bindparam("receiver", type_=sa.Text), receiver == sa.bindparam("receiver_class", type_=sa.Text)),
            consent.c.ends_at > sa.bindparam("now"),
            consent.c.withdrawn_at.is_(None),
            consent.c.granted_at > sa.bindparam("granted_after"),
        )
        self._count = database.prepare(sa.select(sa.func.count()).where(own_case.c.organisation == sa.bindparam("organisation")))
        self._position = database.prepare(
            sa.select(own_case.c.position).where(
                own_case.c.organisation == sa.bindparam("organisation"), own_case.c.person == sa.bindparam("person")
            )
        )
        member, its_case = person.alias("member"), own_case.alias("its_case")
        its_own = sa.exists().where(own_case.c.organisation == sa.bindparam("organisation"), own_case.c.person == person.c.number)
        # A scalar subquery, because a planner may turn a join or a nested EXISTS around and walk the whole case load for a stranger.
        a_case = (
            sa.select(sa.literal_column("1"))
            .where(its_case.c.organisation == sa.bindparam("organisation"), its_case.c.person == member.c.number)
            .correlate(member)
            .scalar_subquery()
        )
        its_households = sa.exists().where(member.c.household == person.c.household, a_case.is_not(None))
        columns = sa.select(person.c.number, person.c.household, sa.or_(its_own, its_households), self._opened)
        joined = person.outerjoin(consent, sa.and_(consent.c.person == person.c.number, live))
        self._ones: dict[tuple[str, ...], Statement] = {}
        self._some = database.prepare(columns.select_from(joined).where(among(person.c.number, "people", "whole")))
        self._members = database.prepare(
            columns.select_from(joined)
            .where(among(person.c.household, "households", "whole"))
            .order_by(person.c.household, person.c.number)
        )
        unbroken = glass.c.officer == sa.bindparam("officer"), glass.c.ends_at > sa.bindparam("now"), glass.c.state == sa.literal("open")
        self._glass = database.prepare(sa.select(glass.c.person, glass.c.categories).where(*unbroken))
        self._households = database.prepare(sa.select(person.c.number, person.c.household).where(among(person.c.number, "people", "whole")))

    def _of(self, enquiry: Enquiry) -> dict[str, object]:
        return {"organisation": enquiry.requester.organisation or "", **live_values(enquiry, self.rules)}

    async def page(self, enquiry: Enquiry, after: str, first: int, sources: Collection[str] = (), *, places: bool = False) -> People:
        """A page of the requester's organisation's own cases, after a position, in the order of its own keys.

        Consents and the keys in `sources` come in the same statement; a person with several of either has several rows.
        `places` asks for the positions too, which only cursors need.
        """
        named = tuple(sorted(sources))
        statement = self._pages.get((named, places))
        if statement is None:
            statement = self._pages[named, places] = self.database.prepare(self._page(named, places=places))
        rows = await self.database.fetch(statement, {**self._of(enquiry), "after": after, "first": first + 1}, rows=first // CHEAP)
        if not rows:
            return People((), itself=enquiry.requester.person, everyone_own=True, keys={source: Keys() for source in named})
        people, categories, *stored = zip(*rows, strict=True)
        numbers = [*dict.fromkeys(people)]
        more = len(numbers) > first
        if more:
            kept = people.index(numbers.pop())
            people, categories, stored = people[:kept], categories[:kept], [each[:kept] for each in stored]
        positions = dict(zip(people, stored.pop(), strict=True)) if places else {}
        masks, common = consented(people, categories)
        keys = {source: self.links.read(source, people, each) for source, each in zip(named, stored, strict=True)}
        return People(numbers, frozenset(numbers), masks, {}, enquiry.requester.person, True, common, positions, keys, more)

    def _page(self, sources: Sequence[str], *, places: bool) -> sa.Select[Any]:
        page = (
            sa.select(own_case.c.position, own_case.c.person)
            .where(own_case.c.organisation == sa.bindparam("organisation"), own_case.c.position > sa.bindparam("after"))
            .order_by(own_case.c.position)
            .limit(sa.bindparam("first"))
            .subquery("page")
        )
        joined = page.outerjoin(consent, sa.and_(consent.c.person == page.c.person, self._live))
        columns = sa.select(page.c.person, self._opened)
        wanted = _with_keys(columns, joined, page.c.person, sources).order_by(page.c.position)
        return wanted.add_columns(page.c.position) if places else wanted

    async def count(self, enquiry: Enquiry) -> int:
        """How many own cases the requester's organisation has."""
        return int((await self.database.fetch(self._count, self._of(enquiry)))[0][0])

    async def position(self, enquiry: Enquiry, number: int) -> str | None:
        """Where a person stands in the case load; None when not in it."""
        rows = await self.database.fetch(self._position, {**self._of(enquiry), "person": number})
        return rows[0][0] if rows else None

    def somebody(self) -> int:
        """The number of somebody or other, to be looked up and forgotten where nobody was meant.

        To find nothing is less work for a database than to find somebody who may not be known; one question does not show it, thousands do.
        """
        self._turn += 7919
        return 1 + self._turn % self._highest

    async def of_one(self, enquiry: Enquiry, number: int, sources: Collection[str] = ()) -> People:
        """The standing of one person and its keys in `sources`, in one statement; nobody where the hub knows no such person."""
        named = tuple(sorted(sources))
        statement = self._ones.get(named)
        if statement is None:
            statement = self._ones[named] = self.database.prepare(self._one(named))
        rows = await self.database.fetch(statement, {**self._of(enquiry), "person": number})
        home: list[int | None] = []
        mask, own = 0, False
        stored: dict[str, list[str | None]] = {source: [] for source in named}
        for kind, value, text in rows:
            if kind >= LINKED:
                stored[named[kind - LINKED]].append(text)
            elif kind == CONSENTED:
                mask |= value
            elif kind == OWN:
                own = True
            else:
                home.append(value)
        itself = enquiry.requester.person
        if not home:
            return People((), itself=itself, everyone_own=True, keys={source: Keys() for source in named})
        self._highest = max(self._highest, number)
        found = People(
            [number],
            {number} if own else set(),
            {number: mask} if mask else {},
            {number: home[0]},
            itself,
            own,
            mask,
            keys={source: self.links.read(source, [number] * len(each), each) for source, each in stored.items()},
        )
        return await self._through_glass(enquiry, found)

    def _one(self, sources: Sequence[str]) -> sa.CompoundSelect[Any]:
        """One person in rows of (what, number, text), each found by its own index: a join of as many tables takes thrice the time."""
        here, nothing = sa.bindparam("person", type_=sa.BigInteger), sa.cast(sa.null(), sa.Text)
        none = sa.cast(sa.null(), sa.BigInteger)
        member = person.alias("member")
        theirs = sa.select(own_case.c.person).where(own_case.c.organisation == sa.bindparam("organisation"), own_case.c.person == here)
        home = sa.select(person.c.household).where(person.c.number == here).scalar_subquery()
        a_case = (
            sa.select(sa.literal_column("1"))
            .where(own_case.c.organisation == sa.bindparam("organisation"), own_case.c.person == member.c.number)
            .correlate(member)
            .scalar_subquery()
        )
        together = sa.select(member.c.number).where(member.c.household == home, a_case.is_not(None))
        parts = [
            sa.select(_what(HOME), person.c.household, nothing).where(person.c.number == here),
            sa.select(_what(CONSENTED), self._opened, nothing).where(consent.c.person == here, self._live),
            sa.select(_what(OWN), none, nothing).where(sa.or_(sa.exists(theirs), sa.exists(together))),
            *(
                sa.select(_what(LINKED + place), none, sa.cast(link.c.key, sa.Text)).where(link.c.source == source, link.c.person == here)
                for place, source in enumerate(sources)
            ),
        ]
        return sa.union_all(*parts)

    async def of(self, enquiry: Enquiry, numbers: Sequence[int]) -> People:
        """The standing of given people; the hub does not know those missing from `numbers` afterwards."""
        values = self._of(enquiry)
        if len(numbers) == 1:
            return await self.of_one(enquiry, numbers[0])
        rows = await self.database.fetch(self._some, {**values, "people": numbers}, rows=len(numbers) // CHEAP)
        found = self._people(enquiry, rows)
        known = set(found.numbers)
        found.numbers = [number for number in numbers if number in known]
        return await self._through_glass(enquiry, found)

    async def households(self, people: People) -> None:
        """Fill in the households of people whose standing came from a page."""
        missing = [number for number in people.numbers if number not in people.households]
        if missing:
            rows = await self.database.fetch(self._households, {"people": missing}, rows=len(missing) // CHEAP)
            people.households.update(dict(rows))

    async def members(self, enquiry: Enquiry, households: Iterable[int]) -> People:
        """Everybody of some households, with their standing."""
        wanted = list(households)
        rows = await self.database.fetch(self._members, {**self._of(enquiry), "households": wanted}, rows=len(wanted) * 6 // CHEAP)
        return await self._through_glass(enquiry, self._people(enquiry, rows))

    async def _through_glass(self, enquiry: Enquiry, people: People) -> People:
        """Add what a glass opens that this very officer broke; only inspectors cost a look-up."""
        if enquiry.requester.role is Role.INSPECTOR and people.numbers:
            officer = (enquiry.requester.credential or enquiry.requester.name)[:64]
            rows = await self.database.fetch(self._glass, {"officer": officer, "now": epoch(enquiry.now)})
            known = set(people.numbers)
            for number, categories in rows:
                if number in known:
                    people.glass[number] = people.glass.get(number, 0) | categories
        return people

    @staticmethod
    def _people(enquiry: Enquiry, rows: Sequence[Row]) -> People:
        own: set[int] = set()
        masks: dict[int, int] = {}
        households: dict[int, int | None] = {}
        for number, household, is_own, categories, *_ in rows:
            households[number] = household
            if is_own:
                own.add(number)
            if categories:
                masks[number] = masks.get(number, 0) | categories
        return People(list(households), own, masks, households, enquiry.requester.person, everyone_own=len(own) == len(households))


def consented(people: Sequence[int], categories: Sequence[int | None]) -> tuple[dict[int, int], int]:
    """The bits each person consented to, and those that all of them did; a person has a row for each consent."""
    masks = {number: each or 0 for number, each in zip(people, categories, strict=True)}
    if len(masks) < len(people):
        for number, each in zip(people, categories, strict=True):
            masks[number] |= each or 0
    common = reduce(and_, set(masks.values()))
    return masks if common else {number: each for number, each in masks.items() if each}, common


def _with_keys(columns: sa.Select[Any], joined: sa.FromClause, number: sa.ColumnElement[Any], sources: Sequence[str]) -> sa.Select[Any]:
    """Add the key in each source as a further column."""
    for place, source in enumerate(sources):
        known = link.alias(f"link_{place}")
        joined = joined.outerjoin(known, sa.and_(known.c.source == source, known.c.person == number))
        columns = columns.add_columns(known.c.key)
    return columns.select_from(joined)


def live_values(enquiry: Enquiry, rules: ConsentRules) -> dict[str, object]:
    """What a decision on consents goes by: under which names this requester is meant, for what, now, and no further than the ceiling."""
    requester, ceiling, now = enquiry.requester, rules.ceiling(enquiry.purpose), epoch(enquiry.now)
    return {
        "receiver": requester.organisation or "",
        "receiver_class": f"kind:{requester.organisation_kind}" if requester.verified and requester.organisation_kind else "",
        "purpose": enquiry.purpose.value,
        "now": now,
        "granted_after": now - ceiling.longest_days * DAY,
        "ceiling": ceiling.mask | COUNTED_BIT,
    }


def _what(kind: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(kind), sa.Integer)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970 of an aware datetime."""
    return int(moment.timestamp())
