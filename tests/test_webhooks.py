"""News reach an organisation's own address: signed, in order, until they are taken; and nothing else is reached."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.posting import Outcome, Poster
from errors import Invalid
from privacy.webhooks import TOLERANCE_SECONDS, is_genuine, signed_headers
from stanzas import WebhookRules
from tables.webhooks import webhook, webhook_delivery
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.hearing import OK, Heard, Receiver, receiving

HERE = ("127.0.0.0/8",)

REGISTER = """
mutation Register($input: WebhookRegisterInput!) {
  webhookRegister(input: $input) {
    __typename
    ... on WebhookRegistered { secret webhook { id url topics state } }
    ... on Refusal { code message hint field }
  }
}
"""
ONE = """
mutation One($id: ID!) {
  %s(input: { id: $id }) { __typename ... on %s { %s } ... on Refusal { code message hint } }
}
"""
REMOVE = ONE % ("webhookRemove", "WebhookRemoved", "id")
RESUME = ONE % ("webhookResume", "WebhookResumed", "webhook { id state }")
REPLACE = ONE % ("webhookSecretReplace", "WebhookRegistered", "secret")
LOG = "query Log($id: ID!) { webhookDeliveries(webhook: $id) { id topic state attempts fault status } }"
GRANT = "mutation($input: ConsentGrantInput!) { consentGrant(input: $input) { ... on ConsentGranted { consent { id } } } }"
WITHDRAW = "mutation($id: ID!) { consentWithdraw(input: { id: $id }) { __typename } }"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody to send to."""
    async with receiving() as server:
        yield server


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub of one's own that may send to this machine, and tries again at once."""
    settings = copied(country, tmp_path / "hub")
    rules = WebhookRules(networks=HERE, timeout_seconds=1, pauses_seconds=(0, 0))
    async with asking(country, settings.model_copy(update={"hub": settings.hub.model_copy(update={"webhooks": rules})})) as opened:
        yield opened


async def changed(hub: Asking, document: str, variables: dict[str, Any], who: str = "crescent-app") -> dict[str, Any]:
    """The one payload or refusal of a mutation."""
    (result,) = (await hub.data(document, who, variables)).values()
    assert isinstance(result, dict)
    return result


async def registered(hub: Asking, receiver: Receiver, topics: Sequence[str] = ("consent.ended",)) -> str:
    """Register a receiver, and give the webhook's id."""
    made = await changed(hub, REGISTER, {"input": {"url": receiver.url, "topics": [*topics]}})
    assert made["__typename"] == "WebhookRegistered", made
    receiver.secret = made["secret"]
    return str(made["webhook"]["id"])


async def withdrawn(hub: Asking, receiver: str = "crescent-aid", categories: tuple[str, ...] = ("NAME",)) -> None:
    """Mariam consents and takes it back."""
    ends = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    wish = {"receiver": receiver, "purpose": "AID_DISTRIBUTION", "categories": list(categories), "endsAt": ends}
    given = await changed(hub, GRANT, {"input": wish}, "mariam")
    await changed(hub, WITHDRAW, {"id": given["consent"]["id"]}, "mariam")


async def log_of(hub: Asking, which: str) -> list[dict[str, Any]]:
    """The deliveries of a webhook, newest first."""
    found: list[dict[str, Any]] = (await hub.data(LOG, "crescent-app", {"id": which}))["webhookDeliveries"]
    return found


async def rows(hub: Asking, table: sa.Table) -> list[Any]:
    """Everything in a table."""
    return list(await hub.hub.database.fetch(hub.hub.database.prepare(sa.select(table))))


MARIAM = '{ personByIdentifier(scheme: RATION_CARD, value: "2043862/1") { id } }'


