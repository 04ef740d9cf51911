"""Who may see what, written a second time as plainly as the documentation has it, to hold answers and Asks against.

It shares nothing with the hub but its files: links, own cases and consents are read from the tables as they stand.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import apsw

from privacy.blind import Blinder
from privacy.keys import KeyRing
from schema import CATALOGUE
from settings import Settings
from values import Attribute, Category, Level, OrganisationKind, Purpose, Requester, Role

STAFF = {Role.CASEWORKER, Role.ANALYST, Role.DEVELOPER}


@dataclass(slots=True, repr=False)
class Law:
    """The decisions of `docs/levels.md`, for one country as it stands now."""

    settings: Settings
    people: dict[str, dict[str, int]] = field(default_factory=dict)
    keys: dict[int, set[str]] = field(default_factory=dict)
    cases: dict[str, set[int]] = field(default_factory=dict)
    homes: dict[int, int] = field(default_factory=dict)
    consents: list[tuple[int, str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the hub's tables."""
        sealed = Blinder(KeyRing.load(self.settings.hub.keys))
        hub = apsw.Connection(self.settings.hub.database.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
        for source, person, key in hub.execute("SELECT source, person, key FROM link"):
            mapped = self.settings.sources[source].entities.get("person")
            plain = sealed.open_key(source, key) if mapped and mapped.key_scheme else key
            self.people.setdefault(source, {})[plain] = person
            self.keys.setdefault(person, set()).add(plain)
        self.homes = dict(hub.execute("SELECT number, household FROM person WHERE household IS NOT NULL"))
        for organisation, person in hub.execute("SELECT organisation, person FROM own_case"):
            self.cases.setdefault(organisation, set()).add(person)
        live = "SELECT person, receiver, purpose, categories FROM consent WHERE withdrawn_at IS NULL AND ends_at > ?"
        self.consents = list(hub.execute(live, (int(time.time()),)))
        hub.close()

    def own(self, requester: Requester, person: int) -> bool:
        """Whether the person, or somebody of the same household, is in the organisation's case load."""
        cases = self.cases.get(requester.organisation or "", set())
        return person in cases or (person in self.homes and self.homes[person] in {self.homes.get(case) for case in cases})

    def consented(self, requester: Requester, purpose: Purpose, person: int, category: Category | None) -> bool:
        """Whether a live consent of the person names this receiver, or its kind, the purpose and the category (any, with None)."""
        named = {requester.organisation}
        if requester.verified:
            named.add(f"kind:{requester.organisation_kind}")
        wanted = category.bit if category else -1
        return any(
            of == person and receiver in named and whatfor == purpose and mask & wanted for of, receiver, whatfor, mask in self.consents
        )

    def agreed(self, requester: Requester, purpose: Purpose, source: str, coordinate: str) -> bool:
        """Whether an agreement in force covers it."""
        today = datetime.now(UTC).date()
        return any(
            each.receiver == requester.organisation
            and each.source == source
            and purpose in each.purposes
            and today <= each.until
            and {coordinate, coordinate.split(".", maxsplit=1)[0] + ".*"} & set(each.attributes)
            for each in self.settings.agreements
        )

    def shows(self, requester: Requester, purpose: Purpose, source: str, coordinate: str, person: int) -> bool:
        """Whether this value of a person may be shown, and so asked of this source."""
        attribute = CATALOGUE.attribute(*coordinate.split("."))
        if attribute.level is Level.OPEN:
            return True
        if requester.role is Role.PERSON:
            return purpose is Purpose.SELF_ACCESS and requester.person == person
        if not requester.verified or purpose not in requester.purposes or purpose is Purpose.OPEN_DATA:
            return False
        steward = self.settings.sources[source].steward == requester.organisation and self.own(requester, person)
        if steward and attribute.level in _recorded_itself(requester, purpose):
            return True
        return self.agreed(requester, purpose, source, coordinate) and self._opened(requester, purpose, attribute, person)

    def _opened(self, requester: Requester, purpose: Purpose, attribute: Attribute, person: int) -> bool:
        """Whether it is open under an agreement."""
        if requester.role is Role.INSPECTOR:
            inspects = requester.organisation_kind is OrganisationKind.INSPECTORATE and purpose is Purpose.OVERSIGHT
            return inspects and attribute.level is Level.PARTNER
        if requester.role not in STAFF or attribute.level is Level.SEALED:
            return False
        consented = attribute.category is not None and self.consented(requester, purpose, person, attribute.category)
        return consented or (attribute.level is Level.PARTNER and self.own(requester, person))

    def knows(self, requester: Requester, purpose: Purpose, person: int) -> bool:
        """Whether the requester may know that the person exists."""
        if requester.role is Role.PERSON:
            return requester.person == person
        if not requester.verified or purpose not in requester.purposes or purpose is Purpose.OPEN_DATA:
            return False
        if requester.role is Role.INSPECTOR:
            return purpose is Purpose.OVERSIGHT
        return self.own(requester, person) or self.consented(requester, purpose, person, None)


def _recorded_itself(requester: Requester, purpose: Purpose) -> set[Level]:
    """The levels open to the steward's own people, of its own cases."""
    if requester.role is Role.CASEWORKER:
        return {Level.PARTNER, Level.CONSENTED, Level.SEALED}
    if requester.role is Role.DEVELOPER:
        return {Level.PARTNER, Level.CONSENTED}
    counts = purpose in {Purpose.STATISTICS, Purpose.SOCIAL_SECURITY}
    return {Level.PARTNER} if requester.role is Role.ANALYST and counts else set()
