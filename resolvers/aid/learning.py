"""A learned ranking aid that can be read: for each answer a step function, whose values add up to the whole suggestion.

It is fitted by gradient boosting (scikit-learn's HistGradientBoosting) whose every tree sees one feature only, so that what was
learned is exactly a sum of one step function a feature; those are kept, as numbers, and nothing else. A step never falls where the
feature's sense says that more of it is more need, and none rests on fewer than ten cases.
Source: Lou, Caruana and Gehrke, "Intelligible models for classification and regression", 2012; docs/decisions/0040-suggestions.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from typing import Any, Final

from errors import ConfigError, TooFew

LEAST_CASES: Final = 200
LEAST_OF_EACH: Final = 40
"""Cases that were given to, and as many that were not: with fewer nothing is learned."""
LEAST_STEP: Final = 10
"""Cases that a step rests on, at least: nobody's own case can be read in it."""
LEAST_GROUP: Final = 20
LEAST_SKILL: Final = 0.01
FOLDS: Final = 5
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Feature:
    """What is learned from: its sense is 1 where more of it may only raise the suggestion, -1 where it may only lower it."""

    code: str
    sense: int


@dataclass(frozen=True, slots=True)
class Steps:
    """What a feature adds to the log-odds: `weights[n]` from `begins[n - 1]` on, `weights[0]` below all of them."""

    code: str
    begins: tuple[float, ...]
    weights: tuple[float, ...]

    def at(self, value: float) -> float:
        """What a value adds."""
        return self.weights[bisect_right(self.begins, value)]


@dataclass(frozen=True, slots=True)
class Model:
    """A sum of steps, reckoned from the middle case, whose every part is nothing."""

    base: float
    steps: tuple[Steps, ...]
    middle: Mapping[str, float]

    def parts(self, case: Mapping[str, float]) -> list[tuple[str, float]]:
        """What each feature of a case adds; with `base` they add up to its log-odds."""
        return [(each.code, each.at(case[each.code])) for each in self.steps]

    def chance(self, case: Mapping[str, float]) -> float:
        """The share of cases like it that were given to, as learned; 0 to 1."""
        return 1 / (1 + exp(-self.base - sum(part for _, part in self.parts(case))))

    def body(self) -> dict[str, Any]:
        """As JSON keeps it."""
        steps = [{"code": each.code, "begins": list(each.begins), "weights": list(each.weights)} for each in self.steps]
        return {"base": self.base, "middle": dict(self.middle), "steps": steps}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Model:
        """From JSON."""
        steps = tuple(Steps(each["code"], tuple(each["begins"]), tuple(each["weights"])) for each in body["steps"])
        return cls(body["base"], steps, body["middle"])


@dataclass(frozen=True, slots=True)
class Cases:
    """What is learned from: the features of each case, whether it was given to, and the groups whose errors are told apart."""

    features: Sequence[Feature]
    rows: Sequence[Sequence[float]]
    given: Sequence[bool]
    groups: Sequence[Sequence[str]]
    people: Sequence[int]


def learned(cases: Cases, progress: Callable[[], None]) -> tuple[Model, dict[str, Any]]:
    """A model, and how far it errs on cases that it did not see.

    Raises:
        TooFew: too few cases, or none of what was decided follows from what is known of them.
        ConfigError: scikit-learn is not installed.
    """
    yes = sum(cases.given)
    if len(cases.given) < LEAST_CASES or min(yes, len(cases.given) - yes) < LEAST_OF_EACH:
        found = f"there are {len(cases.given)} cases whose outcome is known, {yes} of them given to"
        raise TooFew(found, f"it takes {LEAST_CASES}, and {LEAST_OF_EACH} of either outcome; the queue needs none of this")
    seen = _out_of_fold(cases, progress)
    errors = _errors(cases, seen)
    if errors["skill"] < LEAST_SKILL:
        raise TooFew("nothing can be learned from these cases that holds for others", "keep to the queue's own order")
    model = fitted(cases, range(len(cases.given)))
    progress()
    return model, errors


