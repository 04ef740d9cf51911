"""Keys of staff, apps and people: shown once, kept as a hash, ended at will.

A key reads `mz_<id>_<secret>`: the id finds the row and may be seen anywhere, the secret is 32 random bytes of which only a keyed
hash is stored. Rows are remembered for the second they were read in, so that a busy requester costs one look-up a second;
a revocation is obeyed at once by the process that made it and within one second by every other.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Protocol

import sqlalchemy as sa

from errors import Invalid, Unauthenticated, Unknown
from privacy.keys import KeyRing
from settings import Organisation
from tables.database import Database, Row
from tables.identity import credential
from values import PersonNumber, Purpose, Requester, Role

KEY = re.compile(r"mz_([a-z2-7]{12})_([A-Za-z0-9_-]{43})")
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
KINDS = ("staff", "app", "person")
KINDS_OF_HOLDERS = 64
"""As many kinds of holders are told of at most."""

REMEMBERED = 10_000
"""Rows whose meaning is kept in memory; beyond it they are forgotten together and made out again."""

COLUMNS = (
    credential.c.id,
    credential.c.name,
    credential.c.kind,
    credential.c.organisation,
    credential.c.role,
    credential.c.purposes,
    credential.c.person,
    credential.c.created_at,
    credential.c.expires_at,
    credential.c.revoked_at,
    credential.c.hash,
)


@dataclass(frozen=True, slots=True)
class Credential:
    """What may be told about a key: all but its secret and the hash of it. Times are seconds since 1970 (UTC)."""

    id: str
    name: str
    kind: str
    organisation: str | None
    role: Role
    purposes: tuple[Purpose, ...]
    person: int | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class Directory(Protocol):
    """Whatever knows the organisations that may hold credentials, by name."""

    @property
    def organisations(self) -> Mapping[str, Organisation]:
        """Every one of them."""
        ...


class Credentials:
    """Issues keys, recognises their holders, ends them."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self._database = database
        self._key = ring.subkey("credential", ring.root)
        self._seen: dict[Row, Credential] = {}
        self.adding = database.prepare(sa.insert(credential).values({column.name: sa.bindparam(column.name) for column in COLUMNS}))
        self._one = database.prepare(sa.select(*COLUMNS).where(credential.c.id == sa.bindparam("id")))
        self._all = database.prepare(sa.select(*COLUMNS).order_by(credential.c.created_at, credential.c.id))
        lasting = sa.or_(credential.c.expires_at.is_(None), credential.c.expires_at > sa.bindparam("now"))
        told = credential.c.kind, credential.c.organisation, credential.c.role, credential.c.purposes
        self._kinds = database.prepare(
            sa.select(*told).where(credential.c.revoked_at.is_(None), lasting).distinct().limit(KINDS_OF_HOLDERS)
        )
        self._end = database.prepare(
            sa.update(credential)
            .where(credential.c.id == sa.bindparam("which"), credential.c.revoked_at.is_(None))
            .values(revoked_at=sa.bindparam("at"))
        )

    async def issue(  # noqa: PLR0913, PLR0917 — each is a column of the row it makes
        self,
        name: str,
        kind: str,
        organisation: str | None,
        role: Role,
        purposes: Iterable[Purpose],
        now: int,
        person: int | None = None,
        expires_at: int | None = None,
    ) -> str:
        """Make a key and give its text, which nobody can give a second time; arguments are those of `made`."""
        token, _, row = self.made(name, kind, organisation, role, purposes, now, person, expires_at)
        async with self._database.transaction() as tx:
            await tx.execute(self.adding, row)
        return token

    def made(  # noqa: PLR0913, PLR0917 — each is a column of the row it makes
        self,
        name: str,
        kind: str,
        organisation: str | None,
        role: Role,
        purposes: Iterable[Purpose],
        now: int,
        person: int | None = None,
        expires_at: int | None = None,
    ) -> tuple[str, str, dict[str, Any]]:
        """A key's text, its id, and the row for `adding`, to be stored by a transaction that does more than this.

        Args:
            name: how logs and the disclosure record call the holder; not a person's name.
            kind: `staff`, `app` or `person`.
            organisation: for whom staff and apps act.
            role: what the holder does there.
            purposes: what for; the first is the default. A person's is always `self_access`.
            now: this moment.
            person: whose key it is, for kind `person`.
            expires_at: when it ends by itself.

        Raises:
            Invalid: kind, role, organisation and person do not fit together, or the end has passed.
        """
        wanted = (Purpose.SELF_ACCESS,) if kind == "person" else tuple(purposes)
        held = Credential(_new_id(), name, kind, organisation, role, wanted, person, now, expires_at, None)
        _check(held)
        secret = secrets.token_urlsafe(32)
        row = {column.name: getattr(held, column.name) for column in COLUMNS if column is not credential.c.hash}
        row |= {"role": str(role), "purposes": " ".join(wanted), "hash": self._hash(secret)}
        return f"mz_{held.id}_{secret}", held.id, row

    async def requester(self, token: str, now: int, known: Directory) -> Requester:
        """Who holds this key.

        Purposes are those of the key that its organisation still has; an organisation that is no longer `known` takes its keys along.

        Raises:
            Unauthenticated: expired, or else (unknown, revoked, another secret, unreadable) one sentence that does not say which.
        """
        match = KEY.fullmatch(token)
        if match is None:
            raise _refused()
        found = await self._find(match[1])
        offered = self._hash(match[2])
        if found is None or not compare_digest(offered, found[1]) or found[0].revoked_at is not None:
            raise _refused()
        held = found[0]
        if held.expires_at is not None and held.expires_at <= now:
            raise Unauthenticated("the credential has expired", "ask for a new one")
        return _requester(held, known)

    async def revoke(self, id: str, now: int) -> None:  # noqa: A002 — the column and the caller call it so
        """End a key now; a second time changes nothing.

        Raises:
            Unknown: no key has this id.
        """
        async with self._database.transaction() as tx:
            if not await tx.fetch(self._one, {"id": id}):
                raise Unknown("no credential has this id", "list the credentials for their ids")
            await tx.execute(self._end, {"which": id, "at": now})

    async def listed(self) -> list[Credential]:
        """Every key ever issued, oldest first."""
        return [_credential(row) for row in await self._database.fetch(self._all)]

    async def kinds(self, now: int, known: Directory) -> list[Requester]:
        """Who may come with a living key, as far as rules could tell them apart: one nameless holder of each kind."""
        found = []
        for kind, organisation, role, purposes in await self._database.fetch(self._kinds, {"now": now}):
            person = 0 if kind == "person" else None
            held = _credential(("", "", kind, organisation, role, purposes, person, 0, None, None, b""))
            with suppress(Unauthenticated):  # of an organisation that is known no more
                found.append(_requester(held, known))
        return found

    async def _find(self, public: str) -> tuple[Credential, bytes] | None:
        """Read anew each time, because any process of the hub may have ended the key a moment ago."""
        rows = await self._database.fetch(self._one, {"id": public})
        if not rows:
            return None
        row = tuple(rows[0])
        found = self._seen.get(row)
        if found is None:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            found = self._seen[row] = _credential(row)
        return found, bytes(row[-1])

    def _hash(self, secret: str) -> bytes:
        return blake2b(secret.encode(), key=self._key, digest_size=32).digest()


