"""What all matters of inspection share: ids of each party's own, sealed texts, states with signed steps."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from errors import Invalid, NotPermitted, Unknown
from privacy.sealing import Seal
from resolvers.events import NOTHING
from resolvers.gather import Gathering, moment
from resolvers.room import Keys, Room, Shows
from resolvers.want import Field, Want
from tables.statement import Statement
from values import Enquiry, OrganisationKind

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change, Step

DAY = 86_400
HOUR = 3_600
SHORTEST_REASON = 20
LONGEST_TEXT = 4_000


class Matter(Room):
    """One kind of matter: `kind` names it in ids, traces, seals and news."""

    kind = ""
    _find: Statement

    def __init__(self, hub: Hub) -> None:
        """Seal with the ring's own key of this kind."""
        self.hub = hub
        self._seal = Seal(hub.ring, f"matter {self.kind}", "")

    # --- what its parties are told -------------------------------------------------------------------------------

    def concerns(self, enquiry: Enquiry, row: Any) -> bool:
        """Whether a requester who may read such matters is a party of this one, and may know of it now."""
        raise NotImplementedError

    async def shown(self, gathering: Gathering, want: Want, rows: Sequence[Any]) -> list[Any]:
        """Matters as this requester reads them; each look stands in the record of who it is about."""
        raise NotImplementedError

    def watch(self) -> dict[str, tuple[Keys, Shows]]:
        """The subscription to what becomes of such matters, for their parties."""
        return {f"{self.kind}_changed": (self._party_of, self._changed)}

    def tell(self, change: Change, number: int, *parties: int | str | None) -> None:
        """Tell parties that something became of a matter: people by number, bodies by name."""
        for each in dict.fromkeys(parties):
            if each is not None:
                change.tell(f"{self.kind}_changed", f"person:{each}" if isinstance(each, int) else each, {"id": number})

    def _party_of(self, enquiry: Enquiry) -> str:
        if not self.hub.may(enquiry, f"{self.kind}.read"):
            raise NotPermitted("this is told to its parties alone", "use the credential of one of them")
        person = enquiry.requester.person
        return f"person:{person}" if person is not None else str(enquiry.requester.organisation)

    async def _changed(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        """The matter as it stands now, to who may read it now."""
        assert field.want is not None
        enquiry = gathering.enquiry
        rows = await self.hub.database.fetch(self._find, {"which": news["id"]})
        if not rows or not self.hub.may(enquiry, f"{self.kind}.read") or not self.concerns(enquiry, rows[0]):
            return NOTHING
        return (await self.shown(gathering, field.want, rows))[0]

    # --- names and texts -----------------------------------------------------------------------------------------

    def named(self, enquiry: Enquiry, number: int) -> str:
        """How this requester knows a matter: two parties know it by two ids."""
        return self.hub.pseudonyms.maker(enquiry.requester.receiver, self.kind)(number)

    def number(self, enquiry: Enquiry, text: str) -> int:
        """The matter behind a requester's own id, 0 for none."""
        return self.hub.pseudonyms.resolve(enquiry.requester.receiver, text, self.kind) or 0

    def sealed(self, text: str) -> str:
        """A text as it is stored."""
        return self._seal.close(text.encode(), self.hub.ring.current)

    def opened(self, text: str | None) -> str | None:
        """A stored text as somebody wrote it."""
        found = self._seal.open(text, stored=True) if text is not None else None
        return None if found is None else found.decode()

    async def trace(self, number: int) -> list[dict[str, Any]]:
        """The signed steps of a matter, as its parties read them.

        Raises:
            Conflict: they were changed behind the hub's back.
        """
        return (await self.traces([number]))[number]

    async def traces(self, numbers: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
        """The signed steps of many matters, in one statement.

        Raises:
            Conflict: as `trace`.
        """
        found = await self.hub.writing.traces([self.thing(each) for each in numbers])
        return {each: self.steps(found[self.thing(each)]) for each in numbers}

    @staticmethod
    def steps(trace: Sequence[Step]) -> list[dict[str, Any]]:
        """Signed steps as the parties of a matter read them."""
        return [
            {
                "at": at(each.at),
                "act": each.act,
                "state": each.state,
                "organisation": each.organisation,
                "role": each.role,
                "reason": each.reason,
            }
            for each in trace
        ]

    def thing(self, number: int) -> str:
        """Under which name a matter's steps are kept."""
        return f"{self.kind}:{number}"

    def person(self, enquiry: Enquiry, text: str) -> int:
        """The person behind a requester's own pseudonym.

        Raises:
            Unknown: there is none.
        """
        found = self.hub.pseudonyms.resolve(enquiry.requester.receiver, text)
        if found is None:
            raise Unknown("this requester knows no such person", "use an identifier from this requester's own answers")
        return found

    def inspectorate(self, name: str, field: str, *, other_than: str | None = None) -> str:
        """A verified inspectorate of that name, and not a certain one.

        Raises:
            Invalid: it is none.
        """
        found = self.hub.settings.organisations.get(name)
        if found is None or not found.verified or found.kind is not OrganisationKind.INSPECTORATE or name == other_than:
            others = [each for each in self.inspectorates() if each != other_than]
            raise Invalid("this is not an inspectorate that may do this", f"name one of: {', '.join(others) or 'there is none'}", field)
        return name

    def inspectorates(self) -> list[str]:
        """Every verified inspectorate, in the order of `hub.toml`."""
        known = self.hub.settings.organisations.items()
        return [name for name, each in known if each.verified and each.kind is OrganisationKind.INSPECTORATE]


def fresh() -> int:
    """A new matter's number: random, so that it tells neither order nor count."""
    return secrets.randbits(62) or 1


def at(seconds: int | None) -> str | None:
    """A stored time as the schema writes it."""
    return None if seconds is None else moment(datetime.fromtimestamp(seconds, UTC))


def worded(text: str, field: str, shortest: int = SHORTEST_REASON) -> str:
    """A text that says something: long enough, and not one word over and over.

    Raises:
        Invalid: it does not.
    """
    said = " ".join(text.split())
    words = {word.casefold() for word in said.split()}
    if not shortest <= len(said) <= LONGEST_TEXT or (shortest >= SHORTEST_REASON and len(words) < 4) or len(set(said)) < min(shortest, 8):
        raise Invalid(
            f"`{field}` must say something in {shortest} to {LONGEST_TEXT} characters", "write it as you would have to answer for it", field
        )
    return said


def states(table: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Every state of a table of states, each once."""
    return list(dict.fromkeys(state for moves in table.values() for state in moves.values()))


def instant(text: Any, field: str) -> datetime:
    """A moment as somebody wrote it, in UTC.

    Raises:
        Invalid: it is none.
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise Invalid(f"`{field}` is not a moment", "write it as 2027-01-31T00:00:00Z", field) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
