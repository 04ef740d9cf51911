"""Signed tree heads as checkpoints, and the proof a person is handed: both verified with a public key and nothing else of the hub.

A checkpoint is the text that transparency logs agree on, so that their monitors and witnesses can read ours: the log's name, the
number of leaves, the root, then a line with the time; a blank line; a signature line.
Source: C2SP tlog-checkpoint and signed-note; Ed25519 by RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from privacy.leaves import Leaf, Opened, concerns
from privacy.merkle import extends, includes, leaf_hash

ED25519 = b"\x01"
FORMAT = "mizalla-inclusion-1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of `size` leaves had this root at this time (seconds since 1970)."""

    origin: str
    size: int
    root: bytes
    at: int

    @property
    def note(self) -> str:
        """What is signed."""
        at = datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\nat {at}\n"

    def signed(self, key: SigningKey) -> str:
        """The whole text."""
        signature = key.sign(self.note.encode()).signature
        return f"{self.note}\n\u2014 {self.origin} {base64.b64encode(_key_hash(self.origin, key.verify_key) + signature).decode()}\n"


def _key_hash(origin: str, key: VerifyKey) -> bytes:
    return sha256(origin.encode() + b"\n" + ED25519 + bytes(key)).digest()[:4]


def verifier_key(origin: str, key: VerifyKey) -> str:
    """The public key in the form that tools for signed notes take: name, hash and key."""
    return f"{origin}+{_key_hash(origin, key).hex()}+{base64.b64encode(ED25519 + bytes(key)).decode()}"


def opened_checkpoint(text: str, verifier: str) -> Checkpoint:
    """Read a checkpoint that the holder of this key signed.

    Raises:
        ValueError: it is not written so, of another log, or not signed by this key.
    """
    try:
        origin, _, encoded = verifier.split("+", 2)
        key = VerifyKey(base64.b64decode(encoded, validate=True)[1:])
        note, _, signatures = text.partition("\n\n")
        name, size, root, at, *_ = note.split("\n")
        made = Checkpoint(
            name,
            int(size),
            base64.b64decode(root, validate=True),
            int(datetime.strptime(at, "at %Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()),
        )
    except (ValueError, binascii.Error, TypeError) as error:
        raise ValueError("this is no checkpoint, or no key for one") from error
    if name != origin or made.note != note + "\n" or made.size < 0:
        raise ValueError("this checkpoint is of another log")
    expected = _key_hash(origin, key)
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        signer, _, signature = rest.rpartition(" ")
        if dash == "\u2014" and signer == origin and _signs(key, note + "\n", signature, expected):
            return made
    raise ValueError("this checkpoint was not signed by this key")


def _signs(key: VerifyKey, note: str, signature: str, expected: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if raw[:4] != expected:
            return False
        key.verify(note.encode(), raw[4:])
    except (BadSignatureError, ValueError, binascii.Error):
        return False
    return True


def bundle(leaf: Leaf, hashes: Sequence[bytes], checkpoint: str, person_key: bytes | None = None) -> dict[str, Any]:
    """A proof as it is handed out: the leaf as far as it is opened, the path, the signed head, the reader's own key."""
    made: dict[str, Any] = {
        "format": FORMAT,
        "number": leaf.number,
        "head": leaf.head.written(),
        "desk": leaf.desk.written(),
        "parts": [part.written() for part in leaf.parts],
        "hashes": [base64.b64encode(each).decode() for each in hashes],
        "checkpoint": checkpoint,
    }
    if person_key is not None:
        made["personKey"] = base64.b64encode(person_key).decode()
    return made


def checked_bundle(made: Mapping[str, Any], verifier: str, person_key: str | None = None) -> tuple[Leaf, Checkpoint]:
    """Verify a proof without the hub; give what it proves.

    Args:
        made: the proof.
        verifier: the log's public key, from somewhere else than the proof.
        person_key: the reader's record key as base64, noted earlier; without one the proof's own is believed.

    Raises:
        ValueError: it proves nothing; the sentence says why.
    """
    try:
        if made["format"] != FORMAT:
            raise ValueError("this is no proof of the form this program knows")
        leaf = Leaf(
            int(made["number"]), Opened.read(made["head"]), Opened.read(made["desk"]), tuple(Opened.read(each) for each in made["parts"])
        )
        hashes = [base64.b64decode(each, validate=True) for each in made["hashes"]]
        checkpoint = opened_checkpoint(str(made["checkpoint"]), verifier)
        named = made.get("personKey")
        key = base64.b64decode(str(person_key or named), validate=True) if person_key or named else None
    except (KeyError, TypeError, binascii.Error, OverflowError) as error:
        raise ValueError("this is no proof: something is missing or cannot be read") from error
    if person_key is not None and named not in {None, person_key}:
        raise ValueError("this proof was made for the key of somebody else")
    if not 0 < leaf.number < 2**63 or not includes(leaf_hash(leaf.content), leaf.number - 1, checkpoint.size, hashes, checkpoint.root):
        raise ValueError("this entry is not in the tree of that head")
    if key is not None and not concerns(leaf, key):
        raise ValueError("this entry does not concern the holder of this record key")
    return leaf, checkpoint


def checked_continuation(first: Checkpoint, second: Checkpoint, hashes: Sequence[str]) -> None:
    """Verify that a later head's tree begins with the whole of an earlier one's.

    Raises:
        ValueError: it does not, or the hashes do not show it.
    """
    proof = [bytes.fromhex(each) for each in hashes]
    if first.origin != second.origin or not extends(first.size, second.size, proof, first.root, second.root):
        raise ValueError(f"the tree of {second.size} entries does not continue that of {first.size}: the record was rewritten or cut")
