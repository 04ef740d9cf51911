"""An oblivious pseudo-random function: one side has a number, the other a key, and neither learns what the other has.

The protocol is that of RFC 9497 in its modes OPRF (0) and VOPRF (1), message for message: Blind, BlindEvaluate with a batched
proof of discrete-logarithm equality, Finalize, DeriveKeyPair. The group is not one that the RFC lists. PyNaCl has no ristretto255,
so this suite, `edwards25519-SHA512`, is the subgroup of prime order of Edwards25519:

    hash to group   expand_message_xmd(SHA-512, 64 bytes), each half mapped by libsodium's Elligator 2 with the cofactor cleared, and added
    element         32 bytes; one that is not canonical, of small order, or outside the subgroup is refused by libsodium
    key             a multiple of 8 as an integer: were such an element ever let through (CVE-2025-69277), it would tell no bit of the key

A key may be shared: where each operator holds one of several keys, the outputs are those of the sum of the keys, and no operator
can compute one alone. Each proves its own share.
Source: RFC 9497, 2023; RFC 9380 (hashing to curves), 2023. Why it is so: docs/decisions/0024-edge.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha512
from hmac import compare_digest

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_from_uniform,
    crypto_core_ed25519_is_valid_point,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)
from nacl.exceptions import CryptoError

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the subgroup."""

COFACTOR = 8
ELEMENT = 32
PROOF = 64
BATCH = 1000
"""Elements of one proof; the protocol could number 65,535."""

LONGEST_INPUT = 2**16 - 1


class Unproved(ValueError):
    """An element is not one, or a proof does not hold: whoever sent it did not keep to the protocol."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A secret key, or an operator's share of one; never printed."""

    secret: bytes
    public: bytes

    def __repr__(self) -> str:
        """The public half only."""
        return f"Key(public={self.public.hex()})"


@dataclass(frozen=True, slots=True, repr=False)
class Blinded:
    """An input on its way: `element` is sent, `blind` undoes the blinding and is kept by whoever blinded."""

    input: bytes
    blind: int
    element: bytes


class Suite:
    """One mode of the protocol; outputs of two modes are unlike."""

    def __init__(self, *, verifiable: bool = True) -> None:
        """Mode VOPRF (1), or OPRF (0), which proves nothing."""
        self.context = b"OPRFV1-" + bytes([verifiable]) + b"-edwards25519-SHA512"

    # --- whoever has the key --------------------------------------------------------------------------------------

    def key(self, seed: bytes, info: bytes = b"") -> Key:
        """The key of a 32-byte seed, after DeriveKeyPair."""
        for counter in range(256):
            scalar = self._scalar(seed + len(info).to_bytes(2) + info + bytes([counter]), b"DeriveKeyPair" + self.context)
            multiple = COFACTOR * (scalar * pow(COFACTOR, -1, ORDER) % ORDER)
            if scalar and multiple < 2**255:
                secret = _little(multiple)
                return Key(secret, crypto_scalarmult_ed25519_base_noclamp(secret))
        raise AssertionError("256 seeds in a row gave no key")  # pragma: no cover — once in 2^252 tries each

    def evaluate(self, key: Key, elements: Sequence[bytes]) -> list[bytes]:
        """Evaluate blinded elements.

        Raises:
            Unproved: one is not an element of the group.
        """
        return [_times(key.secret, element) for element in elements]

    def prove(self, key: Key, elements: Sequence[bytes], evaluated: Sequence[bytes]) -> bytes:
        """A proof that all were evaluated under this key, after GenerateProof with ComputeCompositesFast."""
        composite = self._composite(key.public, elements, evaluated)
        both = _times(key.secret, composite)
        nonce = secrets.randbelow(ORDER - 1) + 1
        commitments = crypto_scalarmult_ed25519_base_noclamp(_little(nonce)), _times(_little(nonce), composite)
        challenge = self._challenge(key.public, composite, both, *commitments)
        answer = (nonce - challenge * int.from_bytes(key.secret, "little")) % ORDER
        return _little(challenge) + _little(answer)

    def output(self, key: Key, text: bytes) -> bytes:
        """What the protocol would give for an input, computed by whoever has the whole key."""
        return self._hashed(text, _times(key.secret, self.group(text)))

    # --- whoever has the input ------------------------------------------------------------------------------------

    def blind(self, text: bytes) -> Blinded:
        """Hide an input: the element says nothing about it, to anybody, whatever they can compute."""
        blind = secrets.randbelow(ORDER - 1) + 1
        return Blinded(text, blind, _times(_little(blind), self.group(text)))

    def verify(self, public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes], proof: bytes) -> None:
        """Hold an evaluation against its proof.

        Raises:
            Unproved: it was not made under this key, or is not of the form.
        """
        if len(proof) != PROOF or len(elements) != len(evaluated) or not 0 < len(elements) <= BATCH:
            raise Unproved("the evaluation is not of the form it must have")
        challenge, answer = (int.from_bytes(half, "little") for half in (proof[:ELEMENT], proof[ELEMENT:]))
        if challenge >= ORDER or answer >= ORDER:
            raise Unproved("the proof is not of the form it must have")
        composite, both = self._composites(public, elements, evaluated)
        first = _plus(_multiple_of_base(answer), _scaled(challenge, public))
        second = _plus(_scaled(answer, composite), _scaled(challenge, both))
        if not compare_digest(_little(self._challenge(public, composite, both, first, second)), proof[:ELEMENT]):
            raise Unproved("the evaluation was not made under the operator's key")

    def finalize(self, blinded: Blinded, evaluated: Sequence[bytes]) -> bytes:
        """The output for an input: 64 bytes. Of several operators, every one's evaluation is needed.

        Raises:
            Unproved: an evaluation is not an element of the group.
        """
        together = evaluated[0]
        for each in evaluated[1:]:
            together = _plus(together, each)
        return self._hashed(blinded.input, _times(_little(pow(blinded.blind, -1, ORDER)), together))

    # --- parts ----------------------------------------------------------------------------------------------------

    def group(self, text: bytes) -> bytes:
        """An input as an element whose logarithm nobody knows.

        Raises:
            ValueError: an input of more than 65,535 bytes.
        """
        if len(text) > LONGEST_INPUT:
            raise ValueError(f"an input has at most {LONGEST_INPUT} bytes")
        wide = expanded(text, b"HashToGroup-" + self.context, 64)
        return _plus(crypto_core_ed25519_from_uniform(wide[:32]), crypto_core_ed25519_from_uniform(wide[32:]))

    def _scalar(self, text: bytes, tag: bytes) -> int:
        return int.from_bytes(expanded(text, tag, 64), "little") % ORDER

    def _weights(self, public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes]) -> list[int]:
        seed = sha512(_prefixed(public) + _prefixed(b"Seed-" + self.context)).digest()
        tag = b"HashToScalar-" + self.context
        return [
            self._scalar(_prefixed(seed) + place.to_bytes(2) + _prefixed(element) + _prefixed(result) + b"Composite", tag)
            for place, (element, result) in enumerate(zip(elements, evaluated, strict=True))
        ]

    def _composite(self, public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes]) -> bytes:
        return _weighted(self._weights(public, elements, evaluated), elements)

    def _composites(self, public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes]) -> tuple[bytes, bytes]:
        weights = self._weights(public, elements, evaluated)
        return _weighted(weights, elements), _weighted(weights, evaluated)

    def _challenge(self, *elements: bytes) -> int:
        return self._scalar(b"".join(map(_prefixed, elements)) + b"Challenge", b"HashToScalar-" + self.context)

    @staticmethod
    def _hashed(text: bytes, element: bytes) -> bytes:
        return sha512(_prefixed(text) + _prefixed(element) + b"Finalize").digest()


