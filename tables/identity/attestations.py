"""Attestations as issued: places in status lists, and enough to notice when what they say is no longer so.

Neither what an attestation says nor the key it is bound to stands here, only keyed hashes of both.
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

attestation = sa.Table(
    "attestation",
    metadata,
    sa.Column("list", sa.Integer, primary_key=True, autoincrement=False, comment="number of the status list"),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False, comment="place in it, drawn at random"),
    sa.Column("batch", sa.String(32), nullable=False, index=True, comment="random; what the person manages as one"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("about", sa.Text, comment="sealed: the programme it speaks of, where its type needs one"),
    sa.Column("said", Digest, nullable=False, comment="keyed hash of what it says"),
    sa.Column("holder", Digest, nullable=False, unique=True, comment="keyed hash of the holder's key: none is bound twice"),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("reason", sa.String(16), comment="holder, issuer or outdated"),
    sqlite_with_rowid=False,
)

spent = sa.Table(
    "spent",
    metadata,
    sa.Column("nonce", Digest, primary_key=True, comment="keyed hash of a nonce that was used"),
    sa.Column("claim", sa.String(32), nullable=False, comment="random: which of several at once used it"),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True, comment="when the nonce would have ended anyway"),
    sqlite_with_rowid=False,
)
