"""The size of need: how many cases wait for what, where and how badly, counted anew every hour and published with care.

A case is a household for needs that a household has together, and a person for all others; one that several organisations
know is one case. What is published is rounded: every count is moved to a neighbouring multiple of five, by a chance that the
count itself decides, so that the same count is published alike however often it is asked for, sums are right on the average,
and a small group differs from an empty one by nothing that could be told. Source: Statistics Netherlands and the Australian
Bureau of Statistics publish so; Fuller, "Masking procedures for microdata disclosure limitation", 1993.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Invalid
from privacy.standing import epoch
from resolvers.aid.coarse import rounded
from resolvers.aid.inputs import kind_of_aid
from resolvers.aid.knobs import SHARED
from resolvers.aid.rules import LIVE
from resolvers.identity.crowd import CLASSES, banded, values_of
from resolvers.oversight.matters import at as at_
from resolvers.room import Answers, Duty, Keys, Room, Shows
from resolvers.want import Field, shaped
from tables.aid import allocation, census, census_cell, nomination, queue_policy, receipt, whereabouts
from tables.database import among
from tables.statement import insert_missing
from values import PUBLIC, Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

LATELY: Final = 90
"""Days within which a case counts as served."""

LARGEST: Final = 8
"""Members from which on households are counted together."""

KEPT_DAYS: Final = 7
"""Days for which every census is kept; after that the first of each day is."""

KEPT_LONG: Final = 1100
WIDTH: Final = 5
"""Points of a band; every class of need begins with one."""

PAGE: Final = 1000
DIMENSIONS: Final = ("need", "governorate", "class")

Counted = Callable[["Change", "Census", Sequence["Cell"]], Any]
"""Is told of a census in the transaction that stores it."""


@dataclass(frozen=True, slots=True)
class Census:
    """One counting."""

    id: int
    at: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Cell:
    """How many cases are alike in need, place, fives of points and size."""

    need: str
    governorate: str
    band: int
    size: int
    cases: int
    unserved: int

    @property
    def class_(self) -> str:
        """The class of need, SEVERE to LOW."""
        return banded(float(self.band * WIDTH), CLASSES)


class Censuses(Room):
    """Counts, keeps and publishes."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.counted: list[Counted] = []
        self.roots: dict[str, Answers] = {"need_counts": self.counts, "censuses": self.listed}
        self.watched: dict[str, tuple[Keys, Shows]] = {"need_counted": (_everybody, self._told)}
        self.duties: dict[str, Duty] = {"census": self._attend}
        self._chance = hub.ring.subkey("census", hub.ring.root)
        self._names = hub.ring.subkey("census digest", hub.ring.root)
        self._prepare()

    def _prepare(self) -> None:
        prepare, dialect = self.hub.database.prepare, self.hub.database.dialect.name
        active = queue_policy.c.active
        waiting = sa.select(nomination.c.person).join(queue_policy, queue_policy.c.id == nomination.c.policy).where(active).distinct()
        self._people = prepare(waiting.where(nomination.c.person > sa.bindparam("after")).order_by(nomination.c.person).limit(PAGE))
        self._everybody = prepare(sa.select(sa.func.count()).select_from(waiting.subquery("waiting")))
        self._unplace = prepare(sa.delete(whereabouts).where(among(whereabouts.c.person, "people", "whole")))
        self._place = prepare(sa.insert(whereabouts))
        gone = sa.delete(whereabouts).where(~sa.exists().where(nomination.c.person == whereabouts.c.person))
        self._forget = prepare(gone)
        self._count = prepare(_counting())
        self._insert = prepare(insert_missing(census, dialect))
        self._cells = prepare(sa.insert(census_cell))
        newest = sa.select(census.c.id, census.c.at, census.c.digest).order_by(census.c.id.desc())
        self._newest = prepare(newest.limit(1))
        self._one = prepare(newest.where(census.c.id == sa.bindparam("which")))
        self._some = prepare(newest.limit(sa.bindparam("first")))
        self._of_day = prepare(sa.select(sa.func.count()).select_from(census).where(census.c.at >= sa.bindparam("morning")))
        columns = [census_cell.c[name] for name in ("need", "governorate", "band", "size", "cases", "unserved")]
        read = sa.select(*columns).where(census_cell.c.census == sa.bindparam("which")).order_by(*columns[:4])
        self._read = prepare(read)
        old = sa.or_(
            sa.and_(census.c.at < sa.bindparam("lately"), ~census.c.daily), census.c.at < sa.bindparam("long_ago", type_=sa.BigInteger)
        )
        self._old = prepare(sa.select(census.c.id).where(old))
        self._drop = [
            prepare(sa.delete(census_cell).where(among(census_cell.c.census, "censuses", "whole"))),
            prepare(sa.delete(census).where(among(census.c.id, "censuses", "whole"))),
        ]

    # --- counting ------------------------------------------------------------------------------------------------

    async def place(self, told: Callable[[int, int], None]) -> int:
        """Note in which governorate everybody in a queue lives, as the registries say; gives how many were found.

        Only the governorate is kept, and only as long as somebody has a place in a queue.

        Raises:
            SourceError: a source failed; what was noted before stands.
        """
        database = self.hub.database
        ((everybody,),) = await database.fetch(self._everybody)
        found = done = after = 0
        while numbers := [row[0] for row in await database.fetch(self._people, {"after": after}, rows=PAGE)]:
            known = [
                (number, each["governorate"]) for number, each in (await values_of(self.hub, numbers)).items() if each.get("governorate")
            ]
            async with database.transaction() as tx:
                await tx.execute(self._unplace, {"people": numbers})
                await tx.execute_many(self._place, [{"person": number, "governorate": place} for number, place in known])
            found, done, after = found + len(known), done + len(numbers), numbers[-1]
            told(done, everybody)
        async with database.transaction() as tx:
            await tx.execute(self._forget)
        return found

    async def take(self, now: datetime) -> Census:
        """Count, once in an interval: whoever comes second in it gets the census of the first."""
        at = epoch(now)
        number = at // (self.hub.settings.hub.census.minutes * 60)
        rows = await self.hub.database.fetch(self._one, {"which": number})
        if rows:
            return _census(rows[0])
        since = (now.date() - timedelta(days=LATELY)).isoformat()
        counted = [Cell(*row) for row in await self.hub.database.fetch(self._count, {"since": since}, rows=PAGE)]
        counted.sort(key=lambda each: (each.need, each.governorate, each.band, each.size))
        plain = [[each.need, each.governorate, each.band, each.size, each.cases, each.unserved] for each in counted]
        digest = blake2b(orjson.dumps(plain), digest_size=32).digest()
        morning = int(datetime(now.year, now.month, now.day, tzinfo=UTC).timestamp())

        async def work(change: Change) -> dict[str, Any]:
            daily = (await change.fetch(self._of_day, {"morning": morning}))[0][0] == 0
            await change.execute(self._insert, {"id": number, "at": at, "daily": daily, "digest": digest})
            ((_, kept_at, kept),) = await change.fetch(self._one, {"which": number})
            if kept_at != at or bytes(kept) != digest or await change.fetch(self._read, {"which": number}):
                return {}  # another process was first
            await change.execute_many(self._cells, [{"census": number, **_columns(each)} for each in counted])
            ages = {"lately": at - KEPT_DAYS * 86_400, "long_ago": at - KEPT_LONG * 86_400}
            old = [row[0] for row in await change.fetch(self._old, ages)]
            for drop in self._drop:
                await change.execute(drop, {"censuses": old})
            for each in self.counted:
                await each(change, Census(number, at, digest), counted)
            change.tell("need_counted", "everybody", {"census": number})
            return {}

        await self.hub.writing.run(Enquiry(PUBLIC, Purpose.STATISTICS, now), "census.take", work)
        return _census((await self.hub.database.fetch(self._one, {"which": number}))[0])

    async def _attend(self) -> None:
        """Take a census in every interval while the hub is served."""
        while True:
            await self.take(datetime.now(UTC))
            seconds = self.hub.settings.hub.census.minutes * 60
            await asyncio.sleep(seconds - datetime.now(UTC).timestamp() % seconds + 1)

    # --- publishing ----------------------------------------------------------------------------------------------

    async def cells(self, number: int | None) -> tuple[Census, list[Cell]] | None:
        """A census with its counts, exact; the newest where none is named, None where there is none."""
        fetch = self.hub.database.fetch
        rows = await fetch(self._newest) if number is None else await fetch(self._one, {"which": number})
        if not rows:
            return None
        found = _census(rows[0])
        return found, [Cell(*row) for row in await fetch(self._read, {"which": found.id}, rows=PAGE)]

    def published(self, place: Sequence[str], measure: str, count: int) -> int:
        """A count as it may be known: a neighbouring multiple of five, always the same for the same place and count."""
        return rounded(self._chance, place, measure, count)

    def named(self, taken: Census) -> str:
        """By what anybody knows a census again; its own digest would let whoever guesses exact counts see that they are right."""
        return blake2b(orjson.dumps([taken.id, taken.digest.hex()]), key=self._names, digest_size=32).hexdigest()

    def grouped(self, cells: Sequence[Cell], by: Sequence[str]) -> list[dict[str, Any]]:
        """Published counts of every group of cases alike in some dimensions, in order; none that rounds to nothing.

        Each need, governorate and class is rounded by itself, and everything else is a sum of these: what is left of a whole less
        its parts is nothing, hour after hour, so that no mean of many such differences tells a small count.
        """
        finest: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for each in cells:
            group = finest[each.need, each.governorate, each.class_]
            group[0] += each.cases
            group[1] += each.unserved
        groups: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for place, (cases, unserved) in finest.items():
            named = [f"{name}={value}" for name, value in zip(DIMENSIONS, place, strict=True)]
            shown = self.published(named, "cases", cases)
            said = dict(zip(DIMENSIONS, place, strict=True))
            group = groups[tuple(said[name] for name in by)]
            group[0] += shown
            group[1] += min(shown, self.published(named, "unserved", unserved))
        found = []
        for place, (cases, unserved) in sorted(groups.items()):
            if cases:
                row: dict[str, Any] = dict.fromkeys(DIMENSIONS)
                row.update(zip(by, (value or None for value in place), strict=True))
                found.append({**row, "cases": cases, "unserved": unserved})
        return found

    async def counts(self, gathering: Gathering, field: Field) -> Any:
        """The counts of a census by some dimensions, within some of their values."""
        assert field.want is not None
        arguments = field.arguments(gathering.variables)
        by = list(dict.fromkeys(str(getattr(each, "value", each)) for each in arguments["by"]))
        if not by:
            raise Invalid("counts are by something", "name NEED, GOVERNORATE or CLASS", "by")
        found = await self.cells(census_number(arguments.get("census")))
        if found is None:
            return None
        taken, cells = found
        wanted = within(arguments)
        cells = [each for each in cells if wanted(each)]
        chosen = [name for name in DIMENSIONS if name in by or arguments.get(name) is not None]
        rows = self.grouped(cells, chosen)
        return shaped(field.want, {"census": str(taken.id), "taken_at": at_(taken.at), "digest": self.named(taken), "counts": rows})

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """The newest censuses there are."""
        assert field.want is not None
        first = field.arguments(gathering.variables)["first"]
        if not 1 <= first <= PAGE:
            raise Invalid(f"`first` is outside 1 to {PAGE}", f"ask for a page of at most {PAGE}", "first")
        rows = [_census(row) for row in await self.hub.database.fetch(self._some, {"first": first})]
        return shaped(field.want, [{"census": str(each.id), "taken_at": at_(each.at), "digest": self.named(each)} for each in rows])

    async def _told(self, gathering: Gathering, field: Field, news: dict[str, Any]) -> Any:
        assert field.want is not None
        rows = await self.hub.database.fetch(self._one, {"which": news["census"]})
        taken = _census(rows[0])
        del gathering
        return shaped(field.want, {"census": str(taken.id), "taken_at": at_(taken.at), "digest": self.named(taken)})


