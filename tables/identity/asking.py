"""Requests of organisations for people's consent."""

from __future__ import annotations

import sqlalchemy as sa

from tables.identity import Digest, Number
from tables.metadata import metadata

consent_request = sa.Table(
    "consent_request",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True, comment="random; known to the organisation and to the person"),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("person", Number, comment="none where the hub knows nobody by that number: it lapses like any other"),
    sa.Column("known", sa.Boolean, nullable=False, comment="whether the organisation knew of the person when it asked"),
    sa.Column("shown", sa.Boolean, nullable=False, comment="whether the person is shown it; not where it would be nagging"),
    sa.Column("about", Digest, nullable=False, comment="keyed hash of organisation, purpose and person, or number asked about"),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("categories", sa.BigInteger, nullable=False, comment="bits of values.Category"),
    sa.Column("days", sa.Integer, nullable=False, comment="how long the consent would hold from the day it is given"),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("keep_days", sa.Integer),
    sa.Column("uses", sa.Integer),
    sa.Column("period_days", sa.Integer),
    sa.Column("state", sa.String(16), nullable=False, comment="open, granted, refused or cancelled; an open one lapses by its time"),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    sa.Column("lapses_at", sa.BigInteger, nullable=False),
    sa.Column("answered_at", sa.BigInteger),
    sa.Column("consent", sa.String(32), comment="what it led to"),
    sa.Index("ix_consent_request_organisation", "organisation", "asked_at"),
    sa.Index("ix_consent_request_person", "person", "asked_at"),
    sa.Index("ix_consent_request_about", "about", "asked_at"),
)
