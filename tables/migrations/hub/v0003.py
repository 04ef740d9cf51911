"""Consents say mode, data life, frequency and paper; uses are counted; news say which process told them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tables.migrations.create import add, create

revision = "0003"
down_revision = "0002"

INDEX = "ix_consent_person_purpose"
COVERED = ("person", "purpose", "receiver", "categories", "ends_at", "withdrawn_at", "granted_at")

tables = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})

sa.Table(
    "consent_use",
    tables,
    sa.Column("consent", sa.String(32), primary_key=True),
    sa.Column("period", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("claim", sa.String(32), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Add the columns, widen the index that consents are decided by, and create what is new."""
    add(
        "consent",
        sa.Column("mode", sa.String(8), nullable=False, server_default="view"),
        sa.Column("keep_days", sa.Integer),
        sa.Column("uses", sa.Integer),
        sa.Column("period_days", sa.Integer),
        sa.Column("document", sa.String(40)),
        sa.Column("wished_ends_at", sa.BigInteger),
        sa.Column("confirmed_at", sa.BigInteger),
        sa.Column("request", sa.String(32)),
    )
    add("news", sa.Column("origin", sa.String(16)))
    found = {each["name"]: each["column_names"] for each in sa.inspect(op.get_bind()).get_indexes("consent")}
    if INDEX in found and tuple(found[INDEX]) != COVERED:
        op.drop_index(INDEX, "consent")
        del found[INDEX]
    if INDEX not in found:
        op.create_index(INDEX, "consent", COVERED)
    create(tables)
