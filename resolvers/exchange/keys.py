"""The keys that messages to an organisation are sealed to: published by it, signed by it, changed and revoked by it.

The hub keeps and tells them; it cannot make one up unnoticed, because each is signed by a signing key whose fingerprint people
compare over another way, and because a signing key that was not endorsed by the one before shows it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, Stale, Unknown
from privacy.messages import Published, fingerprint, is_genuine, is_signed, is_usable, succession
from privacy.standing import epoch
from resolvers.aid.inputs import text
from resolvers.governance.register import own_organisation
from resolvers.oversight.matters import DAY, at, instant
from resolvers.oversight.reports import decoded
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.database import among
from tables.exchange.messages import message_key
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

LONGEST_DAYS: Final = 800
MOST_VERSIONS: Final = 1_000
LONGEST_REASON: Final = 500


class MessageKeys(Room):
    """Publishes, revokes and tells keys."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"message_keys": self.keys}
        prepare = hub.database.prepare
        own = message_key.c.organisation == sa.bindparam("whose")
        newest_first = sa.select(*message_key.c).order_by(message_key.c.organisation, message_key.c.version.desc())
        self._held = prepare(newest_first.where(own).with_for_update())
        self._of_all = prepare(newest_first.where(among(message_key.c.organisation, "names")))
        self._insert = prepare(sa.insert(message_key))
        one = own, message_key.c.version == sa.bindparam("which")
        self._revoke = prepare(sa.update(message_key).where(*one).values(revoked_at=sa.bindparam("now")))

    async def publish(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Publish the organisation's next key.

        Raises:
            NotPermitted: the requester is no manager.
            Invalid: something that is no key, or is not signed by it, or an end that is none or too far; `field` names it.
            Stale: another version is the next one.
            Conflict: the key was published before.
        """
        self.hub.demand(enquiry, "message.key")
        own = own_organisation(enquiry)
        public, signing = decoded(given["public_key"], "publicKey"), decoded(given["signing_key"], "signingKey")
        until, now = epoch(instant(given["until_at"], "untilAt")), epoch(enquiry.now)
        if not is_usable(public):
            raise Invalid("this is no public key", "make one with `mizalla message keys`", "publicKey")
        if not now < until <= now + LONGEST_DAYS * DAY:
            raise Invalid(f"a key holds for at most {LONGEST_DAYS} days, and its end lies ahead", "name another end", "untilAt")
        published = Published(own, given["version"], public, signing, until, decoded(given["signature"], "signature"))
        if not is_genuine(published):
            raise Invalid(
                "the signature is not that of the signing key over this key", "sign it with `mizalla message publish`", "signature"
            )
        endorsement = decoded(given["endorsement"], "endorsement") if given["endorsement"] is not None else None

        async def work(change: Change) -> dict[str, Any]:
            before = await change.fetch(self._held, {"whose": own})
            last = before[0] if before else None
            if published.version != (last[1] if last else 0) + 1 or published.version > MOST_VERSIONS:
                raise Stale("another version is the next one", f"publish it as version {(last[1] if last else 0) + 1}", "version")
            if any(bytes(row[2]) == public for row in before):
                raise Conflict("this key was published before", "make another one")
            continues = last is not None and bytes(last[3]) == signing
            if endorsement is not None:
                if last is None or not is_signed(bytes(last[3]), succession(own, signing), endorsement):
                    raise Invalid("this is no endorsement by the signing key before", "have the old key sign the new one", "endorsement")
                continues = True
            row = (own, published.version, public, signing, published.signature, continues, change.now, until, None)
            await change.execute(self._insert, dict(zip(message_key.c.keys(), row, strict=True)))
            await change.step(_thing(own), "publish", f"version {published.version}")
            return _shown(row)

        content = [given[name] for name in ("version", "public_key", "signing_key", "signature", "endorsement")]
        return await self.hub.writing.run(enquiry, "message.key", work, key=key, content=[*content, until])

    async def revoke(self, enquiry: Enquiry, version: int, reason: str) -> dict[str, Any]:
        """Say that a key is not to be sealed to any more; what was sealed to it stays as it is.

        Raises:
            NotPermitted: the requester is no manager.
            Unknown: the organisation has no such key.
            Conflict: it was revoked before.
        """
        self.hub.demand(enquiry, "message.key")
        own, why = own_organisation(enquiry), text(reason, "reason", LONGEST_REASON)

        async def work(change: Change) -> dict[str, Any]:
            rows = [row for row in await change.fetch(self._held, {"whose": own}) if row[1] == version]
            if not rows:
                raise Unknown("the organisation has no such key", "give the version of one of `messageKeys`", "version")
            if rows[0][8] is not None:
                raise Conflict("this key was revoked before", "publish another one")
            await change.execute(self._revoke, {"whose": own, "which": version, "now": change.now})
            await change.step(_thing(own), "revoke", f"version {version}", why)
            return _shown((*rows[0][:8], change.now))

        return await self.hub.writing.run(enquiry, "message.revoke", work)

    async def keys(self, gathering: Gathering, field: Field) -> Any:
        """Every key that some organisations published, the newest first, those that ended too: old messages were sealed with them."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "message.read")
        names = list(dict.fromkeys(str(each) for each in field.arguments(gathering.variables)["organisations"]))
        if not 1 <= len(names) <= 50:
            raise Invalid("keys of 1 to 50 organisations are told at once", "ask in parts", "organisations")
        return shaped(field.want, [_shown(row) for row in await self.hub.database.fetch(self._of_all, {"names": names}, rows=50)])

    async def standing(self, change: Change, names: Sequence[str]) -> dict[str, int]:
        """The version that is to be sealed to, of each organisation that has one."""
        found: dict[str, int] = {}
        for row in await change.fetch(self._of_all, {"names": list(names)}):
            if row[8] is None and row[7] > change.now:
                found.setdefault(row[0], row[1])
        return found

    async def fitting(self, change: Change, parties: Sequence[str], versions: Mapping[str, int], field: str) -> None:
        """Go on only where something was sealed for exactly these parties, each to its standing key.

        Raises:
            Invalid: a party is left out, has no key, or somebody else is put in.
            Stale: a party has another key by now.
        """
        if set(versions) != set(parties):
            raise Invalid("it is not sealed for exactly its parties", "seal it for each of them, the sender among them", field)
        keys = await self.standing(change, parties)
        for party in parties:
            if party not in keys:
                raise Invalid(f"{party} has published no key that holds", "ask it to publish one: `messageKeyPublish`", field)
            if versions[party] != keys[party]:
                raise Stale(f"the key of {party} is version {keys[party]} now", "read `messageKeys` again, and seal it anew", field)


def _thing(organisation: str) -> str:
    return f"message_key:{organisation}"[:64]


def _shown(row: Sequence[Any]) -> dict[str, Any]:
    organisation, version, public, signing, signature, continues, published_at, until_at, revoked_at = row
    written = [base64.b64encode(bytes(each)).decode() for each in (public, signing, signature)]
    return {
        "organisation": organisation,
        "version": version,
        "public_key": written[0],
        "signing_key": written[1],
        "signature": written[2],
        "fingerprint": fingerprint(bytes(signing)),
        "continues": bool(continues),
        "published_at": at(published_at),
        "until_at": at(until_at),
        "revoked_at": at(revoked_at),
    }
