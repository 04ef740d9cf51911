"""Webhooks with their outbox, and requests for consent."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.migrations.create import create

revision = "0013"
down_revision = "0012"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")

tables = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

sa.Table(
    "webhook",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("topics", sa.Text, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False),
    sa.Column("claim", sa.String(32)),
    sa.Column("claimed_until", sa.BigInteger, nullable=False),
)

sa.Table(
    "webhook_delivery",
    tables,
    sa.Column("number", Number, primary_key=True),
    sa.Column("webhook", sa.String(32), nullable=False),
    sa.Column("topic", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_at", sa.BigInteger),
    sa.Column("fault", sa.String(16)),
    sa.Column("status", sa.Integer),
    sa.Index("ix_webhook_delivery_webhook", "webhook", "state", "number"),
)

sa.Table(
    "consent_request",
    tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("person", Number),
    sa.Column("known", sa.Boolean, nullable=False),
    sa.Column("shown", sa.Boolean, nullable=False),
    sa.Column("about", Digest, nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("categories", sa.BigInteger, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("keep_days", sa.Integer),
    sa.Column("uses", sa.Integer),
    sa.Column("period_days", sa.Integer),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("lapses_at", sa.BigInteger, nullable=False),
    sa.Column("answered_at", sa.BigInteger),
    sa.Column("consent", sa.String(32)),
    sa.Index("ix_consent_request_organisation", "organisation", "asked_at"),
    sa.Index("ix_consent_request_person", "person", "asked_at"),
    sa.Index("ix_consent_request_about", "about", "asked_at"),
)


def upgrade() -> None:
    """Create them."""
    create(tables)
