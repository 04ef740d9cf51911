"""What may be asked: one GraphQL schema, each field with its access level beside it.

`DOMAINS` names the domains in order; a domain is one file of this name here and on every other floor it needs, or, once it
has many rooms, a package of them that names them in `ROOMS`. A room may declare `ENTITIES`, `Query`, `Mutation`, `Subscription`.
"""

from __future__ import annotations

import importlib
from typing import Any

from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.utils.str_converters import to_camel_case

from schema.access import SCALARS, catalogue_of
from schema.reading import HubExecutor, HubSchema, Read

DOMAINS = ("aid", "insurance", "oversight", "identity", "governance", "exchange")

_domains: list[Any] = [importlib.import_module(f"schema.{name}") for name in DOMAINS]
_rooms: list[Any] = [room for domain in _domains for room in getattr(domain, "ROOMS", (domain,))]
_entities: list[type] = [each for room in _rooms for each in getattr(room, "ENTITIES", ())]


def _merged(name: str) -> type:
    """The root type of that name, of the fields that every room adds to it."""
    return merge_types(name, tuple(getattr(room, name) for room in _rooms if hasattr(room, name)))


CATALOGUE = catalogue_of(_entities)
"""Every entity with its attributes, relations and levels, for the floors below."""

PUBLIC_NAMES: dict[str, str] = {
    f"{entity}.{name}": f"{cls.__name__}.{to_camel_case(name)}"
    for cls in _entities
    for entity in [cls.__entity__[0]]  # type: ignore[attr-defined]
    for name in ("id", *CATALOGUE.entities[entity].attributes, *CATALOGUE.entities[entity].relations)
}
"""`person.birth_date` → `Person.birthDate`: how coordinates are written in answers."""

SCHEMA = HubSchema(
    query=_merged("Query"),
    mutation=_merged("Mutation"),
    subscription=_merged("Subscription"),
    config=StrawberryConfig(auto_camel_case=True, scalar_map=SCALARS),
    execution_context_class=HubExecutor,
    extensions=[Read],
)