def census_number(text: Any) -> int | None:
    """The census somebody names; one that nobody took where it is no number."""
    if text is None:
        return None
    return int(text) if str(text).isdecimal() and len(str(text)) < 16 else 0


def within(arguments: Mapping[str, Any]) -> Callable[[Cell], bool]:
    """Whether a cell lies within what the arguments name of need, governorate and class.

    Raises:
        Invalid: no such need.
    """
    plain = {name: str(getattr(each, "value", each)) for name, each in arguments.items() if name in DIMENSIONS and each is not None}
    if "need" in plain:
        plain["need"] = kind_of_aid(plain["need"], "need")

    def wanted(cell: Cell) -> bool:
        said = {"need": cell.need, "governorate": cell.governorate, "class": cell.class_}
        return all(said[name] == value for name, value in plain.items())

    return wanted


def _counting() -> sa.Select[Any]:
    """Cases in groups: first every place in a queue, then one case of those that are the same, then those alike."""
    live = sa.or_(*(allocation.c.status == state for state in LIVE))
    need, since = queue_policy.c.need, sa.bindparam("since", type_=sa.Text)
    given = sa.exists().where(
        allocation.c.person == nomination.c.person, allocation.c.kind == need, live, allocation.c.allocated_on >= since
    )
    brought = sa.exists().where(receipt.c.person == nomination.c.person, receipt.c.kind == need, receipt.c.given_on >= since)
    together = sa.and_(sa.or_(*(need == each for each in sorted(SHARED))), nomination.c.household.is_not(None))
    largest: sa.ColumnElement[int] = sa.literal_column(str(LARGEST), sa.Integer)
    size = sa.case((nomination.c.size > largest, largest), (nomination.c.size < 1, sa.literal_column("1")), else_=nomination.c.size)
    band = sa.case((nomination.c.points >= 100_000, sa.literal_column("19")), else_=nomination.c.points // (WIDTH * 1000))
    places = (
        sa.select(
            need.label("need"),
            sa.case((together, nomination.c.household), else_=-nomination.c.person).label("one"),
            sa.func.coalesce(whereabouts.c.governorate, sa.literal_column("''")).label("governorate"),
            band.label("band"),
            size.label("size"),
            sa.case((sa.or_(given, brought), sa.literal_column("0")), else_=sa.literal_column("1")).label("unserved"),
        )
        .select_from(nomination)
        .join(queue_policy, queue_policy.c.id == nomination.c.policy)
        .outerjoin(whereabouts, whereabouts.c.person == nomination.c.person)
        .where(queue_policy.c.active)
        .subquery("places")
    )
    most = sa.func.max
    cases = (
        sa.select(
            places.c.need,
            most(places.c.governorate).label("governorate"),
            most(places.c.band).label("band"),
            most(places.c.size).label("size"),
            sa.func.min(places.c.unserved).label("unserved"),
        )
        .group_by(places.c.need, places.c.one)
        .subquery("cases")
    )
    alike = (cases.c.need, cases.c.governorate, cases.c.band, cases.c.size)
    return sa.select(*alike, sa.func.count(), sa.cast(sa.func.sum(cases.c.unserved), sa.Integer)).group_by(*alike)


def _columns(cell: Cell) -> dict[str, Any]:
    return {name: getattr(cell, name) for name in Cell.__dataclass_fields__}


def _census(row: Sequence[Any]) -> Census:
    return Census(row[0], row[1], bytes(row[2]))


def _everybody(enquiry: Enquiry) -> str:
    """Anyone may watch: what is told is open."""
    del enquiry
    return "everybody"
