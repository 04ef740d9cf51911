"""Joint decisions: over a list of people, several organisations agree which of them covers whom."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

joint_decision = sa.Table(
    "joint_decision",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("opener", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("title", sa.Text, nullable=False, comment="sealed"),
    sa.Column("state", sa.String(16), nullable=False, comment="open or closed"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("ends_at", sa.BigInteger, nullable=False),
)

joint_party = sa.Table(
    "joint_party",
    metadata,
    sa.Column("decision", Number, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("opened_at", sa.BigInteger, nullable=False, comment="as in joint_decision: the order of its list"),
    sa.Index("ix_joint_party_list", "organisation", "opened_at", "decision"),
    mysql_collate="utf8mb4_bin",
)

joint_person = sa.Table(
    "joint_person",
    metadata,
    sa.Column("decision", Number, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False, comment="in the list, from 1"),
    sa.Column("person", Number, nullable=False),
)

joint_proposal = sa.Table(
    "joint_proposal",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("decision", Number, nullable=False, index=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False, comment="which would cover the person"),
    sa.Column("proposed_by", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False, comment="thousandths of the unit"),
    sa.Column("unit", sa.String(16), nullable=False, comment="ISO 4217 for money, the unit of goods"),
    sa.Column("goods", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, comment="proposed, agreed, declined, won, lost, applied or failed"),
    sa.Column("programme", Number, comment="of the organisation that agreed"),
    sa.Column("booked_on", sa.String(10), comment="the day it would be for"),
    sa.Column("agreed_by", sa.String(64), comment="the account that agreed, and books"),
    sa.Column("agreed_role", sa.String(16)),
    sa.Column("agreed_credential", sa.String(64)),
    sa.Column("allocation", Number, comment="what it was booked as; none is booked twice"),
    sa.Column("fault", sa.String(32), comment="the code by which booking was refused"),
    sa.UniqueConstraint("allocation", name="uq_joint_proposal_allocation"),
)

joint_vote = sa.Table(
    "joint_vote",
    metadata,
    sa.Column("decision", Number, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("proposal", Number, nullable=False),
    mysql_collate="utf8mb4_bin",
)
