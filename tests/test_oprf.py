"""The oblivious function gives what its definition says, hides what it must, and refuses what is not of the protocol."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.oprf import BATCH, ORDER, Key, Suite, Unproved, expanded, together
from tests import edwards

SUITE = Suite()
PLAIN = Suite(verifiable=False)
SEED = bytes(range(32))
KEY = SUITE.key(SEED, b"test")
SOME = settings(max_examples=8, deadline=None)

VECTORS = {
    "public": "a342674339f251af7824267929b67034cc14cb4512b6a379c976895250f95ad6",
    "group": "d2d174a6f2bf3e722d4f166a69869314e318c7e634ba43ccb06e8e6a5de21203",
    "output": "d96399fc8be9bc6859604b97e5bdb5ae0b998babb89779490577ca2e761e3ef3"
    "dd3f91efd49df82aac26c058d5aeb971c0bb19e82031fee1b0bd4be0566b13c4",
    "plain": "82d410be1627fdb6c3775f0b1e809d4f5cca2a9f596c6b0f15cfefe0716f4bdf"
    "a376a811a5b95552f09276f1a4a6d66f9abd5a79bc8ed48a657aeac11be9b914",
}

SMALL = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]
"""Points of orders 4, 1, 2, 8 and 8."""


def run(key: Key, texts: list[bytes], suite: Suite = SUITE) -> list[bytes]:
    blinded = [suite.blind(text) for text in texts]
    elements = [each.element for each in blinded]
    evaluated = suite.evaluate(key, elements)
    suite.verify(key.public, elements, evaluated, suite.prove(key, elements, evaluated))
    return [suite.finalize(each, [result]) for each, result in zip(blinded, evaluated, strict=True)]


# --- it is the function that its definition says ---------------------------------------------------------------------


def test_messages_expand_as_rfc_9380_says() -> None:
    """Its appendix K.3, `QUUX-V01-CS02-with-expander-SHA512-256`, for the empty message and `abc`."""
    tag = b"QUUX-V01-CS02-with-expander-SHA512-256"
    assert expanded(b"", tag, 0x20).hex() == "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba"
    assert expanded(b"abc", tag, 0x20).hex() == "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc"
    for size in (1, 64, 65, 128, 200):
        assert expanded(b"abc", tag, size) == edwards.expanded(b"abc", tag, size)


@SOME
@given(st.binary(max_size=80), st.binary(max_size=8))
def test_it_is_what_an_independent_implementation_computes(text: bytes, info: bytes) -> None:
    for mode, suite in ((0, PLAIN), (1, SUITE)):
        key, secret = suite.key(SEED, info), edwards.derived(SEED, info, mode)
        assert int.from_bytes(key.secret, "little") % ORDER == secret
        assert edwards.BASE is not None
        assert key.public == edwards.encoded(edwards.times(secret, edwards.BASE))
        assert suite.group(text) == edwards.encoded(edwards.group(text, mode))
        assert suite.output(key, text) == edwards.output(secret, text, mode)


def test_its_vectors_stay_as_they_are() -> None:
    """Own vectors: the suite is not one of the RFC's. A change of any constant would orphan every blinded column."""
    assert KEY.public.hex() == VECTORS["public"]
    assert SUITE.group(b"national_number\x00199012345678").hex() == VECTORS["group"]
    assert SUITE.output(KEY, b"national_number\x00199012345678").hex() == VECTORS["output"]
    assert PLAIN.output(PLAIN.key(SEED, b"test"), b"").hex() == VECTORS["plain"]


@SOME
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_blinded_and_finalized_it_is_the_same_whatever_the_blind(texts: list[bytes]) -> None:
    assert run(KEY, texts) == run(KEY, texts) == [SUITE.output(KEY, text) for text in texts]


def test_modes_keys_and_inputs_have_unlike_outputs() -> None:
    outputs = [run(KEY, [b"a"])[0], run(KEY, [b"b"])[0], run(SUITE.key(SEED, b"other"), [b"a"])[0], PLAIN.output(KEY, b"a")]
    assert len(set(outputs)) == 4


# --- it hides ---------------------------------------------------------------------------------------------------------


def test_the_same_input_is_blinded_into_another_element_each_time() -> None:
    assert len({SUITE.blind(b"199012345678").element for _ in range(50)}) == 50


def test_an_element_could_be_of_any_input() -> None:
    """For every input there is exactly one blind that makes this element of it: what it could be is everything."""
    element = edwards.times(12345, edwards.group(b"one", 1))
    blinded = SUITE.blind(b"one")
    shift = 12345 * pow(blinded.blind, -1, ORDER) % ORDER
    again = edwards.decoded(blinded.element)
    assert again is not None
    assert edwards.times(shift, again) == element


def test_a_key_is_not_printed() -> None:
    assert KEY.secret.hex() not in repr(KEY)
    assert "one" not in repr(SUITE.blind(b"one"))


# --- two operators ----------------------------------------------------------------------------------------------------


