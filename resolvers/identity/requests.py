"""Requests for help without a name: opened by a person, promised and served by an organisation, confirmed and closed by the person.

A helper learns what is assured, and what the person writes; never who it is, and no identifier that it could find among its own
cases. Both sides write to each other through the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from errors import Conflict, Invalid, LimitReached, SourceDown, Unknown
from privacy.requests import LIVE, AidRequest, AidRequests, Message
from privacy.standing import epoch
from resolvers.identity.crowd import BANDS, CLASSES, banded, hidden_in_a_crowd, unserved
from resolvers.identity.facts import facts_of
from resolvers.identity.wording import cleaned, tells_who
from resolvers.room import Room
from resolvers.want import Field, Want
from resolvers.words import WARNINGS
from resolvers.writing import Change, moved
from values import Enquiry, Purpose, Requester, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub

DAY = 86_400
LONGEST_WORDS = 1000
LONGEST_MESSAGE = 2000
MOST_LIVE = 5
MOST_A_WEEK = 10
MOST_MESSAGES = 50
"""Of one side, in one request and day."""

LONGEST_PROMISE = 30

NEEDS = frozenset({"cash", "food", "shelter", "health", "education", "protection", "assistive_device", "hygiene", "safety"})
"""Benefit types of SP-DCI, and safety for distress."""

RANKS = ("URGENT", "TEMPORARY", "LASTING")
"""Urgencies, in the order in which they are listed."""

STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"open": "opened"},
    "opened": {"promise": "promised", "withdraw": "withdrawn", "remove": "removed"},
    "promised": {"serve": "served", "release": "opened", "lapse": "opened", "withdraw": "withdrawn", "remove": "removed"},
    "served": {"confirm": "confirmed", "complain": "complained", "withdraw": "withdrawn"},
    "confirmed": {"close": "closed", "complain": "complained"},
    "complained": {"close": "closed", "remove": "removed"},
}
"""State → act → next state. Closed, withdrawn and removed are ends."""

OF_PERSON = frozenset({"withdraw", "confirm", "complain", "close"})
HELPING = frozenset({"promised", "served", "confirmed", "complained"})
"""States in which there is somebody on the other side."""

OF_HELPER = frozenset({"serve", "release"})

_ALLOCATION = Want("Allocation", tuple(Field(name, name) for name in ("kind", "status", "allocated_on")))
_ALL: Mapping[str, Any] = {"first": 1000, "since": None, "kinds": None, "order": "recorded"}
WANT = Want(
    "Person",
    (
        *(Field(name, name) for name in ("living", "governorate", "district", "need_score", "household_size")),
        Field("allocations", "allocations", lambda _: _ALL, _ALLOCATION),
    ),
)
"""What is read of the person, for the person, when it asks: what is assured is made of this."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says when it asks for help."""

    need: str
    rank: int
    place: str
    openness: str
    chosen: str | None
    words: str
    keeps_identifiers: bool
    language: str


