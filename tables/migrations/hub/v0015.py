"""What beneficiaries are told and may ask for."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0015"
down_revision = "0014"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "collection",
    tables,
    sa.Column("programme", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("place", sa.String(200), nullable=False),
    sa.Column("hours", sa.String(120)),
    sa.Column("begins_on", sa.String(10), nullable=False),
    sa.Column("ends_on", sa.String(10), nullable=False),
    sa.Column("announced_at", sa.BigInteger, nullable=False),
)

sa.Table(
    "appeal",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("allocation", Number),
    sa.Column("need", sa.String(32)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Column("body", sa.String(64), index=True),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Index("ix_appeal_organisation_state", "organisation", "state"),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
