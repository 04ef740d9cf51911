"""Attestations as issued, and the nonces that were used."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0004"
down_revision = "0003"

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
    "attestation",
    tables,
    sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("batch", sa.String(32), nullable=False, index=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("about", sa.Text),
    sa.Column("said", Digest, nullable=False),
    sa.Column("holder", Digest, nullable=False, unique=True),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("reason", sa.String(16)),
    sqlite_with_rowid=False,
)

sa.Table(
    "spent",
    tables,
    sa.Column("nonce", Digest, primary_key=True),
    sa.Column("claim", sa.String(32), nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Create them."""
    create(tables)
