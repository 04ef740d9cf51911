"""Reports of wrongdoing: the hub carries what it cannot read, and keeps nothing of who sent it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from nacl.public import PrivateKey

from privacy import reports
from tables.oversight.reports import report, report_message, reporting_key
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import asked, refused, rows, wait

SECRET = PrivateKey(bytes(range(32)))
PUBLIC = bytes(SECRET.public_key)
PUBLISH = """mutation ($input: ReportKeyPublishInput!) { reportKeyPublish(input: $input) {
    ... on ReportKeyPublished { key { id body publicKey } } ... on Refusal { code field } } }"""
FILE = "mutation ($input: ReportFileInput!) { reportFile(input: $input) { ... on ReportKept { done } ... on Refusal { code field } } }"
ANSWER = (
    "mutation ($input: ReportAnswerInput!) { reportAnswer(input: $input) { ... on ReportKept { done } ... on Refusal { code field } } }"
)
REPLY = "mutation ($input: ReportReplyInput!) { reportReply(input: $input) { ... on ReportKept { done } ... on Refusal { code field } } }"
MOVE = "mutation ($id: ID!) { %s(input: {id: $id}) { ... on ReportKept { done } ... on Refusal { code } } }"
READ = "query ($token: String!) { reportConversation(token: $token) { state key messages { byBody day sealed } } }"
LIST = "{ reports { id kind day state mine messages { byBody sealed } } }"
COUNTS = "{ reportCounts { quarter kind count } }"
WORDS = "The foreman takes a third of every winter parcel."


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub with one published key."""
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        await opened.data(PUBLISH, "inspector", {"input": key()})
        yield opened


def key(**given: str) -> dict[str, str]:
    times = {"beginsAt": wait(days=-1).isoformat(), "untilAt": wait(days=400).isoformat()}
    return {"publicKey": base64.b64encode(PUBLIC).decode(), **times, **given}


def filing(code: str, **given: str) -> dict[str, str]:
    content = {"text": WORDS, "attachments": [], "reply_to": bytes(reports.key_of(code).public_key).hex()}
    sealed = base64.b64encode(reports.sealed(content, PUBLIC)).decode()
    return {"token": reports.token_of(code), "key": reports.fingerprint(PUBLIC), "kind": "CORRUPTION", "sealed": sealed, **given}


async def test_a_report_is_answered_without_anybody_learning_who_sent_it(hub: Asking) -> None:
    code = reports.new_code()
    assert (await hub.data(FILE, "public", {"input": filing(code)}))["reportFile"] == {"done": True}
    (theirs,) = (await hub.data(LIST, "inspector"))["reports"]
    assert (theirs["kind"], theirs["state"], theirs["mine"]) == ("CORRUPTION", "FILED", False)
    content = reports.opened(base64.b64decode(theirs["messages"][0]["sealed"]), SECRET)
    assert content["text"] == WORDS
    await hub.data(MOVE % "reportTake", "inspector", {"id": theirs["id"]})
    said = base64.b64encode(reports.sealed({"text": "Which month?"}, bytes.fromhex(content["reply_to"]))).decode()
    assert (await hub.data(REPLY, "inspector", {"input": {"id": theirs["id"], "sealed": said}}))["reportReply"] == {"done": True}
    found = (await hub.data(READ, "public", {"token": reports.token_of(code)}))["reportConversation"]
    assert (found["state"], [each["byBody"] for each in found["messages"]]) == ("TAKEN", [False, True])
    assert reports.opened(base64.b64decode(found["messages"][1]["sealed"]), reports.key_of(code.lower()))["text"] == "Which month?"
    more = base64.b64encode(reports.sealed({"text": "January."}, PUBLIC)).decode()
    await hub.data(ANSWER, "public", {"input": {"token": reports.token_of(code), "sealed": more}})
    await hub.data(MOVE % "reportClose", "inspector", {"id": theirs["id"]})
    (after,) = (await hub.data(LIST, "inspector"))["reports"]
    assert (after["state"], len(after["messages"]), after["mine"]) == ("CLOSED", 3, True)


async def test_the_hub_keeps_what_it_cannot_read_and_nothing_of_the_sender(hub: Asking) -> None:
    code = reports.new_code()
    before = [await rows(hub, table) for table in (report, report_message)]
    await hub.data(FILE, "public", {"input": filing(code)})
    assert [await rows(hub, table) for table in (report, report_message)] == [before[0] + 1, before[1] + 1]
    book = apsw.Connection(hub.hub.settings.hub.database.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
    kept: Any
    (kept,) = book.execute("SELECT code, body, key, kind, day, state, officer FROM report").fetchall()
    (kept_message,) = book.execute("SELECT sealed FROM report_message").fetchall()
    sealed: Any = kept_message[0]
    ((steps,),) = book.execute("SELECT count(*) FROM step WHERE thing LIKE 'report:%'").fetchall()
    book.close()
    assert kept[1:] == ("inspectorate", reports.fingerprint(PUBLIC), "corruption", wait().date().isoformat(), "filed", None)
    assert (reports.token_of(code) in bytes(kept[0]).hex(), steps, len(sealed) - reports.OVERHEAD) == (False, 0, reports.SIZES[0])
    assert b"foreman" not in sealed


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"key": "0000000000000000"}, ("INVALID", "key")),
        ({"token": "short"}, ("INVALID", "token")),
        ({"sealed": "%"}, ("INVALID", "sealed")),
        ({"sealed": base64.b64encode(bytes(5000)).decode()}, ("INVALID", "sealed")),
    ],
)
async def test_what_the_program_would_not_send_is_refused(given: dict[str, str], refusal: tuple[str, str], hub: Asking) -> None:
    """Failure 8.2a of oversight."""
    assert await refused(hub, FILE, "public", filing(reports.new_code(), **given)) == refusal
    assert await rows(hub, report) == 0


