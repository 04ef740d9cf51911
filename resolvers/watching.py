"""What may be subscribed to, and what each event shows: decided anew at every event, by the same plan as a question.

An event is told only after what it speaks of is committed. Nothing of an answer is kept between two events: the rights
of the subscriber are those of the moment in which the event is shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from errors import NotPermitted
from resolvers.events import Events, Watcher
from resolvers.gather import Gathering
from resolvers.oversight import disclosure_rows
from resolvers.want import Field, shaped
from values import Condition, Disclosure, Enquiry, Role, Shown

if TYPE_CHECKING:
    from privacy.consent import Consent
    from resolvers.hub import Hub

NOTHING: Final = object()
"""An event that does not concern this subscriber after all."""

Show = Callable[[Gathering, Field, Any], Awaitable[Any]]


class Watching:
    """The subscriptions of one hub."""

    def __init__(self, hub: Hub) -> None:
        """Name what can be watched, and listen to the sources' guards."""
        self.hub = hub
        self.events = Events()
        self.roots: dict[str, tuple[Callable[[Enquiry], Hashable], Show]] = {
            "sources_changed": (self._anyone, self._sources),
            "disclosed": (self._person, self._disclosure),
            "case_consented": (self._organisation, self._case),
        }
        for name, gate in hub.gates.items():
            gate.watch(partial(self.events.tell, "sources_changed", None, name))

    def key(self, name: str, enquiry: Enquiry) -> Hashable:
        """Which news of a subscription concern this enquiry.

        Raises:
            NotPermitted: it may not be watched by this requester for this purpose.
        """
        return self.roots[name][0](enquiry)

    def watch(self, name: str, enquiry: Enquiry) -> Watcher:
        """Begin to watch, as far as this enquiry may.

        Raises:
            NotPermitted: it may not.
        """
        return self.events.watch(name, self.key(name, enquiry))

    async def show(self, gathering: Gathering, field: Field, news: Any) -> Any:
        """The finished value of one event for this enquiry, or NOTHING."""
        part = gathering.root(field.key)
        value = await self.roots[field.name][1](part, field, news)
        gathering.shown += part.shown
        return value

    # --- what happened -------------------------------------------------------------------------------------------

    def disclosed(self, number: int, disclosure: Disclosure) -> None:
        """An entry stands in the record; people who watch, and whom it is about, learn of it.

        What a person reads of itself is recorded too, but is no news: telling it would have to be recorded again.
        """
        watched = self.events.watched("disclosed")
        if watched and disclosure.role is not Role.PERSON:
            about: set[Hashable] = {person for part in disclosure.shown for person in part.people}
            for person in about.intersection(watched):
                self.events.tell("disclosed", person, (number, disclosure))

    def consented(self, consent: Consent) -> None:
        """A consent was granted or withdrawn; staff of its receiver learn of it."""
        for organisation in tuple(self.events.watched("case_consented")):
            receiver = self.hub.settings.organisations[str(organisation)]
            if consent.receiver == organisation or (receiver.verified and consent.receiver == f"kind:{receiver.kind}"):
                self.events.tell("case_consented", organisation, consent)

    # --- who may watch -------------------------------------------------------------------------------------------

    @staticmethod
    def _anyone(_: Enquiry) -> Hashable:
        return None

    def _person(self, enquiry: Enquiry) -> Hashable:
        if enquiry.requester.person is None or not self.hub.policies.allows(enquiry.requester, enquiry.purpose, "disclosures.watch"):
            raise NotPermitted("only a person may watch who looks at its data", "use the person's own credential")
        return enquiry.requester.person

    def _organisation(self, enquiry: Enquiry) -> Hashable:
        requester = enquiry.requester
        if requester.organisation is None or not self.hub.policies.allows(requester, enquiry.purpose, "caseload.read"):
            raise NotPermitted(
                "caseload.read is not permitted to this requester for this purpose", "use the credential of a verified organisation's staff"
            )
        return requester.organisation

    # --- what it shows -------------------------------------------------------------------------------------------

    async def _sources(self, gathering: Gathering, field: Field, source: str) -> Any:
        return await self.hub.oversight.sources(gathering, field, {source})

    async def _disclosure(self, gathering: Gathering, field: Field, news: tuple[int, Disclosure]) -> Any:
        person = gathering.enquiry.requester.person
        assert person is not None
        assert field.want is not None
        number, disclosure = news
        shown = [part for part in disclosure.shown if person in part.people]
        gathering.shown.append(Shown(("person.id",), (), (person,), Condition.SELF.value))
        return shaped(field.want, disclosure_rows(self.hub, [(number, disclosure, shown)])[0])

    async def _case(self, gathering: Gathering, field: Field, consent: Consent) -> Any:
        enquiry = gathering.enquiry
        if consent.purpose is not enquiry.purpose:
            return NOTHING
        people = await self.hub.standing.of(enquiry, [consent.person])
        self.hub.identity.known(enquiry, people)
        if not people.numbers or consent.person not in people.own:
            return NOTHING
        assert field.want is not None
        return (await gathering.people(self.hub.plan(field.want, enquiry), people))[0]
