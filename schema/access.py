"""How a field of the schema is declared: its level is the word before it, and stands nowhere else.

    sex: Code | None = partner("Sex.", Category.BIRTH, standard="SP-DCI sex")

From such lines three things are made: the GraphQL field with its description, the `@access` directive that the SDL
prints, and the plain catalogue (values.Catalogue) that planning, policies and sources go by.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NewType, dataclass_transform

import strawberry
from graphql import GraphQLField, GraphQLNamedType
from strawberry.schema_directive import Location

from errors import ConfigError
from values import Attribute, Catalogue, Category, Entity, Kind, Level, Purpose, Reason, Relation, Scheme, SourceStatus

Code = NewType("Code", str)
"""A code of a closed or standard list."""

Day = NewType("Day", str)
"""A calendar day as ISO 8601 text."""

Instant = NewType("Instant", str)
"""A moment in UTC as ISO 8601 text."""

Amount = NewType("Amount", Decimal)
"""A decimal number, exact to the last digit."""


def _day(value: Any) -> str:
    return date.fromisoformat(value).isoformat()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _decimal(value: Any) -> Decimal:
    """A number or text as a decimal; a float gives the digits it is written with."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise TypeError("expected a number")
    found = Decimal(str(value).strip())
    if not found.is_finite():
        raise ValueError("expected a number")
    return found


def _written_decimal(node: Any, _: Any = None) -> Decimal:
    """A decimal from the digits of the document, never by way of a float."""
    return _decimal(getattr(node, "value", None))


def _number(value: Any) -> int | float:
    whole = int(value)
    return whole if whole == value else float(value)


SCALARS: dict[object, Any] = {
    Amount: strawberry.scalar(
        name="Amount",
        description="A decimal number: given as a number, or as text where it must be exact beyond 15 digits; answered as a number.",
        serialize=_number,
        parse_value=_decimal,
        parse_literal=_written_decimal,
    ),
    Code: strawberry.scalar(
        name="Code",
        description="A code of a closed or standard list; the field's description names the list.",
        serialize=str,
        parse_value=_text,
    ),
    Day: strawberry.scalar(
        name="Day",
        description="A calendar day as ISO 8601 text, `2026-03-21`.",
        specified_by_url="https://www.iso.org/iso-8601-date-and-time-format.html",
        serialize=str,
        parse_value=_day,
    ),
    Instant: strawberry.scalar(
        name="Instant",
        description="A moment in UTC as ISO 8601 text, `2026-03-21T09:30:00Z`.",
        specified_by_url="https://www.iso.org/iso-8601-date-and-time-format.html",
        serialize=str,
        parse_value=_text,
    ),
}
"""How the schema writes and reads the texts above."""

strawberry.enum(Level, name="AccessLevel", description="Who may see a field, from anyone to the person alone.")
strawberry.enum(Category, name="DataCategory", description="What a consent may speak of.")
strawberry.enum(Purpose, name="Purpose", description="Why data are used, after the W3C Data Privacy Vocabulary.")
strawberry.enum(Reason, name="WithheldReason", description="Why a value is not in an answer.")
strawberry.enum(SourceStatus, name="SourceStatus", description="How a source is doing.")
strawberry.enum(
    Scheme,
    name="IdentifierScheme",
    description="The number a person is known by: NATIONAL_NUMBER 12 digits, RATION_CARD card/line, CASE_NUMBER the asker's own.",
)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="access",
    description="Who may see this: its level, the category of consent that opens it, its unit and its standard.",
)
class Access:
    """The level beside the field, as the SDL prints it."""

    level: Level
    category: Category | None = strawberry.UNSET
    unit: str | None = strawberry.UNSET
    standard: str | None = strawberry.UNSET


KINDS: dict[Any, Kind] = {
    Code: Kind.CODE,
    Day: Kind.DAY,
    Instant: Kind.INSTANT,
    str: Kind.TEXT,
    int: Kind.WHOLE,
    float: Kind.NUMBER,
    bool: Kind.TRUTH,
}

_LEVELLED = "mizalla"

COMMAND = "mizalla.command"
"""Under this name the metadata of a root field hold the command it needs."""


def needs(command: str) -> dict[str, str]:
    """Metadata of a root field that only those may use whom the rules allow this command; for others it does not exist."""
    return {COMMAND: command}


def _access(level: Level, category: Category | None, unit: str | None, standard: str | None) -> Access:
    return Access(
        level=level,
        category=category or strawberry.UNSET,
        unit=unit or strawberry.UNSET,
        standard=standard or strawberry.UNSET,
    )


