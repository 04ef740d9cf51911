"""Organisations that register themselves, their staff and their training."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0012"
down_revision = "0011"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
Sealed = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "organisation",
    tables,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("ar", sa.String(200), nullable=False),
    sa.Column("ckb", sa.String(200)),
    sa.Column("en", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("website", sa.String(200)),
    sa.Column("registration_number", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("evidence", sa.Text),
    sa.Column("second_factor", sa.Boolean, nullable=False),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False, index=True),
)

sa.Table(
    "paper",
    tables,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("content", Sealed, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("organisation", "sha256"),
)

sa.Table(
    "team",
    tables,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("credential", sa.String(16), primary_key=True),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "invitation",
    tables,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("hash", Digest, nullable=False, unique=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("team", sa.String(64)),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger),
)

sa.Table(
    "second_factor",
    tables,
    sa.Column("credential", sa.String(16), primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("confirmed_at", sa.BigInteger),
    sa.Column("proven_until", sa.BigInteger),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("wrong_at", sa.BigInteger),
)

sa.Table(
    "workshop",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("ar", sa.String(200), nullable=False),
    sa.Column("ckb", sa.String(200)),
    sa.Column("en", sa.String(200), nullable=False),
    sa.Column("guide", sa.String(400)),
    sa.Column("governorate", sa.String(8)),
    sa.Column("begins_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("seats", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
)

sa.Table(
    "seat",
    tables,
    sa.Column("workshop", Number, primary_key=True),
    sa.Column("credential", sa.String(16), primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("certificate", sa.Text),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Create them."""
    create(tables)
