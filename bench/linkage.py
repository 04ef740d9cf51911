"""A linkage attacker: requesters pool everything they ever received and try to find out whom they have in common.

    python -m bench.linkage [--people 20000]

Each requester reads its whole case load with every field there is for it, as it may. The attacker then has all the answers, and
of the hub nothing. It tries what should fail (equal texts, the order of identifiers, the order of lists, counts, the time an
answer takes), held against chance, and what cannot fail while two may see the same value: combinations of attributes that are
rare enough to name one person. Beside these stands what the same two link by their own books alone, without any hub.
The truth is known here from the hub's own keys; the attacker has no part in it. Figures: docs/privacy.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from strawberry.utils.str_converters import to_camel_case

from tests.asking import Asking, asking, copied
from tests.country import Country, running_country
from values import Ask, Shape

PAGE = 200
SOURCE = {"crescent-caseworker": "crescent-aid", "hope-caseworker": "hope-network", "rafidain-caseworker": "rafidain-relief"}
REQUESTERS = ("crescent-caseworker", "hope-caseworker", "rafidain-caseworker")
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{20,}")

EVERYTHING = """query Everything($first: Int!, $after: String) { caseload(first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor }
  edges { cursor node {
    id name givenName fatherName grandfatherName surname motherName sex birthDate birthYear living governorate district maritalStatus
    householdSize preferredLanguage phone disability impairmentType needScore
    household { id size governorate district dwelling members { id } ages: members { id sex birthYear } }
    allocations { id kind programme amount currency quantity unit allocatedOn status source organisation { id } }
    insurance { id status months scheme employer }
    withheld { attribute reason } provenance { attribute source asOf }
  } }
} }"""

ONE = "query($id: ID!) { person(id: $id) { id sex birthYear household { id } allocations { id kind } } }"


@dataclass(frozen=True, slots=True)
class Haul:
    """What one requester received: the people in their order, and every identifier-like text of all its answers."""

    who: str
    people: tuple[dict[str, Any], ...]
    texts: frozenset[str]
    truth: dict[str, int]

    @property
    def ids(self) -> list[str]:
        """The identifiers of its people."""
        return [each["id"] for each in self.people]


async def haul(hub: Asking, who: str) -> Haul:
    """Read everything, page by page."""
    people: list[dict[str, Any]] = []
    texts: set[str] = set()
    after = None
    while True:
        page = (await hub.ask(EVERYTHING, who, {"first": PAGE, "after": after}))["data"]["caseload"]
        texts |= set(IDENTIFIER.findall(json.dumps(page)))
        people += [{**edge["node"], "cursor": edge["cursor"]} for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    receiver = (await hub.hub.enquiry(hub.keys[who], None)).requester.receiver
    ids = {each["id"] for each in people} | {member["id"] for each in people for member in (each["household"] or {}).get("members") or ()}
    truth = {each: hub.hub.pseudonyms.resolve(receiver, each) or 0 for each in ids}
    return Haul(who, tuple(people), frozenset(texts), truth)


# --- what should fail ------------------------------------------------------------------------------------------------


def equal_texts(one: Haul, other: Haul) -> frozenset[str]:
    """Identifier-like texts that both received, but for fixed words of the schema and of sources."""
    shown = set()
    for each in one.people:
        for source in each["provenance"]:
            shown |= {source["attribute"], source["source"], source["asOf"]}
        shown |= {row.get("programme") for row in each["allocations"] or ()}
    return frozenset(text for text in one.texts & other.texts if text not in shown and re.search(r"\d", text))


async def own_books(hub: Asking, side: Haul) -> Haul:
    """The same people with nothing but what the requester's own source recorded: what it has without any hub."""
    own = SOURCE[side.who]
    gate = hub.hub.gates[own]
    offered = tuple(sorted(gate.offers("person")))
    numbers = [side.truth[each["id"]] for each in side.people]
    keys = (await hub.hub.links.keys({own}, numbers))[own]
    shape = Shape(own, "person", offered)
    here = [number for number in numbers if number in keys.key]
    found: dict[int, dict[str, Any]] = {}
    for first in range(0, len(here), PAGE):
        for row in (await gate.fetcher(shape)(Ask(shape, keys.of(here[first : first + PAGE])))).rows:
            found.setdefault(keys.person[row[0]], dict(zip(map(to_camel_case, offered), row[1:], strict=True)))
    people = []
    for each in side.people:
        written = found.get(side.truth[each["id"]], {})
        year = written.get("birthYear") or (written.get("birthDate") or "")[:4] or None
        gifts = [row for row in each["allocations"] or () if row["source"] == own]
        people.append({**dict.fromkeys(each), **written, "birthYear": year, "id": each["id"], "household": None, "allocations": gifts})
    return Haul(side.who, tuple(people), side.texts, side.truth)


