"""What every change of the hub's own tables leaves behind: the answer to its idempotency key, its steps, its news."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Long, Number
from tables.metadata import metadata

command = sa.Table(
    "command",
    metadata,
    sa.Column("receiver", sa.String(64), primary_key=True, comment="whose key it is: keys of two requesters never meet"),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True, comment="the idempotency key as it was given"),
    sa.Column("claim", sa.String(32), nullable=False, comment="random: which of several at once does the work"),
    sa.Column("digest", Digest, nullable=False, comment="keyed hash of what was asked: the same key never means two things"),
    sa.Column("answer", Long, comment="sealed JSON of what was answered"),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

step = sa.Table(
    "step",
    metadata,
    sa.Column("thing", sa.String(64), primary_key=True, comment="kind and id of what changed, as `aid_request:17`"),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … without gaps"),
    sa.Column("at", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("act", sa.String(32), nullable=False, comment="what was done: a verb"),
    sa.Column("state", sa.String(32), nullable=False, comment="the state it led to"),
    sa.Column("organisation", sa.String(64), comment="who did it, where it was not a person"),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, comment="sealed: why, where a reason is given"),
    sa.Column("hash", Digest, nullable=False, comment="keyless BLAKE2b of the previous step's hash and this step"),
    sa.Column("signature", sa.LargeBinary(64), nullable=False, comment="Ed25519 over the hash"),
    sa.Column("key_version", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

news = sa.Table(
    "news",
    metadata,
    sa.Column("number", Number, primary_key=True, comment="in the order of storing; news are told from here, not before"),
    sa.Column("topic", sa.String(64), nullable=False),
    sa.Column("key", sa.String(64), nullable=False, comment="whom it concerns: an organisation, a person number"),
    sa.Column("body", sa.Text, nullable=False, comment="JSON of ids and codes; never a value about a person"),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("origin", sa.String(16), comment="random: the process that told its own watchers already"),
)
