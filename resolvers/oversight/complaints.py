"""Complaints about a look: from an entry of the record straight to an inspectorate, which sees the entry and not who complains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid, Unknown
from privacy.standing import epoch
from resolvers.oversight.hiding import hides
from resolvers.oversight.looks import disclosure_rows
from resolvers.oversight.matters import Matter, at, fresh, worded
from resolvers.room import Answers, page_size
from resolvers.want import Field, Want, shaped
from resolvers.writing import moved
from tables.oversight.inspection import complaint
from tables.statement import insert_missing
from values import Disclosure, Enquiry, Role, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"file": "filed"},
    "filed": {"take": "in_review", "withdraw": "withdrawn"},
    "in_review": {"answer": "answered", "withdraw": "withdrawn"},
    "answered": {"contest": "contested"},
    "contested": {"answer": "closed", "withdraw": "withdrawn"},
}
"""State → act → next state; an answer may be contested once."""

OF_PERSON = frozenset({"contest", "withdraw"})


class Complaints(Matter):
    """Filed by a person, answered by an inspectorate."""

    kind = "complaint"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.roots: dict[str, Answers] = {"complaints": self.listed}
        self.watched = self.watch()
        prepare = hub.database.prepare
        self._insert = prepare(insert_missing(complaint, hub.database.dialect.name))
        whose = complaint.c.person == sa.bindparam("whose")
        self._same = prepare(sa.select(complaint.c.id).where(whose, complaint.c.entry == sa.bindparam("which")))
        page = sa.select(*complaint.c).order_by(complaint.c.filed_at.desc(), complaint.c.id).limit(sa.bindparam("first"))
        self._of_person = prepare(page.where(whose))
        self._of_body = prepare(page.where(complaint.c.body == sa.bindparam("body")))
        one = sa.select(*complaint.c).where(complaint.c.id == sa.bindparam("which"))
        self._find, self._hold = prepare(one), prepare(one.with_for_update())
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("state", "text", "answer", "changed_at")}
        self._update = prepare(sa.update(complaint).where(complaint.c.id == sa.bindparam("which")).values(**values))

    async def file(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Complain about a look at oneself.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: the person has no such entry, or it is hidden from it.
            Invalid: a text that says nothing, or a body that is no inspectorate or the one complained of.
        """
        self.hub.demand(enquiry, "complaint.file")
        person, now = enquiry.requester.person, epoch(enquiry.now)
        assert person is not None
        entry = int(given["disclosure"]) if given["disclosure"].isdecimal() and len(given["disclosure"]) < 19 else 0
        look = await self.hub.record.entry(entry, person)
        if look is None or hides(await self.hub.oversight.hiding.of_person(person), look, now):
            raise Unknown("no such entry concerns this person", "give the `id` of one of your `disclosures`")
        if look.role is Role.PERSON:
            raise Invalid("this look was the person's own", "complain about the look of somebody else", "disclosure")
        others = [each for each in self.inspectorates() if each != look.organisation]
        body = self.inspectorate(given["body"] or (others or [""])[0], "body", other_than=look.organisation)
        text = worded(given["text"], "text")

        async def work(change: Change) -> dict[str, Any]:
            number = fresh()
            row = {"id": number, "person": person, "entry": entry, "body": body, "revealed": given["reveal"], "state": "filed"}
            row |= {"text": self.sealed(text), "answer": None, "filed_at": now, "changed_at": now}
            await change.execute(self._insert, row)
            ((kept,),) = await change.fetch(self._same, {"whose": person, "which": entry})
            if kept != number:
                raise Invalid("there is a complaint about this entry already", "read it among your `complaints`", "disclosure")
            await change.step(self.thing(number), "file", moved(STATES, "", "file"))
            self.tell(change, number, person, body)
            return {"id": str(number)}

        content = [entry, text, body, given["reveal"]]
        made = await self.hub.writing.run(enquiry, "complaint.file", work, key=key, content=content)
        return (await self._rows(enquiry, [await self._found(int(made["id"]))]))[0]

    async def act(self, enquiry: Enquiry, text: str, act: str, said: str | None) -> dict[str, Any]:
        """Take, answer, contest or withdraw a complaint.

        Raises:
            NotPermitted: the requester may not do this.
            Unknown: it is no complaint of this person, or none that went to this body.
            Conflict: it is not in a state for it.
            Invalid: an answer or a contest that says nothing.
        """
        mine = act in OF_PERSON
        self.hub.demand(enquiry, "complaint.file" if mine else "complaint.decide")
        number, now = self.number(enquiry, text), epoch(enquiry.now)
        words = None if said is None else worded(said, "text")

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            if not rows or not self.concerns(enquiry, rows[0]):
                raise Unknown("there is no such complaint", "list yours with `complaints`")
            row = rows[0]
            state = moved(STATES, row[5], act)
            stored = {"which": number, "new_state": state, "new_text": row[6], "new_answer": row[7], "new_changed_at": now}
            if words is not None:
                name, before = ("new_text", row[6]) if mine else ("new_answer", row[7])
                stored[name] = self.sealed("\n\n".join([*([self.opened(before) or ""] if before else []), words]))
            await change.execute(self._update, stored)
            await change.step(self.thing(number), act, state)
            self.tell(change, number, row[1], row[3])
            return {}

        await self.hub.writing.run(enquiry, f"complaint.{act}", work)
        return (await self._rows(enquiry, [await self._found(number)]))[0]

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """One's own complaints, or those that went to the requester's body, newest first."""
        assert field.want is not None
        enquiry = gathering.enquiry
        arguments = field.arguments(gathering.variables)
        first = page_size(self.hub, arguments["first"])
        self.hub.demand(enquiry, "complaint.read")
        if enquiry.requester.person is not None:
            rows = await self.hub.database.fetch(self._of_person, {"whose": enquiry.requester.person, "first": first})
        else:
            rows = await self.hub.database.fetch(self._of_body, {"body": enquiry.requester.organisation, "first": first})
        return await self.shown(gathering, field.want, rows)

    async def shown(self, gathering: Gathering, want: Want, rows: Sequence[Any]) -> list[Any]:
        """Complaints as the person or the body reads them."""
        if people := tuple(sorted({row[1] for row in rows})):
            gathering.shown.append(Shown(("Complaint.text", "Disclosure.id"), (), people, "complaint"))
        return list(shaped(want, await self._rows(gathering.enquiry, rows)))

    def concerns(self, enquiry: Enquiry, row: Any) -> bool:
        """Whether a complaint is this person's, or went to this body."""
        if enquiry.requester.person is not None:
            return bool(row[1] == enquiry.requester.person)
        return bool(row[3] == enquiry.requester.organisation)

    async def _found(self, number: int) -> Any:
        return (await self.hub.database.fetch(self._find, {"which": number}))[0]

    async def _rows(self, enquiry: Enquiry, rows: Sequence[Any]) -> list[dict[str, Any]]:
        traces = await self.traces([row[0] for row in rows])
        looks = await self.hub.record.entries([(row[2], row[1]) for row in rows])
        return [self._row(enquiry, row, traces[row[0]], look) for row, look in zip(rows, looks, strict=True)]

    def _row(self, enquiry: Enquiry, row: Any, trace: list[dict[str, Any]], look: Disclosure | None) -> dict[str, Any]:
        number, person, entry, body, revealed, state, text, answer, filed_at, changed_at = row
        known = revealed or enquiry.requester.person is not None
        return {
            "id": self.named(enquiry, number),
            "state": state.upper(),
            "body": body,
            "text": self.opened(text),
            "answer": self.opened(answer),
            "filed_at": at(filed_at),
            "changed_at": at(changed_at),
            "person": self.hub.identifier(enquiry, "person")(person) if known else None,
            "disclosure": None if look is None else disclosure_rows(self.hub, [(entry, look, look.shown)])[0],
            "trace": trace,
        }
