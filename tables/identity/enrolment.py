"""Enrolments: who applied for a blinded identity, and on what evidence it was given or not; never what was on the papers."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

enrolment = sa.Table(
    "enrolment",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True, comment="random; whoever holds it may read how the application stands"),
    sa.Column("blind", Digest, nullable=False, comment="keyed hash of the number applied with: tries are counted by it"),
    sa.Column("public_key", Digest, nullable=False, comment="the device that applied, an Ed25519 public key"),
    sa.Column("name", sa.String(64), nullable=False, comment="what the applicant calls the device"),
    sa.Column("person", Number, index=True, comment="whose it is, once the particulars were found to fit"),
    sa.Column("state", sa.String(16), nullable=False, comment="applied, needs_review, recovering, verified or refused"),
    sa.Column("organisation", sa.String(64), comment="whose staff stood by, if any"),
    sa.Column("papers", sa.Text, nullable=False, comment="kinds of papers that staff saw, space-separated; never a number of one"),
    sa.Column("source", sa.String(64), nullable=False, comment="the registry the particulars were held against"),
    sa.Column("score", sa.SmallInteger, comment="0 to 100; empty where the registry did not answer"),
    sa.Column("findings", sa.Text, nullable=False, comment="codes of what agreed and what did not, space-separated"),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
    sa.Column("ready_at", sa.BigInteger, comment="from when a recovery may be completed, unless a device objects"),
    sa.Index("ix_enrolment_blind", "blind", "applied_at"),
    sa.Index("ix_enrolment_public_key", "public_key"),
)
