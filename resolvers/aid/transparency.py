"""Transparency reports: how much was given to how many, how evenly, to whom else's people too, and after how long.

Anyone reads them as `coarse` lets them be known; the organisation itself reads its own figures as they are, inspectors all of them.
What others gave to an organisation's people stays coarse for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from errors import Unknown
from resolvers.aid import coarse
from resolvers.aid.coarse import FEWEST, SPREAD, Group, share, whole
from resolvers.aid.figures import Figures, Scope, scope_of
from resolvers.aid.inputs import shown
from resolvers.gather import moment
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.aid.ledger import Ledger
    from resolvers.gather import Gathering
    from resolvers.hub import Hub

KEPT: Final = 200
"""Reports for anyone that are kept until the day is over: many ask for the same."""

Finished = dict[str, Any]


class Transparency(Room):
    """Puts reports together."""

    def __init__(self, hub: Hub) -> None:
        """Keep nothing yet."""
        self.hub = hub
        self.figures = Figures(hub.database)
        self.roots: dict[str, Answers] = {"transparency_report": self.report}
        self._chance = hub.ring.subkey("transparency", hub.ring.root)
        self._kept: dict[tuple[Scope, date], Finished] = {}

    async def report(self, gathering: Gathering, field: Field) -> Any:
        """The report of what is named, for whom it is for.

        Raises:
            Invalid: a period, place or programme that cannot be.
            Unknown: no such organisation.
        """
        assert field.want is not None
        return shaped(field.want, await self.made(gathering.enquiry, field.arguments(gathering.variables)))

    async def made(self, enquiry: Enquiry, given: Mapping[str, Any]) -> Finished:
        """The whole report, as plain values."""
        organisation, exact = given.get("organisation"), self.exact(enquiry, given.get("organisation"))
        scope = scope_of(given, enquiry.now.date(), None if exact else coarse.period)
        if organisation is not None and organisation not in self.hub.organisations:
            raise Unknown("there is no such organisation", "give the id of one of `organisations`", "organisation")
        if exact:
            async with self.hub.large:
                copied = await self.figures.now(scope, enquiry.now)
                return await self._made(scope, copied, exact=True, inspected=self.hub.may(enquiry, "aid.inspect"))
        key = scope, enquiry.now.date()
        if key not in self._kept:
            async with self.hub.large:
                found = await self._made(scope, await self.figures.of_day(enquiry.now), exact=False, inspected=False)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = found
        return self._kept[key]

    def exact(self, enquiry: Enquiry, organisation: str | None) -> bool:
        """Whether a requester reads figures as they are: inspectors all, an organisation its own."""
        own = organisation is not None and organisation == enquiry.requester.organisation and self.hub.may(enquiry, "books.read")
        return own or self.hub.may(enquiry, "aid.inspect")

    # --- figures -------------------------------------------------------------------------------------------------

    async def _made(self, scope: Scope, copied: Ledger, *, exact: bool, inspected: bool) -> Finished:
        rows, chance = await self.figures.read(scope, copied), None if exact else self._chance
        ((people, mark, households),) = rows["people"]
        everybody = Group(people, whole(mark))
        brought = await self.figures.brought_at()
        amounts, left_out = _amounts(rows["amounts"], chance)
        ((_, _, *also),) = rows["overlap"]
        coverage, waiting = _needs(rows["needs"], chance)
        return {
            "organisation": scope.organisation,
            "programme": scope.programme,
            "place": scope.place,
            "from": scope.since,
            "to": scope.until,
            "exact": exact,
            "counted_at": moment(copied.made_at),
            "books_as_of": None if brought is None else moment(datetime.fromtimestamp(brought, UTC)),
            "people": _count(chance, everybody, "people"),
            "households": _count(chance, Group(households, everybody.mark), "households"),
            "left_out": left_out or (not exact and 0 < people < FEWEST),
            "amounts": amounts,
            "concentration": _concentration(rows["spread"], exact=exact),
            "coverage": coverage,
            "waiting": waiting,
            # What others gave is theirs to tell: exact for inspectors alone.
            "overlap": _overlap(everybody, also, None if inspected else self._chance),
        }


def _count(chance: bytes | None, group: Group, measure: str) -> int | None:
    return group.people if chance is None else coarse.count(chance, group, measure)


def _amounts(rows: Sequence[Any], chance: bytes | None) -> tuple[list[Finished], bool]:
    found, left_out = [], False
    for kind, currency, unit, people, mark, households, *sums in rows:
        total, largest, quantity, most = map(whole, sums)
        group = Group(people, whole(mark))
        if chance is not None:
            total_, quantity_ = coarse.amount(chance, group, total, largest), coarse.amount(chance, group, quantity, most)
            if total_ is None and quantity_ is None:
                left_out = True
                continue
        else:
            total_, quantity_ = total, quantity
        # What a source gives without an amount counts as a share in the queue, and here as a person alone.
        found.append(
            {
                "kind": kind,
                "currency": currency or None,
                "amount": shown(total_) if total_ is not None and currency else None,
                "unit": unit or None,
                "quantity": shown(quantity_) if quantity_ is not None and unit else None,
                "goods": bool(unit),
                "people": _count(chance, group, "people"),
                "households": _count(chance, Group(households, group.mark), "households"),
            }
        )
    return found, left_out


def _concentration(rows: Sequence[Any], *, exact: bool) -> list[Finished]:
    found = []
    for currency, tenths_ in groupby(rows, key=lambda row: str(row[0])):
        tenths = [(int(row[2]), float(row[3]), float(row[4])) for row in tenths_]
        people, total = sum(each[0] for each in tenths), sum(each[1] for each in tenths)
        if total <= 0 or people < (1 if exact else SPREAD):
            continue
        gini = 2 * sum(each[2] for each in tenths) / (people * total) - (people + 1) / people
        points, reached, held = [{"people": 0.0, "value": 0.0}], 0, 0.0
        for size, value, _ in tenths:
            reached, held = reached + size, held + value
            points.append({"people": round(reached / people, 2), "value": round(held / total, 2)})
        found.append({"currency": currency, "gini": round(max(gini, 0.0), 2), "lorenz": points})
    return found


def _needs(rows: Sequence[Any], chance: bytes | None) -> tuple[list[Finished], list[Finished]]:
    coverage, waiting = [], []
    for need, *counts in rows:
        assessed, mark, reached, reached_mark, served, served_mark, days, month, season = map(whole, counts)
        all_, some = _count(chance, Group(assessed, mark), "assessed"), _count(chance, Group(reached, reached_mark), "reached")
        if all_ is not None:
            coverage.append({"need": need, "assessed": all_, "reached": some, "share": share(some, all_)})
        waited = _count(chance, Group(served, served_mark), "served")
        if waited:
            mean = days / served
            waiting.append(
                {
                    "need": need,
                    "served": waited,
                    "mean_days": round(mean) if chance is None else 5 * round(mean / 5),
                    "within_month": _count(chance, Group(month, served_mark), "month"),
                    "within_quarter": _count(chance, Group(season, served_mark), "season"),
                }
            )
    return coverage, waiting


def _overlap(everybody: Group, also: Sequence[Any], chance: bytes | None) -> Finished | None:
    other, other_mark, same, same_mark = map(whole, also)
    all_, others = _count(chance, everybody, "people"), _count(chance, Group(other, other_mark), "others")
    if not all_:
        return None
    return {"people": all_, "others": others, "same_kind": _count(chance, Group(same, same_mark), "same"), "share": share(others, all_)}
