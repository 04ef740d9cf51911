"""Explain a decision in plain lines: which rule gave it, under which agreement, or which facts are missing."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from policies import facts
from values import Purpose, Reason, Requester

if TYPE_CHECKING:
    from policies.decide import Policies


def explain(policies: Policies, requester: Requester, purpose: Purpose, field: str, source: str | None, today: date) -> list[str]:
    """Give a heading about requester, purpose and field, then a paragraph a source."""
    asked = policies.things.get(field)
    if asked is None:
        return [f"{field}: the schema has no such field, so it is never released."]
    category = f", category {asked.fact.category}" if asked.fact.category else ""
    lines = [f"{_described(requester)} asks for {field} ({asked.fact.level}{category}) for {purpose}."]
    places: list[str | None] = [source] if source else _places(policies, asked)
    for place in places:
        lines += ["", *_of_source(policies, requester, purpose, asked, place, today)]
    return lines


def _described(requester: Requester) -> str:
    if requester.organisation is None:
        return f"{requester.name} ({requester.role})"
    verified = "verified" if requester.verified else "not verified"
    return f"{requester.name} ({requester.role} of {requester.organisation}, {requester.organisation_kind}, {verified})"


def _places(policies: Policies, asked: facts.Thing) -> list[str | None]:
    """The sources that map the field; the hub where it answers itself or no source does."""
    name = asked.coordinate.partition(".")[2]
    found: list[str | None] = []
    for source, stanza in policies.settings.sources.items():
        mapped = stanza.entities.get(asked.fact.entity)
        targets = {part.partition(".")[0] for part in asked.parts}
        if (mapped and (name in mapped.attributes or not name)) or (len(asked.parts) > 1 and targets & stanza.entities.keys()):
            found.append(source)
    return [None, *found] if not found or isinstance(asked.fact, facts.Entity) else found


def _of_source(
    policies: Policies, requester: Requester, purpose: Purpose, asked: facts.Thing, source: str | None, today: date
) -> list[str]:
    given = policies.rules_that_release(requester, purpose, asked.coordinate, source, today)
    shown = source or "the hub"
    if not given:
        reason = policies.reason(requester, purpose, asked.coordinate, source, today)
        missing = _missing(policies, requester, purpose, asked, source, today)
        return [f"{shown}: never ({reason})", *(f"  missing: {each}" for each in missing)]
    lines = [f"{shown}: {', '.join(sorted(given))}"]
    for condition in sorted(given):
        lines += [f"  {condition}: {rule.sentence} ({rule.place})" for rule in given[condition]]
    for agreement in policies.settings.agreements:
        fact = facts.agreement_of(agreement, asked, today)
        counts = fact.in_force and fact.covers and purpose in agreement.purposes
        if agreement.receiver == requester.organisation and agreement.source == source and counts:
            covered, purposes = ", ".join(agreement.attributes), ", ".join(agreement.purposes)
            lines.append(f"  agreement: {covered} for {purposes} until {agreement.until} ({agreement.basis})")
    return lines


def _missing(policies: Policies, requester: Requester, purpose: Purpose, asked: facts.Thing, source: str | None, today: date) -> list[str]:
    """What would have to be otherwise, one line a fact."""
    reason = policies.reason(requester, purpose, asked.coordinate, source, today)
    missing = []
    if source is not None and source not in policies.sources:
        return [f"a source of the name {source}"]
    if requester.organisation is not None and not requester.verified:
        missing.append(f"{requester.organisation} is not verified")
    if reason is Reason.PURPOSE_NOT_ALLOWED:
        would = policies.purposes_that_would(requester, purpose, asked.coordinate, source, today)
        missing.append(f"another purpose: {', '.join(would)} would release it" if would else "a purpose of the closed list")
    elif reason is Reason.NOT_IN_AGREEMENT:
        missing.append(f"an agreement in force of {requester.organisation} on {source} that covers {asked.coordinate} for {purpose}")
        missing += [
            f"the agreement that covered it ended on {each.until} ({each.basis})"
            for each in policies.settings.agreements
            if each.receiver == requester.organisation and each.source == source and each.until < today
            if asked.is_covered(each)
        ]
    elif not missing:
        missing.append(f"no rule releases a {asked.fact.level} field of {source or 'the hub'} to the role {requester.role} for {purpose}")
    return missing
