"""What people read in answers is there in all three languages."""

from __future__ import annotations

import unicodedata

import pytest

from resolvers.words import REMEDIES, WARNINGS
from tests.country import Country
from values import Reason


def test_every_language_has_a_remedy_for_every_reason() -> None:
    assert list(REMEDIES) == ["en", "ar", "ckb"]
    assert all(set(words) == set(Reason) and all(words.values()) for words in REMEDIES.values())


def test_every_language_has_every_warning() -> None:
    assert list(WARNINGS) == ["en", "ar", "ckb"]
    assert all(set(words) == {"kept", "public"} and all(words.values()) for words in WARNINGS.values())


@pytest.mark.parametrize("language", ["ar", "ckb"])
def test_the_words_of_a_language_are_written_in_its_script(language: str) -> None:
    letters = {letter for words in (*REMEDIES[language].values(), *WARNINGS[language].values()) for letter in words if letter.isalpha()}
    assert all(unicodedata.name(letter).startswith("ARABIC") for letter in letters)


async def test_a_caseworker_reads_the_remedy_in_the_language_asked_for(country: Country) -> None:
    from resolvers.hub import Hub
    from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
    from schema.door.door import Door, Request

    question = """query ($card: String!) { personByIdentifier(scheme: RATION_CARD, value: $card) { disability
        ar: withheld(language: AR) { remedy } ckb: withheld(language: CKB) { remedy } withheld { remedy } } }"""
    async with Hub(country.settings, CATALOGUE, PUBLIC_NAMES) as hub:
        enquiry = await hub.enquiry(country.keys["crescent-caseworker"], None)
        response = await Door(hub, SCHEMA).answer(Request(question, None, {"card": "2043817/1"}), enquiry)
    person = response.body["data"]["personByIdentifier"]
    assert person["disability"] is None
    for key, language in (("ar", "ar"), ("ckb", "ckb"), ("withheld", "en")):
        assert person[key] == [{"remedy": REMEDIES[language][Reason.NO_CONSENT]}]
