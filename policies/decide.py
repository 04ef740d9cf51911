"""Decide who may see what: the only module that speaks to the rules' engine (oso, rules in Polar).

A decision is a set of conditions for a field of a source, never a verdict about a person or a row, so it can be made
once and kept. Everything that goes wrong on the way to a decision decides: never.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Hashable, Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from oso import OsoError, Variable
from polar import Polar
from polar.ffi import PolarSource

from errors import ConfigError
from places import line_of
from policies import examples, facts, law, why
from settings import Settings
from values import Attribute, Catalogue, Condition, Entity, Purpose, Reason, Relation, Requester

Asked = str | Attribute | Relation | Entity
"""What may be asked about: a coordinate, or the catalogue's own noun, of which only the coordinate counts."""

NEVER: frozenset[Condition] = frozenset()
"""No condition: the field is not released at all."""

KEPT = 100_000
"""Decisions kept before the cache starts anew: a country of requesters has fewer, a flood of odd ones is bounded."""

PLACE = re.compile(r" at line (?P<line>\d+), column \d+(?: of file (?P<file>[^\s:]+))?")

log = structlog.get_logger("policies")


class Engine:
    """Polar with the hub's facts and one set of rules."""

    def __init__(self, texts: dict[str, str], folder: Path, promised: Mapping[str, object] | None = None) -> None:
        """Load the rules and run the promises among them, which may speak of the `promised` facts by name.

        Texts are loaded, not files, so that what is fingerprinted is what runs.

        Raises:
            ConfigError: a rule cannot be read, mentions an unknown fact or predicate, or a promise is broken.
        """
        self._polar = _polar()
        for fact in facts.FACTS:
            self._polar.register_class(fact)
        for name, example in (promised or {}).items():
            self._polar.register_constant(example, name)
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                self._polar.ffi_polar.load([PolarSource(text, str(folder / file)) for file, text in texts.items()])
            # Warned of and no more: a misspelt fact, whose rule would silently never apply, or make the engine panic.
            warned = said.getvalue()
            if "[warning]" in warned:
                raise _refusal(warned.partition("[warning] ")[2])
            self._polar.check_inline_queries()
        except OsoError as error:
            raise _refusal(str(error.message)) from None

    def conditions(
        self, requester: facts.Requester, purpose: str, field: facts.Field, source: facts.Source | facts.Hub
    ) -> frozenset[Condition]:
        """Give every condition under which some rule releases; raises whatever the rules raise."""
        found = self._polar.query_rule("release", requester, purpose, field, source, Variable("condition"))
        return frozenset([Condition(each["bindings"]["condition"]) for each in found])

    def allows(self, requester: facts.Requester, command: str, purpose: str) -> bool:
        """Tell whether some rule allows the command; raises whatever the rules raise."""
        return any(True for _ in list(self._polar.query_rule("allow", requester, command, purpose)))


