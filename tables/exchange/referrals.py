"""Referrals: a person passed on from one organisation to another, with a note that the hub cannot read."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Number
from tables.metadata import metadata

referral = sa.Table(
    "referral",
    metadata,
    sa.Column("id", Number, primary_key=True, autoincrement=False, comment="random"),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("receiver", sa.String(64), nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("person", Number, nullable=False),
    sa.Column("need", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False, comment="grows with every step"),
    sa.Column("sent_at", sa.BigInteger, nullable=False),
    sa.Column("answer_by", sa.BigInteger, nullable=False, comment="until when it can be accepted or refused"),
    sa.Column("serve_by", sa.BigInteger, comment="until when the receiver promised to be done"),
    sa.Column("agreed_at", sa.BigInteger, comment="when the person agreed to it"),
    sa.Column("case_number", sa.String(64), comment="the own case that it made at the receiver"),
    sa.Column("sealed", sa.LargeBinary(2**24 - 1), nullable=False, comment="the note, which the hub cannot read"),
    sa.Column("sender_key", sa.Integer, nullable=False),
    sa.Column("sender_box", sa.LargeBinary(104), nullable=False),
    sa.Column("receiver_key", sa.Integer, nullable=False),
    sa.Column("receiver_box", sa.LargeBinary(104), nullable=False),
    sa.Column("document", sa.String(40), comment="the paper on which the person agreed, as the sender witnessed it"),
    sa.Column("paper_until", sa.BigInteger, comment="then what is agreed on paper ends; null once the person stands by it"),
    sa.Index("ix_referral_paper_until", "paper_until"),
    sa.Index("ix_referral_sender", "sender", "sent_at", "id"),
    sa.Index("ix_referral_receiver", "receiver", "sent_at", "id"),
    sa.Index("ix_referral_person", "person", "sent_at"),
)
