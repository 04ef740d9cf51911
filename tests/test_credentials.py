"""A key opens the hub for its holder until it ends, and its secret is nowhere but in its holder's hands."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from errors import Invalid, Unauthenticated, Unknown
from privacy.credentials import Credentials
from privacy.keys import KeyRing
from settings import Settings
from tables.database import Database
from tables.identity import credential
from tables.upgrade import upgrade
from values import OrganisationKind, Purpose, Role

NOW = 1_800_000_000
AID, CASES, OPEN = Purpose.AID_DISTRIBUTION, Purpose.CASE_MANAGEMENT, Purpose.OPEN_DATA

SETTINGS = Settings.model_validate(
    {
        "organisations": {
            "crescent-aid": {
                "name": {"ar": "هلال العون", "en": "Crescent Aid"},
                "kind": "ngo",
                "verified": True,
                "purposes": ["case_management", "aid_distribution"],
            },
            "app-house": {"name": {"ar": "دار التطبيقات", "en": "App House"}, "kind": "developer", "purposes": ["open_data"]},
        }
    }
)


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
def credentials(database: Database, ring: KeyRing) -> Credentials:
    return Credentials(database, ring)


async def caseworker(credentials: Credentials, **other: Any) -> str:
    return await credentials.issue("crescent-caseworker", "staff", "crescent-aid", Role.CASEWORKER, [AID, OPEN, CASES], NOW, **other)


def id_of(key: str) -> str:
    return key.split("_")[1]


async def refusal(credentials: Credentials, key: str, now: int = NOW) -> tuple[str, str]:
    with pytest.raises(Unauthenticated) as caught:
        await credentials.requester(key, now, SETTINGS)
    return caught.value.message, caught.value.hint


@EVERYWHERE
async def test_a_key_makes_its_holder_a_requester_of_its_organisation(credentials: Credentials) -> None:
    key = await caseworker(credentials)
    assert re.fullmatch(r"mz_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", key)
    holder = await credentials.requester(key, NOW, SETTINGS)
    assert (holder.name, holder.role, holder.credential) == ("crescent-caseworker", Role.CASEWORKER, id_of(key))
    assert (holder.receiver, holder.organisation, holder.organisation_kind) == ("crescent-aid", "crescent-aid", OrganisationKind.NGO)
    assert holder.verified
    assert holder.person is None


async def test_purposes_are_those_of_the_key_that_its_organisation_has_in_the_keys_order(credentials: Credentials) -> None:
    assert (await credentials.requester(await caseworker(credentials), NOW, SETTINGS)).purposes == (AID, CASES)


@EVERYWHERE
async def test_a_persons_key_is_for_access_to_the_self_only(credentials: Credentials) -> None:
    key = await credentials.issue("person-7", "person", None, Role.PERSON, [AID, CASES], NOW, person=7)
    holder = await credentials.requester(key, NOW, SETTINGS)
    assert (holder.receiver, holder.person, holder.organisation) == ("person:7", 7, None)
    assert holder.purposes == (Purpose.SELF_ACCESS,)
    assert not holder.verified


async def test_an_app_of_an_unverified_organisation_is_not_verified(credentials: Credentials) -> None:
    key = await credentials.issue("app", "app", "app-house", Role.DEVELOPER, [OPEN], NOW)
    holder = await credentials.requester(key, NOW, SETTINGS)
    assert (holder.verified, holder.organisation_kind, holder.purposes) == (False, OrganisationKind.DEVELOPER, (OPEN,))


async def test_every_wrong_key_gets_one_and_the_same_answer(credentials: Credentials) -> None:
    key, revoked = await caseworker(credentials), await caseworker(credentials)
    gone = await credentials.issue("gone", "staff", "left-us", Role.ANALYST, [AID], NOW)
    await credentials.revoke(id_of(revoked), NOW)
    id_, secret = key[3:15], key[16:]
    wrong = [
        "",
        "mz_",
        "garbage",
        f"mz_{'a' * 12}_{secret}",
        f"mz_{id_}_{'A' * 43}",
        f"mz_{id_}_{revoked[16:]}",
        f"{key} ",
        f"{key}\n",
        key.upper(),
        key[:-1],
        key + "x" * 2**20,
        key.replace("mz_", "mz_\ud800", 1),
        f"mz_{'٠' * 12}_{secret}",  # noqa: RUF001 — Arabic-Indic digits on purpose
        revoked,
        gone,
    ]
    assert {await refusal(credentials, each) for each in wrong} == {await refusal(credentials, "unknown")}
    assert (await credentials.requester(key, NOW, SETTINGS)).credential == id_


async def test_an_expired_key_says_so_only_to_who_knows_its_secret(credentials: Credentials) -> None:
    key = await caseworker(credentials, expires_at=NOW + 10)
    assert (await credentials.requester(key, NOW + 9, SETTINGS)).name == "crescent-caseworker"
    assert "expired" in (await refusal(credentials, key, NOW + 10))[0]
    assert "expired" not in (await refusal(credentials, key[:16] + "A" * 43, NOW + 10))[0]


@EVERYWHERE
async def test_a_revoked_key_stops_at_once_where_it_was_revoked(credentials: Credentials) -> None:
    key = await caseworker(credentials)
    await credentials.requester(key, NOW, SETTINGS)
    await credentials.revoke(id_of(key), NOW)
    await refusal(credentials, key, NOW)
    await credentials.revoke(id_of(key), NOW + 100)
    assert [each.revoked_at for each in await credentials.listed()] == [NOW]


@EVERYWHERE
async def test_a_revoked_key_stops_at_once_everywhere_else(credentials: Credentials, database: Database, ring: KeyRing) -> None:
    elsewhere = Credentials(database, ring)
    key = await caseworker(credentials)
    await elsewhere.requester(key, NOW, SETTINGS)
    await credentials.revoke(id_of(key), NOW)
    await refusal(elsewhere, key, NOW)


async def test_a_row_read_before_a_revocation_is_not_remembered_after_it(credentials: Credentials, database: Database) -> None:
    key = await caseworker(credentials)
    fetch = database.fetch

    async def overtaken(*given: Any, **named: Any) -> Any:
        rows = await fetch(*given, **named)
        database.fetch = fetch  # type: ignore[method-assign]  # the real one again
        await credentials.revoke(id_of(key), NOW)
        return rows

    database.fetch = overtaken  # type: ignore[method-assign]  # revokes while the row is on its way
    await credentials.requester(key, NOW, SETTINGS)
    await refusal(credentials, key, NOW)


@EVERYWHERE
async def test_the_kinds_of_those_who_hold_a_living_key_are_told_without_their_names(credentials: Credentials) -> None:
    for name in ("Amal", "Basim"):
        await credentials.issue(name, "staff", "crescent-aid", Role.CASEWORKER, [AID, CASES], NOW)
    for number in (7, 8):
        await credentials.issue("", "person", None, Role.PERSON, [Purpose.SELF_ACCESS], NOW, number)
    await credentials.issue("late", "staff", "crescent-aid", Role.MANAGER, [AID], NOW, expires_at=NOW + 60)
    gone = await credentials.issue("gone", "staff", "crescent-aid", Role.ANALYST, [AID], NOW)
    await credentials.revoke(gone.split("_")[1], NOW)
    await credentials.issue("stranger", "staff", "closed-house", Role.CASEWORKER, [AID], NOW)
    told = {each.role: each for each in await credentials.kinds(NOW + 60, SETTINGS)}
    assert [*told] == [Role.CASEWORKER, Role.PERSON] or [*told] == [Role.PERSON, Role.CASEWORKER]
    assert (told[Role.CASEWORKER].name, told[Role.CASEWORKER].credential, told[Role.CASEWORKER].purposes) == ("", "", (AID, CASES))
    assert (told[Role.PERSON].name, told[Role.PERSON].person) == ("", 0)
    assert len(await credentials.kinds(NOW, SETTINGS)) == 3


async def test_unknown_keys_take_no_memory(credentials: Credentials) -> None:
    for number in range(20):
        await refusal(credentials, f"mz_{'a' * 10}{chr(97 + number)}a_{'A' * 43}")
    assert credentials._seen == {}


@EVERYWHERE
async def test_the_secret_is_stored_nowhere_and_its_hash_only_under_the_ring(
    credentials: Credentials, database: Database, tmp_path: Path
) -> None:
    key = await caseworker(credentials)
    (row,) = await database.fetch(database.prepare(sa.select(*credential.c)))
    assert key[16:] not in repr(row)
    assert len(row[1]) == 32
    other_ring = Credentials(database, KeyRing.create(tmp_path / "other.json"))
    await refusal(other_ring, key)
    listed = await credentials.listed()
    assert [each.id for each in listed] == [id_of(key)]
    assert key[16:] not in repr(listed)


async def test_keys_outlive_a_rotation_of_the_ring(credentials: Credentials, database: Database, ring: KeyRing) -> None:
    key = await caseworker(credentials)
    ring.rotate()
    assert (await Credentials(database, ring).requester(key, NOW, SETTINGS)).credential == id_of(key)


async def test_revoking_what_was_never_issued_is_said(credentials: Credentials) -> None:
    with pytest.raises(Unknown):
        await credentials.revoke("a" * 12, NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "robot"},
        {"kind": "person"},
        {"organisation": None},
        {"role": Role.PERSON},
        {"role": Role.PUBLIC},
        {"person": 7},
        {"purposes": []},
        {"expires_at": NOW},
        {"kind": "person", "role": Role.PERSON, "person": 7},
        {"kind": "person", "role": Role.CASEWORKER, "person": 7, "organisation": None},
    ],
)
async def test_a_key_whose_parts_do_not_fit_is_not_issued(credentials: Credentials, wrong: dict[str, Any]) -> None:
    asked = {"name": "x", "kind": "staff", "organisation": "crescent-aid", "role": Role.CASEWORKER, "purposes": [AID], "now": NOW, **wrong}
    with pytest.raises(Invalid) as caught:
        await credentials.issue(**asked)
    assert caught.value.field
    assert await credentials.listed() == []


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text() | st.text(st.sampled_from("mz_a2AZ-\ud800\0"), max_size=70))
def test_no_text_passes_for_a_key(tmp_path: Path, text: str) -> None:
    location = tmp_path / "ring.json"
    ring = KeyRing.load(location) if location.exists() else KeyRing.create(location)
    untouched = Credentials(Database.at(f"sqlite:///{tmp_path}/never-opened.db"), ring)
    coroutine = untouched.requester(text, NOW, SETTINGS)
    with pytest.raises(Unauthenticated):
        coroutine.send(None)
