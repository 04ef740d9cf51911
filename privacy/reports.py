"""Reports of wrongdoing, on the side of who writes and of who reads them: the hub carries what it cannot open.

A reporter keeps one thing, a code of twenty letters. From it come, each by a hash of its own, the token by which the hub finds
the conversation and the key to which answers are sealed; so the hub, which is told the token, learns neither code nor key. What is sealed
is padded to one of few sizes first, and pictures lose everything but the picture.
Source: libsodium sealed boxes (X25519, XSalsa20-Poly1305); Crockford's base 32 for what is written down by hand.
"""

from __future__ import annotations

import base64
import secrets
import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import orjson
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LETTERS: Final = 20
"""A hundred bits: nobody guesses one."""

SIZES: Final = (4_096, 32_768, 262_144, 524_288)
"""The sizes that sealed content may have before sealing, in bytes."""

OVERHEAD: Final = 48


def new_code() -> str:
    """A code to be noted, in four groups."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))
    return "-".join(letters[begin : begin + 5] for begin in range(0, CODE_LETTERS, 5))


def _normal(code: str) -> bytes:
    letters = code.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
    if len(letters) != CODE_LETTERS or set(letters) - set(LETTERS):
        raise ValueError("a receipt code has twenty letters and digits")
    return letters.encode()


def token_of(code: str) -> str:
    """What the hub is told instead of the code.

    Raises:
        ValueError: it is no code.
    """
    return blake2b(_normal(code), digest_size=32, person=b"mizalla token").hexdigest()


def key_of(code: str) -> PrivateKey:
    """The key to which answers are sealed.

    Raises:
        ValueError: it is no code.
    """
    return PrivateKey(blake2b(_normal(code), digest_size=32, person=b"mizalla reply").digest())


def new_key() -> tuple[bytes, bytes]:
    """An inspectorate's secret and public key."""
    key = PrivateKey.generate()
    return bytes(key), bytes(key.public_key)


def secret_key(raw: bytes) -> PrivateKey:
    """A secret key read back.

    Raises:
        ValueError: it is none.
    """
    if len(raw) != PrivateKey.SIZE:
        raise ValueError("this is no key of `mizalla report keys`")
    return PrivateKey(raw)


def fingerprint(public: bytes) -> str:
    """By which people compare a key over another way."""
    return blake2b(public, digest_size=8).hexdigest()


def sealed(content: dict[str, Any], public: bytes) -> bytes:
    """Content padded to the next size and sealed to a key.

    Raises:
        ValueError: it is longer than the largest size.
    """
    raw = orjson.dumps(content)
    size = next((each for each in SIZES if len(raw) + 4 <= each), None)
    if size is None:
        raise ValueError(f"a message has at most {SIZES[-1]:,} bytes, attachments included")
    padded = struct.pack(">I", len(raw)) + raw + bytes(size - 4 - len(raw))
    return bytes(SealedBox(PublicKey(public)).encrypt(padded))


def opened(text: bytes, key: PrivateKey) -> dict[str, Any]:
    """What was sealed to a key.

    Raises:
        ValueError: it was sealed to another key, or changed.
    """
    try:
        padded = SealedBox(key).decrypt(text)
    except CryptoError as error:
        raise ValueError("this was not sealed to this key, or was changed") from error
    (length,) = struct.unpack(">I", padded[:4])
    return dict(orjson.loads(padded[4 : 4 + length]))


def has_a_size(text: bytes) -> bool:
    """Whether sealed content has one of the sizes: all that the hub can check of it."""
    return len(text) - OVERHEAD in SIZES


def attached(name: str, content: bytes) -> dict[str, str]:
    """A file as it goes into a message: a picture or plain text, without what it says of its maker.

    Raises:
        ValueError: another kind of file, of which nothing could be taken off.
    """
    if content.startswith(b"\xff\xd8"):
        kind, bare = "image/jpeg", _jpeg(content)
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        kind, bare = "image/png", _png(content)
    else:
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("only JPEG, PNG and plain text can be attached: take a picture of anything else") from None
        kind, bare = "text/plain", content
    suffix = {"image/jpeg": "jpg", "image/png": "png"}.get(kind, "txt")
    return {"name": f"attachment.{suffix}" if name else suffix, "type": kind, "content": base64.b64encode(bare).decode()}


def _jpeg(content: bytes) -> bytes:
    """Keep the picture's own segments; drop what programs and cameras add (APP1 to APP15, comments)."""
    kept, place = [content[:2]], 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if marker == 0xDA:
            end = content.rfind(b"\xff\xd9")
            return b"".join([*kept, content[place : end + 2 if end > place else len(content)]])
        if not (0xE1 <= marker <= 0xEF and marker != 0xEE) and marker != 0xFE:
            kept.append(content[place : place + 2 + length])
        place += 2 + length
    raise ValueError("this JPEG cannot be read")


def _png(content: bytes) -> bytes:
    """Keep what the picture needs to be drawn; drop texts, times and cameras' notes."""
    kept, place = [content[:8]], 8
    needed: Sequence[bytes] = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS")
    while place + 12 <= len(content):
        length, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        if kind in needed:
            kept.append(content[place : place + 12 + length])
        if kind == b"IEND":
            return b"".join(kept)
        place += 12 + length
    raise ValueError("this PNG cannot be read")
