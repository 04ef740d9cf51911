"""A large file of cases comes in parts, is looked through and registered in a process beside the hub, whole or not at all."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cli import main
from resolvers.aid import uploads
from resolvers.aid.importing import FILE_BYTES
from resolvers.aid.uploads import KEPT, MOST_OPEN, MOST_PART, SILENT
from tables.aid import cases_upload, cases_upload_part
from tests.asking import Asking, copied
from tests.country import Country
from tests.serving import serving
from tests.test_cases import Desk, counts, rows
from tests.test_importing import EVERYWHERE, FAMILIES, HEADER, hub  # noqa: F401 — a fixture
from tests.test_membership import ELSE

OPEN = (
    f"mutation ($input: CasesUploadOpenInput!) {{ casesUploadOpen(input: $input) {{ ... on CasesUploadOpened {{ upload mostBytes }} {ELSE}"
)
PART = f"""mutation ($input: CasesUploadPartInput!) {{
  casesUploadPart(input: $input) {{ ... on CasesUploadReceived {{ receivedBytes state }} {ELSE}"""
IMPORT = f"""mutation ($input: CasesUploadImportInput!) {{
  casesUploadImport(input: $input) {{ ... on CasesUploadImporting {{ state }} {ELSE}"""
DISCARD = f"""mutation ($input: CasesUploadDiscardInput!) {{
  casesUploadDiscard(input: $input) {{ ... on CasesUploadDiscarded {{ discarded }} {ELSE}"""
HOW_FAR = """query ($upload: ID!, $afterRow: Int! = 0, $language: Language! = EN) {
  casesUpload(upload: $upload, afterRow: $afterRow, language: $language) {
    state sizeBytes receivedBytes rowsDone rowsTotal failure { code field hint } registered { households people }
    preview { rows households faultCount faults { row column code text hint }
      duplicateCount duplicates { row person otherRow score } } } }"""


class Sender(Desk):
    """A manager who sends files."""

    async def begun(self, content: bytes, kind: str = "CSV") -> str:
        """Open a file."""
        opened = await self.did(OPEN, input={"kind": kind, "sizeBytes": len(content)})
        return str(opened["upload"])

    async def part(self, upload: str, offset: int, content: bytes) -> Any:
        """Send one part."""
        return await self.did(PART, input={"upload": upload, "offset": offset, "content": base64.b64encode(content).decode()})

    async def sent(self, content: bytes, size: int = 100) -> str:
        """Send a whole file in parts."""
        upload = await self.begun(content)
        for offset in range(0, len(content), size):
            await self.part(upload, offset, content[offset : offset + size])
        return upload

    async def how_far(self, upload: str, **more: Any) -> Any:
        """Ask how far it is."""
        return (await self.hub.data(HOW_FAR, self.who, {"upload": upload, **more}))["casesUpload"]

    async def ended(self, upload: str) -> Any:
        """Wait until nobody works on it any more."""
        while (found := await self.how_far(upload))["state"] in {"LOOKING", "REGISTERING"}:
            await asyncio.sleep(0.1)
        return found


@EVERYWHERE
async def test_a_file_sent_in_parts_is_looked_through_and_registered_once(hub: Asking) -> None:  # noqa: F811
    sender, other = Sender(hub, "karama-manager"), Sender(hub, "hope-manager")
    content = FAMILIES.encode()
    upload = await sender.sent(content)
    assert await other.how_far(upload) is None, "another organisation knows of no such file"
    looked = await sender.ended(upload)
    assert (looked["state"], looked["receivedBytes"], looked["rowsDone"], looked["failure"]) == ("LOOKED", len(content), 3, None)
    assert (looked["preview"]["rows"], looked["preview"]["households"], looked["preview"]["faultCount"]) == (3, 2, 0)
    kept = await rows(hub, cases_upload, cases_upload_part)
    assert "زينب" not in repr(kept), "nothing of the file can be read in the tables"
    answers = await asyncio.gather(*(sender.did(IMPORT, input={"upload": upload}) for _ in range(3)))
    assert {each["state"] for each in answers} <= {"REGISTERING", "REGISTERED"}
    done = await sender.ended(upload)
    assert (done["state"], done["registered"]) == ("REGISTERED", {"households": 2, "people": 3})
    assert await rows(hub, cases_upload_part) == [[]], "nothing is kept of the file"
    after = await counts(hub)
    assert (await sender.did(IMPORT, input={"upload": upload}))["state"] == "REGISTERED"
    again = await sender.ended(await sender.sent(content))
    assert [each["code"] for each in again["preview"]["faults"]] == ["CASE_TAKEN"] * 3
    assert await counts(hub) == after, "the same file registers nobody twice"


async def test_what_a_file_is_refused_for_is_told_and_it_can_be_imported_after_all(hub: Asking) -> None:  # noqa: F811
    """Failure 21.3b of aid."""
    sender = Sender(hub, "karama-manager")
    twice = f"{HEADER}\n1,A-1,head,مريم صالح رمضان,هدى إبراهيم,1990,F,,,\n2,A-2,head,مريم سالح رمزان,هدي ابراهيم,1990,F,,,\n"
    upload = await sender.sent(twice.encode())
    assert [(each["row"], each["otherRow"]) for each in (await sender.ended(upload))["preview"]["duplicates"]] == [(3, 2)]
    before = await counts(hub)
    await sender.did(IMPORT, input={"upload": upload})
    refused = await sender.ended(upload)
    assert (refused["state"], refused["failure"]["code"], refused["failure"]["field"]) == ("LOOKED", "LIKELY_DUPLICATE", "rows.3")
    assert refused["failure"]["hint"]
    assert await counts(hub) == before
    await sender.did(IMPORT, input={"upload": upload, "distinctRows": [3]})
    assert (await sender.ended(upload))["registered"] == {"households": 2, "people": 2}


async def test_faults_are_listed_row_after_row_in_the_language_asked_for(hub: Asking) -> None:  # noqa: F811
    """Failure 21.3a of aid: a file with a fault registers nobody."""
    sender = Sender(hub, "karama-manager")
    lines = [HEADER, *(f"{row},B-{row},head,X{row},,,,,," for row in range(2, 302))]
    upload = await sender.sent("\n".join(lines).encode(), 4_000)
    found = (await sender.ended(upload))["preview"]
    assert (found["faultCount"], len(found["faults"]), found["faults"][0]["row"]) == (300, 200, 2)
    rest = (await sender.how_far(upload, afterRow=201, language="AR"))["preview"]["faults"]
    assert (len(rest), rest[0]["row"], rest[0]["text"]) == (100, 202, "ليس هذا اسماً")
    before = await counts(hub)
    refused = await sender.did(IMPORT, input={"upload": upload})
    assert (refused["code"], refused["field"]) == ("INVALID", "upload")
    assert await counts(hub) == before


async def test_parts_that_cannot_be_are_refused_and_nothing_is_written(hub: Asking) -> None:  # noqa: F811
    """Failure 21.3c of aid."""
    sender, other = Sender(hub, "karama-manager"), Sender(hub, "hope-manager")
    for size in (-1, 0, FILE_BYTES + 1):
        refused = await sender.did(OPEN, input={"kind": "CSV", "sizeBytes": size})
        assert (refused["code"], refused["field"]) == ("INVALID", "sizeBytes"), size
    upload = await sender.begun(FAMILIES.encode())
    assert (await sender.part(upload, 0, b"house"))["receivedBytes"] == 5
    before = await rows(hub, cases_upload, cases_upload_part)
    for who, offset, content, code, field in (
        (sender, 0, b"house", "STALE", "offset"),
        (sender, 7, b"house", "STALE", "offset"),
        (sender, -1, b"house", "STALE", "offset"),
        (sender, 5, b"", "INVALID", "content"),
        (sender, 5, b"x" * (MOST_PART + 1), "INVALID", "content"),
        (sender, 5, FAMILIES.encode(), "INVALID", "content"),
        (other, 5, b"hold", "UNKNOWN", "upload"),
    ):
        refused = await who.part(upload, offset, content)
        assert (refused["code"], refused["field"]) == (code, field)
        assert refused["hint"]
    broken = await sender.did(PART, input={"upload": upload, "offset": 5, "content": "not base64!"})
    assert (broken["code"], broken["field"]) == ("INVALID", "content")
    early = await sender.did(IMPORT, input={"upload": upload})
    assert early["code"] == "CONFLICT"
    assert "receive" in early["hint"]
    for document in (IMPORT, DISCARD):
        assert (await other.did(document, input={"upload": upload}))["code"] == "UNKNOWN"
        assert (await sender.did(document, input={"upload": "x"}))["code"] == "UNKNOWN"
    assert await rows(hub, cases_upload, cases_upload_part) == before
    for _ in range(MOST_OPEN - 1):
        await sender.begun(b"12")
    refused = await sender.did(OPEN, input={"kind": "CSV", "sizeBytes": 1})
    assert (refused["code"], bool(refused["hint"])) == ("LIMIT_REACHED", True)
    assert (await sender.did(DISCARD, input={"upload": upload}))["discarded"]
    assert await sender.how_far(upload) is None
    assert await rows(hub, cases_upload_part) == [[]]


def test_the_command_sends_a_file_to_a_hub_elsewhere(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "copy")
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(FAMILIES, encoding="utf-8")
    bad.write_text(FAMILIES + "3,I-4,,X1,,,,,,\n", encoding="utf-8")
    with serving(settings.path, tmp_path / "output.txt") as served:

        def told(*arguments: str) -> tuple[int, str]:
            given = ["import", "--hub", served.url, "--as", country.keys["crescent-manager"], *arguments]
            done = CliRunner().invoke(main, given)
            return done.exit_code, done.output

        code, output = told(str(bad), "--commit", "--language", "ar")
        assert (code, "bad.csv:5:name: NAME: ليس هذا اسماً" in output) == (1, True)
        code, output = told(str(good), "--commit")
        assert (code, "registered 3 people in 2 households" in output) == (0, True)
        code, output = told(str(good), "--commit")
        assert (code, output.count("CASE_TAKEN")) == (1, 3)
    code, output = told(str(good))
    assert (code, "did not answer" in output) == (1, True)


async def fails(*_: object) -> None:
    """Work that does not come to its end."""
    raise SystemExit(3)


async def test_work_that_ends_unexpectedly_is_told_and_old_files_are_forgotten(hub: Asking, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Failure 21.3d of aid."""
    sender = Sender(hub, "karama-manager")
    monkeypatch.setattr(uploads, "look", fails)
    upload = await sender.sent(FAMILIES.encode())
    failed = await sender.ended(upload)
    assert (failed["state"], failed["failure"]["code"]) == ("FAILED", "INTERNAL")
    assert (await sender.did(IMPORT, input={"upload": upload}))["code"] == "CONFLICT"
    database = hub.hub.database
    older = {"state": sa.literal("looking"), "changed_at": cases_upload.c.changed_at - SILENT - 1}
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.update(cases_upload).values(older)))
    assert (await sender.how_far(upload))["state"] == "FAILED", "who has said nothing for so long has ended"
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.update(cases_upload).values(opened_at=cases_upload.c.opened_at - KEPT - 1)))
    await sender.begun(b"1")
    assert await sender.how_far(upload) is None
