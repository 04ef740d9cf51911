"""How a command changes the hub's own tables: all of it or nothing, at most once a key, with its steps and its news.

A command runs in one transaction, and anew where another one came first with the same key. What it changed, the signed steps of
the things it moved, the answer kept for its idempotency key and the news of it become durable together; only then are the news told.

    async def work(change: Change) -> dict[str, Any]:
        await change.execute(self._insert, {...})
        await change.step("aid_request:17", "open", "opened")
        change.tell("aid_requested", organisation, {"id": 17})
        return {"id": 17}

    return await self.hub.writing.run(enquiry, "aid_request.open", work, key=idempotency_key, content=[...])
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid
from privacy.keys import KeyRing
from privacy.sealing import Seal
from privacy.standing import epoch
from tables.database import Database, Row, Transaction
from tables.statement import Statement, among, insert_missing, updating
from tables.writing import command, news, step
from values import PUBLIC, Enquiry

KEY_LENGTH = 64
"""Characters of an idempotency key at most."""

ANYBODYS_KEY = 32
"""Characters at least of the key of who has no credential: whoever has the key has the answer, which may hold a secret."""

Work = Callable[["Change"], Awaitable[dict[str, Any]]]
"""Does what a command is for, and gives its answer as plain JSON values."""

Tells = Callable[[str, str, dict[str, Any]], None]
Writes = Callable[[Transaction, str, str, str, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody commands: its `name` as the rules know it, what was asked as plain JSON values, and its idempotency key."""

    enquiry: Enquiry
    name: str
    key: str | None
    content: Any

    @property
    def which(self) -> tuple[str, str, str | None]:
        """What makes two commands the same: keys of two requesters never meet."""
        return self.enquiry.requester.receiver, self.name, self.key


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a thing's trace as it is stored; `at` in seconds since 1970 (UTC)."""

    number: int
    at: int
    act: str
    state: str
    organisation: str | None
    role: str
    reason: str | None


