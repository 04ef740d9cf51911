"""The rows that follow a case which becomes one with another, and go back when they become two again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from privacy.linkage import Linkage
from resolvers.aid.ranking import PLACE
from resolvers.aid.scores import Place
from tables.aid import allocation, assessment, carried, case_file, case_merge_row, nomination, queue_policy
from tables.database import among
from tables.identity import link, own_case
from tables.statement import insert_missing

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

FOLLOWING: Final = {"allocation": allocation, "assessment": assessment, "case": case_file}
"""Tables whose rows of the organisation follow, by what they are noted as."""


class Following:
    """Statements of what follows."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.linkage = Linkage(hub.database)
        self.sources = [name for name, source in hub.settings.sources.items() if source.wire == "hub"]
        prepare = hub.database.prepare
        organisation, whom = sa.bindparam("organisation", type_=sa.Text), sa.bindparam("whom", type_=sa.BigInteger)
        noted = case_merge_row.c.case_merge == sa.bindparam("of_merge", type_=sa.BigInteger)

        def rows_of(kind: str) -> sa.Select[Any]:
            return sa.select(case_merge_row.c.number).where(noted, case_merge_row.c.kind == sa.literal(kind))

        def note(kind: str, column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> sa.Insert:
            merge = sa.bindparam("of_merge", type_=sa.BigInteger)
            found = sa.select(merge, sa.literal(kind, sa.Text), column.table.c.person, column).where(column.table.c.person == whom, *where)
            return sa.insert(case_merge_row).from_select(["case_merge", "kind", "person", "number"], found)

        self._note = {name: prepare(note(name, table.c.id, table.c.organisation == organisation)) for name, table in FOLLOWING.items()}
        self._follow = {
            name: prepare(
                sa.update(table).where(table.c.person == whom, table.c.id.in_(rows_of(name))).values(person=sa.bindparam("new_person"))
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
        theirs = carried.alias("theirs")
        both = sa.exists().where(theirs.c.person == sa.bindparam("other", type_=sa.BigInteger), theirs.c.allocation == carried.c.allocation)
        self._note_carried = prepare(note("carried", carried.c.allocation))
        self._note_taken = prepare(note("taken", carried.c.allocation, ~both))
        self._add_note = prepare(sa.insert(case_merge_row))
        self._drop_carried = prepare(sa.delete(carried).where(carried.c.person == whom))
        self._drop_taken = prepare(sa.delete(carried).where(carried.c.person == whom, carried.c.allocation.in_(rows_of("taken"))))
        new = sa.select(sa.bindparam("new_person", type_=sa.BigInteger), case_merge_row.c.number)
        taken = new.where(noted, case_merge_row.c.kind == sa.literal("taken"))
        self._take = prepare(sa.insert(carried).from_select(["person", "allocation"], taken))
        there = sa.exists().where(theirs.c.person == case_merge_row.c.person, theirs.c.allocation == case_merge_row.c.number)
        # What was taken from the one that goes, and dropped at once because it was counted already, was never the other's.
        never = sa.and_(case_merge_row.c.person == whom, case_merge_row.c.number.in_(rows_of("taken")))
        kinds = sa.or_(
            case_merge_row.c.kind == sa.literal("carried"), sa.and_(case_merge_row.c.kind == sa.literal("dropped"), sa.not_(never))
        )
        before = sa.select(case_merge_row.c.person, case_merge_row.c.number).where(noted, kinds, ~there)
        self._restore = prepare(sa.insert(carried).from_select(["person", "allocation"], before))
        self._link = prepare(insert_missing(link, hub.database.dialect.name))

    async def follow(self, change: Change, organisation: str, who: tuple[int, int], number: int, body: dict[str, Any]) -> None:
        """Let the organisation's rows of who goes be rows of who stays, each noted with the merge's number."""
        stays, goes = who
        which = {"of_merge": number, "whom": goes}
        body["assessed"] = dict(await change.fetch(self._last, {"organisation": organisation, "whom": goes}))
        for name in FOLLOWING:
            await change.execute(self._note[name], {**which, "organisation": organisation})
            await change.execute(self._follow[name], {**which, "new_person": stays})
        await change.execute(self._note_carried, which)
        await change.execute(self._note_taken, {**which, "other": stays})
        await change.execute(self._drop_carried, {"whom": goes})
        await change.execute(self._take, {"of_merge": number, "new_person": stays})
        for name in self.sources:
            await change.execute(self._link, {"source": name, "person": stays, "key": str(stays), "run": 0})
        ((body["position"],),) = await change.fetch(self._position, {"organisation": organisation, "whom": goes})
        await self.linkage.close_cases(change.tx, organisation, [(body["position"], goes)])

    async def dropped(self, change: Change, number: int, rows: Iterable[tuple[int, int]]) -> None:
        """Note what is carried no longer, because those who carried it live with those it was given to."""
        many = [{"case_merge": number, "kind": "dropped", "person": whose, "number": which} for whose, which in rows]
        if many:
            await change.execute_many(self._add_note, many)

    async def back(self, change: Change, organisation: str, who: tuple[int, int], number: int, body: Mapping[str, Any]) -> None:
        """Let them be rows of who went, who is an own case again."""
        stays, goes = who
        which = {"of_merge": number, "whom": stays}
        for name in FOLLOWING:
            await change.execute(self._follow[name], {**which, "new_person": goes})
        await change.execute(self._drop_taken, which)
        await change.execute(self._restore, which)
        await self.linkage.insert(change.tx, "own_case", [(organisation, body["position"], goes)])

    async def one_place(self, change: Change, organisation: str, who: tuple[int, int], body: dict[str, Any]) -> None:
        """Of two places in one queue the earlier arrival and the later assessment count."""
        stays, goes = who
        places: dict[int, dict[str, Place]] = {stays: {}, goes: {}}
        for *row, need in await change.fetch(self._places, {"organisation": organisation, "people": [stays, goes]}):
            places[row[1]][need] = Place(*row)
        body["places"] = {
            name: {need: each._asdict() for need, each in places[number].items()} for name, number in (("stays", stays), ("goes", goes))
        }
        last: dict[str, int] = dict(await change.fetch(self._last, {"organisation": organisation, "whom": stays}))
        for need, gone in places[goes].items():
            before = places[stays].get(need)
            await change.execute(self._drop_place, {"in_policy": gone.policy, "whom": goes})
            place = gone._replace(person=stays)
            if before is not None:
                await change.execute(self._drop_place, {"in_policy": gone.policy, "whom": stays})
                first = min((before, gone), key=lambda each: each.arrived)
                counted = gone if last.get(need) == body["assessed"].get(need, 0) else before
                place = before._replace(arrived=first.arrived, arrived_on=first.arrived_on, points=counted.points)
            await change.execute(self._add_place, place._asdict())

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
                await change.execute(self._add_place, {**now[need]._asdict(), **earlier, "points": points})