class Policies:
    """The rules over one catalogue and one configuration; a change of either makes a new one."""

    def __init__(self, catalogue: Catalogue, settings: Settings, rules: law.Law | Path = law.FOLDER) -> None:
        """Load the rules and check that agreements name what exists.

        Raises:
            ConfigError: a rule or promise is broken, or an agreement names a field the schema does not have.
        """
        self.law = law.read(rules) if isinstance(rules, Path) else rules
        self.settings = settings
        self.things = facts.things_of(catalogue)
        self.sources = facts.sources_of(settings)
        Engine(self.law.texts, self.law.folder, examples.EXAMPLES)
        # Deciding anew is a third faster without the promises' facts aboard.
        self._engine = self._with(self.law.without_promises())
        self._check_agreements(catalogue)
        self._decided: dict[Hashable, frozenset[Condition]] = {}
        self._alike: dict[Hashable, frozenset[Condition]] = {}
        self._allowed: dict[Hashable, bool] = {}
        self._reasons: dict[Hashable, Reason] = {}
        self._fingerprints: dict[Hashable, bytes] = {}
        self._failed: set[tuple[str, str]] = set()

    def stands(self, rules: law.Law, settings: Settings) -> bool:
        """Whether other rules and settings would decide everything just as these do."""
        mine = self.settings
        return self.law == rules and (mine.agreements, mine.organisations, self.sources) == (
            settings.agreements,
            settings.organisations,
            facts.sources_of(settings),
        )

    def release(self, requester: Requester, purpose: Purpose, field: Asked, source: str | None, today: date) -> frozenset[Condition]:
        """Give the conditions under which this requester may see a field of a source; empty means never.

        Decisions are kept by what rules may know, not by name or credential, so that all staff of an organisation
        share them.

        Args:
            requester: who asks.
            purpose: why; one outside the closed list decides never.
            field: an attribute `person.sex`, a relation `person.allocations`, or an entity `person` for its existence; as
                text, or as the catalogue's noun.
            source: the source's name, or None where the hub itself answers.
            today: the day (UTC) on which agreements must be in force.
        """
        name = field if isinstance(field, str) else _coordinate(field)
        key = (
            requester.role,
            requester.organisation,
            requester.organisation_kind,
            requester.verified,
            requester.purposes,
            requester.acts,
            purpose,
            name,
            source,
            today,
        )
        found = self._decided.get(key)
        if found is None:
            found = self._ask(self._engine, requester, purpose, name, source, self.agreements(requester, source, name, today))
            _keep(self._decided, key, found)
        return found

    def allows(self, requester: Requester, purpose: Purpose, command: str) -> bool:
        """Tell whether this requester may do a command (`consent.grant`, `caseload.read`, …) for this purpose."""
        key = (*_facts(requester), purpose, command)
        found = self._allowed.get(key)
        if found is None:
            found = False
            try:
                found = purpose in PURPOSES and self._engine.allows(facts.requester_of(requester, []), command, Purpose(purpose).value)
            except Exception as error:  # noqa: BLE001 — whatever fails in a rule must refuse, not pass
                self._report(error, command)
            _keep(self._allowed, key, found)
        return found

    def reason(self, requester: Requester, purpose: Purpose, field: Asked, source: str | None, today: date) -> Reason:
        """Say why a field is not shown, from requester, purpose, field and source alone, never from a person or value.

        Where the set of conditions is not empty but none of them holds for a person, NO_CONSENT if a consent would
        have helped, else LEVEL_TOO_LOW.
        """
        name = field if isinstance(field, str) else _coordinate(field)
        key = (*_facts(requester), purpose, name, source, today)
        found = self._reasons.get(key)
        if found is None:
            found = self._reason(requester, purpose, name, source, today)
            _keep(self._reasons, key, found)
        return found

    def why(self, requester: Requester, purpose: Purpose, field: str, source: str | None, today: date) -> list[str]:
        """Explain a decision in lines for people: per source the conditions, the sentence of law, the agreement, or what is missing.

        Without a source, every source that maps the field is explained, and the hub where it answers itself.
        """
        return why.explain(self, requester, purpose, field, source, today)

    def fingerprint(self, requester: Requester, purpose: Purpose, today: date) -> Hashable:
        """Give a short value that changes whenever any decision could change for this requester and purpose.

        It covers the requester's facts, its agreements in force on the day, the sources with their stewards, the
        levels of all fields, and the rules' text; so compiled plans may be kept under it.
        """
        key = (*_facts(requester), purpose, today)
        found = self._fingerprints.get(key)
        if found is None:
            in_force = [
                (each.source, each.attributes, each.purposes)
                for each in self.settings.agreements
                if each.receiver == requester.organisation and today <= each.until
            ]
            content = repr((key[:-1], in_force, self._ground))
            found = hashlib.blake2b(content.encode(), digest_size=16).digest()
            _keep(self._fingerprints, key, found)
        return found

    def agreements(self, requester: Requester, source: str | None, field: str, today: date) -> list[facts.Agreement]:
        """Give the agreements of the requester's organisation on a source, as facts about a field, ended ones among them."""
        thing = self.things.get(field)
        return [
            facts.agreement_of(each, thing, today)
            for each in self.settings.agreements
            if thing and each.source == source and each.receiver == requester.organisation
        ]

    def rules_that_release(
        self, requester: Requester, purpose: Purpose, field: str, source: str | None, today: date
    ) -> dict[Condition, list[law.Rule]]:
        """Give the rules behind each condition, by asking every rule alone; slow, for explanations only."""
        given: dict[Condition, list[law.Rule]] = {}
        for rule, engine in self._apart:
            for condition in self._ask(engine, requester, purpose, field, source, self.agreements(requester, source, field, today)):
                given.setdefault(condition, []).append(rule)
        return given

    def with_agreement(self, requester: Requester, purpose: Purpose, field: str, source: str | None) -> frozenset[Condition]:
        """Give what would be released if an agreement covered just this: empty where no agreement could help."""
        if source is None:
            return NEVER
        imagined = facts.Agreement(source, [str(purpose)])
        return self._ask(self._engine, requester, purpose, field, source, [imagined])

    def _ask(
        self, engine: Engine, requester: Requester, purpose: Purpose, field: str, source: str | None, agreements: list[facts.Agreement]
    ) -> frozenset[Condition]:
        thing = self.things.get(field)
        if thing is None or source not in self.sources or purpose not in PURPOSES or (thing.by_hub and source is not None):
            return NEVER
        # Rules know facts only, so what is alike in them is decided once: most fields of a level, and every day.
        alike = (engine, _facts(requester), purpose, type(thing.fact), thing.fact, source, repr(agreements))
        found = self._alike.get(alike)
        if found is None:
            try:
                asker = facts.requester_of(requester, agreements)
                found = engine.conditions(asker, Purpose(purpose).value, thing.fact, self.sources[source])
            except Exception as error:  # noqa: BLE001 — whatever fails in a rule must refuse, not pass
                self._report(error, field)
                found = NEVER
            _keep(self._alike, alike, found)
        return found

    def _reason(self, requester: Requester, purpose: Purpose, field: str, source: str | None, today: date) -> Reason:
        conditions = self.release(requester, purpose, field, source, today)
        if conditions:
            return Reason.NO_CONSENT if Condition.CONSENTED in conditions else Reason.LEVEL_TOO_LOW
        if purpose not in PURPOSES or self.purposes_that_would(requester, purpose, field, source, today):
            return Reason.PURPOSE_NOT_ALLOWED
        if self.with_agreement(requester, purpose, field, source):
            return Reason.NOT_IN_AGREEMENT
        return Reason.LEVEL_TOO_LOW

    def purposes_that_would(self, requester: Requester, purpose: Purpose, field: str, source: str | None, today: date) -> list[Purpose]:
        """Give the other purposes, the requester's own or its agreements', under which the field would be released."""
        agreed = {each for agreement in self.agreements(requester, source, field, today) for each in agreement.purposes}
        known = {*requester.purposes, *agreed} - {purpose}
        return [
            other
            for other in Purpose
            if other in known and self.release(replace(requester, purposes=(*requester.purposes, other)), other, field, source, today)
        ]

    def _report(self, error: Exception, what: str) -> None:
        seen = (type(error).__name__, what)
        if seen not in self._failed:
            self._failed.add(seen)
            log.error("policy_failed", error=seen[0], asked=what, consequence="never released")

    @cached_property
    def _apart(self) -> list[tuple[law.Rule, Engine]]:
        """Every release rule in an engine of its own, with all that is not a release rule."""
        others = [rule for rule in self.law.without_promises() if rule.name != "release"]
        return [(rule, self._with([*others, rule])) for rule in self.law.named("release")]

    def _with(self, rules: list[law.Rule]) -> Engine:
        return Engine({"rules.polar": "\n".join(rule.text for rule in rules)}, law.FOLDER)

    @cached_property
    def _ground(self) -> str:
        """What no requester changes: rules, levels, sources."""
        content = repr((self.law.texts, sorted(self.things.items()), sorted(self.sources.items(), key=lambda item: item[0] or "")))
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def _check_agreements(self, catalogue: Catalogue) -> None:
        for number, agreement in enumerate(self.settings.agreements):
            for named in agreement.attributes:
                entity, _, attribute = named.partition(".")
                if named not in self.things and not (attribute == facts.EVERY and entity in catalogue.entities):
                    place = ("agreements", str(number), "attributes")
                    raise ConfigError(
                        f"{'.'.join(place)}: the schema has no `{named}`",
                        "name a field such as `person.sex`, or a whole entity such as `allocation.*`",
                        _place_of(self.settings.path, place),
                    )