async def test_a_withdrawal_reaches_the_receivers_address_in_its_own_pseudonym(hub: Asking, receiver: Receiver) -> None:
    which = await registered(hub, receiver)
    await withdrawn(hub, categories=("NAME", "BIRTH"))
    await hub.hub.outbox.send_due(to_the_end=True)
    (message,) = receiver.accepted
    hers = (await hub.data(MARIAM, "crescent-caseworker"))["personByIdentifier"]["id"]
    assert message.said["type"] == "consent.ended"
    assert message.said["data"] == {"person": hers, "purpose": "aid_distribution", "categories": ["name", "birth"], "mode": "view"}
    assert message.headers["content-type"] == "application/json"
    assert await log_of(hub, which) == [
        {"id": message.id, "topic": "consent.ended", "state": "DELIVERED", "attempts": 1, "fault": None, "status": 204}
    ]


async def test_what_was_sent_is_in_the_disclosure_record_before_it_leaves(hub: Asking, receiver: Receiver) -> None:
    seen: list[Any] = []
    question = "{ me { person { disclosures { organisation attributes } } } }"

    def answer(_: Heard) -> bytes:
        seen.append(asyncio.ensure_future(hub.data(question, "mariam")))
        return OK

    receiver.answer = answer
    await registered(hub, receiver)
    await withdrawn(hub)
    await hub.hub.outbox.send_due(to_the_end=True)
    entries = (await seen[0])["me"]["person"]["disclosures"]
    assert {"organisation": "crescent-aid", "attributes": ["ConsentEnded.person"]} in entries


async def test_nobody_is_sent_what_concerns_another(hub: Asking, receiver: Receiver) -> None:
    await registered(hub, receiver)
    await withdrawn(hub, "hope-network")
    assert await rows(hub, webhook_delivery) == []


async def test_of_a_class_of_receivers_only_those_who_know_the_person_are_told(hub: Asking, receiver: Receiver) -> None:
    which = await registered(hub, receiver)
    await withdrawn(hub, "kind:ngo")  # an own case of Crescent Aid
    await withdrawn(hub, "kind:ministry")
    await hub.hub.outbox.send_due(to_the_end=True)
    assert len(receiver.accepted) == 1
    enquiry = await hub.hub.enquiry(hub.keys["hope-caseworker"], None)
    person = (await hub.hub.enquiry(hub.keys["mariam"], None)).requester.person
    assert not await hub.hub.identity.held._used(enquiry, person or 0, 0)
    assert [each["state"] for each in await log_of(hub, which)] == ["DELIVERED"]


@pytest.mark.parametrize(
    ("answer", "fault", "status"),
    [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "STATUS", 500),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "REDIRECT", 302),
        (b"nonsense\r\n\r\n", "UNREACHABLE", None),
        (None, "TIMEOUT", None),
    ],
    ids=["broken", "redirecting", "garbled", "silent"],
)
async def test_a_message_that_is_not_taken_is_sent_again_and_then_dead(
    hub: Asking, receiver: Receiver, answer: bytes | None, fault: str, status: int | None
) -> None:
    """Failure 10.3a of identity."""
    which = await registered(hub, receiver)
    receiver.answer = lambda _: answer
    await withdrawn(hub)
    for attempt in (1, 2, 3):
        await hub.hub.outbox.send_due(to_the_end=True)
        ((line),) = await log_of(hub, which)
        assert (line["attempts"], line["fault"], line["status"]) == (attempt, fault, status)
        assert line["state"] == ("DEAD" if attempt == 3 else "WAITING")
    await hub.hub.outbox.send_due(to_the_end=True)
    assert len(receiver.heard) == 3  # it is left in peace
    assert len({each.id for each in receiver.heard}) == 1
    (state,) = [each["state"] for each in (await hub.data("{ webhooks { state } }", "crescent-app"))["webhooks"]]
    assert state == "SUSPENDED"
    receiver.answer = lambda _: OK
    assert (await changed(hub, RESUME, {"id": which}))["webhook"]["state"] == "ACTIVE"
    await hub.hub.outbox.send_due(to_the_end=True)
    assert [each.id for each in receiver.accepted] == [receiver.heard[0].id]
    assert (await changed(hub, RESUME, {"id": which}))["code"] == "CONFLICT"


