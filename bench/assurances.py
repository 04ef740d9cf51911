"""How well a helper could tell who asks for help by what is assured, and what attestations cost.

    python -m bench.assurances [--people 4000]

The attacker knows everything about everybody in the country, place, need score and household size included, and how descriptions are
coarsened; it guesses among all who would be told alike. Each case of three organisations asks once; a floor of one coarsens nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from privacy.attesting import Attester, by_kid
from privacy.keys import KeyRing
from privacy.selective import verified
from privacy.status import check
from resolvers.hub import Hub
from resolvers.identity import crowd
from resolvers.identity.crowd import BANDS, CLASSES, PAGE, Told, banded, told_in
from schema import CATALOGUE, PUBLIC_NAMES
from tables.identity import own_case, person
from tests.country import running_country
from tests.holding import new_key

ORGANISATIONS = ("hope-network", "crescent-aid", "labour-ministry")
PLACES = ("none", "governorate", "district")


async def everybody(hub: Hub) -> dict[int, dict[str, Any]]:
    """What the sources say of each person."""
    numbers = [row[0] for row in await hub.database.fetch(hub.database.prepare(sa.select(person.c.number)), rows=10**6)]
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(numbers), PAGE):
        found |= await crowd.values_of(hub, numbers[start : start + PAGE])
    return found


@contextmanager
def floor(people: int) -> Iterator[None]:
    """Another floor for the block."""
    before, crowd.FLOOR = crowd.FLOOR, people
    yield
    crowd.FLOOR = before


def place_of(values: dict[str, Any], coarseness: str) -> tuple[str, str]:
    """What a person tells of its place."""
    governorate = values.get("governorate") or ""
    return ("", "") if coarseness == "none" else (governorate, (values.get("district") or "") if coarseness == "district" else "")


async def linkage(hub: Hub) -> None:
    """Print how often the best guess is right."""
    values = await everybody(hub)
    kinds: dict[int, Told] = {
        number: (banded(each.get("need_score"), CLASSES), banded(each.get("household_size"), BANDS)) for number, each in values.items()
    }
    cases = {}
    for organisation in ORGANISATIONS:
        mine = sa.select(own_case.c.person).where(own_case.c.organisation == organisation)
        cases[organisation] = [row[0] for row in await hub.database.fetch(hub.database.prepare(mine), rows=10**6)]
    print(f"{len(values)} people; a guess without anything is right once in as many")
    for coarseness in PLACES:
        for people in (1, crowd.FLOOR):
            with floor(people):
                places: dict[tuple[str, str], Counter[Told]] = {}
                for number, each in values.items():
                    places.setdefault(place_of(each, coarseness), Counter())[kinds[number]] += 1
                told = {place: told_in(counted) for place, counted in places.items()}
            said = {number: (place := place_of(each, coarseness), told[place][kinds[number]]) for number, each in values.items()}
            sizes = Counter(said.values())
            for organisation, numbers in cases.items():
                right = [1 / sizes[said[number]] for number in numbers]
                sums = f"right {sum(right) / len(right):6.1%} at worst {max(right):6.1%}"
                print(f"place {coarseness:<11} floor {people:>2} {organisation:<16} {sums}")


def speed(name: str, work: Callable[[], object]) -> None:
    """Print what one takes, the best of five rounds of 200."""
    best = min(_round(work) for _ in range(5))
    print(f"{name:<46} {best * 1e6:7.0f} µs {1 / best:9,.0f} a second")


def _round(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(200):
        work()
    return (time.perf_counter() - began) / 200


def attestations(folder: Path) -> None:
    """Print what issuing, showing and checking cost."""
    attester, now = Attester(KeyRing.create(folder / "ring.json"), "https://hub.example"), int(time.time())
    said, keys = {"age_over_18": True, "age_over_60": False}, by_kid(attester.key_set())
    for kind in ("Ed25519", "P-256"):
        holder = new_key(kind)
        issued = attester.issue("age", said, 5, holder.public, (0, 17), now + 86_400)
        shown = holder.show(issued, ["age_over_18"], "n", "https://shop.example", now)
        speed(f"verify a presentation, holder's key {kind}", lambda: verified(shown, keys, now, nonce="n", audience="https://shop.example"))  # noqa: B023 — run within the round
    speed("issue", lambda: attester.issue("age", said, 5, holder.public, (0, 17), now + 86_400))
    revoked = Random(7).sample(range(65_536), 1311)
    listed, claims = attester.status_list(0, revoked, now), verified(issued, keys, now, nonce=None, audience=None).claims
    speed("sign a status list with 2 % revoked", lambda: attester.status_list(0, revoked, now))
    speed("sign one that changed", lambda: attester.status_list(0, Random().sample(range(65_536), 1311), now))
    speed("look up in a fetched status list", lambda: check(claims, listed, keys, now))
    print(f"an attestation of five claims has {len(issued)} characters, a status list with 2 % revoked {len(listed)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=4000)
    people = parser.parse_args().people
    with tempfile.TemporaryDirectory() as folder:
        attestations(Path(folder))
        with running_country(Path(folder) / "country", people) as country:

            async def work() -> None:
                async with Hub(country.settings, CATALOGUE, PUBLIC_NAMES) as hub:
                    await linkage(hub)

            asyncio.run(work())


if __name__ == "__main__":
    main()
