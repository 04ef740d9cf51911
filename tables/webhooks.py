"""Where organisations have news sent, and what was sent: an outbox written with the change itself, emptied in order."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True, comment="random"),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False, comment="sealed: a path may hold a secret"),
    sa.Column("topics", sa.Text, nullable=False, comment="each between spaces"),
    sa.Column("secret", sa.Text, nullable=False, comment="sealed; it signs what is sent"),
    sa.Column("state", sa.String(16), nullable=False, comment="active or suspended"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False, comment="when the oldest waiting delivery is tried next"),
    sa.Column("claim", sa.String(32), comment="random: the process that sends to it just now"),
    sa.Column("claimed_until", sa.BigInteger, nullable=False, comment="then another process may"),
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    metadata,
    sa.Column("number", Number, primary_key=True, comment="the order of sending to one endpoint"),
    sa.Column("webhook", sa.String(32), nullable=False),
    sa.Column("topic", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="JSON of ids and codes, as the news; what is sent is made of it each time"),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, comment="waiting, delivered, dead, or skipped: it concerns the receiver no more"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_at", sa.BigInteger),
    sa.Column("fault", sa.String(16), comment="why the last attempt failed"),
    sa.Column("status", sa.Integer, comment="HTTP status of the last attempt"),
    sa.Index("ix_webhook_delivery_webhook", "webhook", "state", "number"),
)
