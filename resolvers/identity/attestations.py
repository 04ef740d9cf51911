"""Attestations: issued to a person over what the sources say of it, shown by the person, checked by whoever it chose."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import orjson

from errors import AttestationInvalid, AttestationRevoked, Invalid, SourceDown, Unknown
from privacy.attested import Attested, Batch
from privacy.selective import BINDING_AGE, proven
from privacy.standing import epoch
from privacy.status import reference
from resolvers.gather import Gathering, moment
from resolvers.identity.attested import ATTESTABLE, WANTS, Attestable
from resolvers.identity.facts import facts_of
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import Change, moved
from values import Condition, Enquiry, Purpose, Requester, Role, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub

MOST_AT_ONCE = 20
"""Attestations in one batch: each is shown once, so that whom one was shown to cannot compare."""

LONGEST_PROGRAMME = 200
"""Characters."""

DAY = 86_400

STATES = {"": {"issue": "valid"}, "valid": {"revoke": "revoked"}}


class AttestationCommands(Room):
    """Issuing, taking back and checking."""

    def __init__(self, hub: Hub) -> None:
        """Name the root fields answered here."""
        self.hub = hub
        self.attested = Attested(hub.database, hub.ring)
        self.roots: dict[str, Answers] = {
            "attestation_types": self.types,
            "attestation_challenge": self.challenge,
            "attestations": self.attestations,
        }

    # --- reading -------------------------------------------------------------------------------------------------

    async def types(self, _: Gathering, field: Field) -> Any:
        """What can be attested; the same for anyone."""
        assert field.want is not None
        return shaped(field.want, [self._type(each, str(field.arguments(_.variables)["language"])) for each in ATTESTABLE.values()])

    def _type(self, each: Attestable, language: str) -> dict[str, Any]:
        claims = [
            {"name": claim.name, "title": claim.words[language], "sources": [self.hub.public_name(one) for one in claim.sources]}
            for claim in each.claims
        ]
        return {
            "name": each.name,
            "vct": self.hub.attester.type_of(each.name),
            "title": each.words[language],
            "level": each.level(self.hub.catalogue).name,
            "days": each.days,
            "needs_programme": each.programme,
            "claims": claims,
        }

    def described(self, name: str) -> dict[str, Any] | None:
        """A type as verifiers and wallets of any make read it (SD-JWT VC type metadata)."""
        found = ATTESTABLE.get(name)
        if found is None:
            return None

        def display(words: Any) -> list[dict[str, str]]:
            return [{"locale": language, "name": text} for language, text in words.items()]

        return {
            "vct": self.hub.attester.type_of(name),
            "name": found.words["en"],
            "display": display(found.words),
            "claims": [{"path": [each.name], "sd": "always", "display": display(each.words)} for each in found.claims],
        }

    async def challenge(self, gathering: Gathering, field: Field) -> Any:
        """A nonce for one presentation to this requester, or for one issuing, and the audience to sign it for."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "attestation.challenge")
        at = epoch(enquiry.now)
        nonce = self.hub.pseudonyms.seal(enquiry.requester.receiver, "nonce", orjson.dumps([at, secrets.token_hex(8)]))
        value = {"nonce": nonce, "audience": self._audience(enquiry), "ends_at": _instant(at + BINDING_AGE)}
        return shaped(field.want, value)

    async def attestations(self, gathering: Gathering, field: Field) -> Any:
        """What was issued to the person that asks, newest first."""
        assert field.want is not None
        person = self._person(gathering.enquiry, "attestation.issue")
        gathering.shown.append(Shown(("person.id",), (), (person,), Condition.SELF.value))
        return shaped(field.want, [self._row(each, None) for each in await self.attested.of(person)])

    # --- issuing -------------------------------------------------------------------------------------------------

    async def issue(
        self, enquiry: Enquiry, name: str, nonce: str, proofs: Sequence[str], programme: str | None, key: str | None
    ) -> dict[str, Any]:
        """Read what the sources say of the person, and sign it once for each key.

        Raises:
            NotPermitted: the requester is not a person.
            Invalid: an unknown type, no or too many proofs, a programme too many or too few.
            AttestationInvalid: a proof that does not hold.
            Unknown: no source says anything that this type attests.
            SourceDown: a source that would have to say it does not answer.
            Conflict: one of the keys was bound before.
        """
        person = self._person(enquiry, "attestation.issue")
        attestable = ATTESTABLE.get(name)
        if attestable is None:
            raise Invalid("there is no such type of attestation", f"known: {', '.join(ATTESTABLE)}", "type")
        if attestable.programme != bool(programme) or len(programme or "") > LONGEST_PROGRAMME:
            raise Invalid(
                "this type is about one programme" if attestable.programme else "this type is about no programme",
                "name it as `allocations { programme }` does" if attestable.programme else "leave the programme out",
                "programme",
            )
        if not 1 <= len(proofs) <= MOST_AT_ONCE:
            raise Invalid(f"1 to {MOST_AT_ONCE} attestations are issued at once", "send one proof for each", "proofs")
        now = epoch(enquiry.now)
        self._fresh(enquiry, nonce)
        holders = [proven(each, nonce, self.hub.attester.address, now) for each in proofs]
        said = await self._said(enquiry, attestable, programme, enquiry.now.date())
        if not said:
            raise Unknown("no source says this of you", "ask the body that should have recorded it")
        end = now + attestable.days * DAY
        batch = Batch(
            secrets.token_hex(16), person, name, programme, self.attested.digest(person, said), now, end, None, None, len(holders)
        )

        async def work(change: Change) -> dict[str, Any]:
            places = await self.attested.place(change, batch, holders)
            await change.step(f"attestation:{batch.id}", "issue", moved(STATES, "", "issue"))
            size = len(attestable.claims)
            sign = self.hub.attester.issue
            made = [sign(name, said, size, holder, place, end) for holder, place in zip(holders, places, strict=True)]
            return self._row(batch, made)

        return await self.hub.writing.run(
            enquiry, "attestation.issue", work, key=key, content=[name, programme, [sorted(each.items()) for each in holders]]
        )

    async def _said(self, enquiry: Enquiry, attestable: Attestable, programme: str | None, day: date) -> dict[str, Any]:
        """What may be attested of the person as of a day: nothing of one who died."""
        facts = await facts_of(self.hub, enquiry, WANTS[attestable.name])
        return {} if facts.get("living") is False else attestable.said(facts, day, programme)

    # --- taking back ---------------------------------------------------------------------------------------------

    async def revoke(self, enquiry: Enquiry, batch: str, key: str | None = None) -> dict[str, Any]:
        """Take back what was issued to the person that asks.

        Raises:
            NotPermitted: the requester is not a person.
            Unknown: it has no such attestation; another's is not told apart from none.
            Conflict: it was taken back before.
        """
        person = self._person(enquiry, "attestation.revoke")

        async def work(change: Change) -> dict[str, Any]:
            found = await self.attested.batch(change, batch)
            if found is None or found.person != person:
                raise Unknown("there is no such attestation", "read `attestations` for the ids of yours")
            return self._row(await self._revoked(change, found, "holder"), None)

        return await self.hub.writing.run(enquiry, "attestation.revoke", work, key=key, content=batch)

    async def _revoked(self, change: Change, found: Batch, reason: str) -> Batch:
        state = moved(STATES, "valid" if found.revoked_at is None else "revoked", "revoke")
        await self.attested.revoke(change, found.id, change.now, reason)
        await change.step(f"attestation:{found.id}", "revoke", state, reason)
        again = await self.attested.batch(change, found.id)
        assert again is not None
        return again

    async def withdraw(self, batch: str, now: datetime) -> None:
        """Take back as issuer, where something was issued wrongly.

        Raises:
            Unknown: there is no such batch.
            Conflict: it was taken back before.
        """

        async def work(change: Change) -> dict[str, Any]:
            found = await self.attested.batch(change, batch)
            if found is None:
                raise Unknown("there is no such attestation", "its id is what the person's `attestations` show")
            await self._revoked(change, found, "issuer")
            return {}

        await self.hub.writing.run(Enquiry(_ISSUER, Purpose.OVERSIGHT, now), "attestation.withdraw", work)

    async def refresh(self, now: datetime) -> tuple[int, int, int]:
        """Take back whatever the sources no longer say, and forget what ended long ago.

        Each reading stands in the person's own disclosures. Where a source does not answer, nothing is taken back.

        Returns:
            How many batches were looked at, taken back, and left for another time.
        """
        seen = ended = left = after = 0
        while people := await self.attested.people(epoch(now), after, 500):
            for person in people:
                for batch in await self.attested.of(person):
                    if batch.revoked_at is None and batch.ends_at > epoch(now):
                        seen += 1
                        outcome = await self._looked(batch, now)
                        ended += outcome == "ended"
                        left += outcome == "left"
            after = people[-1]

        async def work(change: Change) -> dict[str, Any]:
            await self.attested.forget(change, epoch(now))
            return {}

        await self.hub.writing.run(Enquiry(_ISSUER, Purpose.OVERSIGHT, now), "attestation.forget", work)
        return seen, ended, left

    async def _looked(self, batch: Batch, now: datetime) -> str:
        requester = Requester(
            "attestations",
            Role.PERSON,
            f"person:{batch.person}",
            purposes=(Purpose.SELF_ACCESS,),
            person=batch.person,  # type: ignore[arg-type]
        )
        enquiry = Enquiry(requester, Purpose.SELF_ACCESS, now)
        # As of the day it was issued: that somebody grew older, or received more, does not make untrue what it said.
        day = datetime.fromtimestamp(batch.issued_at, UTC).date()
        try:
            said = await self._said(enquiry, ATTESTABLE[batch.type], batch.about, day) if batch.type in ATTESTABLE else {}
        except SourceDown:
            return "left"
        if said and self.attested.digest(batch.person, said) == batch.said:
            return "kept"

        async def work(change: Change) -> dict[str, Any]:
            found = await self.attested.batch(change, batch.id)
            if found is not None and found.revoked_at is None:
                await self._revoked(change, found, "outdated")
            return {}

        await self.hub.writing.run(Enquiry(_ISSUER, Purpose.OVERSIGHT, now), "attestation.outdate", work)
        return "ended"

    # --- checking ------------------------------------------------------------------------------------------------

    async def verify(self, enquiry: Enquiry, presentation: str, nonce: str) -> dict[str, Any]:
        """What a presentation to this requester shows, once.

        Nothing is kept of it but that the nonce was used: the hub does not note who showed what to whom.

        Raises:
            NotPermitted: not a verified organisation's staff.
            AttestationInvalid, AttestationExpired, AttestationRevoked: it does not hold.
        """
        self.hub.demand(enquiry, "attestation.verify")
        now = epoch(enquiry.now)
        began = self._fresh(enquiry, nonce)
        shown = self.hub.attester.verify(presentation, now, nonce, self._audience(enquiry))
        name = shown.type.removeprefix(self.hub.attester.type_of(""))
        if name not in ATTESTABLE or shown.claims.get("iss") != self.hub.attester.address:
            raise AttestationInvalid("it is of a type that this hub does not issue", "see `attestationTypes`")
        address, position = reference(shown.claims)
        number = address.removeprefix(self.hub.attester.list_at(0)[:-1])
        if not number.isdecimal() or not await self.attested.stands(int(number), position):
            raise AttestationRevoked("the attestation was revoked", "the holder can have a new one issued, if what it said still holds")

        async def work(change: Change) -> dict[str, Any]:
            await self.attested.spend(change, nonce, began + BINDING_AGE)
            return {}

        await self.hub.writing.run(enquiry, "attestation.verify", work)
        known = {claim.name for claim in ATTESTABLE[name].claims}
        claims = [{"name": each, "value": orjson.dumps(value).decode()} for each, value in shown.claims.items() if each in known]
        return {"type": name, "claims": claims, "ends_at": _instant(shown.claims["exp"])}

    async def status_list(self, number: int, now: datetime) -> str | None:
        """A signed status list, or None where there is none of that number."""
        if not 0 <= number < await self.attested.lists():
            return None
        return self.hub.attester.status_list(number, await self.attested.revoked(number), epoch(now))

    # --- the requester -------------------------------------------------------------------------------------------

    def _person(self, enquiry: Enquiry, command: str) -> int:
        self.hub.demand(enquiry, command)
        assert enquiry.requester.person is not None
        return enquiry.requester.person

    def _audience(self, enquiry: Enquiry) -> str:
        organisation = enquiry.requester.organisation
        return self.hub.attester.address if organisation is None else self.hub.attester.audience(organisation)

    def _fresh(self, enquiry: Enquiry, nonce: str) -> int:
        """When a nonce of this requester's was given."""
        opened = self.hub.pseudonyms.unseal(enquiry.requester.receiver, "nonce", nonce)
        began = int(orjson.loads(opened)[0]) if opened is not None else 0
        if not began <= epoch(enquiry.now) <= began + BINDING_AGE:
            raise AttestationInvalid("this nonce was not given to you, or is too old", "take a new one: attestationChallenge { nonce }")
        return began

    @staticmethod
    def _row(batch: Batch, made: list[str] | None) -> dict[str, Any]:
        return {
            "id": batch.id,
            "type": batch.type,
            "programme": batch.about,
            "count": batch.count,
            "issued_at": _instant(batch.issued_at),
            "ends_at": _instant(batch.ends_at),
            "revoked_at": None if batch.revoked_at is None else _instant(batch.revoked_at),
            "revoked_because": None if batch.reason is None else batch.reason.upper(),
            "made": made,
        }


_ISSUER = Requester("mizalla", Role.PUBLIC, "hub", purposes=(Purpose.OVERSIGHT,))
"""The hub itself, where it changes what it issued; it asks for nothing."""


def _instant(seconds: int) -> str | None:
    return moment(datetime.fromtimestamp(seconds, UTC))