async def test_a_receiver_that_is_down_is_tried_again(hub: Asking) -> None:
    async with receiving() as closed:
        which = await registered(hub, closed)
    await withdrawn(hub)
    await hub.hub.outbox.send_due(to_the_end=True)
    ((line),) = await log_of(hub, which)
    assert (line["state"], line["fault"]) == ("WAITING", "UNREACHABLE")


async def test_a_huge_answer_is_not_read(hub: Asking, receiver: Receiver) -> None:
    which = await registered(hub, receiver)
    receiver.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 100_000
    await withdrawn(hub)
    await hub.hub.outbox.send_due(to_the_end=True)
    ((line),) = await log_of(hub, which)
    assert (line["state"], line["status"]) == ("DELIVERED", 200)


async def test_a_receiver_that_is_gone_is_sent_nothing_more(hub: Asking, receiver: Receiver) -> None:
    which = await registered(hub, receiver)
    receiver.answer = lambda _: b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    await withdrawn(hub)
    for _ in range(2):
        await hub.hub.outbox.send_due(to_the_end=True)
    assert len(receiver.heard) == 1
    assert [each["state"] for each in await log_of(hub, which)] == ["DEAD"]


async def test_messages_arrive_in_order_and_wait_for_one_that_fails(hub: Asking, receiver: Receiver) -> None:
    await registered(hub, receiver)
    refused: list[Heard] = []

    def answer(message: Heard) -> bytes:
        if not refused:
            refused.append(message)
            return b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"
        return OK

    receiver.answer = answer
    for category in ("NAME", "BIRTH", "PLACE"):
        await withdrawn(hub, categories=(category,))
    await hub.hub.outbox.send_due(to_the_end=True)
    assert len(receiver.heard) == 1
    await hub.hub.outbox.send_due(to_the_end=True)
    assert [each.said["data"]["categories"] for each in receiver.accepted] == [["name"], ["birth"], ["place"]]


async def test_two_processes_send_no_message_twice_nor_out_of_order(hub: Asking, receiver: Receiver, country: Country) -> None:
    await registered(hub, receiver)
    for category in ("NAME", "BIRTH", "PLACE", "FAMILY"):
        await withdrawn(hub, categories=(category,))
    async with asking(country, hub.hub.settings) as other:
        await asyncio.gather(*(each.hub.outbox.send_due(to_the_end=True) for each in (hub, other)))
    assert [each.said["data"]["categories"] for each in receiver.heard] == [["name"], ["birth"], ["place"], ["family"]]


async def test_a_message_of_a_change_that_was_undone_is_never_sent(hub: Asking, receiver: Receiver) -> None:
    await registered(hub, receiver)

    async def fails(change: Any) -> dict[str, Any]:
        change.tell("consent_ended", "crescent-aid", {"person": 1})
        raise Invalid("no", "never", "x")

    enquiry = await hub.hub.enquiry(hub.keys["mariam"], None)
    with pytest.raises(Invalid):
        await hub.hub.writing.run(enquiry, "consent.withdraw", fails)
    assert await rows(hub, webhook_delivery) == []


async def test_the_served_hub_pushes_within_seconds_by_itself(hub: Asking, receiver: Receiver) -> None:
    await registered(hub, receiver)
    async with hub.hub.duties.attended():
        await withdrawn(hub)
        await receiver.until(1)
    assert len(receiver.accepted) == 1


# --- replay and forgery ----------------------------------------------------------------------------------------------


