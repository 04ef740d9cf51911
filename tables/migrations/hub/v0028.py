"""The paper on which a person agreed to a referral, and until when it holds."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import add, index

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add them."""
    add("referral", sa.Column("document", sa.String(40)), sa.Column("paper_until", sa.BigInteger))
    index("ix_referral_paper_until", "referral", ["paper_until"])
