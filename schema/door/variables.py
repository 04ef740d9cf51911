"""Variables of an operation, coerced as graphql-core would, with what does not depend on their values settled once.

Most variables are a text or a whole number that is in its right form already. Those are taken as they are; anything else
goes to graphql-core, which knows every type and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    VariableDefinitionNode,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities import validate_input_value

Coerce = Callable[[Mapping[str, Any]], VariableValues | list[GraphQLError]]

NATIVE: Mapping[Any, type] = {GraphQLID: str, GraphQLString: str, GraphQLInt: int, GraphQLBoolean: bool}
"""Types whose values of exactly this kind are coerced to themselves."""

SMALLEST, LARGEST = -(2**31), 2**31 - 1
"""GraphQL's whole numbers."""

ERRORS = 20
"""So many faults of variables are told."""

UNKEPT = "a text holds the character U+0000"
"""JSON can write it, and not every database can keep it or even look for it: it means nothing, and nobody types it."""


def coercer(schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> Coerce:
    """The function that coerces an operation's variables."""

    def fully(given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        found = get_variable_values(schema, definitions, dict(given), max_errors=ERRORS)
        if isinstance(found, list):
            return [placed for each in definitions for placed in _placed(schema, each, given)][:ERRORS] or found
        return [GraphQLError(UNKEPT, each) for each in definitions if _unkept(found.coerced.get(each.variable.name.value))] or found

    plain: list[tuple[str, Any, bool, Any]] = []
    for each in definitions:
        signature = get_variable_signature(schema, each)
        if isinstance(signature, GraphQLError) or each.default_value is not None:
            return fully
        required = isinstance(signature.type, GraphQLNonNull)
        native = NATIVE.get(signature.type.of_type if isinstance(signature.type, GraphQLNonNull) else signature.type)
        if native is None:
            return fully
        plain.append((signature.name, native, required, signature))

    def quickly(given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, native, required, signature in plain:
            if name in given:
                value: Any = given[name]
                if value is None and required:
                    return fully(given)
                if value is not None and (
                    type(value) is not native or (native is int and not SMALLEST <= value <= LARGEST) or (native is str and "\0" in value)
                ):
                    return fully(given)
                coerced[name] = value
                sources[name] = VariableValueSource(signature, value)
            elif required:
                return fully(given)
            else:
                sources[name] = VariableValueSource(signature)
        return VariableValues(sources, coerced)

    return quickly


def _placed(schema: GraphQLSchema, definition: VariableDefinitionNode, given: Mapping[str, Any]) -> list[GraphQLError]:
    """Where a variable does not hold what its type describes, each place once, in `extensions`; names in it are the schema's own.

    The library's own errors repeat the value, which is where identifiers travel.
    """
    signature, name = get_variable_signature(schema, definition), definition.variable.name.value
    if isinstance(signature, GraphQLError) or (name not in given and definition.default_value is not None):
        return []
    places: dict[str, None] = {}

    def note(error: GraphQLError, path: Sequence[str | int]) -> None:
        places[".".join(map(str, (name, *path)))] = None
        if len(places) >= ERRORS:
            raise error

    if name in given:
        with suppress(GraphQLError, RecursionError):  # enough were found, or it is nested too deeply
            validate_input_value(given[name], signature.type, note)
    elif isinstance(signature.type, GraphQLNonNull):
        places[name] = None
    return [GraphQLError("does not fit", definition, extensions={"place": place}) for place in places]


def _unkept(value: Any) -> bool:
    """Whether some text of a coerced value holds what no text should."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(map(_unkept, value.values()))
    return isinstance(value, list) and any(map(_unkept, value))
