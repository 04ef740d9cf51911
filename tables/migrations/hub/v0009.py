"""Queues: versioned rules, assessments, places, and what was received elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0009"
down_revision = "0008"

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
    "queue_policy",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("adopted_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation", "need", "version"),
)

sa.Table(
    "assessment",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("person", Number, nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("policy", Number, nullable=False),
    sa.Column("assessed_on", sa.String(10), nullable=False),
    sa.Column("points", sa.Integer, nullable=False),
    sa.Column("answers", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_assessment_organisation_person", "organisation", "person", "need"),
)

sa.Table(
    "nomination",
    tables,
    sa.Column("policy", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number),
    sa.Column("size", sa.SmallInteger, nullable=False),
    sa.Column("order_key", sa.BigInteger, nullable=False),
    sa.Column("arrived", Number, nullable=False),
    sa.Column("arrived_on", sa.Integer, nullable=False),
    sa.Column("points", sa.Integer, nullable=False),
    sa.Column("lift", sa.SmallInteger, nullable=False),
    sa.Index("ix_nomination_order", "policy", "order_key", "arrived", "person"),
    sa.Index("ix_nomination_person", "person"),
    sqlite_with_rowid=False,
)

sa.Table(
    "receipt",
    tables,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("row", Digest, primary_key=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64)),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("given_on", sa.String(10), nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "refreshing",
    tables,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("after", Number, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
