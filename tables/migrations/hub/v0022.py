"""Identities that wait for a code."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0022"
down_revision = "0021"

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
    "unconfirmed",
    tables,
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("code", Digest),
    sa.Column("made_at", sa.BigInteger),
    sa.Column("ends_at", sa.BigInteger),
    sa.Column("wrong", sa.SmallInteger, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
