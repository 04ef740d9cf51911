"""The rows that follow a case which becomes one with another, and go back when they become two again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import LimitReached
from privacy.linkage import Linkage
from resolvers.aid.ranking import PLACE
from resolvers.aid.scores import Place
from tables.aid import allocation, assessment, carried, case_file, nomination, queue_policy
from tables.database import among
from tables.identity import link, own_case
from tables.statement import insert_missing

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_ROWS: Final = 2_000
"""Rows of one case that follow it: beyond that the list of them would not fit its column."""

FOLLOWING: Final = {"allocations": allocation, "assessments": assessment, "cases": case_file}
"""Tables whose rows of the organisation follow, by the name of the list they are kept in."""


class Following:
    """Statements of what follows."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.linkage = Linkage(hub.database)
        self.sources = [name for name, source in hub.settings.sources.items() if source.wire == "hub"]
        prepare = hub.database.prepare
        organisation, whom = sa.bindparam("organisation", type_=sa.Text), sa.bindparam("whom", type_=sa.BigInteger)
        self._rows = {
            name: prepare(sa.select(table.c.id).where(table.c.organisation == organisation, table.c.person == whom).order_by(table.c.id))
            for name, table in FOLLOWING.items()
        }
        self._follow = {
            name: prepare(
                sa.update(table).where(among(table.c.id, "rows", "whole"), table.c.person == whom).values(person=sa.bindparam("new_person"))
            )
            for name, table in FOLLOWING.items()
        }
        self._position = prepare(sa.select(own_case.c.position).where(own_case.c.organisation == organisation, own_case.c.person == whom))
        own_policy = sa.select(*PLACE, queue_policy.c.need).join(queue_policy, queue_policy.c.id == nomination.c.policy)
        self._places = prepare(
            own_policy.where(
                queue_policy.c.organisation == organisation, queue_policy.c.active, among(nomination.c.person, "people", "whole")
            )
        )
        self._active = prepare(
            sa.select(queue_policy.c.need, queue_policy.c.id).where(queue_policy.c.organisation == organisation, queue_policy.c.active)
        )
        here = nomination.c.policy == sa.bindparam("in_policy"), nomination.c.person == sa.bindparam("whom")
        self._add_place, self._drop_place = prepare(sa.insert(nomination)), prepare(sa.delete(nomination).where(*here))
        self._last = prepare(
            sa.select(assessment.c.need, sa.func.max(assessment.c.id))
            .where(assessment.c.organisation == organisation, assessment.c.person == whom)
            .group_by(assessment.c.need)
        )
        self._carried = prepare(sa.select(carried.c.allocation).where(carried.c.person == whom))
        self._drop_carried = prepare(sa.delete(carried).where(carried.c.person == whom, carried.c.allocation == sa.bindparam("which")))
        self._carry = prepare(insert_missing(carried, hub.database.dialect.name))
        self._link = prepare(insert_missing(link, hub.database.dialect.name))

    async def follow(self, change: Change, organisation: str, who: tuple[int, int], body: dict[str, Any]) -> None:
        """Let the organisation's rows of who goes be rows of who stays, and note them by their numbers.

        Raises:
            LimitReached: they are too many.
        """
        stays, goes = who
        for name in FOLLOWING:
            body[name] = [number for (number,) in await change.fetch(self._rows[name], {"organisation": organisation, "whom": goes})]
        body["carried"] = [number for (number,) in await change.fetch(self._carried, {"whom": goes})]
        if sum(len(body[name]) for name in (*FOLLOWING, "carried")) > MOST_ROWS:
            raise LimitReached("too much is written of this case", f"up to {MOST_ROWS} rows can follow")
        theirs = {number for (number,) in await change.fetch(self._carried, {"whom": stays})}
        for name in FOLLOWING:
            await change.execute(self._follow[name], {"rows": body[name], "whom": goes, "new_person": stays})
        for number in body["carried"]:
            await change.execute(self._drop_carried, {"whom": goes, "which": number})
            if number not in theirs:
                await change.execute(self._carry, {"person": stays, "allocation": number})
        body["carried_new"] = [number for number in body["carried"] if number not in theirs]
        for name in self.sources:
            await change.execute(self._link, {"source": name, "person": stays, "key": str(stays), "run": 0})
        ((body["position"],),) = await change.fetch(self._position, {"organisation": organisation, "whom": goes})
        await self.linkage.close_cases(change.tx, organisation, [(body["position"], goes)])

    async def back(self, change: Change, organisation: str, who: tuple[int, int], body: Mapping[str, Any]) -> None:
        """Let them be rows of who went, who is an own case again."""
        stays, goes = who
        for name in FOLLOWING:
            await change.execute(self._follow[name], {"rows": body[name], "whom": stays, "new_person": goes})
        for each in body["carried_new"]:
            await change.execute(self._drop_carried, {"whom": stays, "which": each})
        for whose, which in {*map(tuple, body["dropped"]), *((goes, each) for each in body["carried"])}:
            await change.execute(self._carry, {"person": whose, "allocation": which})
        await self.linkage.insert(change.tx, "own_case", [(organisation, body["position"], goes)])

    async def one_place(self, change: Change, organisation: str, who: tuple[int, int], body: dict[str, Any]) -> None:
        """Of two places in one queue the earlier arrival and the later assessment count."""
        stays, goes = who
        places: dict[int, dict[str, Place]] = {stays: {}, goes: {}}
        for *row, need in await change.fetch(self._places, {"organisation": organisation, "people": [stays, goes]}):
            places[row[1]][need] = Place(*row)
        body["places"] = {
            name: {need: asdict(each) for need, each in places[number].items()} for name, number in (("stays", stays), ("goes", goes))
        }
        latest = set(body["assessments"])
        last: dict[str, int] = dict(await change.fetch(self._last, {"organisation": organisation, "whom": stays}))
        for need, gone in places[goes].items():
            before = places[stays].get(need)
            await change.execute(self._drop_place, {"in_policy": gone.policy, "whom": goes})
            place = replace(gone, person=stays)
            if before is not None:
                await change.execute(self._drop_place, {"in_policy": gone.policy, "whom": stays})
                first = min((before, gone), key=lambda each: each.arrived)
                counted = gone if last.get(need) in latest else before
                place = replace(before, arrived=first.arrived, arrived_on=first.arrived_on, points=counted.points)
            await change.execute(self._add_place, asdict(place))

    async def two_places(self, change: Change, organisation: str, who: tuple[int, int], number: int, body: Mapping[str, Any]) -> None:
        """Give both the places they had, as far as nothing has been assessed since."""
        stays, _ = who
        active: dict[str, int] = dict(await change.fetch(self._active, {"organisation": organisation}))
        now = {need: Place(*row) for *row, need in await change.fetch(self._places, {"organisation": organisation, "people": [stays]})}
        last: dict[str, int] = dict(await change.fetch(self._last, {"organisation": organisation, "whom": stays}))
        for need, stored in body["places"]["goes"].items():
            if need in active:
                await change.execute(self._add_place, {**stored, "policy": active[need]})
            since, before = last.get(need, 0) > number, body["places"]["stays"].get(need)
            if need not in now or (since and before is None):
                continue
            await change.execute(self._drop_place, {"in_policy": now[need].policy, "whom": stays})
            if before is not None:
                earlier = {"arrived": before["arrived"], "arrived_on": before["arrived_on"]}
                points = now[need].points if since else before["points"]
                await change.execute(self._add_place, {**asdict(now[need]), **earlier, "points": points})
