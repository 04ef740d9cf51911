"""Households that an organisation without a system of its own registers in the hub: people as own cases, living together.

They are new people to the hub: nobody becomes a case by having a number typed in, because that would open what others know of
whoever bears it. Tying them to the registries is the work of linking.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid
from privacy.linkage import Linkage
from resolvers.aid.inputs import numbers, text
from resolvers.room import Room
from tables.aid import case_file
from tables.identity import counter
from tables.statement import insert_missing
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_MEMBERS: Final = 50
LONGEST_NUMBER: Final = 64


class Households(Room):
    """Registers households."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.linkage = Linkage(hub.database)
        self._case = hub.database.prepare(sa.insert(case_file))
        self._counter = hub.database.prepare(insert_missing(counter, hub.database.dialect.name))
        self._sources = [name for name, source in hub.settings.sources.items() if source.wire == "hub"]

    async def register(self, enquiry: Enquiry, members: Sequence[Mapping[str, Any]], key: str | None) -> dict[str, Any]:
        """Register people who live together as own cases.

        Raises:
            Invalid: no member or too many, or a case number or need score that is none.
            Conflict: a case number that is taken.
        """
        self.hub.demand(enquiry, "household.register")
        organisation = str(enquiry.requester.organisation)
        if not 1 <= len(members) <= MOST_MEMBERS:
            raise Invalid(f"a household has 1 to {MOST_MEMBERS} members", "register others apart", "members")
        cases: dict[str, float | None] = {}
        for place, member in enumerate(members):
            number = text(str(member["case_number"]), f"members.{place}.caseNumber", LONGEST_NUMBER)
            need = member["need_score"]
            if need is not None and not 0 <= need <= 100:
                raise Invalid("a need score is 0 to 100 points", "give it within, or leave it out", f"members.{place}.needScore")
            if number in cases:
                raise Invalid("this case number stands in the list twice", "give each member its own", f"members.{place}.caseNumber")
            cases[number] = need
        opened = enquiry.now.date().isoformat()

        async def work(change: Change) -> dict[str, Any]:
            for name in ("person", "household"):  # a hub that never linked anybody counts from here
                await change.execute(self._counter, {"name": name, "value": 0})
            last, home = await self.linkage.hold(change, "person"), await self.linkage.hold(change, "household") + 1
            taken = await self.linkage.cases(change, organisation, list(cases), [])
            for place, number in enumerate(cases):
                if number in taken:
                    raise Conflict("this case number is taken", "look it up in `caseload`", f"members.{place}.caseNumber")
            people = {number: last + place for place, number in enumerate(cases, 1)}
            await self.linkage.insert(change, "household", [(home, secrets.token_bytes(32))])
            await self.linkage.insert(change, "person", [(number, home) for number in people.values()])
            await self.linkage.insert(change, "own_case", [(organisation, case, number) for case, number in people.items()])
            links = [(source, number, str(number), 0) for source in self._sources for number in people.values()]
            await self.linkage.insert(change, "link", links)
            following = numbers()
            common = {"organisation": organisation, "opened_on": opened}
            rows = [
                {**common, "id": next(following), "case_number": case, "person": number, "need_score": cases[case]}
                for case, number in people.items()
            ]
            await change.execute_many(self._case, rows)
            await self.linkage.count(change, "person", max(people.values()))
            await self.linkage.count(change, "household", home)
            await change.step(f"household:{home}", "register", "registered")
            identify = self.hub.identifier(enquiry, "person")
            return {
                "household": self.hub.identifier(enquiry, "household")(home),
                "members": [{"case_number": case, "person": identify(number)} for case, number in people.items()],
            }

        content = [[case, need] for case, need in cases.items()]
        return await self.hub.writing.run(enquiry, "household.register", work, key=key, content=content)
