"""Organisations that registered themselves, their papers, their staff's invitations, teams and second factors, and workshops."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.identity import Digest, Number
from tables.metadata import metadata

Sealed = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

organisation = sa.Table(
    "organisation",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True, comment="its public name in addresses and agreements; never changes"),
    sa.Column("ar", sa.String(200), nullable=False),
    sa.Column("ckb", sa.String(200)),
    sa.Column("en", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("purposes", sa.Text, nullable=False, comment="space-separated: the most its credentials may have"),
    sa.Column("website", sa.String(200)),
    sa.Column("registration_number", sa.String(64), comment="as the official register has it"),
    sa.Column("state", sa.String(16), nullable=False, comment="applied, verified, suspended or refused"),
    sa.Column("version", sa.Integer, nullable=False, comment="grows with every change: what was read before it is stale"),
    sa.Column("evidence", sa.Text, comment="JSON: what the register said when it was last asked"),
    sa.Column("second_factor", sa.Boolean, nullable=False, comment="whether all its staff must prove a second factor"),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False, index=True),
)

paper = sa.Table(
    "paper",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("content", Sealed, nullable=False, comment="sealed"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("organisation", "sha256"),
)

team = sa.Table(
    "team",
    metadata,
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("credential", sa.String(16), primary_key=True, comment="a member; a team without members is none"),
    sqlite_with_rowid=False,
    mysql_collate="utf8mb4_bin",
)

invitation = sa.Table(
    "invitation",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("organisation", sa.String(64), nullable=False, index=True),
    sa.Column("hash", Digest, nullable=False, unique=True, comment="keyed hash of the code, which is shown once"),
    sa.Column("name", sa.String(64), nullable=False, comment="how the record will call the account; not a person's name"),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("purposes", sa.Text, nullable=False),
    sa.Column("team", sa.String(64)),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger),
)

second_factor = sa.Table(
    "second_factor",
    metadata,
    sa.Column("credential", sa.String(16), primary_key=True),
    sa.Column("secret", sa.Text, nullable=False, comment="sealed"),
    sa.Column("confirmed_at", sa.BigInteger),
    sa.Column("proven_until", sa.BigInteger),
    sa.Column("last_step", sa.BigInteger, nullable=False, comment="of time, RFC 6238: no code counts twice"),
    sa.Column("wrong", sa.Integer, nullable=False, comment="wrong codes since the last right one"),
    sa.Column("wrong_at", sa.BigInteger),
)

workshop = sa.Table(
    "workshop",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("organisation", sa.String(64), nullable=False, index=True, comment="who gives it"),
    sa.Column("ar", sa.String(200), nullable=False),
    sa.Column("ckb", sa.String(200)),
    sa.Column("en", sa.String(200), nullable=False),
    sa.Column("guide", sa.String(400), comment="address of its written guide"),
    sa.Column("governorate", sa.String(8), comment="ISO 3166-2; empty for one held at a distance"),
    sa.Column("begins_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("seats", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="announced, held or cancelled"),
)

seat = sa.Table(
    "seat",
    metadata,
    sa.Column("workshop", Number, primary_key=True),
    sa.Column("credential", sa.String(16), primary_key=True, comment="the account that takes part"),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="registered, attended, certified, missed or left"),
    sa.Column("certificate", sa.Text, comment="signed JSON, once certified"),
    sqlite_with_rowid=False,
)
