"""What a thief of the databases finds without the keys: counts and joins by number, and nothing that names anybody."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from samples.cast import member, scenes
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import COMPLAINT, found, looks
from tests.test_glass import ASK, BREAK, CONCUR
from tests.test_nameless import OPEN as AID_OPEN
from tests.test_references import MAKE, OPEN

WORDS = "البئر عند الوادي الجاف ولا ماء فيه منذ أسبوع"
"""What is written to others, and is found in no table."""

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
    secret |= {"2043817", "زينب", WORDS, "الوادي"} | set(country.keys.values())
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
