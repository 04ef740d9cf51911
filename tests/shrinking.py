"""A smaller document that goes wrong in the same way: what is left of a wondered question when nothing more can be taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    print_ast,
    visit,
)
from graphql.language.visitor import REMOVE, Visitor

from tests.wondering import Wondered

PATIENCE = 400
"""How many smaller questions are tried."""


def shrunk(wondered: Wondered, fails: Callable[[Wondered], bool]) -> Wondered:
    """The smallest question found, beginning with this one, that still fails.

    A question that no longer holds by itself (an empty selection, a fragment gone) is never tried, so that a failure is not
    taken for another one.
    """
    smallest, tries = wondered, 0
    again = True
    while again and tries < PATIENCE:
        again = False
        for each in _smaller(smallest):
            tries += 1
            if fails(each):
                smallest, again = each, True
                break
            if tries >= PATIENCE:
                break
    return smallest


def _smaller(wondered: Wondered) -> Iterator[Wondered]:
    """Each question with one thing less, the greatest things first."""
    document = parse(wondered.text)
    parts = sorted(_parts(document), key=lambda each: -len(print_ast(each)))
    for part in parts:
        found = _tidied(_without(document, part), wondered.variables)
        if found is not None:
            yield found
    for fragment in _wrapped(document):
        found = _tidied(_unwrapped(document, fragment), wondered.variables)
        if found is not None:
            yield found


def _parts(document: DocumentNode) -> list[Node]:
    """What may be taken out: selections, arguments, directives, aliases being left alone."""
    found: list[Node] = []

    class Finding(Visitor):
        def enter(self, node: Any, *_: Any) -> None:
            if isinstance(node, FieldNode | InlineFragmentNode | FragmentSpreadNode):
                found.append(node)
                found.extend(node.directives or ())
                # A person is asked for by something; all else has a default.
                found.extend(each for each in getattr(node, "arguments", None) or () if each.name.value not in {"id", "scheme", "value"})

    visit(document, Finding())
    return found


def _without(document: DocumentNode, part: Node) -> DocumentNode:
    class Removing(Visitor):
        def enter(self, node: Any, *_: Any) -> Any:
            return REMOVE if node is part else None

    made: DocumentNode = visit(document, Removing())
    return made


def _wrapped(document: DocumentNode) -> list[Node]:
    found: list[Node] = []

    class Finding(Visitor):
        def enter(self, node: Any, *_: Any) -> None:
            if isinstance(node, InlineFragmentNode | FragmentSpreadNode):
                found.append(node)

    visit(document, Finding())
    return found


def _unwrapped(document: DocumentNode, fragment: Node) -> DocumentNode:
    """The same with what a fragment holds in its place."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}

    class Opening(Visitor):
        def enter(self, node: Any, *_: Any) -> Any:
            if not isinstance(node, SelectionSetNode) or fragment not in node.selections:
                return None
            selections: list[Any] = []
            for each in node.selections:
                if each is not fragment:
                    selections.append(each)
                elif isinstance(each, InlineFragmentNode):
                    selections += each.selection_set.selections
                elif isinstance(each, FragmentSpreadNode):
                    selections += fragments[each.name.value].selection_set.selections
            return SelectionSetNode(selections=tuple(selections))

    made: DocumentNode = visit(document, Opening())
    return made


def _tidied(document: DocumentNode, variables: dict[str, Any]) -> Wondered | None:
    """Without fragments and variables that nothing uses any more; None where a selection is empty."""
    empty, spread, used = [], set[str](), set[str]()

    class Looking(Visitor):
        def enter(self, node: Any, _key: Any, parent: Any, *_: Any) -> None:
            if isinstance(node, SelectionSetNode) and not node.selections:
                empty.append(node)
            elif isinstance(node, FragmentSpreadNode):
                spread.add(node.name.value)

    visit(document, Looking())
    if empty:
        return None
    kept = [each for each in document.definitions if not isinstance(each, FragmentDefinitionNode) or each.name.value in spread]

    class Using(Visitor):
        def enter(self, node: Any, _key: Any, _parent: Any, path: Any, *_: Any) -> None:
            if isinstance(node, VariableNode) and "variable_definitions" not in path:
                used.add(node.name.value)

    visit(DocumentNode(definitions=tuple(kept)), Using())

    class Declaring(Visitor):
        def enter_variable_definition(self, node: Any, *_: Any) -> Any:
            return None if node.variable.name.value in used else REMOVE

    definitions = tuple(visit(each, Declaring()) if isinstance(each, OperationDefinitionNode) else each for each in kept)
    text = " ".join(print_ast(DocumentNode(definitions=definitions)).split())
    return Wondered(text, {name: value for name, value in variables.items() if name in used})
