"""Surveys between organisations."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0020"
down_revision = "0019"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

Sealed = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "survey",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("ar", sa.String(200), nullable=False),
    sa.Column("ckb", sa.String(200)),
    sa.Column("en", sa.String(200), nullable=False),
    sa.Column("anonymous", sa.Boolean, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("questions", Sealed, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sent_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("pool", Sealed),
    sa.Index("ix_survey_sender", "sender", "sent_at", "id"),
)

sa.Table(
    "survey_party",
    tables,
    sa.Column("survey", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("answered", sa.Boolean, nullable=False),
    sa.Index("ix_survey_party_organisation", "organisation", "survey"),
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "survey_answer",
    tables,
    sa.Column("survey", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("content", Sealed, nullable=False),
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    """Create them."""
    create(tables)
