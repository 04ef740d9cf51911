"""What becomes of complaints, broken glass and openings is told to their parties as it happens, and to nobody too early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from privacy.standing import epoch
from resolvers.hub import Hub
from schema import SCHEMA
from schema.door.door import Request
from schema.door.live import Live
from schema.door.streaming import Piece, Streams
from tables.oversight.inspection import glass, opening
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import COMPLAINT, FAMILY, found, looks, wait
from tests.test_transports import HERE
from values import Enquiry

REASON = "Her life is said to be in danger and nobody can reach her."
NUMBER = "990000000101"
BREAK = (
    """mutation ($input: GlassBreakInput!) { glassBreak(input: $input) { ... on GlassBroken { glass { id } } ... on Refusal { code } } }"""
)
TELL = "mutation ($id: ID!) { glassTell(input: {id: $id}) { ... on GlassMoved { glass { state } } ... on Refusal { code } } }"
ASK = """mutation ($input: OpeningAskInput!) { openingAsk(input: $input) {
    ... on OpeningMoved { opening { id } } ... on Refusal { code } } }"""
DECIDE = """mutation ($input: OpeningDecideInput!) { openingDecide(input: $input) {
    ... on OpeningMoved { opening { state } } ... on Refusal { code } } }"""
TAKE = "mutation ($id: ID!) { complaintTake(input: {id: $id}) { ... on ComplaintMoved { complaint { state } } ... on Refusal { code } } }"
GLASS = "subscription { glassChanged { id person state } }"
OPENING = "subscription { openingChanged { id person state } }"
COMPLAINTS = "subscription { complaintChanged { id person state body } }"


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def unchanged(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which nothing happens."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("parties") / "hub")) as opened:
        yield opened


class Listener:
    """One subscriber's stream."""

    def __init__(self, pieces: AsyncGenerator[Piece | None, None]) -> None:
        self.pieces = pieces

    async def next(self, seconds: float = 10) -> Any:
        """The body of the next event; signs of life are passed over."""
        async with asyncio.timeout(seconds):
            async for piece in self.pieces:
                if piece is not None:
                    return json.loads(piece.encoded)
        return None


@asynccontextmanager
async def listening(hub: Asking, who: str, question: str) -> AsyncIterator[Listener]:
    """Subscribe as somebody, who is watching when this is entered."""

    async def requester(opened: Hub) -> Enquiry:
        return await opened.enquiry(hub.keys.get(who), None)

    pieces = Streams(Live(hub.hub, SCHEMA)).stream(Request(question), requester, HERE).pieces()
    assert await anext(pieces) is None, "it watches"
    yield Listener(pieces)
    await pieces.aclose()


def told(body: dict[str, Any]) -> dict[str, Any]:
    """What the one field of an event shows."""
    ((value,),) = [body["data"].values()]
    return dict(value)


async def test_a_person_and_both_bodies_hear_of_a_broken_glass_each_by_an_id_of_its_own(hub: Asking) -> None:
    async with (
        listening(hub, "umm-hassan", GLASS) as hers,
        listening(hub, "integrity-officer", GLASS) as second,
        listening(hub, "inspector-2", GLASS) as own,
    ):
        given = {"person": await found(hub, "inspector", NUMBER), "reason": REASON}
        made = (await hub.data(BREAK, "inspector", {"input": given}))["glassBreak"]["glass"]["id"]
        events = [told(await each.next()) for each in (hers, second, own)]
    assert [each["state"] for each in events] == ["OPEN"] * 3
    assert events[2]["id"] == made
    assert len({each["id"] for each in events}) == 3
    (newest, *_) = (await hub.data("{ me { person { disclosures(first: 9) { organisation attributes } } } }", "umm-hassan"))["me"][
        "person"
    ]["disclosures"]
    assert newest["attributes"] == ["Person.id"], "an event is recorded as a look before it leaves"


