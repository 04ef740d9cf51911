"""Enrolment: particulars held against a registry, a status with its evidence, and an identity where they fit.

What an applicant alone is told does not depend on whether there is such a person: whatever is not verified reads the same, and costs the
same. Who stands by at an organisation has seen the papers, and may settle what two spellings leave open.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, Unknown
from privacy.names import compare, readable
from privacy.standing import epoch
from privacy.wallet import Proof
from resolvers.gather import Gathering, moment_of
from resolvers.identity.registry import Kept, Registry
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import Change, moved
from tables.identity.enrolment import enrolment
from values import Enquiry, Scheme

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from tables.database import Database

STATES = {
    "": {"verify": "verified", "defer": "needs_review", "recover": "recovering", "wait": "applied", "refuse": "refused"},
    "recovering": {"complete": "verified", "object": "refused"},
}
"""States of an enrolment and what moves them; whoever is not verified applies anew, so the others are ends."""

SHOWN_AS = {"recovering": "needs_review"}
"""An applicant is not told that the person is known and has an identity already: its devices are."""

SURE = 90
"""Points from which two names are one person's, where number and year of birth agree as well."""

NEAR = 60
"""Points from which staff who see the papers may say that they are."""

NOBODYS_NAME = "لا أحد يحمل هذا الاسم"
"""What is compared with where there is no name to compare with."""

DAY = 86400
LONGEST_NAME = 64
COLUMNS = tuple(enrolment.c)


@dataclass(frozen=True, slots=True, repr=False)
class Particulars:
    """What an applicant says of itself; it is compared and forgotten."""

    scheme: Scheme
    number: str
    name: str
    mother_name: str
    birth_year: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of comparing: points, and codes of what agreed and what did not. `fits` by itself, or `near` enough for staff."""

    score: int
    findings: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether nothing is left open."""
        return self.score >= SURE and "birth_year:same" in self.findings and "living:true" in self.findings

    @property
    def near(self) -> bool:
        """Whether papers in the hands of staff may settle the rest."""
        apart = any(each.endswith(":different") for each in self.findings)
        return self.score >= NEAR and not apart and "living:true" in self.findings


