"""Who is next: assessments, the places of a queue, what moves them, and the versioned rules by which they are counted.

A place's `order_key` does not change as time goes by: it moves only when something happens to the person, so that the first
fifty of a million are the first fifty entries of an index (docs/decisions/0029-queue.md).
"""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Long, Number
from tables.metadata import metadata

queue_policy = sa.Table(
    "queue_policy",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, comment="one of an organisation and need is; the others are kept for the record"),
    sa.Column("body", Long, nullable=False, comment="JSON: score set and knobs, never changed"),
    sa.Column("adopted_at", sa.BigInteger, nullable=False),
    sa.Column("signature", sa.LargeBinary(64), nullable=False, comment="Ed25519 over organisation, need, version and body"),
    sa.Column("key_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("organisation", "need", "version"),
)

assessment = sa.Table(
    "assessment",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("person", Number, nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("policy", Number, nullable=False, comment="the score set it was counted by"),
    sa.Column("assessed_on", sa.String(10), nullable=False),
    sa.Column("points", sa.Integer, nullable=False, comment="thousandths of a point, 0 to 100 points"),
    sa.Column("answers", Long, nullable=False, comment="sealed JSON: they may speak of health"),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Index("ix_assessment_organisation_person", "organisation", "person", "need"),
)

nomination = sa.Table(
    "nomination",
    metadata,
    sa.Column("policy", Number, primary_key=True, autoincrement=False),
    sa.Column("person", Number, primary_key=True, autoincrement=False),
    sa.Column("household", Number, comment="whose receipts count as well, for needs that are shared"),
    sa.Column("size", sa.SmallInteger, nullable=False, comment="members of the household"),
    sa.Column("order_key", sa.BigInteger, nullable=False, comment="smallest first"),
    sa.Column("arrived", Number, nullable=False, comment="the first assessment: ties keep the order of arrival"),
    sa.Column("arrived_on", sa.Integer, nullable=False, comment="its day, counted from 0001-01-01"),
    sa.Column("points", sa.Integer, nullable=False, comment="thousandths of a point, as last assessed"),
    sa.Column("lift", sa.SmallInteger, nullable=False, comment="halvings or doublings by an override"),
    sa.Index("ix_nomination_order", "policy", "order_key", "arrived", "person"),
    sa.Index("ix_nomination_person", "person"),
    sqlite_with_rowid=False,
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("row", Digest, primary_key=True, comment="keyed hash of the source's own key of the row"),
    sa.Column("person", Number, nullable=False, index=True),
    sa.Column("organisation", sa.String(64), comment="who gave it, where the source says so"),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False, comment="thousandths of the currency's major unit"),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("given_on", sa.String(10), nullable=False),
    sqlite_with_rowid=False,
)

RECOUNT = ":recount"
"""Stands in `refreshing` in a source's place for counting every place anew."""

refreshing = sa.Table(
    "refreshing",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("after", Number, nullable=False, comment="the last person done; 0 when the run is complete"),
    sa.Column("at", sa.BigInteger, nullable=False),
)
