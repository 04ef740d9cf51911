"""The hub, opened: everything an enquiry needs, put together once from settings."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import structlog

from connectors.gate import Gate, connect
from connectors.mapping import stanza_findings
from errors import ConfigError, NotPermitted, PurposeNotAllowed, Unauthenticated
from policies import law
from policies.decide import Policies
from privacy.attesting import Attester
from privacy.blind import Blinder
from privacy.consent import Consents
from privacy.credentials import Credentials
from privacy.keys import KeyRing
from privacy.links import Links
from privacy.openid import OpenIDTokens
from privacy.pseudonyms import Pseudonyms
from privacy.record import Record
from privacy.standing import Standing, epoch
from privacy.uses import Uses
from resolvers.aid import Aid
from resolvers.directory import Organisations
from resolvers.duties import Duties
from resolvers.exchange import Exchange
from resolvers.gather import Gathering
from resolvers.governance import Governance
from resolvers.identity import Identity
from resolvers.identity.edge import EdgeForms
from resolvers.news import Sweep, Tail
from resolvers.outbox import Outbox
from resolvers.oversight import Oversight
from resolvers.plan import Merged, Planner
from resolvers.room import Answers, Room, Subjects
from resolvers.want import Field, Want
from resolvers.watching import Watching
from resolvers.writing import Writing
from settings import Settings, Source
from tables.database import Database
from tables.upgrade import upgrade
from values import PUBLIC, Catalogue, Disclosure, Enquiry, Purpose, Requester

if TYPE_CHECKING:
    from resolvers.shares import Shares
    from telemetry import Telemetry

log = structlog.get_logger("mizalla")

LARGE_AT_ONCE = 2
"""Pages of more than a few hundred people put together at once: more would only hold memory while they wait."""


class Hub:
    """Policies, sources and privacy of one running hub.

    `async with Hub(settings, catalogue) as hub:` opens it; a source that is down does not keep it from opening.

    What a hub was made from never changes under it: when files change, a successor is made (`before` names this one),
    which shares the databases and the open sources that are as they were, and takes over. A request is answered by one
    hub from its beginning to its end, so that it never sees half of a change.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        public_names: Mapping[str, str] | None = None,
        before: Hub | None = None,
        *,
        anew: bool = False,
    ) -> None:
        """Read keys and policies; nothing is connected yet.

        Args:
            settings: what hub.toml says.
            catalogue: the schema's entities with their levels.
            public_names: how coordinates are written in answers (`person.sex` → `Person.sex`).
            before: the hub whose place this one will take.
            anew: believe nothing the hub before has learnt of others: who issues tokens is asked for its keys again.

        Raises:
            ConfigError: keys, policies or a source's stanza cannot be used.
        """
        self.settings = settings
        self.before = before
        self.catalogue = catalogue
        self.public_names = public_names or {}
        self.organisations: Organisations = Organisations(settings.organisations, before.organisations.registered if before else None)
        self.ring = _ring(settings, before)
        self.policies = _policies(catalogue, settings, before)
        self.database: Database = before.database if before else Database.at(settings.hub.database)
        self.pseudonyms = Pseudonyms(self.ring)
        self.blinder = Blinder(self.ring)
        self.attester = Attester(self.ring, settings.hub.address or f"http://{settings.hub.host}:{settings.hub.port}")
        self.consents = Consents(self.database, self.ring, settings.hub.consents)
        self.uses = Uses(self.database, settings.hub.consents)
        self.edge = EdgeForms(settings, self.ring)
        self.credentials = Credentials(self.database, self.ring)
        self.openid = _openid(settings, None if anew else before)
        self.record: Record = before.record if before else Record(Database.at(settings.hub.record), self.ring)
        sealed = [name for name, source in settings.sources.items() if (person := source.entities.get("person")) and person.key_scheme]
        self.links = Links(self.database, self.blinder, sealed)
        self.standing = Standing(self.database, self.links, settings.hub.consents)
        by_precedence = sorted(settings.sources.items(), key=lambda item: item[1].precedence)
        self.gates: dict[str, Gate] = {name: self._gate(name, source) for name, source in by_precedence}
        self.planner = Planner(catalogue, self.policies, self.gates)
        self.identity = Identity(self)
        self.governance = Governance(self)
        self.aid = Aid(self)
        self.oversight = Oversight(self)
        self.exchange = Exchange(self)
        rooms = self._rooms()
        self.roots: Mapping[str, Answers] = {name: answer for room in rooms for name, answer in room.roots.items()}
        self.subjects: Mapping[str, Subjects] = {name: behind for room in rooms for name, behind in room.subjects.items()}
        self.watching: Watching = Watching(self, rooms, before.watching if before else None)
        self._news(rooms)
        self.large: asyncio.Semaphore = before.large if before else asyncio.Semaphore(LARGE_AT_ONCE)
        self.shares = self._shares()
        self.telemetry: Telemetry | None = before.telemetry if before else self._telemetry()
        self._plans: dict[Any, Merged] = {}
        self.opened: AsyncExitStack | None = None
        self.ready = False

    async def __aenter__(self) -> Self:
        """Bring the hub's tables up to date and open its databases and sources."""
        async with AsyncExitStack() as stack:
            await upgrade(self.settings.hub.database)
            await upgrade(self.settings.hub.record, "record")
            await self.database.open()
            stack.push_async_callback(self.database.close)
            await self.record.open()
            stack.push_async_callback(self.record.close)
            if self.telemetry is not None:
                stack.push_async_callback(asyncio.to_thread, self.telemetry.close)
            for gate in self.gates.values():
                await gate.open()
            await self.governance.register.refresh()
            self.opened = stack.pop_all()
        self.ready = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close in the opposite order."""
        self.ready = False
        opened, self.opened = self.opened, None
        if opened is not None:
            async with opened:
                await _close(self.own)

    async def take_over(self) -> None:
        """Open what the hub before did not have, and stand in its place; what only that one had is left to its caller to close.

        Raises:
            ConfigError: a stanza that is new or changed does not fit the schema; nothing is changed.
        """
        before, self.before = self.before, None
        assert before is not None
        fresh = [gate for gate in self.gates.values() if gate not in before.own]
        for gate in fresh:
            for each in stanza_findings(gate.name, gate.source, self.catalogue):
                raise ConfigError(f"{each.place}: {each.message}", each.remedy, self.settings.place(each.place))
        await asyncio.gather(*(gate.open() for gate in fresh))
        self.opened, before.opened = before.opened, None
        self.record.ring = self.ring
        self.ready = before.ready
        if self.telemetry is not None:
            self.telemetry.watch(self._breakers)

    @property
    def own(self) -> list[Gate | OpenIDTokens | EdgeForms | Shares]:
        """What this hub holds open and a successor may do without."""
        return [*self.gates.values(), self.openid, self.edge, *([self.shares] if self.shares is not None else [])]

    async def leave(self, successor: Hub) -> None:
        """Close what the hub that took over has not kept; nothing may be in answering here any more."""
        kept = successor.own
        await _close([each for each in self.own if each not in kept])

    def _gate(self, name: str, source: Source) -> Gate:
        held = self.before.gates.get(name) if self.before else None
        if held is not None and held.source == source:
            return held
        return connect(name, source, self.settings, self.catalogue, self.database)

    def _rooms(self) -> tuple[Room, ...]:
        domains = (self.identity, self.governance, self.aid, self.oversight, self.exchange)
        return tuple(room for domain in domains for room in domain.rooms)

    def _news(self, rooms: Collection[Room]) -> None:
        before, rules = self.before, self.settings.hub.news
        self.outbox = Outbox(self, rooms)
        self.writing: Writing = Writing(self.database, self.ring, self._told, self.outbox.write, before.writing.origin if before else None)
        self.tail: Tail = Tail(self.database, rules, self.writing.origin, self.watching.tell, before.tail if before else None)
        own = {"news": self.tail.attend, "webhooks": self.outbox.attend, "sweep": Sweep(self.database, rules).attend}
        self.duties = Duties({**own, **{name: duty for room in rooms for name, duty in room.duties.items()}})

    def _told(self, topic: str, key: str, body: dict[str, Any]) -> None:
        self.watching.tell(topic, key, body)
        if topic in self.outbox.pushed:
            self.outbox.wake()

    def _shares(self) -> Shares | None:
        limits = self.settings.hub.limits
        if not limits.counted:
            return None
        if self.before and self.before.shares and self.before.settings.hub.limits.store == limits.store:
            return self.before.shares
        from resolvers.shares import Shares

        return Shares(limits.store, self.ring.subkey("shares"))

    def _breakers(self) -> dict[tuple[str, str], str]:
        return {(name, entity): word for name, gate in self.gates.items() for entity, word in gate.state.breakers.items()}

    def _telemetry(self) -> Telemetry | None:
        if not self.settings.hub.watched:
            return None
        from telemetry import Telemetry

        return Telemetry(self.settings.hub, self._breakers)

    # --- who asks, and why ---------------------------------------------------------------------------------------

    async def enquiry(
        self, token: str | None, purpose: str | None, now: datetime | None = None, *, acting_for: str | None = None
    ) -> Enquiry:
        """Make the enquiry of a bearer token and a purpose header, in the place of another where one is named.

        Raises:
            Unauthenticated: a token that is unknown, expired or revoked.
            PurposeNotAllowed: a purpose that is unknown or not among the requester's.
            NotPermitted: the requester may not act for the person it names.
        """
        now = now or datetime.now(UTC)
        if token is None:
            requester = PUBLIC
        elif token.startswith("mz_"):
            requester = await self.credentials.requester(token, epoch(now), self)
        elif self.settings.hub.openid:
            requester = await self.openid.requester(token, epoch(now), self)
        else:
            raise Unauthenticated(
                "this key is not known, has expired or was revoked", "ask your organisation's administrator for a new one"
            )
        if acting_for is not None:
            requester = await self.identity.guardians.acting(requester, acting_for, now)
        return Enquiry(requester, chosen_purpose(requester, purpose), now)

    # --- reading -------------------------------------------------------------------------------------------------

    def plan(self, want: Want, enquiry: Enquiry) -> Merged:
        """The plan of a want on people for this requester and purpose, made once per policy fingerprint."""
        today = enquiry.now.date()
        key = (id(want), self.policies.fingerprint(enquiry.requester, enquiry.purpose, today))
        found = self._plans.get(key)
        if found is None or found.want is not want:
            if len(self._plans) > 4096:
                self._plans.clear()
            found = self._plans[key] = self.planner.people(want, enquiry.requester, enquiry.purpose, today)
        return found

    async def root(self, gathering: Gathering, field: Field) -> Any:
        """The finished value of one root field."""
        part = gathering.root(field.key)
        value = await self.roots[field.name](part, field)
        gathering.shown += part.shown
        return value

    def reads(self, name: str) -> bool:
        """Whether a root field is one of ours."""
        return name in self.roots

    def may(self, enquiry: Enquiry, command: str) -> bool:
        """Whether the rules allow a command to this requester for this purpose."""
        return self.policies.allows(enquiry.requester, enquiry.purpose, command)

    def demand(self, enquiry: Enquiry, command: str) -> None:
        """Go on only where the rules allow a command.

        Raises:
            NotPermitted: they do not.
        """
        if not self.may(enquiry, command):
            raise NotPermitted(
                f"{command} is not permitted to this requester for this purpose", "use the credential of a verified organisation's staff"
            )

    async def disclose(self, gathering: Gathering) -> None:
        """Record what an enquiry is about to show; only then may it be shown.

        Raises:
            RecordError: the record cannot be written, so nothing may leave.
        """
        if not gathering.shown:
            return
        enquiry = gathering.enquiry
        requester = enquiry.requester
        shown = tuple(each for each in gathering.shown if each.people)
        if shown:
            started = time.perf_counter()
            disclosure = Disclosure(
                enquiry.now, requester.name, requester.organisation, requester.credential, requester.role, enquiry.purpose, shown
            )
            self.watching.disclosed(await self.record.append(disclosure), disclosure)
            if self.telemetry is not None:
                self.telemetry.recorded(time.perf_counter() - started)

    # --- identifiers ---------------------------------------------------------------------------------------------

    def identifier(self, enquiry: Enquiry, kind: str) -> Callable[[int], str]:
        """Makes this requester's pseudonyms."""
        return self.pseudonyms.maker(enquiry.requester.receiver, kind)

    def identifiers(self, enquiry: Enquiry, kind: str) -> Callable[[Sequence[int]], list[str]]:
        """Makes this requester's pseudonyms of a page at once."""
        return self.pseudonyms.several(enquiry.requester.receiver, kind)

    def opaque(self, enquiry: Enquiry, kind: str) -> Callable[[str], str]:
        """Makes this requester's names of rows, which lead nowhere."""
        return self.pseudonyms.opaque(enquiry.requester.receiver, kind)

    def directory(self, field: Field, variables: Any) -> Callable[[Any], Any]:
        """Gives the finished object of one of the hub's own organisations by its name."""
        assert field.want is not None
        want = field.want
        finished: dict[str, Any] = {}

        def give(name: Any) -> Any:
            if name is None:
                return None
            if name not in finished:
                finished[name] = self.oversight.directory.organisation(want, str(name), variables)
            return finished[name]

        return give

    def public_name(self, coordinate: str) -> str:
        """A coordinate as answers write it."""
        return self.public_names.get(coordinate, coordinate)

    def coordinate(self, name: str) -> str:
        """A coordinate from either way of writing it: `Person.birthDate` or `person.birth_date`."""
        return next((inner for inner, public in self.public_names.items() if public == name), name)

    def explain(self, gathering: Gathering) -> list[dict[str, Any]]:
        """Every Ask of an enquiry with what its source receives, without values."""
        return [
            {
                "source": shape.source,
                "entity": shape.entity,
                "attributes": list(shape.attributes),
                "keys": keys,
                "sent": self.gates[shape.source].explain(shape),
            }
            for shape, keys in gathering.asks
        ]

    @staticmethod
    def reference() -> str:
        """A short random name by which an operator finds an error in the log."""
        return secrets.token_hex(4)


