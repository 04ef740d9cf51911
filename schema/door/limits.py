"""How much a document asks, counted in one memoised pass: its form, and what answering it may cost.

A fragment is measured once, however often it is spread, so the pass is linear in the document. Its form (depth, fields,
aliases and the like, every fragment written out) is known at once. Its cost depends on paging arguments, which may be
variables: the pass writes down the sums as the text of a small function, and a request that comes again pays for that
function alone.

What a row costs is the sum of its sources' points, each selected attribute counted at the dearest source that keeps it,
whatever the policies will say: an estimate that told what is withheld would tell too much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.language import BooleanValueNode

from errors import LimitReached
from settings import Limits, Settings
from values import Catalogue

NESTED = 64
"""How deep selections may stand in each other, inline fragments and spreads counted too: keeps the walk off Python's own limit."""

INTROSPECTED = 500
"""Most fields below `__schema` and `__type`, every fragment written out; a whole introspection has about 230.

They are answered for every type and field of the schema, so one costs far more than a field of ours.
"""

MEMBERS = 6
"""Members of a household, where rows are estimated: the average in Iraq, rounded up."""

SOME = 10
"""Rows of a list that takes no `first`."""

FIRST = 1_000_000
"""A greater `first` is estimated as this: enough to be refused, and no endless number."""

Amount = int | str
"""A number known now, or the name of one in the function's text."""


class Estimate(NamedTuple):
    """What answering an operation may cost at most, before anybody is asked.

    `cost` in points (a row of a source counts that source's points), `rows` of all lists and objects, `values` in the answer.
    """

    cost: int
    rows: int
    values: int


Estimator = Callable[[Mapping[str, Any]], Estimate]
"""Estimates an operation from its coerced variables."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a document asks whatever its variables say; of several operations the greatest of each."""

    tokens: int
    fragments: int
    depth: int = 0
    fields: int = 0
    roots: int = 0
    aliases: int = 0
    directives: int = 0
    introspected: int = 0

    def hold(self, limits: Limits) -> None:
        """Let it pass.

        Raises:
            LimitReached: it asks more than these limits allow.
        """
        for name, said in SAID.items():
            most = getattr(limits, name)
            if getattr(self, name) > most:
                raise LimitReached(f"the {said.format(most)}", "ask for less in one request, and send long values as variables")
        if self.introspected > INTROSPECTED:
            raise LimitReached(
                f"the operation asks the schema about itself in more than {INTROSPECTED} fields", "read /schema.graphql instead"
            )


SAID = {
    "tokens": "document has more than {} tokens",
    "fragments": "document has more than {} fragments",
    "depth": "operation is nested deeper than {}",
    "fields": "operation has more than {} fields",
    "roots": "operation has more than {} root fields",
    "aliases": "operation has more than {} aliases",
    "directives": "operation has more than {} directives",
}
"""How each limit on a document's form is told."""


class _Part(NamedTuple):
    """What one selection asks: its form, its amounts for one parent, and the sources its own attributes come from."""

    depth: int = 0
    fields: int = 0
    roots: int = 0
    aliases: int = 0
    directives: int = 0
    introspected: int = 0
    cost: Amount = 0
    rows: Amount = 0
    values: Amount = 0
    sources: frozenset[str] = frozenset()


NOTHING = _Part()


class Measured:
    """One document, measured: its form, and the estimator of each operation."""

    def __init__(self, form: Form, totals: Mapping[str | None, _Part], program: _Program) -> None:
        """Functions are made when their operation first runs."""
        self.form = form
        self._totals = totals
        self._program = program

    def estimator(self, operation: str | None) -> Estimator:
        """The function that estimates an operation from its coerced variables."""
        total = self._totals[operation]
        return self._program.function(total.cost, total.rows, total.values)


@dataclass(frozen=True, slots=True)
class Prices:
    """What a row costs, by what is selected of it; the same for every view of the schema.

    `points` by source, `dearest` from a field to the dearest source that keeps it, `expected` rows of lists by field,
    `page_rows` the most people of a page.
    """

    points: Mapping[str, int] = field(default_factory=dict)
    dearest: Mapping[str, str] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    page_rows: int = 1000


def prices_of(catalogue: Catalogue, settings: Settings, public_name: Callable[[str], str]) -> Prices:
    """The prices of a hub; `public_name` says how a coordinate of the catalogue is written in the schema."""
    points = {name: source.points for name, source in settings.sources.items()}
    dearest = {}
    for attribute in catalogue.attributes():
        keeping = [
            name
            for name, source in settings.sources.items()
            if attribute.entity in source.entities and attribute.name in source.entities[attribute.entity].attributes
        ]
        if keeping:
            dearest[public_name(attribute.coordinate)] = max(keeping, key=points.__getitem__)
    expected = {"Household.members": MEMBERS, "Query.organisations": len(settings.organisations), "Query.sources": len(settings.sources)}
    return Prices(points, dearest, expected, settings.hub.limits.page_rows)


