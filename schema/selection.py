"""From a GraphQL operation to the neutral tree of wants, once per document, operation and `@skip`/`@include` values.

graphql-core's own collection of fields decides aliases, merged fields, fragments and directives, so that what is
wanted is exactly what the specification says; this module only gives it our names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values
from graphql.language import Visitor
from strawberry.utils.str_converters import to_snake_case

from resolvers.want import Arguments, Field, Want, no_arguments


class _FindsVariables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.names.add(node.name.value)


def variables_in(node: Any) -> set[str]:
    """Every variable mentioned below a node."""
    finder = _FindsVariables()
    visit(node, finder)
    return finder.names


@dataclass(frozen=True, slots=True)
class Selection:
    """Compiles the selections of one document against one schema."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    variables: VariableValues

    def _details(self) -> dict[str, FragmentDetails]:
        return {name: FragmentDetails(node) for name, node in self.fragments.items()}

    def roots(self) -> Want:
        """The want of the whole operation."""
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None
        collected = collect_fields(self.schema, self._details(), self.variables, root, self.operation)
        return self._want(root, collected.grouped_field_set)

    def below(self, parent: GraphQLObjectType, details: FieldDetailsList) -> Field:
        """The wanted field that these merged field nodes of `parent` stand for."""
        node = details[0].node
        return self._field(parent, node.alias.value if node.alias else node.name.value, details)

    def _want(self, parent: GraphQLObjectType, grouped: Mapping[str, FieldDetailsList]) -> Want:
        return Want(parent.name, tuple(self._field(parent, key, details) for key, details in grouped.items()))

    def _field(self, parent: GraphQLObjectType, key: str, details: FieldDetailsList) -> Field:
        node = details[0].node
        if node.name.value.startswith("__"):
            return Field(key, node.name.value)
        definition = parent.fields[node.name.value]
        arguments: Arguments = no_arguments
        if definition.args:
            arguments = self._arguments(definition, node)
        target = get_named_type(definition.type)
        want = None
        if isinstance(target, GraphQLObjectType):
            collected = collect_subfields(self.schema, self._details(), self.variables, self.operation, target, details)
            want = self._want(target, collected.grouped_field_set)
        return Field(key, to_snake_case(node.name.value), arguments, want)

    def _arguments(self, definition: Any, node: Any) -> Arguments:
        """Arguments without variables are settled now; the others are read from each request's variables."""
        names = {name: to_snake_case(name) for name in definition.args}
        enums = {name for name, each in definition.args.items() if isinstance(get_named_type(each.type), GraphQLEnumType)}

        def read(variables: VariableValues) -> Mapping[str, Any]:
            values = get_argument_values(definition, node, variables)
            return {names[name]: _plain(value) if name in enums else value for name, value in values.items()}

        if any(variables_in(argument) for argument in node.arguments or ()):
            return read
        settled = read(self.variables)
        return lambda _: settled


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return getattr(value, "value", value)
