"""What may be asked: one GraphQL schema, each field with its access level beside it.

`DOMAINS` names the domains in order; a domain is one file of this name here and on every other floor it needs.
"""

from __future__ import annotations

import importlib
from typing import Any

from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types
from strawberry.utils.str_converters import to_camel_case

from schema.access import SCALARS, catalogue_of
from schema.reading import HubExecutor, HubSchema
from schema.subscriptions import Subscription

DOMAINS = ("aid", "insurance", "oversight", "identity")

_modules: list[Any] = [importlib.import_module(f"schema.{name}") for name in DOMAINS]
_entities: list[type] = [each for module in _modules for each in module.ENTITIES]

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
    query=merge_types("Query", tuple(module.Query for module in _modules if hasattr(module, "Query"))),
    mutation=merge_types("Mutation", tuple(module.Mutation for module in _modules if hasattr(module, "Mutation"))),
    subscription=Subscription,
    config=StrawberryConfig(auto_camel_case=True, scalar_map=SCALARS),
    execution_context_class=HubExecutor,
)
