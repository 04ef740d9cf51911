"""Surveys: questions from one organisation to others, answered once each, counted when they are over.

Where a survey is anonymous, an answer is stored without a name, a time or a row of its own: all answers lie in one sealed text, in an order
drawn anew with each, so that not even the order of answering can be read from the database. That an organisation answered is known
to the hub alone, so that it does so once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from secrets import SystemRandom
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid, Stale, Unknown
from privacy.standing import epoch
from resolvers.exchange.messages import hears
from resolvers.exchange.paging import cursor, place_of
from resolvers.exchange.questions import FEWEST, answers_of, coarse, questions_of, results_of, words_of
from resolvers.governance.register import own_organisation
from resolvers.oversight.matters import DAY, Matter, at, fresh, instant
from resolvers.room import Answers, Keys, Pushes, Shows, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.exchange.surveys import survey, survey_answer, survey_party
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

SURVEYS: Final[Mapping[str, Mapping[str, str]]] = {"": {"send": "open"}, "open": {"close": "closed"}}
"""What may happen to a survey; one whose end has come has ended, and nothing happens to it any more."""

MOST_PARTIES: Final = 300
USUAL_DAYS, LONGEST_DAYS = 30, 366


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey as it is stored, but for its answers."""

    id: int
    sender: str
    ar: str
    ckb: str | None
    en: str
    anonymous: bool
    shared: bool
    questions: str
    state: str
    version: int
    sent_at: int
    ends_at: int

    def stands(self, now: int) -> str:
        """Its state at a moment."""
        return "ended" if self.state == "open" and self.ends_at <= now else self.state


COLUMNS = [survey.c[each.name] for each in fields(Survey)]


