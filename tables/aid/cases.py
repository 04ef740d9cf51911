"""Cases and allocations of organisations that have no system of their own: the `hub` source reads these."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

case_file = sa.Table(
    "case_file",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("case_number", sa.String(64), nullable=False, comment="the organisation's own number"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("need_score", sa.Float, comment="points, 0 to 100"),
    sa.Column("opened_on", sa.String(10), nullable=False),
    sa.UniqueConstraint("organisation", "case_number"),
)

allocation = sa.Table(
    "allocation",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("programme", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False, comment="thousandths of the currency's major unit"),
    sa.Column("currency", sa.String(3), nullable=False, comment="ISO 4217"),
    sa.Column("allocated_on", sa.String(10), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("quantity_milli", sa.BigInteger, comment="thousandths of `unit`, for goods; `amount_minor` is then their value"),
    sa.Column("unit", sa.String(16)),
    sa.Column("programme_id", Number, comment="the programme it was booked under; empty for what was only written down"),
    sa.Column("household", Number, comment="the person's household when it was recorded"),
    sa.Column("recorded_at", sa.BigInteger, comment="seconds since 1970, UTC"),
    sa.Column("corrects", Number, comment="the allocation whose counter-entry this one follows"),
    sa.Index("ix_allocation_organisation_day", "organisation", "allocated_on"),
    sa.Index("ix_allocation_programme_person", "programme_id", "person"),
    sa.Index("ix_allocation_programme_household", "programme_id", "household"),
)
