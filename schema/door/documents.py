"""Documents, read once: parsed, validated, limited and compiled, kept by their text.

Whatever does not depend on variables or requester is done the first time a text is seen; `schema/door/limits.py` measures it.
"""

from __future__ import annotations

import re
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
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged

from errors import Invalid, LimitReached
from resolvers.want import Want
from schema.door.limits import FREE, Estimate, Estimator, Form, Measured, Prices, measure
from schema.door.variables import UNKEPT, Coerce
from schema.selection import variables_in
from settings import Limits

KEPT = 512
"""How many documents are kept; the least recently used go first."""

CHARACTERS = 200_000
"""Longest document: reading text costs even where it holds few tokens. Long values belong in variables."""

COMMENTS = 1000
"""Most comments of a document; they are no tokens and still take time."""

overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 20_000
"""How many comparisons validation makes of fields that share a name; by itself the library makes 25 times as many, which is 80 ms."""

NOUGHT = re.compile(r"\\u(0000|\{0+\})")
"""How a document writes the character U+0000."""

ABORTED = "Parsing aborted."
"""How graphql-core ends its sentence about a document that is larger than it was told to read."""


@dataclass(slots=True)
class Operation:
    """One operation of a document, and the wants compiled from it by its `@skip`/`@include` values."""

    node: OperationDefinitionNode
    switches: tuple[str, ...]
    measured: Measured
    wants: dict[tuple[Any, ...], Want] = field(default_factory=dict)
    estimator: Estimator | None = None
    coerce: Coerce | None = None

    def estimate(self, variables: Mapping[str, Any]) -> Estimate:
        """What answering it may cost with these coerced variables."""
        if self.estimator is None:
            self.estimator = self.measured.estimator(self.node.name.value if self.node.name else None)
        return self.estimator(variables)


@dataclass(slots=True)
class Document:
    """A text that was read: its operations and whole tree, or the errors that keep it from running."""

    form: Form
    errors: tuple[GraphQLError, ...] = ()
    operations: Mapping[str | None, Operation] = field(default_factory=dict)
    fragments: Mapping[str, FragmentDefinitionNode] = field(default_factory=dict)
    within: Limits | None = None
    tree: DocumentNode = field(default_factory=DocumentNode)

    def hold(self, limits: Limits) -> None:
        """Let it pass; asked again for the same limits, this costs nothing.

        Raises:
            LimitReached: it asks more than these limits allow.
        """
        if self.within is not limits:
            self.form.hold(limits)
            self.within = limits

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

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool = True, prices: Prices = FREE) -> None:
        """`limits` hold where `read` is given no others; without `introspection` the schema does not answer about itself."""
        self.schema = schema
        self.limits = limits
        self.prices = prices
        self.rules = specified_rules if introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def __len__(self) -> int:
        """How many documents are kept."""
        return len(self._kept)

    def read(self, text: str, limits: Limits | None = None) -> Document:
        """The document of a text, from memory where it was seen before, if it keeps within the limits.

        Raises:
            LimitReached: it is larger than the hub takes.
        """
        limits = limits or self.limits
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            found.hold(limits)
            return found
        found = self._read(text, limits)
        if len(text) <= 20_000:
            self._kept[text] = found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, text: str, limits: Limits) -> Document:
        try:
            tree = parse(
                text,
                max_lexical_tokens=limits.tokens,
                max_comments=COMMENTS,
                max_source_length=CHARACTERS,
                allow_empty_selection_sets=False,
            )
        except GraphQLError as error:
            if error.message.endswith(ABORTED):
                said = error.message.removeprefix("Syntax Error: ").removesuffix(ABORTED).strip(" .")
                raise LimitReached(said, "ask for less in one request, and send long values as variables") from None
            return Document(Form(0, 0), (error,))
        if NOUGHT.search(text):
            return Document(Form(0, 0), (GraphQLError(UNKEPT),))
        fragments = {each.name.value: each for each in tree.definitions if isinstance(each, FragmentDefinitionNode)}
        measured = measure(tree, self.schema, self.prices)
        measured.form.hold(limits)
        errors = validate(self.schema, tree, self.rules, max_errors=20)
        if errors:
            return Document(measured.form, tuple(errors))
        operations = {
            each.name.value if each.name else None: Operation(each, switches(each, fragments), measured)
            for each in tree.definitions
            if isinstance(each, OperationDefinitionNode)
        }
        if not operations:
            return Document(measured.form, (GraphQLError("The document has no operation."),))
        return Document(measured.form, (), operations, fragments, limits, tree)


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
