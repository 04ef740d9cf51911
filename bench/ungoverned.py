"""The hub of the peers comparison with everything off, so that what governance costs can be seen: for measuring only.

Nothing here can be reached by a setting. A hub made so looks up no credential, lets the rules release every field to everybody,
reads neither consents nor own cases of a person, names people and rows by their sources' own keys, and records nothing. What
is left is what any federation does: the door, the plan, the index of who is who in which source, the sources, the answer.
"""

# ruff: noqa: ARG001, ARG002 — what is put in the place of something takes what that takes

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import sqlalchemy as sa

import resolvers.project
import server
from policies.decide import Asked
from privacy.pseudonyms import Pseudonyms
from privacy.standing import HOME, LINKED, Standing
from resolvers.gather import Gathering
from resolvers.hub import Hub
from tables.identity import link, own_case, person
from values import Condition, Enquiry, Purpose, Requester, Role

HASHED = re.compile(r"^ +h = begun\(\); h\.update\(b'[^']*' \+ \((r\[\d+\]) or ''\).*\n", re.MULTILINE)
ALWAYS = frozenset({Condition.ALWAYS})


class Bare(Pseudonyms):
    """The registry's own keys, `P0000017`, in the place of pseudonyms."""

    def maker(self, receiver: str, kind: str = "person") -> Callable[[int], str]:
        """Write the key."""
        return "P{:07d}".format

    def several(self, receiver: str, kind: str = "person") -> Callable[[Sequence[int]], list[str]]:
        """Write the keys of a page."""
        return lambda numbers: ["P%07d" % number for number in numbers]  # noqa: UP031 — the fastest of three

    def resolve(self, receiver: str, text: str, kind: str = "person") -> int | None:
        """Read the key."""
        return int(text[1:])

    def opaque(self, receiver: str, kind: str) -> Callable[[str], str]:
        """Leave the row's key as it is."""
        return str


class Anybody(Standing):
    """A page and a person with their keys in the sources, and nothing of how they stand to the requester."""

    async def position(self, enquiry: Enquiry, number: int) -> str | None:
        """The key is the position."""
        return f"P{number:07d}"

    def _page(self, sources: Sequence[str], *, places: bool) -> sa.Select[Any]:
        joined: sa.FromClause = own_case
        columns = sa.select(own_case.c.person, sa.cast(sa.null(), sa.BigInteger))
        for place, source in enumerate(sources):
            known = link.alias(f"link_{place}")
            joined = joined.outerjoin(known, sa.and_(known.c.source == source, known.c.person == own_case.c.person))
            columns = columns.add_columns(known.c.key)
        mine = own_case.c.organisation == sa.bindparam("organisation"), own_case.c.position > sa.bindparam("after")
        wanted = columns.select_from(joined).where(*mine).order_by(own_case.c.position).limit(sa.bindparam("first"))
        return wanted.add_columns(own_case.c.position) if places else wanted

    def _one(self, sources: Sequence[str]) -> sa.CompoundSelect[Any]:
        here, none = sa.bindparam("person", type_=sa.BigInteger), sa.cast(sa.null(), sa.BigInteger)
        parts = [
            sa.select(sa.literal_column(str(HOME)), person.c.household, sa.cast(sa.null(), sa.Text)).where(person.c.number == here),
            *(
                sa.select(sa.literal_column(str(LINKED + place)), none, sa.cast(link.c.key, sa.Text)).where(
                    link.c.source == source, link.c.person == here
                )
                for place, source in enumerate(sources)
            ),
        ]
        return sa.union_all(*parts)


class Ungoverned(Hub):
    """A hub with everything off."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Put the parts that govern out of the way."""
        super().__init__(*given, **named)
        self.pseudonyms = Bare(self.ring)
        self.standing = Anybody(self.database, self.links)
        vars(self.policies)["release"] = _everything
        organisation = self.settings.organisations["relief"]
        purpose = Purpose.AID_DISTRIBUTION
        self._anybody = Requester(
            name="bench",
            role=Role.CASEWORKER,
            receiver="relief",
            organisation="relief",
            organisation_kind=organisation.kind,
            verified=True,
            purposes=(purpose,),
        )

    async def enquiry(
        self, token: str | None, purpose: str | None, now: datetime | None = None, *, acting_for: str | None = None
    ) -> Enquiry:
        """Everybody is the same."""
        return Enquiry(self._anybody, Purpose.AID_DISTRIBUTION, now or datetime.now(UTC))

    async def disclose(self, gathering: Gathering) -> None:
        """Record nothing."""


def _everything(requester: Requester, purpose: Purpose, field: Asked, source: str | None, today: date) -> frozenset[Condition]:
    return ALWAYS


def switch_off() -> None:
    """Have every hub of this process opened with everything off."""
    compiled = resolvers.project._compiled  # noqa: SLF001 — rows are named inside generated code

    def plain(name: str, text: str) -> Callable[..., Any]:
        hashed = HASHED.search(text)
        if hashed is not None:
            text = HASHED.sub("", text).replace("h.hexdigest()", hashed[1])
        return compiled(name, text)

    vars(resolvers.project)["_compiled"] = plain
    vars(server)["Hub"] = cast("Any", Ungoverned)
