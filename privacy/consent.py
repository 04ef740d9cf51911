"""The consent ledger: a person's grants to receivers, each with a signed receipt, each ending.

A grant names one purpose, some categories of attributes and an end; without it those attributes are not asked of any source.
Receipts follow the record structure of ISO/IEC TS 27560:2023 with terms of the W3C Data Privacy Vocabulary, are canonical JSON
and are signed by the hub, so that the holder can show later what was agreed, to somebody who does not trust the hub's table.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import orjson
import sqlalchemy as sa
from nacl.exceptions import BadSignatureError

from errors import Invalid, Unknown
from privacy.keys import KeyRing
from settings import NAME
from tables.database import Database, Row, among
from tables.identity import consent
from values import Category, OrganisationKind, Purpose

LONGEST_SECONDS = 5 * 366 * 86400
"""No grant outlives five years: what was agreed longer ago nobody remembers having agreed."""

RECEIVER = re.compile(rf"{NAME[:-1]}$|^kind:({'|'.join(OrganisationKind)})$")

TERMS = {
    Purpose.AID_DISTRIBUTION: "dpv:ServiceProvision",
    Purpose.SOCIAL_SECURITY: "dpv:FulfilmentOfObligation",
    Purpose.CASE_MANAGEMENT: "dpv:RequestedServiceProvision",
    Purpose.OVERSIGHT: "dpv:LegalCompliance",
    Purpose.STATISTICS: "dpv:ProvideOfficialStatistics",
    Purpose.SELF_ACCESS: "dpv:RightsFulfilment",
    Purpose.OPEN_DATA: "dpv:PublicBenefit",
}
"""The nearest purpose of the Data Privacy Vocabulary 2, so that other systems can read a receipt."""

COLUMNS = (
    consent.c.id,
    consent.c.person,
    consent.c.receiver,
    consent.c.purpose,
    consent.c.categories,
    consent.c.granted_at,
    consent.c.ends_at,
    consent.c.withdrawn_at,
    consent.c.witness,
    consent.c.receipt,
)


@dataclass(frozen=True, slots=True)
class Consent:
    """One grant; times are seconds since 1970 (UTC), `receipt` the signed record as JSON."""

    id: str
    person: int
    receiver: str
    purpose: Purpose
    categories: frozenset[Category]
    granted_at: int
    ends_at: int
    withdrawn_at: int | None
    witness: str | None
    receipt: bytes

    def holds(self, now: int) -> bool:
        """Whether it is in force at a moment."""
        return self.withdrawn_at is None and self.ends_at > now


class Consents:
    """Grants, withdrawals and the question what a receiver may see of many people."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self._database = database
        self._ring = ring
        self._principal = ring.subkey("consent principal", ring.root)
        self._add = database.prepare(sa.insert(consent).values({column.name: sa.bindparam(column.name) for column in COLUMNS}))
        self._one = database.prepare(
            sa.select(*COLUMNS).where(consent.c.id == sa.bindparam("id"), consent.c.person == sa.bindparam("person"))
        )
        self._all = database.prepare(
            sa.select(*COLUMNS).where(consent.c.person == sa.bindparam("person")).order_by(consent.c.granted_at, consent.c.id)
        )
        self._end = database.prepare(
            sa.update(consent)
            .where(consent.c.id == sa.bindparam("which"), consent.c.withdrawn_at.is_(None))
            .values(withdrawn_at=sa.bindparam("at"), receipt=sa.bindparam("signed"))
        )
        self._masks = database.prepare(
            sa.select(consent.c.person, consent.c.categories).where(
                among(consent.c.person, "people", "whole"),
                among(consent.c.receiver, "receivers"),
                consent.c.purpose == sa.bindparam("purpose"),
                consent.c.ends_at > sa.bindparam("now"),
                consent.c.withdrawn_at.is_(None),
            )
        )

    async def grant(
        self,
        person: int,
        receiver: str,
        purpose: Purpose,
        categories: Iterable[Category],
        ends_at: int,
        now: int,
        witness: str | None = None,
    ) -> Consent:
        """Record a grant and sign its receipt.

        Args:
            person: whose attributes.
            receiver: an organisation's name, or `kind:ngo` for every verified body of a kind.
            purpose: the one purpose it is for.
            categories: what may be seen; at least one.
            ends_at: when it ends by itself; in the future, at most five years ahead.
            now: this moment.
            witness: the organisation that heard or read the consent, for people who give it on paper.

        Raises:
            Invalid: a receiver, an end or a set of categories that cannot stand.
        """
        wanted = frozenset(categories)
        if not RECEIVER.fullmatch(receiver):
            raise Invalid(
                "the receiver is neither an organisation nor a kind of one", "name an organisation, or a kind as in kind:ngo", "receiver"
            )
        if not wanted:
            raise Invalid("a consent names at least one category", "choose what may be seen", "categories")
        if not now < ends_at <= now + LONGEST_SECONDS:
            raise Invalid("a consent ends in the future, at most five years ahead", "choose an end within five years", "endsAt")
        unsigned = Consent(secrets.token_hex(16), person, receiver, purpose, wanted, now, ends_at, None, witness, b"")
        given = replace(unsigned, receipt=self._receipt(unsigned))
        async with self._database.transaction() as tx:
            await tx.execute(self._add, _row(given))
        return given

    async def withdraw(self, id: str, person: int, now: int) -> Consent:  # noqa: A002 — the column and the caller call it so
        """End a grant now; a second withdrawal changes nothing, not even the time of the first.

        Raises:
            Unknown: no such grant of this person; another's is not told apart from none.
        """
        async with self._database.transaction() as tx:
            rows = await tx.fetch(self._one, {"id": id, "person": person})
            if not rows:
                raise Unknown("there is no such consent", "read `consents` for the ids of yours")
            given = _consent(rows[0])
            if given.withdrawn_at is not None:
                return given
            ended = replace(given, withdrawn_at=now)
            ended = replace(ended, receipt=self._receipt(ended))
            await tx.execute(self._end, {"which": id, "at": now, "signed": ended.receipt})
            return _consent((await tx.fetch(self._one, {"id": id, "person": person}))[0])

    async def of(self, person: int) -> list[Consent]:
        """Every grant a person ever made, oldest first, also those that ended."""
        return [_consent(row) for row in await self._database.fetch(self._all, {"person": person})]

    async def masks(self, people: Iterable[int], receivers: Iterable[str], purpose: Purpose, now: int) -> dict[int, int]:
        """What these receivers may see now: person to a mask of `Category.bit`, in one statement however many people.

        `receivers` are the names under which one requester is meant: its organisation and, when verified, its kind.
        People without a grant are absent.
        """
        wanted = list(people)
        values = {"people": wanted, "receivers": list(receivers), "purpose": str(purpose), "now": now}
        found: dict[int, int] = {}
        for person, mask in await self._database.fetch(self._masks, values, rows=len(wanted)):
            found[person] = found.get(person, 0) | mask
        return found

    def verified(self, receipt: bytes) -> dict[str, Any] | None:
        """The record inside a receipt if this hub signed exactly it, else None; never raises."""
        try:
            signed = orjson.loads(receipt)
            version, signature = signed["signature"]["keyVersion"], base64.urlsafe_b64decode(signed["signature"]["value"])
            self._ring.signing_key(version).verify_key.verify(_canonical(signed["record"]), signature)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, BadSignatureError):
            return None
        return dict(signed["record"])

    def _receipt(self, given: Consent) -> bytes:
        """Sign the record; the person stands in it as a keyed hash for this receiver alone.

        Not as the receiver's pseudonym: receipts lie beside person numbers, and a thief of the table should not learn which is whose.
        """
        principal = blake2b(f"{given.receiver}\n{given.person}".encode(), key=self._principal, digest_size=16).hexdigest()
        events = [{"state": "given", "at": given.granted_at}]
        if given.withdrawn_at is not None:
            events.append({"state": "withdrawn", "at": given.withdrawn_at})
        record = {
            "schemaVersion": "ISO/IEC TS 27560:2023",
            "recordId": given.id,
            "piiPrincipalId": principal,
            "piiController": given.receiver,
            "purposes": [{"purpose": given.purpose, "dpv": TERMS[given.purpose], "lawfulBasis": "dpv:Consent"}],
            "personalData": [category for category in Category if category in given.categories],
            "validity": {"from": given.granted_at, "until": given.ends_at},
            "noticeLanguage": "ar",
            "witness": given.witness,
            "events": events,
        }
        key = self._ring.signing_key()
        value = base64.urlsafe_b64encode(key.sign(_canonical(record)).signature).decode()
        public = base64.urlsafe_b64encode(bytes(key.verify_key)).decode()
        return _canonical(
            {"record": record, "signature": {"algorithm": "Ed25519", "keyVersion": self._ring.current, "publicKey": public, "value": value}}
        )


def _canonical(content: Any) -> bytes:
    """One way to write it: keys sorted, no spaces, UTF-8; RFC 8785 for the texts and whole numbers a receipt is made of."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _row(given: Consent) -> dict[str, Any]:
    row = {column.name: getattr(given, column.name) for column in COLUMNS}
    return {**row, "purpose": str(given.purpose), "categories": sum(category.bit for category in given.categories)}


def _consent(row: Row) -> Consent:
    id_, person, receiver, purpose, mask, granted_at, ends_at, withdrawn_at, witness, receipt = row
    categories = frozenset(category for category in Category if mask & category.bit)
    return Consent(id_, person, receiver, Purpose(purpose), categories, granted_at, ends_at, withdrawn_at, witness, bytes(receipt))