async def _close(opened: Sequence[Gate | OpenIDTokens | EdgeForms | Shares]) -> None:
    for each in reversed(opened):
        await each.close()


def _ring(settings: Settings, before: Hub | None) -> KeyRing:
    ring = KeyRing.load(settings.hub.keys)
    if before is None:
        return ring
    if not ring.follows(before.ring):
        raise ConfigError(
            "this is another key ring: what the hub has stored cannot be read with it",
            "put the hub's own ring back; another root is taken at a start, after linking every source again",
            settings.hub.keys,
        )
    return before.ring if ring.same_as(before.ring) else ring


def _policies(catalogue: Catalogue, settings: Settings, before: Hub | None) -> Policies:
    rules = law.read(Path(settings.hub.rules) if settings.hub.rules else law.FOLDER)
    if before is not None and before.policies.stands(rules, settings):
        return before.policies
    return Policies(catalogue, settings, rules)


def _openid(settings: Settings, before: Hub | None) -> OpenIDTokens:
    if before is not None and before.settings.hub.openid == settings.hub.openid:
        return before.openid
    return OpenIDTokens(settings.hub.openid)


def chosen_purpose(requester: Requester, purpose: str | None) -> Purpose:
    """The enquiry's one purpose: the named one if it is the requester's, else the credential's default.

    Raises:
        PurposeNotAllowed: it is not.
    """
    if purpose is None:
        return requester.purposes[0] if requester.purposes else Purpose.OPEN_DATA
    try:
        chosen = Purpose(purpose.strip().lower())
    except ValueError:
        chosen = None
    if chosen is None or (chosen not in requester.purposes and chosen is not Purpose.OPEN_DATA):
        allowed = ", ".join(each.value for each in requester.purposes)
        raise PurposeNotAllowed("this purpose is not among those of the credential", f"send Mizalla-Purpose with one of: {allowed}")
    return chosen