FREE = Prices()
"""Every row costs one point."""


def measure(tree: DocumentNode, schema: GraphQLSchema, prices: Prices = FREE) -> Measured:
    """Measure a document that was parsed but not validated: what the schema does not know counts once and no more.

    Raises:
        LimitReached: its selections are nested too deeply to walk.
    """
    return _Pass(schema, prices, tree).measured()


class _Pass:
    """The pass over one document."""

    def __init__(self, schema: GraphQLSchema, prices: Prices, tree: DocumentNode) -> None:
        self.schema = schema
        self.prices = prices
        self.tree = tree
        self.fragments = {each.name.value: each for each in tree.definitions if isinstance(each, FragmentDefinitionNode)}
        self.program = _Program()
        self.known: dict[str, _Part] = {}
        self.open: set[str] = set()
        self.nested = 0

    def measured(self) -> Measured:
        totals: dict[str | None, _Part] = {}
        most = [0] * 6
        for each in self.tree.definitions:
            if isinstance(each, OperationDefinitionNode):
                part = self.selection(each.selection_set, self.schema.get_root_type(each.operation))
                totals[each.name.value if each.name else None] = part
                most = [max(pair) for pair in zip(most, (*part[:5], part.introspected), strict=True)]
                most[4] = max(most[4], part.directives + len(each.directives or ()))
        return Measured(Form(_tokens(self.tree), len(self.fragments), *most), totals, self.program)

    def selection(self, selected: SelectionSetNode | None, parent: GraphQLNamedType | None) -> _Part:
        """The sum of a selection; a circle of fragments counts once, validation names it afterwards."""
        if selected is None:
            return NOTHING
        self.nested += 1
        if self.nested > NESTED:
            raise LimitReached(f"selections are nested deeper than {NESTED}", "ask for fewer levels in one request")
        parts = [self._one(node, parent) for node in selected.selections]
        self.nested -= 1
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return NOTHING
        columns = list(zip(*parts, strict=True))
        fields, roots, aliases, directives, introspected = (sum(column) for column in columns[1:6])
        cost, rows, values = (self.program.sum(column) for column in columns[6:9])
        sources = frozenset[str]().union(*columns[9])
        return _Part(max(columns[0]), fields, roots, aliases, directives, introspected, cost, rows, values, sources)

    def _one(self, node: SelectionNode, parent: GraphQLNamedType | None) -> _Part:
        if isinstance(node, FieldNode):
            part = self._field(node, parent)
        elif isinstance(node, FragmentSpreadNode):
            part = self._spread(node.name.value)
        else:
            assert isinstance(node, InlineFragmentNode)
            target = self.schema.get_type(node.type_condition.name.value) if node.type_condition else parent
            part = self.selection(node.selection_set, target)
        if not node.directives:
            return part
        part = part._replace(directives=part.directives + len(node.directives))
        switch = self._switch(node.directives)
        if switch == 1:
            return part
        times = self.program.times
        return part._replace(cost=times(switch, part.cost), rows=times(switch, part.rows), values=times(switch, part.values))

    def _spread(self, name: str) -> _Part:
        if name in self.open or name not in self.fragments:
            return NOTHING
        if name not in self.known:
            self.open.add(name)
            node = self.fragments[name]
            self.known[name] = self.selection(node.selection_set, self.schema.get_type(node.type_condition.name.value))
            self.open.discard(name)
        return self.known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> _Part:
        name = node.name.value
        definition: GraphQLField | None = getattr(parent, "fields", {}).get(name)
        target = get_named_type(definition.type) if definition else None
        below = self.selection(node.selection_set, target)
        aliases = below.aliases + (node.alias is not None)
        if name.startswith("__"):
            # Introspection repeats one shape many levels deep; graphql-core bounds it by a rule of its own.
            return _Part(0, 1, 1, aliases, below.directives, below.fields, values=1)
        owner = parent.name if parent else ""
        own = self.prices.dearest.get(f"{owner}.{name}")
        sources = frozenset((own,)) if own else frozenset[str]()
        form = (below.depth + 1, below.fields + 1, 1, aliases, below.directives, below.introspected)
        if definition is None or node.selection_set is None:
            return _Part(*form, values=1, sources=sources)
        assert target is not None
        many, times, plus = self._many(node, definition, owner, target.name), self.program.times, self.program.sum
        wrapper = _wraps(target.name)
        points = 0 if wrapper else sum(self.prices.points[each] for each in below.sources) or 1
        return _Part(
            *form,
            times(many, plus((points, below.cost))),
            times(many, plus((0 if wrapper else 1, below.rows))),
            times(many, below.values),
            sources,
        )

    def _many(self, node: FieldNode, definition: GraphQLField, owner: str, target: str) -> Amount:
        """How many objects a field gives: a connection counts its whole page at once, so its nodes count once each."""
        if _wraps(owner) or not (is_list_type(get_nullable_type(definition.type)) or target.endswith("Connection")):
            return 1
        paging = definition.args.get("first")
        if paging is None:
            return self.prices.expected.get(f"{owner}.{node.name.value}", SOME)
        given = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
        # A page of people is refused beyond this; other lists are cut by the hub after they were read.
        most = self.prices.page_rows if owner == "Query" else FIRST
        usual = paging.default_value if isinstance(paging.default_value, int) else SOME
        return self._count(given, usual, most)

    def _count(self, given: ValueNode | None, usual: int, most: int) -> Amount:
        if isinstance(given, VariableNode):
            return self.program.line(f"count(v.get({given.name.value!r}), {usual}, {most})")
        if isinstance(given, IntValueNode):
            return most if len(given.value) > 9 else count(int(given.value), usual, most)
        return min(usual, most)

    def _switch(self, directives: tuple[DirectiveNode, ...]) -> Amount:
        """1 where `@skip` and `@include` let a selection stand, 0 where they do not, or a line that tells them apart."""
        switch: Amount = 1
        for each in directives:
            name = each.name.value
            value = next((argument.value for argument in each.arguments or () if argument.name.value == "if"), None)
            if name not in {"skip", "include"} or value is None:
                continue
            one: Amount = 1
            if isinstance(value, BooleanValueNode):
                one = int(value.value is (name == "include"))
            elif isinstance(value, VariableNode):
                one = self.program.line(f"int(bool(v.get({value.name.value!r})) is {name == 'include'})")
            switch = self.program.times(switch, one)
        return switch


