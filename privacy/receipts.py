"""Signed receipts of consents, and how anybody checks one with nothing but the hub's published keys.

A receipt follows the record structure of ISO/IEC TS 27560:2023 with terms of the W3C Data Privacy Vocabulary. It is canonical
JSON, signed by Ed25519, and says at which moment it was issued: an older receipt of the same consent stays genuine, and proves
what was agreed then, never that it still holds. The hub itself decides by its tables and never by a receipt it is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from privacy.keys import KeyRing
from values import Category, Purpose

if TYPE_CHECKING:
    from privacy.consent import Consent

TERMS = {
    Purpose.AID_DISTRIBUTION: "dpv:ServiceProvision",
    Purpose.SOCIAL_SECURITY: "dpv:FulfilmentOfObligation",
    Purpose.CASE_MANAGEMENT: "dpv:RequestedServiceProvision",
    Purpose.OVERSIGHT: "dpv:LegalCompliance",
    Purpose.STATISTICS: "dpv:ProvideOfficialStatistics",
    Purpose.ORGANISATION_GOVERNANCE: "dpv:OrganisationGovernance",
    Purpose.SELF_ACCESS: "dpv:RightsFulfilment",
    Purpose.IDENTITY_VERIFICATION: "dpv:IdentityVerification",
    Purpose.OPEN_DATA: "dpv:PublicBenefit",
}
"""The nearest purpose of the Data Privacy Vocabulary 2, so that other systems can read a receipt."""


def record_of(given: Consent, principal: str, now: int) -> dict[str, Any]:
    """What a receipt says of a consent; `principal` stands for the person."""
    events: list[dict[str, Any]] = [{"state": "given", "at": given.granted_at}]
    if given.confirmed_at is not None:
        events.append({"state": "confirmed", "at": given.confirmed_at})
    if given.withdrawn_at is not None:
        events.append({"state": "withdrawn", "at": given.withdrawn_at})
    return {
        "schemaVersion": "ISO/IEC TS 27560:2023",
        "recordId": given.id,
        "issuedAt": now,
        "piiPrincipalId": principal,
        "piiController": given.receiver,
        "purposes": [{"purpose": given.purpose, "dpv": TERMS[given.purpose], "lawfulBasis": "dpv:Consent"}],
        "personalData": [category for category in Category if category in given.categories],
        "processing": {
            "mode": given.mode,
            "retentionDays": given.keep_days,
            "frequency": None if given.uses is None else {"times": given.uses, "inDays": given.period_days},
        },
        "validity": {"from": given.granted_at, "until": given.ends_at},
        "noticeLanguage": "ar",
        "collection": None if given.witness is None else {"method": "paper", "witness": given.witness, "document": given.document},
        "request": given.request,
        "givenBy": "principal" if given.guardianship is None else {"role": "guardian", "guardianship": given.guardianship},
        "events": events,
    }


def signed(ring: KeyRing, record: Mapping[str, Any]) -> bytes:
    """The record with the hub's signature beside it, under the current key."""
    key = ring.signing_key()
    value = base64.urlsafe_b64encode(key.sign(canonical(record)).signature).decode()
    public = base64.urlsafe_b64encode(bytes(key.verify_key)).decode()
    return canonical(
        {
            "record": record,
            "signature": {
                "algorithm": "Ed25519",
                "keyVersion": ring.current,
                "keyId": thumbprint(bytes(key.verify_key)),
                "publicKey": public,
                "value": value,
            },
        }
    )


def verified(receipt: bytes, key_of: Callable[[Any], bytes | None]) -> dict[str, Any] | None:
    """The record inside a receipt if the key of the version it names signed exactly it, else None; never raises.

    The key inside the receipt is not believed: `key_of` gives the public key of a version, None for one that does not exist.
    """
    try:
        parsed = orjson.loads(receipt)
        version, signature = parsed["signature"]["keyVersion"], base64.urlsafe_b64decode(parsed["signature"]["value"])
        public = key_of(version) if type(version) is int else None
        if public is None:
            return None
        VerifyKey(public).verify(canonical(parsed["record"]), signature)
        return dict(parsed["record"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, BadSignatureError):
        return None


def key_set(ring: KeyRing) -> dict[str, Any]:
    """The public keys of every version as a JSON Web Key Set, the current one first.

    Source: RFC 7517 and RFC 8037 (Ed25519 as an octet key pair); key ids are thumbprints, RFC 7638.
    """
    keys = []
    for version in reversed(ring.versions):
        public = ring.verify_key(version)
        assert public is not None
        keys.append(
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": thumbprint(public),
                "x": _unpadded(public),
                "version": version,
                "created_at": ring.created_at(version),
            }
        )
    return {"keys": keys}


def keys_in(published: bytes) -> dict[int, bytes]:
    """Version to public key of a published key set; raises ValueError for anything else."""
    try:
        found = {each["version"]: (each["kid"], _padded(each["x"])) for each in orjson.loads(published)["keys"] if "version" in each}
    except (ValueError, TypeError, KeyError, AttributeError):
        found = {}
    if not found or any(len(public) != 32 or kid != thumbprint(public) for kid, public in found.values()):
        raise ValueError("this is not a set of published keys")
    return {version: public for version, (_, public) in found.items()}


def thumbprint(public: bytes) -> str:
    """The id of a public key: SHA-256 of its canonical form, RFC 7638."""
    return _unpadded(sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": _unpadded(public)})).digest())


def canonical(content: Any) -> bytes:
    """One way to write it: keys sorted, no spaces, UTF-8; RFC 8785 for the texts and whole numbers a receipt is made of."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _padded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
