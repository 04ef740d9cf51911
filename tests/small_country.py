"""The small country of `tests/verdicts/hub.toml`: its policies and its requesters, as credentials make them."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import settings as configuration
from policies.decide import Policies
from schema import CATALOGUE
from values import PUBLIC, Act, PersonNumber, Purpose, Requester, Role

VERDICTS = Path(__file__).parent / "verdicts"
TODAY = date(2026, 3, 21)
SETTINGS = configuration.load(VERDICTS / "hub.toml")
POLICIES = Policies(CATALOGUE, SETTINGS)
"""An invented hub and its rules."""

LEVELS = {coordinate: thing.fact.level for coordinate, thing in POLICIES.things.items() if not thing.by_hub}
"""The level of every field that sources hold."""

ONE_OF_EACH = {
    (thing.fact.entity, thing.fact.level): (name, thing.fact.level) for name, thing in POLICIES.things.items() if not thing.by_hub
}
"""One field and its level for each entity and level, where all would take long."""

SOME_SOURCES = (None, "crescent-aid", "labour-ministry")


def of(organisation: str, role: Role, *purposes: Purpose, name: str = "") -> Requester:
    """A requester of an organisation of the verdicts' country, as credentials make one."""
    body = SETTINGS.organisations[organisation]
    return Requester(name or f"{organisation}-{role}", role, organisation, organisation, body.kind, body.verified, purposes)


def person(*purposes: Purpose) -> Requester:
    """A person of the country, asking for itself."""
    return Requester("a-person", Role.PERSON, "person:7", purposes=purposes, person=PersonNumber(7))


CRESCENT = of("crescent-aid", Role.CASEWORKER, Purpose.AID_DISTRIBUTION, Purpose.CASE_MANAGEMENT, name="crescent-caseworker")
SAMPLE = (
    CRESCENT,
    of("hope-network", Role.CASEWORKER, Purpose.AID_DISTRIBUTION, name="hope-caseworker"),
    of("rafidain-relief", Role.CASEWORKER, Purpose.AID_DISTRIBUTION, name="rafidain-caseworker"),
    of("labour-ministry", Role.ANALYST, Purpose.STATISTICS, Purpose.SOCIAL_SECURITY, name="ministry-analyst"),
    of("labour-ministry", Role.CASEWORKER, Purpose.SOCIAL_SECURITY, name="ministry-caseworker"),
    of("aid-inspectorate", Role.INSPECTOR, Purpose.OVERSIGHT, name="inspector"),
    of("app-house", Role.DEVELOPER, Purpose.OPEN_DATA, name="app-developer"),
    person(Purpose.SELF_ACCESS, Purpose.OPEN_DATA),
    PUBLIC,
)


def verdicts(folder: str) -> dict[str, dict[str, Any]]:
    """Every verdict of a folder by the sentence that names it."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted((VERDICTS / folder).glob("*.toml"))}


def asked(verdict: dict[str, Any]) -> tuple[Requester, Purpose, str, str | None, date]:
    """What a verdict about a field asks of the policies."""
    return requester_of(verdict), Purpose(verdict["purpose"]), verdict["field"], verdict.get("source"), verdict.get("day", TODAY)


def requester_of(verdict: dict[str, Any]) -> Requester:
    """The requester a verdict speaks of; what its organisation is stands in hub.toml."""
    facts = verdict["requester"]
    purposes = [Purpose(each) for each in facts["purposes"]]
    if "organisation" in facts:
        return of(facts["organisation"], Role(facts["role"]), *purposes)
    acts = tuple(Act(each) for each in facts.get("acts", ()))
    return dataclasses.replace(person(*purposes), role=Role(facts["role"]), acts=acts)
