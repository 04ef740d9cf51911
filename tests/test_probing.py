"""Asking for somebody tells nobody whether there is such a person: one answer, the same work, by every way there is to ask."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import apsw
import pytest
import sqlalchemy as sa

from tables.identity import consent, person
from tables.sqlite import SQLite
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_references import MAKE, OPEN, numbers
from values import Purpose

WHO = "hope-caseworker"
BY_ID = "query($t: ID!) { person(id: $t) { id name allocations { id } } }"
BY_NUMBER = "query($t: String!) { personByIdentifier(scheme: NATIONAL_NUMBER, value: $t) { id name } }"
BY_CARD = "query($t: String!) { personByIdentifier(scheme: RATION_CARD, value: $t) { id name } }"
BY_CASE = "query($t: String!) { personByIdentifier(scheme: CASE_NUMBER, value: $t) { id name } }"


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to ask, with texts of people who are there and may not be known, and texts of nobody."""

    question: str
    variables: Callable[[str], dict[str, Any]]
    strangers: list[str]
    nobodies: list[str]


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path_factory.mktemp("probing") / "copy")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def probes(hub: Asking) -> dict[str, Probe]:
    strangers = await numbers(hub, "crescent-aid")
    mine, theirs = hub.hub.pseudonyms.maker("hope-network"), hub.hub.pseudonyms.maker("crescent-aid")
    cases = [each["caseNumber"] for each in (await hub.data("{ people(first: 8) { caseNumber } }", "crescent-caseworker"))["people"]]
    known = {each["id"] for each in (await hub.data("{ people(first: 400) { id } }", WHO))["people"]}
    papers, cards = await papers_of_strangers(hub, {number for number in range(1, 900) if mine(number) in known})
    nothing = [theirs(number) for number in range(1, 9)]
    forward = hub.hub.identity.references.forward
    others = [forward("crescent-aid", "rafidain-relief", Purpose.AID_DISTRIBUTION, "said:t", each, 2**40) for each in strangers]

    def text(text: str) -> dict[str, Any]:
        return {"t": text}

    def spoken(text: str) -> dict[str, Any]:
        return {"i": {"receiver": "crescent-aid", "thread": "t", "person": text}}

    return {
        "an identifier of its own form": Probe(BY_ID, text, [mine(each) for each in strangers], nothing),
        "another's identifier": Probe(BY_ID, text, [theirs(each) for each in strangers], ["0" * 48, "x", "ab" * 24]),
        "a national number": Probe(BY_NUMBER, text, papers, [f"88{number:010}" for number in range(8)]),
        "a ration card": Probe(BY_CARD, text, cards, [f"88{number:05}/1" for number in range(8)]),
        "another's case number": Probe(BY_CASE, text, cases, [f"CA-9{number:05}" for number in range(8)]),
        "speaking of one": Probe(MAKE, spoken, [mine(each) for each in strangers], nothing),
        "another's reference": Probe(OPEN, lambda each: {"t": each, "h": "t"}, others, ["A" * 270, "x"]),
    }


async def papers_of_strangers(hub: Asking, held: set[int]) -> tuple[list[str], list[str]]:
    """National numbers and ration cards of everybody whom the asker may not know."""
    database = hub.hub.database
    rows = await database.fetch(database.prepare(sa.select(person.c.number, person.c.household)))
    homes = {household for number, household in rows if number in held}
    consented = {number for (number,) in await database.fetch(database.prepare(sa.select(consent.c.person)))}
    strangers = {number for number, household in rows if household not in homes and number not in consented | held}
    papers: list[str] = []
    cards: list[str] = []
    async for people in hub.hub.gates["civil-registry"].scan(None, 1000):
        for each in people:
            blind = hub.hub.blinder.blind("national_number", each.key)
            ((found,),) = await database.fetch(hub.hub.identity.people._by_blind, {"blind": blind})
            if found in strangers:
                papers.append(each.key)
                cards += [text for scheme, text in each.identifiers if scheme == "ration_card"]
    assert len(papers) > 100
    return papers, cards


WAYS = (
    "an identifier of its own form",
    "another's identifier",
    "a national number",
    "a ration card",
    "another's case number",
    "speaking of one",
    "another's reference",
)


@pytest.mark.parametrize("way", WAYS)
async def test_strangers_and_nobody_are_one_answer_after_the_same_statements(way: str, hub: Asking, probes: dict[str, Probe]) -> None:
    probe = probes[way]
    assert probe.strangers
    statements: list[str] = []
    fetch = hub.hub.database.fetch

    async def seen(statement: Any, *given: Any, **named: Any) -> Any:
        if "credential" not in statement.sql:
            statements.append(statement.sql)
        return await fetch(statement, *given, **named)

    hub.hub.database.fetch = seen  # type: ignore[method-assign]  # sees what passes through to the real database
    try:
        found = set()
        for text in (*probe.strangers, *probe.nobodies):
            statements.clear()
            body = await hub.ask(probe.question, WHO, probe.variables(text))
            found.add((json.dumps(body, sort_keys=True), tuple(statements)))
    finally:
        del hub.hub.database.fetch
    assert len(found) == 1


@pytest.mark.parametrize("way", ["a national number", "a ration card"])
async def test_the_work_for_strangers_and_for_nobody_cannot_be_told_apart(way: str, hub: Asking, probes: dict[str, Probe]) -> None:
    """Of steps that the database makes, by the rank-sum test of Mann and Whitney: a clock would measure everything else as well."""
    probe = probes[way]
    assert isinstance(hub.hub.database, SQLite)
    inline = hub.hub.database._inline
    assert inline is not None
    steps = 0

    def see(event: dict[str, Any]) -> None:
        nonlocal steps
        steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    took: tuple[list[float], list[float]] = ([], [])
    inline.trace_v2(apsw.SQLITE_TRACE_PROFILE, see)
    try:
        for place in range(300):
            for side, texts in enumerate((probe.strangers, probe.nobodies)):
                steps = 0
                await hub.ask(probe.question, WHO, probe.variables(texts[place % len(texts)]))
                took[side].append(steps)
    finally:
        inline.trace_v2(0)
    assert min(*took[0], *took[1]) > 50, "the counting sees the statements"
    assert abs(deviations(*took)) < 5
    assert abs(deviations(took[0], [each + 20 for each in took[1]])) > 5, "the test would see one look-up more"


def deviations(one: list[float], other: list[float]) -> float:
    """By how many standard deviations the ranks of one sample are above those expected of equals; ties share their rank."""
    ranks: dict[float, float] = {}
    begun = 1
    counted = Counter([*one, *other])
    for value in sorted(counted):
        ranks[value] = begun + (counted[value] - 1) / 2
        begun += counted[value]
    n, m = len(one), len(other)
    spread = math.sqrt(n * m * (n + m + 1) / 12)
    return (sum(ranks[each] for each in one) - n * (n + m + 1) / 2) / spread
