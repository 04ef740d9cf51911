"""What the hub's queue changes for people: the same budgets decided in four ways over an invented society of a million.

    python -m bench.fairness [--people 1000000] [--seeds 5] [--write]

The ways stand in bench/deciding.py, what is assumed in bench/society.py, how the queue is played in bench/attacks.py, and a real
hub deciding for a small society in bench/fairness_hub.py. `--write` keeps the figures in docs/fairness.json and puts its tables
into docs/fairness.md. Everything follows from the seeds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from bench.attacks import ATTACKS, gains, owners
from bench.deciding import WAYS, Gifts, Hub, decided
from bench.society import GOVERNORATES, MONTH, Floats, Knobs, Society, Truth, pooled, society

DOCS: Final = Path(__file__).parent.parent / "docs"
MEASURES: Final = {
    "closed": "share of the need gap closed",
    "severity": "fall of the severity of need",
    "worst": "gap closed of the worst-off tenth",
    "reached": "people in need who received anything",
    "worst_reached": "people of the worst-off tenth who received anything",
    "outside": "value to households not in need",
    "overlap": "value to whom another gave within 30 days before",
    "excess": "value beyond the gap",
    "gini": "Gini of unmet need",
}
SHORT: Final = ("closed", "severity", "worst", "reached")
"""The measures that are told of everything that is varied."""
STUDENT: Final = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t for an interval of 95 %, by degrees of freedom."""
NAMES: Final = {"arrival": "first come", "score": "own score", "alone": "queue, alone", "hub": "queue, hub"}
VARIED: Final[dict[str, tuple[Any, ...]]] = {
    "overlap": (0.0, 0.8, 2.0, 4.0),
    "budget": (0.1, 0.2, 0.35, 0.7, 1.0),
    "noise": (0.0, 0.3, 0.6, 0.9),
    "alike": (0.0, 0.5, 1.0),
    "level": (0.3, 0.6),
    "listed": (0.7, 0.85, 1.0),
    "least": (0, 20, 30, 40),
    "lasts": (1.0, 0.75, 0.5, 0.0),
    "covers": (1.0, 2.0, 4.0, None),
    "rest": (0, 2, 5),
    "share": (0.1, 0.25, 0.5, 0.75, 1.0),
    "delay": (0, 7, 30, 90),
    "half_life": (15.0, 30.0, 90.0, 180.0, 365.0),
    "emphasis": (0.0, 0.5, 1.0, 2.0, 3.0, 5.0),
}
"""What is varied, one at a time; the last four are of the queue and leave the first two ways as they are."""
TITLES: Final = {
    "overlap": "further lists a household is on",
    "budget": "budget, as a share of the gap",
    "noise": "error of assessments",
    "alike": "share of that error that all assessors have in common",
    "level": "mean logarithm of consumption",
    "listed": "of households in need, those on somebody's list",
    "least": "points that programmes ask for",
    "lasts": "of what is left over in a month, still there in the next",
    "covers": "months of the assessed gap that a gift is at most",
    "rest": "months for which an organisation gives a household nothing again",
    "share": "organisations that take part",
    "delay": "days until news arrive",
    "half_life": "half-life, days",
    "emphasis": "emphasis",
}