def shared(one: Haul, other: Haul) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The people both have, as each sees them; the truth, which only the judge of the attack knows."""
    theirs = {other.truth[each["id"]]: each for each in other.people}
    return [(each, theirs[one.truth[each["id"]]]) for each in one.people if one.truth[each["id"]] in theirs]


def guessed_by_order(pairs: Sequence[tuple[Any, Any]]) -> int:
    """How many pairs are matched when both sides are sorted and laid side by side; by chance one.

    The attacker does not even know who is shared: it is helped here, so that a small leak shows.
    """
    mine = sorted(range(len(pairs)), key=lambda place: pairs[place][0])
    theirs = sorted(range(len(pairs)), key=lambda place: pairs[place][1])
    return sum(a == b for a, b in zip(mine, theirs, strict=True))


def both_ids(one: Haul, other: Haul) -> list[tuple[str, str]]:
    """The identifiers of everybody whom both were shown, members of households too."""
    theirs = {number: id_ for id_, number in other.truth.items()}
    return [(id_, theirs[number]) for id_, number in one.truth.items() if number in theirs]


def correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """Spearman's, with ties broken by place."""
    if len(pairs) < 3:
        return 0.0
    ranks = []
    for side in (0, 1):
        order = sorted(range(len(pairs)), key=lambda place: pairs[place][side])
        found = [0] * len(pairs)
        for rank, place in enumerate(order):
            found[place] = rank
        ranks.append(found)
    middle = (len(pairs) - 1) / 2
    spread = sum((rank - middle) ** 2 for rank in range(len(pairs)))
    return float(sum((a - middle) * (b - middle) for a, b in zip(*ranks, strict=True)) / spread)


def members_in_place(one: Haul, other: Haul) -> tuple[int, float, float]:
    """Members at the same place in both lists of one household, how many are by chance, and its standard deviation.

    The household itself is given to the attacker; only the order is attacked.
    """
    homes = {
        _home(other, each): each["household"]["members"] for each in other.people if each["household"] and each["household"]["members"]
    }
    seen: set[Any] = set()
    hits, expected, variance = 0, 0.0, 0.0
    for each in one.people:
        mine = (each["household"] or {}).get("members")
        home = _home(one, each) if mine else None
        if not mine or home in seen or home not in homes:
            continue
        seen.add(home)
        theirs = homes[home]
        a, b = [one.truth[member["id"]] for member in mine], [other.truth[member["id"]] for member in theirs]
        if set(a) != set(b) or len(a) < 2:
            continue
        hits += sum(x == y for x, y in zip(a, b, strict=True))
        expected += 1.0  # a random order leaves one in its place on average, with variance one
        variance += 1.0
    return hits, expected, math.sqrt(variance)


def _home(haul_: Haul, person: dict[str, Any]) -> frozenset[int]:
    return frozenset(haul_.truth[member["id"]] for member in person["household"]["members"])


# --- what cannot ------------------------------------------------------------------------------------------------------

Attributes = Callable[[dict[str, Any]], Hashable]


def _of(*names: str) -> Attributes:
    def read(person: dict[str, Any]) -> Hashable:
        found = tuple(person[name] for name in names)
        return None if None in found else found

    return read


def _home_of(*names: str) -> Attributes:
    def read(person: dict[str, Any]) -> Hashable:
        home = person["household"]
        ages = sorted((str(each["sex"]), str(each["birthYear"])) for each in (home or {}).get("ages") or ())
        mine = tuple(person[name] for name in names)
        return None if not ages or None in mine else (mine, tuple(ages))

    return read


def _gifts(person: dict[str, Any]) -> frozenset[tuple[Any, ...]] | None:
    rows = {
        (row["allocatedOn"], row["kind"], row["amount"], row["currency"], row["source"])
        for row in person["allocations"] or ()
        if row["allocatedOn"] and row["amount"]
    }
    return frozenset(rows) or None


SETS: dict[str, tuple[str, Attributes]] = {
    "sex, birth year": ("partner", _of("sex", "birthYear")),
    "sex, birth year, governorate": ("partner", _of("sex", "birthYear", "governorate")),
    "the same and household size": ("partner", _of("sex", "birthYear", "governorate", "householdSize")),
    "the same and language, living": ("partner", _of("sex", "birthYear", "governorate", "householdSize", "preferredLanguage", "living")),
    "sex, birth year, and those of all members": ("partner", _home_of("sex", "birthYear", "governorate")),
    "need score": ("partner", _of("needScore")),
    "date of birth, sex": ("consented", _of("birthDate", "sex")),
    "name": ("consented", _of("name")),
    "telephone": ("consented", _of("phone")),
}
"""What the attacker compares, and the level at which the hub gives it."""


@dataclass(frozen=True, slots=True)
class Linked:
    """What one set of attributes links: pairs claimed, how many of them are right, and how many there were to find."""

    claimed: int
    right: int
    shared: int

    @property
    def precision(self) -> float:
        """Of the claimed pairs, how many are right."""
        return self.right / self.claimed if self.claimed else 0.0

    @property
    def found(self) -> float:
        """Of the shared people, how many are found."""
        return self.right / self.shared if self.shared else 0.0


