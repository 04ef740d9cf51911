"""Stanzas of `hub.toml` that stand apart from `settings.py`: what no consent may go beyond, who shares the edge key, how news are told.

Ceilings say what is fair, not what is possible: an operator may change the figures, and both the grant and every later decision
go by them.
"""

from __future__ import annotations

from functools import cached_property
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from values import Category, ConsentMode, Purpose

LONGEST_DAYS = 5 * 366
"""No grant outlives five years: what was agreed longer ago nobody remembers having agreed."""


MAIL = r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"


class Stanza(BaseModel):
    """A table of `hub.toml`: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Breaker(Stanza):
    """When a source that keeps failing is left in peace, and for how long."""

    failures: int = Field(default=5, ge=1)
    reset_seconds: float = Field(default=15.0, gt=0)


class Ceiling(Stanza):
    """What no consent for one purpose may go beyond, whatever the person was brought to sign."""

    never: tuple[Category, ...] = ()
    longest_days: int = Field(default=LONGEST_DAYS, ge=1, le=LONGEST_DAYS)
    keep_days: int = Field(default=LONGEST_DAYS, ge=0, le=LONGEST_DAYS)
    mode: ConsentMode = ConsentMode.STORE

    @cached_property
    def mask(self) -> int:
        """The bits of the categories that may be opened."""
        return sum(each.bit for each in Category if each not in self.never)


COUNTED = Ceiling(never=(Category.NAME, Category.CONTACT, Category.IDENTIFIERS), longest_days=732, keep_days=366)
"""Counting needs nobody's name, telephone or numbers of papers."""

FAIR = {Purpose.STATISTICS: COUNTED, Purpose.OPEN_DATA: COUNTED}
"""The ceilings of purposes of which `hub.toml` says nothing; other purposes have the widest."""

WIDEST = Ceiling()


class ConsentRules(Stanza):
    """Fair use of consents."""

    ceilings: dict[Purpose, Ceiling] = Field(default_factory=dict)
    paper_days: int = Field(default=180, ge=1)
    request_days: int = Field(default=30, ge=1)
    rest_days: int = Field(default=90, ge=1)
    requests_per_day: int = Field(default=500, ge=0)

    def ceiling(self, purpose: Purpose) -> Ceiling:
        """What a consent for this purpose may not go beyond."""
        return self.ceilings.get(purpose) or FAIR.get(purpose, WIDEST)


FAIR_USE = ConsentRules()
"""What holds where `hub.toml` says nothing."""


class EdgeOperator(Stanza):
    """Another hub that holds a share of the edge key: where it is, who we are there, and its public key, given out by hand."""

    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    key: SecretStr
    source: str
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")


class Edge(Stanza):
    """Sources that show the hub no identifiers: whose side may ask for evaluations, how many, and who else has a share of the key."""

    sources: tuple[str, ...] = ()
    evaluations_per_day: int = Field(default=200_000, ge=0)
    operators: tuple[EdgeOperator, ...] = ()


class Enrolment(Stanza):
    """How people enrol for a blinded identity: which registry bears them out, and how long things last.

    `office` is the organisation in whose name the hub asks `source`; an agreement between them must cover the particulars.
    `code` is whether who enrols alone has to enter a code before the identity opens anything.
    """

    source: str
    office: str
    challenge_seconds: int = Field(default=120, ge=10, le=3600)
    session_minutes: int = Field(default=15, ge=1, le=1440)
    recovery_hours: int = Field(default=72, ge=0, le=8760)
    tries_per_day: int = Field(default=5, ge=1)
    code: bool = True
    code_days: int = Field(default=30, ge=1, le=365)


def _network(text: str) -> str:
    ip_network(text)
    return text


class AppealRules(Stanza):
    """Until when appeals are answered, and until when an answer may be contested."""

    answer_days: int = Field(default=30, ge=1, le=365)
    carry_days: int = Field(default=60, ge=1, le=365)


class CensusRules(Stanza):
    """How often the size of need is counted."""

    minutes: int = Field(default=60, ge=5, le=1440)


class MailRules(Stanza):
    """The mail server that letters leave through; without `host` none leave."""

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    sender: str | None = Field(default=None, pattern=MAIL)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)


class NewsRules(Stanza):
    """How news reach other processes, and how long what was told is kept."""

    poll_seconds: float = Field(default=1.0, gt=0, le=10)
    keep_days: int = Field(default=30, ge=1)
    command_days: int = Field(default=90, ge=1)


class WebhookRules(Stanza):
    """Sending news to organisations' own addresses."""

    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)
    pauses_seconds: tuple[Annotated[float, Field(ge=0)], ...] = (5, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    most: int = Field(default=10, ge=0)