async def test_who_is_told_later_hears_nothing_before(hub: Asking) -> None:
    """Failure 6.2a of oversight."""
    about = await hub.hub.enquiry(hub.keys["umm-hassan"], None)
    with hub.hub.watching.watch("glass_changed", about) as hers:
        given = {"person": await found(hub, "inspector", NUMBER), "reason": REASON}
        given |= {"tellAfter": wait(days=3).isoformat(), "delayBasis": REASON}
        async with listening(hub, "integrity-officer", GLASS) as second:
            await hub.data(BREAK, "inspector", {"input": given})
            theirs = told(await second.next())
        assert await hers.next(0) is None, "no news of it reached her at all"
        await hub.data(TELL, "integrity-officer", {"id": theirs["id"]})
        assert await hers.next(0) is not None


async def over(hub: Asking) -> None:
    """Let every delay have ended a moment ago."""
    async with hub.hub.database.transaction() as tx:
        for table in (glass, opening):
            past = hub.hub.database.prepare(sa.update(table).values(told_at=table.c.told_at - 4 * 86_400))
            await tx.execute(past)


async def test_who_is_told_later_hears_of_it_when_the_delay_is_over_without_anybody_doing_anything(hub: Asking) -> None:
    later = {"tellAfter": wait(days=3).isoformat(), "delayBasis": REASON}
    given = {"person": await found(hub, "inspector", NUMBER), "reason": REASON, **later}
    await hub.data(BREAK, "inspector", {"input": given})
    await hub.data(ASK, "inspector", {"input": {"subject": given["person"], "reason": REASON, "extreme": True, **later}})
    delays = hub.hub.oversight.later
    assert await delays.tell(datetime.now(UTC)) == 0
    assert await delays.pause(datetime.now(UTC)) == 60
    assert 0 < await delays.pause(wait(days=3, seconds=-5)) <= 7
    await over(hub)
    async with listening(hub, "umm-hassan", GLASS) as broken, listening(hub, "umm-hassan", OPENING) as asked, hub.hub.duties.attended():
        assert told(await broken.next())["state"] == "OPEN"
        assert told(await asked.next())["state"] == "ASKED"
    assert await delays.tell(datetime.now(UTC)) == 0, "each is told once"
    assert await delays.pause(datetime.now(UTC)) == 60, "nothing is left to wait for"


async def test_of_several_processes_one_tells_it_and_what_was_told_before_is_not_told_anew(hub: Asking) -> None:
    person = await found(hub, "inspector", NUMBER)
    later = {"tellAfter": wait(days=3).isoformat(), "delayBasis": REASON}
    await hub.data(BREAK, "inspector", {"input": {"person": person, "reason": REASON, **later}})
    await hub.data(ASK, "inspector", {"input": {"subject": person, "reason": REASON, "extreme": True}})
    await over(hub)
    count = await asyncio.gather(*(hub.hub.oversight.later.tell(datetime.now(UTC)) for _ in range(4)))
    assert sorted(count) == [0, 0, 0, 1]


async def test_whom_the_second_body_had_told_is_told_once(hub: Asking) -> None:
    person = await found(hub, "inspector", NUMBER)
    later = {"tellAfter": wait(days=3).isoformat(), "delayBasis": REASON}
    await hub.data(BREAK, "inspector", {"input": {"person": person, "reason": REASON, **later}})
    (theirs,) = (await hub.data("{ glasses { id } }", "integrity-officer"))["glasses"]
    await hub.data(TELL, "integrity-officer", {"id": theirs["id"]})
    assert await hub.hub.oversight.later.tell(datetime.now(UTC)) == 0


async def test_news_of_what_one_may_not_know_yet_show_nothing_whoever_sends_them(hub: Asking) -> None:
    """Failure 6.2a of oversight: each event is decided anew from the table."""
    given = {"person": await found(hub, "inspector", NUMBER), "reason": REASON, "tellAfter": wait(days=3).isoformat(), "delayBasis": REASON}
    made = (await hub.data(BREAK, "inspector", {"input": given}))["glassBreak"]["glass"]["id"]
    number = hub.hub.oversight.glass.number(await hub.hub.enquiry(hub.keys["inspector"], None), made)
    hers = {"person": await found(hub, "inspector", "990000000161"), "reason": REASON}
    async with listening(hub, "mariam", GLASS) as mariam, listening(hub, "umm-hassan", GLASS) as umm_hassan:
        for who in ("umm-hassan", "mariam"):
            for each in (number, 0):
                enquiry = await hub.hub.enquiry(hub.keys[who], None)
                hub.hub.watching.tell("glass_changed", f"person:{enquiry.requester.person}", {"id": each})
        other = (await hub.data(BREAK, "inspector", {"input": hers}))["glassBreak"]["glass"]["id"]
        assert told(await mariam.next())["state"] == "OPEN", "the first that she is shown is her own"
        known = hub.hub.oversight.glass.number(await hub.hub.enquiry(hub.keys["inspector"], None), other)
        hub.hub.watching.tell(
            "glass_changed", f"person:{(await hub.hub.enquiry(hub.keys['umm-hassan'], None)).requester.person}", {"id": known}
        )
        with pytest.raises(TimeoutError):
            await umm_hassan.next(0.3)


