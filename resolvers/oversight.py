"""Oversight's answers: the sources and how they do, and the directory of organisations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from errors import NotPermitted
from resolvers.gather import Gathering, moment
from resolvers.room import Answers, Keys, Room, Shows
from resolvers.want import Field, Want, shaped
from values import Condition, Disclosure, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub


class Oversight(Room):
    """What anyone may know about the hub itself, and what a person is told as it happens."""

    def __init__(self, hub: Hub) -> None:
        """Name the root fields answered here."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"sources": self.sources, "organisations": self.organisations}
        self.watched: dict[str, tuple[Keys, Shows]] = {
            "sources_changed": (self._anyone, self._changed),
            "disclosed": (self._person, self._disclosed),
        }

    async def sources(self, _: Gathering, field: Field, only: Collection[str] | None = None) -> Any:
        """Every source, or `only` these, with the state its guard has seen; nobody is asked for this."""
        assert field.want is not None
        settings = self.hub.settings
        found = []
        for name, gate in self.hub.gates.items():
            if only is not None and name not in only:
                continue
            source = settings.sources[name]
            state = gate.state
            found.append(
                {
                    "name": name,
                    "steward": source.steward,
                    "kind": settings.organisations[source.steward].kind.value,
                    "wire": source.wire,
                    "status": state.status.name,
                    "last_answer_at": moment(state.last_answer_at),
                    "milliseconds": state.milliseconds,
                    "entities": sorted(entity for entity in self.hub.catalogue.entities if gate.offers(entity)),
                }
            )
        return shaped(field.want, found)

    async def organisations(self, _: Gathering, field: Field) -> Any:
        """The directory of organisations, by name."""
        assert field.want is not None
        return [self.organisation(field.want, name) for name in sorted(self.hub.settings.organisations)]

    def organisation(self, want: Want, name: str) -> Any:
        """One organisation of the directory; None for a name it does not have."""
        found = self.hub.settings.organisations.get(name)
        if found is None:
            return None
        value: dict[str, Any] = {"id": name, "name": found.name.en, "kind": found.kind.value, "website": found.website}
        made = {}
        for each in want.fields:
            if each.name == "__typename":
                made[each.key] = want.type
            elif each.name == "named":
                made[each.key] = getattr(found.name, str(each.arguments(None).get("language", "ar")))
            else:
                made[each.key] = value[each.name]
        return made

    # --- news ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _anyone(_: Enquiry) -> None:
        return None

    def _person(self, enquiry: Enquiry) -> int:
        if enquiry.requester.person is None or not self.hub.may(enquiry, "disclosures.watch"):
            raise NotPermitted("only a person may watch who looks at its data", "use the person's own credential")
        return enquiry.requester.person

    async def _changed(self, gathering: Gathering, field: Field, source: str) -> Any:
        return await self.sources(gathering, field, {source})

    async def _disclosed(self, gathering: Gathering, field: Field, news: tuple[int, Disclosure]) -> Any:
        person = gathering.enquiry.requester.person
        assert person is not None
        assert field.want is not None
        number, disclosure = news
        shown = [part for part in disclosure.shown if person in part.people]
        gathering.shown.append(Shown(("person.id",), (), (person,), Condition.SELF.value))
        return shaped(field.want, disclosure_rows(self.hub, [(number, disclosure, shown)])[0])


def disclosure_rows(hub: Hub, entries: Iterable[tuple[int, Disclosure, Sequence[Shown]]]) -> list[dict[str, Any]]:
    """Entries of the record as the schema shows them, each reduced to the parts that concern its reader."""
    return [
        {
            "id": str(number),
            "at": moment(each.at),
            "organisation": each.organisation,
            "role": each.role.value,
            "purpose": each.purpose.value,
            "attributes": sorted({hub.public_name(name) for shown in parts for name in shown.coordinates}),
            "sources": sorted({name for shown in parts for name in shown.sources}),
            "grounds": sorted({ground for shown in parts for ground in shown.grounds.split()}),
        }
        for number, each, parts in entries
    ]