async def test_a_code_leads_to_one_report_and_no_other_to_any(hub: Asking) -> None:
    """Failure 8.2b of oversight; failure 8.4a of oversight."""
    code = reports.new_code()
    await hub.data(FILE, "public", {"input": filing(code)})
    assert await refused(hub, FILE, "public", filing(code)) == ("CONFLICT", None)
    other = reports.token_of(reports.new_code())
    assert (await hub.data(READ, "public", {"token": other}))["reportConversation"] is None
    assert (await hub.data(READ, "public", {"token": "x"}))["reportConversation"] is None
    assert await refused(hub, ANSWER, "public", {"token": other, "sealed": filing(code)["sealed"]}) == ("UNKNOWN", None)
    assert (await rows(hub, report), await rows(hub, report_message)) == (1, 1)


async def test_a_report_is_its_bodys_and_its_officers(hub: Asking) -> None:
    """Failure 8.3a of oversight."""
    await hub.data(FILE, "public", {"input": filing(reports.new_code())})
    assert (await hub.data(LIST, "integrity-officer"))["reports"] == []
    (mine,) = (await hub.data(LIST, "inspector"))["reports"]
    (second,) = (await hub.data(LIST, "inspector-2"))["reports"]
    sealed = filing(reports.new_code())["sealed"]
    assert await refused(hub, REPLY, "inspector", {"id": mine["id"], "sealed": sealed}) == ("CONFLICT", None)
    assert (await hub.data(MOVE % "reportTake", "integrity-officer", {"id": mine["id"]}))["reportTake"] == {"code": "UNKNOWN"}
    await hub.data(MOVE % "reportTake", "inspector", {"id": mine["id"]})
    assert (await hub.data(MOVE % "reportClose", "inspector-2", {"id": second["id"]}))["reportClose"] == {"code": "CONFLICT"}
    assert await rows(hub, report_message) == 1


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"publicKey": base64.b64encode(bytes(32)).decode()}, ("INVALID", "publicKey")),
        ({"publicKey": "%"}, ("INVALID", "publicKey")),
        ({"untilAt": "2020-01-01T00:00:00Z"}, ("INVALID", "untilAt")),
        ({"untilAt": "2999-01-01T00:00:00Z"}, ("INVALID", "untilAt")),
        ({}, ("CONFLICT", None)),
    ],
)
async def test_a_key_that_is_none_is_not_published(given: dict[str, str], refusal: tuple[str, str | None], hub: Asking) -> None:
    """Failure 8.1a of oversight."""
    assert await refused(hub, PUBLISH, "inspector", key(**given)) == refusal
    assert await rows(hub, reporting_key) == 1


async def test_counts_come_late_and_never_small(hub: Asking) -> None:
    for kind, times in (("FRAUD", 5), ("OTHER", 4)):
        for _ in range(times):
            await hub.data(FILE, "public", {"input": filing(reports.new_code(), kind=kind)})
    assert (await hub.data(COUNTS, "public"))["reportCounts"] == []
    (counted,) = (await asked(hub, COUNTS, "public", at=wait(days=130)))["reportCounts"]
    assert (counted["kind"], counted["count"]) == ("FRAUD", 5)


def test_a_token_tells_neither_code_nor_key() -> None:
    code = reports.new_code()
    assert len({reports.token_of(code), bytes(reports.key_of(code)).hex(), reports.token_of(reports.new_code())}) == 3
    assert reports.token_of(code.replace("-", " ").lower()) == reports.token_of(code)
    with pytest.raises(ValueError, match="twenty"):
        reports.token_of("ABC")


def test_messages_have_one_of_few_sizes_and_open_for_their_key_alone() -> None:
    sizes = {len(reports.sealed({"text": "x" * length}, PUBLIC)) - reports.OVERHEAD for length in (0, 3000, 5000, 200_000, 400_000)}
    assert sizes == set(reports.SIZES)
    with pytest.raises(ValueError, match="at most"):
        reports.sealed({"text": "x" * 600_000}, PUBLIC)
    with pytest.raises(ValueError, match="not sealed"):
        reports.opened(reports.sealed({}, PUBLIC), PrivateKey.generate())


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + bytes(4)


def test_a_picture_loses_all_but_the_picture() -> None:
    jpeg = b"\xff\xd8" + segment(0xE0, b"JFIF") + segment(0xE1, b"Exif GPS 33.3N") + segment(0xFE, b"by Ali") + segment(0xDB, b"table")
    jpeg += segment(0xDA, b"scan") + b"pixels\xff\xd9trailer"
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"head") + chunk(b"tEXt", b"by Ali") + chunk(b"eXIf", b"GPS") + chunk(b"IDAT", b"pixels")
    png += chunk(b"IEND", b"") + b"trailer"
    for content in (jpeg, png):
        made: dict[str, Any] = reports.attached("ali-photo", content)
        bare = base64.b64decode(made["content"])
        assert b"pixels" in bare
        assert "ali" not in made["name"]
        assert not [secret for secret in (b"GPS", b"by Ali", b"trailer") if secret in bare]
    with pytest.raises(ValueError, match="only JPEG"):
        reports.attached("x.pdf", b"%PDF-1.7 \xff\xfe")
