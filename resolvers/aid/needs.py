"""Assessing a need puts a person into the queue; an override moves somebody with a reason; new rules become a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Invalid, LimitReached, Stale, Unknown
from privacy.sealing import Seal
from resolvers.aid.homes import GOVERNORATE
from resolvers.aid.inputs import day_between, kind_of_aid, numbers, text
from resolvers.aid.questionnaires import Questionnaires
from resolvers.aid.ranking import PLACE, Ranking, households_of
from resolvers.aid.resources import LONGEST_REASON
from resolvers.aid.score_sets import score_set
from resolvers.aid.scores import FINE, LN2, Place, Policy, asked, disabled, order_key, points
from resolvers.aid.xlsform import counted
from resolvers.gather import Gathering, moment
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.aid import assessment, nomination, queue_policy
from tables.database import among
from tables.writing import step
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

ANSWERS: Final = 100
AT_ONCE: Final = 20_000
"""Places that new rules move within one command; for a longer queue they are refused."""
FURTHEST: Final = 6
BOUNDS: Final = (("half_life_days", "halfLifeDays", 1, 3653), ("emphasis", "emphasis", 0, 8), ("reference", "reference", 1, 10**9))
"""Numbers that rules may change: name, public name, least and most."""


class Needs(Room):
    """What people lack, as an organisation assessed it."""

    def __init__(self, hub: Hub, ranking: Ranking, questionnaires: Questionnaires) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.ranking = ranking
        self.questionnaires = questionnaires
        self.roots: dict[str, Answers] = {"queue_rules": self.rules, "queue_overrides": self.overrides}
        prepare = hub.database.prepare
        self._add_assessment = prepare(sa.insert(assessment))
        self._add_place = prepare(sa.insert(nomination))
        this = nomination.c.policy == sa.bindparam("in_policy"), nomination.c.person == sa.bindparam("of_person")
        self._place = prepare(sa.select(*PLACE).where(*this).with_for_update())
        self._move = prepare(
            sa.update(nomination)
            .where(*this)
            .values({name: sa.bindparam(f"new_{name}") for name in ("household", "size", "order_key", "points", "lift")})
        )
        self._queue = prepare(sa.select(*PLACE).where(nomination.c.policy == sa.bindparam("in_policy")).limit(AT_ONCE + 1))
        self._versions = prepare(
            sa.select(*(queue_policy.c[name] for name in ("id", "organisation", "need", "version", "body", "active", "adopted_at")))
            .where(queue_policy.c.organisation == sa.bindparam("organisation"), queue_policy.c.need == sa.bindparam("need"))
            .order_by(queue_policy.c.version.desc())
        )
        self._held_policy = prepare(sa.select(queue_policy.c.id).where(queue_policy.c.id == sa.bindparam("in_policy")).with_for_update())
        self._retire = prepare(sa.update(queue_policy).where(queue_policy.c.id == sa.bindparam("in_policy")).values(active=False))
        self._adopt = prepare(sa.insert(queue_policy))
        self._answers = prepare(
            sa.select(assessment.c.person, assessment.c.answers)
            .where(assessment.c.organisation == sa.bindparam("organisation"), assessment.c.need == sa.bindparam("need"))
            .where(among(assessment.c.person, "people", "whole"))
            .order_by(assessment.c.id)
        )
        self._overrides = prepare(
            sa.select(step.c.thing, step.c.at, step.c.role, step.c.state, step.c.reason)
            .where(step.c.act == "override", step.c.organisation == sa.bindparam("organisation"))
            .order_by(step.c.at.desc())
            .limit(sa.bindparam("first"))
        )

    def _seal(self, organisation: str) -> Seal:
        return Seal(self.hub.ring, "assessment", organisation)

    async def _case(self, enquiry: Enquiry, given: str) -> tuple[int, int | None]:
        """The number and household of somebody of the own case load.

        Raises:
            Unknown: it is nobody.
        """
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, given) or 0
        standing = await self.hub.standing.of(enquiry, [number])
        if number not in standing.own:
            raise Unknown("this is nobody of the own case load", "give the id of somebody of `caseload`", "person")
        return number, standing.households.get(number)

    # --- assessing -----------------------------------------------------------------------------------------------

    async def assess(self, enquiry: Enquiry, given: Mapping[str, Any], answers: Sequence[tuple[str, float]]) -> dict[str, Any]:
        """Count a questionnaire's answers into points, and give the person a place.

        Raises:
            Invalid: no such kind of need, a day to come or long past, or answers that the score set cannot count.
            Unknown: the person is nobody of the own case load.
        """
        self.hub.demand(enquiry, "need.assess")
        organisation, today = str(enquiry.requester.organisation), enquiry.now.date()
        need = kind_of_aid(str(given["need"]), "need")
        on = day_between(given["on"], "on", today - timedelta(days=366), today)
        kept: dict[str, Any] = {}
        if given["questionnaire"] is not None:
            if answers:
                raise Invalid("answers are given once", "give `responses` to the questionnaire, and no `answers`", "answers")
            kept = await self.questionnaires.answered(enquiry, str(given["questionnaire"]), given["responses"])
            said = counted(kept["responses"])
        else:
            if given["responses"]:
                raise Invalid("responses are to a questionnaire", "name it with `questionnaire`, or give `answers`", "questionnaire")
            said = _answers(answers)
        region = text(given["region"], "region", 8) if given["region"] is not None else ""
        if region and not GOVERNORATE.fullmatch(region):
            raise Invalid("a region is a code of ISO 3166-2", "as in IQ-BG, or leave it out", "region")
        number, home = await self._case(enquiry, str(given["person"]))

        async def work(change: Change) -> dict[str, Any]:
            policy = await self.ranking.begun(change, organisation, need, change.now)
            wanted = asked(policy)
            scored = points(policy, {code: value for code, value in said.items() if code in wanted} if kept else said, region)
            made = next(numbers())
            sealed = self._seal(organisation).close(orjson.dumps({"answers": said, "region": region, **kept}), self.hub.ring.current)
            row = {"id": made, "organisation": organisation, "person": number, "need": need, "policy": policy.id, "points": scored}
            await change.execute(self._add_assessment, {**row, "assessed_on": on.isoformat(), "answers": sealed, "at": change.now})
            await self._enter(change, policy, (number, home), (made, on.toordinal(), scored))
            await change.step(f"assessment:{made}", "assess", "assessed")
            change.tell("queue_moved", organisation, {"need": need, "count": 1})
            name = self.hub.identifier(enquiry, "assessment")(made)
            row = {"id": name, "need": need, "points": scored / 1000, "assessed_on": on.isoformat(), "version": policy.version}
            return {**row, "disability": disabled(said)}

        content = [number, need, on.isoformat(), region, sorted(said.items()), kept]
        return await self.hub.writing.run(enquiry, "need.assess", work, key=given["idempotency_key"], content=content)

    async def _enter(self, change: Change, policy: Policy, who: tuple[int, int | None], scored: tuple[int, int, int]) -> None:
        """Give somebody a place, or with a new assessment another in the same queue."""
        (number, home), (made, on, counted) = who, scored
        members = await self.ranking.members(change, [number], [] if home is None else [home], held=True)
        size = max(len(members), 1) if home is not None else 1
        rows = await change.fetch(self._place, {"in_policy": policy.id, "of_person": number})
        before = Place(*rows[0]) if rows else Place(policy.id, number, home, size, 0, made, on, counted, 0)
        place = before._replace(household=home, size=size, points=counted)
        gifts = await self.ranking.gifts(change, members)
        place = place._replace(order_key=order_key(policy, place, self.ranking.counted(policy, place, gifts, households_of(members))))
        if rows:
            await self._keep(change, place)
        else:
            await change.execute(self._add_place, place._asdict())

    async def _keep(self, change: Change, place: Place) -> None:
        values = {f"new_{name}": getattr(place, name) for name in ("household", "size", "order_key", "points", "lift")}
        await change.execute(self._move, {"in_policy": place.policy, "of_person": place.person, **values})

    # --- overriding ----------------------------------------------------------------------------------------------

    async def override(self, enquiry: Enquiry, who: str, need: str, lift: int, reason: str) -> dict[str, Any]:
        """Double or halve somebody's priority so many times, for a reason that is reported.

        Raises:
            Invalid: no such need, a lift out of bounds, or no reason.
            Unknown: nobody of the own case load, or without a place in this queue.
        """
        self.hub.demand(enquiry, "queue.override")
        organisation, wanted = str(enquiry.requester.organisation), kind_of_aid(need, "need")
        why = text(reason, "reason", LONGEST_REASON)
        if not -FURTHEST <= lift <= FURTHEST:
            raise Invalid(f"this is outside {-FURTHEST} to {FURTHEST}", "0 takes an override back", "lift")
        number, _ = await self._case(enquiry, who)

        async def work(change: Change) -> dict[str, Any]:
            policy = await self.ranking.active(change, organisation, wanted)
            rows = await change.fetch(self._place, {"in_policy": policy.id, "of_person": number}) if policy is not None else []
            if policy is None or not rows:
                raise Unknown("this person has no place in this queue", "assess the need first", "person")
            place = Place(*rows[0])
            key = place.order_key - round((lift - place.lift) * LN2 * FINE)
            await self._keep(change, place._replace(lift=lift, order_key=key))
            await change.step(f"place:{policy.id:x}:{number:x}", "override", f"lifted by {lift}", why)
            change.tell("queue_moved", organisation, {"need": wanted, "count": 1})
            return {"person": self.hub.identifier(enquiry, "person")(number), "need": wanted, "lift": lift}

        return await self.hub.writing.run(enquiry, "queue.override", work)

    async def overrides(self, gathering: Gathering, field: Field) -> Any:
        """The own organisation's overrides, newest first."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "queue.read")
        first = field.arguments(gathering.variables)["first"]
        if not 1 <= first <= 1000:
            raise Invalid("`first` is outside 1 to 1000", "ask for a page of at most 1000", "first")
        rows = await self.hub.database.fetch(self._overrides, {"organisation": enquiry.requester.organisation, "first": first})
        policies = await self.ranking.policies(self.hub.database, {int(row[0].split(":")[1], 16) for row in rows})
        identify = self.hub.identifier(enquiry, "person")
        found, people = [], []
        for thing, at, role, state, reason in rows:
            _, policy, number = thing.split(":")
            people.append(int(number, 16))
            found.append(
                {
                    "person": identify(people[-1]),
                    "need": policies[int(policy, 16)].need,
                    "at": moment(datetime.fromtimestamp(at, UTC)),
                    "role": role,
                    "lift": int(state.rsplit(" ", 1)[-1]),
                    "reason": self.hub.writing.reason(reason),
                }
            )
        if people:
            gathering.shown.append(Shown(("person.id",), (), tuple(dict.fromkeys(people)), Condition.OWN_CASE.value))
        assert field.want is not None
        return shaped(field.want, found)

    # --- rules ---------------------------------------------------------------------------------------------------

    async def rules(self, gathering: Gathering, field: Field) -> Any:
        """The versions of the own rules for a need, newest first."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "queue.read")
        need = kind_of_aid(str(field.arguments(gathering.variables)["need"]), "need")
        rows = await self.hub.database.fetch(self._versions, {"organisation": enquiry.requester.organisation, "need": need})
        assert field.want is not None
        return shaped(field.want, [rules_row(Policy.read(row[:5]), active=bool(row[5]), at=row[6]) for row in rows])

    async def adopt(self, enquiry: Enquiry, need: str, version: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Adopt other rules as a new signed version, and move everybody by them at once.

        Raises:
            Invalid: rules that nobody could be ordered by.
            Stale: other rules were adopted meanwhile.
            LimitReached: the queue is too long to be moved within one command.
        """
        self.hub.demand(enquiry, "queue.adopt")
        organisation, wanted = str(enquiry.requester.organisation), kind_of_aid(need, "need")

        async def work(change: Change) -> dict[str, Any]:
            before = await self.ranking.begun(change, organisation, wanted, change.now)
            await change.fetch(self._held_policy, {"in_policy": before.id})
            now = await self.ranking.active(change, organisation, wanted)
            if now is None or now.version != version:
                raise Stale("other rules are in force", "read `queueRules` again, and repeat with its newest version", "version")
            row = self.ranking.version(organisation, wanted, now.version + 1, changed_body(now, changes), change.now)
            after = Policy.read([row[name] for name in ("id", "organisation", "need", "version", "body")])
            places = [Place(*each) for each in await change.fetch(self._queue, {"in_policy": now.id})]
            moved = await self.moved(change, after, places)
            await change.execute(self._retire, {"in_policy": now.id})
            await change.execute(self._adopt, row)
            await change.execute_many(self._add_place, [each._asdict() for each in moved])
            await change.step(f"queue_policy:{row['id']}", "adopt", "active")
            change.tell("queue_moved", organisation, {"need": wanted, "count": len(moved)})
            return rules_row(after, active=True, at=change.now)

        return await self.hub.writing.run(enquiry, "queue.adopt", work)

    async def moved(self, reads: Any, after: Policy, places: Sequence[Place]) -> list[Place]:
        """Everybody's places under other rules, from the answers of their last assessments.

        Raises:
            LimitReached: they are too many for one command.
        """
        if len(places) > AT_ONCE:
            raise LimitReached("this queue is too long to be moved at once", f"up to {AT_ONCE} places can be")
        people = [each.person for each in places]
        homes = {each.household for each in places if each.household is not None}
        members = await self.ranking.members(reads, people, homes)
        gifts = await self.ranking.gifts(reads, members)
        together = households_of(members)
        values = {"organisation": after.organisation, "need": after.need, "people": people}
        seal = self._seal(after.organisation)
        said: dict[int, Any] = {}
        for number, sealed in await reads.fetch(self._answers, values):
            opened = seal.open(sealed, stored=True)
            if opened is not None:
                said[number] = orjson.loads(opened)
        found = []
        for each in places:
            answers = said.get(each.person)
            place = each._replace(policy=after.id, points=_again(after, answers, each.points))
            found.append(place._replace(order_key=order_key(after, place, self.ranking.counted(after, place, gifts, together))))
        return found


