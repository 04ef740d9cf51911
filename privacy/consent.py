"""The consent ledger: a person's grants to receivers, each with a signed receipt, each ending.

A grant names one purpose, some categories of attributes and an end; without it those attributes are not asked of any source.
Receipts follow the record structure of ISO/IEC TS 27560:2023 with terms of the W3C Data Privacy Vocabulary, are canonical JSON
and are signed by the hub, so that the holder can show later what was agreed, to somebody who does not trust the hub's table.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, Protocol

import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from privacy import receipts
from privacy.keys import KeyRing
from settings import NAME
from stanzas import FAIR_USE, LONGEST_DAYS, ConsentRules
from tables.database import Database, Row, among
from tables.identity import consent
from tables.statement import Statement
from values import COUNTED_BIT, Category, ConsentMode, OrganisationKind, Purpose

LONGEST_SECONDS = LONGEST_DAYS * 86_400
MOST_USES = 1000

RECEIVER = re.compile(rf"{NAME[:-1]}$|^kind:({'|'.join(OrganisationKind)})$")

COLUMNS = tuple(consent.c)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed besides who, why and what: whether it may be kept and how long, and how often it may be used.

    `uses` without `period_days` holds for ever: 1 is once. Without either it may be used as often as needed.
    """

    mode: ConsentMode = ConsentMode.VIEW
    keep_days: int | None = None
    uses: int | None = None
    period_days: int | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """How a consent was given on paper: who witnessed it, under which reference the paper lies, and the end it names."""

    witness: str
    document: str | None = None
    wished_ends_at: int | None = None


AS_NEEDED = Terms()
"""May be viewed as often as needed, and not kept."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person lets a receiver see; `request` is the one it answers.

    `receiver` is an organisation's name, or `kind:ngo` for every verified body of a kind; `ends_at` is within the ceiling of
    the purpose.
    """

    receiver: str
    purpose: Purpose
    categories: frozenset[Category]
    ends_at: int
    terms: Terms = AS_NEEDED
    paper: Paper | None = None
    request: str | None = None
    guardianship: str | None = None


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
    mode: ConsentMode = ConsentMode.VIEW
    keep_days: int | None = None
    uses: int | None = None
    period_days: int | None = None
    document: str | None = None
    wished_ends_at: int | None = None
    confirmed_at: int | None = None
    request: str | None = None
    guardianship: str | None = None

    def holds(self, now: int) -> bool:
        """Whether it is in force at a moment."""
        return self.withdrawn_at is None and self.ends_at > now


class Writes(Protocol):
    """What granting needs of a transaction; a command's `Change` is one too."""

    async def fetch(self, statement: Statement, values: Mapping[str, Any] = ...) -> list[Row]:
        """Read what the transaction sees."""
        ...

    async def execute(self, statement: Statement, values: Mapping[str, Any] = ...) -> int:
        """Change something."""
        ...