class RequestCommands(Room):
    """Everything that moves a request."""

    def __init__(self, hub: Hub) -> None:
        """Keep the store, which the answers read too."""
        self.hub = hub
        self.kept = AidRequests(hub.database, hub.ring)

    # --- the person ----------------------------------------------------------------------------------------------

    async def open(self, enquiry: Enquiry, asked: Asked, key: str | None) -> AidRequest:
        """Ask for help; what is assured is read from the sources now, and stands in the person's own disclosures.

        Raises:
            NotPermitted: the requester is not a person.
            Invalid: words, place, need or organisation that cannot stand, or words that would tell who asks.
            Conflict: the same person asks for the same already.
            LimitReached: the person asks too often.
            SourceDown: a source that would have to assure it does not answer.
        """
        self.hub.demand(enquiry, "aid_request.open")
        person = enquiry.requester.person
        assert person is not None
        if asked.need not in NEEDS:
            raise Invalid("there is no such kind of need", f"known: {', '.join(sorted(NEEDS))}", "need")
        chosen = self._chosen(asked)
        public = asked.openness == "anyone"
        words = self._worded(asked.words, LONGEST_WORDS, asked.keeps_identifiers and not public, asked.language, public=public)
        facts = await facts_of(self.hub, enquiry, WANT)
        if facts.get("living") is False:
            raise Unknown("no source says this of you", "ask the body that should have recorded it")
        governorate, district = self._place(asked.place, facts)
        served = await self._served(person, asked.need)
        assured = await self._assured(asked.need, governorate, district, facts, enquiry.now, served)
        now = epoch(enquiry.now)

        async def work(change: Change) -> dict[str, Any]:
            await self._not_too_often(change, person)
            state = moved(STATES, "", "open")
            said = (asked.need, asked.rank, governorate, district, asked.openness, chosen, words, assured)
            request = AidRequest(self.kept.fresh(), person, *said, state, None, None, now, now)
            if not await self.kept.add(change, request):
                raise Conflict("you already ask for this", "read it among `myAidRequests`; withdraw it to ask anew")
            await change.step(thing(request.number), "open", state)
            change.tell("aid_request_opened", "all", {"id": request.number})
            return {"number": request.number}

        content = [asked.need, asked.rank, asked.place, asked.openness, asked.chosen, words]
        made = await self.hub.writing.run(enquiry, "aid_request.open", work, key=key, content=content)
        return await self.known(made["number"])

    async def act(self, enquiry: Enquiry, name: str, act: str, *, words: str | None = None, key: str | None = None) -> AidRequest:
        """Move a request: by its person, `serve` and `release` by its helper, `remove` by an inspector.

        Raises:
            NotPermitted: the requester may never do this.
            Unknown: it has no such request.
            Conflict: the request is not in a state for it.
            Invalid: a complaint without words.
        """
        self.hub.demand(enquiry, f"aid_request.{act}")
        number = self.number(enquiry, name)
        said = None if words is None else cleaned(words, "words", LONGEST_MESSAGE)
        if act == "complain" and said is None:
            raise Invalid("a complaint says what is wrong", "write it in a few words", "words")

        async def work(change: Change) -> dict[str, Any]:
            request = await self.kept.held(change, number)
            if request is None or not self._may_move(enquiry, request, act):
                raise Unknown("there is no such request", "read `aidRequests` or `myAidRequests`")
            after = await self._moved(change, request, act)
            if said is not None:
                await self._spoken(change, after, "complaint" if act == "complain" else act, said)
            return {"number": after.number}

        made = await self.hub.writing.run(enquiry, f"aid_request.{act}", work, key=key, content=[number, said])
        return await self.known(made["number"])

    async def _spoken(self, change: Change, request: AidRequest, act: str, words: str) -> None:
        if act == "complaint":
            await self.kept.complain(change, request.number, "", words, change.now)
            change.tell("aid_request_complained", "inspectors", {"id": request.number})
        elif request.helper is not None:
            await self._append(change, request, "helper" if act in OF_HELPER else "person", words)

    # --- the helper ----------------------------------------------------------------------------------------------

    async def promise(self, enquiry: Enquiry, name: str, days: int, key: str | None) -> AidRequest:
        """Promise help, for so many days; of two who promise at once one does, the other is refused.

        What was received elsewhere in the meantime is read anew, so that nobody is served twice for want of news.

        Raises:
            NotPermitted: not a verified organisation's staff.
            Unknown: there is no such request for this organisation.
            Conflict: somebody promised already, or it no longer waits.
            Invalid: more than 30 days, or none.
        """
        self.hub.demand(enquiry, "aid_request.promise")
        if not 1 <= days <= LONGEST_PROMISE:
            raise Invalid(f"a promise holds for 1 to {LONGEST_PROMISE} days", "promise again when it has ended", "days")
        number = self.number(enquiry, name)
        before = await self.kept.one(number)
        fresh = None if before is None or not self.sees(enquiry, before) else await self._renewed(enquiry, before)

        async def work(change: Change) -> dict[str, Any]:
            request = await self.kept.held(change, number)
            if request is None or fresh is None or not self.sees(enquiry, request):
                raise Unknown("there is no such request", "read `aidRequests`")
            if request.state == "promised" and request.stands(change.now) == "opened":
                request = await self._moved(change, request, "lapse")
            until = change.now + days * DAY
            promised = replace(request, helper=enquiry.requester.organisation, promised_until=until, assured={**request.assured, **fresh})
            await self._moved(change, promised, "promise")
            return {"number": number}

        made = await self.hub.writing.run(enquiry, "aid_request.promise", work, key=key, content=[number, days])
        return await self.known(made["number"])

    async def _renewed(self, enquiry: Enquiry, request: AidRequest) -> dict[str, Any]:
        """Since when nobody served the need, as of now; what was assured before where a source does not answer."""
        itself = Requester(
            "aid requests",
            Role.PERSON,
            f"person:{request.person}",
            purposes=(Purpose.SELF_ACCESS,),
            person=request.person,  # type: ignore[arg-type]
        )
        try:
            facts = await facts_of(self.hub, Enquiry(itself, Purpose.SELF_ACCESS, enquiry.now), WANT)
        except SourceDown:
            return {}
        served = await self._served(request.person, request.need)
        since = unserved(request.need, facts.get("allocations") or (), served, enquiry.now.date())
        return {"unserved_since": since, "as_of": enquiry.now.date().isoformat()}

    # --- both sides ----------------------------------------------------------------------------------------------

    async def write(self, enquiry: Enquiry, name: str, words: str, kept: tuple[bool, str], key: str | None) -> AidRequest:
        """Write to the other side of a request; `kept` is whether identifiers are meant, and the warnings' language.

        Raises:
            NotPermitted: neither a person nor a verified organisation's staff.
            Unknown: the requester is no side of such a request.
            Conflict: nobody promised yet, or it has ended.
            LimitReached: too much was written today.
            Invalid: nothing, too much, or words that would tell who the person is.
        """
        self.hub.demand(enquiry, "aid_request.write")
        number = self.number(enquiry, name)
        side = "person" if enquiry.requester.person is not None else "helper"
        said = self._worded(words, LONGEST_MESSAGE, *(kept if side == "person" else (True, kept[1])))

        async def work(change: Change) -> dict[str, Any]:
            request = await self.kept.held(change, number)
            if request is None or self.side(enquiry, request) != side:
                raise Unknown("there is no such request", "read `aidRequests` or `myAidRequests`")
            if request.stands(change.now) not in HELPING:
                raise Conflict("nobody is on the other side", "wait until an organisation promises")
            await self._append(change, request, side, said)
            self._tell(change, request)
            return {"number": number}

        made = await self.hub.writing.run(enquiry, "aid_request.write", work, key=key, content=[number, said])
        return await self.known(made["number"])

    async def report(self, enquiry: Enquiry, name: str, words: str) -> AidRequest:
        """Report a request that is none: to the inspectorate, once for each organisation.

        Raises:
            NotPermitted: not a verified organisation's staff.
            Unknown: there is no such request for this organisation.
        """
        self.hub.demand(enquiry, "aid_request.report")
        number, said = self.number(enquiry, name), cleaned(words, "words", LONGEST_MESSAGE)
        by = enquiry.requester.organisation or ""

        async def work(change: Change) -> dict[str, Any]:
            request = await self.kept.held(change, number)
            if request is None or not self.sees(enquiry, request):
                raise Unknown("there is no such request", "read `aidRequests`")
            await self.kept.complain(change, number, by, said, change.now)
            change.tell("aid_request_complained", "inspectors", {"id": number})
            return {"number": number}

        made = await self.hub.writing.run(enquiry, "aid_request.report", work)
        return await self.known(made["number"])

    # --- who may ------------------------------------------------------------------------------------------------

    def number(self, enquiry: Enquiry, name: str) -> int:
        """The request behind a requester's own name for it; one that exists nowhere for any other text."""
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, name, "aid_request") or -1

    def side(self, enquiry: Enquiry, request: AidRequest) -> str | None:
        """Which side of a request the requester is on, if on any."""
        requester = enquiry.requester
        if requester.person is not None:
            return "person" if requester.person == request.person and self.hub.may(enquiry, "aid_request.open") else None
        helps = request.helper is not None and request.helper == requester.organisation
        return "helper" if helps and self.hub.may(enquiry, "aid_request.promise") else None

    def sees(self, enquiry: Enquiry, request: AidRequest) -> bool:
        """Whether the requester may know that there is such a request."""
        if self.side(enquiry, request) is not None or self.hub.may(enquiry, "aid_request.oversee"):
            return True
        if request.state not in LIVE:
            return False
        if request.openness == "anyone":
            return True
        helps = self.hub.may(enquiry, "aid_request.promise")
        return helps and (request.openness == "organisations" or request.chosen == enquiry.requester.organisation)

    async def behind(self, enquiry: Enquiry, name: str) -> tuple[int, int] | None:
        """Who asks and the request's number, for whoever may ask to know it: the organisation that helps now, and inspectors."""
        request = await self.kept.one(self.number(enquiry, name))
        if request is None:
            return None
        helps = self.side(enquiry, request) == "helper" and request.stands(epoch(enquiry.now)) in HELPING
        return (request.person, request.number) if helps or self.hub.may(enquiry, "aid_request.oversee") else None

    def _may_move(self, enquiry: Enquiry, request: AidRequest, act: str) -> bool:
        if act == "remove":
            return True
        return self.side(enquiry, request) == ("helper" if act in OF_HELPER else "person")

    async def known(self, number: int) -> AidRequest:
        """A request that is known to exist."""
        found = await self.kept.one(number)
        assert found is not None
        return found

    # --- the work ------------------------------------------------------------------------------------------------

    async def _moved(self, change: Change, request: AidRequest, act: str) -> AidRequest:
        state = moved(STATES, request.state, act)
        after = replace(request, state=state, changed_at=change.now)
        if state in {"opened", "withdrawn", "removed"}:
            after = replace(after, promised_until=None)
        self._tell(change, after)
        if state == "opened":
            after = replace(after, helper=None)
            change.tell("aid_request_opened", "all", {"id": request.number})
        await self.kept.move(change, after)
        await change.step(thing(request.number), act, state)
        return after

    def _tell(self, change: Change, request: AidRequest) -> None:
        change.tell("aid_request_changed", f"person:{request.person}", {"id": request.number})
        if request.helper is not None:
            change.tell("aid_request_changed", request.helper, {"id": request.number})

    async def _append(self, change: Change, request: AidRequest, side: str, words: str) -> None:
        written = await self.kept.messages([request.number], change)
        today = [each for each in written if each.side == side and each.at > change.now - DAY]
        if len(today) >= MOST_MESSAGES:
            raise LimitReached(f"{MOST_MESSAGES} messages a day are enough", "wait until tomorrow", today[0].at + DAY - change.now)
        assert request.helper is not None
        await self.kept.write(change, Message(request.number, len(written) + 1, side, request.helper, words, change.now))

    async def _not_too_often(self, change: Change, person: int) -> None:
        earlier = await self.kept.earlier(change, person)
        if sum(row[0] in LIVE for row in earlier) >= MOST_LIVE:
            raise LimitReached(f"{MOST_LIVE} requests stand at once at most", "withdraw one, or close one that was served")
        recent = sorted(row[2] for row in earlier if row[2] > change.now - 7 * DAY)
        if len(recent) >= MOST_A_WEEK:
            raise LimitReached(f"{MOST_A_WEEK} requests a week at most", "wait some days", recent[0] + 7 * DAY - change.now)

    def _chosen(self, asked: Asked) -> str:
        if (asked.openness == "chosen") != (asked.chosen is not None):
            raise Invalid("an organisation is named exactly where one is chosen", "name it, or open the request to others", "organisation")
        if asked.chosen is None:
            return ""
        organisation = self.hub.organisations.get(asked.chosen)
        if organisation is None or not organisation.verified:
            raise Invalid("there is no such verified organisation", "name one of `organisations { id }`", "organisation")
        return asked.chosen

    @staticmethod
    def _worded(words: str, most: int, keeps: bool, language: str, *, public: bool = False) -> str:  # noqa: FBT001 — passed by place from one pair
        made = cleaned(words, "words", most)
        if not keeps and tells_who(made):
            warning = WARNINGS[language]["public" if public else "kept"]
            raise Invalid("the words hold what looks like a number or address of a person", warning, "words")
        return made

    @staticmethod
    def _place(place: str, facts: Mapping[str, Any]) -> tuple[str, str]:
        governorate = facts.get("governorate") if place != "none" else None
        district = facts.get("district") if place == "district" else None
        if (place != "none" and not governorate) or (place == "district" and not district):
            raise Invalid("no source says where you live", "choose a coarser place, or none", "place")
        return governorate or "", district or ""

    async def _assured(
        self, need: str, governorate: str, district: str, facts: Mapping[str, Any], now: datetime, served: list[str]
    ) -> dict[str, Any]:
        finest = banded(facts.get("need_score"), CLASSES), banded(facts.get("household_size"), BANDS)
        class_, household = await hidden_in_a_crowd(self.hub, (governorate, district), *finest)
        since = unserved(need, facts.get("allocations") or (), served, now.date())
        return {"need_class": class_ or None, "household": household or None, "unserved_since": since, "as_of": now.date().isoformat()}

    async def _served(self, person: int, wanted: str) -> list[str]:
        """Days on which requests of a person for a need were served through the hub."""
        rows = await self.kept.served(person)
        done = {"served", "confirmed", "closed"}
        return [datetime.fromtimestamp(at, UTC).date().isoformat() for state, need, _, at in rows if state in done and need == wanted]


def thing(number: int) -> str:
    """How a request is named in its trace."""
    return f"aid_request:{number}"
