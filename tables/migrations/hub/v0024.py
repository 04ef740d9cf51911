"""Questionnaires that organisations assess by."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0024"
down_revision = "0023"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "questionnaire",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql", "mariadb"), nullable=False),
    sa.Column("adopted_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation", "name", "version"),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