def _answers(answers: Sequence[tuple[str, float]]) -> dict[str, float]:
    if not 1 <= len(answers) <= ANSWERS:
        raise Invalid(f"an assessment has 1 to {ANSWERS} answers", "answer the questions of `queueRules`, or a questionnaire", "answers")
    said = dict(answers)
    if len(said) < len(answers):
        raise Invalid("a question is answered twice", "answer each question once", "answers")
    return said


def _again(after: Policy, answers: Mapping[str, Any] | None, before: int) -> int:
    """Points under other rules; those before stand where the answers do not say what the new score set asks."""
    if answers is None:
        return before
    wanted = asked(after)
    try:
        return points(after, {code: value for code, value in answers["answers"].items() if code in wanted}, answers["region"])
    except Invalid:
        return before


def changed_body(policy: Policy, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Rules with some of them changed.

    Raises:
        Invalid: a half-life, reference, emphasis or weight out of bounds, or a weight of no part.
    """
    body: dict[str, Any] = {
        "half_life_days": policy.half_life,
        "emphasis": policy.emphasis,
        "reference": policy.reference,
        "rates": dict(policy.rates),
        "counts": dict(policy.counts),
        "shared": policy.shared,
        "parts": [dict(each) for each in policy.parts],
    }
    if changes.get("parts") is not None:
        body["parts"] = score_set(changes["parts"])
    for name, public, least, most in BOUNDS:
        if changes[name] is not None:
            if not least <= changes[name] <= most:
                raise Invalid(f"this is outside {least} to {most}", "give it within, or leave it as it is", public)
            body[name] = float(changes[name])
    parts = {each["code"]: each for each in body["parts"]}
    for code, weight in (changes["weights"] or {}).items():
        if code not in parts or not 0 <= weight <= 1000:
            raise Invalid("a weight belongs to a part of the score set, and is 0 to 1000", f"its parts are {', '.join(parts)}", "weights")
        parts[code]["weight"] = float(weight)
    if sum(each["weight"] for each in parts.values()) <= 0:
        raise Invalid("some part has to weigh something", "give one of them a weight", "weights")
    return body


def rules_row(policy: Policy, *, active: bool, at: int) -> dict[str, Any]:
    """Rules as the schema shows them."""
    return {
        "need": policy.need,
        "version": policy.version,
        "active": active,
        "adopted_at": moment(datetime.fromtimestamp(at, UTC)),
        "half_life_days": policy.half_life,
        "emphasis": policy.emphasis,
        "reference": policy.reference,
        "shared": policy.shared,
        "parts": [{"code": each["code"], "method": each["method"], "weight": each["weight"]} for each in policy.parts],
    }
