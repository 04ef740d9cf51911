"""Letters leave through the operator's own server, to the organisation's own address, and tell of nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from connectors.mailing import Mailer
from stanzas import MailRules
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_census import SET, waits
from tests.test_webhooks import LOG, REGISTER

NOW = datetime.now(UTC)
TO = "aid@crescent-aid.example"


@dataclass(slots=True)
class Post:
    """A mail server that takes letters, or answers something else to a recipient."""

    port: int = 0
    answer: str = "250 taken"
    letters: list[bytes] = field(default_factory=list)

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak SMTP (RFC 5321), as little of it as a letter needs."""
        writer.write(b"220 here\r\n")
        while line := (await reader.readline()).decode().strip():
            word = line.split(" ", maxsplit=1)[0].upper()
            if word == "DATA":
                writer.write(b"354 go on\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.letters.append(text.removesuffix(b"\r\n.\r\n"))
            if word == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            writer.write(f"{self.answer if word == 'RCPT' else '250 taken'}\r\n".encode())
        writer.close()


@asynccontextmanager
async def post(answer: str = "250 taken") -> AsyncIterator[Post]:
    """A mail server on this machine."""
    made = Post(answer=answer)
    async with await asyncio.start_server(made.attend, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


def rules(port: int, **more: Any) -> MailRules:
    return MailRules(host="127.0.0.1", port=port, sender="hub@hub.example", security=more.pop("security", "none"), **more)


@asynccontextmanager
async def hub_with(country: Country, folder: Path, mail: MailRules) -> AsyncIterator[Asking]:
    """A hub that may send letters, and knows Crescent Aid's address."""
    settings = copied(country, folder)
    ours = settings.organisations["crescent-aid"].model_copy(update={"mail": TO})
    organisations = {**settings.organisations, "crescent-aid": ours}
    own = settings.hub.model_copy(update={"mail": mail})
    async with asking(country, settings.model_copy(update={"hub": own, "organisations": organisations})) as opened:
        yield opened


async def test_a_letter_is_plain_text_from_the_hub_itself() -> None:
    async with post() as server:
        outcome = await Mailer(rules(server.port)).send(TO, "msg_1", "Need grew", "السلام عليكم\n")
        assert (outcome.fault, outcome.status) == (None, 250)
        letter = message_from_bytes(server.letters[0], policy=policy.default)
        assert (letter["From"], letter["To"], letter["Message-ID"]) == ("hub@hub.example", TO, "<msg_1@hub.example>")
        assert letter.get_body().get_content().strip() == "السلام عليكم"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("answer", "security", "fault"),
    [("550 nobody of that name", "none", "STATUS"), ("421 later", "none", "STATUS"), ("250 taken", "starttls", "UNREACHABLE")],
)
async def test_what_the_server_refuses_is_a_fault_and_nothing_leaves_in_clear_instead(answer: str, security: str, fault: str) -> None:
    async with post(answer) as server:
        outcome = await Mailer(rules(server.port, security=security)).send(TO, "msg_1", "Need grew", "x")
        assert outcome.fault == fault
        assert server.letters == []


async def test_no_server_no_letter() -> None:
    assert (await Mailer(MailRules()).send(TO, "msg_1", "Need grew", "x")).fault == "ADDRESS"
    assert (await Mailer(rules(1)).send(TO, "msg_1", "Need grew", "x")).fault == "UNREACHABLE"


async def test_an_alert_is_told_by_letter_in_three_languages(country: Country, tmp_path: Path) -> None:
    async with post() as server, hub_with(country, tmp_path / "hub", rules(server.port)) as hub:
        asked = {"input": {"url": f"mailto:{TO}", "topics": ["need.alerted"]}}
        made = (await hub.data(REGISTER, "crescent-app", asked))["webhookRegister"]
        assert made["__typename"] == "WebhookRegistered"
        await hub.data(SET, "crescent-manager", {"input": {"need": "HEALTH", "atLeast": 500}})
        await waits(hub, range(900_001, 900_601), 80, need="health")
        await hub.hub.aid.censuses.take(NOW + timedelta(hours=1))
        await hub.hub.outbox.send_due(to_the_end=True)
        (text,) = server.letters
        letter = message_from_bytes(text, policy=policy.default)
        said = letter.get_body().get_content()  # type: ignore[union-attr]
        assert letter["Subject"] == "mizalla: Need reached your threshold."
        assert "بلغ حجم الحاجة" in said
        assert "گەیشتە" in said
        assert "health · * · * · unserved: " in said
        (sent,) = (await hub.data(LOG, "crescent-app", {"id": made["webhook"]["id"]}))["webhookDeliveries"]
        assert (sent["topic"], sent["state"]) == ("need.alerted", "DELIVERED")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"url": "mailto:somebody@elsewhere.example"}, "url"),
        ({"url": f"mailto:{TO}?bcc=somebody@elsewhere.example"}, "url"),
        ({"topics": ["need.alerted", "consent.ended"]}, "topics"),
    ],
)
async def test_letters_go_nowhere_else_and_tell_of_no_person(asked: dict[str, Any], field: str, country: Country, tmp_path: Path) -> None:
    async with hub_with(country, tmp_path / "hub", rules(1)) as hub:
        given = {"url": f"mailto:{TO}", "topics": ["need.alerted"], **asked}
        answer = (await hub.data(REGISTER, "crescent-app", {"input": given}))["webhookRegister"]
        assert (answer["code"], answer["field"]) == ("INVALID", field)


async def test_without_a_mail_server_no_address_is_taken(country: Country, tmp_path: Path) -> None:
    async with hub_with(country, tmp_path / "hub", MailRules()) as hub:
        given = {"url": f"mailto:{TO}", "topics": ["need.alerted"]}
        assert (await hub.data(REGISTER, "crescent-app", {"input": given}))["webhookRegister"]["field"] == "url"
