"""A grant shows exactly its categories to its receiver for its purpose until its end, and leaves a receipt."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from errors import Invalid, Unknown
from privacy.consent import LONGEST_SECONDS, Consents
from privacy.keys import KeyRing
from privacy.receipts import TERMS
from tables.database import Database
from tables.identity import consent
from tables.upgrade import upgrade
from values import Category, Purpose

NOW = 1_800_000_000
YEAR = 365 * 86400
AID = Purpose.AID_DISTRIBUTION


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "ring.json")


EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    opened = Database.at(url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def consents(database: Database, ring: KeyRing) -> Consents:
    return Consents(database, ring)


async def rows(database: Database) -> list[Any]:
    return list(await database.fetch(database.prepare(sa.select(consent.c.id, consent.c.withdrawn_at))))


@EVERYWHERE
async def test_a_grant_is_what_its_person_reads_later(consents: Consents) -> None:
    given = await consents.grant(7, "crescent-aid", AID, {Category.NAME, Category.HEALTH}, NOW + YEAR, NOW, witness="hope-network")
    assert await consents.of(7) == [given]
    assert (given.person, given.receiver, given.purpose, given.witness) == (7, "crescent-aid", AID, "hope-network")
    assert given.categories == {Category.NAME, Category.HEALTH}
    assert (given.granted_at, given.ends_at, given.withdrawn_at) == (NOW, NOW + YEAR, None)
    assert await consents.of(8) == []


@EVERYWHERE
async def test_a_mask_counts_only_the_receiver_the_purpose_and_the_time_it_is_for(consents: Consents) -> None:
    await consents.grant(7, "crescent-aid", AID, {Category.NAME}, NOW + 100, NOW)
    await consents.grant(7, "kind:ngo", AID, {Category.BIRTH}, NOW + 200, NOW)
    await consents.grant(7, "crescent-aid", Purpose.STATISTICS, {Category.INCOME}, NOW + 300, NOW)
    await consents.grant(8, "hope-network", AID, {Category.HEALTH}, NOW + 300, NOW)
    mine = ["crescent-aid", "kind:ngo"]
    both = Category.NAME.bit | Category.BIRTH.bit
    assert await consents.masks([7, 8, 9], mine, AID, NOW) == {7: both}
    assert await consents.masks([7, 8, 9], ["crescent-aid"], AID, NOW) == {7: Category.NAME.bit}
    assert await consents.masks([7, 8], ["hope-network", "kind:ngo"], AID, NOW) == {7: Category.BIRTH.bit, 8: Category.HEALTH.bit}
    assert await consents.masks([7], mine, AID, NOW + 99) == {7: both}
    assert await consents.masks([7], mine, AID, NOW + 100) == {7: Category.BIRTH.bit}
    assert await consents.masks([7], mine, AID, NOW + 200) == {}
    assert await consents.masks([7], mine, Purpose.SOCIAL_SECURITY, NOW) == {}
    assert await consents.masks([], mine, AID, NOW) == {}
    assert await consents.masks([7], [], AID, NOW) == {}


async def test_a_further_grant_only_ever_adds(consents: Consents) -> None:
    await consents.grant(7, "crescent-aid", AID, {Category.NAME, Category.PLACE}, NOW + YEAR, NOW)
    before = (await consents.masks([7], ["crescent-aid"], AID, NOW))[7]
    await consents.grant(7, "crescent-aid", AID, {Category.PLACE}, NOW + 10, NOW)
    after = (await consents.masks([7], ["crescent-aid"], AID, NOW))[7]
    assert before & after == before


@EVERYWHERE
async def test_masks_of_ten_thousand_people_are_one_statement(consents: Consents, database: Database) -> None:
    for person in (1, 5_000, 10_000):
        await consents.grant(person, "crescent-aid", AID, {Category.NAME}, NOW + YEAR, NOW)
    asked = []
    fetch = database.fetch

    async def counted(*given: Any, **named: Any) -> Any:
        asked.append(given)
        return await fetch(*given, **named)

    database.fetch = counted  # type: ignore[method-assign]  # counts what passes through to the real database
    found = await consents.masks(range(1, 10_001), ["crescent-aid"], AID, NOW)
    assert found == dict.fromkeys((1, 5_000, 10_000), Category.NAME.bit)
    assert len(asked) == 1


@EVERYWHERE
async def test_withdrawing_ends_a_grant_at_once_and_once(consents: Consents) -> None:
    given = await consents.grant(7, "crescent-aid", AID, {Category.NAME}, NOW + YEAR, NOW)
    ended = await consents.withdraw(given.id, 7, NOW + 5)
    assert ended.withdrawn_at == NOW + 5
    assert not ended.holds(NOW + 5)
    assert await consents.masks([7], ["crescent-aid"], AID, NOW + 5) == {}
    assert await consents.withdraw(given.id, 7, NOW + 50) == ended
    assert await consents.of(7) == [ended]


async def test_nobody_withdraws_for_another(consents: Consents, database: Database) -> None:
    given = await consents.grant(7, "crescent-aid", AID, {Category.NAME}, NOW + YEAR, NOW)
    refusals = []
    for id_, person in ((given.id, 8), ("0" * 32, 7)):
        with pytest.raises(Unknown) as caught:
            await consents.withdraw(id_, person, NOW)
        refusals.append((caught.value.message, caught.value.hint))
    assert refusals[0] == refusals[1]
    assert await rows(database) == [(given.id, None)]


@pytest.mark.parametrize(
    ("receiver", "categories", "ends_at", "field"),
    [
        ("Crescent Aid", {Category.NAME}, NOW + 1, "receiver"),
        ("", {Category.NAME}, NOW + 1, "receiver"),
        ("kind:bank", {Category.NAME}, NOW + 1, "receiver"),
        ("kind:", {Category.NAME}, NOW + 1, "receiver"),
        ("crescent-aid\n", {Category.NAME}, NOW + 1, "receiver"),
        ("person:7", {Category.NAME}, NOW + 1, "receiver"),
        ("crescent-aid", set(), NOW + 1, "categories"),
        ("crescent-aid", {Category.NAME}, NOW, "endsAt"),
        ("crescent-aid", {Category.NAME}, NOW - 1, "endsAt"),
        ("crescent-aid", {Category.NAME}, NOW + LONGEST_SECONDS + 1, "endsAt"),
    ],
)
async def test_a_grant_that_cannot_stand_is_refused_and_nothing_is_written(
    consents: Consents, database: Database, receiver: str, categories: set[Category], ends_at: int, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await consents.grant(7, receiver, AID, categories, ends_at, NOW)
    assert caught.value.field == field
    assert caught.value.hint
    assert await rows(database) == []


async def test_a_receipt_is_a_27560_record_that_names_nobody(consents: Consents) -> None:
    given = await consents.grant(7, "crescent-aid", AID, {Category.HEALTH, Category.NAME}, NOW + YEAR, NOW, witness="hope-network")
    record = consents.verified(given.receipt)
    assert record is not None
    principal = record["piiPrincipalId"]
    assert re.fullmatch("[0-9a-f]{32}", principal)
    assert record == {
        "schemaVersion": "ISO/IEC TS 27560:2023",
        "recordId": given.id,
        "piiPrincipalId": principal,
        "piiController": "crescent-aid",
        "purposes": [{"purpose": "aid_distribution", "dpv": "dpv:ServiceProvision", "lawfulBasis": "dpv:Consent"}],
        "personalData": ["name", "health"],
        "validity": {"from": NOW, "until": NOW + YEAR},
        "noticeLanguage": "ar",
        "issuedAt": NOW,
        "processing": {"mode": "view", "retentionDays": None, "frequency": None},
        "collection": {"method": "paper", "witness": "hope-network", "document": None},
        "request": None,
        "givenBy": "principal",
        "events": [{"state": "given", "at": NOW}],
    }
    assert set(TERMS) == set(Purpose)
    of_another = consents.verified((await consents.grant(7, "hope-network", AID, {Category.NAME}, NOW + YEAR, NOW)).receipt)
    again = consents.verified((await consents.grant(7, "crescent-aid", AID, {Category.NAME}, NOW + YEAR, NOW)).receipt)
    assert of_another is not None
    assert again is not None
    assert of_another["piiPrincipalId"] != principal == again["piiPrincipalId"]


async def test_a_receipt_is_canonical_and_anyone_can_check_its_signature(consents: Consents) -> None:
    receipt = (await consents.grant(7, "kind:ngo", AID, {Category.NAME}, NOW + YEAR, NOW)).receipt
    parsed = json.loads(receipt)

    def canonical(part: Any) -> bytes:
        return json.dumps(part, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert receipt == canonical(parsed)
    signature = parsed["signature"]
    public = VerifyKey(base64.urlsafe_b64decode(signature["publicKey"]))
    assert public.verify(canonical(parsed["record"]), base64.urlsafe_b64decode(signature["value"])) == canonical(parsed["record"])


async def test_a_withdrawal_is_signed_into_the_receipt(consents: Consents, ring: KeyRing) -> None:
    given = await consents.grant(7, "crescent-aid", AID, {Category.NAME}, NOW + YEAR, NOW)
    ring.rotate()
    ended = await consents.withdraw(given.id, 7, NOW + 5)
    record = consents.verified(ended.receipt)
    assert record is not None
    assert record["events"] == [{"state": "given", "at": NOW}, {"state": "withdrawn", "at": NOW + 5}]
    assert consents.verified(given.receipt) is not None


async def test_a_changed_receipt_does_not_verify(tmp_path: Path, ring: KeyRing) -> None:
    await upgrade(f"sqlite:///{tmp_path}/hub.db")
    database = Database.at(f"sqlite:///{tmp_path}/hub.db")
    await database.open()
    consents = Consents(database, ring)
    receipt = (await consents.grant(7, "crescent-aid", AID, {Category.NAME}, NOW + YEAR, NOW)).receipt
    await database.close()
    for old, new in (
        (b'"name"', b'"health"'),
        (b"crescent-aid", b"another-org!"),
        (str(NOW + YEAR).encode(), str(NOW + 2 * YEAR).encode()),
    ):
        assert old in receipt
        assert consents.verified(receipt.replace(old, new)) is None
    other = Consents(database, KeyRing.create(tmp_path / "other.json"))
    assert other.verified(receipt) is None


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["record", "signature", "value", "keyVersion"]), inner),
    ).map(lambda tree: json.dumps(tree).encode())
)
def test_no_bytes_are_a_receipt_unless_signed(tmp_path_factory: pytest.TempPathFactory, receipt: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    ring = KeyRing.load(folder / "any.json") if (folder / "any.json").exists() else KeyRing.create(folder / "any.json")
    assert Consents(Database.at(f"sqlite:///{folder}/none.db"), ring).verified(receipt) is None