async def test_a_message_heard_on_the_way_cannot_be_sent_again(hub: Asking, receiver: Receiver) -> None:
    """Failure 10.3b of identity."""
    await registered(hub, receiver)
    await withdrawn(hub)
    await hub.hub.outbox.send_due(to_the_end=True)
    (message,) = receiver.accepted
    at = int(message.headers["webhook-timestamp"])
    receiver.take(message)  # at once: its id was seen
    assert len(receiver.accepted) == 1
    assert is_genuine(receiver.secret, message.headers, message.body, at + TOLERANCE_SECONDS)
    for now in (at + TOLERANCE_SECONDS + 1, at - TOLERANCE_SECONDS - 1):  # later: its time is past
        assert not is_genuine(receiver.secret, message.headers, message.body, now)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        changed_one = {**message.headers, name: message.headers[name][:-1] + ("1" if message.headers[name][-1] != "1" else "2")}
        assert not is_genuine(receiver.secret, changed_one, message.body, at)
        assert not is_genuine(receiver.secret, {key: value for key, value in message.headers.items() if key != name}, message.body, at)
    assert not is_genuine(receiver.secret, message.headers, message.body + b" ", at)


def test_a_signature_is_what_standard_webhooks_says() -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    headers = signed_headers(secret, "msg_1", 1_700_000_000, b'{"a":1}')
    expected = base64.b64encode(hmac.new(b"k" * 32, b'msg_1.1700000000.{"a":1}', hashlib.sha256).digest()).decode()
    assert headers == {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": f"v1,{expected}"}
    both = {**headers, "webhook-signature": f"v1a,other {headers['webhook-signature']}"}
    assert is_genuine(secret, both, b'{"a":1}', 1_700_000_000)
    for at in ("", "x", "-1", "9" * 40, "\u0661\u0667"):
        assert not is_genuine(secret, {**headers, "webhook-timestamp": at}, b'{"a":1}', 1_700_000_000)
    assert not is_genuine("whsec_%%", headers, b'{"a":1}', 1_700_000_000)


async def test_a_replaced_secret_signs_from_then_on(hub: Asking, receiver: Receiver) -> None:
    which = await registered(hub, receiver)
    old, receiver.secret = receiver.secret, (await changed(hub, REPLACE, {"id": which}))["secret"]
    await withdrawn(hub)
    await hub.hub.outbox.send_due(to_the_end=True)
    (message,) = receiver.accepted
    assert not is_genuine(old, message.headers, message.body, int(message.headers["webhook-timestamp"]))


async def test_secret_and_address_are_shown_to_nobody_who_reads_the_tables(hub: Asking, receiver: Receiver) -> None:
    await registered(hub, receiver)
    await withdrawn(hub)
    text = str(await rows(hub, webhook))
    assert receiver.secret not in text
    assert receiver.secret.removeprefix("whsec_") not in text
    assert "hooks?for=hub" not in text
    assert "secret" not in json.dumps(await hub.data("{ webhooks { id url topics state createdAt } }", "crescent-app"))


# --- who may, and whereto --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "ftp://example.org/hook",
        "https://user:secret@example.org/hook",
        "https://example.org/hook#part",
        "https://10.0.0.7/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hook",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:192.168.1.1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a00:1::]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://exa mple.org/",
        "https:///hook",
        "https://example.org:99999/",
        "javascript:alert(1)",
        "",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_an_address_that_may_not_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        Poster(WebhookRules()).check(url)
    assert caught.value.field == "url"
    assert caught.value.hint


async def test_a_webhook_to_an_address_inside_is_not_registered(hub: Asking) -> None:
    """Failure 10.1a of identity."""
    refusal = await changed(hub, REGISTER, {"input": {"url": "https://169.254.169.254/latest", "topics": ["consent.ended"]}})
    assert (refusal["__typename"], refusal["code"], refusal["field"]) == ("Refusal", "INVALID", "url")
    assert await rows(hub, webhook) == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], ["100.64.0.1"], []],
)
async def test_a_name_that_leads_to_a_private_address_is_not_followed(addresses: list[str]) -> None:
    """Failure 10.3c of identity."""

    async def resolves(_: str, __: int) -> list[Any]:
        return [ip_address(each) for each in addresses]

    poster = Poster(WebhookRules(), resolves)
    assert await poster.post("https://rebinding.example/hook", {}, b"{}") == Outcome("ADDRESS")


