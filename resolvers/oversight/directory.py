"""The sources and how they do, and the directory of organisations; open to anyone."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from resolvers.gather import Gathering, moment
from resolvers.room import Answers, Keys, Room, Shows
from resolvers.want import Field, Want, shaped
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub


class Directory(Room):
    """What anyone may know about the hub itself."""

    def __init__(self, hub: Hub) -> None:
        """Name the root fields answered here."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"sources": self.sources, "organisations": self.organisations}
        self.watched: dict[str, tuple[Keys, Shows]] = {"sources_changed": (self._anyone, self._changed)}

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
                    "kind": self.hub.organisations[source.steward].kind.value,
                    "wire": source.wire,
                    "status": state.status.name,
                    "last_answer_at": moment(state.last_answer_at),
                    "milliseconds": state.milliseconds,
                    "entities": sorted(entity for entity in self.hub.catalogue.entities if gate.offers(entity)),
                }
            )
        return shaped(field.want, found)

    async def organisations(self, gathering: Gathering, field: Field) -> Any:
        """The directory of organisations, by name."""
        assert field.want is not None
        return [self.organisation(field.want, name, gathering.variables) for name in sorted(self.hub.organisations)]

    def organisation(self, want: Want, name: str, variables: Any) -> Any:
        """One organisation of the directory; None for a name it does not have."""
        found = self.hub.organisations.get(name)
        if found is None:
            return None
        value: dict[str, Any] = {"id": name, "name": found.name.en, "kind": found.kind.value, "website": found.website}
        made = {}
        for each in want.fields:
            if each.name == "__typename":
                made[each.key] = want.type
            elif each.name == "named":
                made[each.key] = getattr(found.name, str(each.arguments(variables).get("language", "ar")))
            else:
                made[each.key] = value[each.name]
        return made

    # --- news ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _anyone(_: Enquiry) -> None:
        return None

    async def _changed(self, gathering: Gathering, field: Field, source: str) -> Any:
        return await self.sources(gathering, field, {source})
