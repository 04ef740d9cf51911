"""How many references each organisation made for each other on each day."""

from __future__ import annotations

import sqlalchemy as sa

from tables.metadata import metadata

reference_use = sa.Table(
    "reference_use",
    metadata,
    sa.Column("sender", sa.String(64), primary_key=True),
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True, comment="of the clock in UTC"),
    sa.Column("made", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)