def one_thread() -> AbstractContextManager[Any]:
    """With so few cases, several threads wait for each other many times longer than they work."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limited: AbstractContextManager[Any] = threadpool_limits(1)
    return limited


def _out_of_fold(cases: Cases, progress: Callable[[], None]) -> list[float]:
    """The chance of each case by a model that saw neither it nor another case of the same person."""
    order = {person: place % FOLDS for place, person in enumerate(sorted(set(cases.people)))}
    folds = [order[person] for person in cases.people]
    codes = [each.code for each in cases.features]
    seen = [0.0] * len(folds)
    for fold in range(FOLDS):
        model = fitted(cases, [place for place, each in enumerate(folds) if each != fold])
        for place, each in enumerate(folds):
            if each == fold:
                seen[place] = model.chance(dict(zip(codes, cases.rows[place], strict=True)))
        progress()
    return seen


def boosted(cases: Cases, which: Sequence[int]) -> tuple[Any, Any]:
    """A booster fitted to some of the cases, and their rows.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    try:
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise ConfigError("scikit-learn is not installed", "pip install 'mizalla[suggestions]'") from None
    rows = np.array([cases.rows[each] for each in which], dtype=np.float64)
    booster = HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=1.0,
        max_bins=64,
        monotonic_cst=[each.sense for each in cases.features],
        interaction_cst="no_interactions",
        early_stopping=False,
        random_state=SEED,
    )
    return booster.fit(rows, np.array([cases.given[each] for each in which])), rows


def fitted(cases: Cases, which: Sequence[int]) -> Model:
    """The steps of a booster: each feature's alone, from the middle case, which is nobody's but made of every feature's median.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    with one_thread():
        return _steps_of(cases, *boosted(cases, which))


def _steps_of(cases: Cases, booster: Any, rows: Any) -> Model:
    import numpy as np

    middle = np.quantile(rows, 0.5, axis=0, method="lower")
    base = float(booster.decision_function(middle[None, :])[0])
    steps = []
    for place, feature in enumerate(cases.features):
        values, many = np.unique(rows[:, place], return_counts=True)
        grid = np.repeat(middle[None, :], len(values), axis=0)
        grid[:, place] = values
        weights = booster.decision_function(grid) - base
        made = _steps(feature.code, values.tolist(), weights.tolist(), many.tolist())
        shift = made.at(float(middle[place]))
        base += shift
        steps.append(Steps(made.code, made.begins, tuple(round(each - shift, 6) for each in made.weights)))
    names = {each.code: float(value) for each, value in zip(cases.features, middle, strict=True)}
    return Model(round(base, 6), tuple(steps), names)


def _steps(code: str, values: Sequence[float], weights: Sequence[float], many: Sequence[int]) -> Steps:
    """Steps of neighbouring values: those that add as much are one, and those of few cases are put to the one before."""
    found: list[tuple[float, float, float, int]] = []  # first value, last value, weight, cases
    for value, weight, count in zip(values, weights, many, strict=True):
        alike = bool(found) and abs(found[-1][2] - weight) < 1e-9
        if found and (alike or found[-1][3] < LEAST_STEP):
            found[-1] = _together(found[-1], (value, value, weight, count))
        else:
            found.append((value, value, weight, count))
    if len(found) > 1 and found[-1][3] < LEAST_STEP:
        last = found.pop()
        found[-1] = _together(found[-1], last)
    begins = tuple(round((before[1] + after[0]) / 2, 6) for before, after in pairwise(found))
    return Steps(code, begins, tuple(each[2] for each in found))


def _together(one: tuple[float, float, float, int], other: tuple[float, float, float, int]) -> tuple[float, float, float, int]:
    many = one[3] + other[3]
    return one[0], other[1], (one[2] * one[3] + other[2] * other[3]) / many, many


def _errors(cases: Cases, seen: Sequence[float]) -> dict[str, Any]:
    """How far the chances are from what happened: over all, and for each group of enough cases."""
    rate = sum(cases.given) / len(seen)
    plain = rate * (1 - rate)
    brier = sum((chance - was) ** 2 for chance, was in zip(seen, cases.given, strict=True)) / len(seen)
    members: dict[str, list[int]] = {}
    for place, names in enumerate(cases.groups):
        for name in names:
            members.setdefault(name, []).append(place)
    groups = []
    for name, places in sorted(members.items()):
        if len(places) < LEAST_GROUP:
            continue
        given, suggested = (sum(of[each] for each in places) / len(places) for of in (cases.given, seen))
        error = sum((seen[each] - cases.given[each]) ** 2 for each in places) / len(places)
        told = {"given": given, "suggested": suggested, "brier": error}
        groups.append({"group": name, "cases": len(places), **{key: round(value, 4) for key, value in told.items()}})
    surprise = -sum(log(max(chance if was else 1 - chance, 1e-9)) for chance, was in zip(seen, cases.given, strict=True)) / len(seen)
    told = {"given": rate, "brier": brier, "skill": 1 - brier / plain, "log_loss": surprise}
    return {**{key: round(value, 4) for key, value in told.items()}, "groups": groups}
