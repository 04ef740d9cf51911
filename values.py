"""The words that travel between floors: closed lists, and the frozen nouns Enquiry, Ask, Answer, Disclosure.

Every floor imports this module and it imports nothing of ours, so that two floors can speak
about the same thing without knowing each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

PersonNumber = NewType("PersonNumber", int)
"""The hub's inner number of a person; it never leaves the hub."""


class Level(StrEnum):
    """Who may see a field, from widest to narrowest; the word stands before the field in `schema/`."""

    OPEN = "open"
    PARTNER = "partner"
    CONSENTED = "consented"
    SEALED = "sealed"

    @property
    def rank(self) -> int:
        """0 for open up to 3 for sealed, so that derived fields can inherit the strictest."""
        return list(Level).index(self)


class Condition(StrEnum):
    """Under which circumstance a policy releases a field; an empty set of conditions means never."""

    ALWAYS = "always"
    OWN_CASE = "own_case"
    CONSENTED = "consented"
    SELF = "self"
    BREAK_GLASS = "break_glass"


class Purpose(StrEnum):
    """Why somebody asks, a closed list after the W3C Data Privacy Vocabulary (DPV 2).

    Each enquiry has exactly one; it comes from the credential or the `Mizalla-Purpose` header.
    """

    AID_DISTRIBUTION = "aid_distribution"
    SOCIAL_SECURITY = "social_security"
    CASE_MANAGEMENT = "case_management"
    OVERSIGHT = "oversight"
    STATISTICS = "statistics"
    ORGANISATION_GOVERNANCE = "organisation_governance"
    SELF_ACCESS = "self_access"
    IDENTITY_VERIFICATION = "identity_verification"
    OPEN_DATA = "open_data"


class Role(StrEnum):
    """What a requester does in its organisation; policies speak of roles, never of names."""

    PUBLIC = "public"
    PERSON = "person"
    NEWCOMER = "newcomer"
    GUARDIAN = "guardian"
    REGISTRAR = "registrar"
    CASEWORKER = "caseworker"
    ANALYST = "analyst"
    INSPECTOR = "inspector"
    DEVELOPER = "developer"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ACCREDITOR = "accreditor"


class Act(StrEnum):
    """What somebody may do for a person in whose place it acts; each guardianship names its own."""

    READ = "read"
    CONSENT = "consent"
    REQUEST = "request"


class PaperKind(StrEnum):
    """Kinds of papers that staff may have seen; never a number or a picture of one."""

    NATIONAL_CARD = "national_card"
    RATION_CARD = "ration_card"
    PASSPORT = "passport"
    BIRTH_CERTIFICATE = "birth_certificate"
    MARRIAGE_CERTIFICATE = "marriage_certificate"
    COURT_ORDER = "court_order"
    UNHCR_CERTIFICATE = "unhcr_certificate"


class OrganisationKind(StrEnum):
    """What kind of body an organisation is; a source's kind is that of its steward."""

    MINISTRY = "ministry"
    NGO = "ngo"
    REGISTRY = "registry"
    INSPECTORATE = "inspectorate"
    DEVELOPER = "developer"


class Scheme(StrEnum):
    """Numbers by which a person is known in the world; the hub keeps each only as a blind identifier.

    Most trusted first: linking believes an earlier scheme before a later one, and stores a scheme by its place here, so
    never reorder, only append. `ration_card` is the number of the household's card and the member's line on it, `2043817/1`.
    """

    NATIONAL_NUMBER = "national_number"
    RATION_CARD = "ration_card"
    UNHCR_NUMBER = "unhcr_number"
    INSURANCE_NUMBER = "insurance_number"
    CASE_NUMBER = "case_number"


class Category(StrEnum):
    """What a consent speaks of: attributes are grouped so that a person can understand the choice.

    The position of a category is its bit in a consent's mask; never reorder, only append.
    """

    NAME = "name"
    CONTACT = "contact"
    BIRTH = "birth"
    PLACE = "place"
    FAMILY = "family"
    HEALTH = "health"
    NEED = "need"
    ASSISTANCE = "assistance"
    INSURANCE = "insurance"
    INCOME = "income"
    IDENTIFIERS = "identifiers"

    @property
    def bit(self) -> int:
        """1, 2, 4 …: the category's place in a consent mask."""
        return 1 << list(Category).index(self)


class ConsentMode(StrEnum):
    """What a receiver may do with what a consent lets it see, from narrower to wider."""

    VIEW = "view"
    STORE = "store"


COUNTED_BIT = 1 << 62
"""In a stored mask of categories: this consent may be used only so often, so that each use of it is counted first.

It stands in the mask, so that a decision that meets no such consent does not have to look for one.
"""


class Reason(StrEnum):
    """Why a value is not in an answer: the one list, so that refused and down never share a code."""

    NO_CONSENT = "NO_CONSENT"
    PURPOSE_NOT_ALLOWED = "PURPOSE_NOT_ALLOWED"
    LEVEL_TOO_LOW = "LEVEL_TOO_LOW"
    NOT_IN_AGREEMENT = "NOT_IN_AGREEMENT"
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    SOURCE_TIMEOUT = "SOURCE_TIMEOUT"
    SOURCE_GARBLED = "SOURCE_GARBLED"
    NOT_RECORDED = "NOT_RECORDED"


