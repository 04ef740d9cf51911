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
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionNode,
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

CHARACTERS = 200_000
"""Longest document: reading text costs even where it holds few tokens. Long values belong in variables."""

COMMENTS = 1000
"""Most comments of a document; they are no tokens and still take time."""

NESTED = 64
"""How deep selections may stand in each other, inline fragments and spreads counted too: keeps the walk off Python's own limit."""

INTROSPECTED = 500
"""Most fields below `__schema` and `__type`, every fragment written out; a whole introspection has about 230.

They are answered for every type and field of the schema, so one costs far more than a field of ours.
"""

ABORTED = "Parsing aborted."
"""How graphql-core ends its sentence about a document that is larger than it was told to read."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection costs to walk: its depth, and its fields with every fragment written out."""

    depth: int = 0
    fields: int = 0
    introspected: int = 0


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

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool = True) -> None:
        """`limits` bound tokens, depth and fields; without `introspection` the schema does not answer about itself."""
        self.schema = schema
        self.limits = limits
        self.rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
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
            tree = parse(
                text,
                max_lexical_tokens=self.limits.tokens,
                max_comments=COMMENTS,
                max_source_length=CHARACTERS,
                allow_empty_selection_sets=False,
            )
        except GraphQLError as error:
            if error.message.endswith(ABORTED):
                said = error.message.removeprefix("Syntax Error: ").removesuffix(ABORTED).strip(" .")
                raise LimitReached(said, "ask for less in one request, and send long values as variables") from None
            return Document(errors=(error,))
        fragments = {each.name.value: each for each in tree.definitions if isinstance(each, FragmentDefinitionNode)}
        self._limit(tree, fragments)
        errors = validate(self.schema, tree, self.rules, max_errors=20)
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
        meter = _Meter(fragments)
        for each in tree.definitions:
            if isinstance(each, OperationDefinitionNode):
                measure = meter.measure(each.selection_set)
                if measure.depth > self.limits.depth:
                    raise LimitReached(f"the operation is nested deeper than {self.limits.depth}", "ask for fewer levels in one request")
                if measure.fields > self.limits.fields:
                    raise LimitReached(f"the operation has more than {self.limits.fields} fields", "ask for less in one request")
                if measure.introspected > INTROSPECTED:
                    raise LimitReached(
                        f"the operation asks the schema about itself in more than {INTROSPECTED} fields", "read /schema.graphql instead"
                    )


class _Meter:
    """Measures selections of one document; each fragment once."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self.fragments = fragments
        self.known: dict[str, Measure] = {}
        self.open: set[str] = set()
        self.nested = 0

    def measure(self, selected: SelectionSetNode | None) -> Measure:
        """Depth and written-out fields; a circle of fragments counts once, validation names it afterwards."""
        if selected is None:
            return Measure()
        self.nested += 1
        if self.nested > NESTED:
            raise LimitReached(f"selections are nested deeper than {NESTED}", "ask for fewer levels in one request")
        parts = [self._one(node) for node in selected.selections]
        self.nested -= 1
        return Measure(
            max((each.depth for each in parts), default=0), sum(each.fields for each in parts), sum(each.introspected for each in parts)
        )

    def _one(self, node: SelectionNode) -> Measure:
        if isinstance(node, FragmentSpreadNode):
            return self._spread(node.name.value)
        assert isinstance(node, FieldNode | InlineFragmentNode)
        below = self.measure(node.selection_set)
        if isinstance(node, InlineFragmentNode):
            return below
        if node.name.value.startswith("__"):
            # Introspection repeats one shape many levels deep; graphql-core bounds it by a rule of its own.
            return Measure(0, 1, below.fields)
        return Measure(below.depth + 1, below.fields + 1, below.introspected)

    def _spread(self, name: str) -> Measure:
        if name in self.open or name not in self.fragments:
            return Measure()
        if name not in self.known:
            self.open.add(name)
            self.known[name] = self.measure(self.fragments[name].selection_set)
            self.open.discard(name)
        return self.known[name]


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
