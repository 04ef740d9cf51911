"""What is learned for a queue is the organisation's own, can be read and added up, and moves and decides nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import exp, isclose, log
from pathlib import Path
from typing import Any

import click
import orjson
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cli import main
from errors import ConfigError, Invalid, TooFew, Unknown
from privacy.sealing import Seal
from resolvers.aid.knobs import default
from resolvers.aid.learning import LEAST_CASES, LEAST_STEP, Cases, Feature, Model, boosted, fitted, learned, one_thread
from resolvers.aid.scores import DIFFICULTIES, Place, Policy, order_key, points
from resolvers.aid.suggestions import RECEIVED, case_of, features_of, groups_of
from resolvers.aid.words import SUGGESTED
from samples.learning import FILE, make
from schema import SCHEMA
from tables.aid import allocation, assessment, nomination, suggestion_model
from tables.identity import own_case, person
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_queue import CASH, QUEUE
from values import Purpose, Role

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
TODAY = datetime.now(UTC).date()
ORGANISATIONS = ("crescent-aid", "hope-network")
CASES = 400

SUGGESTIONS = """query ($need: Need! = CASH, $first: Int! = 50, $language: Language! = EN) {
  suggestions(need: $need, first: $first) {
    card { version trainedAt rules cases people since until outcomeDays features leftOut given brier skill
      groups { group cases given suggested brier } }
    nodes { place person { id } priority reasons(language: $language) { code text weight }
      suggestion(language: $language) { place chance base reasons { code text weight } } } } }"""


@asynccontextmanager
async def remembering(country: Country, url: str, folder: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database, where one organisation has a history of four hundred cases, and another a manager."""
    settings = copied(country, folder / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{folder}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        now = int(datetime.now(UTC).timestamp())
        for name in ORGANISATIONS:
            who = f"{name.split('-')[0]}-manager"
            opened.keys[who] = await opened.hub.credentials.issue(who, "staff", name, Role.MANAGER, [Purpose.AID_DISTRIBUTION], now, None)
        await history(opened, "crescent-aid")
        yield opened


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of a test's own."""
    async with remembering(country, url, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
async def taught(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub that has learned, for those who only ask."""
    folder = tmp_path_factory.mktemp("taught")
    async with remembering(country, f"sqlite:///{folder}/other.db", folder) as opened:
        await trained(opened)
        yield opened


@pytest.fixture(scope="module")
async def sample(country: Country) -> AsyncIterator[Asking]:
    """The hub of the sample country, for all who only look."""
    async with asking(country) as opened:
        yield opened


async def history(hub: Asking, organisation: str, cases: int = CASES, *, begin: int = 1, chance: float = 0.95) -> None:
    """Cases assessed half a year ago: it gave to those of greater need, never to those with a disability, else with so much of chance."""
    database, random_ = hub.hub.database, random.Random(begin)
    async with database.transaction() as tx:
        policy = await hub.hub.aid.ranking.begun(tx, organisation, "cash", 1)
        seal, ring = Seal(hub.hub.ring, "assessment", organisation), hub.hub.ring
        rows: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in (person, own_case, assessment, nomination, allocation)}
        for number in range(begin, begin + cases):
            said = {"gap": random_.randrange(9) / 2, "dependants": float(random_.randrange(9)), **dict.fromkeys(DIFFICULTIES, 1.0)}
            said["MOB"] = 3.0 if number % 5 == 0 else 1.0
            on = TODAY - timedelta(days=random_.randrange(100, 180))
            counted, region = points(policy, said, ""), "IQ-NI" if number % 3 else ""
            place = Place(policy.id, number, None, 1, 0, number, on.toordinal(), counted, 0)
            rows[person].append({"number": number, "household": None})
            rows[own_case].append({"organisation": organisation, "position": f"{number:06}", "person": number})
            sealed = seal.close(orjson.dumps({"answers": said, "region": region}), ring.current)
            one = {"id": number, "organisation": organisation, "person": number, "need": "cash", "policy": policy.id}
            rows[assessment].append({**one, "assessed_on": on.isoformat(), "points": counted, "answers": sealed, "at": 1})
            key = order_key(policy, place, [])
            rows[nomination].append({**place._asdict(), "order_key": key})
            given = said["gap"] >= 2.5 if random_.random() < chance else random_.random() < 0.5
            if given and number % 5:
                rows[allocation].append(gift(number, organisation, (on + timedelta(days=random_.randrange(20))).isoformat()))
        for table, several in rows.items():
            await tx.execute_many(database.prepare(sa.insert(table)), several)


def gift(number: int, organisation: str, on: str) -> dict[str, Any]:
    """A row of an allocation of cash."""
    told = {"programme": "x", "kind": "cash", "amount_minor": 50_000_000, "currency": "IQD", "allocated_on": on, "status": "delivered"}
    return {"id": number + 1_000_000, "organisation": organisation, "person": number, **told, "recorded_at": None}


async def trained(hub: Asking, organisation: str = "crescent-aid", allowed: Sequence[str] = (), without: Sequence[str] = ()) -> Any:
    """The card of a new version."""
    return await hub.hub.aid.suggestions.train(organisation, "cash", (allowed, without), lambda *_: None)


async def stored(hub: Asking) -> list[Any]:
    """(version, active, body) of every version."""
    columns = [suggestion_model.c[name] for name in ("version", "active", "body")]
    database = hub.hub.database
    return [tuple(row) for row in await database.fetch(database.prepare(sa.select(*columns).order_by(suggestion_model.c.version)))]


async def written(hub: Asking, update: sa.Update, **values: Any) -> None:
    """Change rows behind the hub."""
    database = hub.hub.database
    async with database.transaction() as tx:
        await tx.execute(database.prepare(update.values(**values)))


async def shown(hub: Asking, who: str = "crescent-manager", **more: Any) -> Any:
    """What somebody is suggested."""
    return (await hub.data(SUGGESTIONS, who, more))["suggestions"]


# --- through the door ------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_suggestions_stand_beside_the_queue_and_move_nobody(hub: Asking) -> None:
    queue = (await hub.data(QUEUE, "crescent-manager", {"need": "CASH"}))["queue"]
    assert await shown(hub) is None, "nothing is suggested before anything is learned"
    card = await trained(hub)
    assert (card["version"], card["cases"], card["people"]) == (1, CASES, CASES)
    assert (await hub.data(QUEUE, "crescent-manager", {"need": "CASH"}))["queue"] == queue
    found = await shown(hub)
    beside = [{name: each[name] for name in ("place", "person", "priority", "reasons")} for each in found["nodes"]]
    assert beside == queue["nodes"], "place, priority and reasons are the queue's"
    said = [each["suggestion"] for each in found["nodes"]]
    assert sorted(each["place"] for each in said) == list(range(1, 51))
    assert [each["chance"] for each in sorted(said, key=lambda each: each["place"])] == sorted(
        (each["chance"] for each in said), reverse=True
    )
    for each in said:
        odds = each["base"] + sum(reason["weight"] for reason in each["reasons"])
        assert isclose(each["chance"], 100 / (1 + exp(-odds)), abs_tol=0.2), "the reasons add up to the suggestion"
    again = await trained(hub)
    assert again["version"] == 2
    (_, was, first), (_, is_, second) = await stored(hub)
    assert (bool(was), bool(is_)) == (False, True)
    assert first == second, "the same cases teach the same"
    await hub.hub.aid.suggestions.retire("crescent-aid", "cash")
    assert await shown(hub) is None
    with pytest.raises(Unknown):
        await hub.hub.aid.suggestions.retire("crescent-aid", "cash")


PAGED = """query ($first: Int!, $after: String, $need: Need! = CASH) { suggestions(need: $need, first: $first, after: $after) {
  nodes { place person { id } suggestion { place chance } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


async def test_they_are_read_page_by_page_as_the_queue_is(taught: Asking) -> None:
    """Failure 24.2d of aid."""
    whole = (await taught.data(QUEUE, "crescent-manager", {"need": "CASH", "first": 7}))["queue"]["nodes"]
    pages, after = [], None
    for _ in range(3):
        pages.append((await taught.data(PAGED, "crescent-manager", {"first": 3, "after": after}))["suggestions"])
        after = pages[-1]["pageInfo"]["endCursor"]
    nodes = [each for page in pages for each in page["nodes"]]
    assert [each["place"] for each in nodes] == list(range(1, 10))
    assert [each["person"]["id"] for each in nodes][:7] == [each["person"]["id"] for each in whole]
    assert [sorted(each["suggestion"]["place"] for each in page["nodes"]) for page in pages] == [[1, 2, 3]] * 3
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False, True, True]
    last = (await taught.data(PAGED, "crescent-manager", {"first": 1000, "after": after}))["suggestions"]
    assert (len(last["nodes"]), last["pageInfo"]["hasNextPage"]) == (CASES - 9, False)
    answer = await taught.ask(PAGED, "crescent-manager", {"first": 3, "after": "\u202enonsense"})
    assert (answer["errors"][0]["extensions"]["code"], answer["errors"][0]["extensions"]["field"]) == ("INVALID", "after")


def test_what_the_sample_learned_is_what_its_history_teaches() -> None:
    """The file that stands in for scikit-learn is what scikit-learn would make of it; last digits may differ between machines."""
    made, kept = make(), orjson.loads(FILE.read_bytes())
    assert made["card"]["skill"] > 0.1
    assert (made["card"]["cases"], made["card"]["features"]) == (kept["card"]["cases"], kept["card"]["features"])
    for one, other in zip(Model.read(made["model"]).steps, Model.read(kept["model"]).steps, strict=True):
        assert (one.code, one.begins) == (other.code, other.begins)
        assert one.weights == pytest.approx(other.weights, abs=1e-4)


async def test_a_newcomer_sees_suggestions_in_the_sample(country: Country, tmp_path: Path) -> None:
    async with asking(country, copied(country, tmp_path / "copy")) as hub:
        found = (await hub.data(PAGED, "crescent-caseworker", {"first": 20}))["suggestions"]
        assert sorted(each["suggestion"]["place"] for each in found["nodes"]) == list(range(1, 21))
        assert len({each["suggestion"]["chance"] for each in found["nodes"]}) > 1
        assert (await hub.data(PAGED, "hope-caseworker", {"first": 20}))["suggestions"] is None
        with pytest.raises(TooFew):
            await trained(hub)


async def test_nothing_is_learned_from_or_shown_to_another_organisation(hub: Asking) -> None:
    """Failure 24.2a of aid."""
    await trained(hub)
    await history(hub, "hope-network", begin=10_000, chance=0.0)
    database = hub.hub.database
    others = [gift(number, "hope-network", TODAY.isoformat()) | {"id": number + 2_000_000} for number in range(1, CASES, 2)]
    others += [{**each, "id": each["id"] + 1_000_000, "allocated_on": (TODAY - timedelta(days=90)).isoformat()} for each in others]
    async with database.transaction() as tx:
        await tx.execute_many(database.prepare(sa.insert(allocation)), others)
    await trained(hub)
    (_, _, first), (_, _, second) = await stored(hub)
    assert first == second, "what others assessed and gave teaches nothing"
    assert await shown(hub, "hope-manager") is None
    with pytest.raises(TooFew):
        await trained(hub, "hope-network")
    assert len(await stored(hub)) == 2, "what cannot be learned is not kept"


async def test_whoever_is_no_case_any_more_teaches_nothing(hub: Asking) -> None:
    database = hub.hub.database
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.delete(own_case).where(own_case.c.person <= 100)))
    assert (await trained(hub))["cases"] == CASES - 100
    async with database.transaction() as tx:
        await tx.execute(database.prepare(sa.delete(own_case).where(own_case.c.person <= CASES - LEAST_CASES + 1)))
    with pytest.raises(TooFew):
        await trained(hub)


async def test_the_card_says_of_what_was_learned_and_for_whom_it_errs(taught: Asking) -> None:
    card = (await shown(taught))["card"]
    assert card["features"] == ["gap", "dependants", RECEIVED]
    assert card["leftOut"] == sorted(DIFFICULTIES)
    assert (card["rules"], card["outcomeDays"]) == (1, 90)
    assert card["since"] <= card["until"] <= (TODAY - timedelta(days=90)).isoformat()
    groups = {each["group"]: each for each in card["groups"]}
    assert set(groups) == {"DISABILITY", "NO_DISABILITY", "REGION_IQ-NI", "REGION_NOT_SAID"}
    assert groups["DISABILITY"]["cases"] == CASES // 5
    assert groups["DISABILITY"]["given"] == 0 < groups["DISABILITY"]["suggested"], "it was not told that they were never given to"
    assert groups["NO_DISABILITY"]["suggested"] < groups["NO_DISABILITY"]["given"]
    assert 0 < card["brier"] < 0.25
    assert 0 < card["skill"] < 1
    allowed = await trained(taught, allowed=["disability"], without=["dependants"])
    assert allowed["features"] == ["gap", *DIFFICULTIES, RECEIVED]
    assert allowed["left_out"] == ["dependants"]
    await trained(taught)


async def test_what_was_changed_behind_the_hub_is_not_shown(taught: Asking) -> None:
    """Failure 24.2c of aid."""
    before = await shown(taught)
    ((version, body),) = [(version, body) for version, active, body in await stored(taught) if active]
    changed = orjson.loads(body)
    changed["model"]["base"] += 1
    await written(taught, sa.update(suggestion_model).where(suggestion_model.c.version == version), body=orjson.dumps(changed).decode())
    answer = await taught.ask(SUGGESTIONS, "crescent-manager")
    assert answer["data"] == {"suggestions": None}
    assert answer["errors"][0]["extensions"]["code"] == "CONFLICT"
    await written(taught, sa.update(suggestion_model).where(suggestion_model.c.version == version), body=body)
    assert await shown(taught) == before


async def test_where_a_question_was_not_answered_nothing_is_suggested(taught: Asking) -> None:
    """Failure 24.2b of aid."""
    hub = taught.hub
    top = (await taught.data(QUEUE, "crescent-manager", {"need": "CASH", "first": 1}))["queue"]["nodes"][0]["person"]["id"]
    of_top = assessment.c.person == hub.pseudonyms.resolve("crescent-aid", top)
    ((said,),) = await hub.database.fetch(hub.database.prepare(sa.select(assessment.c.answers).where(of_top)))
    sealed = Seal(hub.ring, "assessment", "crescent-aid").close(orjson.dumps({"answers": {"gap": 1}, "region": ""}), hub.ring.current)
    await written(taught, sa.update(assessment).where(of_top), answers=sealed)
    first, second = (await shown(taught, first=2))["nodes"]
    assert first["person"]["id"] == top
    assert first["suggestion"] is None
    assert second["suggestion"]["place"] == 1
    await written(taught, sa.update(assessment).where(of_top), answers=said)


async def test_a_suggestion_is_told_in_three_languages(taught: Asking) -> None:
    for language, code in (("AR", "ar"), ("CKB", "ckb"), ("EN", "en")):
        (node,) = (await shown(taught, first=1, language=language))["nodes"]
        texts = [each["text"] for each in node["suggestion"]["reasons"]]
        assert texts
        assert all(any(said.split("{")[0].strip() in text for said in SUGGESTED[code].values()) for text in texts)
    assert all(set(said) == {"ANSWER", RECEIVED} for said in SUGGESTED.values())


async def test_bad_questions_are_refused(taught: Asking) -> None:
    """Failure 24.2d of aid."""
    for first in (0, -1, 10_001):
        refused = await taught.ask(SUGGESTIONS, "crescent-manager", {"first": first})
        assert refused["errors"][0]["extensions"] == {
            "code": "INVALID", "field": "first", "hint": refused["errors"][0]["extensions"]["hint"],
        }  # fmt: skip
    assert await shown(taught, need="FOOD") is None


@pytest.mark.parametrize("who", ["public", "umm-hassan", "inspector", "app-developer", "new-dawn-caseworker", "ministry-analyst"])
async def test_whoever_has_no_queue_has_no_suggestions(sample: Asking, who: str) -> None:
    assert "suggestions" not in (await sample.fields(who))["Query"]


def test_no_command_takes_a_suggestion() -> None:
    """Deciding is somebody's, by the ordinary commands."""
    names = SCHEMA._schema.type_map
    inputs = {name: each for name, each in names.items() if hasattr(each, "fields") and name.endswith("Input")}
    assert len(inputs) > 20
    assert not [name for name, each in inputs.items() for field in (name, *each.fields) if "sugg" in field.lower()]
    mutation = SCHEMA._schema.mutation_type
    assert mutation is not None
    assert not [name for name in mutation.fields if "sugg" in name.lower()]


# --- refusals of training --------------------------------------------------------------------------------------------


async def test_training_is_refused_for_what_cannot_be_and_keeps_nothing(taught: Asking) -> None:
    """Failure 24.1a of aid."""
    train, before = taught.hub.aid.suggestions.train, await stored(taught)
    for organisation, need, kept, error in (
        ("crescent-aid", "happiness", ((), ()), Invalid),
        ("crescent-aid", "food", ((), ()), Unknown),
        ("nobody", "cash", ((), ()), Unknown),
        ("crescent-aid", "cash", (("sex",), ()), Invalid),
        ("crescent-aid", "cash", ((), ("shoe_size",)), Invalid),
        ("crescent-aid", "cash", ((), ("gap", "dependants")), Invalid),
    ):
        with pytest.raises(error):
            await train(organisation, need, kept, lambda *_: None)
    assert await stored(taught) == before


def made(cases: int, given: Any, seed: int = 1) -> Cases:
    """Cases of whole answers, and what was given to them."""
    chance = random.Random(seed)
    rows = [[float(chance.randrange(5)), float(chance.randrange(9)), 0.0] for _ in range(cases)]
    features = [Feature("gap", 1), Feature("dependants", 1), Feature(RECEIVED, -1)]
    return Cases(features, rows, [bool(given(row, chance)) for row in rows], [[] for _ in rows], list(range(cases)))


def test_too_few_cases_teach_nothing() -> None:
    """Failure 24.1b of aid."""
    for cases in (made(LEAST_CASES - 1, lambda row, _: row[0] > 2), made(1_000, lambda row, chance: row[0] == 4 and chance.random() < 0.1)):
        with pytest.raises(TooFew, match="cases whose outcome is known"):
            learned(cases, lambda: None)
    with pytest.raises(TooFew, match="nothing can be learned"):
        learned(made(600, lambda _, chance: chance.random() < 0.5), lambda: None)


def test_without_its_library_nothing_is_learned_and_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ConfigError, match="scikit-learn"):
        learned(made(400, lambda row, _: row[0] > 2), lambda: None)


# --- what is learned -------------------------------------------------------------------------------------------------


def noisy(row: Sequence[float], chance: random.Random) -> bool:
    return chance.random() < 0.1 + 0.15 * row[0] + 0.02 * row[1]


def test_the_steps_are_all_that_the_booster_learned() -> None:
    """Every tree sees one feature, so what is kept gives each case the booster's own odds."""
    cases = made(800, noisy)
    with one_thread():
        booster, rows = boosted(cases, range(800))
        expected = booster.decision_function(rows)
    model = fitted(cases, range(800))
    assert Model.read(orjson.loads(orjson.dumps(model.body()))) == model
    for row, odds in zip(cases.rows, expected, strict=True):
        case = dict(zip(("gap", "dependants", RECEIVED), row, strict=True))
        assert isclose(model.base + sum(part for _, part in model.parts(case)), odds, abs_tol=1e-4)
        assert isclose(log(model.chance(case) / (1 - model.chance(case))), odds, abs_tol=1e-4)


def test_greater_need_never_lowers_a_suggestion_and_more_received_never_raises_it() -> None:
    chance = random.Random(5)
    rows = [[chance.random() * 4, float(chance.randrange(9)), chance.random() * 3] for _ in range(900)]
    given = [chance.random() < (0.7 if row[0] < 1 else 0.2 + 0.1 * row[0]) for row in rows]  # against the sense, for small gaps
    cases = Cases([Feature("gap", 1), Feature("dependants", 1), Feature(RECEIVED, -1)], rows, given, [[] for _ in rows], list(range(900)))
    for steps, sense in zip(fitted(cases, range(900)).steps, (1, 1, -1), strict=True):
        ordered = sorted(steps.weights, reverse=sense < 0)
        assert list(steps.weights) == ordered


def test_no_step_rests_on_fewer_cases_than_would_hide_one() -> None:
    chance = random.Random(6)
    rows = [[round(chance.expovariate(1), 4), float(min(chance.randrange(30), 20)), 0.0] for _ in range(700)]
    given = [chance.random() < min(0.1 + 0.3 * row[0], 0.9) for row in rows]
    cases = Cases([Feature("gap", 1), Feature("dependants", 1), Feature(RECEIVED, -1)], rows, given, [[] for _ in rows], list(range(700)))
    steps = fitted(cases, range(700)).steps
    assert len(steps[0].weights) > 2
    for place, each in enumerate(steps):
        edges = [float("-inf"), *each.begins, float("inf")]
        counted = [sum(low <= row[place] < high for row in rows) for low, high in pairwise(edges)]
        assert min(counted) >= LEAST_STEP
    assert not {value for each in steps for value in each.begins} & {row[0] for row in rows}, "where a step begins is nobody's own value"


def test_a_proxy_means_test_teaches_in_the_sense_of_its_coefficients() -> None:
    pmt = {"code": "poverty", "method": "pmt", "weight": 100, "line": 100.0}
    pmt["models"] = {
        "": {"intercept": 4.0, "coefficients": {"rooms": 0.2, "cattle": 0.1}},
        "IQ-NI": {"intercept": 3.0, "coefficients": {"rooms": 0.3, "cattle": -0.1, "crowding": -0.2}},
    }
    policy = Policy.read((1, "x", "cash", 1, orjson.dumps({**default("cash"), "parts": [pmt]})))
    features, left_out = features_of(policy, (), ())
    assert {each.code: each.sense for each in features} == {"rooms": -1, "cattle": 0, "crowding": 1, RECEIVED: -1}
    assert left_out == []


def test_a_case_without_an_answer_is_none_and_silence_on_difficulties_is_no_difficulty() -> None:
    features, _ = features_of(CASH, ("disability",), ())
    assert case_of(features, {"gap": 1.0}, 0.0) is None
    whole = case_of(features, {"gap": 1.0, "dependants": 0.0, "VIS": 2.0}, 0.5)
    assert whole is not None
    assert (whole["VIS"], whole["MOB"], whole[RECEIVED]) == (2.0, 1.0, 0.5)
    assert groups_of({"answers": {"gap": 1}, "region": "IQ-NI"}) == ["DISABILITY_NOT_ASKED", "REGION_IQ-NI"]


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_says_why_it_cannot_learn(country: Country, tmp_path: Path) -> None:
    copied(country, tmp_path / "copy")
    config = ["--config", str(tmp_path / "copy" / "hub.toml"), "--organisation", "hope-network", "--need", "cash"]
    for command, said in (("train", "200"), ("card", "no model in force"), ("retire", "no model in force")):
        found = CliRunner().invoke(main, ["suggest", command, *config])
        assert found.exit_code == 1
        assert said in found.output
        assert "Remedy" in found.output
    assert isinstance(main.get_command(click.Context(main), "suggest"), click.Group)
