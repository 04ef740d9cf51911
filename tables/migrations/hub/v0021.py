"""Particulars of cases, the hashes duplicates are looked for by, and cases made one."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0021"
down_revision = "0020"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "case_particulars",
    tables,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "case_block",
    tables,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("block", Digest, primary_key=True),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Index("ix_case_block_person", "organisation", "person"),
    sqlite_with_rowid=False,
)

sa.Table(
    "case_merge",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("kept", Number, nullable=False),
    sa.Column("merged", Number, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
