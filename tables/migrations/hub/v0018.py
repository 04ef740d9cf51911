"""Referrals."""

from __future__ import annotations

import sqlalchemy as sa

from tables.migrations.create import create

revision = "0018"
down_revision = "0017"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "referral",
    tables,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("receiver", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("person", Number, nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sent_at", sa.BigInteger, nullable=False),
    sa.Column("answer_by", sa.BigInteger, nullable=False),
    sa.Column("serve_by", sa.BigInteger),
    sa.Column("agreed_at", sa.BigInteger),
    sa.Column("case_number", sa.String(64)),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False),
    sa.Column("sender_key", sa.Integer, nullable=False),
    sa.Column("sender_box", sa.LargeBinary(104), nullable=False),
    sa.Column("receiver_key", sa.Integer, nullable=False),
    sa.Column("receiver_box", sa.LargeBinary(104), nullable=False),
    sa.Index("ix_referral_sender", "sender", "sent_at", "id"),
    sa.Index("ix_referral_receiver", "receiver", "sent_at", "id"),
    sa.Index("ix_referral_person", "person", "sent_at"),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
