"""Identities as their holders keep them: the devices with their public keys, their sessions, and challenges that were used."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

holding = sa.Table(
    "holding",
    metadata,
    sa.Column("person", Number, primary_key=True, autoincrement=False, comment="one blinded identity a person"),
    sa.Column("enrolment", sa.String(32), nullable=False, comment="the application it was given on"),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger, comment="set when its holder closed it"),
    sa.Column("household", Number, comment="kept while it is closed, so that it can be opened again"),
)

device = sa.Table(
    "device",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("name", sa.String(64), nullable=False, comment="what its holder calls it"),
    sa.Column("public_key", Digest, nullable=False, unique=True, comment="Ed25519; the private half never leaves the device"),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    sa.Column("added_by", sa.String(32), comment="the device that let it in; empty where it came by enrolment"),
    sa.Column("ended_at", sa.BigInteger),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("credential", sa.String(16), primary_key=True),
    sa.Column("device", sa.String(32), nullable=False, index=True),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
)

answered = sa.Table(
    "answered",
    metadata,
    sa.Column("challenge", Digest, primary_key=True, comment="hash of a challenge that was answered: nobody answers it again"),
    sa.Column("claim", sa.String(32), nullable=False, comment="random: which of several at once answered it"),
    sa.Column("ends_at", sa.BigInteger, nullable=False, index=True, comment="when it would have ended by itself, and its row may go"),
)
