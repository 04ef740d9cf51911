"""Suggestions beside the queue: what was learned from an organisation's own assessments and gifts, and what it says of who is next.

The queue's order never uses them, and no command takes them: they are shown beside the transparent priority, and somebody decides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import exp
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from privacy.sealing import Seal
from resolvers.aid.inputs import kind_of_aid, numbers
from resolvers.aid.learning import Cases, Feature, Model, learned
from resolvers.aid.queue import Queue, Standing
from resolvers.aid.ranking import Ranking, households_of
from resolvers.aid.scores import DIFFICULTIES, LN2, Gift, Place, Policy, disabled
from resolvers.aid.words import suggested
from resolvers.gather import Gathering, moment
from resolvers.room import Answers, Room
from resolvers.want import Field, Want, shaped
from tables.aid import assessment, suggestion_model
from tables.database import Transaction, among
from tables.identity import own_case

if TYPE_CHECKING:
    from resolvers.hub import Hub

WITHIN_DAYS: Final = 90
"""A case counts as given to if the organisation itself gave something that counts for the need within so many days of its assessment."""
PAGE: Final = 2_000
RECEIVED: Final = "received"
"""The one feature that is no answer: what the organisation itself gave before, in shares of the reference, fading as in the queue."""
DISABILITY: Final = "disability"

Progress = Callable[[int, int], None]
"""Is told how much is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Known:
    """A model in force, with its card."""

    model: Model
    card: Mapping[str, Any]
    version: int
    trained_at: int


