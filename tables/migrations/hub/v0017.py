"""Messages between organisations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0017"
down_revision = "0016"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "message_key",
    tables,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public", Digest, nullable=False),
    sa.Column("signing", Digest, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("continues", sa.Boolean, nullable=False),
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("until_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "thread",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("opened_by", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("last", sa.Integer, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
)

sa.Table(
    "thread_party",
    tables,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("reference", sa.Text),
    sa.Column("read_upto", sa.Integer, nullable=False),
    sa.Column("last_at", sa.BigInteger, nullable=False),
    sa.Index("ix_thread_party_inbox", "organisation", "last_at", "thread"),
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "message",
    tables,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("sender_key", sa.Integer, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_message_sender", "sender", "at"),
)

sa.Table(
    "message_box",
    tables,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("box", sa.LargeBinary(104), nullable=False),
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "message_part",
    tables,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