class Change:
    """One command's transaction: statements, steps and news that become durable together.

    `tx` is for parts of other floors that take effect within it; `enquiry` on whose behalf, `now` its moment in seconds.
    """

    def __init__(self, writing: Writing, tx: Transaction, enquiry: Enquiry) -> None:
        """Made by Writing.run."""
        self._writing = writing
        self.tx = tx
        self.enquiry = enquiry
        self.now = epoch(enquiry.now)
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    async def fetch(self, statement: Statement, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Read what this transaction sees."""
        return await self.tx.fetch(statement, values or {})

    async def execute(self, statement: Statement, values: Mapping[str, Any] | None = None) -> int:
        """Change something, and learn how many rows it was."""
        return await self.tx.execute(statement, values or {})

    async def execute_many(self, statement: Statement, many: Iterable[Mapping[str, Any] | Row]) -> None:
        """Run one statement for many value sets."""
        await self.tx.execute_many(statement, many)

    async def step(self, thing: str, act: str, state: str, reason: str | None = None) -> None:
        """Append a step to a thing's trace, chained to the one before and signed."""
        await self._writing.append(self.tx, self.enquiry, thing, act, state, reason)

    async def first_steps(self, things: Sequence[str], act: str, state: str) -> None:
        """Append the first step of each of some things that this transaction has just made."""
        await self._writing.begin(self.tx, [(self.enquiry, thing, act, state) for thing in things])

    def tell(self, topic: str, key: str | int, body: dict[str, Any]) -> None:
        """Have news told once this is durable: ids and codes only, for `key` is whom it concerns."""
        self.told.append((topic, str(key), body))


class Writing:
    """The one way to change the hub's own tables on somebody's behalf."""

    def __init__(self, database: Database, ring: KeyRing, tell: Tells, write: Writes | None = None, origin: str | None = None) -> None:
        """Prepare every statement once.

        `tell` hands news to those who watch in this process, `write` notes whom they are sent to, `origin` is the process's name.
        """
        self.tell = tell
        self.write = write
        self.origin = origin or secrets.token_hex(8)
        self.database = database
        self.ring = ring
        self._digests = ring.subkey("command", ring.root)
        self._reasons = Seal(ring, "step reason", "")
        prepare = database.prepare
        named = among(command.c.receiver, "receivers"), among(command.c.name, "names"), among(command.c.key, "keys")
        self._claim = prepare(insert_missing(command, database.dialect.name))
        claimed = [command.c[name] for name in ("receiver", "name", "key", "claim", "digest", "answer")]
        self._claimed = prepare(sa.select(*claimed).where(*named))
        self._answer = updating(command, ("receiver", "name", "key"), ("answer",), database.dialect)
        self._last = prepare(
            sa.select(step.c.number, step.c.hash).where(step.c.thing == sa.bindparam("thing")).order_by(step.c.number.desc()).limit(1)
        )
        self._steps = prepare(sa.select(*step.c).where(among(step.c.thing, "things")).order_by(step.c.thing, step.c.number))
        self._append = prepare(sa.insert(step))
        self._news = prepare(sa.insert(news).values({name: sa.bindparam(name) for name in ("topic", "key", "body", "at", "origin")}))

    async def run(self, enquiry: Enquiry, name: str, work: Work, *, key: str | None = None, content: Any = None) -> dict[str, Any]:
        """Do a command's work in one transaction, and tell its news.

        Args:
            enquiry: on whose behalf.
            name: the command, as the rules know it.
            work: does it.
            key: the idempotency key: the same key gives the first answer again, and nothing is done twice.
            content: what was asked, as plain JSON values; the same key with other content is refused.

        Raises:
            Invalid: a key that is empty or too long.
            Conflict: the key was used for something else.
        """
        commanded = Command(enquiry, name, key, content)
        if not fits(key):
            raise Invalid(f"an idempotency key has 1 to {KEY_LENGTH} characters", "use a random key, such as a UUID", "idempotencyKey")
        if key is not None and enquiry.requester.receiver == PUBLIC.receiver and len(key) < ANYBODYS_KEY:
            message = f"without a credential an idempotency key has at least {ANYBODYS_KEY} characters"
            raise Invalid(message, "use a random UUID: whoever has the key has the answer", "idempotencyKey")

        async def whole(tx: Transaction) -> tuple[dict[str, Any], list[Change]]:
            earlier = (await self.earlier(tx, [commanded])).get(commanded.which)
            if earlier is not None:
                return answered(earlier), []
            change = Change(self, tx, enquiry)
            answer = await work(change)
            await self.keep(tx, [(commanded, change, answer)])
            return answer, [change]

        answer, changes = await self.database.change(whole)
        self.spread(changes)
        return answer

    async def earlier(self, tx: Transaction, commands: Sequence[Command]) -> dict[tuple[str, str, str | None], dict[str, Any] | Conflict]:
        """Take the keys of some commands, and give what those have been answered whose key was taken before: an answer, or a conflict.

        Whoever else uses one of these keys waits until the transaction ends. No two of the commands may have one key.
        """
        asked = {each.which: each for each in commands if each.key is not None}
        if not asked:
            return {}
        claim = secrets.token_hex(16)
        rows = [
            {"receiver": which[0], "name": which[1], "key": which[2], "claim": claim, "digest": self._digest(each), "answer": None}
            | {"at": epoch(each.enquiry.now)}
            for which, each in sorted(asked.items())
        ]
        await tx.execute_many(self._claim, rows)
        receivers, names, keys = (list({which[place] for which in asked}) for place in range(3))
        found: dict[tuple[str, str, str | None], dict[str, Any] | Conflict] = {}
        for *which, winner, digest, answer in await tx.fetch(self._claimed, {"receivers": receivers, "names": names, "keys": keys}):
            each = asked.get((which[0], which[1], which[2]))
            if each is not None and winner != claim:
                found[each.which] = self._read(each, bytes(digest), answer)
        return found

    async def keep(self, tx: Transaction, done: Sequence[tuple[Command, Change, dict[str, Any]]]) -> None:
        """Write down the answers and news of commands that were done in this transaction."""
        current = self.ring.current
        answers = [(self._seal(each.enquiry).close(orjson.dumps(answer), current), *each.which) for each, _, answer in done if each.key]
        if answers:
            await tx.execute_many(self._answer, answers)
        told = [
            {"topic": topic, "key": key, "body": orjson.dumps(body).decode(), "at": change.now, "origin": self.origin}
            for _, change, _ in done
            for topic, key, body in change.told
        ]
        if told:
            await tx.execute_many(self._news, told)
            if self.write is not None:
                for row in told:
                    await self.write(tx, str(row["topic"]), str(row["key"]), str(row["body"]), int(str(row["at"])))

    async def tell_elsewhere(self, topic: str, key: str, body: dict[str, Any]) -> None:
        """Tell other processes of what is under way: at once, in a transaction of its own; who watches here is told by `tell`."""
        row = {"topic": topic, "key": key, "body": orjson.dumps(body).decode(), "at": int(time.time()), "origin": self.origin}
        async with self.database.transaction() as tx:
            await tx.execute(self._news, row)

    def spread(self, changes: Iterable[Change]) -> None:
        """Tell those who watch in this process the news of changes that are durable now."""
        for change in changes:
            for topic, concerned, body in change.told:
                self.tell(topic, concerned, body)

    async def append(self, tx: Transaction, enquiry: Enquiry, thing: str, act: str, state: str, reason: str | None) -> None:
        """Append one step; the row before must be held by the caller's transaction, as the thing itself is."""
        last = await tx.fetch(self._last, {"thing": thing})
        number, before = (last[0][0] + 1, bytes(last[0][1])) if last else (1, bytes(32))
        await tx.execute(self._append, self._signed(enquiry, (thing, number, before), (act, state, reason), self.ring.signing_key()))

    async def begin(self, tx: Transaction, steps: Iterable[tuple[Enquiry, str, str, str]]) -> None:
        """Append the first step, (on whose behalf, thing, act, state), of things that are new, without looking for steps before."""
        key = self.ring.signing_key()
        rows = [self._signed(enquiry, (thing, 1, bytes(32)), (act, state, None), key) for enquiry, thing, act, state in steps]
        await tx.execute_many(self._append, rows)

    def _signed(self, enquiry: Enquiry, place: tuple[str, int, bytes], done: tuple[str, str, str | None], key: Any) -> dict[str, Any]:
        (thing, number, before), (act, state, said) = place, done
        reason = None if said is None else self._reasons.close(said.encode(), self.ring.current)
        at, requester = epoch(enquiry.now), enquiry.requester
        body = orjson.dumps([thing, number, at, act, state, requester.organisation, requester.role.value, reason])
        digest = blake2b(before + body, digest_size=32).digest()
        values: dict[str, Any] = {"thing": thing, "number": number, "at": at, "act": act, "state": state}
        values["organisation"] = requester.organisation
        signature = key.sign(digest).signature
        return values | {
            "role": requester.role.value,
            "reason": reason,
            "hash": digest,
            "signature": signature,
            "key_version": self.ring.current,
        }

    async def trace(self, thing: str) -> list[Step]:
        """The steps of a thing, first to last.

        Raises:
            Conflict: the stored trace was changed behind the hub's back: its chain or a signature does not hold.
        """
        return (await self.traces([thing]))[thing]

    async def traces(self, things: Sequence[str]) -> dict[str, list[Step]]:
        """The steps of many things, in one statement; a thing without steps has an empty list.

        Raises:
            Conflict: as `trace`.
        """
        found: dict[str, list[Step]] = {thing: [] for thing in things}
        before: dict[str, bytes] = {}
        for row in await self.database.fetch(self._steps, {"things": list(things)}, rows=4 * len(things)):
            thing, number, at, act, state, organisation, role, reason, stored, signature, version = row
            body = orjson.dumps([thing, number, at, act, state, organisation, role, reason])
            digest = before[thing] = blake2b(before.get(thing, bytes(32)) + body, digest_size=32).digest()
            if number != len(found[thing]) + 1 or digest != bytes(stored) or not self.ring.signed(digest, bytes(signature), version):
                raise Conflict("the trace of this thing was tampered with", "tell the hub's operator and the inspectorate")
            found[thing].append(Step(number, at, act, state, organisation, role, self.reason(reason)))
        return found

    def reason(self, stored: str | None) -> str | None:
        """A step's reason as somebody wrote it: free text may say more than it should, so it lies sealed."""
        opened = self._reasons.open(stored, stored=True) if stored is not None else None
        return stored if opened is None else opened.decode()

    def _digest(self, commanded: Command) -> bytes:
        return blake2b(orjson.dumps(commanded.content, option=orjson.OPT_SORT_KEYS), key=self._digests, digest_size=32).digest()

    def _read(self, commanded: Command, digest: bytes, answer: str | None) -> dict[str, Any] | Conflict:
        if digest != self._digest(commanded):
            return Conflict("this idempotency key was used for something else", "use a new key for a new change")
        opened = self._seal(commanded.enquiry).open(answer or "", stored=True)
        if opened is None:
            return Conflict("the answer to this key can no longer be read", "read the thing itself, and use a new key for a new change")
        return dict(orjson.loads(opened))

    def _seal(self, enquiry: Enquiry) -> Seal:
        return Seal(self.ring, "command", enquiry.requester.receiver)


def fits(key: str | None) -> bool:
    """Whether an idempotency key has the length of one; none at all is allowed."""
    return key is None or 1 <= len(key) <= KEY_LENGTH


def answered(earlier: dict[str, Any] | Conflict) -> dict[str, Any]:
    """The answer a key was given.

    Raises:
        Conflict: it was used for something else, or can no longer be read.
    """
    if isinstance(earlier, Conflict):
        raise earlier
    return earlier


def moved(states: Mapping[str, Mapping[str, str]], state: str, act: str, field: str | None = None) -> str:
    """The state an act leads to: `states` is a domain's one table, state → act → next state; `field` is the input that names the thing.

    Raises:
        Conflict: the act is not possible in this state; the hint names those that are.
    """
    possible = states.get(state, {})
    if act not in possible:
        raise Conflict(
            f"what is {state.replace('_', ' ')} cannot be changed by {act.replace('_', ' ')}",
            f"possible now: {', '.join(sorted(possible)) or 'nothing'}",
            field,
        )
    return possible[act]
