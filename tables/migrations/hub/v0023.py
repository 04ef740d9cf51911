"""Joint decisions."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0023"
down_revision = "0022"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "joint_decision",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("opener", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
)

sa.Table(
    "joint_party",
    tables,
    sa.Column("decision", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Index("ix_joint_party_list", "organisation", "opened_at", "decision"),
    mysql_collate="utf8mb4_bin",
)

sa.Table(
    "joint_person",
    tables,
    sa.Column("decision", Number, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("person", Number, nullable=False),
)

sa.Table(
    "joint_proposal",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("decision", Number, nullable=False, index=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("proposed_by", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("unit", sa.String(16), nullable=False),
    sa.Column("goods", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("programme", Number),
    sa.Column("booked_on", sa.String(10)),
    sa.Column("agreed_by", sa.String(64)),
    sa.Column("agreed_role", sa.String(16)),
    sa.Column("agreed_credential", sa.String(64)),
    sa.Column("allocation", Number),
    sa.Column("fault", sa.String(32)),
    sa.UniqueConstraint("allocation", name="uq_joint_proposal_allocation"),
)

sa.Table(
    "joint_vote",
    tables,
    sa.Column("decision", Number, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("proposal", Number, nullable=False),
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    """Create them."""
    create(tables)
