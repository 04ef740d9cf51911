"""The simulation of the queue follows the queue's own rules, spends what there is and no more, and its page says what it gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from bench.attacks import ATTACKS, gains, received
from bench.deciding import RULES, WAYS, ZERO, Hub, decided, keys_of, worth
from bench.fairness import DOCS, by_group, everything, gini, measured, put, tables
from bench.fairness_hub import agrees
from bench.society import LINE, Knobs, Society, points_of, society
from resolvers.aid.scores import DIFFICULTIES, LN2, Gift, Place, Policy, order_key, points

SMALL = Knobs(people=3_000, organisations=8, governorates=3, months=4, budget=0.8, overlap=1.5)
CASH = Policy.read((1, "hope-network", "cash", 1, orjson.dumps(RULES)))


@pytest.fixture(scope="module")
def made() -> Society:
    return society(SMALL)


@pytest.fixture(scope="module")
def stored() -> Any:
    return orjson.loads((DOCS / "fairness.json").read_bytes())


# --- the product's own rules -----------------------------------------------------------------------------------------


def test_points_counted_for_many_are_those_of_the_score_set() -> None:
    chance = np.random.default_rng(3)
    answers = np.stack([chance.uniform(0, 4, 500).round(2), chance.integers(0, 9, 500), chance.integers(1, 5, 500)], axis=1).astype(float)
    weights = chance.integers(1, 90, (500, 3)).astype(float)
    for counted, said, weighing in zip(points_of(answers, weights), answers, weights, strict=True):
        parts = [{**part, "weight": weight} for part, weight in zip(RULES["parts"], weighing, strict=True)]
        asked = {"gap": said[0], "dependants": said[1], **dict.fromkeys(DIFFICULTIES, 1.0), "VIS": said[2]}
        assert counted == points(replace(CASH, parts=parts), asked, "")


def test_order_keys_counted_for_many_are_those_of_the_queue() -> None:
    chance = np.random.default_rng(4)
    many = 400
    size, arrived = chance.integers(1, 15, many), chance.integers(-90, 180, many)
    scored = chance.integers(0, 100_000, many)
    given = [
        [(int(chance.integers(1, 2_000_000)), int(chance.integers(-50, 360))) for _ in range(chance.integers(0, 9))] for _ in range(many)
    ]
    for half_life in (30.0, 90.0):
        policy = replace(CASH, half_life=half_life)
        mass = np.zeros(many)
        for place, gifts in enumerate(given):
            for amount, day in gifts:
                share = worth(np.array([amount]), np.sqrt(size[place : place + 1]))[0]
                assert share == pytest.approx(policy.gift("cash", amount * 1000, "IQD", int(size[place])), rel=1e-12)
                mass[place] += share * np.exp(LN2 / half_life * day)
        theirs = [
            order_key(
                policy,
                Place(1, place, None, int(size[place]), 0, place, ZERO + int(arrived[place]), int(scored[place]), 0),
                [Gift(place, "cash", amount * 1000, "IQD", ZERO + day, None, "hub") for amount, day in gifts],
            )
            for place, gifts in enumerate(given)
        ]
        ours = keys_of(scored, arrived, mass, half_life)
        assert np.abs(ours - np.array(theirs)).max() <= 50, "a key differs by more than the last digits of a logarithm"
        assert np.argsort(ours, kind="stable").tolist() == np.argsort(theirs, kind="stable").tolist()


def test_the_line_is_the_reference_of_the_rules() -> None:
    assert RULES["reference"] == LINE


async def test_a_real_hub_gives_to_whom_the_simulation_says(tmp_path: Path) -> None:
    """Assessed, queued and booked through the schema, over a real database."""
    small = society(Knobs(people=1_500, organisations=4, governorates=2, months=3, budget=1.5, overlap=2.0))
    assert await agrees(small, tmp_path, f"sqlite:///{tmp_path}/hub.db") > 50
    hub, alone = decided(small, "hub"), decided(small, "alone")
    assert hub.place.tolist() != alone.place.tolist(), "without the hub others are given to"


# --- what holds in every way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_what_is_given_and_what_is_left_are_the_budgets(made: Society, way: str) -> None:
    gifts = decided(made, way)
    owner = np.repeat(np.arange(len(made.money)), np.diff(made.starts))
    spent = np.bincount(owner[gifts.place], made.amount[gifts.place], minlength=len(made.money))
    assert (spent + gifts.left == made.money * SMALL.months).all()
    assert (gifts.left >= 0).all()
    assert (made.arrived[gifts.place] <= gifts.day).all(), "nobody is given to before being known"
    assert (made.points[gifts.place] >= 1000 * SMALL.least).all(), "nobody below the programme's least need"
    assert len(set(zip(gifts.place.tolist(), gifts.day.tolist(), strict=True))) == len(gifts.place), "nobody twice at a time"
    for name, value in measured(made, gifts).items():
        assert 0 <= value <= 1, name
    assert all(0 <= value <= 1 for value in by_group(made, gifts).values())


def test_a_society_has_as_many_people_as_were_asked_for_and_lists_nobody_twice(made: Society) -> None:
    assert made.households.size.sum() == SMALL.people
    assert made.households.size.min() >= 1
    owner = np.repeat(np.arange(len(made.money)), np.diff(made.starts))
    assert len(np.unique(owner * len(made.households.size) + made.home)) == len(made.home)


def test_everything_follows_from_the_seed() -> None:
    small = replace(SMALL, people=2_500)
    first = orjson.dumps(everything(small, 1, quiet=True))
    assert first == orjson.dumps(everything(small, 1, quiet=True))
    other = society(replace(small, seed=2))
    assert other.home.tolist() != society(small).home.tolist()


def test_a_hub_in_which_nobody_takes_part_is_everybody_alone(made: Society) -> None:
    alone = decided(made, "alone")
    assert decided(made, "hub", Hub(share=0.0)).place.tolist() == alone.place.tolist()
    assert decided(made, "hub").place.tolist() != alone.place.tolist()
    late = decided(made, "hub", Hub(delay=30))
    assert measured(made, decided(made, "hub"))["overlap"] < measured(made, late)["overlap"], "news that come late leave overlap"


def test_own_gifts_are_known_at_once_however_late_the_news_of_others(made: Society) -> None:
    never = Hub(delay=10_000)
    assert decided(made, "hub", never).place.tolist() == decided(made, "alone").place.tolist()


def test_unequal_need_is_measured_as_gini_measured_it() -> None:
    assert gini(np.array([1.0, 1.0, 1.0]), np.ones(3)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 1.0]), np.array([3.0, 1.0])) == pytest.approx(0.75)
    assert gini(np.array([1.0, 3.0]), np.ones(2)) == pytest.approx(0.25)


# --- playing the queue -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_nothing_for_whom_it_is_not(made: Society, name: str) -> None:
    nobody = np.zeros(len(made.households.size), bool)
    after, origin = ATTACKS[name](made, nobody, np.random.default_rng(1))
    for way in WAYS:
        assert received(after, origin, way).tolist() == received(made, np.arange(len(nobody)), way).tolist()


def test_coming_to_many_lists_pays_less_with_the_hub() -> None:
    found = gains(replace(SMALL, people=20_000, organisations=30))
    assert found["spread"]["hub"] - 1 < 0.6 * (found["spread"]["alone"] - 1)
    assert set(found) == set(ATTACKS)


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_has_the_tables_of_the_stored_results(stored: Any) -> None:
    page = (DOCS / "fairness.md").read_text(encoding="utf-8")
    made = tables(stored)
    assert put(page, made) == page, "remedy: python -m bench.fairness --write"
    assert all(text in page for text in made.values())


def test_the_page_says_of_the_base_case_what_the_results_say(stored: Any) -> None:
    ways = stored["ways"]
    mean = {way: {name: value[0] for name, value in ways[way].items()} for way in WAYS}
    assert (stored["people"], stored["organisations"], stored["seeds"]) == (1_000_000, 200, 5)
    assert all(mean["hub"]["closed"] > mean[way]["closed"] for way in WAYS if way != "hub")
    assert all(mean["hub"]["reached"] > mean[way]["reached"] for way in WAYS if way != "hub")
    assert all(mean["hub"]["overlap"] < mean[way]["overlap"] for way in WAYS if way != "hub")
    assert mean["hub"]["closed"] > 1.45 * mean["score"]["closed"]
    assert mean["hub"]["reached"] > 3.5 * mean["score"]["reached"]


def test_the_page_says_where_the_queue_does_worse(stored: Any) -> None:
    hub, alone = stored["ways"]["hub"], stored["ways"]["alone"]
    assert hub["worst"][0] < alone["worst"][0]
    assert hub["worst_reached"][0] > alone["worst_reached"][0]
    assert hub["outside"][0] > alone["outside"][0]
    for name, value in (("least", "0"), ("budget", "0.1")):
        found = stored["varied"][name][value]
        assert found["hub"]["closed"][0] < found["alone"]["closed"][0]
        assert found["hub"]["reached"][0] > found["alone"]["reached"][0]
    longer = stored["varied"]["half_life"]
    assert longer["90"]["hub"]["closed"][0] > longer["30"]["hub"]["closed"][0]
