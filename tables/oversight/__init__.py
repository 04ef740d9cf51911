"""The disclosure record: entries chained by hash, signed heads, and the index by person and the tree, made afterwards.

It lives in a database of its own (`hub.record`), so that recording never waits for other writes and the file can be
kept on other storage.
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number

record = sa.MetaData()

entry = sa.Table(
    "entry",
    record,
    sa.Column("number", Number, primary_key=True, autoincrement=False, comment="1, 2, 3 … without gaps"),
    sa.Column("body", sa.LargeBinary(2**24 - 1), nullable=False, comment="JSON of the disclosure, hashed as it stands"),
    sa.Column("hash", Digest, nullable=False, comment="keyless BLAKE2b of the previous hash and the body"),
)

head = sa.Table(
    "head",
    record,
    sa.Column("number", Number, primary_key=True, autoincrement=False, comment="the entry this head covers up to"),
    sa.Column("at", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("hash", Digest, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False, comment="Ed25519 over number, time and hash"),
    sa.Column("key_version", sa.Integer, nullable=False),
)

entry_person = sa.Table(
    "entry_person",
    record,
    sa.Column("person", Number, primary_key=True),
    sa.Column("block", Number, primary_key=True, comment="a run of entries, some of which concern this person"),
    sqlite_with_rowid=False,
)

mark = sa.Table(
    "mark",
    record,
    sa.Column("name", sa.String(16), primary_key=True, comment="`appending`: the row one appender at a time holds; `indexed`; `tree`"),
    sa.Column("number", Number, nullable=False, comment="indexed, tree: the entries up to this one are in entry_person, in tree_tile"),
)

tree_tile = sa.Table(
    "tree_tile",
    record,
    sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False, comment="0 holds hashes of leaves; each level is 8 higher"),
    sa.Column("place", Number, primary_key=True, autoincrement=False, comment="which run of 256 hashes of its level"),
    sa.Column("hashes", sa.LargeBinary(8192), nullable=False, comment="up to 256 hashes of 32 bytes; only the last of a level has fewer"),
    sqlite_with_rowid=False,
)

tree_head = sa.Table(
    "tree_head",
    record,
    sa.Column("size", Number, primary_key=True, autoincrement=False, comment="leaves: the entries 1 to this one"),
    sa.Column("at", sa.BigInteger, nullable=False, comment="seconds since 1970, UTC"),
    sa.Column("root", Digest, nullable=False),
    sa.Column("checkpoint", sa.Text, nullable=False, comment="the signed text, as monitors read it"),
    sa.Column("key_version", sa.Integer, nullable=False),
)
