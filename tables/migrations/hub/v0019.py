"""The size of need, and alerts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0019"
down_revision = "0018"

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
    "whereabouts",
    tables,
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("governorate", sa.String(16), nullable=False),
)

sa.Table(
    "census",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("daily", sa.Boolean, nullable=False),
    sa.Column("digest", Digest, nullable=False),
)

sa.Table(
    "census_cell",
    tables,
    sa.Column("census", Number, primary_key=True, autoincrement=False),
    sa.Column("need", sa.String(32), primary_key=True),
    sa.Column("governorate", sa.String(16), primary_key=True),
    sa.Column("band", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("size", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("cases", sa.Integer, nullable=False),
    sa.Column("unserved", sa.Integer, nullable=False),
)

sa.Table(
    "need_alert",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("governorate", sa.String(16)),
    sa.Column("class", sa.String(16)),
    sa.Column("measure", sa.String(16), nullable=False),
    sa.Column("least", sa.Integer, nullable=False),
    sa.Column("raised", sa.Boolean, nullable=False),
    sa.Column("count", sa.Integer),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
