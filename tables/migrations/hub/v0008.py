"""Requests for help without a name, their messages, complaints and crowds."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0008"
down_revision = "0007"

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
    "aid_request",
    tables,
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("governorate", sa.String(16), nullable=False),
    sa.Column("district", sa.String(120), nullable=False),
    sa.Column("openness", sa.String(16), nullable=False),
    sa.Column("chosen", sa.String(64), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("assured", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("live", Digest, unique=True),
    sa.Column("helper", sa.String(64), index=True),
    sa.Column("promised_until", sa.BigInteger),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Index("ix_aid_request_state_rank", "state", "rank", "asked_at", "number"),
)

sa.Table(
    "request_message",
    tables,
    sa.Column("request", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("side", sa.String(8), nullable=False),
    sa.Column("helper", sa.String(64), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "request_complaint",
    tables,
    sa.Column("request", Number, primary_key=True, autoincrement=False),
    sa.Column("by", sa.String(64), primary_key=True),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

sa.Table(
    "crowd",
    tables,
    sa.Column("cell", sa.String(190), primary_key=True),
    sa.Column("people", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    """Create them."""
    create(tables)
