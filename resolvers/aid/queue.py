"""The nomination queue as its organisation reads it: who is next, and why, as far as it may know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Invalid
from privacy.standing import People
from resolvers.aid.inputs import kind_of_aid
from resolvers.aid.needs import AT_ONCE, BOUNDS, Needs, changed_body
from resolvers.aid.ranking import HUB, PLACE, Ranking, households_of
from resolvers.aid.scores import LEAST_POINTS, Gift, Place, Policy, priority, weighed
from resolvers.aid.words import reason
from resolvers.events import NOTHING
from resolvers.gather import Gathering
from resolvers.room import Answers, Keys, Room, Shows
from resolvers.want import Field, Want, shaped
from tables.aid import nomination
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub

FIRST: Final = -(2**63)
COARSE: Final = 10
"""Where somebody may not know what others gave, figures are rounded to whole tens, so that nothing can be reckoned back from them."""
CURSOR: Final = "queue"


@dataclass(frozen=True, slots=True)
class Standing:
    """A place on a page, with what counts for it."""

    number: int
    place: Place
    gifts: Sequence[Gift]


Beside = Mapping[str, Callable[[Field, Sequence[Standing]], Awaitable[list[Any]]]]
"""Further fields of a place, by name, each given for a whole page."""


class Queue(Room):
    """Who is next."""

    def __init__(self, hub: Hub, ranking: Ranking, needs: Needs) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.ranking = ranking
        self.needs = needs
        self.roots: dict[str, Answers] = {"queue": self.queue, "queue_what_if": self.what_if}
        self.watched: dict[str, tuple[Keys, Shows]] = {"queue_moved": (self._organisation, self._moved)}
        prepare = hub.database.prepare
        key = sa.tuple_(nomination.c.order_key, nomination.c.arrived, nomination.c.person)
        after = sa.tuple_(*(sa.bindparam(name, type_=sa.BigInteger) for name in ("after_key", "after_arrived", "after_person")))
        self._page = prepare(
            sa.select(*PLACE)
            .where(
                nomination.c.policy == sa.bindparam("in_policy"),
                nomination.c.order_key >= sa.bindparam("least", type_=sa.BigInteger),
                key > after,
            )
            .order_by(nomination.c.order_key, nomination.c.arrived, nomination.c.person)
            .limit(sa.bindparam("first"))
        )
        self._count = prepare(sa.select(sa.func.count()).where(nomination.c.policy == sa.bindparam("in_policy")))
        self._whole = prepare(sa.select(*PLACE).where(nomination.c.policy == sa.bindparam("in_policy")).limit(AT_ONCE + 1))

    # --- reading -------------------------------------------------------------------------------------------------

    async def queue(self, gathering: Gathering, field: Field) -> Any:
        """A page of the own queue of a need."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "queue.read")
        need, first = kind_of_aid(_text(arguments["need"]), "need"), self.first(arguments["first"])
        cursor = self.opened(enquiry, need, arguments.get("after"))
        policy = await self.ranking.active(self.hub.database, str(enquiry.requester.organisation), need)
        rows = await self.page(policy, first + 1, cursor) if policy is not None else []
        page = [(cursor[3] + number, each) for number, each in enumerate(rows[:first], 1)]
        assert field.want is not None
        return await self._connection(gathering, field.want, policy, page, more=len(rows) > first, began=arguments.get("after") is not None)

    async def page(self, policy: Policy, first: int, after: tuple[int, int, int, int]) -> list[Place]:
        """So many places after a place."""
        values = {"in_policy": policy.id, "first": first, "least": after[0]}
        values |= dict(zip(("after_key", "after_arrived", "after_person"), after, strict=False))
        return [Place(*row) for row in await self.hub.database.fetch(self._page, values, rows=first // 5)]

    async def _connection(
        self, gathering: Gathering, want: Want, policy: Policy | None, page: list[tuple[int, Place]], *, more: bool, began: bool
    ) -> Any:
        finished: dict[str, Any] = {}
        for each in want.fields:
            if each.name == "nodes":
                assert each.want is not None
                finished[each.key] = await self.nodes(gathering, each.want, policy, page) if policy is not None else []
            elif each.name == "page_info":
                assert each.want is not None
                finished[each.key] = shaped(each.want, self.page_info(gathering.enquiry, policy, page, more=more, began=began))
            elif each.name == "total_count":
                counted = await self.hub.database.fetch(self._count, {"in_policy": policy.id}) if policy is not None else [(0,)]
                finished[each.key] = counted[0][0]
            else:
                finished[each.key] = want.type
        return finished

    def page_info(
        self, enquiry: Enquiry, policy: Policy | None, page: Sequence[tuple[int, Place]], *, more: bool, began: bool
    ) -> dict[str, Any]:
        """Where a page stands, with cursors that only this requester can use."""

        def cursor(number: int, place: Place) -> str:
            inner = [place.order_key, place.arrived, place.person, number, policy.need if policy else ""]
            return self.hub.pseudonyms.seal(enquiry.requester.receiver, CURSOR, orjson.dumps(inner))

        start, end = (cursor(*page[0]), cursor(*page[-1])) if page else (None, None)
        return {"has_next_page": more, "has_previous_page": began, "start_cursor": start, "end_cursor": end}

    async def nodes(
        self, gathering: Gathering, want: Want, policy: Policy, page: Sequence[tuple[int, Place]], beside: Beside | None = None
    ) -> list[Any]:
        """The places of a page whose people may still be known, each with its person and reasons; `beside` adds to them, changing none."""
        enquiry = gathering.enquiry
        people = await self.hub.standing.of(enquiry, [place.person for _, place in page])
        self.hub.identity.people.known(enquiry, people)
        known = set(people.numbers)
        standing = await self.standing(policy, [(number, place) for number, place in page if place.person in known])
        gathering.shown.append(Shown(("person.id",), (), tuple(each.place.person for each in standing), Condition.OWN_CASE.value))
        visible = self._visible(enquiry, policy, {gift.source for each in standing for gift in each.gifts})
        self._disclosed(gathering, standing, visible)
        today = enquiry.now.date().toordinal()
        columns: list[tuple[str, list[Any]]] = []
        for field in want.fields:
            if field.name == "person":
                assert field.want is not None
                columns.append((field.key, await self._people(gathering, field.want, people, standing)))
            elif field.name == "place":
                columns.append((field.key, [each.number for each in standing]))
            elif field.name == "priority":
                columns.append((field.key, [self._priority(policy, each, visible, today) for each in standing]))
            elif field.name == "reasons":
                assert field.want is not None
                language = _text(field.arguments(gathering.variables).get("language", "en"))
                said = [self._reasons(policy, each, visible, (language, today)) for each in standing]
                columns.append((field.key, shaped(field.want, said)))
            elif beside is not None and field.name in beside:
                columns.append((field.key, await beside[field.name](field, standing)))
            else:
                columns.append((field.key, [want.type] * len(standing)))
        return [{key: values[place] for key, values in columns} for place in range(len(standing))]

    async def _people(self, gathering: Gathering, want: Want, people: People, standing: Sequence[Standing]) -> list[Any]:
        finished = await gathering.people(self.hub.plan(want, gathering.enquiry), people)
        by_number = dict(zip(people.numbers, finished, strict=True))
        return [by_number[each.place.person] for each in standing]

    async def standing(self, policy: Policy, page: Sequence[tuple[int, Place]]) -> list[Standing]:
        """Places, each with the gifts that count for it."""
        people = [place.person for _, place in page]
        homes = {place.household for _, place in page if place.household is not None} if policy.shared else set()
        members = await self.ranking.members(self.hub.database, people, homes) if people else {}
        gifts = await self.ranking.gifts(self.hub.database, members) if people else {}
        together = households_of(members)
        return [Standing(number, place, self.ranking.counted(policy, place, gifts, together)) for number, place in page]

    # --- what may be known of others' gifts ----------------------------------------------------------------------

    def _visible(self, enquiry: Enquiry, policy: Policy, sources: set[str]) -> Callable[[Gift], bool]:
        """Whether this requester may know kind and day of a gift: its own organisation's always, others' by the ordinary rules."""
        own, today = policy.organisation, enquiry.now.date()
        catalogue, release = self.hub.catalogue, self.hub.policies.release
        wanted = [catalogue.attribute("allocation", name) for name in ("kind", "allocated_on")]
        enough = {Condition.ALWAYS, Condition.OWN_CASE}
        hub = next((name for name, source in self.hub.settings.sources.items() if source.wire == "hub"), None)
        open_ = {
            source
            for source in sources
            for named in [hub if source == HUB else source]
            if named is not None
            and all(enough & release(enquiry.requester, enquiry.purpose, attribute, named, today) for attribute in wanted)
        }
        return lambda gift: gift.organisation == own or gift.source in open_

    @staticmethod
    def _disclosed(gathering: Gathering, standing: Sequence[Standing], visible: Callable[[Gift], bool]) -> None:
        """What others gave is in the record where its kind and day stand among the reasons."""
        told: dict[str, set[int]] = {}
        for each in standing:
            for gift in each.gifts:
                if visible(gift):
                    told.setdefault(gift.source, set()).add(gift.person)
        for source, people in told.items():
            coordinates = ("allocation.kind", "allocation.allocated_on")
            gathering.shown.append(Shown(coordinates, (source,), tuple(sorted(people)), Condition.OWN_CASE.value))

    @staticmethod
    def _priority(policy: Policy, each: Standing, visible: Callable[[Gift], bool], today: int) -> float:
        exact = priority(policy, each.place.order_key, today)
        if all(visible(gift) for gift in each.gifts):
            return round(exact, 1)
        return float(max(round(exact / COARSE), 1) * COARSE)

    @staticmethod
    def _reasons(policy: Policy, each: Standing, visible: Callable[[Gift], bool], said: tuple[str, int]) -> list[dict[str, Any]]:
        language, today = said
        parts = weighed(policy, each.place, each.gifts, today)
        found: list[tuple[str, float, dict[str, Any]]] = [("NEED", parts.need, _need(policy, each.place))]
        if each.place.lift:
            found.append(("OVERRIDE", parts.lift, {}))
        if today > each.place.arrived_on:
            found.append(("WAITED", parts.waited, {"days": today - each.place.arrived_on}))
        hidden = 0.0
        for gift, taken in parts.gifts:
            if not visible(gift):
                hidden += taken
                continue
            code = "RECEIVED" if gift.organisation == policy.organisation else "RECEIVED_ELSEWHERE"
            found.append((code, taken, {"kind": gift.kind, "days": today - gift.day}))
        rows = [{"code": code, "text": reason(language, code, **more), "weight": round(weight, 1)} for code, weight, more in found]
        if hidden:
            weight = float(min(round(hidden / COARSE), -1) * COARSE)
            rows.append({"code": "ELSEWHERE", "text": reason(language, "ELSEWHERE"), "weight": weight})
        return rows

    # --- under other rules ---------------------------------------------------------------------------------------

    async def what_if(self, gathering: Gathering, field: Field) -> Any:
        """The head of the queue as other rules would order it; nothing is changed."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "queue.adopt")
        need, first = kind_of_aid(_text(arguments["need"]), "need"), self.first(arguments["first"])
        policy = await self.ranking.active(self.hub.database, str(enquiry.requester.organisation), need)
        if policy is None:
            return []
        weights = {each["code"]: float(each["weight"]) for each in arguments.get("weights") or ()}
        changes = {name: arguments.get(name) for name, *_ in BOUNDS} | {"weights": weights}
        body = orjson.dumps(changed_body(policy, changes))
        after = Policy.read((policy.id, policy.organisation, need, policy.version, body))
        places = [Place(*row) for row in await self.hub.database.fetch(self._whole, {"in_policy": policy.id}, rows=AT_ONCE)]
        moved = await self.needs.moved(self.hub.database, after, places)
        before = {each.person: number for number, each in enumerate(sorted(places, key=_order), 1)}
        head = sorted(moved, key=_order)[:first]
        people = await self.hub.standing.of(enquiry, [each.person for each in head])
        self.hub.identity.people.known(enquiry, people)
        known, identify = set(people.numbers), self.hub.identifier(enquiry, "person")
        found = [
            {"place": number, "place_now": before[each.person], "person": identify(each.person), "points": each.points / 1000}
            for number, each in enumerate(head, 1)
            if each.person in known
        ]
        if found:
            gathering.shown.append(Shown(("person.id",), (), tuple(known), Condition.OWN_CASE.value))
        assert field.want is not None
        return shaped(field.want, found)

    # --- news ----------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "queue.read")
        return str(enquiry.requester.organisation)

    async def _moved(self, gathering: Gathering, field: Field, news: dict[str, Any]) -> Any:
        wanted = kind_of_aid(_text(field.arguments(gathering.variables)["need"]), "need")
        if news["need"] != wanted:
            return NOTHING
        assert field.want is not None
        return shaped(field.want, {"need": news["need"], "count": news["count"]})

    # --- inputs --------------------------------------------------------------------------------------------------

    def first(self, first: int) -> int:
        """`first`, where a page may have that size.

        Raises:
            Invalid: it may not.
        """
        most = self.hub.settings.hub.limits.page_rows
        if not 1 <= first <= most:
            raise Invalid(f"`first` is outside 1 to {most}", f"ask for a page of at most {most}", "first")
        return first

    def opened(self, enquiry: Enquiry, need: str, after: Any) -> tuple[int, int, int, int]:
        """The place that a cursor of this queue stands for, and its number; before all of them without one.

        Raises:
            Invalid: it is no cursor of this queue.
        """
        if after is None:
            return FIRST, 0, 0, 0
        opened = self.hub.pseudonyms.unseal(enquiry.requester.receiver, CURSOR, str(after))
        inner = orjson.loads(opened) if opened is not None else None
        if inner is None or inner[4] != need:
            raise Invalid("this cursor is not one of this queue's", "start again without `after`", "after")
        return inner[0], inner[1], inner[2], inner[3]


def _order(place: Place) -> tuple[int, int, int]:
    return place.order_key, place.arrived, place.person


def _need(policy: Policy, place: Place) -> dict[str, Any]:
    """What is said of somebody's need: the points, and what they weigh where points do not count as they are."""
    said: dict[str, Any] = {"points": round(max(place.points, LEAST_POINTS) / 1000, 1)}
    return said if policy.emphasis == 1 else {**said, "weighs": round(policy.weight(place.points), 1)}


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
