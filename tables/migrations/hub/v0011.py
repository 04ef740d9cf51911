"""How many references each organisation made for each other on each day."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0011"
down_revision = "0010"

tables = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})

sa.Table(
    "reference_use",
    tables,
    sa.Column("sender", sa.String(64), primary_key=True),
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("made", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    """Create it."""
    create(tables)
