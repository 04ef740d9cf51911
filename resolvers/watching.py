"""What may be subscribed to, and what each event shows: decided anew at every event, by the same plan as a question.

An event is told only after what it speaks of is committed. Nothing of an answer is kept between two events: the rights
of the subscriber are those of the moment in which the event is shown.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from resolvers.events import Events, Watcher
from resolvers.gather import Gathering
from resolvers.room import Keys, Room, Shows
from resolvers.want import Field
from values import Disclosure, Enquiry, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub


class Watching:
    """The subscriptions of one hub."""

    def __init__(self, hub: Hub, rooms: Iterable[Room], before: Watching | None = None) -> None:
        """Collect what the rooms let watch, and listen to the sources' guards; who watched `before` goes on watching."""
        self.hub = hub
        self.events: Events = Events() if before is None else before.events
        listened = () if before is None else before.hub.gates.values()
        self.topics: Mapping[str, tuple[Keys, Shows]] = {name: each for room in rooms for name, each in room.watched.items()}
        for name, gate in hub.gates.items():
            if gate not in listened:
                gate.watch(partial(self.events.tell, "sources_changed", None, name))

    def key(self, name: str, enquiry: Enquiry) -> Hashable:
        """Which news of a subscription concern this enquiry.

        Raises:
            NotPermitted: it may not be watched by this requester for this purpose.
        """
        return self.topics[name][0](enquiry)

    def watch(self, name: str, enquiry: Enquiry) -> Watcher:
        """Begin to watch, as far as this enquiry may.

        Raises:
            NotPermitted: it may not.
        """
        return self.events.watch(name, self.key(name, enquiry))

    async def show(self, gathering: Gathering, field: Field, news: Any) -> Any:
        """The finished value of one event for this enquiry, or NOTHING."""
        part = gathering.root(field.key)
        value = await self.topics[field.name][1](part, field, news)
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

    def tell(self, topic: str, key: str, news: Any) -> None:
        """Hand news to whoever watches its key; `kind:ngo` stands for every verified organisation of that kind."""
        if not key.startswith("kind:"):
            self.events.tell(topic, key, news)
            return
        for watched in tuple(self.events.watched(topic)):
            if str(watched) in self.of_kind(key):
                self.events.tell(topic, watched, news)

    def of_kind(self, key: str) -> frozenset[str]:
        """The verified organisations of a class such as `kind:ngo`."""
        organisations = self.hub.organisations.items()
        return frozenset(name for name, each in organisations if each.verified and key == f"kind:{each.kind}")
