"""Addresses that an organisation has news sent to: registered, looked after, taken back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, Unknown
from resolvers.gather import Gathering
from resolvers.identity.consents import instant
from resolvers.outbox import public
from resolvers.room import Answers, Room, page_size
from resolvers.want import Field, shaped
from tables.statement import Row
from tables.webhooks import webhook, webhook_delivery
from values import Enquiry, Purpose, Requester, Role

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

COLUMNS = (webhook.c.id, webhook.c.url, webhook.c.topics, webhook.c.state, webhook.c.created_at)
LOGGED = tuple(webhook_delivery.c[name] for name in ("webhook", "number", "topic", "at", "state", "attempts", "last_at", "fault", "status"))


class WebhookCommands(Room):
    """An organisation's own webhooks."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"webhooks": self.webhooks, "webhook_deliveries": self.deliveries}
        prepare = hub.database.prepare
        mine = webhook.c.organisation == sa.bindparam("organisation")
        one = sa.and_(mine, webhook.c.id == sa.bindparam("which"))
        self._all = prepare(sa.select(*COLUMNS).where(mine).order_by(webhook.c.created_at, webhook.c.id))
        self._every = prepare(
            sa.select(webhook.c.id, webhook.c.organisation, webhook.c.topics, webhook.c.state).order_by(
                webhook.c.organisation, webhook.c.id
            )
        )
        self._counts = prepare(
            sa.select(webhook_delivery.c.webhook, webhook_delivery.c.state, sa.func.count()).group_by(
                webhook_delivery.c.webhook, webhook_delivery.c.state
            )
        )
        self._one = prepare(sa.select(*COLUMNS).where(one))
        self._add = prepare(sa.insert(webhook))
        self._remove = prepare(sa.delete(webhook).where(one))
        self._forget = prepare(sa.delete(webhook_delivery).where(webhook_delivery.c.webhook == sa.bindparam("which")))
        self._resume = prepare(sa.update(webhook).where(one).values(state="active", next_at=0, claimed_until=0, claim=None))
        self._secret = prepare(sa.update(webhook).where(one).values(secret=sa.bindparam("sealed")))
        self._revive = prepare(
            sa.update(webhook_delivery)
            .where(webhook_delivery.c.webhook == sa.bindparam("which"), webhook_delivery.c.state == "dead")
            .values(state="waiting", attempts=0)
        )
        self._log = prepare(
            sa.select(*LOGGED)
            .where(webhook_delivery.c.webhook == sa.bindparam("which"))
            .order_by(webhook_delivery.c.number.desc())
            .limit(sa.bindparam("first"))
        )

    async def webhooks(self, gathering: Gathering, field: Field) -> Any:
        """The organisation's webhooks.

        Raises:
            NotPermitted: the requester may not.
        """
        assert field.want is not None
        rows = await self.hub.database.fetch(self._all, {"organisation": self._organisation(gathering.enquiry)})
        return shaped(field.want, [self._row(row) for row in rows])

    async def deliveries(self, gathering: Gathering, field: Field) -> Any:
        """The last messages to one webhook; None for one that is another's or nobody's.

        Raises:
            NotPermitted: the requester may not.
            Invalid: a page that cannot be.
        """
        assert field.want is not None
        organisation = self._organisation(gathering.enquiry)
        arguments = field.arguments(gathering.variables)
        first, which = page_size(self.hub, arguments["first"]), str(arguments["webhook"])
        if not await self.hub.database.fetch(self._one, {"organisation": organisation, "which": which}):
            return None
        rows = await self.hub.database.fetch(self._log, {"which": which, "first": first}, rows=first)
        return shaped(field.want, [self.logged(organisation, row) for row in rows])

    async def register(self, enquiry: Enquiry, url: str, topics: list[str], key: str | None = None) -> dict[str, Any]:
        """Have news of these topics sent to an address; gives the secret, this once.

        Raises:
            NotPermitted: the requester may not.
            Invalid: an address that may not be posted to, or an unknown topic.
            LimitReached: the organisation has as many as it may.
        """
        organisation = self._organisation(enquiry)
        named = sorted({each.replace(".", "_") for each in topics})
        if not named or not set(named) <= set(self.hub.outbox.pushed):
            known = ", ".join(map(public, sorted(self.hub.outbox.pushed)))
            raise Invalid("there is no such topic", f"name some of: {known}", "topics")
        self.hub.outbox.check(organisation, url, named)

        async def work(change: Change) -> dict[str, Any]:
            if len(await change.fetch(self._all, {"organisation": organisation})) >= self.hub.settings.hub.webhooks.most:
                raise LimitReached("this organisation has as many webhooks as it may", "remove one first")
            id_, secret, seal = secrets.token_hex(16), self.hub.outbox.secrets.new(), self.hub.outbox.secrets.seal
            sealed = {"url": seal(id_, "url", url), "secret": seal(id_, "secret", secret)}
            row = {"id": id_, "organisation": organisation, "topics": f" {' '.join(named)} ", "state": "active", "created_at": change.now}
            await change.execute(self._add, {**row, **sealed, "next_at": 0, "claim": None, "claimed_until": 0})
            await change.step(f"webhook:{id_}", "register", "active")
            ((_, *rest),) = await change.fetch(self._one, {"organisation": organisation, "which": id_})
            return {"webhook": self._row((id_, *rest)), "secret": secret}

        return await self.hub.writing.run(enquiry, "webhook.register", work, key=key, content=[url, named])

    async def remove(self, enquiry: Enquiry, which: str, key: str | None = None) -> dict[str, Any]:
        """Send nothing more to an address, and forget what waits for it.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the organisation has no such webhook.
        """
        organisation = self._organisation(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            await self._found(change, organisation, which)
            await change.execute(self._forget, {"which": which})
            await change.execute(self._remove, {"organisation": organisation, "which": which})
            await change.step(f"webhook:{which}", "remove", "removed")
            return {"id": which}

        return await self.hub.writing.run(enquiry, "webhook.remove", work, key=key, content=[which])

    async def resume(self, enquiry: Enquiry, which: str, key: str | None = None) -> dict[str, Any]:
        """Send again to an address that was suspended, beginning with what is dead.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the organisation has no such webhook.
            Conflict: it is not suspended.
        """
        organisation = self._organisation(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            if (await self._found(change, organisation, which))["state"] != "SUSPENDED":
                raise Conflict("this webhook is not suspended", "what waits is sent by itself")
            await change.execute(self._revive, {"which": which})
            await change.execute(self._resume, {"organisation": organisation, "which": which})
            await change.step(f"webhook:{which}", "resume", "active")
            return {"webhook": await self._found(change, organisation, which)}

        answer = await self.hub.writing.run(enquiry, "webhook.resume", work, key=key, content=[which])
        self.hub.outbox.wake()
        return answer

    async def replace_secret(self, enquiry: Enquiry, which: str, key: str | None = None) -> dict[str, Any]:
        """Sign by a new secret from now on; gives it, this once.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the organisation has no such webhook.
        """
        organisation = self._organisation(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            found, secret = await self._found(change, organisation, which), self.hub.outbox.secrets.new()
            sealed = self.hub.outbox.secrets.seal(which, "secret", secret)
            await change.execute(self._secret, {"organisation": organisation, "which": which, "sealed": sealed})
            await change.step(f"webhook:{which}", "replace_secret", found["state"].lower())
            return {"webhook": found, "secret": secret}

        return await self.hub.writing.run(enquiry, "webhook.replace_secret", work, key=key, content=[which])

    # --- for the operator ----------------------------------------------------------------------------------------

    async def overview(self) -> list[dict[str, Any]]:
        """Every webhook with how much waits and how much is dead, without its address."""
        rows = await self.hub.database.fetch(self._every)
        counts = {(which, state): count for which, state, count in await self.hub.database.fetch(self._counts)}
        return [
            {
                "id": row[0],
                "organisation": row[1],
                "topics": [*map(public, row[2].split())],
                "state": row[3].upper(),
                **{state: counts.get((row[0], state), 0) for state in ("waiting", "dead")},
            }
            for row in rows
        ]

    async def log_of(self, which: str, first: int) -> list[dict[str, Any]]:
        """The last deliveries of one webhook.

        Raises:
            Unknown: there is no such webhook.
        """
        organisation = await self._owner(which)
        rows = await self.hub.database.fetch(self._log, {"which": which, "first": first}, rows=first)
        return [self.logged(organisation, row) for row in rows]

    async def resend(self, which: str) -> int:
        """Have what is dead sent again, and give how many that are.

        Raises:
            Unknown: there is no such webhook.
        """
        organisation = await self._owner(which)
        operator = Enquiry(Requester("operator", Role.DEVELOPER, "operator"), Purpose.OPEN_DATA, datetime.now(UTC))

        async def work(change: Change) -> dict[str, Any]:
            dead = [row for row in await change.fetch(self._counts) if row[0] == which and row[1] == "dead"]
            await change.execute(self._revive, {"which": which})
            await change.execute(self._resume, {"organisation": organisation, "which": which})
            await change.step(f"webhook:{which}", "resume", "active", "by the hub's operator")
            return {"count": dead[0][2] if dead else 0}

        return int((await self.hub.writing.run(operator, "webhook.resume", work))["count"])

    async def _owner(self, which: str) -> str:
        found = [row[1] for row in await self.hub.database.fetch(self._every) if row[0] == which]
        if not found:
            raise Unknown("there is no such webhook", "`mizalla webhooks list` names them")
        return str(found[0])

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "webhook.manage")
        assert enquiry.requester.organisation is not None
        return enquiry.requester.organisation

    async def _found(self, change: Change, organisation: str, which: str) -> dict[str, Any]:
        rows = await change.fetch(self._one, {"organisation": organisation, "which": which})
        if not rows:
            raise Unknown("there is no such webhook", "read `webhooks` for the ids of yours")
        return self._row(rows[0])

    def _row(self, row: Row) -> dict[str, Any]:
        id_, url, topics, state, created_at = row
        return {
            "id": id_,
            "url": self.hub.outbox.secrets.open(id_, "url", url),
            "topics": [*map(public, topics.split())],
            "state": state.upper(),
            "created_at": instant(created_at),
        }

    def logged(self, organisation: str, row: Row) -> dict[str, Any]:
        """A line of the log as the schema shows it."""
        _, number, topic, at, state, attempts, last_at, fault, status = row
        return {
            "id": self.hub.outbox.message_id(organisation, number),
            "topic": public(topic),
            "at": instant(at),
            "state": state.upper(),
            "attempts": attempts,
            "last_at": instant(last_at),
            "fault": fault,
            "status": status,
        }
