r"""Messages between organisations, on the side of who writes and of who reads: the hub carries what it cannot open.

A message has parts: its content first, then its attachments. Each is padded to one of few sizes and sealed under one fresh
key; that key, with a hash of all the sealed parts and of who writes to whom, is boxed from the sender's key to each receiver's.

    padded  length in 4 bytes, the highest first ‖ bytes ‖ zeros
    part    24 bytes nonce ‖ crypto_secretbox(padded, nonce, key)
    digest  crypto_generichash(sender "\n" parties, sorted, joined by " " "\n" crypto_generichash(part) …), 32 bytes
    box     24 bytes nonce ‖ crypto_box(key ‖ digest, nonce, receiver's public key, sender's secret key), 104 bytes

So a receiver knows who wrote, what belongs together and to whom it went, and the hub knows none of it but the parties.
Source: libsodium (X25519, XSalsa20-Poly1305, BLAKE2b, Ed25519). Why it is so: docs/decisions/0037-between.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Final

import nacl.bindings
import orjson
from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random

SIZES: Final = (1_024, 4_096, 16_384, 65_536, 262_144, 524_288)
"""The sizes a part may have before sealing, in bytes."""

PART_OVERHEAD: Final = 40
BOX_SIZE: Final = 104
KEY_SIZE: Final = 32

KINDS: Final[Mapping[str, bytes]] = {
    "application/pdf": b"%PDF-",
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
}
"""Kinds of attachment and how their bytes begin; besides them there is plain text."""


@dataclass(frozen=True, slots=True)
class Published:
    """A key of an organisation as the hub tells it; `until` in seconds since 1970 (UTC)."""

    organisation: str
    version: int
    public: bytes
    signing: bytes
    until: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed message: its parts, the content first, and a box for each party."""

    parts: Sequence[bytes]
    boxes: Mapping[str, bytes]


# --- keys ------------------------------------------------------------------------------------------------------------


def new_keys() -> tuple[bytes, bytes]:
    """A signing seed, which an organisation keeps for long, and a secret key of messages, which it changes."""
    return bytes(SigningKey.generate()), bytes(PrivateKey.generate())


def signing_public(seed: bytes) -> bytes:
    """The public half of a signing seed."""
    return bytes(SigningKey(seed).verify_key)


def public_of(secret: bytes) -> bytes:
    """The public half of a key of messages."""
    return bytes(PrivateKey(secret).public_key)


def statement(organisation: str, version: int, public: bytes, signing: bytes, until: int) -> bytes:
    """What an organisation signs of a key: whose it is, which one, and until when."""
    return f"mizalla message key\n{organisation}\n{version}\n{public.hex()}\n{until}\n{signing.hex()}".encode()


def succession(organisation: str, signing: bytes) -> bytes:
    """What the signing key before signs of the one that takes its place."""
    return f"mizalla signing key\n{organisation}\n{signing.hex()}".encode()


def signed(seed: bytes, content: bytes) -> bytes:
    """A detached signature."""
    return bytes(SigningKey(seed).sign(content).signature)


def is_signed(signing: bytes, content: bytes, signature: bytes) -> bool:
    """Whether a signature holds; never raises."""
    try:
        VerifyKey(signing).verify(content, signature)
    except (CryptoError, ValueError, TypeError):
        return False
    return True


def is_genuine(key: Published) -> bool:
    """Whether a published key is signed by the signing key it names."""
    return is_signed(key.signing, statement(key.organisation, key.version, key.public, key.signing, key.until), key.signature)


def is_usable(public: bytes) -> bool:
    """Whether bytes are a key that can be agreed with: of the right length, and not one of those that give away the secret."""
    if len(public) != KEY_SIZE:
        return False
    try:
        nacl.bindings.crypto_box_beforenm(public, bytes(PrivateKey.generate()))
    except (CryptoError, RuntimeError):
        return False
    return True


def fingerprint(signing: bytes) -> str:
    """By which people compare a signing key over another way."""
    return blake2b(signing, digest_size=8).hexdigest()


