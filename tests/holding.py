"""A holder's side of attestations: key pairs, proofs and presentations, as a wallet makes them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from privacy.selective import bound, chosen, proof


@dataclass(frozen=True, slots=True)
class HolderKey:
    """A key pair of one attestation."""

    private: Any
    public: dict[str, str]
    algorithm: str

    def prove(self, nonce: str, audience: str, now: int) -> str:
        """A key proof for the issuer."""
        return proof(self.public, self.private, self.algorithm, nonce, audience, now)

    def show(self, attestation: str, names: list[str], nonce: str, audience: str, now: int) -> str:
        """A presentation of some claims."""
        return bound(chosen(attestation, names), self.private, self.algorithm, nonce, audience, now)


def new_key(kind: str = "Ed25519") -> HolderKey:
    """A new key pair, of Ed25519 or P-256."""
    if kind == "Ed25519":
        private = ed25519.Ed25519PrivateKey.generate()
        return HolderKey(private, OKPAlgorithm.to_jwk(private.public_key(), as_dict=True), "EdDSA")
    elliptic = ec.generate_private_key(ec.SECP256R1())
    return HolderKey(elliptic, ECAlgorithm.to_jwk(elliptic.public_key(), as_dict=True), "ES256")


def payload_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    return dict(jwt.decode(token.split("~", maxsplit=1)[0], options={"verify_signature": False}))


def flipped(text: str, place: int) -> str:
    """The text with one character of base64url changed so that other bytes come out."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:place] + alphabet[(alphabet.index(text[place]) + 32) % 64] + text[place + 1 :]


def encoded(content: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
