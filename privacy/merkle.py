"""The Merkle tree of RFC 9162: hashes, which parts a proof is made of, and how a proof is verified.

Nothing here knows the hub: whoever was given a proof can run this module alone. A tree over n leaves is split at the largest
power of two smaller than n; a leaf is hashed with a zero byte before it, two hashes with a one byte, so that neither can pose as the other.
Source: RFC 9162 (Certificate Transparency 2.0), sections 2.1.1 to 2.1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

Range = tuple[int, int]
"""The leaves from the first number up to the second, which is not among them; the first leaf is 0."""

EMPTY = sha256(b"").digest()
"""The hash of a tree without leaves."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of one leaf."""
    return sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of what stands above two hashes."""
    return sha256(b"\1" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two smaller than a size of at least two."""
    return int(1 << ((size - 1).bit_length() - 1))


def inclusion(index: int, size: int) -> list[Range]:
    """The parts whose hashes prove that a leaf is in the tree of this size, from the leaf upwards (RFC 9162, 2.1.3.1)."""
    found: list[Range] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return found[::-1]


def consistency(first: int, second: int) -> list[Range]:
    """The parts whose hashes prove that the tree of the second size begins with that of the first (RFC 9162, 2.1.4.1)."""
    found: list[Range] = []
    begin, end = 0, second
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    if begin:
        found.append((begin, end))
    return found[::-1]


def subtrees(part: Range) -> Iterator[tuple[int, int]]:
    """The complete subtrees of a part, left to right, as (height, place among those of its height)."""
    begin, end = part
    while begin < end:
        height = (end - begin).bit_length() - 1
        if begin:
            height = min(height, (begin & -begin).bit_length() - 1)
        yield height, begin >> height
        begin += 1 << height


def root_of(part: Range, subtree: Callable[[int, int], bytes]) -> bytes:
    """The hash of a part, from the hashes of its complete subtrees."""
    hashes = [subtree(height, place) for height, place in subtrees(part)]
    if not hashes:
        return EMPTY
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def raised(hashes: Sequence[bytes]) -> bytes:
    """The hash above a power of two of hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [sha256(b"\1" + level[place] + level[place + 1]).digest() for place in range(0, len(level), 2)]
    return level[0]


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf of this hash stands at this place in the tree of this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(each, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, each)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def extends(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether a proof shows that the second tree begins with all leaves of the first (RFC 9162, 2.1.4.2).

    Of an empty first tree every tree is a continuation; RFC 9162 leaves that case out.
    """
    if first in {0, second}:
        return not proof and first_root == (EMPTY if first == 0 else second_root)
    if first > second or not proof:
        return False
    hashes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            before, after = node_hash(each, before), node_hash(each, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, each)
        place, last = place >> 1, last >> 1
    return last == 0 and before == first_root and after == second_root
