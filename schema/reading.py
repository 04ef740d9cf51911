"""Where Strawberry meets the plan: root fields hand over their selection and get back finished values.

A root field's resolver returns a `Completed` value; the executor takes it whole, because below the root everything has
been decided, gathered and shaped by the plan. Nothing below a root may therefore rely on Strawberry's permissions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import strawberry
from graphql import DocumentNode, GraphQLError
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.selection import Selection

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub


class Completed:
    """A value that is already as the answer shows it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        """Keep it."""
        self.value = value


class HubExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, which takes completed values as they are."""

    def complete_value(self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position_context: Any) -> Any:
        """Give a completed value back unwalked; everything else the ordinary way."""
        if type(result) is Completed:
            return result.value
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)


class Read(SchemaExtension):
    """Hands Strawberry the document as the door read it.

    By itself it would parse the text and validate it against the same schema again, which is two fifths of what a mutation costs.
    """

    def on_parse(self) -> Iterator[None]:
        """Take the tree that was read."""
        context: Context = self.execution_context.context
        self.execution_context.graphql_document = context.tree
        yield

    def on_validate(self) -> Iterator[None]:
        """Find nothing: a document with errors does not get past the door."""
        self.execution_context.pre_execution_errors = []
        yield


class HubSchema(strawberry.Schema):
    """Strawberry's schema, which leaves its errors to the door.

    By itself it logs every error with its text and traceback, and a text may repeat what somebody sent.
    """

    def process_errors(self, errors: Sequence[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing; the door gives each error its code and logs the unforeseen ones without their text."""


@dataclass(slots=True)
class Context:
    """What Strawberry's resolvers get: the hub, the enquiry's gathering, the coerced variables, and the document as it was read."""

    hub: Hub
    gathering: Gathering
    variables: VariableValues
    tree: DocumentNode


async def read(info: strawberry.Info) -> Any:
    """Answer a root field through the plan."""
    context: Context = info.context
    raw = info._raw_info  # noqa: SLF001 — Strawberry gives no public way to the field nodes
    selection = Selection(raw.schema, raw.fragments, raw.operation, context.variables)
    field = selection.below(raw.parent_type, [FieldDetails(node, None) for node in raw.field_nodes])
    return Completed(await context.hub.root(context.gathering, field))
