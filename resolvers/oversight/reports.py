"""Reports of wrongdoing: taken from anybody without a name, kept sealed, answered under a token, counted late and coarsely.

Nothing of who sends is kept: no credential is asked for, no address is handed down to here, a day and never a time of day is stored, and no
step or news, which bear times, are written of what a reporter does.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Conflict, Invalid, Unknown
from privacy.reports import fingerprint, has_a_size
from privacy.standing import epoch
from resolvers.oversight.account import published
from resolvers.oversight.glass import officer_of
from resolvers.oversight.matters import DAY, Matter, at, fresh, instant
from resolvers.room import Answers, page_size
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.oversight.reports import report, report_message, reporting_key
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

KINDS: Final = ("corruption", "fraud", "discrimination", "exploitation", "data_misuse", "other")
STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "filed": {"take": "taken"},
    "taken": {"close": "closed"},
}
TOKEN = re.compile(r"[0-9a-f]{64}")
MOST_MESSAGES: Final = 50
LONGEST_KEY_DAYS: Final = 800


class Reports(Matter):
    """What reporters file and inspectors answer."""

    kind = "report"

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        super().__init__(hub)
        self.roots: dict[str, Answers] = {
            "reporting_keys": self.keys,
            "report_conversation": self.conversation,
            "reports": self.listed,
            "report_counts": self.counts,
        }
        prepare = hub.database.prepare
        self._keys = prepare(sa.select(*reporting_key.c).order_by(reporting_key.c.from_at.desc(), reporting_key.c.id))
        self._publish = prepare(sa.insert(reporting_key))
        self._insert, self._say = prepare(sa.insert(report)), prepare(sa.insert(report_message))
        self._by_code = prepare(sa.select(*report.c).where(report.c.code == sa.bindparam("hashed")))
        one = sa.select(*report.c).where(report.c.id == sa.bindparam("which"))
        self._hold = prepare(one.with_for_update())
        self._of_body = prepare(sa.select(*report.c).where(report.c.body == sa.bindparam("whose")).order_by(report.c.id))
        told = sa.select(report_message.c.number, report_message.c.by_body, report_message.c.day, report_message.c.sealed)
        self._messages = prepare(told.where(report_message.c.report == sa.bindparam("which")).order_by(report_message.c.number))
        self._days = prepare(sa.select(report.c.day, report.c.kind))
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("state", "officer")}
        self._move = prepare(sa.update(report).where(report.c.id == sa.bindparam("which")).values(**values))

    # --- keys ----------------------------------------------------------------------------------------------------

    async def publish(self, enquiry: Enquiry, public: str, from_at: str, until_at: str) -> dict[str, Any]:
        """Publish a key of one's own body that reports may be sealed to.

        Raises:
            NotPermitted: the requester is no inspector.
            Invalid: no key, or a time that is none or too long.
            Conflict: the key stands already.
        """
        self.hub.demand(enquiry, "report.decide")
        raw = decoded(public, "publicKey")
        begins, ends, now = epoch(instant(from_at, "beginsAt")), epoch(instant(until_at, "untilAt")), epoch(enquiry.now)
        if len(raw) != 32 or len(set(raw)) < 8:
            raise Invalid("this is no public key", "make one with `mizalla report keys`", "publicKey")
        if not now < ends <= begins + LONGEST_KEY_DAYS * DAY or begins >= ends:
            raise Invalid(f"a key is valid for at most {LONGEST_KEY_DAYS} days, and its end lies ahead", "name another end", "untilAt")
        name = fingerprint(raw)
        row = {"id": name, "body": enquiry.requester.organisation, "public": raw, "from_at": begins, "until_at": ends}

        async def work(change: Change) -> dict[str, Any]:
            if any(each[0] == name for each in await change.fetch(self._keys)):
                raise Conflict("this key is published already", "make another one")
            await change.execute(self._publish, row)
            await change.step(f"reporting_key:{name}", "publish", "published")
            return {}

        await self.hub.writing.run(enquiry, "report.key", work)
        return _key((name, row["body"], raw, begins, ends))

    async def keys(self, gathering: Gathering, field: Field) -> Any:
        """The keys that are valid now; open to anyone."""
        assert field.want is not None
        now = epoch(gathering.enquiry.now)
        rows = await self.hub.database.fetch(self._keys)
        return shaped(field.want, [_key(row) for row in rows if row[3] <= now < row[4]])

    # --- reporters -----------------------------------------------------------------------------------------------

    async def file(self, enquiry: Enquiry, given: Mapping[str, Any]) -> None:
        """Keep a sealed report under its token.

        Raises:
            Invalid: a token, kind, key or content that is none.
            Conflict: there is a report under this token.
        """
        self.hub.demand(enquiry, "report.file")
        now, hashed, content = epoch(enquiry.now), _hashed(given["token"]), _content(given["sealed"])
        if given["kind"] not in KINDS:
            raise Invalid("there is no such kind", f"one of: {', '.join(KINDS)}", "kind")
        valid = {row[0]: row[1] for row in await self.hub.database.fetch(self._keys) if row[3] <= now < row[4]}
        if given["key"] not in valid:
            raise Invalid("this key is not valid now", "seal it anew to one of `reportingKeys`", "key")
        day, number = enquiry.now.date().isoformat(), fresh()
        row = {"id": number, "code": hashed, "body": valid[given["key"]], "key": given["key"], "kind": given["kind"], "day": day}
        async with self.hub.database.transaction() as tx:
            if await tx.fetch(self._by_code, {"hashed": hashed}):
                raise Conflict("there is a report under this token", "make a new code")
            await tx.execute(self._insert, {**row, "state": "filed", "officer": None})
            await tx.execute(self._say, {"report": number, "number": 1, "by_body": False, "day": day, "sealed": content})

    async def say(self, enquiry: Enquiry, token: str, sealed: str) -> None:
        """Add to one's own report.

        Raises:
            Unknown: there is no report under this token.
            Conflict: it has too many messages.
            Invalid: a token or content that is none.
        """
        self.hub.demand(enquiry, "report.file")
        hashed, content = _hashed(token), _content(sealed)
        async with self.hub.database.transaction() as tx:
            rows = await tx.fetch(self._by_code, {"hashed": hashed})
            if not rows:
                raise _nothing()
            await tx.fetch(self._hold, {"which": rows[0][0]})
            await self._add(tx, enquiry, rows[0][0], by_body=False, content=content)

    async def conversation(self, gathering: Gathering, field: Field) -> Any:
        """The messages under a token, sealed as they are; None for a token that has none."""
        assert field.want is not None
        token = str(field.arguments(gathering.variables)["token"])
        hashed = _hashed(token) if TOKEN.fullmatch(token) else bytes(32)
        rows = await self.hub.database.fetch(self._by_code, {"hashed": hashed})
        if not rows:
            return None
        return shaped(field.want, {"state": rows[0][6].upper(), "key": rows[0][3], "messages": await self._said(rows[0][0])})

    # --- inspectors ----------------------------------------------------------------------------------------------

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """The reports that came to the requester's body, in no order that tells when."""
        assert field.want is not None
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "report.decide")
        first = page_size(self.hub, field.arguments(gathering.variables)["first"])
        rows = await self.hub.database.fetch(self._of_body, {"whose": enquiry.requester.organisation})
        mine = officer_of(enquiry)
        found = []
        for row in rows[:first]:
            said = {"id": self.named(enquiry, row[0]), "key": row[3], "kind": row[4].upper(), "day": row[5], "state": row[6].upper()}
            found.append({**said, "mine": row[7] == mine, "messages": await self._said(row[0])})
        return shaped(field.want, found)

    async def act(self, enquiry: Enquiry, text: str, act: str, sealed: str | None = None) -> None:
        """Take a report, answer it, or close it.

        Raises:
            NotPermitted: the requester is no inspector.
            Unknown: no such report came to this body.
            Conflict: it is not in a state for it, or another officer has it.
            Invalid: content that is none.
        """
        self.hub.demand(enquiry, "report.decide")
        number, officer = self.number(enquiry, text), officer_of(enquiry)
        content = None if sealed is None else _content(sealed)

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._hold, {"which": number})
            if not rows or rows[0][2] != enquiry.requester.organisation:
                raise Unknown("no such report came to this body", "list them with `reports`")
            if rows[0][7] not in {None, officer}:
                raise Conflict("another officer has this report", "ask that officer")
            if content is not None:
                if rows[0][6] != "taken":
                    raise Conflict("only a report that was taken is answered", "take it first")
                await self._add(change, enquiry, number, by_body=True, content=content)
                return {}
            state = moved(STATES, rows[0][6], act)
            await change.execute(self._move, {"which": number, "new_state": state, "new_officer": officer})
            await change.step(self.thing(number), act, state)
            return {}

        await self.hub.writing.run(enquiry, f"report.{act}", work)

    async def _add(self, tx: Any, enquiry: Enquiry, number: int, *, by_body: bool, content: bytes) -> None:
        before = len(await tx.fetch(self._messages, {"which": number}))
        if before >= MOST_MESSAGES:
            raise Conflict(f"a report has at most {MOST_MESSAGES} messages", "file another one")
        day = enquiry.now.date().isoformat()
        await tx.execute(self._say, {"report": number, "number": before + 1, "by_body": by_body, "day": day, "sealed": content})

    async def _said(self, number: int) -> list[dict[str, Any]]:
        rows = await self.hub.database.fetch(self._messages, {"which": number})
        return [{"by_body": bool(row[1]), "day": row[2], "sealed": base64.b64encode(bytes(row[3])).decode()} for row in rows]

    # --- the public ----------------------------------------------------------------------------------------------

    async def counts(self, gathering: Gathering, field: Field) -> Any:
        """How many reports of each kind a quarter had, a month after its end, none smaller than five."""
        assert field.want is not None
        rows = await self.hub.database.fetch(self._days)
        counted = published(((day, kind) for day, kind in rows), gathering.enquiry.now.date())
        found = [{"quarter": quarter, "kind": kind.upper(), "count": count} for quarter, kind, count in counted]
        return shaped(field.want, found)


def _hashed(token: str) -> bytes:
    if not TOKEN.fullmatch(token):
        raise Invalid("this is no token", "make it from the receipt code with `mizalla report`", "token")
    return blake2b(bytes.fromhex(token), digest_size=32, person=b"mizalla report").digest()


def _content(text: str) -> bytes:
    raw = decoded(text, "sealed")
    if not has_a_size(raw):
        raise Invalid("sealed content has one of a few sizes", "seal it with `mizalla report`", "sealed")
    return raw


def decoded(text: str, field: str) -> bytes:
    """Bytes that came as base64.

    Raises:
        Invalid: they did not.
    """
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Invalid(f"`{field}` is not base64", "encode it as RFC 4648 says", field) from None


def _nothing() -> Unknown:
    return Unknown("there is no report under this token", "make the token from the receipt code again")


def _key(row: Any) -> dict[str, Any]:
    name, body, public, from_at, until_at = row
    return {
        "id": name,
        "body": body,
        "public_key": base64.b64encode(bytes(public)).decode(),
        "begins_at": at(from_at),
        "until_at": at(until_at),
    }