class Surveys(Matter):
    """Sends, answers, closes and counts surveys."""

    kind = "survey"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.roots: dict[str, Answers] = {"surveys": self.surveys, "survey_results": self.results, "survey_answers": self.named_answers}
        self.watched: dict[str, tuple[Keys, Shows]] = {"survey_received": (self._organisation, self._received)}
        self.pushed: dict[str, Pushes] = {"survey_received": self._push}
        self._random = SystemRandom()
        prepare = hub.database.prepare
        this = survey.c.id == sa.bindparam("which")
        self._one, self._hold = prepare(sa.select(*COLUMNS).where(this)), prepare(sa.select(*COLUMNS).where(this).with_for_update())
        self._pool = prepare(sa.select(survey.c.pool).where(this))
        before = sa.tuple_(*(sa.bindparam(name, type_=sa.BigInteger) for name in ("before_at", "before_id")))
        newest = (survey.c.sent_at.desc(), survey.c.id.desc())
        earlier = sa.tuple_(survey.c.sent_at, survey.c.id) < before
        whose: Any = sa.bindparam("whose")
        first: Any = sa.bindparam("first")
        nobody: Any = sa.literal_column("NULL")
        self._sent = prepare(sa.select(*COLUMNS, nobody).where(survey.c.sender == whose, earlier).order_by(*newest).limit(first))
        asked = survey.join(survey_party, survey_party.c.survey == survey.c.id)
        received = sa.select(*COLUMNS, survey_party.c.answered).select_from(asked).where(survey_party.c.organisation == whose, earlier)
        self._received_page = prepare(received.order_by(*newest).limit(first))
        of_survey = survey_party.c.survey == sa.bindparam("which")
        mine = of_survey, survey_party.c.organisation == whose
        self._party = prepare(sa.select(survey_party.c.answered).where(*mine))
        self._insert, self._invite, self._answer = (prepare(sa.insert(each)) for each in (survey, survey_party, survey_answer))
        self._answered = prepare(sa.update(survey_party).where(*mine).values(answered=sa.true()))
        self._refill = prepare(sa.update(survey).where(this).values(pool=sa.bindparam("sealed")))
        self._close = prepare(sa.update(survey).where(this).values(state=sa.bindparam("next"), version=survey.c.version + 1))
        answers = sa.select(survey_answer.c.organisation, survey_answer.c.content).where(survey_answer.c.survey == sa.bindparam("which"))
        self._answers = prepare(answers.order_by(survey_answer.c.organisation))

    # --- asking --------------------------------------------------------------------------------------------------

    async def send(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Send a survey to other organisations.

        Raises:
            NotPermitted: the requester may not.
            Invalid: a title, question, end or receiver that cannot be; too few receivers to be anonymous among.
        """
        self.hub.demand(enquiry, "survey.send")
        own, title, asked = own_organisation(enquiry), words_of(given, ""), questions_of(given["questions"])
        to = [str(each) for each in given["to"]]
        least = FEWEST if given["anonymous"] else 1
        if not least <= len(to) <= MOST_PARTIES or len(set(to)) != len(to):
            message = f"this survey goes to {least} to {MOST_PARTIES} organisations, each once"
            hint = "nobody is anonymous among fewer than five" if given["anonymous"] else "name others, none of them twice"
            raise Invalid(message, hint, "to")
        for each in to:
            self.hub.identity.references.addressee(enquiry, each, "to")
        now = epoch(enquiry.now)
        ends_at = now + USUAL_DAYS * DAY if given["ends_at"] is None else epoch(instant(given["ends_at"], "endsAt"))
        if not now < ends_at <= now + LONGEST_DAYS * DAY:
            raise Invalid("a survey ends in the next year", "name another end", "endsAt")

        async def work(change: Change) -> dict[str, Any]:
            which, state = fresh(), moved(SURVEYS, "", "send")
            stored = {"questions": orjson.dumps(asked).decode(), "state": state, "version": 1, "sent_at": change.now, "ends_at": ends_at}
            common = {"id": which, "sender": own, "anonymous": given["anonymous"], "shared": given["shared"], "pool": None}
            await change.execute(self._insert, {**common, **title, **stored})
            await change.execute_many(self._invite, [{"survey": which, "organisation": each, "answered": False} for each in sorted(to)])
            await change.step(self.thing(which), "send", state)
            for each in to:
                change.tell("survey_received", each, {"survey": which, "purpose": enquiry.purpose.value})
            return {"survey": self.named(enquiry, which), "state": "OPEN", "version": 1}

        content = [title, asked, to, given["anonymous"], given["shared"], given["ends_at"]]
        return await self.hub.writing.run(enquiry, "survey.send", work, key=key, content=content)

    async def close(self, enquiry: Enquiry, which: str, version: int) -> dict[str, Any]:
        """End a survey before its time.

        Raises:
            NotPermitted: the requester may not.
            Unknown: no such survey of this organisation.
            Stale: it was closed meanwhile.
            Conflict: it is over.
        """
        self.hub.demand(enquiry, "survey.send")
        own, number = own_organisation(enquiry), self.number(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            if not rows or Survey(*rows[0]).sender != own:
                raise _nothing()
            row = Survey(*rows[0])
            state = moved(SURVEYS, row.stands(change.now), "close")
            if row.version != version:
                raise Stale("the survey changed since it was read", "read it again", "version")
            await change.execute(self._close, {"which": number, "next": state})
            await change.step(self.thing(number), "close", state)
            return {"survey": which, "state": state.upper(), "version": row.version + 1}

        return await self.hub.writing.run(enquiry, "survey.close", work)

    # --- answering -----------------------------------------------------------------------------------------------

    async def answer(self, enquiry: Enquiry, which: str, given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Answer a survey for one's organisation, once.

        There is no idempotency key, no step and no news: each would say when an anonymous answer came.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the organisation was asked no such thing.
            Conflict: it has answered, or the survey is over.
            Invalid: an answer that cannot be; `field` names it.
        """
        self.hub.demand(enquiry, "survey.answer")
        own, number = own_organisation(enquiry), self.number(enquiry, which)

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            mine = {"which": number, "whose": own}
            parties = await change.fetch(self._party, mine)
            if not rows or not parties:
                raise _nothing()
            row = Survey(*rows[0])
            if row.stands(change.now) != "open":
                raise Conflict("this survey is over", "see `surveys` for others")
            if parties[0][0]:
                raise Conflict("this organisation has answered", "there is nothing to do")
            found = answers_of(orjson.loads(row.questions), given, self._names(own) if row.anonymous else ())
            await change.execute(self._answered, mine)
            if row.anonymous:
                pool = [*await self._pooled(change, number), found]
                self._random.shuffle(pool)
                await change.execute(self._refill, {"which": number, "sealed": self.sealed(orjson.dumps(pool).decode())})
            else:
                sealed = self.sealed(orjson.dumps(found).decode())
                await change.execute(self._answer, {"survey": number, "organisation": own, "content": sealed})
            return {"survey": which, "state": "OPEN", "version": row.version}

        return await self.hub.writing.run(enquiry, "survey.answer", work)

    def _names(self, own: str) -> list[str]:
        name = self.hub.organisations[own].name
        return [own, *(each for each in name.model_dump().values() if each)]

    async def _pooled(self, where: Any, number: int) -> list[dict[str, Any]]:
        opened = self.opened((await where.fetch(self._pool, {"which": number}))[0][0])
        return list(orjson.loads(opened)) if opened is not None else []

    # --- reading -------------------------------------------------------------------------------------------------

    async def surveys(self, gathering: Gathering, field: Field) -> Any:
        """A page of the surveys that the organisation was asked to answer, or sent; the newest first."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "survey.read")
        first = page_size(self.hub, arguments["first"])
        before = place_of(self.hub, enquiry, "surveys", arguments.get("after"))
        values = {"whose": enquiry.requester.organisation, "first": first + 1, "before_at": before[0], "before_id": before[1]}
        rows = await self.hub.database.fetch(self._sent if arguments["sent"] else self._received_page, values, rows=first)
        page = [(Survey(*row[:-1]), row[-1]) for row in rows[:first]]
        end = cursor(self.hub, enquiry, "surveys", (page[-1][0].sent_at, page[-1][0].id)) if page else None
        found = [self._shown(enquiry, each, answered) for each, answered in page]
        return shaped(field.want, {"surveys": found, "end_cursor": end, "has_next_page": len(rows) > first})

    def _shown(self, enquiry: Enquiry, row: Survey, answered: Any) -> dict[str, Any]:
        return {
            "id": self.named(enquiry, row.id),
            "sender": row.sender,
            "title": {"ar": row.ar, "ckb": row.ckb, "en": row.en},
            "anonymous": bool(row.anonymous),
            "shared": bool(row.shared),
            "state": row.stands(epoch(enquiry.now)).upper(),
            "version": row.version,
            "sent_at": at(row.sent_at),
            "ends_at": at(row.ends_at),
            "answered": None if answered is None else bool(answered),
            "questions": [_question(each) for each in orjson.loads(row.questions)],
        }

    async def results(self, gathering: Gathering, field: Field) -> Any:
        """What a survey that is over came to, for who sent it and, where it is shared, for those who were asked; None for others."""
        assert field.want is not None
        enquiry = gathering.enquiry
        row = await self._over(gathering, field)
        if row is None:
            return None
        if row.sender != enquiry.requester.organisation:
            mine = {"which": row.id, "whose": enquiry.requester.organisation}
            if not row.shared or not await self.hub.database.fetch(self._party, mine):
                return None
        if row.anonymous:
            answers = await self._pooled(self.hub.database, row.id)
        else:
            answers = [each for _, each in await self._named(row.id)]
        found = results_of(orjson.loads(row.questions), answers)
        return shaped(field.want, {"answered": coarse(len(answers)), "questions": found})

    async def named_answers(self, gathering: Gathering, field: Field) -> Any:
        """Each organisation's answers to a survey with names that is over, for who sent it; None for any other."""
        assert field.want is not None
        row = await self._over(gathering, field)
        if row is None or row.anonymous or row.sender != gathering.enquiry.requester.organisation:
            return None
        kinds = {each["code"]: each["kind"] for each in orjson.loads(row.questions)}
        found = [
            {"organisation": organisation, "answers": [_answered(code, kinds[code], value) for code, value in answers.items()]}
            for organisation, answers in await self._named(row.id)
        ]
        return shaped(field.want, found)

    async def _named(self, number: int) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.hub.database.fetch(self._answers, {"which": number}, rows=MOST_PARTIES)
        return [(organisation, orjson.loads(self.opened(content) or "{}")) for organisation, content in rows]

    async def _over(self, gathering: Gathering, field: Field) -> Survey | None:
        """A survey that is over: before, its figures would tell what the next answer was."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "survey.read")
        number = self.number(enquiry, str(field.arguments(gathering.variables)["survey"]))
        rows = await self.hub.database.fetch(self._one, {"which": number})
        row = Survey(*rows[0]) if rows else None
        return row if row is not None and row.stands(epoch(enquiry.now)) != "open" else None

    # --- news ----------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "survey.read")
        return own_organisation(enquiry)

    async def _received(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        assert field.want is not None
        return shaped(field.want, {"survey": self.named(gathering.enquiry, int(news["survey"]))})

    async def _push(self, gathering: Gathering, _: str, news: Mapping[str, Any]) -> dict[str, Any] | None:
        if not hears(self.hub, gathering):
            return None
        return {"survey": self.named(gathering.enquiry, int(news["survey"]))}


def _question(stored: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {name: None if stored[name] is None else stored[name] / 1000 for name in ("least", "most")}
    options = [{"code": each["code"], "text": {name: each[name] for name in ("ar", "ckb", "en")}} for each in stored["options"]]
    text = {name: stored[name] for name in ("ar", "ckb", "en")}
    return {
        "code": stored["code"], "kind": stored["kind"].upper(), "text": text, "options": options, **bounds, "required": stored["required"],
    }  # fmt: skip


def _answered(code: str, kind: str, value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"question": code, "options": None, "number": None, "text": None, "day": None}
    if kind in {"number", "scale"}:
        return {**found, "number": value / 1000}
    return {**found, {"choice": "options", "several": "options", "text": "text", "date": "day"}[kind]: value}


def _nothing() -> Unknown:
    return Unknown("there is no such survey", "give the id of one of `surveys`", "survey")
