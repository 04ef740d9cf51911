"""An organisation's gifts are found by their days, for its reports."""

from __future__ import annotations

from tables.migrations.create import index

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Create the index."""
    index("ix_allocation_organisation_day", "allocation", ["organisation", "allocated_on"])
