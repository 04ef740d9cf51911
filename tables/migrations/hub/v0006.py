"""How many evaluations each source's side had on each day."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0006"
down_revision = "0005"

tables = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})

sa.Table(
    "edge_use",
    tables,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("evaluations", sa.BigInteger, nullable=False),
    sa.Column("batches", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    """Create it."""
    create(tables)
