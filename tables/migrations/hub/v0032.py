"""Files of cases that come in parts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0032"
down_revision = "0031"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG = sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql", "mariadb")

tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "cases_upload",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("received_bytes", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("rows_done", sa.Integer, nullable=False),
    sa.Column("rows_total", sa.Integer, nullable=False),
    sa.Column("result", LONG),
    sa.Column("opened_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)

sa.Table(
    "cases_upload_part",
    tables,
    sa.Column("upload", Number, primary_key=True, autoincrement=False),
    sa.Column("begins", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("content", LONG, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