def together(publics: Sequence[bytes]) -> bytes:
    """The public key of a key that several operators share.

    Raises:
        Unproved: one is not an element of the group.
    """
    if not all(len(public) == ELEMENT and crypto_core_ed25519_is_valid_point(public) for public in publics):
        raise Unproved("a public key is not an element of the group")
    sum_ = publics[0]
    for public in publics[1:]:
        sum_ = _plus(sum_, public)
    return sum_


def expanded(text: bytes, tag: bytes, size: int) -> bytes:
    """RFC 9380's expand_message_xmd with SHA-512, for up to 255 bytes of tag."""
    tagged = tag + bytes([len(tag)])
    first = sha512(bytes(128) + text + size.to_bytes(2) + b"\0" + tagged).digest()
    block = sha512(first + b"\1" + tagged).digest()
    made = block
    for number in range(2, -(-size // 64) + 1):
        block = sha512(bytes(a ^ b for a, b in zip(first, block, strict=True)) + bytes([number]) + tagged).digest()
        made += block
    return made[:size]


def _little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def _prefixed(text: bytes) -> bytes:
    return len(text).to_bytes(2) + text


def _times(scalar: bytes, element: bytes) -> bytes:
    """Every element that comes from elsewhere passes here, where libsodium refuses whatever is outside the subgroup."""
    try:
        return crypto_scalarmult_ed25519_noclamp(scalar, element)
    except (CryptoError, TypeError, ValueError):
        raise Unproved("not an element of the group") from None


def _plus(one: bytes, other: bytes) -> bytes:
    try:
        return crypto_core_ed25519_add(one, other)
    except (CryptoError, TypeError, ValueError):
        raise Unproved("not an element of the group") from None


IDENTITY = b"\1" + bytes(31)


def _scaled(scalar: int, element: bytes) -> bytes:
    """As `_times`, for a scalar that may be nought."""
    return _times(_little(scalar), element) if scalar else IDENTITY


def _multiple_of_base(scalar: int) -> bytes:
    return crypto_scalarmult_ed25519_base_noclamp(_little(scalar)) if scalar else IDENTITY


def _weighted(weights: Sequence[int], elements: Sequence[bytes]) -> bytes:
    sum_ = IDENTITY
    for weight, element in zip(weights, elements, strict=True):
        sum_ = _plus(sum_, _scaled(weight, element))
    return sum_