def _new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(12))


def _check(held: Credential) -> None:
    if held.kind not in KINDS:
        raise Invalid("the kind of a credential is staff, app or person", "choose one of these", "kind")
    if (held.kind == "person") != (held.role in {Role.PERSON, Role.NEWCOMER}) or (held.kind == "person") != (held.person is not None):
        raise Invalid(
            "a person's credential names the person and has the role person, and no other does",
            "give person, role and kind together",
            "person",
        )
    if (held.kind == "person") != (held.organisation is None):
        raise Invalid(
            "staff and apps act for an organisation, a person for none",
            "name the organisation, or leave it out for a person",
            "organisation",
        )
    if held.role in {Role.PUBLIC, Role.GUARDIAN, Role.REGISTRAR} or not held.purposes:
        raise Invalid(
            "the public, guardians and the registrar have no credential, and whoever has one has a purpose",
            "choose a role and a purpose",
            "purposes",
        )
    if held.expires_at is not None and held.expires_at <= held.created_at:
        raise Invalid("the credential would have expired already", "choose an end in the future", "expiresAt")


def _requester(held: Credential, known: Directory) -> Requester:
    if held.person is not None:
        return Requester(
            name=held.name,
            role=held.role,
            receiver=f"person:{held.person}",
            purposes=(Purpose.SELF_ACCESS,),
            credential=held.id,
            person=PersonNumber(held.person),
        )
    organisation = known.organisations.get(held.organisation or "")
    if organisation is None or held.organisation is None:
        raise _refused()
    return Requester(
        name=held.name,
        role=held.role,
        receiver=held.organisation,
        organisation=held.organisation,
        organisation_kind=organisation.kind,
        verified=organisation.verified,
        purposes=tuple(purpose for purpose in held.purposes if purpose in organisation.purposes),
        credential=held.id,
    )


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "the credential is not valid", "send `Authorization: Bearer` with a key that was issued to you and is not revoked"
    )


def _credential(row: Row) -> Credential:
    held = Credential(*row[:-1])
    return replace(held, role=Role(held.role), purposes=tuple(Purpose(purpose) for purpose in str(held.purposes).split()))
