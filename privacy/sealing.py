"""Sealing that gives the same text for the same content: SecretBox under a nonce made from the content.

Deterministic, so that a sealed key can be compared and looked up and a cursor does not change between two pages; and safe to
be so, because the nonce is a keyed hash of all that is sealed: two contents never share one.
Source: Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006 (the synthetic initialisation vector).
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b

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

    def open(self, text: str) -> bytes | None:
        """What was sealed, or None for anything else, whatever it is; never raises."""
        try:
            raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        if len(raw) < OVERHEAD or raw[0] not in self._ring.versions:
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
