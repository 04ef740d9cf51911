"""Appeals of beneficiaries: to the organisation first, then to an inspectorate, each with a day by which an answer is due.

An appeal that the organisation leaves unanswered until its day may be carried on at once; so may one that it dismissed,
for as many days. Nobody decides on its own decision: an inspectorate that gave the aid itself hears no appeal about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, Unknown
from privacy.standing import epoch
from resolvers.aid.inputs import kind_of_aid
from resolvers.aid.services import KIND
from resolvers.oversight.matters import DAY, Matter, at, fresh, worded
from resolvers.room import Answers, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.aid import allocation, appeal
from tables.identity import person
from values import Enquiry, Role, Shown

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"file": "filed"},
    "filed": {"uphold": "upheld", "dismiss": "dismissed", "carry": "carried_on", "withdraw": "withdrawn"},
    "dismissed": {"carry": "carried_on", "withdraw": "withdrawn"},
    "carried_on": {"overrule": "overruled", "confirm": "confirmed", "withdraw": "withdrawn"},
}
"""State → act → next state; what is not among the first is final."""

OF_PERSON: Final = frozenset({"carry", "withdraw"})
OF_BODY: Final = frozenset({"overrule", "confirm"})
MOST_OPEN: Final = 10
"""Appeals that one person may have open at once."""

COLUMNS: Final = tuple(each.name for each in appeal.c)


class Appeals(Matter):
    """Filed by a person, answered by the organisation, decided by an inspectorate."""

    kind = "appeal"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.roots: dict[str, Answers] = {"appeals": self.listed, "appeals_overdue": self.overdue}
        prepare = hub.database.prepare
        self._insert = prepare(sa.insert(appeal))
        self._whose = prepare(sa.select(person.c.number).where(person.c.number == sa.bindparam("whose")).with_for_update())
        live = sa.or_(*(appeal.c.state == state for state in STATES if state))
        mine = appeal.c.person == sa.bindparam("whose")
        self._open = prepare(sa.select(appeal.c.organisation, appeal.c.allocation, appeal.c.need).where(mine, live))
        self._given = prepare(
            sa.select(allocation.c.organisation).where(
                allocation.c.id == sa.bindparam("which"), allocation.c.person == sa.bindparam("whose")
            )
        )
        page = sa.select(*appeal.c).order_by(appeal.c.filed_at.desc(), appeal.c.id).limit(sa.bindparam("first"))
        self._of = {
            "person": prepare(page.where(mine)),
            "organisation": prepare(page.where(appeal.c.organisation == sa.bindparam("whose"))),
            "body": prepare(page.where(appeal.c.body == sa.bindparam("whose"))),
        }
        one = sa.select(*appeal.c).where(appeal.c.id == sa.bindparam("which"))
        self._find, self._hold = prepare(one), prepare(one.with_for_update())
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("state", "text", "answer", "body", "due_at", "changed_at")}
        self._update = prepare(sa.update(appeal).where(appeal.c.id == sa.bindparam("which")).values(**values))
        late = sa.and_(appeal.c.state == "filed", appeal.c.due_at < sa.bindparam("now"))
        self._late = prepare(
            sa.select(
                appeal.c.organisation,
                sa.func.count(),
                sa.func.sum(sa.case((appeal.c.state == "filed", 1), else_=0)),
                sa.func.sum(sa.case((late, 1), else_=0)),
                sa.func.sum(sa.case((sa.or_(appeal.c.state == "upheld", appeal.c.state == "overruled"), 1), else_=0)),
            )
            .group_by(appeal.c.organisation)
            .order_by(appeal.c.organisation)
        )

    # --- filing --------------------------------------------------------------------------------------------------

    async def file(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Appeal to an organisation against what it decided, or complain of how it treated one.

        Raises:
            NotPermitted: the requester is neither a person nor its guardian for requests.
            Unknown: no such organisation, or nothing of that id was allocated to this person.
            Invalid: both an allocation and a need, a need that is none, or a text that says nothing.
            Conflict: an appeal about the same is open.
            LimitReached: too many are open.
        """
        self.hub.demand(enquiry, "appeal.file")
        whose, rules = enquiry.requester.person, self.hub.settings.hub.appeals
        organisation, said = str(given["organisation"]), worded(given["text"], "text")
        known = self.hub.organisations.get(organisation)
        if known is None or not known.verified:
            raise Unknown("there is no such organisation", "give the id of one of `organisations`", "organisation")
        if given["allocation"] is not None and given["need"] is not None:
            raise Invalid("an appeal is about one thing", "give an allocation, a need, or neither", "need")
        need = None if given["need"] is None else kind_of_aid(given["need"], "need")
        number = None
        if given["allocation"] is not None:
            number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, str(given["allocation"]), KIND) or 0
            rows = await self.hub.database.fetch(self._given, {"which": number, "whose": whose})
            if not rows or rows[0][0] != organisation:
                raise Unknown("this organisation allocated nothing of this id to you", "give an id of `myCases`", "allocation")
        about = (organisation, number, need)

        async def work(change: Change) -> dict[str, Any]:
            await change.fetch(self._whose, {"whose": whose})  # two at once wait here, so that both are counted
            standing = await change.fetch(self._open, {"whose": whose})
            if any(tuple(row) == about for row in standing):
                raise Conflict("an appeal about this is open", "read it among your `appeals`", "organisation")
            if len(standing) >= MOST_OPEN:
                raise LimitReached(f"{MOST_OPEN} appeals are open at once at most", "wait for an answer, or withdraw one")
            made = {"id": fresh(), "person": whose, "organisation": organisation, "kind": given["kind"], "allocation": number}
            made |= {"need": need, "state": moved(STATES, "", "file"), "text": self.sealed(said), "answer": None, "body": None}
            made |= {"due_at": change.now + rules.answer_days * DAY, "filed_at": change.now, "changed_at": change.now}
            await change.execute(self._insert, made)
            await change.step(self.thing(made["id"]), "file", made["state"])
            change.tell("appeal_filed", organisation, {"appeal": made["id"]})
            return {"id": str(made["id"])}

        content = [organisation, number, need, given["kind"], said]
        made = await self.hub.writing.run(enquiry, "appeal.file", work, key=key, content=content)
        return await self._row(enquiry, await self._found(int(made["id"])))

    # --- deciding ------------------------------------------------------------------------------------------------

    async def act(self, enquiry: Enquiry, which: str, act: str, said: str | None, body: str | None = None) -> dict[str, Any]:
        """Uphold or dismiss an appeal, carry it on or withdraw it, overrule or confirm what was decided.

        Raises:
            NotPermitted: the requester may not do this.
            Unknown: it is no appeal of this party.
            Conflict: it is not in a state for it, or it is too early or too late to carry it on.
            Invalid: a text that says nothing, or a body that is no inspectorate or the organisation itself.
        """
        self.hub.demand(enquiry, "appeal.file" if act in OF_PERSON else "appeal.decide" if act in OF_BODY else "appeal.answer")
        number, rules = self.number(enquiry, which), self.hub.settings.hub.appeals
        words = None if said is None else worded(said, "text")

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            row = dict(zip(COLUMNS, rows[0], strict=True)) if rows else {}
            if not row or not self._party(enquiry, row):
                raise Unknown("there is no such appeal", "list yours with `appeals`", "id")
            after = {name: row[name] for name in ("text", "answer", "body")} | {"due_at": None, "changed_at": change.now}
            after["state"] = moved(STATES, row["state"], act, "id")
            if act == "carry":
                if row["state"] == "filed" and row["due_at"] > change.now:
                    raise Conflict("the organisation may still answer", f"wait until {at(row['due_at'])}, or withdraw it")
                if row["state"] == "dismissed" and row["due_at"] <= change.now:
                    raise Conflict("it is too late to carry this on", "file a new appeal, with what is new")
                others = [each for each in self.inspectorates() if each != row["organisation"]]
                after["body"] = self.inspectorate(body or (others or [""])[0], "body", other_than=row["organisation"])
                after["due_at"] = change.now + rules.answer_days * DAY
            if act == "dismiss":
                after["due_at"] = change.now + rules.carry_days * DAY
            if words is not None:
                name = "text" if act in OF_PERSON else "answer"
                before = self.opened(row[name]) if row[name] else None
                after[name] = self.sealed("\n\n".join([*([before] if before else []), words]))
            await change.execute(self._update, {"which": number, **{f"new_{name}": value for name, value in after.items()}})
            await change.step(self.thing(number), act, after["state"])
            if act not in OF_PERSON:
                change.tell("appeal_moved", row["person"], {"appeal": number})
            for told in {row["organisation"], after["body"]} - {None, enquiry.requester.organisation}:
                change.tell("appeal_moved", told, {"appeal": number})
            return {}

        await self.hub.writing.run(enquiry, f"appeal.{act}", work)
        return await self._row(enquiry, await self._found(number))

    # --- reading -------------------------------------------------------------------------------------------------

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """One's own appeals, those to one's organisation, or those carried to one's inspectorate, newest first."""
        assert field.want is not None
        enquiry, requester = gathering.enquiry, gathering.enquiry.requester
        first = page_size(self.hub, field.arguments(gathering.variables)["first"])
        self.hub.demand(enquiry, "appeal.read")
        party = "person" if requester.person is not None else "body" if requester.role is Role.INSPECTOR else "organisation"
        whose = requester.person if requester.person is not None else requester.organisation
        rows = await self.hub.database.fetch(self._of[party], {"whose": whose, "first": first})
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        if found:
            people = tuple(sorted({each["person"] for each in found}))
            gathering.shown.append(Shown(("Appeal.person", "Appeal.text"), (), people, "appeal"))
        traces = await self.hub.writing.traces([self.thing(each["id"]) for each in found])
        return shaped(field.want, [self._shown(enquiry, each, traces[self.thing(each["id"])]) for each in found])

    async def overdue(self, gathering: Gathering, field: Field) -> Any:
        """How every organisation answers appeals, in counts; of no person."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "appeal.decide")
        rows = await self.hub.database.fetch(self._late, {"now": epoch(gathering.enquiry.now)})
        names = ("organisation", "filed", "waiting", "overdue", "granted")
        return shaped(field.want, [dict(zip(names, (row[0], *map(int, row[1:])), strict=True)) for row in rows])

    def _party(self, enquiry: Enquiry, row: Mapping[str, Any]) -> bool:
        """Whether an appeal is this person's, to this organisation, or with this body."""
        requester = enquiry.requester
        if requester.person is not None:
            return bool(row["person"] == requester.person)
        return bool(row["body" if requester.role is Role.INSPECTOR else "organisation"] == requester.organisation)

    async def _found(self, number: int) -> dict[str, Any]:
        return dict(zip(COLUMNS, (await self.hub.database.fetch(self._find, {"which": number}))[0], strict=True))

    async def _row(self, enquiry: Enquiry, row: Mapping[str, Any]) -> dict[str, Any]:
        return self._shown(enquiry, row, await self.hub.writing.trace(self.thing(row["id"])))

    def _shown(self, enquiry: Enquiry, row: Mapping[str, Any], trace: Any) -> dict[str, Any]:
        requester = enquiry.requester
        kind = KIND if requester.person is not None else "booked"
        of_its_own = requester.person is not None or requester.organisation == row["organisation"]
        about = self.hub.identifier(enquiry, kind)(row["allocation"]) if row["allocation"] is not None and of_its_own else None
        return {
            "id": self.named(enquiry, row["id"]),
            "kind": row["kind"].upper(),
            "state": row["state"].upper(),
            "organisation": row["organisation"],
            "person": self.hub.identifier(enquiry, "person")(row["person"]),
            "allocation": about,
            "need": row["need"],
            "text": self.opened(row["text"]),
            "answer": self.opened(row["answer"]),
            "body": row["body"],
            "due_at": at(row["due_at"]),
            "filed_at": at(row["filed_at"]),
            "changed_at": at(row["changed_at"]),
            "trace": self.steps(trace),
        }
