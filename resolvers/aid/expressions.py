"""The part of XLSForm's expressions that questionnaires here may use: comparing, choosing, and, or, not, sums.

Read into a tree that nothing but this file walks; nothing is ever run as code. What is not understood is refused when the form is
adopted, not when somebody answers. Source: XLSForm.org, "Form operators and functions"; a subset of XPath 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from math import fmod
from operator import add, eq, ge, gt, le, lt, mul, ne, sub, truediv
from typing import Any, Final

LONGEST: Final = 500
DEEPEST: Final = 20
TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'[^']*'|\"[^\"]*\")|\$\{(?P<name>[A-Za-z_][\w.-]*)\}"
    r"|(?P<word>[A-Za-z][A-Za-z-]*)|(?P<sign><=|>=|!=|[=<>+*(),.-]))"
)
COMPARED: Final = ("=", "!=", "<=", ">=", "<", ">")
ORDERS: Final = dict(zip(COMPARED, (eq, ne, le, ge, lt, gt), strict=True))
SUMS: Final[dict[str, Callable[[float, float], float]]] = {"+": add, "-": sub, "*": mul, "div": truediv, "mod": fmod}
CALLS: Final = {"selected": 2, "count-selected": 1, "not": 1, "true": 0, "false": 0}

Tree = tuple[Any, ...]
Value = str | float | tuple[str, ...] | None
"""Text, a number, what was chosen of several, or nothing."""


@lru_cache(4096)
def parsed(text: str) -> Tree:
    """The tree of an expression.

    Raises:
        ValueError: it is not of the part that is understood.
    """
    if len(text) > LONGEST:
        raise ValueError("the expression is too long")
    reader = _Reader(list(_tokens(text)))
    found = reader.either(0)
    if reader.left:
        raise ValueError("the expression goes on where it should end")
    return found


def names_in(tree: Tree) -> set[str]:
    """The questions an expression speaks of."""
    if tree[0] == "name":
        return {tree[1]}
    return {name for each in tree[1:] if isinstance(each, tuple) for name in names_in(each)}


def holds(text: str, values: Mapping[str, Value], here: Value = None) -> bool:
    """Whether an expression is true of these answers; `here` is the one it stands at."""
    return _truth(_value(parsed(text), values, here))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise ValueError("a sign is not understood")
        yield found.lastgroup, found[found.lastgroup]
        place = found.end()


class _Reader:
    """Recursive descent, as deep as twenty."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens

    def took(self, *wanted: str) -> str | None:
        """The next word or sign, where it is one of these."""
        if self.left and self.left[0][0] in {"word", "sign"} and self.left[0][1] in wanted:
            return self.left.pop(0)[1]
        return None

    def must(self, wanted: str) -> None:
        """Go over what has to stand here."""
        if self.took(wanted) is None:
            raise ValueError(f"{wanted} is missing")

    def either(self, depth: int) -> Tree:
        """One `or` another."""
        found = self.both(depth)
        while self.took("or"):
            found = ("or", found, self.both(depth))
        return found

    def both(self, depth: int) -> Tree:
        """One `and` another."""
        found = self.compared(depth)
        while self.took("and"):
            found = ("and", found, self.compared(depth))
        return found

    def compared(self, depth: int) -> Tree:
        """One beside another."""
        found = self.sum(depth)
        sign = self.took(*COMPARED)
        return found if sign is None else (sign, found, self.sum(depth))

    def sum(self, depth: int) -> Tree:
        """Some added up."""
        found = self.product(depth)
        while sign := self.took("+", "-"):
            found = (sign, found, self.product(depth))
        return found

    def product(self, depth: int) -> Tree:
        """Some multiplied."""
        found = self.one(depth)
        while sign := self.took("*", "div", "mod"):
            found = (sign, found, self.one(depth))
        return found

    def one(self, depth: int) -> Tree:
        """A number, a text, an answer, a call, or something in brackets."""
        if depth > DEEPEST:
            raise ValueError("the expression is too deep")
        if not self.left:
            raise ValueError("the expression ends too soon")
        if self.took("("):
            found = self.either(depth + 1)
            self.must(")")
            return found
        if self.took("-"):
            return ("-", ("number", 0.0), self.one(depth + 1))
        kind, text = self.left.pop(0)
        if kind in {"number", "text", "name"}:
            return (kind, float(text) if kind == "number" else text[1:-1] if kind == "text" else text)
        return ("here",) if text == "." else self.call(text, depth)

    def call(self, text: str, depth: int) -> Tree:
        """A function with what it is given."""
        if text not in CALLS:
            raise ValueError("this function or word is not understood")
        self.must("(")
        given = []
        for place in range(CALLS[text]):
            if place:
                self.must(",")
            given.append(self.either(depth + 1))
        self.must(")")
        return (text, *given)


def _value(tree: Tree, values: Mapping[str, Value], here: Value) -> Any:
    kind = tree[0]
    if kind in {"number", "text"}:
        return tree[1]
    if kind == "name":
        return values.get(tree[1])
    if kind == "here":
        return here
    if kind in {"and", "or"}:
        first = _truth(_value(tree[1], values, here))
        return first if first is (kind == "or") else _truth(_value(tree[2], values, here))
    return _called(kind, [_value(each, values, here) for each in tree[1:]])


def _called(kind: str, given: list[Any]) -> Any:
    if kind in {"true", "false"}:
        return kind == "true"
    if kind == "not":
        return not _truth(given[0])
    if kind in {"selected", "count-selected"}:
        chosen = _chosen(given[0])
        return str(given[1]) in chosen if kind == "selected" else float(len(chosen))
    return _compare(kind, *given) if kind in COMPARED else _counted(kind, given)


def _counted(kind: str, given: list[Any]) -> float | None:
    one, other = _number(given[0]), _number(given[1])
    if one is None or other is None or (kind in {"div", "mod"} and other == 0):
        return None
    return SUMS[kind](one, other)


def _compare(sign: str, one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float) or sign not in {"=", "!="}:
        first, second = _number(one), _number(other)
        if first is None or second is None:
            return sign == "!="
        return bool(ORDERS[sign](first, second))
    same = _text(one) == _text(other)
    return same if sign == "=" else not same


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return float(value)
    try:
        return float(value) if isinstance(value, str | float) and value != "" else None
    except ValueError:
        return None


def _text(value: Any) -> str:
    return "" if value is None else " ".join(value) if isinstance(value, tuple) else str(value)


def _chosen(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else tuple(_text(value).split())


def _truth(value: Any) -> bool:
    return bool(value)