class Consents:
    """Grants, withdrawals and the question what a receiver may see of many people."""

    def __init__(self, database: Database, ring: KeyRing, rules: ConsentRules = FAIR_USE) -> None:
        """Prepare every statement once."""
        self.rules = rules
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
        self._confirm = database.prepare(
            sa.update(consent)
            .where(consent.c.id == sa.bindparam("which"), consent.c.withdrawn_at.is_(None))
            .values(confirmed_at=sa.bindparam("at"), ends_at=sa.bindparam("until"), receipt=sa.bindparam("signed"))
        )
        self._masks = database.prepare(
            sa.select(consent.c.person, consent.c.categories.op("&")(sa.bindparam("ceiling", type_=sa.BigInteger))).where(
                among(consent.c.person, "people", "whole"),
                among(consent.c.receiver, "receivers"),
                consent.c.purpose == sa.bindparam("purpose"),
                consent.c.ends_at > sa.bindparam("now"),
                consent.c.withdrawn_at.is_(None),
                consent.c.granted_at > sa.bindparam("granted_after"),
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
        """Record a grant in a transaction of its own; see `give`."""
        wanted = Grant(receiver, purpose, frozenset(categories), ends_at, paper=Paper(witness) if witness else None)
        async with self._database.transaction() as tx:
            return await self.give(tx, person, wanted, now)

    async def give(self, tx: Writes, person: int, grant: Grant, now: int) -> Consent:
        """Record a grant and sign its receipt, in somebody's transaction.

        Raises:
            Invalid: a receiver, an end, terms or a set of categories that cannot stand, or that go beyond the ceiling.
        """
        if not RECEIVER.fullmatch(grant.receiver):
            raise Invalid(
                "the receiver is neither an organisation nor a kind of one", "name an organisation, or a kind as in kind:ngo", "receiver"
            )
        paper, terms = grant.paper, grant.terms
        self.fair(grant.purpose, grant.categories, terms)
        for end in (grant.ends_at, paper.wished_ends_at if paper else None):
            if end is not None:
                self.ends_fairly(grant.purpose, end, now)
        unsigned = Consent(
            id=secrets.token_hex(16),
            person=person,
            receiver=grant.receiver,
            purpose=grant.purpose,
            categories=grant.categories,
            granted_at=now,
            ends_at=grant.ends_at,
            withdrawn_at=None,
            witness=paper.witness if paper else None,
            receipt=b"",
            mode=terms.mode,
            keep_days=terms.keep_days,
            uses=terms.uses,
            period_days=terms.period_days,
            document=paper.document if paper else None,
            wished_ends_at=paper.wished_ends_at if paper else None,
            request=grant.request,
            guardianship=grant.guardianship,
        )
        given = replace(unsigned, receipt=self._receipt(unsigned, now))
        await tx.execute(self._add, _row(given))
        return given

    def fair(self, purpose: Purpose, categories: frozenset[Category], terms: Terms) -> None:
        """Go on only with what a person may be asked to agree to.

        Raises:
            Invalid: it names nothing, contradicts itself, or goes beyond the ceiling of the purpose.
        """
        ceiling = self.rules.ceiling(purpose)
        why = purpose.value.replace("_", " ")
        if not categories:
            raise Invalid("a consent names at least one category", "choose what may be seen", "categories")
        beyond = [each.value for each in Category if each in categories and each in ceiling.never]
        if beyond:
            raise Invalid(f"no consent for {why} may open {', '.join(beyond)}", "leave that out", "categories")
        if terms.mode is ConsentMode.STORE and ceiling.mode is ConsentMode.VIEW:
            raise Invalid(f"what is seen for {why} may not be kept", "let it be viewed only", "mode")
        if (terms.mode is ConsentMode.STORE) != (terms.keep_days is not None):
            raise Invalid(
                "what may be kept is kept for a number of days, what may only be viewed for none", "give both or neither", "keepDays"
            )
        if terms.keep_days is not None and not 1 <= terms.keep_days <= ceiling.keep_days:
            raise Invalid(f"what is seen for {why} may be kept 1 to {ceiling.keep_days} days", "choose within that", "keepDays")
        if terms.uses is not None and not 1 <= terms.uses <= MOST_USES:
            raise Invalid(f"a consent is used 1 to {MOST_USES} times", "leave the frequency out for as often as needed", "frequency")
        if terms.period_days is not None and (terms.uses is None or not 1 <= terms.period_days <= LONGEST_DAYS):
            raise Invalid("a period has at least one day, and a number of uses in it", "say how often in how many days", "frequency")

    def ends_fairly(self, purpose: Purpose, ends_at: int, now: int) -> None:
        """Go on only with an end a consent may have.

        Raises:
            Invalid: it is past, or beyond the ceiling of the purpose.
        """
        days = self.rules.ceiling(purpose).longest_days
        if not now < ends_at <= now + days * 86_400:
            most = "five years" if days == LONGEST_DAYS else f"{days} days"
            raise Invalid(f"a consent ends in the future, at most {most} ahead", f"choose an end within {most}", "endsAt")

    async def withdraw(self, id: str, person: int, now: int) -> Consent:  # noqa: A002 — the column and the caller call it so
        """End a grant now, in a transaction of its own; see `end`."""
        async with self._database.transaction() as tx:
            return (await self.end(tx, id, person, now))[0]

    async def end(self, tx: Writes, id: str, person: int, now: int) -> tuple[Consent, bool]:  # noqa: A002 — as above
        """End a grant now, and say whether this ended it: a second withdrawal changes nothing, not even the time of the first.

        Raises:
            Unknown: no such grant of this person; another's is not told apart from none.
        """
        given = await self._found(tx, id, person)
        if given.withdrawn_at is not None:
            return given, False
        ended = replace(given, withdrawn_at=now)
        ended = replace(ended, receipt=self._receipt(ended, now))
        await tx.execute(self._end, {"which": id, "at": now, "signed": ended.receipt})
        stored = await self._found(tx, id, person)
        return stored, stored.receipt == ended.receipt

    async def confirm(self, tx: Writes, id: str, person: int, now: int) -> Consent:  # noqa: A002 — as above
        """The person stands by what a witness recorded: it now ends when the paper says.

        Raises:
            Unknown: no such grant of this person.
            Conflict: it was not given on paper, was confirmed before, or has ended.
        """
        given = await self._found(tx, id, person)
        if given.wished_ends_at is None or given.confirmed_at is not None or not given.holds(now):
            raise Conflict("this consent does not wait to be confirmed", "read `consents` for those that do")
        confirmed = replace(given, confirmed_at=now, ends_at=max(given.ends_at, given.wished_ends_at))
        confirmed = replace(confirmed, receipt=self._receipt(confirmed, now))
        await tx.execute(self._confirm, {"which": id, "at": now, "until": confirmed.ends_at, "signed": confirmed.receipt})
        return confirmed

    async def _found(self, tx: Writes, id: str, person: int) -> Consent:  # noqa: A002 — as above
        rows = await tx.fetch(self._one, {"id": id, "person": person})
        if not rows:
            raise Unknown("there is no such consent", "read `consents` for the ids of yours")
        return _consent(rows[0])

    async def of(self, person: int) -> list[Consent]:
        """Every grant a person ever made, oldest first, also those that ended."""
        return [_consent(row) for row in await self._database.fetch(self._all, {"person": person})]

    async def masks(self, people: Iterable[int], receivers: Iterable[str], purpose: Purpose, now: int) -> dict[int, int]:
        """What these receivers may see now: person to a mask of `Category.bit`, in one statement however many people.

        `receivers` are the names under which one requester is meant: its organisation and, when verified, its kind.
        People without a grant are absent. Consents that may be used only so often count as if they were not used up.
        """
        wanted = list(people)
        ceiling = self.rules.ceiling(purpose)
        values = {"people": wanted, "receivers": list(receivers), "purpose": str(purpose), "now": now}
        values |= {"ceiling": ceiling.mask, "granted_after": now - ceiling.longest_days * 86_400}
        found: dict[int, int] = {}
        for person, mask in await self._database.fetch(self._masks, values, rows=len(wanted)):
            found[person] = found.get(person, 0) | mask
        return {person: mask for person, mask in found.items() if mask}

    def verified(self, receipt: bytes) -> dict[str, Any] | None:
        """The record inside a receipt if this hub signed exactly it, else None; never raises."""
        return receipts.verified(receipt, self._ring.verify_key)

    def _receipt(self, given: Consent, now: int) -> bytes:
        """Sign the record; the person stands in it as a keyed hash for this receiver alone.

        Not as the receiver's pseudonym: receipts lie beside person numbers, and a thief of the table should not learn which is whose.
        """
        principal = blake2b(f"{given.receiver}\n{given.person}".encode(), key=self._principal, digest_size=16).hexdigest()
        return receipts.signed(self._ring, receipts.record_of(given, principal, now))


def _row(given: Consent) -> dict[str, Any]:
    row = {column.name: getattr(given, column.name) for column in COLUMNS}
    mask = sum(category.bit for category in given.categories) | (COUNTED_BIT if given.uses is not None else 0)
    return {**row, "purpose": str(given.purpose), "categories": mask, "mode": str(given.mode)}


def _consent(row: Row) -> Consent:
    id_, person, receiver, purpose, mask, granted_at, ends_at, withdrawn_at, witness, receipt, mode, *rest = row
    categories = frozenset(category for category in Category if mask & category.bit)
    return Consent(
        id_,
        person,
        receiver,
        Purpose(purpose),
        categories,
        granted_at,
        ends_at,
        withdrawn_at,
        witness,
        bytes(receipt),
        ConsentMode(mode),
        *rest,
    )
