"""A presentation shows exactly the chosen claims, to one verifier, once, by who holds the key; anything else is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import AttestationExpired, AttestationInvalid, AttestationRevoked
from privacy.attesting import Attester, by_kid
from privacy.keys import KeyRing
from privacy.receipts import keys_in
from privacy.selective import bound, chosen, issued, proven, signatures, signed, verified
from privacy.status import SIZE, check, packed, reference, status_at
from tests.holding import encoded, flipped, new_key, payload_of

NOW = 1_800_000_000
DAY = 86_400
HUB = "https://hub.example"
SHOP = f"{HUB}/organisations/shop"
RFC = (Path(__file__).parent / "vectors" / "rfc9901-5.2.txt").read_text(encoding="ascii").strip()
RFC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
    "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
}


@pytest.fixture(scope="module")
def attester(tmp_path_factory: pytest.TempPathFactory) -> Attester:
    return Attester(KeyRing.create(tmp_path_factory.mktemp("ring") / "ring.json"), HUB)


HOLDER = new_key()
SAID = {"age_over_18": True, "age_over_60": False, "governorate": "IQ-BG"}


def one(attester: Attester, ends_at: int = NOW + 30 * DAY, holder: Any = HOLDER) -> str:
    return attester.issue("age", SAID, 5, holder.public, (0, 17), ends_at)


def look(attester: Attester, text: str, nonce: str = "n-1", audience: str = SHOP, now: int = NOW) -> dict[str, Any]:
    return dict(attester.verify(text, now, nonce, audience).claims)


# --- the standards' own examples ---------------------------------------------------------------------------------------


def test_the_presentation_of_rfc_9901_section_5_2_shows_what_the_rfc_says() -> None:
    shown = verified(RFC, {None: RFC_KEY}, 1748361941, nonce="1234567890", audience="https://verifier.example.org", kind="example+sd-jwt")
    claims = dict(shown.claims)
    assert claims.pop("cnf")["jwk"]["x"] == "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc"
    assert claims == {
        "iss": "https://issuer.example.com",
        "iat": 1683000000,
        "exp": 1883000000,
        "sub": "user_42",
        "nationalities": ["US"],
        "family_name": "Doe",
        "address": {"street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US"},
        "given_name": "John",
    }


@pytest.mark.parametrize(
    ("hidden", "digest"),
    [
        (
            "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgInN0cmVldF9hZGRyZXNzIiwgIlNjaHVsc3RyLiAxMiJd",
            "9gjVuXtdFROCgRrtNcGUXmF65rdezi_6Er_j76kmYyM",
        ),
        ("WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImxvY2FsaXR5IiwgIlNjaHVscGZvcnRhIl0", "6vh9bq-zS4GKM_7GpggVbYzzu6oOGXrmNVGPHP75Ud0"),
    ],
)
def test_disclosures_of_rfc_9901_section_6_2_open_where_their_digests_stand(hidden: str, digest: str) -> None:
    key = new_key()
    payload = {"exp": NOW + 1, "address": {"_sd": [digest, encoded(sha256(b"decoy").digest())]}, "_sd_alg": "sha-256"}
    token = signed({"typ": "dc+sd-jwt"}, payload, key.private, key.algorithm)
    shown = verified(f"{token}~{hidden}~", {None: key.public}, NOW, nonce=None, audience=None)
    assert shown.claims["address"] in ({"street_address": "Schulstr. 12"}, {"locality": "Schulpforta"})


def test_the_status_list_of_the_drafts_section_4_1_packs_to_the_drafts_bytes() -> None:
    claim = packed([0, 3, 4, 5, 7, 8, 9, 13, 15], 16)
    assert claim == {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}
    assert [status_at(claim, each) for each in range(16)] == [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
    wide = {"bits": 2, "lst": "eNo76fITAAPfAgc"}
    assert [status_at(wide, each) for each in range(12)] == [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


# --- showing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Ed25519", "P-256"])
def test_a_holder_shows_what_it_chose_and_nothing_else(attester: Attester, kind: str) -> None:
    holder = new_key(kind)
    text = holder.show(one(attester, holder=holder), ["age_over_18"], "n-1", SHOP, NOW)
    claims = look(attester, text)
    assert {name: claims[name] for name in claims if name in SAID} == {"age_over_18": True}
    assert "IQ-BG" not in text
    assert not any(encoded(json.dumps(each).encode())[:-2] in text for each in SAID if each != "age_over_18")


@given(st.sets(st.sampled_from(sorted(SAID))))
def test_any_choice_shows_exactly_itself(attester: Attester, names: set[str]) -> None:
    claims = look(attester, HOLDER.show(one(attester), sorted(names), "n-1", SHOP, NOW))
    assert claims.keys() - {"iss", "vct", "exp", "cnf", "status"} == names


def test_how_many_claims_are_hidden_says_nothing_about_the_person(attester: Attester) -> None:
    few = attester.issue("age", {"age_over_18": True}, 5, HOLDER.public, (0, 1), NOW)
    assert len(payload_of(few)["_sd"]) == len(payload_of(one(attester))["_sd"]) == 5


def test_two_attestations_of_a_batch_share_nothing_but_what_everybody_shares(attester: Attester) -> None:
    first, second = (attester.issue("age", SAID, 5, new_key().public, (0, place), NOW) for place in (3, 9))
    parts = [dict(payload_of(each)) for each in (first, second)]
    assert not set(parts[0].pop("_sd")) & set(parts[1].pop("_sd"))
    assert parts[0].pop("cnf") != parts[1].pop("cnf")
    assert parts[0].pop("status") != parts[1].pop("status")
    assert parts[0] == parts[1] == {"iss": HUB, "vct": f"{HUB}/attestations/age", "exp": -(-NOW // DAY) * DAY, "_sd_alg": "sha-256"}
    assert not set(first.split("~")[1:-1]) & set(second.split("~")[1:-1])


def test_what_was_issued_before_a_rotation_still_verifies(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "ring.json")
    attester = Attester(ring, HUB)
    text = one(attester)
    ring.rotate()
    assert look(attester, HOLDER.show(text, [], "n-1", SHOP, NOW))["iss"] == HUB
    assert payload_of(one(attester))["iss"] == HUB
    published = attester.key_set()["keys"]
    assert [each["kid"] for each in published if each["kid"].startswith("attestation")] == ["attestation-2", "attestation-1"]
    assert not any("d" in each for each in published)


def test_one_published_set_holds_the_keys_of_attestations_and_of_receipts(attester: Attester) -> None:
    published = json.dumps(attester.key_set()).encode()
    assert set(keys_in(published)) == {1}
    assert set(by_kid(json.loads(published))) == {"attestation-1"}


# --- what must fail ----------------------------------------------------------------------------------------------------


def refused(attester: Attester, text: str, **how: Any) -> str:
    with pytest.raises(AttestationInvalid) as caught:
        look(attester, text, **how)
    assert caught.value.hint
    return caught.value.message


def test_a_presentation_is_for_its_nonce_its_verifier_and_its_time(attester: Attester) -> None:
    """Failure 14.2a of identity, 14.2b of identity."""
    text = HOLDER.show(one(attester), ["governorate"], "n-1", SHOP, NOW)
    assert refused(attester, text, nonce="n-2") == "the binding is for another nonce"
    assert refused(attester, text, audience=f"{HUB}/organisations/bank") == "it was shown to another verifier"
    assert refused(attester, text, now=NOW + 601) == "it was signed too long ago, or in the future"
    assert refused(attester, text, now=NOW - 61) == "it was signed too long ago, or in the future"


def test_only_who_holds_the_key_can_show(attester: Attester) -> None:
    """Failure 14.2c of identity."""
    attestation = one(attester)
    assert refused(attester, new_key().show(attestation, ["governorate"], "n-1", SHOP, NOW)) == "a signature does not hold"
    assert refused(attester, chosen(attestation, ["governorate"])) == "nobody proved to hold its key"
    other = HOLDER.show(attestation, ["age_over_18"], "n-1", SHOP, NOW)
    moved = chosen(attestation, ["governorate"]) + other.rsplit("~", 1)[1]
    assert refused(attester, moved) == "the binding is of another presentation"


def test_an_added_or_altered_disclosure_is_refused(attester: Attester) -> None:
    """Failure 14.2d of identity."""
    attestation = one(attester)
    token, *disclosures, _ = attestation.split("~")
    forged = encoded(json.dumps(["c2FsdA", "age_over_60", True]).encode())
    for text, message in [
        (f"{token}~{forged}~", "a disclosure belongs to no hash that was signed"),
        (f"{token}~{disclosures[0]}~{disclosures[0]}~", "a disclosure stands in it twice"),
        (f"{token}~!!~", "a disclosure cannot be read"),
        (f"{token}~{encoded(b'{}')}~", "a disclosure cannot be read"),
    ]:
        assert refused(attester, bound(text, HOLDER.private, "EdDSA", "n-1", SHOP, NOW)) == message


@pytest.mark.parametrize("name", ["iss", "exp", "cnf", "vct", "status", "_sd", "..."])
def test_no_disclosure_brings_in_what_decides_about_the_others(name: str) -> None:
    key = new_key()
    hidden = {name: "x"}
    text = issued({"typ": "dc+sd-jwt"}, {"exp": NOW + 9}, hidden, 1, key.private)
    with pytest.raises(AttestationInvalid, match="may not be hidden"):
        verified(text, {None: key.public}, NOW, nonce=None, audience=None)


def test_no_disclosure_replaces_an_open_claim_or_stands_in_two_places() -> None:
    key = new_key()
    text = issued({"typ": "dc+sd-jwt"}, {"exp": NOW + 9, "name": "a"}, {"name": "b"}, 1, key.private)
    with pytest.raises(AttestationInvalid, match="may not be hidden"):
        verified(text, {None: key.public}, NOW, nonce=None, audience=None)
    digest = encoded(sha256(b"x").digest())
    for payload in ({"_sd": [digest], "a": {"_sd": [digest]}}, {"_sd": [7]}, {"a": [{"...": digest}, {"...": digest}]}):
        token = signed({"typ": "dc+sd-jwt"}, {"exp": NOW + 9, **payload}, key.private, key.algorithm)
        with pytest.raises(AttestationInvalid, match="twice, or is none"):
            verified(f"{token}~", {None: key.public}, NOW, nonce=None, audience=None)


def test_an_unsigned_token_and_a_shared_secret_are_no_signature(attester: Attester) -> None:
    """Failure 14.2e of identity."""
    payload = payload_of(one(attester))
    public = by_kid(attester.key_set())["attestation-1"]["x"]
    header = {"typ": "dc+sd-jwt", "kid": "attestation-1"}
    bare = f"{encoded(json.dumps({**header, 'alg': 'none'}).encode())}.{encoded(json.dumps(payload).encode())}."
    confused = jwt.encode(payload, public, algorithm="HS256", headers=header)
    for token in (bare, confused):
        assert refused(attester, bound(f"{token}~", HOLDER.private, "EdDSA", "n-1", SHOP, NOW)) == "a signature does not hold"
    assert sorted(signatures().get_algorithms()) == ["ES256", "Ed25519", "EdDSA"]


def test_a_token_of_another_kind_or_key_is_refused(attester: Attester, tmp_path: Path) -> None:
    other = Attester(KeyRing.create(tmp_path / "other.json"), HUB)
    assert refused(attester, HOLDER.show(one(other), [], "n-1", SHOP, NOW)) == "a signature does not hold"
    listed = attester.status_list(0, [], NOW)
    assert refused(attester, bound(f"{listed}~", HOLDER.private, "EdDSA", "n-1", SHOP, NOW)).startswith("a signed part is of another kind")
    unknown = signed({"typ": "dc+sd-jwt", "kid": "attestation-9"}, {}, HOLDER.private, "EdDSA")
    assert refused(attester, f"{unknown}~").startswith("it is signed with a key its issuer does not publish")
    receipt = signed({"typ": "dc+sd-jwt", "kid": "signature-1"}, {}, HOLDER.private, "EdDSA")
    assert refused(attester, f"{receipt}~").startswith("it is signed with a key its issuer does not publish")


def test_what_has_ended_or_not_begun_says_so(attester: Attester) -> None:
    """Failure 14.2f of identity."""
    text = HOLDER.show(one(attester, ends_at=NOW - 2 * DAY), [], "n-1", SHOP, NOW)
    with pytest.raises(AttestationExpired):
        look(attester, text)
    key = new_key()
    for times in ({"nbf": NOW + 100}, {"exp": NOW - 61}):
        with pytest.raises(AttestationExpired):
            verified(signed({"typ": "t"}, times, key.private, "EdDSA") + "~", {None: key.public}, NOW, nonce=None, audience=None, kind="t")
    with pytest.raises(AttestationInvalid):
        verified(
            signed({"typ": "t"}, {"exp": True}, key.private, "EdDSA") + "~", {None: key.public}, NOW, nonce=None, audience=None, kind="t"
        )


@settings(max_examples=60)
@given(st.data())
def test_no_changed_character_passes(attester: Attester, data: st.DataObject) -> None:
    text = HOLDER.show(one(attester), ["age_over_18"], "n-1", SHOP, NOW)
    place = data.draw(st.sampled_from([place for place, each in enumerate(text) if each not in ".~"]))
    with pytest.raises((AttestationInvalid, AttestationExpired)):
        look(attester, flipped(text, place))


@given(st.text(max_size=200) | st.text("abcXYZ019-_.~", max_size=300))
def test_no_text_is_a_presentation_unless_it_is_one(attester: Attester, text: str) -> None:
    with pytest.raises(AttestationInvalid):
        look(attester, text)


def test_a_giant_or_deeply_nested_presentation_is_refused(attester: Attester) -> None:
    assert refused(attester, "~" * 70_000).startswith("this is not a presentation")
    assert refused(attester, "x~" * 200).startswith("this is not a presentation")
    deep = encoded(b'{"a":' * 5000 + b"1" + b"}" * 5000)
    assert refused(attester, f"{encoded(b'{}')}.{deep}.x~")


def test_a_proof_is_of_the_key_for_this_issuer_and_nonce_and_recent(attester: Attester) -> None:
    """Failure 13.2a of identity."""
    key = new_key()
    assert proven(key.prove("n", HUB, NOW), "n", HUB, NOW) == key.public
    other = new_key()
    stolen = signed({"typ": "openid4vci-proof+jwt", "jwk": key.public}, {"aud": HUB, "iat": NOW, "nonce": "n"}, other.private, "EdDSA")
    for text in (
        key.prove("m", HUB, NOW),
        key.prove("n", "https://other", NOW),
        key.prove("n", HUB, NOW - 700),
        stolen,
        "",
        "a.b.c",
        "x" * 70_000,
    ):
        with pytest.raises(AttestationInvalid):
            proven(text, "n", HUB, NOW)
    for bad in ({"kty": "oct", "k": "AA"}, {"kty": "OKP", "crv": "Ed448", "x": "AA"}, {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}, 7):
        with pytest.raises(AttestationInvalid):
            proven(signed({"typ": "openid4vci-proof+jwt", "jwk": bad}, {}, key.private, "EdDSA"), "n", HUB, NOW)


def test_a_proof_shows_no_private_member(attester: Attester) -> None:
    key = new_key()
    text = signed(
        {"typ": "openid4vci-proof+jwt", "jwk": {**key.public, "d": "c2VjcmV0"}},
        {"aud": HUB, "iat": NOW, "nonce": "n"},
        key.private,
        "EdDSA",
    )
    assert proven(text, "n", HUB, NOW) == key.public


# --- status ------------------------------------------------------------------------------------------------------------


def test_a_signed_list_says_what_was_revoked_and_only_that(attester: Attester) -> None:
    """Failure 14.3a of identity."""
    claims = look(attester, HOLDER.show(one(attester), [], "n-1", SHOP, NOW))
    keys = by_kid(attester.key_set())
    check(claims, attester.status_list(0, [16, 18], NOW), keys, NOW)
    with pytest.raises(AttestationRevoked):
        check(claims, attester.status_list(0, [17], NOW), keys, NOW)
    for listed, now in [
        (attester.status_list(1, [], NOW), NOW),
        (attester.status_list(0, [], NOW), NOW + 86_401),
        (one(attester).split("~")[0], NOW),
    ]:
        with pytest.raises(AttestationInvalid):
            check(claims, listed, keys, now)
    with pytest.raises(AttestationInvalid):
        check(claims, attester.status_list(0, [], NOW), {}, NOW)


def test_a_list_of_everybody_takes_little_room() -> None:
    assert len(packed([])["lst"]) < 100
    assert len(packed(range(0, SIZE, 3))["lst"]) < 8192


@pytest.mark.parametrize(
    "claim",
    [
        None,
        {},
        {"bits": 3, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": 1, "lst": "!"},
        {"bits": True, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": 1, "lst": "eNrb"},
        {"bits": 1, "lst": 7},
    ],
)
def test_an_unreadable_list_says_nothing(claim: Any) -> None:
    with pytest.raises(AttestationInvalid):
        status_at(claim, 0)


@pytest.mark.parametrize("position", [16, -1, 10**9])
def test_a_place_outside_the_list_says_nothing(position: int) -> None:
    with pytest.raises(AttestationInvalid):
        status_at({"bits": 1, "lst": "eNrbuRgAAhcBXQ"}, position)


@pytest.mark.parametrize(
    "claims", [{}, {"status": 1}, {"status": {"status_list": {"uri": "x", "idx": True}}}, {"status": {"status_list": {"uri": 1, "idx": 1}}}]
)
def test_an_attestation_names_its_list(claims: dict[str, Any]) -> None:
    with pytest.raises(AttestationInvalid):
        reference(claims)
