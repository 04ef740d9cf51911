"""Reports of wrongdoing as they arrive: sealed before they reach the hub, without sender, device or time of day."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

reporting_key = sa.Table(
    "reporting_key",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True, comment="the key's fingerprint"),
    sa.Column("body", sa.String(64), nullable=False, index=True),
    sa.Column("public", Digest, nullable=False, comment="Curve25519; its secret half never reaches the hub"),
    sa.Column("from_at", sa.BigInteger, nullable=False),
    sa.Column("until_at", sa.BigInteger, nullable=False),
)

report = sa.Table(
    "report",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random, so that it tells no order"),
    sa.Column("code", Digest, nullable=False, unique=True, comment="hash of the receipt code, which only the reporter has"),
    sa.Column("body", sa.String(64), nullable=False, index=True),
    sa.Column("key", sa.String(16), nullable=False, comment="the key it is sealed to"),
    sa.Column("kind", sa.String(32), nullable=False, comment="what it is about, for the counts: the reporter's choice of a closed list"),
    sa.Column("day", sa.String(10), nullable=False, comment="never a time of day"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("officer", sa.String(64), comment="the credential that took it"),
)

report_message = sa.Table(
    "report_message",
    metadata,
    sa.Column("report", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("by_body", sa.Boolean, nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False, comment="what the hub cannot read, of one of few sizes"),
)
