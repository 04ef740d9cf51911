"""Two cases of one organisation that are one person become one, and two again where that was wrong.

What follows the person are the organisation's own rows: its books, assessments, places, membership, case file. Nothing is erased: the
rows that followed are noted by their numbers, and go back by these. Whoever is known to others as well, by a registry, another
organisation or the person itself, is the one that stays, so that nobody else's view changes; of two such persons only linking
can say that they are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from privacy.linkage import Linkage
from resolvers.aid.following import Following
from resolvers.aid.homes import HEAD, Homes
from resolvers.aid.inputs import numbers, text
from resolvers.aid.likeness import Particulars
from resolvers.aid.particulars import CaseParticulars
from resolvers.aid.ranking import Ranking
from resolvers.aid.resources import LONGEST_REASON
from resolvers.aid.rules import LIVE, Allocated
from resolvers.aid.sharing import Sharing
from resolvers.gather import Gathering, moment_of
from resolvers.room import Answers, Room, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.aid import allocation, case_file, case_merge, household_file, membership
from tables.database import among
from tables.identity import consent, credential, identifier, link, own_case
from tables.identity.guardians import guardianship
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

MERGES: Final = {"": {"merge": "merged"}, "merged": {"unmerge": "undone"}}
"""What may happen to a merge: state, act, next state."""


class Merging(Room):
    """Cases made one, and two again."""

    def __init__(self, hub: Hub, homes: Homes, files: CaseParticulars, ranking: Ranking) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.homes, self.files, self.ranking = homes, files, ranking
        self.rows = Following(hub)
        self.linkage, self.sharing = Linkage(hub.database), Sharing(hub.database)
        self.roots: dict[str, Answers] = {"case_merges": self.listed}
        prepare = hub.database.prepare
        organisation, whom = sa.bindparam("organisation", type_=sa.Text), sa.bindparam("whom", type_=sa.BigInteger)
        self._present = prepare(
            sa.select(membership.c.id, membership.c.relation, membership.c.joined_on).where(
                membership.c.household == sa.bindparam("home"), membership.c.person == whom, membership.c.left_on.is_(None)
            )
        )
        self._reopen = prepare(
            sa.update(membership)
            .where(membership.c.id == sa.bindparam("which"))
            .values(left_on=None, cause=None, relation=sa.bindparam("said"))
        )
        self._insert = prepare(sa.insert(case_merge))
        columns = [case_merge.c[name] for name in ("id", "kept", "merged", "state", "body")]
        one = sa.select(*columns).where(case_merge.c.id == sa.bindparam("which"), case_merge.c.organisation == organisation)
        self._hold = prepare(one.with_for_update())
        self._state = prepare(sa.update(case_merge).where(case_merge.c.id == sa.bindparam("which")).values(state=sa.bindparam("next")))
        self._listed = prepare(
            sa.select(case_merge.c.id, case_merge.c.kept, case_merge.c.state, case_merge.c.at)
            .where(case_merge.c.organisation == organisation)
            .order_by(case_merge.c.id.desc())
            .limit(sa.bindparam("first"))
        )
        self._gone = prepare(
            sa.select(case_merge.c.merged, case_merge.c.organisation).where(
                among(case_merge.c.merged, "people", "whole"), case_merge.c.state == sa.literal("merged")
            )
        )
        self._elsewhere = prepare(_elsewhere(self.rows.sources))

    # --- reading -------------------------------------------------------------------------------------------------

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """The own merges, newest first, with their signed steps."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "case.read")
        first = page_size(self.hub, field.arguments(gathering.variables)["first"])
        rows = await self.hub.database.fetch(self._listed, {"organisation": enquiry.requester.organisation, "first": first})
        traces = await self.hub.writing.traces([f"case_merge:{number}" for number, *_ in rows]) if rows else {}
        identify, name = self.hub.identifier(enquiry, "person"), self.hub.identifier(enquiry, "case_merge")
        found = [
            {
                "id": name(number),
                "person": identify(kept),
                "state": state,
                "at": moment_of(at),
                "steps": [
                    {"number": each.number, "at": moment_of(each.at), "act": each.act, "role": each.role, "reason": each.reason}
                    for each in traces[f"case_merge:{number}"]
                ],
            }
            for number, kept, state, at in rows
        ]
        if rows:
            people = tuple(dict.fromkeys(kept for _, kept, _, _ in rows))
            gathering.shown.append(Shown(("person.id",), (), people, Condition.OWN_CASE.value))
        assert field.want is not None
        return shaped(field.want, found)

    async def booked(self, change: Change, rows: Sequence[Allocated]) -> None:
        """Book nothing for a case that has become another: the people of these rows are held.

        Raises:
            Unknown: somebody has, since the case load was read.
        """
        new = {(each.person, each.organisation) for each in rows if each.status in LIVE}
        if new and not new.isdisjoint(await change.fetch(self._gone, {"people": [person for person, _ in new]})):
            raise Unknown("this is nobody of the own case load", "give the id of somebody of `caseload`", "person")

    # --- merging -------------------------------------------------------------------------------------------------

    async def merge(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make two own cases one.

        Raises:
            Unknown: one is nobody of the own case load.
            Invalid: both are the same, or no reason.
            Conflict: both are known elsewhere, or live in different households.
        """
        self.hub.demand(enquiry, "case.merge")
        organisation, resolve = str(enquiry.requester.organisation), self.hub.pseudonyms.resolve
        keep, other = (resolve(enquiry.requester.receiver, str(given[name])) or 0 for name in ("keep", "merge"))
        why = text(str(given["reason"]), "reason", LONGEST_REASON)

        async def work(change: Change) -> dict[str, Any]:
            stays, goes, lives = await self._both(change, organisation, keep, other)
            number = next(numbers())
            body: dict[str, Any] = {
                "relation": None,
                "stays_relation": None,
                "took": None,
                "home": lives[goes],
                "membership": None,
                "headed": False,
            }
            await self._one_home(change, organisation, (stays, goes), lives, body)
            await self.rows.follow(change, organisation, (stays, goes), number, body)
            await self.rows.one_place(change, organisation, (stays, goes), body)
            await self._one_file(change, organisation, (stays, goes), keep, body)
            home = lives[stays] if lives[stays] is not None else lives[goes]
            together = await self.ranking.members(change, [stays], [home] if home is not None else [])
            await self.rows.dropped(change, number, await self.sharing.joined(change, list(together)))
            row = {"id": number, "organisation": organisation, "kept": stays, "merged": goes, "state": moved(MERGES, "", "merge")}
            await change.execute(self._insert, {**row, "body": orjson.dumps(body).decode(), "at": change.now})
            await change.step(f"case_merge:{number}", "merge", "merged", why)
            await self.ranking.rehoused(change, [stays], [home for home in lives.values() if home is not None])
            return self._answer(enquiry, number, stays)

        return await self.hub.writing.run(enquiry, "case.merge", work, key=given["idempotency_key"], content=[keep, other, why])

    async def _both(self, change: Change, organisation: str, keep: int, other: int) -> tuple[int, int, dict[int, int | None]]:
        """Who stays, who goes, and where they live; both are held."""
        before = await self.homes.lives(change, organisation, [keep, other])
        await self.homes.hold(change, sorted({home for home in before.values() if home is not None}))
        await self.ranking.members(change, [keep, other], [], held=True)
        lives = await self.homes.lives(change, organisation, [keep, other])
        if lives != before:
            raise Conflict("one of the two moved meanwhile", "repeat it", "merge")
        for number, field in ((keep, "keep"), (other, "merge")):
            if number not in lives:
                raise Unknown("this is nobody of the own case load", "give the id of somebody of `caseload`", field)
        if keep == other:
            raise Invalid("a case is one already", "name two cases", "merge")
        known = {number for (number,) in await change.fetch(self._elsewhere, {"people": [keep, other], "organisation": organisation})}
        if len(known) > 1:
            raise Conflict(
                "both cases are tied to records elsewhere", "only linking can say that they are one; ask the hub's operator", "merge"
            )
        stays, goes = (other, keep) if other in known else (keep, other)
        if None not in (lives[keep], lives[other]) and lives[keep] != lives[other]:
            # Of two households one ends with the case, where nobody else lives there.
            if not await self._lives_alone(change, organisation, goes, lives[goes]):
                stays, goes = goes, stays
            if goes in known or not await self._lives_alone(change, organisation, goes, lives[goes]):
                raise Conflict("the two live in different households", "let one leave its household first", "merge")
        return stays, goes, lives

    async def _lives_alone(self, change: Change, organisation: str, number: int, home: int | None) -> bool:
        if home is None or await self.homes.file(change, organisation, home) is None:
            return False
        return list(await self.ranking.members(change, [], [home])) == [number]

    async def _one_home(
        self, change: Change, organisation: str, who: tuple[int, int], lives: Mapping[int, int | None], body: dict[str, Any]
    ) -> None:
        """Let who stays live where who goes lived, and nobody live there twice."""
        (stays, goes), today = who, change.enquiry.now.date().isoformat()
        home = lives[goes]
        file = await self.homes.file(change, organisation, home) if home is not None else None
        if home is None or file is None:
            await self.linkage.house(change.tx, {goes: None, **({stays: home} if lives[stays] is None else {})})
            return
        rows = await change.fetch(self._present, {"home": home, "whom": goes})
        if rows:
            body["membership"], body["relation"] = rows[0][0], rows[0][1]
            await self.homes.leave(change, home, [goes], max(today, rows[0][2]), "merged")
        body["headed"] = file.head == goes
        if lives[stays] not in {None, home}:
            await self.linkage.house(change.tx, {goes: None})
            await self.homes.keep(change, file, None, "merge_last")
            return
        theirs = await change.fetch(self._present, {"home": home, "whom": stays})
        body["stays_relation"] = theirs[0][1] if theirs else None
        if lives[stays] is None:
            body["took"] = home
            await self.homes.join(change, home, [(stays, body["relation"] or "other")], today)
        elif body["headed"]:
            await self.homes.relate(change, home, {stays: HEAD})
        await self.linkage.house(change.tx, {goes: None, stays: home})
        await self.homes.keep(change, file, stays if body["headed"] else file.head, "merge")

    async def _one_file(self, change: Change, organisation: str, who: tuple[int, int], keep: int, body: dict[str, Any]) -> None:
        """What is written down of the case named to be kept holds, or where nothing is, what is written of the other."""
        stays, goes = who
        written = await self.files.read(change, organisation, [stays, goes])
        body["version"] = None
        if goes in written and (stays not in written or keep == goes):
            found = written[goes][0]
            if stays in written:
                # What the one that stays had is kept under the one that goes, and comes back with it.
                await self.files.rewrite(change, organisation, goes, written[stays][0], written[goes][1])
                body["version"] = written[stays][1] + 1
                await self.files.rewrite(change, organisation, stays, found, written[stays][1] + 1)
            else:
                body["version"] = 1
                await self.files.describe_new(change, {stays: found})
        body["swapped"] = body["version"] is not None and stays in written
        await self.files.unblock(change, organisation, goes)

    # --- undoing -------------------------------------------------------------------------------------------------

    async def unmerge(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make two cases of one again: what followed goes back, what came since stays.

        Raises:
            Unknown: no such merge of this organisation.
            Conflict: it is undone already.
            Invalid: no reason.
        """
        self.hub.demand(enquiry, "case.merge")
        organisation = str(enquiry.requester.organisation)
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, str(given["merge"]), "case_merge") or 0
        why = text(str(given["reason"]), "reason", LONGEST_REASON)

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number, "organisation": organisation})
            if not rows:
                raise Unknown("there is no such merge", "give the id of one of `caseMerges`", "merge")
            _, stays, goes, state, stored = rows[0]
            after, body = moved(MERGES, state, "unmerge", "merge"), orjson.loads(stored)
            await self.homes.hold(change, [body["home"]] if body["home"] is not None else [])
            lives = await self.ranking.members(change, [stays, goes], [], held=True)
            await self.rows.back(change, organisation, (stays, goes), number, body)
            await self._two_homes(change, organisation, (stays, goes), lives, body)
            await self.rows.two_places(change, organisation, (stays, goes), number, body)
            await self._two_files(change, organisation, (stays, goes), body)
            await change.execute(self._state, {"which": number, "next": after})
            await change.step(f"case_merge:{number}", "unmerge", after, why)
            homes = await self.homes.lives(change, organisation, [stays, goes])
            await self.ranking.rehoused(change, [stays, goes], {home for home in homes.values() if home is not None})
            return self._answer(enquiry, number, stays) | {"merged": self.hub.identifier(enquiry, "person")(goes)}

        return await self.hub.writing.run(enquiry, "case.unmerge", work, key=given["idempotency_key"], content=[number, why])

    async def _two_homes(
        self, change: Change, organisation: str, who: tuple[int, int], lives: Mapping[int, int | None], body: Mapping[str, Any]
    ) -> None:
        """Let both live where they lived, as far as that household still stands as it was left."""
        (stays, goes), home, today = who, body["home"], change.enquiry.now.date().isoformat()
        if home is None:
            return
        file = await self.homes.file(change, organisation, home)
        if file is None:
            await self.linkage.house(change.tx, {goes: home})
            return
        here = lives.get(stays) == home
        headed = body["headed"] and file.head in {stays, None}
        if body["membership"] is not None:
            await change.execute(self._reopen, {"which": body["membership"], "said": HEAD if headed else _behind(body["relation"])})
        leaves = here and body["took"] == home
        if leaves:
            await self.homes.leave(change, home, [stays], today, "merged")
        elif headed and here:
            await self.homes.relate(change, home, {stays: _behind(body["stays_relation"])})
        await self.linkage.house(change.tx, {goes: home, **({stays: None} if leaves else {})})
        await self.homes.keep(change, file, goes if headed else file.head, "unmerge")

    async def _two_files(self, change: Change, organisation: str, who: tuple[int, int], body: Mapping[str, Any]) -> None:
        stays, goes = who
        written = await self.files.read(change, organisation, [stays, goes])
        if goes not in written:
            return
        back: Particulars = written[goes][0]
        if body["swapped"]:
            back = written[stays][0]
            await self.files.rewrite(change, organisation, stays, written[goes][0], written[stays][1] + 1)
        await self.files.rewrite(change, organisation, goes, back, written[goes][1] + 1)

    def _answer(self, enquiry: Enquiry, number: int, stays: int) -> dict[str, Any]:
        return {"merge": self.hub.identifier(enquiry, "case_merge")(number), "person": self.hub.identifier(enquiry, "person")(stays)}


def _behind(relation: str | None) -> str:
    """What somebody is to the head who may have been it, where another is now."""
    return "relative" if relation in {None, HEAD} else str(relation)


def _elsewhere(ours: Sequence[str]) -> sa.CompoundSelect[Any]:
    """Who of some people is known to anybody else: to another organisation, to a registry, or to the hub as somebody who asks."""
    organisation = sa.bindparam("organisation", type_=sa.Text)

    def known(column: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        return sa.select(column).where(among(column, "people", "whole"), *where)

    tied = known(membership.c.person, household_file.c.organisation != organisation)
    return sa.union(
        known(own_case.c.person, own_case.c.organisation != organisation),
        known(identifier.c.person),
        known(link.c.person, link.c.source.not_in([sa.literal(name) for name in ours])),
        known(allocation.c.person, allocation.c.organisation != organisation),
        known(case_file.c.person, case_file.c.organisation != organisation),
        tied.join_from(membership, household_file, household_file.c.household == membership.c.household),
        known(credential.c.person),
        known(consent.c.person),
        known(guardianship.c.ward),
    )