class Suggestions(Room):
    """What was learned, and what it says."""

    def __init__(self, hub: Hub, ranking: Ranking, queue: Queue) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.ranking = ranking
        self.queue = queue
        self.roots: dict[str, Answers] = {"suggestions": self.suggestions}
        prepare = hub.database.prepare
        own = assessment.c.organisation == sa.bindparam("organisation"), assessment.c.need == sa.bindparam("need")
        mine = sa.and_(own_case.c.organisation == assessment.c.organisation, own_case.c.person == assessment.c.person)
        columns = [assessment.c[name] for name in ("id", "person", "assessed_on", "answers")]
        until = assessment.c.assessed_on <= sa.bindparam("until")
        self._count = prepare(sa.select(sa.func.count()).select_from(assessment.join(own_case, mine)).where(*own, until))
        self._assessed = prepare(
            sa.select(*columns)
            .join(own_case, mine)
            .where(*own, until, assessment.c.id > sa.bindparam("after"))
            .order_by(assessment.c.id)
            .limit(PAGE)
        )
        self._answers = prepare(
            sa.select(assessment.c.person, assessment.c.answers)
            .where(*own, among(assessment.c.person, "people", "whole"))
            .order_by(assessment.c.id)
        )
        of = suggestion_model.c.organisation == sa.bindparam("organisation"), suggestion_model.c.need == sa.bindparam("need")
        named = [suggestion_model.c[name] for name in ("version", "body", "trained_at", "signature", "key_version")]
        self._active = prepare(sa.select(*named).where(*of, suggestion_model.c.active))
        self._last = prepare(sa.select(sa.func.max(suggestion_model.c.version)).where(*of))
        self._retire = prepare(sa.update(suggestion_model).where(*of, suggestion_model.c.active).values(active=False))
        self._add = prepare(sa.insert(suggestion_model))

    # --- learning ------------------------------------------------------------------------------------------------

    async def train(
        self, organisation: str, need: str, kept: tuple[Collection[str], Collection[str]], progress: Progress
    ) -> dict[str, Any]:
        """Learn from the organisation's own cases; `kept` are the protected features it allows, and the questions it leaves out.

        Raises:
            Invalid: no such need, feature or question.
            Unknown: the organisation has no queue of this need.
            TooFew: there are too few cases, or nothing holds for others.
        """
        kind = kind_of_aid(need, "need")
        policy = await self._policy(organisation, kind)
        features, left_out = features_of(policy, *kept)
        cases, card = await self._cases(policy, features, progress)
        done = len(cases.given)
        steps = iter(range(done + 1, done + 100))
        model, errors = learned(cases, lambda: progress(next(steps), done + 6))
        card |= {"features": [each.code for each in features], "left_out": left_out, "rules": policy.version, **errors}
        return await self._keep(organisation, kind, {"card": card, "model": model.body()})

    async def _policy(self, organisation: str, kind: str) -> Policy:
        policy = await self.ranking.active(self.hub.database, organisation, kind)
        if policy is None:
            raise Unknown(f"{organisation} has no queue of {kind}", "its people assess needs first: `needAssess`", "organisation")
        return policy

    async def _cases(self, policy: Policy, features: Sequence[Feature], progress: Progress) -> tuple[Cases, dict[str, Any]]:
        """Every own assessment that is old enough for its outcome to be known."""
        until = datetime.now(UTC).date() - timedelta(days=WITHIN_DAYS)
        rows: list[list[float]] = []
        given: list[bool] = []
        groups: list[list[str]] = []
        people: list[int] = []
        days: list[str] = []
        values = {"organisation": policy.organisation, "need": policy.need, "until": until.isoformat()}
        everybody = (await self.hub.database.fetch(self._count, values))[0][0]
        async for number, on, said, gifts, place in self._read(policy, values):
            day = date.fromisoformat(on).toordinal()
            case = case_of(features, said["answers"], received(policy, place, gifts, day))
            if case is not None:
                rows.append(list(case.values()))
                later = (gift for gift in gifts if day <= gift.day <= day + WITHIN_DAYS)
                given.append(any(policy.gift(each.kind, each.amount_minor, each.currency, place.size) for each in later))
                groups.append(groups_of(said))
                people.append(number)
                days.append(on)
            progress(len(rows), everybody + 6)
        card = {"cases": len(rows), "people": len(set(people)), "since": min(days, default=None), "until": max(days, default=None)}
        return Cases(features, rows, given, groups, people), {**card, "outcome_days": WITHIN_DAYS}

    async def _read(self, policy: Policy, values: Mapping[str, Any]) -> AsyncIterator[tuple[int, str, Any, list[Gift], Place]]:
        """(person, day, what was said, what the organisation itself gave, the place) of each assessment, page by page."""
        seal, after = Seal(self.hub.ring, "assessment", policy.organisation), 0
        while rows := await self.hub.database.fetch(self._assessed, {**values, "after": after}):
            after = rows[-1][0]
            homes = await self.ranking.members(self.hub.database, [row[1] for row in rows], [])
            together = households_of(
                await self.ranking.members(self.hub.database, [], {home for home in homes.values() if home is not None})
            )
            places = [(0, _stood(policy, row[1], homes.get(row[1]), together)) for row in rows]
            for (_, number, on, sealed), each in zip(rows, await self.queue.standing(policy, places), strict=True):
                opened = seal.open(sealed, stored=True)
                if opened is not None:
                    yield number, on, orjson.loads(opened), own_gifts(policy, each), each.place

    async def _keep(self, organisation: str, need: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The next signed version; the one before is kept and no longer in force."""
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        values = {"organisation": organisation, "need": need}

        async def work(tx: Transaction) -> dict[str, Any]:
            version = ((await tx.fetch(self._last, values))[0][0] or 0) + 1
            row = {"id": next(numbers()), **values, "version": version, "active": True, "body": text}
            signed = self.hub.ring.signing_key().sign(signed_text(organisation, need, version, text)).signature
            await tx.execute(self._retire, values)
            more = {"trained_at": int(datetime.now(UTC).timestamp()), "signature": signed, "key_version": self.hub.ring.current}
            await tx.execute(self._add, {**row, **more})
            return {"version": version, **body["card"]}

        return await self.hub.database.change(work)

    async def retire(self, organisation: str, need: str) -> None:
        """Let there be no suggestions for a queue.

        Raises:
            Unknown: there are none.
        """
        values = {"organisation": organisation, "need": kind_of_aid(need, "need")}
        async with self.hub.database.transaction() as tx:
            if not await tx.fetch(self._active, values):
                raise Unknown("there is no model in force", "`mizalla suggest train` makes one", "organisation")
            await tx.execute(self._retire, values)

    async def known(self, organisation: str, need: str) -> Known | None:
        """The model in force.

        Raises:
            Conflict: it is not what the hub signed.
        """
        rows = await self.hub.database.fetch(self._active, {"organisation": organisation, "need": need})
        if not rows:
            return None
        version, text, trained_at, signature, key = rows[0]
        if not self.hub.ring.signed(signed_text(organisation, need, version, text), bytes(signature), key):
            raise Conflict("what was learned was changed behind the hub", "the operator runs `mizalla suggest train` again")
        body = orjson.loads(text)
        return Known(Model.read(body["model"]), body["card"], version, trained_at)

    # --- showing -------------------------------------------------------------------------------------------------

    async def suggestions(self, gathering: Gathering, field: Field) -> Any:
        """A page of the own queue, in the queue's order, each place with what was learned beside it; null where nothing was."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "suggestion.read")
        organisation = str(enquiry.requester.organisation)
        need = kind_of_aid(str(getattr(arguments["need"], "value", arguments["need"])), "need")
        first, after = self.queue.first(arguments["first"]), arguments.get("after")
        cursor = self.queue.opened(enquiry, need, after)
        known = await self.known(organisation, need)
        policy = await self.ranking.active(self.hub.database, organisation, need) if known is not None else None
        if known is None or policy is None:
            return None
        rows = await self.queue.page(policy, first + 1, cursor)
        page = list(enumerate(rows[:first], cursor[3] + 1))
        finished: dict[str, Any] = {}
        assert field.want is not None
        for each in field.want.fields:
            if each.name == "nodes":
                assert each.want is not None

                async def beside(field: Field, standing: Sequence[Standing]) -> list[Any]:
                    return await self._beside(gathering, field, (policy, known), standing)

                finished[each.key] = await self.queue.nodes(gathering, each.want, policy, page, {"suggestion": beside})
            elif each.name == "page_info":
                assert each.want is not None
                stands = self.queue.page_info(enquiry, policy, page, more=len(rows) > first, began=after is not None)
                finished[each.key] = shaped(each.want, stands)
            else:
                finished[each.key] = _card(known, each.want) if each.want is not None else field.want.type
        return finished

    async def _beside(
        self, gathering: Gathering, field: Field, by: tuple[Policy, Known], standing: Sequence[Standing]
    ) -> list[dict[str, Any] | None]:
        policy, known = by
        language = field.arguments(gathering.variables).get("language", "en")
        values = {"organisation": policy.organisation, "need": policy.need, "people": [each.place.person for each in standing]}
        seal, today = Seal(self.hub.ring, "assessment", policy.organisation), gathering.enquiry.now.date().toordinal()
        said: dict[int, Any] = {}
        for number, sealed in await self.hub.database.fetch(self._answers, values):
            opened = seal.open(sealed, stored=True)
            if opened is not None:
                said[number] = orjson.loads(opened)["answers"]
        features = [Feature(code, 0) for code in known.card["features"]]
        found = [
            case_of(features, said.get(each.place.person, {}), received(policy, each.place, own_gifts(policy, each), today))
            for each in standing
        ]
        assert field.want is not None
        told = said_of(known.model, found, str(getattr(language, "value", language)))
        return [None if each is None else shaped(field.want, each) for each in told]


def said_of(model: Model, cases: Sequence[Mapping[str, float] | None], language: str) -> list[dict[str, Any] | None]:
    """What a model says of cases: its order among them, the chance, and what each answer adds; None where an answer is missing."""
    chances = [None if each is None else model.chance(each) for each in cases]
    order = sorted((each for each, chance in enumerate(chances) if chance is not None), key=lambda each: -(chances[each] or 0.0))
    place = {each: number for number, each in enumerate(order, 1)}
    found: list[dict[str, Any] | None] = []
    for number, case in enumerate(cases):
        if case is None:
            found.append(None)
            continue
        reasons = [
            {"code": code, "text": suggested(language, code, case[code], model.middle[code]), "weight": round(part, 3)}
            for code, part in model.parts(case)
            if part
        ]
        said = {"place": place[number], "chance": round(100 * (chances[number] or 0.0), 1), "base": round(model.base, 3)}
        found.append({**said, "reasons": sorted(reasons, key=_weight)})
    return found


def _weight(reason: Mapping[str, Any]) -> tuple[float, str]:
    return -abs(reason["weight"]), reason["code"]


def features_of(policy: Policy, allowed: Collection[str], left_out: Collection[str]) -> tuple[list[Feature], list[str]]:
    """What is learned from, and the questions that are not: those about disability unless allowed, and those an organisation leaves out.

    Raises:
        Invalid: a feature that is not protected, a question that is not asked, or nothing to learn from.
    """
    if set(allowed) - {DISABILITY}:
        raise Invalid("there is no such protected feature", f"only {DISABILITY} can be allowed", "allow")
    senses: dict[str, set[int]] = {}
    protected: list[str] = []
    for part in policy.parts:
        if part["method"] == "wg":
            protected += DIFFICULTIES
            senses |= {code: {1} for code in DIFFICULTIES}
        elif part["method"] == "scale":
            senses[part["code"]] = {1}
        else:
            for model in part["models"].values():
                for code, weight in model["coefficients"].items():
                    senses.setdefault(code, set()).add(-1 if weight > 0 else 1)
    unknown = sorted(set(left_out) - set(senses))
    if unknown:
        raise Invalid("there is no such question in the score set", f"it asks for {', '.join(sorted(senses))}", "without")
    without = sorted({*left_out, *(() if DISABILITY in allowed else protected)})
    found = [Feature(code, next(iter(each)) if len(each) == 1 else 0) for code, each in senses.items() if code not in without]
    if not found:
        raise Invalid("there is no question left to learn from", "leave fewer out", "without")
    return [*found, Feature(RECEIVED, -1)], without


def case_of(features: Sequence[Feature], answers: Mapping[str, float], before: float) -> dict[str, float] | None:
    """A case's features; None where a question was not answered. Of the Washington Group's, silence is no difficulty."""
    found = {
        each.code: before if each.code == RECEIVED else answers.get(each.code, 1.0 if each.code in DIFFICULTIES else None)
        for each in features
    }
    return {code: float(value) for code, value in found.items() if value is not None} if None not in found.values() else None


def own_gifts(policy: Policy, standing: Standing) -> list[Gift]:
    """Of what counts for a place, what the organisation itself gave: nothing is learned from others."""
    return [gift for gift in standing.gifts if gift.organisation == policy.organisation]


def received(policy: Policy, place: Place, gifts: Sequence[Gift], day: int) -> float:
    """What was received before a day, in shares of the reference, each gift fading."""
    worth = (
        policy.gift(each.kind, each.amount_minor, each.currency, place.size) * exp(-LN2 / policy.half_life * (day - each.day))
        for each in gifts
        if each.day < day
    )
    return round(sum(worth), 4)


def groups_of(said: Mapping[str, Any]) -> list[str]:
    """The groups whose errors are told apart, as far as an assessment tells them."""
    answers, region = said["answers"], said["region"]
    disability = {None: "DISABILITY_NOT_ASKED", True: "DISABILITY", False: "NO_DISABILITY"}[disabled(answers)]
    return [disability, f"REGION_{region}" if region else "REGION_NOT_SAID"]


def _card(known: Known, want: Want) -> Any:
    card = {**known.card, "version": known.version, "trained_at": moment(datetime.fromtimestamp(known.trained_at, UTC))}
    return shaped(want, card)


def _stood(policy: Policy, person: int, home: int | None, together: Mapping[int, Sequence[int]]) -> Place:
    """Where somebody would stand, as far as gifts ask for it."""
    size = 1 if home is None else len(together[home])
    return Place(policy.id, person, home, size, 0, 0, 0, 0, 0)


def signed_text(organisation: str, need: str, version: int, text: str) -> bytes:
    """What the hub signs of a version."""
    return orjson.dumps(["suggestion_model", organisation, need, version, text])
