"""Stanzas of `hub.toml` that stand apart from `settings.py`: what no consent may go beyond.

They say what is fair, not what is possible: an operator may change the figures, and both the grant and every later decision
go by them.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from values import Category, ConsentMode, Purpose

LONGEST_DAYS = 5 * 366
"""No grant outlives five years: what was agreed longer ago nobody remembers having agreed."""


class Stanza(BaseModel):
    """A table of `hub.toml`: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Ceiling(Stanza):
    """What no consent for one purpose may go beyond, whatever the person was brought to sign."""

    never: tuple[Category, ...] = ()
    longest_days: int = Field(default=LONGEST_DAYS, ge=1, le=LONGEST_DAYS)
    keep_days: int = Field(default=LONGEST_DAYS, ge=0, le=LONGEST_DAYS)
    mode: ConsentMode = ConsentMode.STORE

    @property
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

    def ceiling(self, purpose: Purpose) -> Ceiling:
        """What a consent for this purpose may not go beyond."""
        return self.ceilings.get(purpose) or FAIR.get(purpose, WIDEST)


FAIR_USE = ConsentRules()
"""What holds where `hub.toml` says nothing."""
