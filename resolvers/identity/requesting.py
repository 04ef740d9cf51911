"""Requests for help as each may see them: the public, organisations that could help, the two sides, inspectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from errors import Invalid, NotPermitted
from privacy.requests import AidRequest, Message
from privacy.standing import epoch
from resolvers.events import NOTHING
from resolvers.gather import Gathering, moment
from resolvers.identity.requests import RANKS, RequestCommands, thing
from resolvers.room import Answers, Keys, Room, Shows, page_size
from resolvers.want import Field, Want, shaped
from values import Condition, Enquiry, Role, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub

REQUEST = "request"
"""The grounds of such a look: the person asked for help."""

PLAIN = ("AidRequest.need", "AidRequest.urgency", "AidRequest.governorate", "AidRequest.district", "AidRequest.words")
ASSURED = ("AidRequest.needClass", "AidRequest.household", "AidRequest.unservedSince")


EVERYTHING = Want("AidRequest", (Field("messages", "messages", want=Want("AidMessage", ())),))
"""What a change shows of the request, for the record."""


class RequestAnswers(Room):
    """Reading requests, and watching them."""

    def __init__(self, hub: Hub, commands: RequestCommands) -> None:
        """Name the root fields answered here."""
        self.hub = hub
        self.commands = commands
        self.kept = commands.kept
        self.roots: dict[str, Answers] = {
            "aid_requests": self.listed,
            "aid_request": self.single,
            "my_aid_requests": self.own,
            "promised_aid_requests": self.promised,
            "aid_request_steps": self.steps,
            "aid_request_complaints": self.complaints,
        }
        self.subjects = {"aid_request": commands.behind}
        self.watched: dict[str, tuple[Keys, Shows]] = {
            "aid_request_opened": (self._anybody, self._shown),
            "aid_request_changed": (self._side, self._shown),
        }

    # --- root fields ---------------------------------------------------------------------------------------------

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """Those that wait for somebody, most urgent and oldest first."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        first = page_size(self.hub, arguments["first"])
        helps = self.hub.may(enquiry, "aid_request.promise")
        organisation = (enquiry.requester.organisation or "") if helps else ""
        urgency = arguments.get("urgency")
        wanted = {
            "need": arguments.get("need") or "",
            "governorate": arguments.get("governorate") or "",
            "urgency": -1 if urgency is None else _rank(urgency),
        }
        after = self._after(enquiry, arguments.get("after"))
        found = await self.kept.waiting(organisation, epoch(enquiry.now), wanted, after or (-1, 0, 0), first + 1)
        return await self._connection(gathering, field.want, found[:first], more=len(found) > first, began=after is not None)

    async def promised(self, gathering: Gathering, field: Field) -> Any:
        """Those the organisation promised last, newest first."""
        self.hub.demand(gathering.enquiry, "aid_request.promise")
        first = page_size(self.hub, field.arguments(gathering.variables)["first"])
        return await self.shown(gathering, field.want, await self.kept.helped(gathering.enquiry.requester.organisation or "", first))

    async def single(self, gathering: Gathering, field: Field) -> Any:
        """One request by this requester's own name for it; None for what it may not know."""
        assert field.want is not None
        found = await self.kept.one(self.commands.number(gathering.enquiry, str(field.arguments(gathering.variables)["id"])))
        if found is None or not self.commands.sees(gathering.enquiry, found):
            return None
        return (await self.shown(gathering, field.want, [found]))[0]

    async def own(self, gathering: Gathering, field: Field) -> Any:
        """The person's own, newest first."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "aid_request.open")
        assert gathering.enquiry.requester.person is not None
        return await self.shown(gathering, field.want, await self.kept.of_person(gathering.enquiry.requester.person))

    async def steps(self, gathering: Gathering, field: Field) -> Any:
        """The signed steps of a request, for its two sides and inspectors; None for others."""
        assert field.want is not None
        enquiry = gathering.enquiry
        found = await self.kept.one(self.commands.number(enquiry, str(field.arguments(gathering.variables)["id"])))
        oversees = self.hub.may(enquiry, "aid_request.oversee")
        if found is None or not (oversees or self.commands.side(enquiry, found)):
            return None
        gathering.shown.append(Shown(("AidRequest.steps",), ("hub",), (found.person,), self._grounds(enquiry, found)))
        trace = await self.hub.writing.trace(thing(found.number))
        return shaped(field.want, [{**_step(each), "by": each.organisation or each.role} for each in trace])

    async def complaints(self, gathering: Gathering, field: Field) -> Any:
        """What people complained of and organisations reported, newest first; for inspectors."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "aid_request.oversee")
        rows = await self.kept.complaints(page_size(self.hub, field.arguments(gathering.variables)["first"]))
        inner = field.want.first("request")
        requests = [None] * len(rows) if inner is None else await self.shown(gathering, inner.want, [row[0] for row in rows])
        finished = []
        for (_, by, words, at), request in zip(rows, requests, strict=True):
            value = {"by": by or None, "words": words, "at": _instant(at)}
            made = {}
            for each in field.want.fields:
                made[each.key] = request if each.name == "request" else field.want.type if each.name == "__typename" else value[each.name]
            finished.append(made)
        return finished

    # --- shaping -------------------------------------------------------------------------------------------------

    async def shown(self, gathering: Gathering, want: Want | None, requests: Sequence[AidRequest]) -> list[Any]:
        """Requests as this requester may see them; each look stands in the record of who asks."""
        assert want is not None
        rows = await self.rows(gathering.enquiry, requests, messages="messages" in want.names())
        for request, row in zip(requests, rows, strict=True):
            coordinates = PLAIN + (ASSURED if row["assurances"] is not None else ()) + (("AidRequest.messages",) if row["messages"] else ())
            gathering.shown.append(Shown(coordinates, ("hub",), (request.person,), self._grounds(gathering.enquiry, request)))
        return [shaped(want, row) for row in rows]

    async def told(self, gathering: Gathering, request: AidRequest) -> dict[str, Any]:
        """One request after a change of it, with all there is to show; the look is recorded like any other."""
        await self.shown(gathering, EVERYTHING, [request])
        return (await self.rows(gathering.enquiry, [request], messages=True))[0]

    async def rows(self, enquiry: Enquiry, requests: Sequence[AidRequest], *, messages: bool) -> list[dict[str, Any]]:
        """Plain objects of the schema."""
        name = self.hub.identifier(enquiry, "aid_request")
        sides = [self.commands.side(enquiry, each) for each in requests]
        assures = self.hub.may(enquiry, "aid_request.promise") or self.hub.may(enquiry, "aid_request.oversee")
        numbers = [each.number for each, side in zip(requests, sides, strict=True) if side is not None]
        written = await self.kept.messages(numbers) if messages and numbers else []
        return [
            self._row(enquiry, each, side, name(each.number), written, assures=assures or side is not None)
            for each, side in zip(requests, sides, strict=True)
        ]

    def _row(
        self, enquiry: Enquiry, each: AidRequest, side: str | None, name: str, written: Sequence[Message], *, assures: bool
    ) -> dict[str, Any]:
        state = each.stands(epoch(enquiry.now))
        talk = [
            {"side": one.side.upper(), "words": one.words, "at": _instant(one.at)}
            for one in written
            if one.request == each.number and (side == "person" or one.helper == enquiry.requester.organisation)
        ]
        promised = state == "promised" and side is not None and each.promised_until is not None
        return {
            "id": name,
            "need": each.need,
            "urgency": RANKS[each.rank],
            "governorate": each.governorate or None,
            "district": each.district or None,
            "words": each.words,
            "openness": each.openness.upper(),
            "asked_on": datetime.fromtimestamp(each.asked_at, UTC).date().isoformat(),
            "state": state.upper(),
            "assurances": _assurances(each.assured) if assures else None,
            "helper": each.helper if side is not None and state != "opened" else None,
            "promised_until": _instant(each.promised_until or 0) if promised else None,
            "messages": talk if side is not None else None,
        }

    async def _connection(self, gathering: Gathering, want: Want, found: Sequence[AidRequest], *, more: bool, began: bool) -> Any:
        receiver = gathering.enquiry.requester.receiver
        places = [orjson.dumps([each.rank, each.asked_at, each.number]) for each in found]
        cursors = [self.hub.pseudonyms.seal(receiver, "aid_request", each) for each in places]
        finished: dict[str, Any] = {}
        for each in want.fields:
            if each.name == "nodes":
                finished[each.key] = await self.shown(gathering, each.want, found)
            elif each.name == "edges":
                finished[each.key] = await self._edges(gathering, each.want, found, cursors)
            elif each.name == "page_info":
                ends = {"start_cursor": cursors[0] if cursors else None, "end_cursor": cursors[-1] if cursors else None}
                assert each.want is not None
                finished[each.key] = shaped(each.want, {"has_next_page": more, "has_previous_page": began, **ends})
            else:
                finished[each.key] = want.type
        return finished

    async def _edges(self, gathering: Gathering, want: Want | None, found: Sequence[AidRequest], cursors: Sequence[str]) -> Any:
        assert want is not None
        columns: list[tuple[str, Sequence[Any]]] = []
        for each in want.fields:
            if each.name == "node":
                columns.append((each.key, await self.shown(gathering, each.want, found)))
            else:
                columns.append((each.key, cursors if each.name == "cursor" else [want.type] * len(found)))
        return [{key: values[place] for key, values in columns} for place in range(len(found))]

    def _after(self, enquiry: Enquiry, cursor: Any) -> tuple[int, int, int] | None:
        if cursor is None:
            return None
        opened = self.hub.pseudonyms.unseal(enquiry.requester.receiver, "aid_request", str(cursor))
        if opened is None:
            raise Invalid("this cursor is not one of this requester's", "start again without `after`", "after")
        rank, at, number = orjson.loads(opened)
        return rank, at, number

    def _grounds(self, enquiry: Enquiry, request: AidRequest) -> str:
        return Condition.SELF.value if enquiry.requester.person == request.person else REQUEST

    # --- news ----------------------------------------------------------------------------------------------------

    def _anybody(self, enquiry: Enquiry) -> str:
        if not self.hub.may(enquiry, "aid_request.promise"):
            raise NotPermitted("only organisations that can help are told of requests", "use the credential of its staff")
        return "all"

    def _side(self, enquiry: Enquiry) -> str:
        if enquiry.requester.role is Role.PERSON and self.hub.may(enquiry, "aid_request.open"):
            return f"person:{enquiry.requester.person}"
        if self.hub.may(enquiry, "aid_request.promise") and enquiry.requester.organisation is not None:
            return enquiry.requester.organisation
        raise NotPermitted("only the two sides of a request are told of it", "use the credential of one of them")

    async def _shown(self, gathering: Gathering, field: Field, news: Mapping[str, Any]) -> Any:
        """The request as it stands now, to who may still see it now."""
        request = await self.kept.one(news["id"])
        if request is None or not self.commands.sees(gathering.enquiry, request):
            return NOTHING
        return (await self.shown(gathering, field.want, [request]))[0]


def _assurances(assured: Mapping[str, Any]) -> dict[str, Any]:
    names = ("need_class", "household", "unserved_since", "as_of")
    return {name: assured.get(name) for name in names}


def _rank(urgency: Any) -> int:
    """The place of an urgency in the lists, however the argument came."""
    return int(getattr(urgency, "value", urgency))


def _step(step: Any) -> dict[str, Any]:
    return {"at": _instant(step.at), "act": step.act, "state": step.state.upper()}


def _instant(seconds: int) -> str | None:
    return moment(datetime.fromtimestamp(seconds, UTC))
