"""Sealing that gives the same text for the same content: under a nonce, or an authenticator, made from the content.

Deterministic, so that a sealed key can be compared and looked up and a cursor does not change between two pages; and safe to
be so, because what the content is enciphered under is a keyed hash of all of it: two contents never share one. `Seal` is
SecretBox under such a nonce; `ShortSeal` is two keyed BLAKE2b and no more, for short contents that are opened by the thousand.
Source: Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006 (the synthetic initialisation vector).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from privacy.keys import KeyRing

OVERHEAD = 1 + SecretBox.NONCE_SIZE + SecretBox.MACBYTES
"""Bytes a seal adds before it is written as text: version, nonce, authenticator."""


class Seal:
    """Seals for one use and one context (a receiver, a source): a text opens only where it was sealed for."""

    def __init__(self, ring: KeyRing, use: str, context: str) -> None:
        """Derive nothing yet: versions may be added to the ring later."""
        self._ring = ring
        self._use = use
        self._context = context.encode()
        self._parts: dict[int, tuple[SecretBox, bytes]] = {}

    def close(self, payload: bytes, version: int) -> str:
        """URL-safe text, without padding, that names the key version inside."""
        box, nonce_key = self._of(version)
        nonce = blake2b(payload, key=nonce_key, digest_size=SecretBox.NONCE_SIZE).digest()
        return base64.urlsafe_b64encode(version.to_bytes(1) + box.encrypt(payload, nonce)).rstrip(b"=").decode()

    def open(self, text: str, *, stored: bool = False) -> bytes | None:
        """What was sealed, or None for anything else, whatever it is; never raises.

        `stored` is for what the hub itself keeps: a retired version still opens it, because nobody else hands it in.
        """
        try:
            raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        if len(raw) < OVERHEAD or raw[0] not in (self._ring.versions if stored else self._ring.usable):
            return None
        try:
            return self._of(raw[0])[0].decrypt(raw[1:])
        except CryptoError:
            return None

    def _of(self, version: int) -> tuple[SecretBox, bytes]:
        if version not in self._parts:
            box_key, nonce_key = (
                blake2b(self._context, key=self._ring.subkey(f"{self._use} {part}", version), digest_size=32).digest()
                for part in ("box", "nonce")
            )
            self._parts[version] = SecretBox(box_key), nonce_key
        return self._parts[version]


LEAD = "k"
"""A short seal begins so, and goes on in hexadecimal; among URL-safe texts that long, chance writes it once in 2^100."""

TAG = 16
LONGEST_SHORT = 64
"""Bytes that one BLAKE2b can mask."""


class ShortSeal:
    """Seals of at most 64 bytes for one use and context, opened many at once.

        tag  = BLAKE2b(tag key, context ‖ content)                    16 bytes
        body = content XOR BLAKE2b(body key, context ‖ tag)           as long as the content
        text = k ‖ hexadecimal(version ‖ tag ‖ body)

    It is the construction of pseudonyms (docs/decisions/0004-pseudonyms.md), for contents of any length up to 64 bytes. Opening
    one costs a seventh of a SecretBox.
    """

    def __init__(self, ring: KeyRing, use: str, context: str) -> None:
        """Derive nothing yet: versions may be added to the ring later."""
        self._ring = ring
        self._use = use
        self._context = blake2b(context.encode(), digest_size=32).digest()
        self._parts: dict[int, tuple[Callable[[], Any], Callable[[], Any]]] = {}

    def close(self, payload: bytes, version: int) -> str:
        """Text of letters and digits that names the key version inside."""
        tag_copy, body_copy = self._of(version)
        hashed = tag_copy()
        hashed.update(payload)
        tag = hashed.digest()
        hashed = body_copy()
        hashed.update(tag)
        size = len(payload)
        body = (int.from_bytes(payload) ^ int.from_bytes(hashed.digest()[:size])).to_bytes(size)
        text: str = (version.to_bytes(1) + tag + body).hex()
        return LEAD + text

    def open(self, texts: Sequence[str]) -> list[bytes | None]:
        """What was sealed, or None for anything else, whatever it is; never raises."""
        number_of, versions = int.from_bytes, self._ring.versions
        opened: list[bytes | None] = []
        version, tag_copy, body_copy = -1, None, None
        for text in texts:
            try:
                raw = bytes.fromhex(text[1:])
            except ValueError:
                raw = b""
            if not TAG < len(raw) <= 1 + TAG + LONGEST_SHORT or text[0] != LEAD or raw[0] not in versions or len(text) != 1 + 2 * len(raw):
                opened.append(None)
                continue
            if raw[0] != version:
                version = raw[0]
                tag_copy, body_copy = self._of(version)
            assert tag_copy is not None
            assert body_copy is not None
            tag, size = raw[1 : 1 + TAG], len(raw) - 1 - TAG
            hashed = body_copy()
            hashed.update(tag)
            payload = (number_of(raw[1 + TAG :]) ^ number_of(hashed.digest()[:size])).to_bytes(size)
            hashed = tag_copy()
            hashed.update(payload)
            opened.append(payload if compare_digest(hashed.digest(), tag) else None)
        return opened

    def _of(self, version: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        found = self._parts.get(version)
        if found is None:
            tag, body = (
                blake2b(key=self._ring.subkey(f"{self._use} {part}", version), digest_size=size)
                for part, size in (("tag", TAG), ("body", LONGEST_SHORT))
            )
            tag.update(self._context)
            body.update(self._context)
            found = self._parts[version] = tag.copy, body.copy
        return found
