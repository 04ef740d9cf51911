"""What inspectors do, and reports of wrongdoing."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0014"
down_revision = "0013"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sa.Table(
    "hiding",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("body", sa.String(64), nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("ordered_at", sa.BigInteger, nullable=False),
)

sa.Table(
    "complaint",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("entry", Number, nullable=False),
    sa.Column("body", sa.String(64), nullable=False, index=True),
    sa.Column("revealed", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("person", "entry"),
)

sa.Table(
    "glass",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("officer", sa.String(64), nullable=False),
    sa.Column("categories", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("told_at", sa.BigInteger, nullable=False),
    sa.Column("delay", sa.Text),
    sa.Column("notified", sa.String(64), nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("reviewed_at", sa.BigInteger),
    sa.Index("ix_glass_organisation_ends_at", "organisation", "ends_at"),
    sa.Index("ix_glass_person", "person"),
)

sa.Table(
    "opening",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("officer", sa.String(64), nullable=False),
    sa.Column("extreme", sa.Boolean, nullable=False),
    sa.Column("body", sa.String(64)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("delay", sa.Text),
    sa.Column("told_at", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("hours", sa.Integer, nullable=False),
    sa.Index("ix_opening_organisation", "organisation", "state"),
)

sa.Table(
    "reporting_key",
    tables,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("body", sa.String(64), nullable=False, index=True),
    sa.Column("public", Digest, nullable=False),
    sa.Column("from_at", sa.BigInteger, nullable=False),
    sa.Column("until_at", sa.BigInteger, nullable=False),
)

sa.Table(
    "report",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("code", Digest, nullable=False, unique=True),
    sa.Column("body", sa.String(64), nullable=False, index=True),
    sa.Column("key", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("officer", sa.String(64)),
)

sa.Table(
    "report_message",
    tables,
    sa.Column("report", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("by_body", sa.Boolean, nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
