"""The hub's first tables: people, links, consents, credentials, cases."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0001"
down_revision = None

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
    "counter",
    tables,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", Number, nullable=False),
)

sa.Table(
    "household",
    tables,
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("blind", Digest, nullable=False, unique=True),
)

sa.Table(
    "person",
    tables,
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number, index=True),
)

sa.Table(
    "identifier",
    tables,
    sa.Column("blind", Digest, primary_key=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("scheme", sa.SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "link",
    tables,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("person", Number, primary_key=True),
    sa.Column("key", sa.String(190), primary_key=True),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Index("ix_link_source_key", "source", "key"),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "own_case",
    tables,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("position", sa.String(190), primary_key=True),
    sa.Column("person", Number, nullable=False),
    sa.Index("ix_own_case_person", "organisation", "person", unique=True),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "linking",
    tables,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("after", sa.Text),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)

sa.Table(
    "consent",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person", Number, nullable=False),
    sa.Column("receiver", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("categories", sa.BigInteger, nullable=False),
    sa.Column("granted_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("withdrawn_at", sa.BigInteger),
    sa.Column("witness", sa.String(64)),
    sa.Column("receipt", sa.LargeBinary, nullable=False),
    sa.Index("ix_consent_person_purpose", "person", "purpose", "receiver", "categories", "ends_at", "withdrawn_at"),
)

sa.Table(
    "credential",
    tables,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("hash", Digest, nullable=False, unique=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("organisation", sa.String(64)),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("person", Number),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
)

sa.Table(
    "case_file",
    tables,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("case_number", sa.String(64), nullable=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("need_score", sa.Float),
    sa.Column("opened_on", sa.String(10), nullable=False),
    sa.UniqueConstraint("organisation", "case_number"),
)

sa.Table(
    "allocation",
    tables,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("programme", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("allocated_on", sa.String(10), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
