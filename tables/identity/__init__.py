"""People as the hub knows them: numbers, blind identifiers, links, own cases, consents, credentials.

Nothing here names anybody: a person is a number, an identifier a keyed hash, a source's key sealed where it is an
identifier itself. Times are whole seconds since 1970 (UTC), so that every driver gives the same value back.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.metadata import metadata

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

Digest = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
"""32 bytes of a keyed hash; MySQL's BLOB cannot be a key, its BINARY can."""

Long = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
"""A text that may be longer than 64 KiB, where MariaDB's own ends."""

counter = sa.Table(
    "counter",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True, comment="person or household"),
    sa.Column("value", Number, nullable=False, comment="the last number given; none is ever given twice"),
)

household = sa.Table(
    "household",
    metadata,
    sa.Column("number", Number, primary_key=True, autoincrement=False),
    sa.Column("blind", Digest, nullable=False, unique=True, comment="keyed hash of source and household key"),
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("number", Number, primary_key=True, autoincrement=False, comment="the hub's inner number; never leaves the hub"),
    sa.Column("household", Number, index=True, comment="the household's inner number, from the registry"),
)

identifier = sa.Table(
    "identifier",
    metadata,
    sa.Column("blind", Digest, primary_key=True, comment="keyed hash of scheme and normalised identifier"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("scheme", sa.SmallInteger, nullable=False, comment="position of the scheme in values.Scheme"),
    sqlite_with_rowid=False,
)

link = sa.Table(
    "link",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("person", Number, primary_key=True),
    sa.Column("key", sa.String(190), primary_key=True, comment="local key; sealed text where it is an identifier"),
    sa.Column("run", sa.Integer, nullable=False, comment="the linking run that last saw it"),
    sa.Index("ix_link_source_key", "source", "key"),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

own_case = sa.Table(
    "own_case",
    metadata,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column(
        "position",
        sa.String(190),
        primary_key=True,
        comment="the organisation's own key, or a keyed hash of it: the order of its case load",
    ),
    sa.Column("person", Number, nullable=False),
    sa.Index("ix_own_case_person", "organisation", "person", unique=True),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

linking = sa.Table(
    "linking",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("after", sa.Text, comment="sealed key of the last row done; empty when the run is complete"),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("counts", sa.Text, nullable=False, comment="JSON: rows, linked, new, conflicts, unreadable"),
    sa.Column("at", sa.BigInteger, nullable=False),
)

consent = sa.Table(
    "consent",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True, comment="random; names the receipt"),
    sa.Column("person", Number, nullable=False),
    sa.Column("receiver", sa.String(64), nullable=False, comment="an organisation, or kind:ngo for a class of them"),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("categories", sa.BigInteger, nullable=False, comment="bits of values.Category, and COUNTED_BIT where `uses` is set"),
    sa.Column("granted_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("withdrawn_at", sa.BigInteger),
    sa.Column("witness", sa.String(64), comment="the organisation that witnessed consent on paper, if any"),
    sa.Column("receipt", sa.LargeBinary, nullable=False, comment="signed receipt"),
    sa.Column("mode", sa.String(8), nullable=False, server_default="view", comment="view, or store for keep_days"),
    sa.Column("keep_days", sa.Integer, comment="how long the receiver may keep what it saw; none where it may only view"),
    sa.Column("uses", sa.Integer, comment="how often it may be used in a period; none for as often as needed"),
    sa.Column("period_days", sa.Integer, comment="the period, counted from the grant; none where `uses` holds for ever"),
    sa.Column("document", sa.String(40), comment="the reference of the paper, where it was given on paper"),
    sa.Column("wished_ends_at", sa.BigInteger, comment="the end the paper names, until the person confirms it"),
    sa.Column("confirmed_at", sa.BigInteger, comment="when the person confirmed what a witness recorded"),
    sa.Column("request", sa.String(32), comment="the request it answers, if one"),
    sa.Column("guardianship", sa.String(32), comment="by which it was given in the person's place, if it was"),
    sa.Index("ix_consent_person_purpose", "person", "purpose", "receiver", "categories", "ends_at", "withdrawn_at", "granted_at"),
)

consent_use = sa.Table(
    "consent_use",
    metadata,
    sa.Column("consent", sa.String(32), primary_key=True),
    sa.Column("period", sa.Integer, primary_key=True, autoincrement=False, comment="0, 1, 2 … since the grant"),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="1 to the consent's `uses`: no two share one"),
    sa.Column("claim", sa.String(32), nullable=False, comment="random: which of several enquiries at once got it"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True, comment="public part of the key"),
    sa.Column("hash", Digest, nullable=False, unique=True, comment="keyed hash of the secret part"),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False, comment="staff, app or person"),
    sa.Column("organisation", sa.String(64)),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("purposes", sa.Text, nullable=False, comment="space-separated; the first is the default"),
    sa.Column("person", Number),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
)