def closed(made: Society, gifts: Gifts) -> tuple[Floats, Floats]:
    """Dinars received, and those of them that closed a gap: month by month, the rest carried on to later months, never back.

    What is left at the end closes gaps of a further year in which nothing is given, so that late gifts count as early ones do; never
    more than the gap of the months in which something was given.
    """
    months, many = made.knobs.months, len(made.households.size)
    month = np.zeros((2 * months, many))
    np.add.at(month, (gifts.day // MONTH, made.home[gifts.place]), made.amount[gifts.place])
    need, kept, used = made.households.need, np.zeros(many), np.zeros(many)
    for each in month:
        kept += each
        met = np.minimum(kept, need)
        used += met
        kept = (kept - met) * made.knobs.lasts
    return month.sum(axis=0), np.minimum(used, need * months)


def gini(values: Floats, weights: Floats) -> float:
    """How unequally something is spread: 0 where everybody has as much, 1 where one has all."""
    order = np.argsort(values)
    has, many = (values * weights)[order], weights[order]
    return float(1 - 2 * ((np.cumsum(has) - has / 2) * many).sum() / (has.sum() * many.sum()))


def overlapping(made: Society, gifts: Gifts) -> float:
    """The value given to households to which another organisation had given within thirty days before."""
    home, owner = made.home[gifts.place], owners(made)[gifts.place]
    order = np.lexsort((np.arange(len(home)), home))
    home, owner, day = home[order], owner[order], gifts.day[order]
    again = (home[1:] == home[:-1]) & (day[1:] - day[:-1] < MONTH) & (owner[1:] != owner[:-1])
    return float(made.amount[gifts.place][order][1:][again].sum())


def measured(made: Society, gifts: Gifts) -> dict[str, float]:
    """Every measure of a year's gifts."""
    homes = made.households
    received, used = closed(made, gifts)
    people, poor, need = homes.size.astype(np.float64), homes.gap > 0, homes.need * made.knobs.months
    given = max(received.sum(), 1.0)
    worst = np.argsort(-homes.gap, kind="stable")
    worst = worst[: int(np.searchsorted(np.cumsum(homes.size[worst]), made.knobs.people // 10))]
    unmet = ((need - used) / homes.equivalent)[poor]
    lacked = (need / homes.equivalent)[poor]
    return {
        "closed": float(used.sum() / need.sum()),
        # Foster, Greer and Thorbecke's measure of severity: squared, so that a dinar counts most where most is missing.
        "severity": float(1 - (people[poor] * unmet**2).sum() / (people[poor] * lacked**2).sum()),
        "reached": float(people[poor & (received > 0)].sum() / people[poor].sum()),
        "outside": float(received[~poor].sum() / given),
        "overlap": overlapping(made, gifts) / given,
        "excess": float((received - used).sum() / given),
        "gini": gini(unmet, people[poor]),
        "worst": float(used[worst].sum() / need[worst].sum()),
        "worst_reached": float(people[worst][received[worst] > 0].sum() / people[worst].sum()),
        "spent": float(given / need.sum()),
    }


def groups(made: Society) -> Iterator[tuple[str, Truth]]:
    """The groups whose outcome is told apart."""
    homes = made.households
    yield "headed by a woman", homes.female
    yield "headed by a man", ~homes.female
    yield "with a person with a disability", homes.disabled
    yield "without one", ~homes.disabled
    yield "displaced", homes.displaced
    yield "not displaced", ~homes.displaced
    yield "on one list", np.bincount(made.home, minlength=len(homes.size)) == 1
    yield "on several lists", np.bincount(made.home, minlength=len(homes.size)) > 1
    for place, name in enumerate(GOVERNORATES[: made.knobs.governorates]):
        yield f"IQ-{name}", homes.governorate == place


def by_group(made: Society, gifts: Gifts) -> dict[str, float]:
    """The share of its gap that is closed of each group."""
    _, used = closed(made, gifts)
    need = made.households.need * made.knobs.months
    return {name: float(used[which].sum() / need[which].sum()) if need[which].any() else 0.0 for name, which in groups(made)}


def spread(found: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """Mean, least and most over the seeds."""
    return {
        name: [round(float(each), 4) for each in (float(np.mean(values)), min(values), max(values))]
        for name in found[0]
        for values in [[each[name] for each in found]]
    }


POSSIBLE: Final[dict[str, tuple[bool, dict[str, Any]]]] = {
    "as in the base case": (False, {}),
    "one purse instead of two hundred": (True, {}),
    "assessments without error": (False, {"noise": 0.0}),
    "both": (True, {"noise": 0.0}),
    "both, and all in need are on a list": (True, {"noise": 0.0, "listed": 1.0}),
    "all three, and programmes ask for no points": (True, {"noise": 0.0, "listed": 1.0, "least": 0}),
}
"""What holds the hub's queue back: whether money is in one purse, and what is otherwise."""


def possible(knobs: Knobs, seeds: int) -> dict[str, dict[str, list[float]]]:
    """What the hub's queue does where something that is no matter of order does not hold it back."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in POSSIBLE}
    for seed in range(1, seeds + 1):
        for name, (purse, otherwise) in POSSIBLE.items():
            made = society(replace(knobs, seed=seed, **otherwise))
            made = pooled(made) if purse else made
            found[name].append(measured(made, decided(made, "hub")))
    return {name: spread(each) for name, each in found.items()}


def interval(values: Sequence[float]) -> list[float]:
    """Mean, and half the width of the interval that holds it with 95 per cent, by Student's t; of one value alone, none."""
    if len(values) < 2:
        return [round(float(values[0]), 4), 0.0]
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return [round(float(np.mean(values)), 4), round(STUDENT[len(values) - 1] * error, 4)]


Found = dict[str, list[dict[str, float]]]
"""By way: the measures in each society, in the order of seeds."""


def compared(knobs: Knobs, seeds: int) -> tuple[Found, dict[str, Any]]:
    """The base case: every measure and group in every way, and the hub's gain over each, society by society."""
    whole: Found = {way: [] for way in WAYS}
    told: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for seed in range(1, seeds + 1):
        made = society(replace(knobs, seed=seed))
        for way in WAYS:
            gifts = decided(made, way)
            whole[way].append(measured(made, gifts))
            told[way].append(by_group(made, gifts))
    gain = {
        way: {name: interval([hub[name] - other[name] for hub, other in zip(whole["hub"], whole[way], strict=True)]) for name in MEASURES}
        for way in WAYS
        if way != "hub"
    }
    ways, by = ({way: spread(each[way]) for way in WAYS} for each in (whole, told))
    return whole, {"ways": ways, "gain": gain, "groups": by}


def varied(knobs: Knobs, base: Found, name: str, values: Sequence[Any]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """What becomes of the base case where one thing is otherwise."""
    ours = name in Knobs.__dataclass_fields__
    usual = getattr(knobs if ours else Hub(), name)
    found: dict[str, Found] = {_said(value): {way: [] for way in WAYS} for value in values}
    for place in range(len(base["hub"])):
        made = society(replace(knobs, seed=place + 1))
        for value in values:
            changed = society(replace(knobs, seed=place + 1, **{name: value})) if ours and value != usual else made
            hub = Hub() if ours else replace(Hub(), **{name: value})
            for way in WAYS:
                same = value == usual or (not ours and way in WAYS[:2])
                found[_said(value)][way].append(base[way][place] if same else measured(changed, decided(changed, way, hub)))
    return {value: {way: spread(each[way]) for way in WAYS} for value, each in found.items()}


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def everything(knobs: Knobs, seeds: int, *, quiet: bool = False) -> dict[str, Any]:
    """All figures."""
    begun = time.perf_counter()

    def said(what: str) -> None:
        if not quiet:
            print(f"{time.perf_counter() - begun:6.0f} s  {what}", flush=True)

    results: dict[str, Any] = {"people": knobs.people, "organisations": knobs.organisations, "seeds": seeds}
    base, told = compared(knobs, seeds)
    results |= told
    said("base case")
    few = min(seeds, 3)
    base = {way: each[:few] for way, each in base.items()}
    results["varied"] = {}
    for name, values in VARIED.items():
        results["varied"][name] = varied(knobs, base, name, values)
        said(name)
    results["possible"] = possible(knobs, few)
    said("what holds it back")
    played = [gains(replace(knobs, seed=seed)) for seed in range(1, few + 1)]
    results["attacks"] = {name: spread([each[name] for each in played]) for name in ATTACKS}
    said("attacks")
    return results


# --- tables ----------------------------------------------------------------------------------------------------------


def tables(results: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/fairness.md, each by its name."""
    ways = [NAMES[way] for way in WAYS]

    def table(first: str, rows: Iterator[list[str]], heads: Sequence[str] = ways) -> str:
        lines = [[first, *heads], ["---"] * (len(heads) + 1), *rows]
        return "\n".join(f"| {' | '.join(each)} |" for each in lines)

    def wide(found: list[float]) -> str:
        return f"{found[0]:.1%} ({found[1]:.1%} – {found[2]:.1%})"

    made = {
        "base": table("", ([title, *(wide(results["ways"][way][name]) for way in WAYS)] for name, title in MEASURES.items())),
        "gain": table(
            "hub less … (percentage points)",
            ([title, *(_gain(results["gain"].get(way, {}).get(name)) for way in WAYS)] for name, title in MEASURES.items()),
        ),
        "groups": table(
            "gap closed of households",
            ([group, *(f"{results['groups'][way][group][0]:.1%}" for way in WAYS)] for group in results["groups"]["hub"]),
        ),
        "attacks": table("", ([name, *(f"× {results['attacks'][name][way][0]:.2f}" for way in WAYS)] for name in results["attacks"])),
    }
    made["possible"] = table(
        "",
        ([name, *(f"{each[which][0]:.1%}" for which in SHORT)] for name, each in results["possible"].items()),
        [MEASURES[each] for each in SHORT],
    )
    for name, values in results["varied"].items():
        rows = ([value, *(_short(found[way]) for way in WAYS)] for value, found in values.items())
        made[name] = table(TITLES[name], rows)
    return made


def _gain(found: list[float] | None) -> str:
    return "" if found is None else f"{100 * found[0]:+.1f} ± {100 * found[1]:.1f}"


def _short(found: dict[str, list[float]]) -> str:
    return " · ".join(f"{100 * found[name][0]:.1f}" for name in SHORT)


def put(page: str, made: dict[str, str]) -> str:
    """A page with every table between its marks."""
    for name, text in made.items():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        page = f"{before}{mark}{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return page


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the figures, and put the tables into the page")
    given = parser.parse_args()
    every = everything(Knobs(people=given.people, organisations=max(given.people // 5_000, 10)), given.seeds)
    for text in tables(every).values():
        print(f"\n{text}")
    if given.write:
        (DOCS / "fairness.json").write_bytes(orjson.dumps(every, option=orjson.OPT_INDENT_2) + b"\n")
        page = DOCS / "fairness.md"
        page.write_text(put(page.read_text(encoding="utf-8"), tables(every)), encoding="utf-8")