async def test_holder_and_asker_hear_of_an_opening_and_the_asker_not_who_before_it_is_open(hub: Asking) -> None:
    async with listening(hub, "umm-hassan", OPENING) as hers, listening(hub, "rafidain-caseworker", OPENING) as theirs:
        given = {"subject": await found(hub, "rafidain-caseworker", NUMBER), "reason": REASON}
        await hub.data(ASK, "rafidain-caseworker", {"input": given})
        mine, asked = told(await hers.next()), told(await theirs.next())
        assert (mine["state"], asked["state"], mine["id"] != asked["id"]) == ("ASKED", "ASKED", True)
        await hub.data(DECIDE, "umm-hassan", {"input": {"id": mine["id"], "approve": False}})
        assert told(await theirs.next())["state"] == "REFUSED"


async def test_the_second_body_hears_of_an_extreme_opening_and_not_who_it_is(hub: Asking) -> None:
    async with listening(hub, "integrity-officer", OPENING) as second:
        await hub.data(ASK, "inspector", {"input": {"subject": await found(hub, "inspector", NUMBER), "reason": REASON, "extreme": True}})
        event = told(await second.next())
    assert (event["state"], event["person"]) == ("ASKED", None)


async def test_an_inspectorate_hears_of_a_complaint_and_the_person_what_becomes_of_it(hub: Asking) -> None:
    await hub.data(FAMILY, "crescent-caseworker")
    entry = next(each["id"] for each in await looks(hub, "umm-hassan") if each["organisation"] == "crescent-aid")
    async with (
        listening(hub, "umm-hassan", COMPLAINTS) as hers,
        listening(hub, "inspector", COMPLAINTS) as body,
    ):
        officer = await hub.hub.enquiry(hub.keys["integrity-officer"], None)
        another = hub.hub.watching.watch("complaint_changed", officer)
        given = {"disclosure": entry, "text": "They looked although I never asked them for anything.", "body": "inspectorate"}
        await hub.data(COMPLAINT, "umm-hassan", {"input": given})
        filed = told(await body.next())
        assert (filed["state"], filed["person"]) == ("FILED", None)
        assert told(await hers.next())["state"] == "FILED"
        await hub.data(TAKE, "inspector", {"id": filed["id"]})
        assert told(await hers.next())["state"] == "IN_REVIEW"
        with another:
            assert await another.next(0) is None


@pytest.mark.parametrize(("who", "question"), [("hope-caseworker", GLASS), ("hope-caseworker", COMPLAINTS), ("public", OPENING)])
async def test_nobody_else_can_subscribe(who: str, question: str, unchanged: Asking) -> None:
    """Failure 6.6a of oversight."""

    async def requester(opened: Hub) -> Enquiry:
        return await opened.enquiry(unchanged.keys.get(who), None)

    first = await anext(Streams(Live(unchanged.hub, SCHEMA)).stream(Request(question), requester, HERE).pieces())
    assert first is not None
    assert json.loads(first.encoded)["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


async def test_a_revoked_credential_ends_the_stream_at_the_next_event(hub: Asking) -> None:
    """Failure 6.6b of oversight."""
    async with listening(hub, "integrity-officer", GLASS) as second:
        enquiry = await hub.hub.enquiry(hub.keys["integrity-officer"], None)
        await hub.hub.credentials.revoke(str(enquiry.requester.credential), epoch(enquiry.now))
        await hub.data(BREAK, "inspector", {"input": {"person": await found(hub, "inspector", NUMBER), "reason": REASON}})
        assert (await second.next())["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
