"""What is learned for queues: versions of step functions, each with its card and signature."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0025"
down_revision = "0024"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData(naming_convention={"uq": "uq_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "suggestion_model",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("trained_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation", "need", "version"),
)


def upgrade() -> None:
    """Create it."""
    create(tables)
