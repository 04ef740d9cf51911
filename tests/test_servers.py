"""What inspectors and people hold against each other, and what organisations are told, is kept alike on every database server."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from privacy import reports
from privacy.standing import epoch
from stanzas import WebhookRules
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.hearing import receiving
from tests.inspecting import COMPLAINT, HIDE, LOOKS, asked, found, refused, wait
from tests.test_account import COUNTS as GLASS_COUNTS
from tests.test_account import REPORT
from tests.test_asking import MADE, SEND, YES, by_number
from tests.test_glass import ASK as ASK_TO_KNOW
from tests.test_glass import BREAK, CONCUR, DECIDE, LIST, NOTE, OPENINGS, REASON, REVIEW
from tests.test_guardians import known
from tests.test_nameless import ACT, OPEN
from tests.test_reports import COUNTS, FILE, MOVE, PUBLISH, READ, REPLY, SECRET, filing, key
from tests.test_reports import LIST as REPORTS
from tests.test_webhooks import GRANT, HERE, REGISTER, WITHDRAW
from values import Purpose, Role

UMM_HASSAN, MARIAM = "990000000101", "990000000161"
HELD = "{ consentsHeld(first: 9) { person categories } }"
STAFF = {
    "inspector": ("inspectorate", Role.INSPECTOR, (Purpose.OVERSIGHT,)),
    "inspector-2": ("inspectorate", Role.INSPECTOR, (Purpose.OVERSIGHT,)),
    "integrity-officer": ("integrity-commission", Role.INSPECTOR, (Purpose.OVERSIGHT,)),
    "hope-caseworker": ("hope-network", Role.CASEWORKER, (Purpose.AID_DISTRIBUTION,)),
    "hope-app": ("hope-network", Role.DEVELOPER, (Purpose.AID_DISTRIBUTION,)),
}


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> str:
    """A database on each server."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def hub(url: str, country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub whose own tables are on a server; it knows two people of the cast, and its staff has keys."""
    settings = copied(country, tmp_path / "hub")
    rules = WebhookRules(networks=HERE, timeout_seconds=5, pauses_seconds=(0, 0))
    settings = settings.model_copy(update={"hub": settings.hub.model_copy(update={"database": url, "webhooks": rules})})
    async with asking(country, settings) as opened:
        await known(opened, {1: "umm-hassan", 2: "mariam"})
        now = epoch(datetime.now(UTC))
        for name, (organisation, role, purposes) in STAFF.items():
            opened.keys[name] = await opened.hub.credentials.issue(name, "staff", organisation, role, purposes, now, None)
        for name, number in (("umm-hassan", 1), ("mariam", 2)):
            opened.keys[name] = await opened.hub.credentials.issue(name, "person", None, Role.PERSON, (Purpose.SELF_ACCESS,), now, number)
        yield opened


async def did(hub: Asking, document: str, who: str, **given: Any) -> dict[str, Any]:
    """The payload of a mutation that is not refused."""
    ((answer),) = (await hub.data(document, who, {"input": given})).values()
    assert "code" not in answer, answer
    return dict(answer)


async def of(hub: Asking, document: str, who: str, at: datetime | None = None) -> list[dict[str, Any]]:
    """What a list shows."""
    ((listed),) = (await asked(hub, document, who, at=at)).values()
    return list(listed)


