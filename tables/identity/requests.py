"""Requests for help without a name, what both sides wrote, complaints, and how large the crowds are that assurances hide in.

What a person wrote, and what is assured of it, is sealed; kind of need, urgency and place stand in plain, because helpers look for them.
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

aid_request = sa.Table(
    "aid_request",
    metadata,
    sa.Column("number", Number, primary_key=True, autoincrement=False, comment="random: its order says nothing"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("rank", sa.SmallInteger, nullable=False, comment="urgency: 0 urgent, 1 temporary, 2 lasting"),
    sa.Column("governorate", sa.String(16), nullable=False, comment="ISO 3166-2; empty where the person does not say"),
    sa.Column("district", sa.String(120), nullable=False, comment="empty where the person does not say"),
    sa.Column("openness", sa.String(16), nullable=False, comment="anyone, organisations or chosen"),
    sa.Column("chosen", sa.String(64), nullable=False, comment="the one organisation that may see it, or empty"),
    sa.Column("words", sa.Text, nullable=False, comment="sealed: what the person wrote"),
    sa.Column("assured", sa.Text, nullable=False, comment="sealed JSON: what is assured of the person, coarsened"),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("live", Digest, unique=True, comment="keyed hash of person and need while it stands, so that none asks twice"),
    sa.Column("helper", sa.String(64), index=True, comment="the organisation that promised"),
    sa.Column("promised_until", sa.BigInteger),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Index("ix_aid_request_state_rank", "state", "rank", "asked_at", "number"),
)

request_message = sa.Table(
    "request_message",
    metadata,
    sa.Column("request", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("side", sa.String(8), nullable=False, comment="person or helper"),
    sa.Column("helper", sa.String(64), nullable=False, comment="the organisation spoken with"),
    sa.Column("words", sa.Text, nullable=False, comment="sealed"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

request_complaint = sa.Table(
    "request_complaint",
    metadata,
    sa.Column("request", Number, primary_key=True, autoincrement=False),
    sa.Column("by", sa.String(64), primary_key=True, comment="the organisation that reports abuse; empty for the person's own complaint"),
    sa.Column("words", sa.Text, nullable=False, comment="sealed"),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

crowd = sa.Table(
    "crowd",
    metadata,
    sa.Column("cell", sa.String(190), primary_key=True, comment="place, need class and household band, as far as said"),
    sa.Column("people", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)