def test_of_two_operators_both_are_needed_and_their_sum_is_the_key() -> None:
    first, second = SUITE.key(SEED, b"first"), SUITE.key(SEED, b"second")
    blinded = SUITE.blind(b"199012345678")
    shares = [SUITE.evaluate(key, [blinded.element])[0] for key in (first, second)]
    whole = (int.from_bytes(first.secret, "little") + int.from_bytes(second.secret, "little")) % ORDER
    made = SUITE.finalize(blinded, shares)
    assert made == SUITE.finalize(blinded, shares[::-1]) == edwards.output(whole, b"199012345678", 1)
    assert made not in {SUITE.finalize(blinded, shares[:1]), SUITE.finalize(blinded, shares[1:])}
    assert edwards.BASE is not None
    assert together([first.public, second.public]) == edwards.encoded(edwards.times(whole, edwards.BASE))


# --- what is not of the protocol --------------------------------------------------------------------------------------


@SOME
@given(st.lists(st.binary(max_size=9), min_size=1, max_size=3))
def test_a_proof_holds_by_an_independent_implementation_too(texts: list[bytes]) -> None:
    elements = [SUITE.blind(text).element for text in texts]
    evaluated = SUITE.evaluate(KEY, elements)
    proof = SUITE.prove(KEY, elements, evaluated)
    SUITE.verify(KEY.public, elements, evaluated, proof)
    assert edwards.holds(KEY.public, elements, evaluated, proof)


def test_an_evaluation_under_another_key_or_in_another_order_is_not_believed() -> None:
    other = SUITE.key(SEED, b"other")
    elements = [SUITE.blind(bytes([place])).element for place in range(3)]
    evaluated = SUITE.evaluate(KEY, elements)
    proof = SUITE.prove(KEY, elements, evaluated)
    one_by_another = [*evaluated[:2], *SUITE.evaluate(other, elements[2:])]
    attempts = [
        (other.public, elements, evaluated, proof),
        (KEY.public, elements, one_by_another, proof),
        (KEY.public, elements, one_by_another, SUITE.prove(KEY, elements, one_by_another)),
        (KEY.public, elements, SUITE.evaluate(other, elements), SUITE.prove(other, elements, SUITE.evaluate(other, elements))),
        (KEY.public, elements, evaluated[::-1], proof),
        (KEY.public, elements[:2], evaluated[:2], proof),
        (KEY.public, elements, evaluated[:2], proof),
        (KEY.public, [], [], proof),
        (KEY.public, elements, evaluated, proof[:-1]),
        (KEY.public, elements, evaluated, proof[:32] + b"\xff" * 32),
        (KEY.public, elements, evaluated, bytes(64)),
        (KEY.public, [elements[0]] * (BATCH + 1), [evaluated[0]] * (BATCH + 1), proof),
    ]
    for attempt in attempts:
        with pytest.raises(Unproved):
            SUITE.verify(*attempt)


@given(st.integers(0, 511))
def test_a_proof_with_any_bit_changed_does_not_hold(bit: int) -> None:
    proof = bytearray(PROOF)
    proof[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unproved):
        SUITE.verify(KEY.public, ELEMENTS, EVALUATED, bytes(proof))


ELEMENTS = [SUITE.blind(b"x").element]
EVALUATED = SUITE.evaluate(KEY, ELEMENTS)
PROOF = SUITE.prove(KEY, ELEMENTS, EVALUATED)


@pytest.mark.parametrize("element", [*map(bytes.fromhex, SMALL), b"", bytes(31), b"\xff" * 32, (2**255 - 18).to_bytes(32, "little")])
def test_what_is_no_element_is_refused_by_both_sides(element: bytes) -> None:
    for attempt in (
        lambda: SUITE.evaluate(KEY, [element]),
        lambda: SUITE.finalize(SUITE.blind(b"x"), [element]),
        lambda: SUITE.verify(KEY.public, ELEMENTS, [element], PROOF),
        lambda: together([KEY.public, element]),
    ):
        with pytest.raises(Unproved):
            attempt()


@pytest.mark.parametrize("small", SMALL[2:4])
def test_an_element_with_a_part_of_small_order_is_refused_and_could_tell_nothing_of_the_key(small: str) -> None:
    """CVE-2025-69277: points outside the subgroup, which some versions of libsodium took for good."""
    torsion, good = edwards.decoded(bytes.fromhex(small)), edwards.decoded(ELEMENTS[0])
    assert torsion is not None
    assert good is not None
    mixed = edwards.add(torsion, good)
    with pytest.raises(Unproved):
        SUITE.evaluate(KEY, [edwards.encoded(mixed)])
    secret = int.from_bytes(KEY.secret, "little")
    assert secret % 8 == 0
    assert edwards.times(secret, mixed) == edwards.times(secret % ORDER, good)


def test_keys_stay_below_the_bit_that_libsodium_clears() -> None:
    for _ in range(20):
        key = SUITE.key(secrets.token_bytes(32))
        secret = int.from_bytes(key.secret, "little")
        assert 0 < secret < 2**255
        assert secret % 8 == 0


def test_an_input_too_long_to_be_told_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="65535"):
        SUITE.blind(bytes(2**16))
