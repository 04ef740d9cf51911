"""Documents, read once: parsed, validated, limited and compiled, kept by their text.

Whatever does not depend on variables or requester is done the first time a text is seen. Limits are counted in one
memoised pass, linear in the document: a fragment is measured once, however often it is spread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)

from errors import Invalid, LimitReached
from resolvers.want import Want
from schema.selection import variables_in
from settings import Limits

KEPT = 512
"""How many documents are kept; the least recently used go first."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection costs to walk: its depth, and its fields with every fragment written out."""

    depth: int
    fields: int


@dataclass(slots=True)
class Operation:
    """One operation of a document, and the wants compiled from it by its `@skip`/`@include` values."""

    node: OperationDefinitionNode
    switches: tuple[str, ...]
    wants: dict[tuple[Any, ...], Want] = field(default_factory=dict)


@dataclass(slots=True)
class Document:
    """A text that was read: its operations, or the errors that keep it from running."""

    errors: tuple[GraphQLError, ...] = ()
    operations: Mapping[str | None, Operation] = field(default_factory=dict)
    fragments: Mapping[str, FragmentDefinitionNode] = field(default_factory=dict)

    def operation(self, name: str | None) -> Operation:
        """The one operation to run, by the specification's rules.

        Raises:
            Invalid: no name where there are several, or a name that is not there.
        """
        if name:
            found = self.operations.get(name)
            if found is None:
                raise Invalid(
                    "the document has no operation of this name", "name one of its operations in `operationName`", "operationName"
                )
            return found
        if len(self.operations) != 1:
            raise Invalid("the document has several operations", "say in `operationName` which one to run", "operationName")
        return next(iter(self.operations.values()))


class Documents:
    """Reads documents against one schema and keeps what it read."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        """`limits` bound tokens, depth and fields."""
        self.schema = schema
        self.limits = limits
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def read(self, text: str) -> Document:
        """The document of a text, from memory where it was seen before.

        Raises:
            LimitReached: it is larger than the hub takes.
        """
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        found = self._read(text)
        if len(text) <= 20_000:
            self._kept[text] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, text: str) -> Document:
        try:
            tree = parse(text, max_lexical_tokens=self.limits.tokens)
        except GraphQLError as error:
            if "token" in error.message and "limit" in error.message.lower():
                raise LimitReached(f"the document has more than {self.limits.tokens} tokens", "ask for less in one request") from None
            return Document(errors=(error,))
        fragments = {each.name.value: each for each in tree.definitions if isinstance(each, FragmentDefinitionNode)}
        self._limit(tree, fragments)
        errors = validate(self.schema, tree, specified_rules, max_errors=20)
        if errors:
            return Document(errors=tuple(errors))
        operations = {
            each.name.value if each.name else None: Operation(each, switches(each, fragments))
            for each in tree.definitions
            if isinstance(each, OperationDefinitionNode)
        }
        if not operations:
            return Document(errors=(GraphQLError("The document has no operation."),))
        return Document((), operations, fragments)

    def _limit(self, tree: DocumentNode, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        known: dict[str, Measure] = {}
        for each in tree.definitions:
            if isinstance(each, OperationDefinitionNode):
                measure = _measure(each.selection_set, fragments, known, frozenset())
                if measure.depth > self.limits.depth:
                    raise LimitReached(f"the operation is nested deeper than {self.limits.depth}", "ask for fewer levels in one request")
                if measure.fields > self.limits.fields:
                    raise LimitReached(f"the operation has more than {self.limits.fields} fields", "ask for less in one request")


def _measure(
    selected: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, Measure], open_: frozenset[str]
) -> Measure:
    """Depth and written-out fields; a circle of fragments counts once, validation names it afterwards."""
    depth, fields = 0, 0
    for node in selected.selections if selected else ():
        if isinstance(node, FieldNode):
            # Introspection repeats one shape many levels deep; graphql-core bounds it by a rule of its own.
            if node.name.value.startswith("__"):
                fields += 1
                continue
            below = _measure(node.selection_set, fragments, known, open_)
            below = Measure(below.depth + 1, below.fields + 1)
        elif isinstance(node, InlineFragmentNode):
            below = _measure(node.selection_set, fragments, known, open_)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in open_ or name not in fragments:
                continue
            if name not in known:
                known[name] = _measure(fragments[name].selection_set, fragments, known, open_ | {name})
            below = known[name]
        else:
            continue
        depth, fields = max(depth, below.depth), fields + below.fields
    return Measure(depth, fields)


def switches(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> tuple[str, ...]:
    """The variables that `@skip` and `@include` of an operation and its fragments look at."""
    found: set[str] = set()

    def look(selected: SelectionSetNode | None, seen: set[str]) -> None:
        for node in selected.selections if selected else ():
            for directive in node.directives or ():
                if directive.name.value in {"skip", "include"}:
                    found.update(variables_in(directive))
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in seen and name in fragments:
                    seen.add(name)
                    look(fragments[name].selection_set, seen)
            elif isinstance(node, FieldNode | InlineFragmentNode):
                look(node.selection_set, seen)

    look(operation.selection_set, set())
    return tuple(sorted(found))
