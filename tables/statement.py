"""SQL text for one dialect, written once by SQLAlchemy, and how its values are bound at each run."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Row = tuple[Any, ...]


class among(sa.ColumnElement[bool]):  # noqa: N801 — reads as an operator in a where clause
    """`column IN (the list bound to name)`, as one parameter, so that the text never depends on the rows.

    SQLite reads the list from memory (its carray extension), PostgreSQL as an array; MariaDB's driver writes it into
    the text, where the column's own collation and index apply to it.
    """

    inherit_cache = False

    def __init__(self, column: sa.ColumnElement[Any], name: str, kind: str = "text") -> None:
        """`kind` is `text`, `whole` or `blob`: what the list holds."""
        self.column = column
        self.kind = kind
        self.list = sa.bindparam(name, type_=sa.Text)
        self.name = name


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} IN carray({compiler.process(element.list, **kw)})"


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    kind = {"text": "TEXT", "whole": "BIGINT", "blob": "BYTEA"}[element.kind]
    bound = compiler.process(element.list, **kw).replace("::VARCHAR", "").replace("::TEXT", "")
    return f"{compiler.process(element.column, **kw)} = ANY({bound}::{kind}[])"


@compiles(among, "mysql")
@compiles(among, "mariadb")
def _among_mysql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} IN {compiler.process(element.list, **kw)}"


class ordinal_of(sa.ColumnElement[int]):  # noqa: N801 — reads as a function of a column
    """A day kept as ISO 8601 text, as Python counts days: 0001-01-01 is 1."""

    inherit_cache = False
    type = sa.Integer()

    def __init__(self, column: sa.ColumnElement[Any]) -> None:
        """The column holds such a day."""
        self.column = column

    @property
    def _from_objects(self) -> list[Any]:
        return list(self.column._from_objects)  # noqa: SLF001 — SQLAlchemy gives no public way to say it


@compiles(ordinal_of, "sqlite")
def _ordinal_sqlite(element: ordinal_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(julianday({compiler.process(element.column, **kw)}) - 1721424.5 AS INTEGER)"


@compiles(ordinal_of, "postgresql")
def _ordinal_postgresql(element: ordinal_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(CAST({compiler.process(element.column, **kw)} AS DATE) - DATE '0001-01-01' + 1)"


@compiles(ordinal_of, "mysql")
@compiles(ordinal_of, "mariadb")
def _ordinal_mysql(element: ordinal_of, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(TO_DAYS({compiler.process(element.column, **kw)}) - 365)"


def _sqlite_texts(values: Iterable[Any]) -> Any:
    listed = tuple(values)
    return apsw.carray(listed) if listed else None


def _sqlite_wholes(values: Iterable[Any]) -> Any:
    listed = array("q", values)
    return apsw.carray(listed) if listed else None


LISTS: dict[str, dict[str, Callable[[Iterable[Any]], Any]]] = {
    "sqlite": {"text": _sqlite_texts, "blob": _sqlite_texts, "whole": _sqlite_wholes},
    "postgresql": dict.fromkeys(("text", "blob", "whole"), list),
    "mysql": dict.fromkeys(("text", "blob", "whole"), lambda values: list(values) or [None]),
}
"""How a list of each kind is handed to each dialect's driver; an empty one matches nothing."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text for one dialect, with the order its parameters are given in."""

    sql: str
    order: tuple[str, ...]
    fixed: Mapping[str, Any]
    lists: Mapping[str, Callable[[Iterable[Any]], Any]]

    def bind(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Put named values into the driver's order; a list becomes what this dialect reads as one."""
        bound = []
        for name in self.order:
            value = values[name] if name in values else self.fixed[name]
            if name in self.lists:
                value = self.lists[name](value)
            bound.append(value)
        return tuple(bound)

    def bind_many(self, many: Iterable[Mapping[str, Any] | Row]) -> list[Row]:
        """Bind value sets; tuples are taken as they stand, since naming every value costs more than storing it."""
        return [values if isinstance(values, tuple) else self.bind(values) for values in many]


def compiled(statement: sa.ClauseElement, dialect: sa.Dialect) -> Statement:
    """Write the text of a SQLAlchemy statement for a dialect."""
    text = statement.compile(dialect=dialect)
    assert isinstance(text, SQLCompiler)
    kinds = LISTS["mysql" if dialect.name == "mariadb" else dialect.name]
    return Statement(
        sql=str(text),
        order=tuple(text.positiontup or ()),
        fixed=dict(text.params),
        lists={each.name: kinds[each.kind] for each in _lists_in(statement)},
    )


def _lists_in(statement: sa.ClauseElement) -> Sequence[among]:
    found: list[among] = []
    seen: set[int] = set()
    waiting: list[Any] = [statement]
    while waiting:
        element = waiting.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        if isinstance(element, among):
            found.append(element)
        else:
            waiting.extend(element.get_children())
    return found


def insert_missing(table: sa.Table, dialect: str) -> sa.Insert:
    """Insert what is not there yet; a row with a key that is stays as it was."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        return sa.insert(table).prefix_with("OR IGNORE")
    first = next(iter(table.primary_key))  # setting it to itself changes nothing, and unlike IGNORE neither warns nor hides other faults
    return mysql.insert(table).on_duplicate_key_update({first.name: first})
