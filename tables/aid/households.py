"""Households that organisations keep in the hub: who lives there, since when, where, and what counts on after they part."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

household_file = sa.Table(
    "household_file",
    metadata,
    sa.Column("household", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False, comment="who registered it; nobody else changes it"),
    sa.Column("head", Number, comment="the member who speaks for it; none once it has ended"),
    sa.Column("state", sa.String(16), nullable=False, comment="registered or ended"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_household_file_organisation", "organisation", "household"),
)

membership = sa.Table(
    "membership",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number, nullable=False, index=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("relation", sa.String(16), nullable=False, comment="to the head"),
    sa.Column("joined_on", sa.String(10), nullable=False),
    sa.Column("left_on", sa.String(10), comment="empty for who lives there"),
    sa.Column("cause", sa.String(16), comment="why it ended"),
)

residence = sa.Table(
    "residence",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number, nullable=False, index=True),
    sa.Column("moved_on", sa.String(10), nullable=False),
    sa.Column("governorate", sa.String(8), nullable=False, comment="ISO 3166-2"),
    sa.Column("place", sa.Text, comment="sealed for the organisation"),
)

carried = sa.Table(
    "carried",
    metadata,
    sa.Column("person", Number, primary_key=True, autoincrement=False, comment="for whose household it counts on"),
    sa.Column("allocation", Number, primary_key=True, autoincrement=False, comment="given to somebody it lived with then"),
    sa.Index("ix_carried_allocation", "allocation"),
    sqlite_with_rowid=False,
)
