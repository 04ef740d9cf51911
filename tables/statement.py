"""SQL text for one dialect, written once by SQLAlchemy, and how its values are bound at each run."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import itemgetter
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
class Text:
    """What a dialect makes of a statement, with the order its parameters are given in."""

    sql: str
    order: tuple[str, ...]
    fixed: Mapping[str, Any]
    lists: Mapping[str, Callable[[Iterable[Any]], Any]]
    at_once: str | None = None
    """The same for many value sets in one run, where the database can: each parameter is the list of its values."""


class Statement:
    """A statement whose text is written once, when it is first used: a hub has 600 of them, and most commands run ten."""

    __slots__ = ("_write", "at_once", "fixed", "lists", "order", "sql")

    sql: str
    order: tuple[str, ...]
    fixed: Mapping[str, Any]
    lists: Mapping[str, Callable[[Iterable[Any]], Any]]
    at_once: str | None

    def __init__(self, write: Callable[[], Text]) -> None:
        """Keep how the text is written."""
        self._write: Callable[[], Text] | None = write

    def __getattr__(self, name: str) -> Any:
        """Write the text; only what is not there yet is asked for here."""
        if name not in self.__slots__:
            raise AttributeError(name)
        if (write := self._write) is not None:
            text = write()
            self.sql, self.order, self.fixed, self.lists, self.at_once = text.sql, text.order, text.fixed, text.lists, text.at_once
            self._write = None  # and what it was written from is let go of
        return object.__getattribute__(self, name)

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
        sets = [*many]
        if not self.lists and len(self.order) > 1 and sets and isinstance(sets[0], dict):
            with suppress(KeyError, TypeError):  # some value is fixed, or some set a tuple
                return [*map(itemgetter(*self.order), sets)]
        return [values if isinstance(values, tuple) else self.bind(values) for values in sets]


def compiled(statement: sa.ClauseElement, dialect: sa.Dialect) -> Statement:
    """A SQLAlchemy statement for a dialect."""
    return Statement(lambda: _text(statement, dialect))


def _text(statement: sa.ClauseElement, dialect: sa.Dialect) -> Text:
    text = statement.compile(dialect=dialect)
    assert isinstance(text, SQLCompiler)
    kinds = LISTS["mysql" if dialect.name == "mariadb" else dialect.name]
    order = tuple(text.positiontup or ())
    return Text(
        sql=str(text),
        order=order,
        fixed=dict(text.params),
        lists={each.name: kinds[each.kind] for each in _lists_in(statement)},
        at_once=_inserted_at_once(statement, order, dialect) if isinstance(statement, sa.Insert) else None,
    )


def _inserted_at_once(statement: sa.Insert, order: Sequence[str], dialect: sa.Dialect) -> str | None:
    """PostgreSQL takes a list for each column; a statement that does more than to insert plain values is left as it is."""
    table, plain = statement.table, str(statement.compile(dialect=dialect))
    unknown = [name for name in order if name not in table.c or isinstance(table.c[name].type, sa.types.NullType)]
    if (
        dialect.name != "postgresql"
        or unknown
        or not re.fullmatch(r"INSERT INTO \S+ \([^()]*\) VALUES \([^()]*(\(\d+\)[^()]*)*\)( ON CONFLICT DO NOTHING)?", plain)
    ):
        return None
    kept = " ON CONFLICT DO NOTHING" if plain.endswith("NOTHING") else ""
    head = f"INSERT INTO {_named(table, dialect)} ({_names(order, dialect)})"
    return f"{head} SELECT * FROM {_unnested(table, order, dialect)}{kept}"  # noqa: S608 — names of our own tables and columns


def updating(table: sa.Table, which: Sequence[str], changed: Sequence[str], dialect: sa.Dialect) -> Statement:
    """Set the `changed` columns of the rows named by the `which` columns; a set of values is (*changed, *which).

    On PostgreSQL many are one run. The rows of two sets must differ, and whoever holds them all needs no order among them.
    """
    new = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in changed}
    statement = sa.update(table).values(new).where(*(table.c[name] == sa.bindparam(f"which_{name}") for name in which))
    if dialect.name != "postgresql":
        return compiled(statement, dialect)
    sets = ", ".join(f"{_names([name], dialect)} = given.{_names([name], dialect)}" for name in changed)
    rows = " AND ".join(f"{_named(table, dialect)}.{_names([name], dialect)} = given.{_names([name], dialect)}" for name in which)
    columns = (*changed, *which)
    given = f"{_unnested(table, columns, dialect)} AS given({_names(columns, dialect)})"
    at_once = f"UPDATE {_named(table, dialect)} SET {sets} FROM {given} WHERE {rows}"  # noqa: S608 — as above
    return Statement(lambda: replace(_text(statement, dialect), at_once=at_once))


def _named(table: Any, dialect: sa.Dialect) -> str:
    return dialect.identifier_preparer.format_table(table)


def _names(columns: Iterable[str], dialect: sa.Dialect) -> str:
    return ", ".join(map(dialect.identifier_preparer.quote, columns))


def _unnested(table: Any, columns: Iterable[str], dialect: sa.Dialect) -> str:
    # As TEXT, whose length the column checks; a cast to VARCHAR(n) would cut what is too long.
    types = [table.c[name].type for name in columns]
    kinds = ["TEXT" if isinstance(each, sa.String) else each.compile(dialect=dialect) for each in types]
    return f"unnest({', '.join(f'${place}::{kind}[]' for place, kind in enumerate(kinds, 1))})"


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
