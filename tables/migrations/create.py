"""Creating the tables of a step so that a step killed half-way can be run again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op


def create(tables: sa.MetaData) -> None:
    """Create what is missing of these tables and their indexes.

    MariaDB commits each statement that changes a table, so a killed upgrade leaves some of them behind.
    """
    bind = op.get_bind()
    for table in tables.sorted_tables:
        table.create(bind, checkfirst=True)
        for index in table.indexes:
            index.create(bind, checkfirst=True)


def add(table: str, *columns: sa.Column[Any]) -> None:
    """Add the columns that a table lacks, for the same reason."""
    present = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in present:
            op.add_column(table, column)


def index(name: str, table: str, columns: list[str]) -> None:
    """Add an index that a table lacks, for the same reason."""
    if name not in {each["name"] for each in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns)
