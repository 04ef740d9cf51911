"""A person carries what the sources say of it, shows what it chooses, and takes it back; nobody else can."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import server
from cli import main
from errors import Conflict
from privacy.attested import Attested, Batch
from privacy.attesting import Attester, by_kid
from privacy.keys import KeyRing
from privacy.selective import verified
from privacy.status import check
from resolvers.identity.attested import ATTESTABLE, delivered, months, older
from samples.cast import member
from samples.seeding import People
from schema import CATALOGUE, SCHEMA
from schema.door.live import Live
from tables.database import Database
from tables.identity.attestations import attestation
from tables.upgrade import upgrade
from tables.writing import step
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.holding import HolderKey, new_key
from values import Level, Purpose, Role

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
CHALLENGE = "{ attestationChallenge { nonce audience endsAt } }"
ISSUE = """mutation ($input: AttestationIssueInput!) { attestationIssue(input: $input) { __typename
  ... on AttestationIssued { credentials attestation { id type programme count issuedAt endsAt revokedAt revokedBecause } }
  ... on Refusal { code message hint field } } }"""
VERIFY = """mutation ($input: AttestationVerifyInput!) { attestationVerify(input: $input) { __typename
  ... on AttestationVerified { type claims { name value } endsAt } ... on Refusal { code message hint } } }"""
REVOKE = """mutation ($input: AttestationRevokeInput!) { attestationRevoke(input: $input) { __typename
  ... on AttestationRevoked { attestation { id revokedBecause } } ... on Refusal { code message } } }"""
MINE = "{ attestations { id type programme count revokedAt revokedBecause } }"


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("attestations") / "hub", sources=True)) as opened:
        people = People(opened.hub.database, opened.hub.blinder)
        for name in ("abbas", "abu-karrar", "muntazar"):
            (number,) = (await people.numbers([member(name).national_number or ""])).values()
            opened.keys[name] = await opened.hub.credentials.issue(name, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), 0, number)
        yield opened


def now() -> int:
    return int(datetime.now(UTC).timestamp())


async def count(hub: Asking, table: sa.Table = attestation) -> int:
    database = hub.hub.database
    return int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(table))))[0][0])


async def issue(hub: Asking, type_: str, who: str = "umm-hassan", keys: list[HolderKey] | None = None, **more: Any) -> dict[str, Any]:
    challenge = (await hub.data(CHALLENGE, who))["attestationChallenge"]
    proofs = [each.prove(challenge["nonce"], challenge["audience"], now()) for each in keys or [new_key()]]
    made = {"type": type_, "nonce": challenge["nonce"], "proofs": proofs, **more}
    return dict((await hub.data(ISSUE, who, {"input": made}))["attestationIssue"])


async def shown(hub: Asking, key: HolderKey, credential: str, names: list[str], who: str = "crescent-caseworker") -> dict[str, Any]:
    challenge = (await hub.data(CHALLENGE, who))["attestationChallenge"]
    text = key.show(credential, names, challenge["nonce"], challenge["audience"], now())
    return dict((await hub.data(VERIFY, who, {"input": {"presentation": text, "nonce": challenge["nonce"]}}))["attestationVerify"])


# --- carrying ----------------------------------------------------------------------------------------------------------


async def test_a_person_proves_its_age_to_an_organisation_and_nothing_else(hub: Asking) -> None:
    key = new_key()
    made = await issue(hub, "age", keys=[key])
    assert made["__typename"] == "AttestationIssued"
    assert made["attestation"] | {"id": "", "issuedAt": "", "endsAt": ""} == {
        "id": "",
        "type": "age",
        "programme": None,
        "count": 1,
        "issuedAt": "",
        "endsAt": "",
        "revokedAt": None,
        "revokedBecause": None,
    }
    answer = await shown(hub, key, made["credentials"][0], ["age_over_18"])
    assert answer["__typename"] == "AttestationVerified"
    assert (answer["type"], answer["claims"]) == ("age", [{"name": "age_over_18", "value": "true"}])


async def test_the_types_say_the_same_to_anyone_in_three_languages(hub: Asking) -> None:
    question = """query ($l: Language!) { attestationTypes(language: $l) {
      name vct title level days needsProgramme claims { name title sources } } }"""
    by_language = [(await hub.data(question, "public", {"l": language}))["attestationTypes"] for language in ("AR", "CKB", "EN")]
    assert [each["name"] for each in by_language[0]] == ["age", "residence", "disability", "beneficiary", "insurance", "clearance"]
    assert [each["level"] for each in by_language[0]] == ["CONSENTED", "CONSENTED", "CONSENTED", "PARTNER", "PARTNER", "CONSENTED"]
    titles = [{each["title"] for type_ in types for each in (type_, *type_["claims"])} for types in by_language]
    assert not titles[0] & titles[1]
    assert not titles[1] & titles[2]
    assert by_language[2][0]["claims"][1] == {"name": "age_over_18", "title": "18 years or older", "sources": ["Person.birthDate"]}
    assert by_language[0][0]["vct"].endswith("/attestations/age")


@pytest.mark.parametrize(
    ("who", "type_", "programme", "said"),
    [
        ("umm-hassan", "residence", None, {"governorate": '"IQ-BG"'}),
        ("abbas", "disability", None, {"disability": "true", "impairment_type": '"VIS"'}),
        ("abu-karrar", "insurance", None, {"insured": "true", "months_over_12": "true", "months_over_60": "false"}),
        ("abu-karrar", "clearance", None, {"cleared": "true", "scheme": '"voluntary"'}),
        ("umm-hassan", "beneficiary", "سلة غذائية", {"programme": '"سلة غذائية"', "last_month": '"2025-10"'}),
    ],
)
async def test_each_type_says_what_the_sources_say(hub: Asking, who: str, type_: str, programme: str | None, said: dict[str, str]) -> None:
    key = new_key("P-256")
    made = await issue(hub, type_, who, [key], programme=programme)
    answer = await shown(hub, key, made["credentials"][0], sorted(said))
    assert {each["name"]: each["value"] for each in answer["claims"]} == said


async def test_what_was_read_for_an_attestation_stands_in_the_persons_own_record(hub: Asking) -> None:
    await issue(hub, "disability", "abbas")
    entries = (await hub.data("{ me { person { disclosures(first: 1) { role organisation purpose attributes grounds } } } }", "abbas"))[
        "me"
    ]
    assert entries["person"]["disclosures"] == [
        {
            "role": "person",
            "organisation": None,
            "purpose": "self_access",
            "attributes": ["Person.disability", "Person.id", "Person.impairmentType", "Person.living"],
            "grounds": ["self"],
        }
    ]


async def test_a_batch_is_one_for_its_holder_and_many_for_verifiers(hub: Asking) -> None:
    keys = [new_key() for _ in range(3)]
    made = await issue(hub, "age", keys=keys)
    assert (made["attestation"]["count"], len(set(made["credentials"]))) == (3, 3)
    places = await hub.hub.database.fetch(
        hub.hub.database.prepare(sa.select(attestation.c.position).where(attestation.c.batch == sa.bindparam("b"))),
        {"b": made["attestation"]["id"]},
    )
    assert len({place for (place,) in places}) == 3
    for key, credential in zip(keys, made["credentials"], strict=True):
        assert (await shown(hub, key, credential, []))["__typename"] == "AttestationVerified"


async def test_the_same_idempotency_key_gives_the_same_attestations(hub: Asking) -> None:
    challenge = (await hub.data(CHALLENGE, "umm-hassan"))["attestationChallenge"]
    proof = new_key().prove(challenge["nonce"], challenge["audience"], now())
    asked = {"type": "age", "nonce": challenge["nonce"], "proofs": [proof], "idempotencyKey": "again"}
    first, second = [(await hub.data(ISSUE, "umm-hassan", {"input": asked}))["attestationIssue"] for _ in range(2)]
    assert first == second
    assert first["__typename"] == "AttestationIssued"


async def test_issuing_leaves_a_signed_trace_without_the_person(hub: Asking) -> None:
    made = await issue(hub, "age")
    trace = await hub.hub.writing.trace(f"attestation:{made['attestation']['id']}")
    assert [(each.act, each.state, each.role, each.organisation) for each in trace] == [("issue", "valid", "person", None)]


# --- what is refused ---------------------------------------------------------------------------------------------------


async def nothing_issued(hub: Asking, made: dict[str, Any], before: int, code: str, field: str | None = None) -> None:
    assert (made["__typename"], made.get("code"), made.get("field")) == ("Refusal", code, field)
    assert await count(hub) == before


async def test_what_cannot_be_attested_is_refused_and_nothing_is_written(hub: Asking) -> None:
    """Failure 13.1a of identity, 13.1b of identity, 13.1c of identity, 13.2b of identity."""
    before, steps = await count(hub), await count(hub, step)
    await nothing_issued(hub, await issue(hub, "passport"), before, "INVALID", "type")
    await nothing_issued(hub, await issue(hub, "age", programme="سلة غذائية"), before, "INVALID", "programme")
    await nothing_issued(hub, await issue(hub, "beneficiary"), before, "INVALID", "programme")
    await nothing_issued(hub, await issue(hub, "beneficiary", programme="م" * 10_000), before, "INVALID", "programme")
    await nothing_issued(hub, await issue(hub, "beneficiary", programme="برنامج لا وجود له"), before, "UNKNOWN")
    await nothing_issued(hub, await issue(hub, "beneficiary", programme="\u202eجميل"), before, "UNKNOWN")
    await nothing_issued(hub, await issue(hub, "insurance", "mariam"), before, "UNKNOWN")
    await nothing_issued(hub, await issue(hub, "disability", "mariam"), before, "UNKNOWN")
    await nothing_issued(hub, await issue(hub, "clearance", "mariam"), before, "UNKNOWN")
    await nothing_issued(hub, await issue(hub, "age", keys=[new_key() for _ in range(21)]), before, "INVALID", "proofs")
    key = new_key()
    await nothing_issued(hub, await issue(hub, "age", keys=[key, key]), before, "CONFLICT")
    assert await count(hub, step) == steps


async def test_a_key_is_bound_once_whoever_asks(hub: Asking) -> None:
    """Failure 13.2c of identity."""
    key = new_key()
    await issue(hub, "age", keys=[key])
    before = await count(hub)
    await nothing_issued(hub, await issue(hub, "residence", keys=[key]), before, "CONFLICT")
    await nothing_issued(hub, await issue(hub, "age", "mariam", keys=[key]), before, "CONFLICT")


async def test_a_proof_for_another_nonce_or_another_persons_nonce_is_refused(hub: Asking) -> None:
    """Failure 13.2a of identity."""
    before = await count(hub)
    theirs = (await hub.data(CHALLENGE, "mariam"))["attestationChallenge"]
    proof = new_key().prove(theirs["nonce"], theirs["audience"], now())
    asked = {"type": "age", "nonce": theirs["nonce"], "proofs": [proof]}
    await nothing_issued(hub, (await hub.data(ISSUE, "umm-hassan", {"input": asked}))["attestationIssue"], before, "ATTESTATION_INVALID")
    mine = (await hub.data(CHALLENGE, "umm-hassan"))["attestationChallenge"]
    asked = {"type": "age", "nonce": mine["nonce"], "proofs": [proof]}
    await nothing_issued(hub, (await hub.data(ISSUE, "umm-hassan", {"input": asked}))["attestationIssue"], before, "ATTESTATION_INVALID")


async def test_nobody_has_anything_attested_about_others(hub: Asking) -> None:
    """Failure 13.1d of identity."""
    before = await count(hub)
    for who in ("crescent-caseworker", "inspector", "public"):
        body = await hub.ask(ISSUE, who, {"input": {"type": "age", "nonce": "n", "proofs": []}})
        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"
    assert await count(hub) == before


async def test_a_source_that_is_down_attests_nothing(country: Country, tmp_path: Path) -> None:
    """Failure 13.1e of identity."""
    settings = copied(country, tmp_path / "hub")
    broken = settings.model_copy(
        update={
            "sources": {
                **settings.sources,
                "rafidain-relief": settings.sources["rafidain-relief"].model_copy(update={"address": "http://127.0.0.1:9/"}),
            }
        }
    )
    async with asking(country, broken) as hub:
        challenge = (await hub.data(CHALLENGE, "umm-hassan"))["attestationChallenge"]
        proof = new_key().prove(challenge["nonce"], challenge["audience"], now())
        asked = {"type": "beneficiary", "nonce": challenge["nonce"], "proofs": [proof], "programme": "نقد للشتاء"}
        body = await hub.ask(ISSUE, "umm-hassan", {"input": asked})
        assert body["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
        assert await count(hub) == 0


# --- checking ----------------------------------------------------------------------------------------------------------


async def test_a_presentation_counts_once_and_for_its_verifier_alone(hub: Asking) -> None:
    """Failure 14.2a of identity, 14.2b of identity."""
    key = new_key()
    credential = (await issue(hub, "age", keys=[key]))["credentials"][0]
    challenge = (await hub.data(CHALLENGE, "crescent-caseworker"))["attestationChallenge"]
    text = key.show(credential, ["age_over_18"], challenge["nonce"], challenge["audience"], now())
    asked = {"input": {"presentation": text, "nonce": challenge["nonce"]}}
    other = (await hub.data(VERIFY, "hope-caseworker", asked))["attestationVerify"]
    assert other["code"] == "ATTESTATION_INVALID"
    answers = await asyncio.gather(*(hub.data(VERIFY, "crescent-caseworker", asked) for _ in range(4)))
    codes = sorted(each["attestationVerify"].get("message", "") for each in answers)
    assert codes == ["", *["this nonce was used before"] * 3]
    assert (await hub.data(VERIFY, "crescent-caseworker", {"input": {"presentation": text, "nonce": "mine"}}))["attestationVerify"][
        "code"
    ] == ("ATTESTATION_INVALID")


async def test_what_the_hub_did_not_issue_as_a_known_type_is_refused(hub: Asking) -> None:
    """Failure 14.2g of identity."""
    key = new_key()
    strange = hub.hub.attester.issue("passport", {}, 1, key.public, (0, 5), now() + 1000)
    answer = await shown(hub, key, strange, [])
    assert (answer["code"], answer["message"]) == ("ATTESTATION_INVALID", "it is of a type that this hub does not issue")
    unlisted = hub.hub.attester.issue("age", {}, 1, key.public, (7, 5), now() + 1000)
    assert (await shown(hub, key, unlisted, []))["code"] == "ATTESTATION_REVOKED"


async def test_only_verified_organisations_have_the_hub_check(hub: Asking) -> None:
    for who in ("umm-hassan", "public"):
        body = await hub.ask(VERIFY, who, {"input": {"presentation": "x", "nonce": "n"}})
        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_anyone_checks_offline_with_what_is_published(hub: Asking) -> None:
    """What the hub publishes is enough: its keys, its list, the description of the type; nobody needs a credential for it."""
    key = new_key()
    made = await issue(hub, "age", keys=[key])
    transport = httpx.ASGITransport(server.application(Live(hub.hub, SCHEMA)))
    async with httpx.AsyncClient(transport=transport, base_url=hub.hub.attester.address) as client:
        issuer = (await client.get("/.well-known/jwt-vc-issuer")).json()
        keys = by_kid((await client.get(issuer["jwks_uri"])).json())
        text = key.show(made["credentials"][0], ["age_over_15"], "n", "https://shop.example", now())
        claims = verified(text, keys, now(), nonce="n", audience="https://shop.example").claims
        assert (claims["iss"], claims["age_over_15"]) == (issuer["issuer"], True)
        described = (await client.get(claims["vct"])).json()
        assert described["vct"] == claims["vct"]
        assert [each["locale"] for each in described["display"]] == ["ar", "ckb", "en"]
        address = claims["status"]["status_list"]["uri"]
        listed = await client.get(address)
        assert listed.headers["content-type"].startswith("application/statuslist+jwt")
        assert listed.headers["access-control-allow-origin"] == "*"
        check(claims, listed.text, keys, now())
        await hub.data(REVOKE, "umm-hassan", {"input": {"id": made["attestation"]["id"]}})
        with pytest.raises(Exception, match="was revoked"):
            check(claims, (await client.get(address)).text, keys, now())
        for nowhere in ("/status/9", "/status/00", "/status/\u0660", f"/status/{'9' * 5000}", "/attestations/passport", "/status/x"):
            assert (await client.get(nowhere)).status_code == 404


def test_a_file_and_the_published_keys_are_enough(tmp_path: Path) -> None:
    """Failure 14.2a of identity, 14.3a of identity, on the command line."""
    attester = Attester(KeyRing.create(tmp_path / "ring.json"), "https://hub.example")
    key = new_key()
    text = key.show(
        attester.issue("age", {"age_over_18": True}, 5, key.public, (0, 3), now() + 9999), ["age_over_18"], "n", "https://shop", now()
    )
    files = {
        "shown": text,
        "keys": json.dumps(attester.key_set()),
        "good": attester.status_list(0, [4], now()),
        "bad": attester.status_list(0, [3], now()),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n", encoding="utf-8")

    def verify(*options: str) -> tuple[int, str]:
        named = [str(tmp_path / each) if each in files else each for each in options]
        result = CliRunner().invoke(main, ["attestation", "verify", str(tmp_path / "shown"), *named])
        return result.exit_code, result.output

    bound = ("--keys", "keys", "--nonce", "n", "--audience", "https://shop")
    code, told = verify(*bound, "--status", "good")
    assert (code, json.loads(told)["claims"]["age_over_18"], json.loads(told)["revocation"]) == (0, True, True)
    assert json.loads(verify(*bound)[1])["revocation"] is False
    assert verify(*bound, "--status", "bad") == (
        1,
        "Error: the attestation was revoked. Remedy: the holder can have a new one issued, if what it said still holds.\n",
    )
    assert "the binding is for another nonce" in verify("--keys", "keys", "--nonce", "m", "--audience", "https://shop")[1]
    assert "go together" in verify("--keys", "keys", "--nonce", "n")[1]
    assert "it was shown to somebody" in verify("--keys", "keys")[1]
    assert "is not a JWK Set" in verify("--keys", "shown")[1]


# --- taking back -------------------------------------------------------------------------------------------------------


async def test_taken_back_by_its_holder_it_holds_nowhere_any_more(hub: Asking) -> None:
    """Failure 13.3a of identity, 14.3a of identity."""
    key = new_key()
    made = await issue(hub, "age", keys=[key])
    asked = {"input": {"id": made["attestation"]["id"]}}
    assert (await hub.data(REVOKE, "mariam", asked))["attestationRevoke"]["code"] == "UNKNOWN"
    assert (await hub.data(REVOKE, "umm-hassan", {"input": {"id": "none"}}))["attestationRevoke"]["code"] == "UNKNOWN"
    assert (await shown(hub, key, made["credentials"][0], []))["__typename"] == "AttestationVerified"
    revoked = (await hub.data(REVOKE, "umm-hassan", asked))["attestationRevoke"]
    assert revoked["attestation"]["revokedBecause"] == "HOLDER"
    assert (await shown(hub, key, made["credentials"][0], []))["code"] == "ATTESTATION_REVOKED"
    assert (await hub.data(REVOKE, "umm-hassan", asked))["attestationRevoke"]["code"] == "CONFLICT"
    mine = {each["id"]: each for each in (await hub.data(MINE, "umm-hassan"))["attestations"]}
    assert mine[made["attestation"]["id"]]["revokedAt"] is not None
    assert made["attestation"]["id"] not in str(await hub.data(MINE, "mariam"))


async def test_a_fact_that_ends_takes_its_attestation_with_it_and_no_other(country: Country, tmp_path: Path) -> None:
    """Failure 14.3b of identity."""
    settings = copied(country, tmp_path / "hub", sources=True)
    async with asking(country, settings) as hub:
        keys = {name: new_key() for name in ("residence", "age", "beneficiary")}
        made = {}
        for name, key in keys.items():
            programme = "سلة غذائية" if name == "beneficiary" else None
            made[name] = (await issue(hub, name, keys=[key], programme=programme))["credentials"][0]
        when = datetime.now(UTC) + timedelta(days=40)
        assert await hub.hub.identity.attestations.refresh(when) == (3, 0, 0)
        await moved_house(hub)
        assert await hub.hub.identity.attestations.refresh(when) == (3, 1, 0)
        outcomes = {name: (await shown(hub, key, made[name], [])).get("code") for name, key in keys.items()}
        assert outcomes == {"residence": "ATTESTATION_REVOKED", "age": None, "beneficiary": None}
        reasons = {each["type"]: each["revokedBecause"] for each in (await hub.data(MINE, "umm-hassan"))["attestations"]}
        assert reasons == {"residence": "OUTDATED", "age": None, "beneficiary": None}
        assert await hub.hub.identity.attestations.refresh(when + timedelta(days=400)) == (0, 0, 0)
        assert await count(hub) == 0


async def moved_house(hub: Asking) -> None:
    """The civil registry notes that the widow moved to Basra."""
    address = hub.hub.settings.sources["civil-registry"].address
    registry = Database.at(address)
    await registry.open()
    family = sa.table("family", sa.column("family_number"), sa.column("governorate"))
    person = sa.table("person", sa.column("family_number"), sa.column("national_number"))
    hers = sa.select(person.c.family_number).where(person.c.national_number == "990000000101").scalar_subquery()
    async with registry.transaction() as tx:
        await tx.execute(registry.prepare(sa.update(family).where(family.c.family_number == hers).values(governorate="IQ-BA")))
    await registry.close()


async def owes(hub: Asking, months_owed: int) -> None:
    """The fund notes how many months the carpenter owes."""
    fund = Database.at(hub.hub.settings.sources["labour-ministry"].address)
    await fund.open()
    insured = sa.table("insured", sa.column("national_number"), sa.column("months_owed"))
    async with fund.transaction() as tx:
        his = insured.c.national_number == member("abu-karrar").national_number
        await tx.execute(fund.prepare(sa.update(insured).where(his).values(months_owed=months_owed)))
    await fund.close()


async def test_who_owes_the_fund_gets_no_clearance_and_who_comes_to_owe_loses_it(hub: Asking) -> None:
    """Failure 13.1f of identity, 14.3b of identity."""
    before = await count(hub)
    await nothing_issued(hub, await issue(hub, "clearance", "muntazar"), before, "UNKNOWN")
    key = new_key()
    made = await issue(hub, "clearance", "abu-karrar", [key])
    await owes(hub, 1)
    _, ended, left = await hub.hub.identity.attestations.refresh(datetime.now(UTC))
    assert ended >= 1
    assert left == 0
    assert (await shown(hub, key, made["credentials"][0], []))["code"] == "ATTESTATION_REVOKED"
    reasons = {each["type"]: each["revokedBecause"] for each in (await hub.data(MINE, "abu-karrar"))["attestations"]}
    assert reasons["clearance"] == "OUTDATED"
    before = await count(hub)
    await nothing_issued(hub, await issue(hub, "clearance", "abu-karrar"), before, "UNKNOWN")
    await owes(hub, 0)
    again = await issue(hub, "clearance", "abu-karrar", [new_key()])
    assert again["__typename"] == "AttestationIssued"
    taken = (await hub.data(REVOKE, "abu-karrar", {"input": {"id": again["attestation"]["id"]}}))["attestationRevoke"]
    assert taken["attestation"]["revokedBecause"] == "HOLDER"


async def test_the_operator_takes_back_what_was_issued_wrongly(hub: Asking) -> None:
    made = await issue(hub, "age")
    await hub.hub.identity.attestations.withdraw(made["attestation"]["id"], datetime.now(UTC))
    mine = {each["id"]: each["revokedBecause"] for each in (await hub.data(MINE, "umm-hassan"))["attestations"]}
    assert mine[made["attestation"]["id"]] == "ISSUER"


# --- the hub's tables --------------------------------------------------------------------------------------------------


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    await upgrade(url)
    opened = Database.at(url)
    await opened.open()
    yield opened
    await opened.close()


@EVERYWHERE
async def test_places_are_given_once_and_batches_end_together(database: Database, tmp_path: Path) -> None:
    attested = Attested(database, KeyRing.create(tmp_path / "ring.json"))
    keys = [new_key().public for _ in range(4)]
    batch = Batch("b" * 32, 7, "beneficiary", "سلة غذائية", attested.digest(7, {"a": 1}), 100, 200, None, None, 3)
    async with database.transaction() as tx:
        places = await attested.place(tx, batch, keys[:3])
    assert len(set(places)) == 3
    with pytest.raises(Conflict):
        async with database.transaction() as tx:
            await attested.place(tx, batch, [keys[3], keys[0]])
    assert await attested.of(7) == [batch]
    assert await attested.of(8) == []
    assert (await attested.people(150, 0, 10), await attested.people(150, 7, 10), await attested.people(200, 0, 10)) == ([7], [], [])
    assert await attested.stands(*places[0])
    assert await attested.revoked(0) == []
    async with database.transaction() as tx:
        await attested.revoke(tx, batch.id, 150, "holder")
    assert sorted(await attested.revoked(0)) == sorted(position for _, position in places)
    assert not await attested.stands(*places[0])
    assert not await attested.stands(3, 3)
    async with database.transaction() as tx:
        await attested.spend(tx, "nonce", 300)
    with pytest.raises(Exception, match="used before"):
        async with database.transaction() as tx:
            await attested.spend(tx, "nonce", 300)
    async with database.transaction() as tx:
        await attested.forget(tx, 100 * 86_400)
    assert await attested.of(7) == []


async def test_a_thief_of_the_table_reads_neither_what_was_said_nor_the_keys(hub: Asking) -> None:
    key = new_key()
    await issue(hub, "beneficiary", keys=[key], programme="سلة غذائية")
    rows = await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(*attestation.c)))
    text = json.dumps([[repr(value) for value in row] for row in rows], ensure_ascii=False)
    assert "سلة" not in text
    assert key.public["x"] not in text


# --- derivations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "day", "adult"),
    [
        ("2008-11-25", "2026-11-24", False),
        ("2008-11-25", "2026-11-25", True),
        ("2008-02-29", "2026-02-28", False),
        ("2008-02-29", "2026-03-01", True),
        (None, "2026-03-01", None),
    ],
)
def test_an_age_is_reached_on_its_day(born: str | None, day: str, adult: bool | None) -> None:
    assert older(18)({"birth_date": born}, datetime.fromisoformat(day).date(), None) is adult


def test_what_was_only_planned_or_returned_or_is_to_come_makes_no_beneficiary() -> None:
    day = datetime(2026, 1, 31, tzinfo=UTC).date()
    row = {"programme": "p", "status": "delivered", "allocated_on": "2026-01-05", "organisation": {"id": "crescent-aid"}}
    for change in (
        {"status": "planned"},
        {"status": "returned"},
        {"allocated_on": "2026-02-01"},
        {"allocated_on": None},
        {"programme": "q"},
    ):
        assert delivered("programme")({"allocations": [row | change]}, day, "p") is None
    rows = [row, row | {"allocated_on": "2025-12-31", "organisation": None}]
    assert [delivered(part)({"allocations": rows}, day, "p") for part in ("programme", "organisation", "month")] == [
        "p",
        "crescent-aid",
        "2026-01",
    ]


def test_contributions_count_from_their_threshold_on() -> None:
    day = datetime(2026, 1, 31, tzinfo=UTC).date()
    assert [months(12)({"insurance": each}, day, None) for each in ({"months": 12}, {"months": 11}, {"months": None}, None)] == [
        True,
        False,
        None,
        None,
    ]


def test_a_type_is_as_strict_as_what_it_is_made_from() -> None:
    assert {name: each.level(CATALOGUE) for name, each in ATTESTABLE.items()}["age"] is Level.CONSENTED
