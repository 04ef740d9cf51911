"""The part of the schema that one requester can ask for: a schema of its own, in which nothing else exists.

A field is in it when it is released, or when another purpose or an agreement could release it: whoever could have it
must be able to learn why it has not. What nothing could ever open for this requester is absent, so that documents,
suggestions, introspection and `/schema.graphql` know no difference between what is hidden and what never was.

This adds no permission: what a variant shows is still decided field by field when it is asked for.
"""

from __future__ import annotations

import asyncio
import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)
from strawberry import Schema
from strawberry.utils.str_converters import to_snake_case

from schema.access import COMMAND, level_of
from schema.door.documents import Documents
from schema.door.limits import prices_of
from values import Enquiry, Level, Reason

if TYPE_CHECKING:
    from resolvers.hub import Hub

KEPT = 64
"""Variants kept. There are as many as there are different views, not requesters: the sample country has about ten."""

KNOWN = 4096
"""Fingerprints whose variant is remembered."""

_Part = TypeVar("_Part")

View = Mapping[str, frozenset[str]]
"""The visible fields by type; a type without an entry is absent."""


@dataclass(eq=False)
class Variant:
    """One view of the schema, with the documents read against it."""

    schema: Schema
    core: GraphQLSchema
    documents: Documents

    @cached_property
    def text(self) -> str:
        """The view in the schema definition language, with `@access` on its fields."""
        return self.schema.as_str() + "\n"


class Variants:
    """The views of one hub: found by the policies' fingerprint, made once for all who see the same."""

    def __init__(self, hub: Hub, schema: Schema) -> None:
        """Nothing is decided before somebody asks."""
        self.hub = hub
        self.prices = prices_of(hub.catalogue, hub.settings, hub.public_name)
        self.schema = schema
        self.core: GraphQLSchema = schema._schema  # noqa: SLF001 — Strawberry gives no public way to graphql-core's schema
        roots = (self.core.query_type, self.core.mutation_type, self.core.subscription_type)
        self._roots = [each for each in roots if each is not None]
        self._inner = {public: inner for inner, public in hub.public_names.items()}
        self._known: OrderedDict[Hashable, Variant] = OrderedDict()
        self._kept: OrderedDict[Hashable, Variant] = OrderedDict()

    def of(self, enquiry: Enquiry) -> Variant:
        """The view of a requester and purpose, on the enquiry's day."""
        fingerprint = self.hub.policies.fingerprint(enquiry.requester, enquiry.purpose, enquiry.now.date())
        found = self._known.get(fingerprint)
        if found is None:
            found = self._shared(self.view(enquiry))
            _keep(self._known, fingerprint, found, KNOWN)
        return found

    @property
    def documents(self) -> int:
        """How many documents are kept, in all views together."""
        return sum(len(each.documents) for each in self._kept.values())

    async def prepare(self, enquiry: Enquiry) -> None:
        """Decide a view before anybody asks, a field at a time, so that whoever asks meanwhile need not wait for it."""
        for _ in self._looked(enquiry, {}):
            await asyncio.sleep(0)
        self.of(enquiry)

    def view(self, enquiry: Enquiry) -> View:
        """What is visible: everything that visible fields lead to, from the roots down."""
        found: dict[str, frozenset[str]] = {}
        for _ in self._looked(enquiry, found):
            pass
        return {name: fields for name, fields in found.items() if fields or not isinstance(self.core.type_map[name], GraphQLObjectType)}

    def _looked(self, enquiry: Enquiry, found: dict[str, frozenset[str]]) -> Iterator[None]:
        """Fill in the visible fields of each type, with a pause after each."""
        waiting: list[Any] = list(self._roots)
        while waiting:
            type_ = waiting.pop()
            if type_.name in found:
                continue
            if isinstance(type_, GraphQLObjectType):
                fields = {}
                for name, field in type_.fields.items():
                    if self._sees(enquiry, type_, name, field):
                        fields[name] = field
                    yield
                found[type_.name] = frozenset(fields)
                for field in fields.values():
                    waiting += [get_named_type(field.type), *(get_named_type(argument.type) for argument in field.args.values())]
            else:
                found[type_.name] = frozenset()
                waiting += getattr(type_, "types", ())
                if isinstance(type_, GraphQLInputObjectType):
                    waiting += [get_named_type(field.type) for field in type_.fields.values()]

    def _shared(self, view: View) -> Variant:
        key = frozenset(view.items())
        found = self._kept.get(key)
        if found is None:
            core = only(self.core, view)
            schema = copy.copy(self.schema)
            schema._schema = core  # noqa: SLF001 — the one thing in which a variant differs
            core._strawberry_schema = schema  # type: ignore[attr-defined]  # noqa: SLF001 — as Strawberry marks its own
            settings = self.hub.settings.hub
            found = Variant(schema, core, Documents(core, settings.limits, introspection=settings.introspection, prices=self.prices))
        _keep(self._kept, key, found, KEPT)
        return found

    # --- what is visible -----------------------------------------------------------------------------------------

    def _sees(self, enquiry: Enquiry, owner: GraphQLObjectType, name: str, field: GraphQLField) -> bool:
        command = _declared(field, "metadata", {}).get(COMMAND)
        if command is not None:
            return self.hub.policies.allows(enquiry.requester, enquiry.purpose, command)
        target, entity = get_named_type(field.type), self._entity(owner)
        if entity is None:
            return self._leads(enquiry, owner, target)
        coordinate = f"{entity}.{to_snake_case(name)}"
        if f"{owner.name}.{name}" in self._inner and name != "id":
            return self._openable(enquiry, coordinate, self._sources(coordinate, target))
        if coordinate in self.hub.policies.things:
            return self._openable(enquiry, coordinate, ())
        # What is said about a row itself (its id, which source wrote it) is known with the row, unless declared as narrower.
        return name == "id" or level_of(field).rank <= self.hub.catalogue.entities[entity].level.rank

    def _leads(self, enquiry: Enquiry, owner: GraphQLObjectType, target: GraphQLNamedType) -> bool:
        """Whether a field outside the entities may be followed: to an entity, where its existence may be known.

        A root field that needs no command leads to what is open, and a change that needs none is nobody's.
        """
        if owner is self.core.mutation_type:
            return False
        entity = self._entity(target)
        if entity is not None:
            return bool(self.hub.policies.release(enquiry.requester, enquiry.purpose, entity, None, enquiry.now.date()))
        return owner not in self._roots or level_of(target) is Level.OPEN

    def _entity(self, type_: GraphQLNamedType) -> str | None:
        return self._inner.get(f"{type_.name}.id", "").partition(".")[0] or None

    def _sources(self, coordinate: str, target: GraphQLNamedType) -> tuple[str, ...]:
        """The sources that offer a field; all of them for what none offers, which is then said to be not recorded."""
        entity, _, name = coordinate.partition(".")
        gates, below = self.hub.gates, self._entity(target)
        if name in self.hub.catalogue.entities[entity].attributes:
            offering = tuple(source for source, gate in gates.items() if name in gate.offers(entity))
        else:
            offering = tuple(source for source, gate in gates.items() if below and gate.offers(below))
        return offering or tuple(gates)

    def _openable(self, enquiry: Enquiry, coordinate: str, sources: tuple[str, ...]) -> bool:
        """Whether a field is released from one of these sources or by the hub, or could be.

        The imagined agreement is asked about first: it is decided alike for all fields of a level, the real ones are not.
        """
        policies, asker, day = self.hub.policies, (enquiry.requester, enquiry.purpose), enquiry.now.date()
        return (
            any(policies.with_agreement(*asker, coordinate, source) for source in sources)
            or any(policies.release(*asker, coordinate, place, day) for place in (*sources, None))
            or any(policies.reason(*asker, coordinate, source, day) is Reason.PURPOSE_NOT_ALLOWED for source in sources)
        )


