"""The wallet's side of the hub: challenges, sessions, devices, and the end of an identity.

An identity is its devices' public keys. A session is a credential of kind `person` that lasts some minutes; it ends with its device,
with the identity, or when its holder signs out, and is then refused from the next request on.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Conflict, Unauthenticated, Unknown
from privacy.standing import epoch
from privacy.wallet import Challenges, Proof, Proven, key_of, written
from resolvers.gather import Gathering, moment_of
from resolvers.identity.enrolment import device_name, named
from resolvers.room import Answers, Keys, Room, Shows
from resolvers.want import Field, shaped
from resolvers.writing import Change
from tables.identity import credential, person
from tables.identity.wallet import answered, device, holding, session
from tables.statement import insert_missing
from values import Enquiry, Purpose

if TYPE_CHECKING:
    from resolvers.hub import Hub

DAY = 86400
CHALLENGE_SECONDS = 120
MINUTES = 15
"""How long things last where `hub.toml` says nothing."""

MOST_DEVICES = 20
DEVICE = tuple(device.c)


class WalletCommands(Room):
    """What a holder does with its identity, and what enrolment makes for it."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        settings = hub.settings.hub
        seconds = settings.enrolment.challenge_seconds if settings.enrolment else CHALLENGE_SECONDS
        self.minutes = settings.enrolment.session_minutes if settings.enrolment else MINUTES
        address = settings.address or f"http://{settings.host}:{settings.port}"
        self.challenges = Challenges(hub.ring, {"/".join(address.split("/")[:3]), *settings.origins}, seconds)
        self.roots: dict[str, Answers] = {"challenge": self.challenge, "wallet": self.wallet}
        self.watched: dict[str, tuple[Keys, Shows]] = {"wallet_changed": (self._holder, self._changed)}
        self._prepare()

    def _prepare(self) -> None:
        prepare, dialect = self.hub.database.prepare, self.hub.database.dialect.name
        whose = device.c.person == sa.bindparam("person")
        self._spend = prepare(insert_missing(answered, dialect))
        # Read with a lock, here and below, where MariaDB would otherwise answer from before the transaction had to wait.
        self._spender = prepare(sa.select(answered.c.claim).where(answered.c.challenge == sa.bindparam("challenge")).with_for_update())
        self._sweep = prepare(sa.delete(answered).where(answered.c.ends_at <= sa.bindparam("now")))
        self._by_key = prepare(sa.select(*DEVICE).where(device.c.public_key == sa.bindparam("public_key")))
        self._by_key_now = prepare(sa.select(*DEVICE).where(device.c.public_key == sa.bindparam("public_key")).with_for_update())
        self._devices = prepare(sa.select(*DEVICE).where(whose).order_by(device.c.added_at, device.c.added_by.is_not(None), device.c.id))
        self._add = prepare(sa.insert(device).values({column.name: sa.bindparam(column.name) for column in DEVICE}))
        self._end = prepare(sa.update(device).where(device.c.id == sa.bindparam("which")).values(ended_at=sa.bindparam("at")))
        self._open = prepare(insert_missing(holding, dialect))
        self._hold = prepare(
            sa.select(holding.c.enrolment, holding.c.opened_at, holding.c.closed_at, holding.c.household)
            .where(holding.c.person == sa.bindparam("person"))
            .with_for_update()
        )
        self._held = prepare(sa.select(holding.c.opened_at, holding.c.closed_at).where(holding.c.person == sa.bindparam("person")))
        values: dict[str, Any] = {name: sa.bindparam(name) for name in ("enrolment", "opened_at", "closed_at", "household")}
        self._change = prepare(sa.update(holding).where(holding.c.person == sa.bindparam("which")).values(values))
        self._person = prepare(sa.select(person.c.household).where(person.c.number == sa.bindparam("person")))
        self._leave = prepare(sa.delete(person).where(person.c.number == sa.bindparam("which")))
        self._return = prepare(insert_missing(person, dialect))
        live = credential.c.revoked_at.is_(None)
        self._live = prepare(sa.select(credential.c.id).where(credential.c.person == sa.bindparam("person"), live))
        self._sessions = prepare(sa.select(session.c.credential).where(session.c.device == sa.bindparam("device")))
        self._revoke = prepare(
            sa.update(credential).where(credential.c.id == sa.bindparam("which"), live).values(revoked_at=sa.bindparam("at"))
        )
        self._begin = prepare(sa.insert(session).values({name: sa.bindparam(name) for name in ("credential", "device", "ends_at")}))
        self._old = prepare(
            sa.select(session.c.credential).where(session.c.device == sa.bindparam("device"), session.c.ends_at <= sa.bindparam("now"))
        )
        self._drop_session = prepare(sa.delete(session).where(session.c.credential == sa.bindparam("which")))
        self._drop_credential = prepare(sa.delete(credential).where(credential.c.id == sa.bindparam("which")))

    # --- proofs --------------------------------------------------------------------------------------------------

    async def challenge(self, gathering: Gathering, field: Field) -> Any:
        """A challenge for anybody; nothing is stored for it."""
        assert field.want is not None
        text, ends_at = self.challenges.make(epoch(gathering.enquiry.now))
        return shaped(field.want, {"challenge": text, "ends_at": moment_of(ends_at)})

    async def spend(self, change: Change, proven: Proven) -> None:
        """Use a proof up, in the transaction of what it is for.

        Raises:
            Unauthenticated: it was used already, by this process or another.
        """
        claim = secrets.token_hex(16)
        await change.execute(self._spend, {"challenge": proven.spent, "claim": claim, "ends_at": proven.ends_at})
        if await change.fetch(self._spender, {"challenge": proven.spent}) != [(claim,)]:
            raise _replayed()
        await change.execute(self._sweep, {"now": change.now})

    async def alone(self, change: Change, tried: bytes) -> None:
        """Hold whatever is tried until the transaction ends, so that of many tries at once each is counted; `tried` is 32 bytes."""
        row = {"challenge": tried, "claim": "", "ends_at": change.now + DAY}
        await change.execute(self._spend, row)
        await change.fetch(self._spender, row)

    async def unused(self, public_key: bytes) -> None:
        """Go on only with a key that no device has, or ever had: an ended key never comes back.

        Raises:
            Conflict: it is a device's.
        """
        if await self.hub.database.fetch(self._by_key, {"public_key": public_key}):
            raise Conflict("this key is a device's already", "sign in with it; if it was ended, make a new key")

    # --- sessions ------------------------------------------------------------------------------------------------

    async def begin(self, enquiry: Enquiry, proof: Proof) -> dict[str, Any]:
        """Sign in: a bearer token for some minutes.

        Raises:
            Unauthenticated: the proof does not hold, or the key is no device's; not said which.
        """
        self.hub.demand(enquiry, "session.open")
        proven = self.challenges.proven(proof, "session.open", "", epoch(enquiry.now))

        async def work(change: Change) -> dict[str, Any]:
            await self.spend(change, proven)
            rows = await change.fetch(self._by_key, {"public_key": proven.public_key})
            if rows:
                await self.hold(change, rows[0][1])  # whoever ends a device holds this row meanwhile
                rows = await change.fetch(self._by_key_now, {"public_key": proven.public_key})
            if not rows or rows[0][6] is not None:
                raise _unknown_key()
            found = dict(zip((column.name for column in DEVICE), rows[0], strict=True))
            for (old,) in await change.fetch(self._old, {"device": found["id"], "now": change.now}):
                await change.execute(self._drop_session, {"which": old})
                await change.execute(self._drop_credential, {"which": old})
            ends_at = change.now + self.minutes * 60
            role = await self.hub.identity.assurance.role(change, found["person"])
            token, key, row = self.hub.credentials.made(
                "wallet", "person", None, role, (Purpose.SELF_ACCESS,), change.now, found["person"], ends_at
            )
            await change.execute(self.hub.credentials.adding, row)
            await change.execute(self._begin, {"credential": key, "device": found["id"], "ends_at": ends_at})
            return {"token": token, "ends_at": moment_of(ends_at), "device": found["id"]}

        return await self.hub.writing.run(enquiry, "session.open", work)

    async def finish(self, enquiry: Enquiry) -> dict[str, Any]:
        """Sign out: the session that asks ends.

        Raises:
            NotPermitted: the requester is no person.
        """
        self.hub.demand(enquiry, "wallet.see")

        async def work(change: Change) -> dict[str, Any]:
            await self._revoked(change, [enquiry.requester.credential or ""])
            return {"ended_at": moment_of(change.now)}

        return await self.hub.writing.run(enquiry, "session.close", work)

    # --- devices -------------------------------------------------------------------------------------------------

    async def add(self, enquiry: Enquiry, name: str, proof: Proof, joining: Proof) -> dict[str, Any]:
        """Let another device in: signed by one that is there, about the other's key, and by the other.

        Raises:
            NotPermitted: the requester is no person.
            Invalid: a key or the name cannot be read.
            Unauthenticated: a proof does not hold, or the first is not by a device of this person.
            Conflict: the other's key is a device's already, or there are too many.
        """
        self.hub.demand(enquiry, "wallet.keep")
        called, now, itself = device_name(name), epoch(enquiry.now), enquiry.requester.person
        assert itself is not None
        other = self.challenges.proven(joining, "device.join", "", now)
        mine = self.challenges.proven(proof, "device.add", written(key_of(joining.public_key)), now)
        await self.unused(other.public_key)

        async def work(change: Change) -> dict[str, Any]:
            await self.spend(change, mine)
            await self.spend(change, other)
            await self.hold(change, itself)
            there = [each for each in await self._listed(change, itself) if each["ended_at"] is None]
            by = next((each["id"] for each in there if each["public_key"] == mine.public_key), None)
            if by is None:
                raise _unknown_key()
            if len(there) >= MOST_DEVICES:
                raise Conflict(f"an identity has at most {MOST_DEVICES} devices", "end one that is not used")
            await self.let_in(change, itself, called, other.public_key, by)
            return {"devices": [_shown(each) for each in await self._listed(change, itself)]}

        return await self.hub.writing.run(enquiry, "device.add", work)

    async def remove(self, enquiry: Enquiry, id: str) -> dict[str, Any]:  # noqa: A002 — as the caller calls it
        """End a device of one's own, with its key and its sessions, at once.

        Raises:
            NotPermitted: the requester is no person.
            Unknown: no device of this person has this id.
            Conflict: it is the last one.
        """
        self.hub.demand(enquiry, "wallet.keep")
        itself = enquiry.requester.person
        assert itself is not None

        async def work(change: Change) -> dict[str, Any]:
            await self.hold(change, itself)
            there = [each for each in await self._listed(change, itself) if each["ended_at"] is None]
            if id not in {each["id"] for each in there}:
                raise Unknown("there is no such device", "read `wallet { devices { id } }`")
            if len(there) == 1:
                raise Conflict("this is the last device", "let another in first, or close the identity")
            await self._shut(change, id, itself)
            return {"devices": [_shown(each) for each in await self._listed(change, itself)]}

        return await self.hub.writing.run(enquiry, "device.remove", work)

    # --- the identity --------------------------------------------------------------------------------------------

    async def close(self, enquiry: Enquiry, proof: Proof) -> dict[str, Any]:
        """Close the identity: consents end, devices and sessions end, and no identifier leads to the person any more.

        Consents are withdrawn first, one by one, each with its receipt: a closing that is cut off leaves less open, never more.

        Raises:
            NotPermitted: the requester is no person.
            Unauthenticated: the proof does not hold, or is not by a device of this person.
        """
        self.hub.demand(enquiry, "wallet.keep")
        now, itself = epoch(enquiry.now), enquiry.requester.person
        assert itself is not None
        proven = self.challenges.proven(proof, "identity.close", "", now)
        rows = await self.hub.database.fetch(self._by_key, {"public_key": proven.public_key})
        if not rows or rows[0][1] != itself or rows[0][6] is not None:
            raise _unknown_key()
        for each in await self.hub.consents.of(itself):
            if each.holds(now):
                await self.hub.identity.consents.withdraw(enquiry, each.id)

        async def work(change: Change) -> dict[str, Any]:
            await self.spend(change, proven)
            await self.hold(change, itself)
            await self.replaced(change, itself)
            await self._revoked(change, [each for (each,) in await change.fetch(self._live, {"person": itself})])
            ((home,),) = await change.fetch(self._person, {"person": itself}) or [(None,)]
            row = (await change.fetch(self._hold, {"person": itself}))[0]
            values = {"which": itself, "enrolment": row[0], "opened_at": row[1], "closed_at": change.now, "household": home}
            await change.execute(self._change, values)
            await change.execute(self._leave, {"which": itself})
            await self.hub.identity.assurance.settle(change, itself)
            await change.step(f"holding:{itself}", "close", "closed")
            return {"closed_at": moment_of(change.now)}

        return await self.hub.writing.run(enquiry, "identity.close", work)

    async def opened(self, change: Change, number: int, enrolment: str) -> bool:
        """Open an identity for a person, or one that its holder closed; False where there is an open one."""
        values = {"person": number, "enrolment": enrolment, "opened_at": change.now, "closed_at": None, "household": None}
        await change.execute(self._open, values)
        first, _, closed_at, household = (await change.fetch(self._hold, {"person": number}))[0]
        if first != enrolment and closed_at is None:
            return False
        if closed_at is not None:
            await change.execute(self._return, {"number": number, "household": household})
            await change.execute(self._change, {**values, "which": number})
        await change.step(f"holding:{number}", "open", "open")
        return True

    async def hold(self, change: Change, number: int) -> None:
        """Hold a person's identity until the transaction ends: devices and sessions change one at a time."""
        await change.fetch(self._hold, {"person": number})

    async def let_in(self, change: Change, number: int, name: str, public_key: bytes, by: str | None) -> None:
        """Make a device of a key."""
        if await change.fetch(self._by_key_now, {"public_key": public_key}):
            raise Conflict("this key is a device's already", "make a new key")
        row = {"id": secrets.token_hex(16), "person": number, "name": name, "public_key": public_key, "added_at": change.now}
        await change.execute(self._add, {**row, "added_by": by, "ended_at": None})
        await change.step(f"device:{row['id']}", "add", "in_use")
        change.tell("wallet_changed", number, {"device": row["id"]})

    async def replaced(self, change: Change, number: int) -> None:
        """End every device of a person, with its sessions."""
        for each in await self._listed(change, number):
            if each["ended_at"] is None:
                await self._shut(change, each["id"], number)

    async def signed_out(self, change: Change, number: int) -> None:
        """End every session of a person's devices."""
        for each in await self._listed(change, number):
            await self._revoked(change, [one for (one,) in await change.fetch(self._sessions, {"device": each["id"]})])

    async def _shut(self, change: Change, id: str, number: int) -> None:  # noqa: A002 — as the caller calls it
        await change.execute(self._end, {"which": id, "at": change.now})
        await self._revoked(change, [each for (each,) in await change.fetch(self._sessions, {"device": id})])
        await change.step(f"device:{id}", "end", "ended")
        change.tell("wallet_changed", number, {"device": id})

    async def _revoked(self, change: Change, ids: list[str]) -> None:
        for each in ids:
            await change.execute(self._revoke, {"which": each, "at": change.now})

    async def _listed(self, change: Change, number: int) -> list[dict[str, Any]]:
        return [_device(row) for row in await change.fetch(self._devices, {"person": number})]

    # --- reading -------------------------------------------------------------------------------------------------

    async def wallet(self, gathering: Gathering, field: Field) -> Any:
        """The devices of the person who asks, and recoveries that wait; None for anybody else."""
        assert field.want is not None
        number = gathering.enquiry.requester.person
        if number is None or not self.hub.may(gathering.enquiry, "wallet.see"):
            return None
        held = await self.hub.database.fetch(self._held, {"person": number})
        rows = await self.hub.database.fetch(self._devices, {"person": number})
        waiting = await self.hub.database.fetch(self.hub.identity.enrolment.recovering, {"person": number})
        recoveries = [
            {"id": each["id"], "device": each["name"], "asked_at": moment_of(each["applied_at"]), "ready_at": moment_of(each["ready_at"])}
            for each in map(named, waiting)
        ]
        found = {
            "opened_at": moment_of(held[0][0]) if held else None,
            "devices": [_shown(_device(row)) for row in rows],
            "recoveries": recoveries,
            "confirmed": not await self.hub.identity.assurance.waits(number),
        }
        return shaped(field.want, found)

    def _holder(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "wallet.see")
        return str(enquiry.requester.person)

    async def _changed(self, gathering: Gathering, field: Field, _: Any) -> Any:
        return await self.wallet(gathering, field)


def _device(row: tuple[Any, ...]) -> dict[str, Any]:
    found = {column.name: value for column, value in zip(DEVICE, row, strict=True)}
    return {**found, "public_key": bytes(found["public_key"])}


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": found["id"],
        "name": found["name"],
        "public_key": written(found["public_key"]),
        "added_at": moment_of(found["added_at"]),
        "ended_at": moment_of(found["ended_at"]),
    }


def _replayed() -> Unauthenticated:
    return Unauthenticated("the proof does not hold", "every challenge is answered once: ask for a new one")


def _unknown_key() -> Unauthenticated:
    return Unauthenticated("the proof does not hold", "sign with the key of a device in use; if it is lost, enrol again")
