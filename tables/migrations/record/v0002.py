"""A Merkle tree over the record's entries: tiles of hashes, signed tree heads."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0002"
down_revision = "0001"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData()

sa.Table(
    "tree_tile",
    tables,
    sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("place", Number, primary_key=True, autoincrement=False),
    sa.Column("hashes", sa.LargeBinary(8192), nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "tree_head",
    tables,
    sa.Column("size", Number, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("root", Digest, nullable=False),
    sa.Column("checkpoint", sa.Text, nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