# --- sealing ---------------------------------------------------------------------------------------------------------


def kind_of(content: bytes) -> str:
    """The kind of an attachment by its content, whatever it is called.

    Raises:
        ValueError: it is none that may be attached.
    """
    found = next((kind for kind, begins in KINDS.items() if content.startswith(begins)), None)
    if found is not None:
        return found
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("only PDF, JPEG, PNG and plain text can be attached") from None
    if "\0" in text:
        raise ValueError("only PDF, JPEG, PNG and plain text can be attached")
    return "text/plain"


def sealed(said: str, attachments: Sequence[tuple[str, bytes]], sender: tuple[str, bytes], receivers: Mapping[str, bytes]) -> Sealed:
    """A message sealed from one organisation to others; it reads its own too.

    Args:
        said: the text.
        attachments: names and bytes.
        sender: the writing organisation and its secret key.
        receivers: every party's public key, the sender's own among them.

    Raises:
        ValueError: a part that is too long, or an attachment of another kind.
    """
    name, secret = sender
    listed = [{"name": called, "type": kind_of(content)} for called, content in attachments]
    key = random(KEY_SIZE)
    box = SecretBox(key)
    contents = [orjson.dumps({"text": said, "attachments": listed}), *(content for _, content in attachments)]
    parts = [bytes(box.encrypt(_padded(each))) for each in contents]
    payload = key + _digest(name, receivers, parts)
    mine = PrivateKey(secret)
    return Sealed(parts, {party: bytes(Box(mine, PublicKey(public)).encrypt(payload)) for party, public in receivers.items()})


def opened(parts: Sequence[bytes], box: bytes, sender: tuple[str, bytes], parties: Sequence[str], secret: bytes) -> dict[str, Any]:
    """What a message says to one of its parties: `text`, and `attachments` with `name`, `type` and `content`.

    Raises:
        ValueError: it was not sealed by this sender to these parties, was changed, or an attachment is not what it is called.
    """
    name, public = sender
    try:
        payload = Box(PrivateKey(secret), PublicKey(public)).decrypt(box)
        key, digest = payload[:KEY_SIZE], payload[KEY_SIZE:]
        if not compare_digest(digest, _digest(name, parties, parts)):
            raise ValueError("parts of this message were exchanged, or it went to others than it says")
        contents = [_bare(SecretBox(key).decrypt(each)) for each in parts]
    except CryptoError as error:
        raise ValueError("this was not sealed by this sender to this key, or was changed") from error
    said = dict(orjson.loads(contents[0]))
    listed = [dict(each) for each in said["attachments"]]
    if len(listed) != len(contents) - 1:
        raise ValueError("attachments are missing")
    for each, content in zip(listed, contents[1:], strict=True):
        if kind_of(content) != each["type"]:
            raise ValueError("an attachment is not of the kind it is said to be")
        each["content"] = content
    return {"text": said["text"], "attachments": listed}


def has_a_size(part: bytes) -> bool:
    """Whether a sealed part has one of the sizes: all that the hub can check of it."""
    return len(part) - PART_OVERHEAD in SIZES


def _digest(sender: str, parties: Mapping[str, Any] | Sequence[str], parts: Sequence[bytes]) -> bytes:
    named = f"{sender}\n{' '.join(sorted(parties))}\n".encode()
    return blake2b(named + b"".join(blake2b(part, digest_size=32).digest() for part in parts), digest_size=32).digest()


def _padded(content: bytes) -> bytes:
    size = next((each for each in SIZES if len(content) + 4 <= each), None)
    if size is None:
        raise ValueError(f"a text or attachment has at most {SIZES[-1] - 4:,} bytes")
    return struct.pack(">I", len(content)) + content + bytes(size - 4 - len(content))


def _bare(padded: bytes) -> bytes:
    (length,) = struct.unpack(">I", padded[:4])
    return padded[4 : 4 + length]
