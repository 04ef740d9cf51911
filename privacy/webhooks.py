"""Secrets and signatures of webhooks, as Standard Webhooks writes them.

What is sent is signed by HMAC-SHA256 over its id, its time and its body, under a secret that only the hub and the receiver
have. The secret is shown once and kept sealed; a receiver checks the signature, the time and that it has not seen the id.
Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping

from privacy.keys import KeyRing
from privacy.sealing import Seal

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
"""How far a receiver lets the time of a message be from its own clock."""


class WebhookSecrets:
    """Makes secrets and keeps them sealed, each for its webhook alone."""

    def __init__(self, ring: KeyRing) -> None:
        """Keep the ring."""
        self._ring = ring

    def new(self) -> str:
        """A fresh secret as text: 32 random bytes."""
        return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()

    def seal(self, webhook: str, use: str, text: str) -> str:
        """A secret or an address as it is stored."""
        return Seal(self._ring, f"webhook {use}", webhook).close(text.encode(), self._ring.current)

    def open(self, webhook: str, use: str, sealed: str) -> str | None:
        """What was sealed for this webhook and use; None for anything else."""
        opened = Seal(self._ring, f"webhook {use}", webhook).open(sealed, stored=True)
        return None if opened is None else opened.decode()


def signed_headers(secret: str, id: str, at: int, body: bytes) -> dict[str, str]:  # noqa: A002 — the standard calls it so
    """The three headers of a message; `at` in seconds since 1970 (UTC)."""
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": f"v1,{_signature(secret, id, str(at), body)}"}


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """What a receiver checks: one of the signatures, and a time within the tolerance; never raises.

    The receiver remembers the ids of the tolerance besides, for a message within it can be sent again by whoever heard it.
    """
    id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isascii() or not at.isdecimal() or len(at) > 12 or abs(now - int(at)) > TOLERANCE_SECONDS:
        return False
    try:
        expected = f"v1,{_signature(secret, id_, at, body)}".encode()
    except (ValueError, binascii.Error):
        return False
    return any(hmac.compare_digest(expected, each.encode()) for each in headers.get("webhook-signature", "").split(" "))


def _signature(secret: str, id_: str, at: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    return base64.b64encode(hmac.digest(key, b".".join((id_.encode(), at.encode(), body)), "sha256")).decode()