def only(schema: GraphQLSchema, view: View) -> GraphQLSchema:
    """A schema of the visible fields and types alone.

    Only what has fields of ours is made anew; scalars, enums and inputs are the schema's own, because Strawberry's
    know how to read and write their values.
    """
    made: dict[str, Any] = {}

    def named(type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return GraphQLNonNull(named(type_.of_type))
        if isinstance(type_, GraphQLList):
            return GraphQLList(named(type_.of_type))
        return made.get(type_.name, type_)

    def fields_of(type_: GraphQLObjectType) -> Callable[[], dict[str, GraphQLField]]:
        return lambda: {
            name: _with(GraphQLField, field, type_=named(field.type)) for name, field in type_.fields.items() if name in view[type_.name]
        }

    def members_of(type_: GraphQLUnionType) -> Callable[[], list[Any]]:
        return lambda: [named(each) for each in type_.types if each.name in view]

    def resolved_by(type_: GraphQLUnionType) -> Callable[[Any, Any, Any], Any]:
        resolve = type_.resolve_type
        assert resolve is not None
        # Strawberry's looks among the members by identity, so it must be asked with the union it was made for.
        return lambda value, info, _: resolve(value, info, type_)

    for name in view:
        type_ = schema.type_map[name]
        if isinstance(type_, GraphQLObjectType):
            made[name] = _with(GraphQLObjectType, type_, fields=fields_of(type_))
        elif isinstance(type_, GraphQLUnionType):
            made[name] = _with(GraphQLUnionType, type_, types=members_of(type_), resolve_type=resolved_by(type_))
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    kept = {role: made.get(root.name) if root else None for role, root in roots.items()}
    # Valid as part of a valid schema, cut where nothing refers to what is gone.
    return _with(GraphQLSchema, schema, **kept, types=tuple(made.values()), assume_valid=True)


def _with(kind: type[_Part], original: Any, **changes: Any) -> _Part:
    return kind(**{**original.to_kwargs(), **changes})


def _declared(definition: Any, name: str, otherwise: Any) -> Any:
    return getattr(definition.extensions.get("strawberry-definition"), name, None) or otherwise


def _keep(cache: OrderedDict[Hashable, Variant], key: Hashable, variant: Variant, most: int) -> None:
    cache[key] = variant
    cache.move_to_end(key)
    if len(cache) > most:
        cache.popitem(last=False)