def linked_by(one: Haul, other: Haul, read: Attributes) -> Linked:
    """Claim every pair whose values are equal and name one person on either side."""
    mine, theirs = _unique(one, read), _unique(other, read)
    claims = [(mine[value], theirs[value]) for value in mine.keys() & theirs.keys()]
    return _judged(one, other, claims)


def linked_by_gifts(one: Haul, other: Haul) -> Linked:
    """Claim every pair that has an allocation in common which nobody else on either side has."""
    sides = []
    for side in (one, other):
        counted = Counter(row for each in side.people for row in _gifts(each) or ())
        sides.append({row: each["id"] for each in side.people for row in _gifts(each) or () if counted[row] == 1})
    mine, theirs = sides
    return _judged(one, other, {(mine[row], theirs[row]) for row in mine.keys() & theirs.keys()})


def _unique(side: Haul, read: Attributes) -> dict[Hashable, str]:
    values = [(read(each), each["id"]) for each in side.people]
    counted = Counter(value for value, _ in values)
    return {value: id_ for value, id_ in values if value is not None and counted[value] == 1}


def _judged(one: Haul, other: Haul, claims: Collection[tuple[str, str]]) -> Linked:
    right = sum(one.truth[a] == other.truth[b] for a, b in claims)
    return Linked(len(claims), right, len(shared(one, other)))


def chance(one: Haul, other: Haul) -> float:
    """How many pairs are right where each of one is paired with somebody of the other at random, at most one each."""
    return len(shared(one, other)) * min(len(one.people), len(other.people)) / (len(one.people) * len(other.people))


async def times(hub: Asking, side: Haul, ids: Sequence[str], rounds: int = 3) -> list[float]:
    """The quickest CPU time of the process for each of these people, by question."""
    best = [math.inf] * len(ids)
    for _ in range(rounds):
        for place, each in enumerate(ids):
            begun = time.process_time()
            await hub.ask(ONE, side.who, {"id": each})
            best[place] = min(best[place], time.process_time() - begun)
    return best


# --- the page ---------------------------------------------------------------------------------------------------------


def lines(one: Haul, other: Haul, books: tuple[Haul, Haul]) -> Iterator[str]:
    """The attack on one pair of requesters, a line each."""
    pairs = shared(one, other)
    sizes = f"{one.who} ({len(one.people)}) and {other.who} ({len(other.people)})"
    yield f"\n{sizes}: {len(pairs)} in common, {chance(one, other):.2f} right by chance"
    yield f"  equal texts: {len(equal_texts(one, other))}"
    everybody = both_ids(one, other)
    yield f"  sorted by identifier: {guessed_by_order(everybody)} of {len(everybody)} right, by chance 1"
    yield f"  sorted by cursor: {guessed_by_order([(a['cursor'], b['cursor']) for a, b in pairs])} of {len(pairs)} right, by chance 1"
    places = ({each: place for place, each in enumerate(side.ids)} for side in (one, other))
    mine, theirs = places
    yield f"  order of the case load: correlation {correlation([(mine[a['id']], theirs[b['id']]) for a, b in pairs]):+.2f}"
    hits, expected, deviation = members_in_place(one, other)
    yield f"  order of members: {hits} in place, by chance {expected:.0f} ± {deviation:.0f}"
    yield f"  count of withheld fields: correlation {correlation([(len(a['withheld']), len(b['withheld'])) for a, b in pairs]):+.2f}"
    yield f"  {'attributes compared':<44} {'level':<10} claimed  right  precision  found | by own books alone"
    for name, (level, read) in SETS.items():
        yield _line(name, level, linked_by(one, other, read), linked_by(*books, read))
    yield _line("an allocation: day, kind, amount, source", "partner", linked_by_gifts(one, other), linked_by_gifts(*books))


def _line(name: str, level: str, found: Linked, alone: Linked) -> str:
    figures = f"{found.claimed:7} {found.right:6} {found.precision:10.0%} {found.found:6.0%}"
    return f"  {name:<44} {level:<10} {figures} | {alone.claimed:6} {alone.right:6} {alone.precision:6.0%} {alone.found:6.0%}"


async def attack(country: Country, folder: Path) -> None:
    """Attack a copy of a country."""
    async with asking(country, copied(country, folder)) as hub:
        hauls = [await haul(hub, who) for who in REQUESTERS]
        books = {each.who: await own_books(hub, each) for each in hauls}
        for one, other in combinations(hauls, 2):
            for line in lines(one, other, (books[one.who], books[other.who])):
                print(line)
            pairs = shared(one, other)[:100]
            took = [await times(hub, side, [pair[place]["id"] for pair in pairs]) for place, side in enumerate((one, other))]
            found = correlation(list(zip(*took, strict=True)))
            by_chance = 1 / math.sqrt(max(len(pairs), 1))
            print(f"  CPU time of one question: correlation {found:+.2f} over {len(pairs)}, by chance ± {by_chance:.2f}")


def main() -> None:
    """Print the attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_country(Path(folder) / "sample", arguments.people) as country:
        asyncio.run(attack(country, Path(folder) / "copy"))


if __name__ == "__main__":
    main()
