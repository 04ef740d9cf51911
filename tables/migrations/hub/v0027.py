"""When a person was told of glass and of an opening, and what an opened identity was opened by."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

from tables.migrations.create import add, index

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add them; whoever may read of it already is told nothing anew."""
    for name in ("glass", "opening"):
        add(name, sa.Column("heard_at", sa.BigInteger))
        index(f"ix_{name}_heard_at", name, ["heard_at", "told_at"])
        table = sa.table(name, sa.column("heard_at"), sa.column("told_at"))
        op.execute(sa.update(table).where(table.c.told_at <= int(time.time())).values(heard_at=table.c.told_at))
    add("opening", sa.Column("opened_by", sa.String(64)))
    index("ix_opening_opened_by", "opening", ["opened_by"])
