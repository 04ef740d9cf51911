"""What followed a case that became one with another: a row for each, instead of lists within the merge."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from tables.migrations.create import create

revision = "0026"
down_revision = "0025"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})

row = sa.Table(
    "case_merge_row",
    tables,
    sa.Column("case_merge", Number, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

merge = sa.table("case_merge", sa.column("id"), sa.column("merged"), sa.column("state"), sa.column("body"))

LISTS = {"allocations": "allocation", "assessments": "assessment", "cases": "case", "carried": "carried", "carried_new": "taken"}
"""What the lists were called, and what their rows are noted as."""


def upgrade() -> None:
    """Create it, and note what followed until now."""
    create(tables)
    bind = op.get_bind()
    bind.execute(sa.delete(row))  # a killed upgrade may have left some
    for number, goes, stored in bind.execute(sa.select(merge.c.id, merge.c.merged, merge.c.body)).all():
        body = json.loads(stored)
        found = [(kind, goes, each) for name, kind in LISTS.items() for each in body.get(name, ())]
        found += [("dropped", whose, which) for whose, which in body.get("dropped", ())]
        if found:
            rows = [{"case_merge": number, "kind": kind, "person": whose, "number": which} for kind, whose, which in found]
            bind.execute(sa.insert(row), rows)
