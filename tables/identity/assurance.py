"""Identities that were enrolled by knowledge alone, and the one-time codes by which they are confirmed."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

unconfirmed = sa.Table(
    "unconfirmed",
    metadata,
    sa.Column("person", Number, primary_key=True, autoincrement=False, comment="whose identity waits; a confirmed one has no row"),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("code", Digest, comment="keyed hash of the code that was handed over, if one was"),
    sa.Column("made_at", sa.BigInteger),
    sa.Column("ends_at", sa.BigInteger),
    sa.Column("wrong", sa.SmallInteger, nullable=False, comment="how many times another code was entered"),
)
