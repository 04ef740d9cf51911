"""What a thief of the databases finds without the keys: counts and joins by number, and nothing that names anybody."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from privacy import reports
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from samples.cast import member, scenes
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import COMPLAINT, found, looks
from tests.test_decisions import OPEN as DECIDE
from tests.test_glass import ASK, BREAK, CONCUR
from tests.test_importing import HEADER, Clerk
from tests.test_messages import SEND as WRITE
from tests.test_nameless import OPEN as AID_OPEN
from tests.test_references import MAKE, OPEN, called, numbers
from tests.test_referrals import Passing
from tests.test_reports import FILE, REPLY, filing, key
from tests.test_reports import MOVE as TAKEN
from tests.test_reports import PUBLISH as KEY
from tests.test_reports import WORDS as REPORTED
from tests.test_surveys import ANSWER, ASKED, TEXTS, question
from tests.test_surveys import SEND as SURVEY
from values import Purpose, Role

WORDS = "البئر عند الوادي الجاف ولا ماء فيه منذ أسبوع"
"""What is written to others, and is found in no table."""

REPORT_CODE = reports.new_code()
"""What a reporter keeps; the hub has a hash of a token made of it."""

NEWCOMERS = ("شيرين هاوار عزيز", "ناسكة عمر", "دلشاد كاوە نوري", "محلة الجسر القديم")
"""People, a mother and a place that an organisation wrote down itself, by hand and from a file."""

CAST = [resident for scene in scenes() for resident in scene.household.residents]


@pytest.fixture
async def used(country: Country, tmp_path: Path) -> Path:
    """The folder of a hub that was used: questions, consents, references, idempotent commands."""
    async with asking(country, copied(country, tmp_path / "copy")) as hub:
        await everything(hub)
    return tmp_path / "copy"


async def everything(hub: Asking) -> None:
    page = "{ people(first: 100) { id name birthDate phone nationalNumber: caseNumber household { id members { id name } } } }"
    for who in ("crescent-caseworker", "hope-caseworker", "rafidain-caseworker"):
        await hub.ask(page, who)
    first = (await hub.data("{ people(first: 1) { id } }", "crescent-caseworker"))["people"][0]["id"]
    given = {"receiver": "hope-network", "person": first, "thread": "زينب", "idempotencyKey": "key-of-a-caller"}
    made = (await hub.data(MAKE, "crescent-caseworker", {"i": given}))["referenceMake"]
    await hub.ask(OPEN, "hope-caseworker", {"t": made["reference"], "h": "زينب"})
    await matters(hub)
    await reported(hub)
    await between(hub)
    await written_down(hub)
    card = "query($v: String!) { personByIdentifier(scheme: RATION_CARD, value: $v) { id name phone } }"
    await hub.ask(card, "crescent-caseworker", {"v": "2043817/1"})


async def matters(hub: Asking) -> None:
    """A request for help and what is written about it, a look complained of, glass and an opening, each with words nobody may find."""
    entry = next(each["id"] for each in await looks(hub, "umm-hassan") if each["organisation"] == "crescent-aid")
    await hub.data(COMPLAINT, "umm-hassan", {"input": {"disclosure": entry, "text": WORDS}})
    asked = {"need": "food", "urgency": "URGENT", "words": WORDS}
    await hub.data(AID_OPEN, "umm-hassan", {"input": asked})
    hers = await found(hub, "inspector", "990000000101")
    await hub.data(BREAK, "inspector", {"input": {"person": hers, "reason": WORDS}})
    opening = await hub.data(ASK, "inspector", {"input": {"subject": hers, "reason": WORDS, "extreme": True}})
    assert "opening" in opening["openingAsk"]
    (theirs,) = (await hub.data("{ openings { id } }", "integrity-officer"))["openings"]
    noted = {"id": theirs["id"], "agree": False, "note": WORDS}
    assert "opening" in (await hub.data(CONCUR, "integrity-officer", {"input": noted}))["openingConcur"]


async def reported(hub: Asking) -> None:
    """A sealed report, taken and answered."""
    await hub.data(KEY, "inspector", {"input": key()})
    assert (await hub.data(FILE, "public", {"input": filing(REPORT_CODE)}))["reportFile"] == {"done": True}
    (theirs,) = (await hub.data("{ reports { id } }", "inspector"))["reports"]
    await hub.data(TAKEN % "reportTake", "inspector", {"id": theirs["id"]})
    sealed = filing(reports.new_code())["sealed"]
    assert (await hub.data(REPLY, "inspector", {"input": {"id": theirs["id"], "sealed": sealed}}))["reportReply"] == {"done": True}


async def between(hub: Asking) -> None:
    """A message, a referral refused for a reason, answers to surveys with and without names, and a joint decision."""
    desks = Passing(hub)
    await desks.publish()
    crescent, hope = desks.crescent, desks.hope
    said = crescent.sealed(WORDS, [hope], ("well.txt", WORDS.encode()))
    assert (await crescent.did(WRITE, input={**said, "to": ["hope-network"]}))["__typename"] == "MessageSent"
    number, *_ = await numbers(hub, "crescent-aid")
    sealed = crescent.sealed(WORDS, [hope])
    sealed.pop("attachments")
    sent = await desks.send(number, **sealed)
    assert (await desks.end("referralRefuse", sent, 1, WORDS))["state"] == "REFUSED"
    for more in ({}, {"to": list(ASKED), "anonymous": True}):
        asked = {"to": ["hope-network"], **TEXTS, "questions": [question("why", "TEXT")], **more}
        made = (await hub.data(SURVEY, crescent.manager, {"input": asked}, "case_management"))["surveySend"]
        which = hub.hub.pseudonyms.resolve("crescent-aid", made["survey"], "survey") or 0
        given = {"survey": called(hub, "hope-network", which, "survey"), "answers": [{"question": "why", "text": WORDS}]}
        assert (await hope.did(ANSWER, input=given))["__typename"] == "SurveyChanged"
    listed = {"title": WORDS, "parties": ["hope-network"], "people": [called(hub, "crescent-aid", number)]}
    assert (await crescent.did(DECIDE, input=listed))["__typename"] == "JointDecisionOpened"


async def written_down(hub: Asking) -> None:
    """Particulars typed in, corrected, and imported from a file."""
    clerk = Clerk(hub, "karama-manager")
    hub.keys[clerk.who] = await hub.hub.credentials.issue(
        clerk.who, "staff", "karama", Role.MANAGER, [Purpose.AID_DISTRIBUTION], int(time.time()), None
    )
    name, mother, other, place = NEWCOMERS
    who = await clerk.person("Z-1", {"name": name, "motherName": mother, "birthYear": 1990, "sex": "F"})
    assert (await clerk.written(who))["name"] == name
    rows = f"{HEADER}\n1,Z-2,head,{other},{mother},1975,M,IQ-SU,{place},40\n"
    seen = await clerk.preview(rows)
    assert (seen["rows"], seen["faultCount"]) == (1, 0)
    assert (await clerk.load(rows, seen["digest"], idempotencyKey="file"))["people"] == 1


def dumped(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of both databases."""
    tables: dict[str, list[tuple[Any, ...]]] = {}
    for name in ("hub.db", "record.db"):
        connection = apsw.Connection(str(folder / name))
        for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            tables[f"{name} {table}"] = [*connection.execute(f'SELECT * FROM "{table}"')]
        connection.close()
    return tables