async def test_the_connection_is_made_to_the_address_that_was_looked_at_and_greets_the_name() -> None:
    looked: list[str] = []
    greeted: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def resolves(host: str, _: int) -> list[Any]:
        looked.append(host)
        return [ip_address("127.0.0.1")]

    poster = Poster(WebhookRules(networks=HERE), resolves)
    outcome = await poster.post(f"https://no-such-name.example:{port}/hook", {}, b"{}")
    assert looked == ["no-such-name.example"]
    assert outcome == Outcome("UNREACHABLE")  # it does not speak TLS there
    (hello,) = greeted
    assert hello[0] == 22  # a handshake
    assert b"no-such-name.example" in hello
    await poster.close()
    server.close()


async def test_an_unknown_topic_is_refused(hub: Asking) -> None:
    """Failure 10.1b of identity."""
    for topics in ([], ["consent.eaten"], ["consent.ended", "%"]):
        refusal = await changed(hub, REGISTER, {"input": {"url": "https://example.org/", "topics": topics}})
        assert (refusal["code"], refusal["field"]) == ("INVALID", "topics")
    assert await rows(hub, webhook) == []


async def test_an_organisation_has_only_so_many_webhooks(hub: Asking) -> None:
    """Failure 10.1c of identity."""
    most = hub.hub.settings.hub.webhooks.most
    for number in range(most):
        await changed(hub, REGISTER, {"input": {"url": f"https://example.org/{number}", "topics": ["consent.ended"]}})
    refusal = await changed(hub, REGISTER, {"input": {"url": "https://example.org/x", "topics": ["consent.ended"]}})
    assert refusal["code"] == "LIMIT_REACHED"
    assert len(await rows(hub, webhook)) == most


async def test_a_webhook_of_another_organisation_is_there_for_nobody_else(hub: Asking, receiver: Receiver, country: Country) -> None:
    """Failure 10.1d of identity."""
    which = await registered(hub, receiver)
    enquiry = await hub.hub.enquiry(hub.keys["crescent-app"], None)
    foreign = type(enquiry)(
        type(enquiry.requester)(
            "hope-app",
            enquiry.requester.role,
            "hope-network",
            "hope-network",
            enquiry.requester.organisation_kind,
            True,
            enquiry.requester.purposes,
        ),
        enquiry.purpose,
        enquiry.now,
    )
    for act in (hub.hub.identity.webhooks.remove, hub.hub.identity.webhooks.resume, hub.hub.identity.webhooks.replace_secret):
        codes = []
        for id_ in (which, "0" * 32):
            with pytest.raises(Exception, match="there is no such webhook") as caught:
                await act(foreign, id_)
            codes.append(type(caught.value).__name__)
        assert codes == ["Unknown", "Unknown"]
    assert len(await rows(hub, webhook)) == 1
    for who in ("crescent-caseworker", "mariam", "public", "inspector"):
        body = await hub.ask(REMOVE, who, {"id": which})
        assert {each["extensions"]["code"] for each in body["errors"]} == {"GRAPHQL_INVALID"}


async def test_a_removed_webhook_is_sent_nothing_and_forgotten(hub: Asking, receiver: Receiver) -> None:
    which = await registered(hub, receiver)
    await withdrawn(hub)
    assert (await changed(hub, REMOVE, {"id": which}))["id"] == which
    await withdrawn(hub)
    await hub.hub.outbox.send_due(to_the_end=True)
    assert receiver.heard == []
    assert await rows(hub, webhook) == await rows(hub, webhook_delivery) == []
    assert (await hub.data(LOG, "crescent-app", {"id": which}))["webhookDeliveries"] is None
