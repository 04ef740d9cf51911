"""Households kept by organisations: members, heads, places, and what counts on after they part."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0016"
down_revision = "0015"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "household_file",
    tables,
    sa.Column("household", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("head", Number),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_household_file_organisation", "organisation", "household"),
)

sa.Table(
    "membership",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number, nullable=False, index=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("relation", sa.String(16), nullable=False),
    sa.Column("joined_on", sa.String(10), nullable=False),
    sa.Column("left_on", sa.String(10)),
    sa.Column("cause", sa.String(16)),
)

sa.Table(
    "residence",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number, nullable=False, index=True),
    sa.Column("moved_on", sa.String(10), nullable=False),
    sa.Column("governorate", sa.String(8), nullable=False),
    sa.Column("place", sa.Text),
)

sa.Table(
    "carried",
    tables,
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("allocation", Number, primary_key=True, autoincrement=False),
    sa.Index("ix_carried_allocation", "allocation"),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Create them."""
    create(tables)
