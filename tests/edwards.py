"""Edwards25519 and the protocol of RFC 9497 once more, in plain whole numbers, to hold the real one against.

Slow, not constant in time, and written from RFC 8032, RFC 9380 and RFC 9497 without looking at libsodium.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
A = 486662
Point = tuple[int, int]
ZERO: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The complete addition law of the curve."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def times(scalar: int, point: Point) -> Point:
    """Double and add."""
    found = ZERO
    while scalar:
        if scalar & 1:
            found = add(found, point)
        point = add(point, point)
        scalar >>= 1
    return found


def with_sign(y: int, sign: int) -> Point | None:
    """The point with this y and this lowest bit of x, where there is one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square or (x == 0 and sign):
        return None
    return (x if x & 1 == sign else P - x, y)


def encoded(point: Point) -> bytes:
    """RFC 8032, 5.1.2."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decoded(text: bytes) -> Point | None:
    """RFC 8032, 5.1.3; None for what is no point or not written in the one way."""
    number = int.from_bytes(text, "little")
    y, sign = number & (2**255 - 1), number >> 255
    return with_sign(y, sign) if y < P else None


BASE = with_sign(4 * pow(5, -1, P) % P, 0)
assert BASE is not None


def mapped(text: bytes) -> Point:
    """Elligator 2 of 32 bytes, whose highest bit is the sign of x; then the cofactor is cleared."""
    number = int.from_bytes(text, "little")
    r, sign = number & (2**255 - 1), number >> 255
    x = -A * pow(1 + 2 * r * r, -1, P) % P
    if pow(x * x * x + A * x * x + x, (P - 1) // 2, P) == P - 1:
        x = (-A - x) % P
    point = with_sign((x - 1) * pow(x + 1, -1, P) % P, sign)
    assert point is not None
    return times(8, point)


def expanded(text: bytes, tag: bytes, size: int) -> bytes:
    """RFC 9380, 5.3.1."""
    tagged = tag + len(tag).to_bytes(1)
    first = sha512(b"\0" * 128 + text + size.to_bytes(2) + b"\0" + tagged).digest()
    blocks = [sha512(first + b"\x01" + tagged).digest()]
    while len(blocks) * 64 < size:
        mixed = (int.from_bytes(first) ^ int.from_bytes(blocks[-1])).to_bytes(64)
        blocks.append(sha512(mixed + (len(blocks) + 1).to_bytes(1) + tagged).digest())
    return b"".join(blocks)[:size]


def context(mode: int) -> bytes:
    """RFC 9497, 3.1."""
    return b"OPRFV1-" + mode.to_bytes(1) + b"-edwards25519-SHA512"


def group(text: bytes, mode: int) -> Point:
    """The input's element."""
    wide = expanded(text, b"HashToGroup-" + context(mode), 64)
    return add(mapped(wide[:32]), mapped(wide[32:]))


def scalar(text: bytes, tag: bytes) -> int:
    """HashToScalar with its tag."""
    return int.from_bytes(expanded(text, tag, 64), "little") % L


def output(secret: int, text: bytes, mode: int) -> bytes:
    """RFC 9497, Evaluate: the function itself."""
    element = encoded(times(secret, group(text, mode)))
    return sha512(len(text).to_bytes(2) + text + (32).to_bytes(2) + element + b"Finalize").digest()


def derived(seed: bytes, info: bytes, mode: int) -> int:
    """RFC 9497, 3.2.1, the first try."""
    return scalar(seed + len(info).to_bytes(2) + info + b"\0", b"DeriveKeyPair" + context(mode))


def holds(public: bytes, elements: Sequence[bytes], evaluated: Sequence[bytes], proof: bytes) -> bool:
    """RFC 9497, 2.2.2, VerifyProof with the composites computed one by one."""
    points = [decoded(each) for each in (public, *elements, *evaluated)]
    if None in points:
        return False
    tag = b"HashToScalar-" + context(1)
    name = b"Seed-" + context(1)
    seed = sha512((32).to_bytes(2) + public + len(name).to_bytes(2) + name).digest()
    m = z = ZERO
    for place, (element, result) in enumerate(zip(elements, evaluated, strict=True)):
        transcript = (64).to_bytes(2) + seed + place.to_bytes(2) + b"\0\x20" + element + b"\0\x20" + result + b"Composite"
        weight = scalar(transcript, tag)
        m = add(m, times(weight, decoded(element) or ZERO))
        z = add(z, times(weight, decoded(result) or ZERO))
    c, s = int.from_bytes(proof[:32], "little"), int.from_bytes(proof[32:], "little")
    assert BASE is not None
    t2 = add(times(s, BASE), times(c, decoded(public) or ZERO))
    t3 = add(times(s, m), times(c, z))
    transcript = b"".join(b"\0\x20" + each for each in (public, encoded(m), encoded(z), encoded(t2), encoded(t3)))
    return c == scalar(transcript + b"Challenge", tag)
