"""Consents given in a person's place say by which guardianship."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import add

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column."""
    add("consent", sa.Column("guardianship", sa.String(32)))
