"""One identifier in many writings is one blind identifier; what is unreadable is refused without being repeated."""

# ruff: noqa: RUF001 — Arabic-Indic digits look like Latin letters, and are what is written

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.blind import LONGEST_KEY, LONGEST_SEALED, Blinder
from privacy.keys import KeyRing
from privacy.sealing import LONGEST_SHORT, Seal, ShortSeal
from values import Scheme


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing.create(tmp_path_factory.mktemp("keys") / "ring.json")


@pytest.fixture(scope="module")
def blinder(ring: KeyRing) -> Blinder:
    return Blinder(ring)


WRITINGS = [
    ("national_number", "198012345678", "198012345678"),
    ("national_number", "١٩٨٠١٢٣٤٥٦٧٨", "198012345678"),
    ("national_number", "۱۹۸۰۱۲۳۴۵۶۷۸", "198012345678"),
    ("national_number", "1980-1234-5678", "198012345678"),
    ("national_number", " 1980 1234\N{NO-BREAK SPACE}5678 ", "198012345678"),
    ("national_number", "\N{RIGHT-TO-LEFT MARK}1980\N{EN DASH}1234\N{NON-BREAKING HYPHEN}5678\ufeff", "198012345678"),
    ("national_number", "\N{FULLWIDTH DIGIT ONE}98012345678", "198012345678"),
    ("ration_card", "2043817/1", "2043817/1"),
    ("ration_card", "2043817", "2043817/1"),
    ("ration_card", "٢٠٤٣٨١٧ / ٠٣", "2043817/3"),
    ("ration_card", "204-3817/12", "2043817/12"),
    ("ration_card", "0204381", "0204381/1"),
    ("unhcr_number", "123-12C01234", "123-12C01234"),
    ("unhcr_number", "123 12c01234", "123-12C01234"),
    ("unhcr_number", "١٢٣-١٢C٠١٢٣٤", "123-12C01234"),
    ("insurance_number", "ss-004711", "SS004711"),
    ("insurance_number", "٠٠٤٧١١", "004711"),
    ("case_number", "crescent-aid:ca-2023/17", "crescent-aid:CA-2023/17"),
    ("case_number", "crescent-aid: CA\N{EN DASH}2023/١٧ ", "crescent-aid:CA-2023/17"),
    ("case_number", "hope-network:ح-17:2", "hope-network:ح-17:2"),
]


@pytest.mark.parametrize(("scheme", "raw", "normal"), WRITINGS)
def test_one_identifier_in_many_writings_is_one(blinder: Blinder, scheme: str, raw: str, normal: str) -> None:
    assert blinder.normalise(scheme, raw) == normal
    assert blinder.normalise(scheme, normal) == normal
    assert blinder.blind(scheme, raw) == blinder.blind(scheme, normal)
    assert len(blinder.blind(scheme, raw)) == 32


UNREADABLE = [
    ("national_number", "19801234567"),
    ("national_number", "1980123456789"),
    ("national_number", "19801234567X"),
    ("national_number", "198012345678.0"),
    ("national_number", "19801234567²³"),
    ("national_number", ""),
    ("national_number", "1" * 300),
    ("national_number", "\ud800198012345678"),
    ("ration_card", "2043817/0"),
    ("ration_card", "2043817/"),
    ("ration_card", "2043817/100"),
    ("ration_card", "/1"),
    ("ration_card", "12"),
    ("unhcr_number", "123-12-01234"),
    ("unhcr_number", "123-12C0123"),
    ("insurance_number", "ABCDEF"),
    ("insurance_number", "١٢"),
    ("case_number", "4711"),
    ("case_number", "crescent-aid:"),
    ("case_number", "crescent-aid:  "),
    ("case_number", "Crescent Aid:4711"),
    ("case_number", "crescent-aid:47\ud80011"),
    ("case_number", f"crescent-aid:{'9' * 250}"),
]


@pytest.mark.parametrize(("scheme", "raw"), UNREADABLE)
def test_an_unreadable_identifier_is_refused_by_its_form_not_its_value(blinder: Blinder, scheme: str, raw: str) -> None:
    refusals = []
    for unreadable in (raw, "?"):
        with pytest.raises(ValueError, match=f"^not readable as {scheme}: expected ") as caught:
            blinder.blind(scheme, unreadable)
        refusals.append(str(caught.value))
        assert caught.value.__cause__ is None
    assert refusals[0] == refusals[1]


def test_an_unknown_scheme_is_refused(blinder: Blinder) -> None:
    with pytest.raises(ValueError, match="shoe_size"):
        blinder.blind("shoe_size", "44")


@given(st.text(), st.sampled_from(list(Scheme)))
def test_any_text_is_normalised_once_and_for_all_or_refused(blinder: Blinder, raw: str, scheme: Scheme) -> None:
    try:
        normal = blinder.normalise(scheme, raw)
    except ValueError as refusal:
        assert str(refusal).startswith(f"not readable as {scheme}: expected ")  # noqa: PT017 — both ends are right, and each has its promise
    else:
        assert blinder.normalise(scheme, normal) == normal