def in_plain(tables: dict[str, list[tuple[Any, ...]]]) -> str:
    """All that can be read, also from inside base64 and hexadecimal."""
    found = []
    for rows in tables.values():
        for value in (value for row in rows for value in row):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            found.append(text)
            found += [_unwrapped(part) for part in re.findall(r"[A-Za-z0-9_-]{16,}", text)]
    return "\n".join(found)


def _unwrapped(part: str) -> str:
    return base64.urlsafe_b64decode(part[: len(part) // 4 * 4]).decode("utf-8", "replace")


async def test_no_name_no_number_of_papers_no_telephone_and_no_key_is_in_any_table(used: Path, country: Country) -> None:
    tables = dumped(used)
    assert sum(map(len, tables.values())) > 1000
    text = in_plain(tables)
    assert "crescent-aid" in text, "the reading itself works"
    secret = {
        part for each in CAST for part in (each.national_number, each.phone, f"{each.given} {each.father} {each.grandfather}") if part
    }
    assert len(secret) > 60
    secret |= {"2043817", "زينب", WORDS, "الوادي", REPORTED, REPORT_CODE, *NEWCOMERS} | set(country.keys.values())
    ring = json.loads((used / "keys.json").read_text(encoding="utf-8"))
    secret |= {each["master"] for each in ring["versions"].values()}
    assert not [each for each in secret if each in text]


async def test_nothing_in_the_tables_is_a_text_that_a_requester_was_given(used: Path) -> None:
    """A pseudonym kept by a client cannot be looked up in a stolen table."""
    text = in_plain(dumped(used))
    pseudonyms = Pseudonyms(KeyRing.load(used / "keys.json"))
    for receiver in ("crescent-aid", "hope-network", "rafidain-relief"):
        for kind in ("person", "household", "allocation"):
            make = pseudonyms.maker(receiver, kind)
            assert not [number for number in range(600) if make(number) in text]


async def test_two_identifiers_in_a_stolen_table_cannot_be_compared_with_numbers_that_are_tried(used: Path) -> None:
    """Twelve digits could be tried in hours, if a try needed no key."""
    import hashlib

    stolen = {bytes(row[0]) for row in dumped(used)["hub.db identifier"]}
    assert len(stolen) > 300
    number = (member("mariam").national_number or "").encode()
    for message in (number, b"national_number" + number, b"national_number\x00" + number, b"national_number:" + number):
        for made in (hashlib.sha256, hashlib.blake2b, hashlib.sha512, hashlib.sha3_256):
            assert made(message).digest()[:32] not in stolen
        assert hashlib.blake2b(message, digest_size=32).digest() not in stolen


async def test_what_joins_remain_is_what_the_page_says(used: Path) -> None:
    """Person numbers stand in the clear and join: sources that know a person, its household, consents and disclosures."""
    tables = dumped(used)
    links = {row[1] for row in tables["hub.db link"]}
    cases = {row[2] for row in tables["hub.db own_case"]}
    consents = {row[1] for row in tables["hub.db consent"]}
    assert links & cases
    assert consents <= links
    referred = {row[4] for row in tables["hub.db referral"]}
    listed = {row[2] for row in tables["hub.db joint_person"]}
    assert referred
    assert referred | listed <= cases
    described = {row[1] for row in tables["hub.db case_particulars"]}
    assert described <= cases | links
    for name in ("message_part", "message_box", "thread", "report", "report_message"):
        columns = len(tables[f"hub.db {name}"][0])
        found = {row[place] for row in tables[f"hub.db {name}"] for place in range(columns) if isinstance(row[place], int)}
        assert tables[f"hub.db {name}"]
        assert not found & (referred | listed) - set(range(1, 1000)), "no message and no report names a person"
