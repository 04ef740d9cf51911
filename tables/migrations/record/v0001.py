"""The disclosure record's first tables: entries, heads, the index by person."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0001"
down_revision = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData()

sa.Table(
    "entry",
    tables,
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("body", sa.LargeBinary(2**24 - 1), nullable=False),
    sa.Column("hash", Digest, nullable=False),
)

sa.Table(
    "head",
    tables,
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("hash", Digest, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
)

sa.Table(
    "entry_person",
    tables,
    sa.Column("person", Number, primary_key=True),
    sa.Column("block", Number, primary_key=True),
    sqlite_with_rowid=False,
)

sa.Table(
    "mark",
    tables,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("number", Number, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
