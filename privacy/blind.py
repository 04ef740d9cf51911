"""Identifiers of people, made comparable without being kept: normalised, then hashed under the ring's root key.

Two registers write one number in many ways: Arabic-Indic digits, spaces, dashes, small letters. Normalising them first is
what makes exact linking work; hashing them under a key that is not in the database is what makes the table of
identifiers worthless to its thief, for whom twelve digits are few enough to try.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from privacy.keys import KeyRing
from privacy.sealing import LONGEST_SHORT, OVERHEAD, Seal, ShortSeal
from settings import NAME
from values import Scheme

LONGEST_RAW = 256
"""Characters; no identifier is longer, and a cell that holds a novel must not cost one."""

LONGEST_SEALED = 190
"""Characters of the column `link.key`."""

LONGEST_KEY = LONGEST_SEALED * 3 // 4 - OVERHEAD
"""Bytes of a local key that still fits its column when sealed."""

FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    Scheme.NATIONAL_NUMBER: (re.compile(r"([0-9]{12})"), "12 digits"),
    Scheme.RATION_CARD: (
        re.compile(r"([0-9]{4,12})(?:/0*([1-9][0-9]?))?"),
        "the card's 4 to 12 digits and the member's line, as in 2043817/1",
    ),
    Scheme.UNHCR_NUMBER: (re.compile(r"([0-9]{3})([0-9]{2}[A-Z][0-9]{5})"), "of the form 123-12C01234"),
    Scheme.INSURANCE_NUMBER: (re.compile(r"(?=[A-Z]*[0-9])([A-Z0-9]{4,20})"), "4 to 20 digits and Latin letters"),
    Scheme.CASE_NUMBER: (
        re.compile(rf"({NAME[1:-1]}):([^\s\ud800-\udfff]{{1,190}})"),
        "the source's name, a colon and the number, as in crescent-aid:4711",
    ),
}


class Blinder:
    """Normal forms, blind identifiers and sealed local keys, all under the ring's root version."""

    def __init__(self, ring: KeyRing) -> None:
        """Derive the keys once: a million rows pass here in one linking run."""
        self._ring = ring
        self._identifier: dict[str, Any] = {scheme: self._begun("blind identifier", scheme) for scheme in Scheme}
        self._household = lru_cache(256)(lambda source: self._begun("blind household", source))
        self._position = lru_cache(256)(lambda organisation: self._begun("case position", organisation, 16))
        self._short = lru_cache(256)(lambda source: ShortSeal(ring, "short local key", source))
        self._seal = lru_cache(256)(lambda source: Seal(ring, "local key", source))

    def normalise(self, scheme: str, raw: str) -> str:
        """As `normalised`."""
        return normalised(scheme, raw)

    def blind(self, scheme: str, raw: str) -> bytes:
        """32 bytes that stand for an identifier: equal for equal identifiers, and nothing else.

        Raises:
            ValueError: as `normalise`.
        """
        normal = normalised(scheme, raw)
        hashed = self._identifier[scheme].copy()
        hashed.update(normal.encode())
        return bytes(hashed.digest())

    def household(self, source: str, key: str) -> bytes:
        """32 bytes that stand for a source's household key."""
        hashed = self._household(source).copy()
        hashed.update(key.encode("utf-8", "surrogatepass"))
        return bytes(hashed.digest())

    def position(self, organisation: str, key: str) -> str:
        """Where a case stands in its organisation's case load when its key may not be kept: 32 hexadecimal digits.

        Hexadecimal, because every database orders and compares it alike.
        """
        hashed = self._position(organisation).copy()
        hashed.update(key.encode("utf-8", "surrogatepass"))
        return str(hashed.hexdigest())

    def seal_key(self, source: str, key: str) -> str:
        """A local key that is an identifier itself, sealed: at most 190 characters, the same each time.

        Raises:
            ValueError: the key is longer than its column can hold sealed.
        """
        payload = key.encode()
        if len(payload) > LONGEST_KEY:
            raise ValueError(f"a local key has at most {LONGEST_KEY} bytes")
        if len(payload) <= LONGEST_SHORT:
            return self._short(source).close(payload, self._ring.root)
        return self._seal(source).close(payload, self._ring.root)

    def open_key(self, source: str, sealed: str) -> str:
        """The local key again.

        Raises:
            ValueError: not sealed for this source by this key ring.
        """
        return self.open_keys(source, [sealed])[0]

    def open_keys(self, source: str, sealed: Sequence[str]) -> list[str]:
        """The local keys again, in their order; those sealed before there were short seals open as well.

        Raises:
            ValueError: one was not sealed for this source by this key ring.
        """
        opened = self._short(source).open(sealed)
        if None in opened:
            opened = [self._seal(source).open(text) if payload is None else payload for text, payload in zip(sealed, opened, strict=True)]
        try:
            return [payload.decode() for payload in opened]  # type: ignore[union-attr]  # None raises what is caught
        except AttributeError:
            raise ValueError("this key was not sealed for this source by this key ring") from None

    def _begun(self, use: str, context: str, size: int = 32) -> Any:
        begun = blake2b(key=self._ring.subkey(use, self._ring.root), digest_size=size)
        begun.update(blake2b(context.encode(), digest_size=32).digest())
        return begun


def normalised(scheme: str, raw: str) -> str:
    """The one way an identifier is written, whatever way it came.

    Any Unicode decimal digit becomes its ASCII digit, letters become capitals, spaces and invisible marks go; dashes go
    too, except in case numbers, where a source may tell 1-23 from 12-3. A ration card without a line is its holder's: line 1.

    Raises:
        ValueError: not readable as this scheme; says the form expected, never what was given.
    """
    form, words = FORMS[scheme] if scheme in FORMS else FORMS[Scheme(scheme)]
    match = form.fullmatch(raw) if scheme != Scheme.CASE_NUMBER else None  # nearly every raw text is in its plainest form already
    if match is None and len(raw) <= LONGEST_RAW:
        match = form.fullmatch(_plain(raw, Scheme(scheme)))
    if match is None:
        raise ValueError(f"not readable as {scheme}: expected {words}")
    if scheme == Scheme.RATION_CARD:
        return f"{match[1]}/{match[2] or 1}"
    if scheme == Scheme.UNHCR_NUMBER:
        return f"{match[1]}-{match[2]}"
    return match[0]


def _plain(raw: str, scheme: Scheme) -> str:
    """Digits, capitals and marks in their plainest form; a case number keeps its source's name and its dashes."""
    if scheme is Scheme.CASE_NUMBER:
        source, colon, number = raw.partition(":")
        return f"{source}{colon}{_folded(number, dash='-')}"
    return _folded(raw, dash="")


def _folded(raw: str, dash: str) -> str:
    if raw.isascii() and raw.isdigit():
        return raw
    folded = []
    for character in unicodedata.normalize("NFKC", raw):
        kind = unicodedata.category(character)
        if kind == "Nd":
            folded.append(str(unicodedata.decimal(character)))
        elif kind == "Pd" or character in "\N{MINUS SIGN}\N{ARABIC TATWEEL}":
            folded.append(dash)
        elif not character.isspace() and kind not in {"Cf", "Cc"}:
            folded.append(character.upper())
    return "".join(folded)
