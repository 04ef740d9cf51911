"""Messages between organisations: keys, threads, and parts that the hub cannot read."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

message_key = sa.Table(
    "message_key",
    metadata,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 …: the highest that stands is used"),
    sa.Column("public", Digest, nullable=False, comment="X25519; its secret half never reaches the hub"),
    sa.Column("signing", Digest, nullable=False, comment="Ed25519, by which the organisation signs its keys"),
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("continues", sa.Boolean, nullable=False, comment="whether the signing key is that of the version before, or endorsed by it"),
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("until_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

thread = sa.Table(
    "thread",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("opened_by", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False, comment="it exists under this purpose alone"),
    sa.Column("last", sa.Integer, nullable=False, comment="the number of its last message"),
    sa.Column("last_at", sa.BigInteger, nullable=False),
)

thread_party = sa.Table(
    "thread_party",
    metadata,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("reference", sa.Text, comment="the person it is about, sealed for this party alone"),
    sa.Column("read_upto", sa.Integer, nullable=False, comment="the number of the last message it has read"),
    sa.Column("last_at", sa.BigInteger, nullable=False, comment="as in thread: the order of its inbox"),
    sa.Index("ix_thread_party_inbox", "organisation", "last_at", "thread"),
    mysql_collate="utf8mb4_bin",
)

message = sa.Table(
    "message",
    metadata,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("sender_key", sa.Integer, nullable=False, comment="the version of the sender's key it was boxed with"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_message_sender", "sender", "at"),
)

message_box = sa.Table(
    "message_box",
    metadata,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False, comment="of the organisation's key"),
    sa.Column("box", sa.LargeBinary(104), nullable=False, comment="the key of the parts, boxed for this party"),
    mysql_collate="utf8mb4_bin",
)

message_part = sa.Table(
    "message_part",
    metadata,
    sa.Column("thread", Number, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False, comment="0 is the content, then the attachments"),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False, comment="what the hub cannot read, of one of few sizes"),
)
