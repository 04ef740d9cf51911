"""How sure the hub is of an identity: one enrolled by knowledge alone opens nothing until a code was entered that was handed over.

Whoever knows all particulars of another can enrol in its place. So a person that enrolled alone signs in as a newcomer, for which no rule
opens anything but its own devices. A caseworker who sees papers hands it a one-time code, or the enrolment office sends one by post to
where the registry knows the person to live. Whoever enrolled with staff who saw papers needs none.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid, LimitReached, NotPermitted, Unknown
from resolvers.gather import Gathering, moment_of
from resolvers.room import Room
from tables.identity import identifier
from tables.identity.assurance import unconfirmed
from tables.statement import insert_missing
from values import Enquiry, Role, Scheme, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LETTERS: Final = 10
"""Of thirty letters and digits that nobody mistakes: 49 bits, of which five may be tried."""

MOST_WRONG: Final = 5
DAY: Final = 86_400


class AssuranceCommands(Room):
    """Codes made and entered, and which identities wait for one."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self._key = hub.ring.subkey("identity code", hub.ring.root)
        prepare, table = hub.database.prepare, unconfirmed.c
        whose = table.person == sa.bindparam("whose")
        self._begin = prepare(insert_missing(unconfirmed, hub.database.dialect.name))
        self._found = prepare(sa.select(*table).where(whose))
        self._hold = prepare(sa.select(*table).where(whose).with_for_update())
        self._end = prepare(sa.delete(unconfirmed).where(whose))
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("code", "made_at", "ends_at", "wrong")}
        self._change = prepare(sa.update(unconfirmed).where(whose).values(**values))
        self._by_blind = prepare(sa.select(identifier.c.person).where(identifier.c.blind == sa.bindparam("blind")))

    # --- which wait ----------------------------------------------------------------------------------------------

    async def doubt(self, change: Change, person: int) -> None:
        """From now on this identity waits for a code, where the hub is set so; a code made before opens nothing."""
        await self.settle(change, person)
        settings = self.hub.settings.hub.enrolment
        if settings is not None and settings.code:
            row = {"person": person, "since": change.now, "code": None, "made_at": None, "ends_at": None, "wrong": 0}
            await change.execute(self._begin, row)

    async def settle(self, change: Change, person: int) -> None:
        """This identity waits no longer."""
        await change.execute(self._end, {"whose": person})

    async def role(self, change: Change, person: int) -> Role:
        """As what somebody signs in."""
        return Role.NEWCOMER if await change.fetch(self._found, {"whose": person}) else Role.PERSON

    async def waits(self, person: int) -> bool:
        """Whether an identity waits for a code."""
        return bool(await self.hub.database.fetch(self._found, {"whose": person}))

    # --- codes ---------------------------------------------------------------------------------------------------

    async def make(self, enquiry: Enquiry, scheme: Scheme, number: str, papers: tuple[str, ...], *, letter: bool) -> dict[str, Any]:
        """Make a code for who enrolled alone with this number; shown once, and to be handed over or sent by post.

        Raises:
            NotPermitted: no caseworker of a verified organisation; or a letter, and not of the enrolment office.
            Invalid: the number cannot be read, or neither papers were seen nor a letter is sent.
            Unknown: nobody with this number waits for a code.
            LimitReached: a code was made for it a short time ago.
        """
        self.hub.demand(enquiry, "enrolment.witness")
        settings = self.hub.identity.enrolment.registry.settings()
        if letter and enquiry.requester.organisation != settings.office:
            raise NotPermitted("only the enrolment office sends codes by post", "see papers, and hand the code over")
        if letter == bool(papers):
            raise Invalid("a code is handed over where papers were seen, or sent by post", "name the papers, or say `letter`", "papers")
        rows = await self.hub.database.fetch(self._by_blind, {"blind": self.hub.identity.enrolment.registry.blind(scheme, number)})
        person = rows[0][0] if rows else 0
        code = "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))

        async def work(change: Change) -> dict[str, Any]:
            held = await change.fetch(self._hold, {"whose": person})
            if not held:
                raise Unknown("nobody with this number waits for a code", "let the person enrol first, or witness its enrolment")
            if (held[0][3] or 0) > change.now - DAY:
                raise LimitReached("a code was made for this person today", "use that one, or come again tomorrow", DAY)
            ends_at = change.now + settings.code_days * DAY
            values = {"new_code": self._hash(person, code), "new_made_at": change.now, "new_ends_at": ends_at, "new_wrong": 0}
            await change.execute(self._change, {"whose": person, **values})
            await change.step(f"holding:{person}", "code", "open", "letter" if letter else " ".join(papers))
            change.tell("wallet_changed", person, {"code": True})
            return {"ends_at": moment_of(ends_at)}

        made = await self.hub.writing.run(enquiry, "identity.code", work)
        gathering = Gathering(self.hub, enquiry)
        gathering.shown.append(Shown(("person.id",), (), (person,), "enrolment"))
        await self.hub.disclose(gathering)
        return {"code": f"{code[:5]}-{code[5:]}", **made}

    async def confirm(self, enquiry: Enquiry, text: str) -> dict[str, Any]:
        """Enter the code, as who enrolled alone: from the next sign-in on, the identity opens what it opens.

        A wrong code is counted, and nothing else is written.

        Raises:
            NotPermitted: the requester does not wait for a code.
            Unknown: it is not the code; not said whether there is one.
        """
        self.hub.demand(enquiry, "enrolment.confirm")
        person = enquiry.requester.person
        assert person is not None
        hashed = self._hash(person, "".join(each for each in text[:64].upper() if each in ALPHABET))

        async def work(change: Change) -> dict[str, Any]:
            await self.hub.identity.wallet.hold(change, person)
            held = await change.fetch(self._hold, {"whose": person})
            row: Mapping[str, Any] = dict(zip((each.name for each in unconfirmed.c), held[0], strict=True)) if held else {}
            stands = row.get("code") is not None and row["ends_at"] > change.now and row["wrong"] < MOST_WRONG
            if not stands or not compare_digest(bytes(row["code"]), hashed):
                if stands:
                    kept = {f"new_{name}": row[name] for name in ("code", "made_at", "ends_at")}
                    await change.execute(self._change, {"whose": person, **kept, "new_wrong": row["wrong"] + 1})
                return {"confirmed": False}
            await self.settle(change, person)
            await self.hub.identity.wallet.signed_out(change, person)
            await change.step(f"holding:{person}", "confirm", "open")
            change.tell("wallet_changed", person, {"code": False})
            return {"confirmed": True}

        done = await self.hub.writing.run(enquiry, "identity.confirm", work)
        if not done["confirmed"]:
            raise Unknown("this is not the code, or not any more", f"after {MOST_WRONG} tries, or its end, have another one made")
        return done

    def _hash(self, person: int, code: str) -> bytes:
        return blake2b(f"{person} {code}".encode(), key=self._key, digest_size=32).digest()