def test_equal_digits_of_two_schemes_or_sources_are_not_one_person(blinder: Blinder) -> None:
    assert blinder.blind("national_number", "198012345678") != blinder.blind("insurance_number", "198012345678")
    assert blinder.blind("case_number", "crescent-aid:4711") != blinder.blind("case_number", "hope-network:4711")
    assert blinder.blind("case_number", "crescent-aid:1-23") != blinder.blind("case_number", "crescent-aid:12-3")
    assert blinder.blind("ration_card", "2043817/1") != blinder.blind("ration_card", "2043817/2")


def test_blind_identifiers_and_sealed_keys_outlive_a_rotation(tmp_path: Path) -> None:
    ring = KeyRing.create(tmp_path / "ring.json")
    before = Blinder(ring)
    made = before.household("civil-registry", "77"), before.position("crescent-aid", "77")
    blind = before.blind("national_number", "198012345678")
    sealed = before.seal_key("civil-registry", "198012345678")
    ring.rotate()
    after = Blinder(KeyRing.load(tmp_path / "ring.json"))
    assert made == (after.household("civil-registry", "77"), after.position("crescent-aid", "77"))
    assert after.blind("national_number", "198012345678") == blind
    assert after.seal_key("civil-registry", "198012345678") == sealed
    assert after.open_key("civil-registry", sealed) == "198012345678"


def test_another_ring_makes_other_blind_identifiers(blinder: Blinder, tmp_path: Path) -> None:
    other = Blinder(KeyRing.create(tmp_path / "ring.json"))
    assert other.blind("national_number", "198012345678") != blinder.blind("national_number", "198012345678")
    with pytest.raises(ValueError, match="not sealed"):
        other.open_key("civil-registry", blinder.seal_key("civil-registry", "198012345678"))


@given(st.text(), st.text())
def test_households_and_positions_differ_by_source_and_key(blinder: Blinder, key: str, other: str) -> None:
    assert (blinder.household("civil-registry", key) == blinder.household("civil-registry", other)) == (key == other)
    assert blinder.household("civil-registry", key) != blinder.household("labour-ministry", key)
    assert re.fullmatch("[0-9a-f]{32}", blinder.position("crescent-aid", key))
    assert blinder.position("crescent-aid", key) != blinder.position("hope-network", key)


@given(st.text(st.characters(codec="utf-8"), max_size=LONGEST_KEY // 4))
def test_a_sealed_key_opens_to_itself_for_its_source_only(blinder: Blinder, key: str) -> None:
    sealed = blinder.seal_key("civil-registry", key)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", sealed)
    assert blinder.seal_key("civil-registry", key) == sealed
    assert blinder.open_key("civil-registry", sealed) == key
    with pytest.raises(ValueError, match="not sealed"):
        blinder.open_key("labour-ministry", sealed)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=LONGEST_KEY // 4), max_size=8))
def test_keys_opened_together_are_those_opened_alone(blinder: Blinder, keys: list[str]) -> None:
    """Keys of more than 64 bytes, and those sealed before short seals were, stand among the others."""
    sealed = [blinder.seal_key("civil-registry", key) for key in keys]
    earlier = [Seal(blinder._ring, "local key", "civil-registry").close(key.encode(), blinder._ring.root) for key in keys]
    assert blinder.open_keys("civil-registry", sealed + earlier) == keys + keys
    assert len(set(sealed)) == len(set(keys))


@given(st.binary(max_size=LONGEST_SHORT), st.integers(min_value=0), st.integers(1, 255))
def test_a_short_seal_that_was_changed_anywhere_does_not_open(ring: KeyRing, payload: bytes, place: int, change: int) -> None:
    seal = ShortSeal(ring, "test", "here")
    text = seal.close(payload, ring.current)
    assert seal.open([text]) == [payload]
    raw = bytearray.fromhex(text[1:])
    raw[place % len(raw)] ^= change
    assert seal.open([text[0] + raw.hex(), text[:-2], text + "00", f"{text[:3]} {text[4:]}", "z" + text[1:]]) == [None] * 5


def test_a_sealed_key_fits_its_column_or_is_refused(blinder: Blinder) -> None:
    assert len(blinder.seal_key("civil-registry", "x" * LONGEST_KEY)) <= LONGEST_SEALED
    with pytest.raises(ValueError, match=f"at most {LONGEST_KEY} bytes"):
        blinder.seal_key("civil-registry", "x" * (LONGEST_KEY + 1))


@pytest.mark.parametrize("sealed", ["", "A", "AAAA", "A" * 64, "é" * 60, "\ud800", "Ag" + "A" * 80])
def test_what_was_never_sealed_is_not_opened(blinder: Blinder, sealed: str) -> None:
    with pytest.raises(ValueError, match="not sealed"):
        blinder.open_key("civil-registry", sealed)
