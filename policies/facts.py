"""The facts that rules may mention: requester, field, entity, source, hub, agreement; never a person.

They are built from the hub's own nouns (values, settings) and hold plain text, numbers and lists only, because that is
what the rules' language compares. A missing text is empty, never None, so that no rule has to think of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import settings as configuration
import values
from values import Catalogue, Category, Level

EVERY = "*"
"""In an agreement, `entity.*` means every attribute of the entity, also those added later."""

HUB_FIELDS: Mapping[str, Level] = {
    "person.disclosures": Level.SEALED,
    "person.consents": Level.SEALED,
    "person.withheld": Level.OPEN,
    "person.provenance": Level.OPEN,
    "source": Level.OPEN,
}
"""Fields that the hub answers itself, from no source; a catalogue that declares one of them has precedence."""

PERSON = "person"
"""The entity that consents; other entities belong to it."""


def strictest(levels: Iterable[Level]) -> Level:
    """Give the level of something made of several parts: the narrowest of theirs.

    What is derived (a relation, a filter, an order, a count) tells something about each part, so it may be as wide as
    none of them is alone. Made of nothing it is sealed, because an unknown origin is not an open one.
    """
    return max(levels, key=lambda level: level.rank, default=Level.SEALED)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a receiver may ask of one source and why; `in_force` is already settled for the day asked about."""

    source: str
    attributes: list[str] = field(default_factory=list)
    purposes: list[str] = field(default_factory=list)
    in_force: bool = True

    def covers(self, asked: Field) -> bool:
        """Tell whether it names the field, its whole entity, or for an entity or relation any part of it."""
        return any(part in self.attributes or f"{part.partition('.')[0]}.{EVERY}" in self.attributes for part in asked.parts)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, without a name: role, organisation, kind, whether verified, own purposes, its agreements on the source."""

    role: str
    organisation: str = ""
    kind: str = ""
    verified: bool = False
    purposes: list[str] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Field:
    """What is asked for; `parts` are the coordinates of which an agreement must name at least one."""

    coordinate: str
    entity: str
    level: str
    category: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity(Field):
    """That a row exists at all; its coordinate is the entity's own name."""


@dataclass(frozen=True, slots=True)
class Source:
    """A connected system, the kind of its steward, and the steward."""

    name: str
    kind: str = ""
    steward: str = ""


@dataclass(frozen=True, slots=True)
class Hub:
    """Stands in a source's place where the hub itself answers."""


FACTS: tuple[type, ...] = (Requester, Field, Entity, Source, Hub, Agreement)
"""The classes the rules' language knows, by their own names."""


def fields_of(catalogue: Catalogue) -> dict[str, Field]:
    """Give every attribute, relation and entity as a fact, by coordinate, with the level that really governs it.

    A level is the strictest of the thing's own, its entity's and, for a relation, its target's: to see a value is to
    know that its row exists. An entity's category is that of the person's relation which leads to it.
    """
    found = {name: Field(name, name.partition(".")[0], level.value, parts=(name,)) for name, level in HUB_FIELDS.items()}
    leading: dict[str, Category | None] = {}
    for entity in catalogue.entities.values():
        for attribute in entity.attributes.values():
            level = strictest((entity.level, attribute.level))
            found[attribute.coordinate] = _field(attribute.coordinate, entity.name, level, attribute.category, (attribute.coordinate,))
        for relation in entity.relations.values():
            target = catalogue.entities[relation.target]
            level = strictest((entity.level, relation.level, target.level))
            parts = (relation.coordinate, *_parts(target))
            found[relation.coordinate] = _field(relation.coordinate, entity.name, level, relation.category, parts)
            if entity.name == PERSON:
                leading[relation.target] = relation.category
    for entity in catalogue.entities.values():
        category = leading.get(entity.name)
        found[entity.name] = Entity(entity.name, entity.name, entity.level.value, category.value if category else "", _parts(entity))
    return found


def _field(coordinate: str, entity: str, level: Level, category: Category | None, parts: tuple[str, ...]) -> Field:
    return Field(coordinate, entity, level.value, category.value if category else "", parts)


def _parts(entity: values.Entity) -> tuple[str, ...]:
    return tuple(attribute.coordinate for attribute in entity.attributes.values())


def sources_of(settings: configuration.Settings) -> dict[str | None, Source | Hub]:
    """Give every connected source as a fact, by name, and the hub under None."""
    named: dict[str | None, Source | Hub] = {None: Hub()}
    for name, source in settings.sources.items():
        named[name] = Source(name, settings.organisations[source.steward].kind.value, source.steward)
    return named


def agreement_of(agreement: configuration.Agreement, today: date) -> Agreement:
    """Give an agreement as a fact; its last day `until` is the last on which it is in force."""
    return Agreement(
        agreement.source, list(agreement.attributes), [each.value for each in agreement.purposes], in_force=today <= agreement.until
    )


def requester_of(requester: values.Requester, agreements: list[Agreement]) -> Requester:
    """Give a requester as a fact: its name, credential, receiver and person stay behind."""
    return Requester(
        role=requester.role.value,
        organisation=requester.organisation or "",
        kind=requester.organisation_kind.value if requester.organisation_kind else "",
        verified=requester.verified,
        purposes=[each.value for each in requester.purposes],
        agreements=agreements,
    )