def _declared(level: Level) -> Callable[..., Any]:
    def field(description: str, category: Category | None = None, *, unit: str | None = None, standard: str | None = None) -> Any:
        full = description + (f" Unit: {unit}." if unit else "") + (f" After {standard}." if standard else "")
        return strawberry.field(
            description=full,
            directives=[_access(level, category, unit, standard)],
            metadata={_LEVELLED: (level, category, unit, standard)},
        )

    return field


open_ = _declared(Level.OPEN)
partner = _declared(Level.PARTNER)
consented = _declared(Level.CONSENTED)
sealed = _declared(Level.SEALED)


def related(level: Level, target: str, description: str, category: Category | None = None, *, many: bool = False) -> Callable[[Any], Any]:
    """Decorate a method whose signature declares the arguments; it becomes a relation to another entity.

    The method is never called: relations are gathered for all rows at once from the plan.
    """

    def decorate(method: Any) -> Any:
        return strawberry.field(
            resolver=method,
            description=description,
            directives=[_access(level, category, None, None)],
            metadata={_LEVELLED: (level, category, None, None), "target": target, "many": many},
        )

    return decorate


def meta(level: Level, description: str) -> Callable[[Any], Any]:
    """Decorate a method that declares a field about the answer itself (`withheld`, `disclosures`), not about a source's data."""

    def decorate(method: Any) -> Any:
        return strawberry.field(resolver=method, description=description, directives=[_access(level, None, None, None)])

    return decorate


def stricter(level: Level, description: str, command: str) -> Any:
    """A field of a plain type that fewer may see than the type itself: it exists for whom the rules allow a command."""
    return strawberry.field(description=description, directives=[_access(level, None, None, None)], metadata=needs(command))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def entity(name: str, level: Level, description: str) -> Callable[[type], type]:
    """Declare a class as an entity of the catalogue; every field of it must have a level.

    Raises:
        ConfigError: a field without a level, or one above open that is not nullable.
    """

    def decorate(cls: type) -> type:
        made = strawberry.type(cls, description=description, directives=[_access(level, None, None, None)])
        made.__entity__ = (name, level, description)  # type: ignore[attr-defined]
        return made

    return decorate


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def plain(level: Level, description: str) -> Callable[[type], type]:
    """Declare a type that is no entity of a source; its level holds for all its fields."""

    def decorate(cls: type) -> type:
        return strawberry.type(cls, description=description, directives=[_access(level, None, None, None)])

    return decorate


def level_of(definition: GraphQLNamedType | GraphQLField) -> Level:
    """The level beside a type or field of the finished schema; sealed where there is none, because silence opens nothing."""
    declared = getattr(definition.extensions.get("strawberry-definition"), "directives", None) or ()
    return next((each.level for each in declared if isinstance(each, Access)), Level.SEALED)


def catalogue_of(classes: list[type]) -> Catalogue:
    """Read the declared entities into the plain catalogue."""
    entities = {}
    for cls in classes:
        name, level, description = cls.__entity__  # type: ignore[attr-defined]
        attributes, relations = {}, {}
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            found = field.metadata.get(_LEVELLED)
            if found is None:
                if field.name != "id" and not any(isinstance(each, Access) for each in getattr(field, "directives", ())):
                    raise ConfigError(
                        f"{cls.__name__}.{field.name} has no level", "declare it with open_, partner, consented or sealed", "schema"
                    )
                continue
            its_level, category, unit, standard = found
            if "target" in field.metadata:
                relations[field.name] = Relation(
                    name,
                    field.name,
                    field.metadata["target"],
                    field.metadata["many"],
                    its_level,
                    category,
                    field.description or "",  # type: ignore[attr-defined]
                )
                if field.metadata["target"] == "organisation":
                    attributes[field.name] = Attribute(name, field.name, Kind.CODE, its_level, category, field.description or "")  # type: ignore[attr-defined]
                continue
            hint = hints[field.name]
            options = (
                [each for each in typing.get_args(hint) if each is not types.NoneType]
                if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
                else []
            )
            if not options and its_level is not Level.OPEN:
                raise ConfigError(
                    f"{cls.__name__}.{field.name} is {its_level} and not nullable", "write `| None`: what may not be seen is null", "schema"
                )
            kind = KINDS[(options or [hint])[0]]
            attributes[field.name] = Attribute(name, field.name, kind, its_level, category, field.description or "", unit, standard)  # type: ignore[attr-defined]
        entities[name] = Entity(name, level, description, attributes, relations)
    for name, entity in entities.items():
        entities[name] = replace(entity, beside=_beside(entity, entities))
    return Catalogue(entities)


def _beside(entity: Entity, entities: Mapping[str, Entity]) -> dict[str, Attribute]:
    """The attributes of organisations that rows of an entity refer to, by dotted names."""
    return {
        f"{each.name}.{name}": attribute
        for each in entity.relations.values()
        if not each.many and each.target == "organisation"
        for name, attribute in entities[each.target].attributes.items()
    }
