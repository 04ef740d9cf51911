"""What was learned for an organisation's queue: step functions and a card that says of what, as signed versions that never change."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

suggestion_model = sa.Table(
    "suggestion_model",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, comment="at most one of an organisation and need is"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON: steps and card, never changed and never code"),
    sa.Column("trained_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False, comment="Ed25519 over organisation, need, version and body"),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation", "need", "version"),
)
