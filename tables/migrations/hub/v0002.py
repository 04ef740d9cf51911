"""What every change leaves behind: answers to idempotency keys, signed steps, news."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0002"
down_revision = "0001"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "command",
    tables,
    sa.Column("receiver", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("claim", sa.String(32), nullable=False),
    sa.Column("digest", Digest, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "step",
    tables,
    sa.Column("thing", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("act", sa.String(32), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("organisation", sa.String(64)),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("hash", Digest, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "news",
    tables,
    sa.Column("number", Number, primary_key=True),
    sa.Column("topic", sa.String(64), nullable=False),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
