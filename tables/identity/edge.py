"""How many evaluations each source's side had on each day: the budget, and the account of it."""

from __future__ import annotations

import sqlalchemy as sa

from tables.metadata import metadata

edge_use = sa.Table(
    "edge_use",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True, comment="of the clock in UTC"),
    sa.Column("evaluations", sa.BigInteger, nullable=False),
    sa.Column("batches", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)
