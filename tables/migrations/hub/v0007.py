"""What people's own identities need: enrolments, devices and sessions, and who acts for whom."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0007"
down_revision = "0006"

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
    "enrolment",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("blind", Digest, nullable=False),
    sa.Column("public_key", Digest, nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("person", Number, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("organisation", sa.String(64)),
    sa.Column("papers", sa.Text, nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("score", sa.SmallInteger),
    sa.Column("findings", sa.Text, nullable=False),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
    sa.Column("ready_at", sa.BigInteger),
    sa.Index("ix_enrolment_blind", "blind", "applied_at"),
    sa.Index("ix_enrolment_public_key", "public_key"),
)

sa.Table(
    "holding",
    tables,
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("enrolment", sa.String(32), nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger),
    sa.Column("household", Number),
)

sa.Table(
    "device",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("public_key", Digest, nullable=False, unique=True),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    sa.Column("added_by", sa.String(32)),
    sa.Column("ended_at", sa.BigInteger),
)

sa.Table(
    "session",
    tables,
    sa.Column("credential", sa.String(16), primary_key=True),
    sa.Column("device", sa.String(32), nullable=False, index=True),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
)

sa.Table(
    "answered",
    tables,
    sa.Column("challenge", Digest, primary_key=True),
    sa.Column("claim", sa.String(32), nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
)

sa.Table(
    "guardianship",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("guardian", Number, nullable=False),
    sa.Column("ward", Number, nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("basis", sa.String(16), nullable=False),
    sa.Column("organisation", sa.String(64)),
    sa.Column("source", sa.String(64)),
    sa.Column("acts", sa.Text, nullable=False),
    sa.Column("begun_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index("ix_guardianship_guardian", "guardian", "ward"),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