class EnrolmentCommands(Room):
    """Applications, alone or witnessed, and how they stand."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.registry = Registry(hub)
        self.roots: dict[str, Answers] = {"enrolment": self.enrolment}
        prepare = hub.database.prepare
        self._add = prepare(sa.insert(enrolment).values({column.name: sa.bindparam(column.name) for column in COLUMNS}))
        self._one = prepare(sa.select(*COLUMNS).where(enrolment.c.id == sa.bindparam("id")))
        self._hold = prepare(sa.select(*COLUMNS).where(enrolment.c.id == sa.bindparam("id")).with_for_update())
        self._tries = prepare(
            sa.select(sa.func.count()).where(enrolment.c.blind == sa.bindparam("blind"), enrolment.c.applied_at > sa.bindparam("since"))
        )
        self._move = prepare(
            sa.update(enrolment).where(enrolment.c.id == sa.bindparam("which")).values(state=sa.bindparam("now"), ready_at=None)
        )
        recovering = enrolment.c.person == sa.bindparam("person"), enrolment.c.state == "recovering"
        self.recovering = prepare(sa.select(*COLUMNS).where(*recovering).order_by(enrolment.c.applied_at))

    # --- applying ------------------------------------------------------------------------------------------------

    async def apply(self, enquiry: Enquiry, particulars: Particulars, name: str, proof: Proof) -> dict[str, Any]:
        """Apply alone.

        Raises:
            NotPermitted: nobody enrols here, or not as this requester.
            Invalid: a particular, the device's name or its key cannot be read.
            Unauthenticated: the proof does not hold.
            Conflict: the key is a device's already.
            LimitReached: this number was tried too often today.
        """
        self.hub.demand(enquiry, "enrolment.apply")
        return await self._enrol(enquiry, particulars, name, proof, ())

    async def witness(self, enquiry: Enquiry, particulars: Particulars, name: str, proof: Proof, papers: tuple[str, ...]) -> dict[str, Any]:
        """Apply with staff who stands by and has seen papers; an identity that is there already is recovered at once.

        Raises:
            NotPermitted: the requester is no caseworker of a verified organisation.
            Invalid, Unauthenticated, Conflict: as `apply`; or no paper was seen.
        """
        self.hub.demand(enquiry, "enrolment.witness")
        if not papers:
            raise Invalid("whoever stands by has seen a paper", "name the kinds of papers seen", "papers")
        return await self._enrol(enquiry, particulars, name, proof, papers)

    async def _enrol(self, enquiry: Enquiry, particulars: Particulars, name: str, proof: Proof, papers: tuple[str, ...]) -> dict[str, Any]:
        settings = self.registry.settings()
        now = epoch(enquiry.now)
        said = _read(particulars, enquiry.now.year)
        blind = self.registry.blind(said.scheme, said.number)
        called = device_name(name)
        wallet = self.hub.identity.wallet
        proven = wallet.challenges.proven(proof, "enrolment.apply", "", now)
        await wallet.unused(proven.public_key)
        if not papers:
            await self._hold_back(self.hub.database, blind, now, settings.tries_per_day)
        kept = await self.registry.look(blind, enquiry.now)
        verdict = judged(said, kept)

        async def work(change: Change) -> dict[str, Any]:
            await wallet.spend(change, proven)
            if not papers:  # once more: of many at once, each looked before the others were written
                await wallet.alone(change, blake2b(blind, person=b"enrolment", digest_size=32).digest())
                await self._hold_back(change, blind, now, settings.tries_per_day)
            id_ = secrets.token_hex(16)
            row: dict[str, Any] = {
                "id": id_,
                "blind": blind,
                "public_key": proven.public_key,
                "name": called,
                "person": None,
                "organisation": enquiry.requester.organisation if papers else None,
                "papers": " ".join(papers),
                "source": settings.source,
                "score": None if kept.failed else verdict.score,
                "findings": " ".join(verdict.findings),
                "applied_at": now,
                "ready_at": now + settings.recovery_hours * 3600,
            }
            act = await self._settled(change, row, kept, verdict)
            row["state"] = state = moved(STATES, "", act)
            await change.execute(self._add, row)
            await change.step(f"enrolment:{id_}", act, state)
            return self.shown(row)

        return await self.hub.writing.run(enquiry, "enrolment.apply", work)

    async def _settled(self, change: Change, row: dict[str, Any], kept: Kept, verdict: Verdict) -> str:
        """What becomes of an application; where it is verified, the identity and its device are made in the same transaction."""
        witnessed = row["organisation"] is not None
        if kept.failed:
            return "wait"
        if kept.person is None or not (verdict.fits or (witnessed and verdict.near)):
            return "refuse" if witnessed else "defer"
        row["person"] = kept.person
        wallet = self.hub.identity.wallet
        if not await wallet.opened(change, kept.person, row["id"]):
            change.tell("wallet_changed", kept.person, {"enrolment": row["id"]})
            if not witnessed:
                return "recover"
            await wallet.replaced(change, kept.person)
        if witnessed:
            await self.hub.identity.assurance.settle(change, kept.person)
        else:
            await self.hub.identity.assurance.doubt(change, kept.person)
        await wallet.let_in(change, kept.person, row["name"], row["public_key"], None)
        return "verify"

    async def _hold_back(self, reads: Database | Change, blind: bytes, now: int, most: int) -> None:
        """Stop whoever tries one number again and again; counted by the number, whether anybody has it or not."""
        ((tries,),) = await reads.fetch(self._tries, {"blind": blind, "since": now - DAY})
        if tries >= most:
            raise LimitReached("this number was tried too often today", "go to an organisation of the umbrella with a paper", DAY)

    # --- recovering ----------------------------------------------------------------------------------------------

    async def complete(self, enquiry: Enquiry, id: str, proof: Proof) -> dict[str, Any]:  # noqa: A002 — as the caller calls it
        """Complete a recovery that nobody objected to: the new device is let in, and every other ends.

        Raises:
            Unauthenticated: the proof does not hold.
            Conflict: there is nothing to complete, not yet, or not by this key; not said which.
        """
        self.hub.demand(enquiry, "enrolment.apply")
        now = epoch(enquiry.now)
        wallet = self.hub.identity.wallet
        proven = wallet.challenges.proven(proof, "enrolment.complete", id, now)

        async def work(change: Change) -> dict[str, Any]:
            await wallet.spend(change, proven)
            row = await self._held(change, id)
            if row is None or row["state"] != "recovering" or row["ready_at"] > now or row["public_key"] != proven.public_key:
                raise Conflict(
                    "there is nothing to complete",
                    "wait until `readyAt`; if it has passed, go to an organisation of the umbrella with a paper",
                )
            await wallet.hold(change, row["person"])
            await wallet.replaced(change, row["person"])
            await self.hub.identity.assurance.doubt(change, row["person"])
            await wallet.let_in(change, row["person"], row["name"], row["public_key"], None)
            return await self._move_on(change, row, "complete")

        return await self.hub.writing.run(enquiry, "enrolment.complete", work)

    async def object(self, enquiry: Enquiry, id: str) -> dict[str, Any]:  # noqa: A002 — as the caller calls it
        """Object to a recovery, from a device that is there: it ends.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown, Conflict: no recovery of this person's is under way by this name.
        """
        self.hub.demand(enquiry, "wallet.keep")

        async def work(change: Change) -> dict[str, Any]:
            row = await self._held(change, id)
            if row is None or row["person"] != enquiry.requester.person:
                raise Unknown("there is no such recovery", "read `wallet { recoveries { id } }`")
            return await self._move_on(change, row, "object")

        return await self.hub.writing.run(enquiry, "recovery.object", work)

    async def _held(self, change: Change, id: str) -> dict[str, Any] | None:  # noqa: A002 — as the caller calls it
        rows = await change.fetch(self._hold, {"id": id[:32]})
        return named(rows[0]) if rows else None

    async def _move_on(self, change: Change, row: dict[str, Any], act: str) -> dict[str, Any]:
        state = moved(STATES, row["state"], act)
        await change.execute(self._move, {"which": row["id"], "now": state})
        await change.step(f"enrolment:{row['id']}", act, state)
        change.tell("wallet_changed", row["person"], {"enrolment": row["id"]})
        return self.shown({**row, "state": state, "ready_at": None})

    # --- reading -------------------------------------------------------------------------------------------------

    async def enrolment(self, gathering: Gathering, field: Field) -> Any:
        """How an application stands, for whoever holds its id; None for any other text."""
        assert field.want is not None
        rows = await self.hub.database.fetch(self._one, {"id": str(field.arguments(gathering.variables)["id"])[:33]})
        return shaped(field.want, self.shown(named(rows[0]))) if rows else None

    @staticmethod
    def shown(row: dict[str, Any]) -> dict[str, Any]:
        """An application as the schema shows it: evidence only of what was verified, for the rest would tell who there is."""
        verified = row["state"] == "verified"
        open_ = row["state"] in {"needs_review", "recovering"}
        return {
            "id": row["id"],
            "status": SHOWN_AS.get(row["state"], row["state"]).upper(),
            "source": row["source"],
            "score": row["score"] if verified else None,
            "findings": row["findings"].split() if verified else [],
            "witness": row["organisation"],
            "papers": [each.upper() for each in row["papers"].split()],
            "applied_at": moment_of(row["applied_at"]),
            "ready_at": moment_of(row["ready_at"]) if open_ else None,
        }


def judged(said: Particulars, kept: Kept) -> Verdict:
    """Hold what somebody says against what the registry keeps; against nothing, with the same work, where it keeps nobody."""
    name = compare(said.name, kept.name or NOBODYS_NAME)
    mother = compare(said.mother_name, kept.mother_name or NOBODYS_NAME)
    findings = [f"name:{trait}" for trait in name.traits] + [f"mother_name:{trait}" for trait in mother.traits]
    findings.append(f"birth_year:{'same' if kept.birth_year == said.birth_year else 'different'}")
    findings.append(f"living:{'true' if kept.living else 'false'}")
    if kept.failed:
        return Verdict(0, ("source:failed",))
    return Verdict(min(name.score, mother.score), tuple(findings))


def device_name(text: str) -> str:
    """What a holder calls a device.

    Raises:
        Invalid: nothing that can be read, or too long.
    """
    plain = " ".join("".join(each for each in text if each.isprintable() or each == " ").split())
    if not 1 <= len(plain) <= LONGEST_NAME:
        raise Invalid(f"a device's name has 1 to {LONGEST_NAME} characters", "call it as you would recognise it", "device")
    return plain


def _read(said: Particulars, this_year: int) -> Particulars:
    plain = {}
    for field in ("name", "mother_name"):
        try:
            plain[field] = readable(getattr(said, field))
        except ValueError as error:
            raise Invalid("this name cannot be read", str(error), "motherName" if field == "mother_name" else field) from None
    if not this_year - 130 <= said.birth_year <= this_year:
        raise Invalid("nobody was born in this year", "write the year of birth with four digits", "birthYear")
    return Particulars(said.scheme, said.number, plain["name"], plain["mother_name"], said.birth_year)


def named(row: tuple[Any, ...]) -> dict[str, Any]:
    """A stored application by its columns."""
    found = {column.name: value for column, value in zip(COLUMNS, row, strict=True)}
    return {**found, "blind": bytes(found["blind"]), "public_key": bytes(found["public_key"])}