PURPOSES = frozenset(Purpose)


def _facts(requester: Requester) -> tuple[Hashable, ...]:
    """What rules may know of a requester; `release` spells it out, being asked for every field."""
    return requester.role, requester.organisation, requester.organisation_kind, requester.verified, requester.purposes, requester.acts


def _coordinate(field: Attribute | Relation | Entity) -> str:
    return field.name if isinstance(field, Entity) else field.coordinate


def _polar() -> Any:
    """Give a fresh engine, typed as what it is: untyped."""
    return Polar()


def _keep(cache: dict[Any, Any], key: Hashable, value: object) -> None:
    if len(cache) >= KEPT:
        cache.clear()
    cache[key] = value


def _place_of(path: Path, place: tuple[str, ...]) -> str:
    if not path.is_file():
        return str(path)
    return f"{path}:{line_of(path.read_text(encoding='utf-8'), place)}"


def _refusal(message: str) -> ConfigError:
    """Turn the engine's message into one of ours: the first line, where it stands, and what to do."""
    found = PLACE.search(message)
    place = f"{found['file']}:{found['line']}" if found and found["file"] else None
    said = PLACE.sub("", message.partition("\n")[0]).rstrip(":")
    if said.startswith("Inline query failed"):
        hint = "mend the rule that breaks it, or the promise if the law has changed"
        return ConfigError(f"broken promise: {said.partition(': ')[2]}", hint, place)
    return ConfigError(f"unreadable rule: {said}", "mend the rule; docs/levels.md shows how one is written", place)