class _Program:
    """The text of the estimating functions, as lines that each name one number."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, tuple[str, ...]]] = []

    def line(self, text: str, *used: str) -> str:
        """Add a line that computes `text` from earlier names; gives its name."""
        self.lines.append((text, used))
        return f"x{len(self.lines) - 1}"

    def sum(self, amounts: tuple[Amount, ...]) -> Amount:
        """The sum of amounts."""
        known = sum(each for each in amounts if isinstance(each, int))
        names = [each for each in amounts if isinstance(each, str)]
        if not names:
            return known
        return names[0] if len(names) == 1 and not known else self.line(" + ".join([*names, *([str(known)] if known else [])]), *names)

    def times(self, one: Amount, other: Amount) -> Amount:
        """The product of two amounts."""
        if isinstance(one, int) and isinstance(other, int):
            return one * other
        if 0 in (one, other):
            return 0
        if 1 in (one, other):
            return other if one == 1 else one
        return self.line(f"{one} * {other}", *(each for each in (one, other) if isinstance(each, str)))

    def function(self, cost: Amount, rows: Amount, values: Amount) -> Estimator:
        """The estimator of these totals, holding only the lines they need."""
        if isinstance(cost, int) and isinstance(rows, int) and isinstance(values, int):
            settled = Estimate(max(cost, 1), rows, values)
            return lambda _: settled
        needed = {each for each in (cost, rows, values) if isinstance(each, str)}
        body = []
        for number in range(len(self.lines) - 1, -1, -1):
            text, used = self.lines[number]
            if f"x{number}" in needed:
                needed.update(used)
                body.append(f"    x{number} = {text}\n")
        text = f"def estimate(v):\n{''.join(reversed(body))}    return Estimate(max({cost}, 1), {rows}, {values})\n"
        space: dict[str, Any] = {"count": count, "Estimate": Estimate}
        exec(compile(text, "<estimate>", "exec"), space)  # noqa: S102 — made from numbers and the names of variables, which are quoted
        made: Estimator = space["estimate"]
        return made


def count(given: Any, usual: int, most: int) -> int:
    """A paging argument as the estimate takes it; what is not a number is refused later and counts as usual."""
    return min(max(given, 0), most) if type(given) is int else min(usual, most)


def hold(estimate: Estimate, limits: Limits) -> None:
    """Let an estimate pass.

    Raises:
        LimitReached: answering it may cost more, or give more values, than these limits allow.
    """
    if estimate.cost > limits.cost:
        raise LimitReached(
            f"the operation is estimated at {estimate.cost} points, and one may cost {limits.cost}",
            "ask for fewer rows: give `first` on every list, or select fewer lists within lists",
        )
    if estimate.values > limits.values:
        raise LimitReached(
            f"the answer is estimated at {estimate.values} values, and one may hold {limits.values}", "ask for fewer rows or fewer fields"
        )


def _wraps(name: str) -> bool:
    return name.endswith(("Connection", "Edge", "PageInfo"))


def _tokens(tree: DocumentNode) -> int:
    number, token = -1, tree.loc.start_token if tree.loc else None
    while token is not None:
        number += token.kind.name != "COMMENT"
        token = token.next
    return max(number - 1, 0)
