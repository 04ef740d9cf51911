"""News sent to organisations' own addresses: written down with the change, sent in order, again until they are taken.

Whoever changes something calls `change.tell(topic, organisation, body)` and declares in its room what each topic shows:

    self.pushed = {"alert_raised": self._push}          # async (gathering, organisation, body) -> dict | None

The delivery stands in the outbox in the same transaction. It is sent at least once: its id stays the same over all attempts, and
nothing is sent to an endpoint before what came earlier was taken. What is sent is made anew at every attempt, by the rights of that
moment, and stands in the disclosure record before it leaves.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
import structlog

from connectors.mailing import Mailer
from connectors.posting import Outcome, Poster
from errors import Invalid
from privacy.webhooks import WebhookSecrets, signed_headers
from resolvers.gather import Gathering, moment
from resolvers.room import Letters, Pushes, Room
from tables.database import Database, Transaction, among
from tables.webhooks import webhook, webhook_delivery
from values import Enquiry, Purpose, Requester, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub

log = structlog.get_logger("mizalla")

CLAIM_SECONDS = 10
"""For how long beyond an attempt a process has an endpoint to itself; then another may think it dead."""

GONE = 410
"""A receiver that answers so wants no more."""

MAILTO = "mailto:"

AT_ONCE = 8
"""Endpoints sent to at once by one process."""


def public(topic: str) -> str:
    """A topic as organisations name it: `joint_decision_moved` inside is `joint_decision.moved` outside."""
    return ".".join(topic.rsplit("_", 1))


delivery = webhook_delivery


class Outbox:
    """Writes deliveries down, and sends them."""

    def __init__(self, hub: Hub, rooms: Collection[Room], poster: Poster | None = None) -> None:
        """Collect what the rooms send, and prepare every statement once; `poster` sends."""
        self.hub = hub
        self.pushed: Mapping[str, Pushes] = {topic: push for room in rooms for topic, push in room.pushed.items()}
        self.mailed: Mapping[str, Letters] = {topic: write for room in rooms for topic, write in room.mailed.items()}
        self.mailer = Mailer(hub.settings.hub.mail)
        self.poster = poster or Poster(hub.settings.hub.webhooks)
        self.secrets = WebhookSecrets(hub.ring)
        self._ids = hub.ring.subkey("webhook message", hub.ring.root)
        self._woken = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._prepare(hub.database)

    def _prepare(self, database: Database) -> None:
        prepare = database.prepare
        chosen = sa.select(
            webhook.c.id,
            sa.bindparam("topic", type_=sa.Text),
            sa.bindparam("body", type_=sa.Text),
            sa.bindparam("at", type_=sa.BigInteger),
            sa.literal_column("'waiting'"),
            sa.literal_column("0"),
        ).where(among(webhook.c.organisation, "organisations"), webhook.c.topics.like(sa.bindparam("pattern", type_=sa.Text)))
        self._write = prepare(
            sa.insert(delivery).from_select(["webhook", "topic", "body", "at", "state", "attempts"], chosen, include_defaults=False)
        )
        waits = sa.exists().where(delivery.c.webhook == webhook.c.id, delivery.c.state == "waiting")
        self._due = prepare(
            sa.select(webhook.c.id, webhook.c.organisation, webhook.c.url, webhook.c.secret).where(
                webhook.c.state == "active",
                webhook.c.next_at <= sa.bindparam("now"),
                webhook.c.claimed_until <= sa.bindparam("now"),
                waits,
            )
        )
        mine = webhook.c.id == sa.bindparam("which")
        self._claim = prepare(
            sa.update(webhook)
            .where(mine, sa.or_(webhook.c.claimed_until <= sa.bindparam("now"), webhook.c.claim == sa.bindparam("held")))
            .values(claim=sa.bindparam("claimed"), claimed_until=sa.bindparam("until"))
        )
        self._leave = prepare(sa.update(webhook).where(mine, webhook.c.claim == sa.bindparam("held")).values(claimed_until=0, claim=None))
        self._claimed = prepare(sa.select(webhook.c.claim, webhook.c.state).where(mine))
        self._head = prepare(
            sa.select(delivery.c.number, delivery.c.topic, delivery.c.body, delivery.c.at, delivery.c.attempts)
            .where(delivery.c.webhook == sa.bindparam("which"), delivery.c.state == "waiting")
            .order_by(delivery.c.number)
            .limit(1)
        )
        self._note = prepare(
            sa.update(delivery)
            .where(delivery.c.number == sa.bindparam("which"))
            .values({name: sa.bindparam(f"new_{name}") for name in ("state", "attempts", "last_at", "fault", "status")})
        )
        self._pause = prepare(sa.update(webhook).where(mine).values(state=sa.bindparam("new_state"), next_at=sa.bindparam("at")))

    async def write(self, tx: Transaction, topic: str, key: str, body: str, at: int) -> None:
        """Write down, within the change's own transaction, whom news are to be sent to."""
        if topic in self.pushed:
            organisations = [*self.hub.watching.of_kind(key)] if key.startswith("kind:") else [key]
            values = {"organisations": organisations, "topic": topic, "body": body, "at": at, "pattern": f"% {topic} %"}
            await tx.execute(self._write, values)

    def wake(self) -> None:
        """Something was written down: do not wait to look."""
        self._woken.set()

    async def attend(self) -> None:
        """Send for ever; a slow endpoint keeps no other waiting."""
        try:
            while True:
                self._woken.clear()
                await self.send_due()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.hub.settings.hub.news.poll_seconds):
                        await self._woken.wait()
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)
            self._sending.clear()
            await self.poster.close()

    async def send_due(self, *, to_the_end: bool = False) -> None:
        """Begin to send whatever is due, and with `to_the_end` wait until it is sent."""
        for id_, organisation, url, secret in await self.hub.database.fetch(self._due, {"now": int(time.time())}):
            if id_ not in self._sending and len(self._sending) < AT_ONCE:
                task = asyncio.create_task(self._empty(id_, organisation, url, secret))
                self._sending[id_] = task
                task.add_done_callback(lambda done, which=id_: self._ended(which, done))  # type: ignore[misc]
        if to_the_end:
            while self._sending:
                await asyncio.gather(*self._sending.values())

    def _ended(self, which: str, task: asyncio.Task[None]) -> None:
        self._sending.pop(which, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhook_failed", webhook=which, error=type(error).__name__, consequence="tried again")

    async def _empty(self, which: str, organisation: str, url: str, secret: str) -> None:
        """Send what waits for one endpoint, in order, until it is empty or an attempt fails."""
        held = secrets.token_hex(16)
        try:
            opened = self.secrets.open(which, "url", url), self.secrets.open(which, "secret", secret)
            await self._send_all(which, organisation, opened, held)
        finally:
            await self._let_go(which, held)

    async def _send_all(self, which: str, organisation: str, opened: tuple[str | None, str | None], held: str) -> None:
        """Send until nothing waits, an attempt fails, or another process has the endpoint."""
        address, key = opened
        while await self._hold(which, held):
            rows = await self.hub.database.fetch(self._head, {"which": which})
            if not rows:
                break
            number, topic, body, at, attempts = rows[0]
            message = await self._message(organisation, topic, orjson.loads(body), at, first=attempts == 0)
            now = int(time.time())
            if message is None:
                await self._noted(number, "skipped", attempts, now, Outcome(None))
                continue
            if address is None or key is None:
                outcome = Outcome("KEY")
            elif address.startswith(MAILTO):
                outcome = await self._letter(organisation, address, topic, number, message)
            else:
                outcome = await self.poster.post(address, signed_headers(key, self.message_id(organisation, number), now, message), message)
            if not await self._after(which, number, attempts + 1, outcome):
                return

    async def _letter(self, organisation: str, address: str, topic: str, number: int, message: bytes) -> Outcome:
        """Send a message as a letter; to no address that hub.toml does not name any more."""
        write, known = self.mailed.get(topic), self.hub.organisations.get(organisation)
        if write is None or known is None or known.mail != address.removeprefix(MAILTO):
            return Outcome("ADDRESS")
        subject, text = write(orjson.loads(message)["data"])
        return await self.mailer.send(known.mail, self.message_id(organisation, number), subject, text)

    def check(self, organisation: str, url: str, topics: Collection[str]) -> None:
        """Go on only with an address that these topics may be sent to.

        Raises:
            Invalid: it may not be posted to, is not the organisation's own mail address, or a topic is not for letters.
        """
        if not url.startswith(MAILTO):
            self.poster.check(url)
            return
        known = self.hub.organisations.get(organisation)
        if self.hub.settings.hub.mail.host is None or known is None or known.mail is None or url != f"{MAILTO}{known.mail}":
            raise Invalid("this is not the organisation's mail address", "have the operator name it as `mail` in hub.toml", "url")
        if not set(topics) <= set(self.mailed):
            letters = ", ".join(map(public, sorted(self.mailed)))
            raise Invalid("what concerns a person does not leave by e-mail", f"letters tell of: {letters}", "topics")

    async def _after(self, which: str, number: int, attempts: int, outcome: Outcome) -> bool:
        """Note how an attempt ended; False where the endpoint is to be left in peace."""
        now = int(time.time())
        if outcome.fault is None:
            await self._noted(number, "delivered", attempts, now, outcome)
            return True
        pauses = self.hub.settings.hub.webhooks.pauses_seconds
        dead = attempts > len(pauses) or outcome.status == GONE
        await self._noted(number, "dead" if dead else "waiting", attempts, now, outcome)
        pause = 0 if dead else int(pauses[attempts - 1])
        async with self.hub.database.transaction() as tx:
            await tx.execute(self._pause, {"which": which, "new_state": "suspended" if dead else "active", "at": now + pause})
        return False

    async def _hold(self, which: str, held: str) -> bool:
        """Have the endpoint to oneself for a while longer; False where another process has it, or it is suspended or gone."""
        now = int(time.time())
        until = now + int(self.hub.settings.hub.webhooks.timeout_seconds) + CLAIM_SECONDS
        async with self.hub.database.transaction() as tx:
            await tx.execute(self._claim, {"which": which, "now": now, "held": held, "claimed": held, "until": until})
        rows = await self.hub.database.fetch(self._claimed, {"which": which})
        return bool(rows) and tuple(rows[0]) == (held, "active")

    async def _let_go(self, which: str, held: str) -> None:
        """Leave the endpoint to others, if it is still one's own."""
        async with self.hub.database.transaction() as tx:
            await tx.execute(self._leave, {"which": which, "held": held})

    async def _noted(self, number: int, state: str, attempts: int, now: int, outcome: Outcome) -> None:
        values = {"which": number, "new_state": state, "new_attempts": attempts, "new_last_at": now}
        async with self.hub.database.transaction() as tx:
            await tx.execute(self._note, {**values, "new_fault": outcome.fault, "new_status": outcome.status})

    async def _message(self, organisation: str, topic: str, body: Mapping[str, Any], at: int, *, first: bool) -> bytes | None:
        """What is sent: recorded before it leaves; None where it does not concern the receiver any more."""
        pushes = self.pushed.get(topic)
        if pushes is None or organisation not in self.hub.organisations:
            return None
        gathering = Gathering(self.hub, self._enquiry(organisation, body))
        data = await pushes(gathering, organisation, body)
        if data is None:
            return None
        if first:
            await self.hub.disclose(gathering)
        told_at = moment(datetime.fromtimestamp(at, UTC))
        return orjson.dumps({"type": public(topic), "timestamp": told_at, "data": data})

    def _enquiry(self, organisation: str, body: Mapping[str, Any]) -> Enquiry:
        """The organisation itself, as an app of its own would ask."""
        stanza = self.hub.organisations[organisation]
        requester = Requester("webhook", Role.DEVELOPER, organisation, organisation, stanza.kind, stanza.verified, tuple(stanza.purposes))
        purpose = Purpose(body["purpose"]) if "purpose" in body else Purpose.OPEN_DATA
        return Enquiry(requester, purpose, datetime.now(UTC))

    def message_id(self, organisation: str, number: int) -> str:
        """The id of a message, the same at every attempt; it says nothing about how many there are."""
        return f"msg_{blake2b(f'{organisation} {number}'.encode(), key=self._ids, digest_size=12).hexdigest()}"
