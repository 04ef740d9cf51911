"""Large files of cases, sent in parts: looked through and registered in a process of their own while anybody may ask how far it is.

The parts lie sealed for the organisation until everybody of the file is registered, it is discarded, or a day is over. What came of
looking through the file is kept as long, and sealed as well.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from connectors.sheets import Fault
from errors import Conflict, Invalid, LimitReached, Refused, Stale, Unknown
from privacy.sealing import Seal
from privacy.standing import epoch
from resolvers.aid.importing import FILE_BYTES, FILE_ROWS, SHOWN, Importing, Preview, fault_row
from resolvers.aid.inputs import numbers
from resolvers.beside import beside
from resolvers.gather import Gathering, moment_of
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import moved
from tables.aid import cases_upload, cases_upload_part
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

UPLOADS: Final = {
    "": {"open": "receiving"},
    "receiving": {"receive": "receiving", "complete": "looking"},
    "looking": {"find": "looked", "fail": "failed"},
    "looked": {"register": "registering"},
    "registering": {"finish": "registered", "refuse": "looked", "fail": "failed"},
    "registered": {},
    "failed": {},
}
"""What may happen to a file: state, act, next state."""

WORKING: Final = ("looking", "registering")
MOST_PART: Final = 600_000
"""Bytes of one part: in base64 it fits a request of one MiB."""

MOST_OPEN: Final = 4
"""Files of one organisation at once."""

KEPT: Final = 86_400
"""Seconds after which a file is forgotten."""

SILENT: Final = 900
"""Seconds after which somebody who works on a file and says nothing is taken to have ended."""

MOST_KEPT: Final = 5_000
"""Faults, and likely duplicates, that are kept of a file; all are counted."""

UNEXPECTED: Final = {
    "code": "INTERNAL",
    "message": "the work on this file ended unexpectedly, and nobody was registered",
    "hint": "send the file again; if it happens again, tell the hub's operator",
    "field": None,
}


class Uploads(Room):
    """Files on their way in."""

    def __init__(self, hub: Hub, importing: Importing) -> None:
        """Prepare every statement once."""
        self.hub, self.importing = hub, importing
        self.roots: dict[str, Answers] = {"cases_upload": self.one}
        self._working: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(1)
        prepare, file, part = hub.database.prepare, cases_upload.c, cases_upload_part.c
        which = file.id == sa.bindparam("which", type_=sa.BigInteger)
        mine = sa.select(*cases_upload.c).where(which, file.organisation == sa.bindparam("organisation"))
        self._one, self._hold = prepare(mine), prepare(mine.with_for_update())
        self._open = prepare(sa.insert(cases_upload))
        many = sa.select(sa.func.count()).where(file.organisation == sa.bindparam("organisation"), file.state != sa.literal("registered"))
        self._many = prepare(many)
        self._old = prepare(sa.select(file.id).where(file.opened_at < sa.bindparam("before")))
        self._drop = prepare(sa.delete(cases_upload).where(which))
        self._drop_parts = prepare(sa.delete(cases_upload_part).where(part.upload == sa.bindparam("which", type_=sa.BigInteger)))
        self._add_part = prepare(sa.insert(cases_upload_part))
        of = part.upload == sa.bindparam("which", type_=sa.BigInteger)
        self._parts = prepare(sa.select(part.content).where(of).order_by(part.begins))
        new: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("received_bytes", "state", "changed_at")}
        self._advance = prepare(sa.update(cases_upload).where(which).values(new))
        done: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("state", "result", "changed_at")}
        self._end = prepare(sa.update(cases_upload).where(which, file.state == sa.bindparam("before")).values(done))
        note: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("rows_done", "rows_total", "changed_at")}
        self._note = prepare(sa.update(cases_upload).where(which).values(note))

    # --- sending -------------------------------------------------------------------------------------------------

    async def open(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to send a file.

        Raises:
            Invalid: no size that a file may have.
            LimitReached: too many are being sent.
        """
        self.hub.demand(enquiry, "case.import")
        organisation, size = str(enquiry.requester.organisation), int(given["size_bytes"])
        kind = str(getattr(given["kind"], "value", given["kind"])).lower()
        if not 1 <= size <= FILE_BYTES:
            raise Invalid(f"a file has 1 to {FILE_BYTES} bytes", "split it by households, and send each part as a file", "sizeBytes")

        async def work(change: Change) -> dict[str, Any]:
            for (old,) in await change.fetch(self._old, {"before": change.now - KEPT}):
                await self._forget(change, old)
            ((many,),) = await change.fetch(self._many, {"organisation": organisation})
            if many >= MOST_OPEN:
                raise LimitReached(f"{many} files are on their way already", "finish one, or discard it with `casesUploadDiscard`")
            number = next(numbers())
            row = {"id": number, "organisation": organisation, "kind": kind, "size_bytes": size, "received_bytes": 0}
            row |= {"state": moved(UPLOADS, "", "open"), "rows_done": 0, "rows_total": 0, "result": None}
            await change.execute(self._open, {**row, "opened_at": change.now, "changed_at": change.now})
            return {"upload": self.hub.identifier(enquiry, "cases_upload")(number), "most_bytes": MOST_PART}

        return await self.hub.writing.run(enquiry, "case.import", work)

    async def receive(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Take the next part; with the last one the file is looked through.

        Raises:
            Unknown: no such file of this organisation.
            Invalid: no base64, nothing, or too much.
            Stale: a part is missing before it, or it is here already.
            Conflict: the file is complete.
        """
        self.hub.demand(enquiry, "case.import")
        number, organisation = self._number(enquiry, given["upload"]), str(enquiry.requester.organisation)
        content, begins = _decoded(str(given["content"])), int(given["offset"])
        sealed = self._seal(organisation).close(content, self.hub.ring.current)

        async def work(change: Change) -> dict[str, Any]:
            file = await self._held(change, organisation, number)
            moved(UPLOADS, file["state"], "receive", "upload")
            if begins != file["received_bytes"]:
                raise Stale("this is not the next part", f"go on at byte {file['received_bytes']}", "offset")
            received = begins + len(content)
            if received > file["size_bytes"]:
                raise Invalid(f"the file was said to have {file['size_bytes']} bytes", "open it anew with its size", "content")
            await change.execute(self._add_part, {"upload": number, "begins": begins, "content": sealed})
            state = moved(UPLOADS, file["state"], "complete" if received == file["size_bytes"] else "receive")
            await self._moved(change, number, received, state)
            return {"received_bytes": received, "state": state}

        answer = await self.hub.writing.run(enquiry, "case.import", work)
        if answer["state"] == "looking":
            self._begin(number, look, enquiry, number)
        return answer

    async def register(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to register everybody of a file that was looked through; what is registered or being so stays as it is.

        Raises:
            Unknown: no such file of this organisation.
            Conflict: it was not looked through.
            Invalid: it has faults, or more rows are named than it has.
        """
        self.hub.demand(enquiry, "case.import")
        number, organisation = self._number(enquiry, given["upload"]), str(enquiry.requester.organisation)
        apart = sorted(set(given["distinct_rows"] or ()))
        if len(apart) > FILE_ROWS:
            raise Invalid(f"a file has at most {FILE_ROWS} rows", "name each row once", "distinctRows")

        async def work(change: Change) -> dict[str, Any]:
            file = await self._held(change, organisation, number)
            if file["state"] in {"registering", "registered"}:
                return {"state": file["state"], "begun": False}
            state = moved(UPLOADS, file["state"], "register", "upload")
            if (self._opened(organisation, file["result"]).get("preview") or {}).get("fault_count"):
                raise Invalid("this file has faults", "mend what `casesUpload` lists, and send it anew", "upload")
            await self._moved(change, number, file["received_bytes"], state)
            return {"state": state, "begun": True}

        answer = await self.hub.writing.run(enquiry, "case.import", work)
        if answer.pop("begun"):
            self._begin(number, register, enquiry, number, apart)
        return answer

    async def discard(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Forget a file.

        Raises:
            Unknown: no such file of this organisation.
            Conflict: its people are being registered.
        """
        self.hub.demand(enquiry, "case.import")
        number, organisation = self._number(enquiry, given["upload"]), str(enquiry.requester.organisation)

        async def work(change: Change) -> dict[str, Any]:
            file = await self._held(change, organisation, number)
            if file["state"] == "registering":
                raise Conflict("its people are being registered", "wait until `casesUpload` says how it ended", "upload")
            await self._forget(change, number)
            return {"discarded": True}

        return await self.hub.writing.run(enquiry, "case.import", work)

    # --- how far it is -------------------------------------------------------------------------------------------

    async def one(self, gathering: Gathering, field: Field) -> Any:
        """How far a file is, and what came of it; nothing for one that is forgotten, or another organisation's."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "case.import")
        organisation = str(enquiry.requester.organisation)
        language, after = str(getattr(arguments["language"], "value", arguments["language"])), int(arguments["after_row"])
        values = {"which": self._number(enquiry, arguments["upload"]), "organisation": organisation}
        rows = await self.hub.database.fetch(self._one, values)
        if not rows:
            return None
        file = self._row(rows[0], epoch(enquiry.now))
        result = {"preview": None, "registered": None, "failure": None} | self._opened(organisation, file["result"])
        if file["state"] == "failed":
            result["failure"] = UNEXPECTED
        if result["preview"] is not None:
            result["preview"], people = self._preview(enquiry, result["preview"], language, after)
            if people:
                gathering.shown.append(Shown(("person.id",), (), people, Condition.OWN_CASE.value))
        told = {"state": file["state"].upper()} | {name: file[name] for name in ("size_bytes", "received_bytes", "rows_done", "rows_total")}
        times = {name: moment_of(file[name]) for name in ("opened_at", "changed_at")}
        assert field.want is not None
        return shaped(field.want, {"id": arguments["upload"], **told, **times, **result})

    def _preview(self, enquiry: Enquiry, kept: Mapping[str, Any], language: str, after: int) -> tuple[dict[str, Any], tuple[int, ...]]:
        identify = self.hub.identifier(enquiry, "person")
        faults = [Fault(*each) for each in kept["faults"] if each[0] > after or (after == 0 and each[0] == 0)][:SHOWN]
        twins = [each for each in kept["duplicates"] if each["row"] > after][:SHOWN]
        shown = {
            **kept,
            "faults": [fault_row(each, language) for each in faults],
            "duplicates": [{**each, "person": None if each["person"] is None else identify(each["person"])} for each in twins],
        }
        return shown, tuple(dict.fromkeys(each["person"] for each in twins if each["person"] is not None))

    # --- what is done beside -------------------------------------------------------------------------------------

    async def look(self, enquiry: Enquiry, number: int) -> None:
        """Look a file through; called in the process beside."""
        async with self._noting(number) as told:
            content, kind = await self._content(enquiry, number)
            found = await self.importing.preview(enquiry, content, kind, (FILE_BYTES, FILE_ROWS), told)
        await self._ended(enquiry, number, "looking", "find", {"preview": _kept(found)})

    async def registered(self, enquiry: Enquiry, number: int, apart: Sequence[int]) -> None:
        """Register everybody of a file, or nobody; called in the process beside."""
        organisation = str(enquiry.requester.organisation)
        async with self._noting(number) as told:
            content, kind = await self._content(enquiry, number)
            ((*row,),) = await self.hub.database.fetch(self._one, {"which": number, "organisation": organisation})
            before = self._opened(organisation, self._row(row, epoch(enquiry.now))["result"])

            async def also(change: Change, answer: Mapping[str, Any]) -> None:
                await change.execute(self._drop_parts, {"which": number})
                ended = self._ending(organisation, number, ("registering", "finish"), {**before, "registered": answer}, change.now)
                if not await change.execute(self._end, ended):
                    raise Conflict("this file was forgotten meanwhile", "send it again", "upload")

            given = {"digest": self.importing.digest(organisation, content), "distinct_rows": apart, "idempotency_key": None}
            try:
                await self.importing.load(enquiry, given, content, kind, (FILE_BYTES, FILE_ROWS), told, also)
            except Refused as refused:
                told_ = {"code": refused.code, "message": refused.message, "hint": refused.hint, "field": refused.field}
                await self._ended(enquiry, number, "registering", "refuse", {**before, "failure": told_})

    def _begin(self, number: int, work: Any, *arguments: Any) -> None:
        task = asyncio.create_task(self._attended(number, work, arguments))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _attended(self, number: int, work: Any, arguments: Sequence[Any]) -> None:
        """One file at a time: a second process would take the others' processor as well."""
        async with self._turn:
            if not await beside(self.hub, work, *arguments):
                async with self.hub.database.transaction() as tx:
                    for state in WORKING:
                        ended = self._ending("", number, (state, "fail"), {}, int(time.time()))
                        await tx.execute(self._end, ended)

    @asynccontextmanager
    async def _noting(self, number: int) -> AsyncIterator[Any]:
        """Note each second how far it is."""
        seen = [0, 0]

        async def note() -> None:
            row = {"which": number, "new_rows_done": seen[0], "new_rows_total": seen[1], "new_changed_at": int(time.time())}
            async with self.hub.database.transaction() as tx:
                await tx.execute(self._note, row)

        async def go_on() -> None:
            while True:
                await asyncio.sleep(1)
                await note()

        task = asyncio.create_task(go_on())
        try:
            yield lambda done, total: seen.__setitem__(slice(None), (done, total))
            await note()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # --- keeping -------------------------------------------------------------------------------------------------

    async def _held(self, change: Change, organisation: str, number: int) -> dict[str, Any]:
        rows = await change.fetch(self._hold, {"which": number, "organisation": organisation})
        if not rows:
            raise Unknown("there is no such file", "open one with `casesUploadOpen`; after a day it is forgotten", "upload")
        return self._row(rows[0], change.now)

    @staticmethod
    def _row(stored: Sequence[Any], now: int) -> dict[str, Any]:
        row = dict(zip(cases_upload.c.keys(), stored, strict=True))
        if row["state"] in WORKING and row["changed_at"] < now - SILENT:
            row["state"] = moved(UPLOADS, row["state"], "fail")
        return row

    async def _moved(self, change: Change, number: int, received: int, state: str) -> None:
        row = {"which": number, "new_received_bytes": received, "new_state": state, "new_changed_at": int(time.time())}
        await change.execute(self._advance, row)

    async def _ended(self, enquiry: Enquiry, number: int, before: str, act: str, result: Mapping[str, Any]) -> None:
        ended = self._ending(str(enquiry.requester.organisation), number, (before, act), result, int(time.time()))
        async with self.hub.database.transaction() as tx:
            await tx.execute(self._end, ended)

    def _ending(self, organisation: str, number: int, step: tuple[str, str], result: Mapping[str, Any], now: int) -> dict[str, Any]:
        before, act = step
        sealed = self._seal(organisation).close(orjson.dumps(result), self.hub.ring.current) if result else None
        return {"which": number, "before": before, "new_state": moved(UPLOADS, before, act), "new_result": sealed, "new_changed_at": now}

    async def _content(self, enquiry: Enquiry, number: int) -> tuple[bytes, str]:
        organisation = str(enquiry.requester.organisation)
        seal = self._seal(organisation)
        parts = [seal.open(sealed, stored=True) for (sealed,) in await self.hub.database.fetch(self._parts, {"which": number})]
        ((*row,),) = await self.hub.database.fetch(self._one, {"which": number, "organisation": organisation})
        return b"".join(each or b"" for each in parts), str(row[cases_upload.c.keys().index("kind")])

    async def _forget(self, change: Change, number: int) -> None:
        await change.execute(self._drop_parts, {"which": number})
        await change.execute(self._drop, {"which": number})

    def _opened(self, organisation: str, sealed: str | None) -> dict[str, Any]:
        opened = self._seal(organisation).open(sealed, stored=True) if sealed else None
        return dict(orjson.loads(opened)) if opened else {}

    def _number(self, enquiry: Enquiry, given: Any) -> int:
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, str(given), "cases_upload") or 0

    def _seal(self, organisation: str) -> Seal:
        return Seal(self.hub.ring, "cases upload", organisation)


async def look(hub: Hub, enquiry: Enquiry, number: int) -> None:
    """Look a file through, in the process beside."""
    await hub.aid.uploads.look(enquiry, number)


async def register(hub: Hub, enquiry: Enquiry, number: int, apart: Sequence[int]) -> None:
    """Register everybody of a file, or nobody, in the process beside."""
    await hub.aid.uploads.registered(enquiry, number, apart)


def _kept(found: Preview) -> dict[str, Any]:
    faults, twins = found.read.faults, found.twins
    return {
        "digest": found.digest,
        "rows": found.people,
        "households": len(found.read.homes),
        "fault_count": len(faults),
        "faults": [[each.row, each.column, each.code] for each in faults[:MOST_KEPT]],
        "duplicate_count": len(twins),
        "duplicates": [asdict(each) for each in twins[:MOST_KEPT]],
    }


def _decoded(content: str) -> bytes:
    if len(content) > MOST_PART * 4 // 3 + 4:
        raise Invalid(f"a part has at most {MOST_PART} bytes", "send smaller parts", "content")
    try:
        found = base64.b64decode(content.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Invalid("this is not base64", "encode the bytes of the part, with padding", "content") from None
    if not found:
        raise Invalid("this part is empty", "send the next bytes of the file", "content")
    return found
