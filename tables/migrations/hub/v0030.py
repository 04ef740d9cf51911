"""Room for the title of a joint decision as it lies sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Widen it; what lies there in plain is read as it is."""
    with op.batch_alter_table("joint_decision") as table:
        table.alter_column("title", existing_type=sa.String(200), type_=sa.Text(), existing_nullable=False)
