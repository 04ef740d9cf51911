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
    """What a receiver may ask of one source and why; `in_force` and `covers` are settled for the day and field asked about."""

    source: str
    purposes: list[str] = field(default_factory=list)
    in_force: bool = True
    covers: bool = True


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, without a name: role, organisation, kind, whether verified, own purposes, its agreements on the source.

    `acts` are what a guardian may do for the person it acts for; nobody else has any.
    """

    role: str
    organisation: str = ""
    kind: str = ""
    verified: bool = False
    purposes: list[str] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Field:
    """What is asked for: of which entity, at which level, in which category of consent.

    It has no name of its own: a rule about a single field would be a second place where its level stands.
    """

    entity: str
    level: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class Entity(Field):
    """That a row of the entity exists at all."""


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


@dataclass(frozen=True, slots=True)
class Thing:
    """One coordinate that may be asked about, as a fact, with what the rules need not know.

    `parts` are the coordinates of which an agreement must name at least one; `by_hub` means that no source has it.
    """

    coordinate: str
    fact: Field
    parts: tuple[str, ...]
    by_hub: bool = False

    def is_covered(self, agreement: configuration.Agreement) -> bool:
        """Tell whether an agreement names the field, its whole entity, or for an entity or relation any part of it."""
        named = agreement.attributes
        return any(part in named or f"{part.partition('.')[0]}.{EVERY}" in named for part in self.parts)


def things_of(catalogue: Catalogue) -> dict[str, Thing]:
    """Give every attribute, relation and entity by coordinate, with the level that really governs it.

    A level is the strictest of the thing's own, its entity's and, for a relation, its target's: to see a value is to
    know that its row exists. An entity's category is that of the person's relation which leads to it.
    """
    found = {name: Thing(name, Field(name.partition(".")[0], level.value), (name,), by_hub=True) for name, level in HUB_FIELDS.items()}
    leading: dict[str, Category | None] = {}
    for entity in catalogue.entities.values():
        for attribute in entity.attributes.values():
            level = strictest((entity.level, attribute.level))
            found[attribute.coordinate] = Thing(
                attribute.coordinate, Field(entity.name, level.value, _text(attribute.category)), (attribute.coordinate,)
            )
        for relation in entity.relations.values():
            target = catalogue.entities[relation.target]
            level = strictest((entity.level, relation.level, target.level))
            parts = (relation.coordinate, *_parts(target))
            found[relation.coordinate] = Thing(relation.coordinate, Field(entity.name, level.value, _text(relation.category)), parts)
            if entity.name == PERSON:
                leading[relation.target] = relation.category
    for entity in catalogue.entities.values():
        fact = Entity(entity.name, entity.level.value, _text(leading.get(entity.name)))
        found[entity.name] = Thing(entity.name, fact, _parts(entity))
    return found


def _text(category: Category | None) -> str:
    return category.value if category else ""


def _parts(entity: values.Entity) -> tuple[str, ...]:
    return tuple(attribute.coordinate for attribute in entity.attributes.values())


def sources_of(settings: configuration.Settings) -> dict[str | None, Source | Hub]:
    """Give every connected source as a fact, by name, and the hub under None."""
    named: dict[str | None, Source | Hub] = {None: Hub()}
    for name, source in settings.sources.items():
        named[name] = Source(name, settings.organisations[source.steward].kind.value, source.steward)
    return named


def agreement_of(agreement: configuration.Agreement, thing: Thing, today: date) -> Agreement:
    """Give an agreement as a fact about one thing on one day; `until` is the last day on which it is in force."""
    purposes = [each.value for each in agreement.purposes]
    return Agreement(agreement.source, purposes, in_force=today <= agreement.until, covers=thing.is_covered(agreement))


def requester_of(requester: values.Requester, agreements: list[Agreement]) -> Requester:
    """Give a requester as a fact: its name, credential, receiver and person stay behind."""
    return Requester(
        role=requester.role.value,
        organisation=requester.organisation or "",
        kind=requester.organisation_kind.value if requester.organisation_kind else "",
        verified=requester.verified,
        purposes=[each.value for each in requester.purposes],
        agreements=agreements,
        acts=[each.value for each in requester.acts],
    )
