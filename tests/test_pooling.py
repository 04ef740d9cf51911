"""Requesters who pool all they ever received link people by likeness alone: by nothing that the hub made up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import combinations

import pytest

from bench.linkage import (
    REQUESTERS,
    SETS,
    SOURCE,
    Haul,
    both_ids,
    chance,
    correlation,
    equal_texts,
    guessed_by_order,
    haul,
    linked_by,
    linked_by_gifts,
    members_in_place,
    own_books,
    shared,
)
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from tests.asking import Asking, asking, copied
from tests.country import Country
from values import Category

BY_CHANCE = 9
"""Of any number of pairs in a random order more than nine are in place once in ten million times."""


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("pooling") / "copy")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def hauls(hub: Asking) -> list[Haul]:
    return [await haul(hub, who) for who in REQUESTERS]


async def test_the_attacker_finds_what_there_is_to_find(hauls: list[Haul]) -> None:
    """The attack itself works: given a leak it sees it."""
    one = hauls[0]
    assert len(one.people) > 20
    assert len(equal_texts(one, one)) > 20
    assert guessed_by_order(both_ids(one, one)) == len(both_ids(one, one)) > BY_CHANCE
    hits, expected, deviation = members_in_place(one, one)
    assert hits > expected + 5 * deviation
    found = linked_by(one, one, SETS["sex, birth year"][1])
    assert found.right == found.claimed > 0


async def test_no_text_is_the_same_for_two_of_three_requesters(hauls: list[Haul]) -> None:
    for one, other in combinations(hauls, 2):
        assert len(both_ids(one, other)) > 1
        assert equal_texts(one, other) == frozenset()
    assert not frozenset.intersection(*(each.texts for each in hauls)) - frozenset.intersection(*(each.texts for each in hauls[:2]))


async def test_laying_identifiers_side_by_side_matches_no_more_than_chance(hauls: list[Haul]) -> None:
    for one, other in combinations(hauls, 2):
        assert guessed_by_order(both_ids(one, other)) <= BY_CHANCE
        assert guessed_by_order([(a["cursor"], b["cursor"]) for a, b in shared(one, other)]) <= BY_CHANCE


@pytest.mark.parametrize("kind", ["person", "household", "allocation"])
def test_identifiers_of_many_people_have_no_order_in_common(kind: str, country: Country) -> None:
    pseudonyms = Pseudonyms(KeyRing.load(country.settings.hub.keys))
    one, other = (pseudonyms.maker(name, kind) for name in ("crescent-aid", "hope-network"))
    pairs = [(one(number), other(number)) for number in range(3000)]
    assert guessed_by_order(pairs) <= BY_CHANCE
    assert abs(correlation([(int(a, 16), int(b, 16)) for a, b in pairs])) < 0.11, "six deviations"
    assert abs(correlation([(int(a, 16), number) for number, (a, _) in enumerate(pairs)])) < 0.11, "nor does it follow the inner number"


async def test_the_order_of_members_matches_no_more_than_chance(hauls: list[Haul]) -> None:
    for one, other in combinations(hauls, 2):
        hits, expected, deviation = members_in_place(one, other)
        assert hits <= expected + 6 * deviation + 3


async def test_the_order_of_a_case_load_is_that_of_the_organisations_own_numbers(hub: Asking) -> None:
    """Whatever two case loads have in common in their order the organisations brought along."""
    for who in REQUESTERS:
        page = await hub.data("{ caseload(first: 400) { nodes { caseNumber } } }", who)
        numbers = [each["caseNumber"] for each in page["caseload"]["nodes"]]
        assert None not in numbers
        assert numbers == sorted(numbers)


async def test_what_consents_open_is_the_own_or_was_consented_to(hub: Asking, hauls: list[Haul]) -> None:
    """What docs/privacy.md states in figures: rare attributes do link. The hub adds nothing consented without a consent."""
    added = 0
    categories = {"Person.name": Category.NAME, "Person.phone": Category.CONTACT, "Person.birthDate": Category.BIRTH}
    for side in hauls:
        enquiry = await hub.hub.enquiry(hub.keys[side.who], None)
        people = await hub.hub.standing.of(enquiry, [side.truth[each["id"]] for each in side.people])
        for each in side.people:
            for line in each["provenance"]:
                if line["attribute"] in categories and line["source"] != SOURCE[side.who]:
                    added += 1
                    assert people.masks.get(side.truth[each["id"]], 0) & categories[line["attribute"]].bit
    assert added > 5
    for one, other in combinations(hauls, 2):
        mine, theirs = [await own_books(hub, each) for each in (one, other)]
        assert linked_by_gifts(mine, theirs).claimed == 0, "no organisation's own book of gifts has a row of another's"
        assert chance(one, other) < 1
