"""Questionnaires that organisations assess by: signed versions that never change."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tables.identity import Number
from tables.metadata import metadata

questionnaire = sa.Table(
    "questionnaire",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql", "mariadb"), nullable=False, comment="JSON: title and questions"),
    sa.Column("adopted_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False, comment="Ed25519 over organisation, name, version and body"),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation", "name", "version"),
)