async def test_what_inspectors_do_is_kept_on_every_server(hub: Asking) -> None:
    """Hidden looks, a complaint, glass, an opening, a report and the numbers of all, with several at once where one may win."""
    hers = await found(hub, "inspector", UMM_HASSAN)
    looks = (await hub.data(LOOKS, "umm-hassan"))["me"]["person"]["disclosures"]
    entry = next(each["id"] for each in looks if each["organisation"] == "inspectorate")
    complaint = {"disclosure": entry, "text": "They looked although nothing had been asked of them."}
    filed = await asyncio.gather(*(hub.data(COMPLAINT, "umm-hassan", {"input": complaint}) for _ in range(3)))
    assert sorted(each["complaintFile"].get("code", "") for each in filed) == ["", "INVALID", "INVALID"]
    theirs = await found(hub, "integrity-officer", UMM_HASSAN)
    order = {
        "person": theirs,
        "organisation": "inspectorate",
        "basis": "Law 30 of 2011, article 14, first paragraph",
        "reference": "7/2026",
    }
    await asyncio.sleep(1.1)  # looks are hidden from a whole second on
    await did(hub, HIDE, "integrity-officer", **order, endsAt=wait(days=10).isoformat())
    await found(hub, "inspector", UMM_HASSAN)
    after = (await hub.data(LOOKS, "umm-hassan"))["me"]["person"]["disclosures"]
    assert [each["id"] for each in after if each["organisation"] == "inspectorate"] == [entry]
    given = {"input": {"person": hers, "reason": REASON, "categories": ["CONTACT"]}}
    made = await hub.data(BREAK, "inspector", given)
    assert made["glassBreak"]["glass"]["state"] == "OPEN"
    assert (await hub.data(BREAK, "inspector", given))["glassBreak"]["code"] == "CONFLICT"
    (second,) = await of(hub, LIST, "integrity-officer", wait(hours=2))
    judged = {"id": second["id"], "justified": True, "note": NOTE}
    assert (await asked(hub, REVIEW, "integrity-officer", {"input": judged}, wait(hours=2)))["glassReview"]["glass"]["state"] == "JUSTIFIED"
    assert (await hub.data(REPORT, "inspector"))["glassReport"][0]["justified"] == 1
    assert await of(hub, GLASS_COUNTS, "public", wait(days=200)) == []
    await did(hub, ASK_TO_KNOW, "inspector", subject=hers, reason=REASON, extreme=True)
    (asked_,) = await of(hub, OPENINGS, "integrity-officer")
    agreed = {"input": {"id": asked_["id"], "agree": True, "note": NOTE}}
    both = await asyncio.gather(*(hub.data(CONCUR, "integrity-officer", agreed) for _ in range(2)))
    assert sorted(each["openingConcur"].get("code", "") for each in both) == ["", "CONFLICT"]
    assert len(await of(hub, LIST, "umm-hassan")) == 2
    await did(hub, PUBLISH, "inspector", **key())
    code = reports.new_code()
    await did(hub, FILE, "public", **filing(code))
    assert await refused(hub, FILE, "public", filing(code)) == ("CONFLICT", None)
    (mine,) = await of(hub, REPORTS, "inspector")
    await hub.data(MOVE % "reportTake", "inspector", {"id": mine["id"]})
    content = reports.opened(base64.b64decode(mine["messages"][0]["sealed"]), SECRET)
    await did(hub, REPLY, "inspector", id=mine["id"], sealed=filing(code)["sealed"])
    talk = (await hub.data(READ, "public", {"token": reports.token_of(code)}))["reportConversation"]
    assert (talk["state"], len(talk["messages"]), bool(content)) == ("TAKEN", 2, True)
    assert await of(hub, COUNTS, "public", wait(days=200)) == []


async def test_what_people_agree_to_and_ask_for_is_kept_on_every_server(hub: Asking) -> None:
    """A request for consent, what is held, a withdrawal sent out, a request for help, and its person asked to be known."""
    ends = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    consent = {"receiver": "hope-network", "purpose": "AID_DISTRIBUTION", "categories": ["NAME"], "endsAt": ends}
    given = (await did(hub, GRANT, "mariam", **consent))["consent"]["id"]
    (held,) = await of(hub, HELD, "hope-caseworker")
    assert held["categories"] == ["NAME"]
    async with receiving() as receiver:
        receiver.secret = (await did(hub, REGISTER, "hope-app", url=receiver.url, topics=["consent.ended"]))["secret"]
        await hub.data(WITHDRAW, "mariam", {"id": given})
        await hub.hub.outbox.send_due(to_the_end=True)
        (message,) = receiver.accepted
    assert message.said["data"]["person"] == held["person"]
    assert await of(hub, HELD, "hope-caseworker") == []
    sent = (await hub.data(SEND, "hope-caseworker", by_number(UMM_HASSAN)))["consentRequestSend"]
    assert sent["request"]["state"] == "OPEN", sent
    (hers,) = (await hub.data("{ consentRequests { id } }", "umm-hassan"))["consentRequests"]
    yes = {"input": {"id": hers["id"], "categories": ["NAME"]}}
    both = await asyncio.gather(*(hub.data(YES, "umm-hassan", yes) for _ in range(2)))
    assert sorted(each["consentRequestGrant"].get("code", "") for each in both) == ["", "CONFLICT"]
    assert [each["state"] for each in await of(hub, MADE, "hope-caseworker")] == ["GRANTED"]
    wanted_ = {"need": "food", "urgency": "URGENT", "words": "نحتاج إلى حليب", "place": "NONE"}
    requested = await did(hub, OPEN, "umm-hassan", **wanted_)
    assert requested["aidRequest"]["id"]
    (waiting,) = (await hub.data("{ aidRequests { nodes { id } } }", "hope-caseworker"))["aidRequests"]["nodes"]
    await did(hub, ACT % ("Promise", "Promise"), "hope-caseworker", id=waiting["id"], days=2)
    await did(hub, ASK_TO_KNOW, "hope-caseworker", kind="aid_request", subject=waiting["id"], reason=REASON)
    mine = (await of(hub, OPENINGS, "umm-hassan"))[0]
    done = await asyncio.gather(*(hub.data(DECIDE, "umm-hassan", {"input": {"id": mine["id"], "approve": True}}) for _ in range(2)))
    assert sorted(each["openingDecide"].get("code", "") for each in done) == ["", "CONFLICT"]
    (theirs,) = await of(hub, OPENINGS, "hope-caseworker")
    assert (theirs["state"], theirs["person"] is not None) == ("OPENED", True)