class SourceStatus(StrEnum):
    """How a source did: in one enquiry (`extensions.sources`) or just now (`sources`)."""

    OK = "OK"
    PARTIAL = "PARTIAL"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    GARBLED = "GARBLED"
    NOT_ASKED = "NOT_ASKED"


class Kind(StrEnum):
    """The shape of one attribute's values, as every connector must deliver them.

    text and code are str, whole is int, number is int or float, truth is bool, day is an ISO 8601
    date text `YYYY-MM-DD`, instant an ISO 8601 UTC text `YYYY-MM-DDTHH:MM:SSZ`.
    """

    TEXT = "text"
    CODE = "code"
    WHOLE = "whole"
    NUMBER = "number"
    TRUTH = "truth"
    DAY = "day"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing a source can say about an entity, with the level that governs it.

    The level stands beside the field in `schema/` and is only carried here.
    """

    entity: str
    name: str
    kind: Kind
    level: Level
    category: Category | None
    description: str
    unit: str | None = None
    standard: str | None = None

    @property
    def coordinate(self) -> str:
        """`person.birth_date`: how policies, agreements and the catalogue name it."""
        return f"{self.entity}.{self.name}"


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from one entity to another, with its own level; `many` decides list or single."""

    entity: str
    name: str
    target: str
    many: bool
    level: Level
    category: Category | None
    description: str

    @property
    def coordinate(self) -> str:
        """`person.allocations`."""
        return f"{self.entity}.{self.name}"


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of thing: its level governs whether a row's existence may be known at all.

    `beside` are attributes of the organisation a row refers to, as `organisation.name`, which rows may carry themselves.
    """

    name: str
    level: Level
    description: str
    attributes: Mapping[str, Attribute]
    relations: Mapping[str, Relation]
    beside: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every entity of the schema without any GraphQL: what planning, policies and sources go by."""

    entities: Mapping[str, Entity]

    def attribute(self, entity: str, name: str) -> Attribute:
        """Give one attribute; raises KeyError for a name the schema does not have."""
        return self.entities[entity].attributes[name]

    def attributes(self) -> list[Attribute]:
        """All attributes, in the order of the schema."""
        return [each for entity in self.entities.values() for each in entity.attributes.values()]


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks. Frozen and free of secrets, so that it may be a cache key and appear in logs.

    `receiver` names whose pseudonyms apply: the organisation's name, or `person:<number>` for a
    person, or `public`. `credential` is the credential's public id, never its secret.
    Where the role is `guardian`, `person` is the person acted for, `receiver` the guardian, `acts` what it may do, and
    `guardianship` the id of what it acts by.
    """

    name: str
    role: Role
    receiver: str
    organisation: str | None = None
    organisation_kind: OrganisationKind | None = None
    verified: bool = False
    purposes: tuple[Purpose, ...] = (Purpose.OPEN_DATA,)
    credential: str | None = None
    person: PersonNumber | None = None
    acts: tuple[Act, ...] = ()
    guardianship: str | None = None


PUBLIC = Requester(name="public", role=Role.PUBLIC, receiver="public")
"""Anyone without a credential: open fields only."""


@dataclass(frozen=True, slots=True)
class Enquiry:
    """Requester and purpose: what every decision about one operation is made from.

    `now` is read once at the door and passed on, so that one enquiry sees one moment (UTC).
    """

    requester: Requester
    purpose: Purpose
    now: datetime


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of an Ask that does not depend on the people asked about: what a connector prepares once.

    `by` says what the keys are: `person` (the person's local key in this source, for entities that
    belong to a person), `key` (the entity's own key) or `all` (no keys: a page of everything).
    `filters` names the values given at run time, in order, from `since` (a day: rows on or after it)
    and `kinds` (a list of codes).
    """

    source: str
    entity: str
    attributes: tuple[str, ...]
    by: str = "person"
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """These attributes, of these keys, of one source."""

    shape: Shape
    keys: tuple[str, ...] = ()
    filters: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said: rows `(key, *attributes)` in the order of the Ask's attributes.

    `as_of` is when the source's data were true as far as it tells (UTC); `faults` maps an attribute
    to how many of its values were unusable and stand as None. Rows of one key keep the order in which
    the source recorded them; keys come in any order; a key without rows is absent.
    """

    rows: Sequence[tuple[Any, ...]]
    as_of: datetime
    faults: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """One part of a disclosure: these coordinates, of these people, from these sources."""

    coordinates: tuple[str, ...]
    sources: tuple[str, ...]
    people: tuple[int, ...]
    grounds: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What one enquiry showed to whom and why; recorded durably before the answer leaves."""

    at: datetime
    requester: str
    organisation: str | None
    credential: str | None
    role: Role
    purpose: Purpose
    shown: tuple[Shown, ...]


Converter = Callable[[Any], Any]
"""Turns a source's raw value into the canonical one; raises ValueError for a value it cannot read."""
