"""Surveys from one organisation to others, with answers that bear a name or none."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.identity import Number
from tables.metadata import metadata

Sealed = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")

survey = sa.Table(
    "survey",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("ar", sa.String(200), nullable=False),
    sa.Column("ckb", sa.String(200)),
    sa.Column("en", sa.String(200), nullable=False),
    sa.Column("anonymous", sa.Boolean, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False, comment="whether those who were asked read the results too"),
    sa.Column("questions", Sealed, nullable=False, comment="JSON"),
    sa.Column("state", sa.String(16), nullable=False, comment="open or closed"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sent_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
    sa.Column("pool", Sealed, comment="sealed: all answers without a name, in an order drawn anew with each"),
    sa.Index("ix_survey_sender", "sender", "sent_at", "id"),
)

survey_party = sa.Table(
    "survey_party",
    metadata,
    sa.Column("survey", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("answered", sa.Boolean, nullable=False, comment="that it did; what stands elsewhere, and not in this order"),
    sa.Index("ix_survey_party_organisation", "organisation", "survey"),
    mysql_collate="utf8mb4_bin",
)

survey_answer = sa.Table(
    "survey_answer",
    metadata,
    sa.Column("survey", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("content", Sealed, nullable=False, comment="sealed JSON, of a survey with names alone"),
    mysql_collate="utf8mb4_bin",
)
