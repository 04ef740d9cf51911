"""Edge mode: identifiers of sources that show the hub none, made comparable with those of sources that do.

A source's side blinds each identifier, has it evaluated by every operator of the edge key, and writes the output beside: the
hub sees neither the identifier nor the output until it links, and then the output alone. For the identifiers it does see the
hub computes the same output, so that both lead to one person. What is proved and what assumed: docs/privacy.md.

    message   scheme ‖ 0 ‖ the normalised identifier
    written   first 4 bytes of a hash of the operators' public key ‖ "." ‖ first 32 bytes of the output, hexadecimal
    stored    keyed BLAKE2b of scheme and output, under the ring's root: neither side's file alone can be compared with the table
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from privacy.keys import KeyRing
from privacy.oprf import Suite, together

EDGE = 64
"""Added to a scheme's rank in the table of identifiers where the stored hash is of an output."""

WRITTEN = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{64})")
SUITE = Suite()


def message(scheme: str, normal: str) -> bytes:
    """What is evaluated of an identifier."""
    return scheme.encode() + b"\0" + normal.encode()


def named(publics: Iterable[bytes]) -> str:
    """Under what name outputs of these operators are written: 8 hexadecimal digits.

    Raises:
        Unproved: a public key that is none.
    """
    return blake2b(together(sorted(publics)), digest_size=4).hexdigest()


def written(name: str, output: bytes) -> str:
    """How an output stands in a source's column."""
    return f"{name}.{output[:32].hex()}"


class EdgeKey:
    """This hub's share of the edge key, and the hashes under which outputs are stored."""

    def __init__(self, ring: KeyRing, others: Sequence[bytes]) -> None:
        """`others` are the public keys of the further operators.

        Both derive from the ring's root, because what they made is compared with stored rows.

        Raises:
            Unproved: a public key that is none.
        """
        self.suite = SUITE
        self.share = self.suite.key(ring.subkey("edge share", ring.root), b"mizalla edge")
        self.shared = bool(others)
        self.name = named([self.share.public, *others])
        begun = blake2b(key=ring.subkey("edge identifier", ring.root), digest_size=32)

        def begin(scheme: str) -> Any:
            for_scheme = begun.copy()
            for_scheme.update(blake2b(scheme.encode(), digest_size=32).digest())
            return for_scheme

        self._begun = lru_cache(16)(begin)

    @property
    def public(self) -> bytes:
        """The public key of this hub's share."""
        return self.share.public

    def evaluate(self, elements: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        """Evaluate blinded elements with this share, with a proof of it.

        Raises:
            Unproved: one is not an element.
        """
        evaluated = self.suite.evaluate(self.share, elements)
        return evaluated, self.suite.prove(self.share, elements, evaluated)

    def output(self, scheme: str, normal: str) -> bytes:
        """The output of an identifier the hub sees, where it holds the whole key."""
        assert not self.shared, "one share alone computes nothing"
        return self.suite.output(self.share, message(scheme, normal))

    def stored(self, scheme: str, output: bytes) -> bytes:
        """The 32 bytes by which an output is found."""
        hashed = self._begun(scheme).copy()
        hashed.update(output[:32])
        return bytes(hashed.digest())

    def read(self, scheme: str, text: str) -> bytes:
        """The same of what stands in a source's column.

        Raises:
            ValueError: it is no such text, or was made under another key.
        """
        match = WRITTEN.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not readable as a blinded {scheme}: expected what `mizalla edge blind` writes")
        if match[1] != self.name:
            raise ValueError(f"a blinded {scheme} made under another key than this hub's")
        return self.stored(scheme, bytes.fromhex(match[2]))
