"""The commands for what leaves the hub by itself: an operator sees how messages go, anybody checks a receipt without the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from click.testing import CliRunner, Result

from cli import main
from privacy.receipts import keys_in
from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES
from settings import Settings
from tables.webhooks import webhook, webhook_delivery
from tests.asking import copied
from tests.country import Country


@pytest.fixture
def own(country: Country, tmp_path: Path) -> Settings:
    """The settings of a copy, whose hub may be written to."""
    return copied(country, tmp_path / "own")


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Commands set up logging for their own process; here it is everybody's."""
    yield
    structlog.reset_defaults()


def mizalla(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, arguments)


def done(settings: Settings, work: Any) -> Any:
    """Do something with the opened hub of these settings."""

    async def opened() -> Any:
        async with Hub(settings, CATALOGUE, PUBLIC_NAMES) as hub:
            return await work(hub)

    coroutine: Coroutine[Any, Any, Any] = opened()
    return asyncio.run(coroutine)


async def _dead(hub: Hub) -> str:
    """A suspended webhook with one dead message, one that waits and one that was taken."""
    seal = hub.outbox.secrets.seal
    row = {"id": "a" * 32, "organisation": "crescent-aid", "topics": " consent_ended ", "state": "suspended", "created_at": 1, "next_at": 0}
    sealed = {"url": seal("a" * 32, "url", "https://secret.example/x"), "secret": seal("a" * 32, "secret", hub.outbox.secrets.new())}
    line = {"webhook": "a" * 32, "topic": "consent_ended", "body": "{}", "at": 1_800_000_000, "attempts": 3, "last_at": 1_800_000_100}
    async with hub.database.transaction() as tx:
        await tx.execute(hub.database.prepare(sa.insert(webhook)), {**row, **sealed, "claim": None, "claimed_until": 0})
        for number, state in enumerate(("delivered", "dead", "waiting"), 1):
            how = {"fault": "STATUS" if state == "dead" else None, "status": 500 if state == "dead" else None}
            await tx.execute(hub.database.prepare(sa.insert(webhook_delivery)), {**line, **how, "number": number, "state": state})
    return "a" * 32


def test_an_operator_sees_what_is_dead_and_has_it_sent_again(own: Settings) -> None:
    which, config = done(own, _dead), ("--config", str(own.path))
    listed = mizalla("webhooks", "list", *config).stdout
    assert listed.split() == [which, "crescent-aid", "consent.ended", "suspended", "waiting", "1", "dead", "1"]
    assert "secret.example" not in listed
    log = mizalla("webhooks", "log", *config, which).stdout.splitlines()
    assert [line.split()[3] for line in log] == ["waiting", "dead", "delivered"]
    assert log[1].endswith("attempts 3  500 STATUS")
    assert mizalla("webhooks", "resend", *config, which).stdout == "1 to be sent again\n"
    assert mizalla("webhooks", "list", *config).stdout.split()[3:] == ["active", "waiting", "2", "dead", "0"]


def test_a_webhook_that_is_not_there_is_said_in_one_line(own: Settings) -> None:
    for command in ("log", "resend"):
        result = mizalla("webhooks", command, "--config", str(own.path), "b" * 32)
        assert result.exit_code == 1
        assert result.stderr == "Error: there is no such webhook. Remedy: `mizalla webhooks list` names them.\n"


@pytest.fixture
def receipt(own: Settings, tmp_path: Path) -> tuple[Path, Path]:
    """A receipt of one of the cast and the keys the hub publishes, in files, and nothing else."""
    asked = mizalla("ask", "--config", str(own.path), "--as", "umm-hassan", "{ me { person { consents { receipt } } } }")
    text = json.loads(asked.stdout)["data"]["me"]["person"]["consents"][0]["receipt"]
    (tmp_path / "receipt.json").write_text(text, encoding="utf-8")
    keys = Hub(own, CATALOGUE, PUBLIC_NAMES).attester.key_set()
    (tmp_path / "jwks.json").write_text(json.dumps(keys), encoding="utf-8")
    return tmp_path / "receipt.json", tmp_path / "jwks.json"


def test_anybody_checks_a_receipt_with_nothing_but_the_published_keys(receipt: tuple[Path, Path], own: Settings) -> None:
    file, keys = receipt
    for path in own.folder.glob("keys.json"):
        path.unlink()  # the hub's own secrets are not needed
    result = mizalla("receipt", "verify", str(file), "--keys", str(keys))
    assert result.exit_code == 0
    assert result.stdout.startswith("genuine, as of ")
    record = json.loads(file.read_text(encoding="utf-8"))["record"]
    assert f"receiver   {record['piiController']}" in result.stdout
    assert "used       as often as needed" in result.stdout


def test_a_receipt_that_was_changed_or_signed_by_others_is_not_genuine(receipt: tuple[Path, Path]) -> None:
    file, keys = receipt
    genuine = json.loads(file.read_text(encoding="utf-8"))

    def verdict(changed: Any) -> tuple[int, str]:
        file.write_text(changed if isinstance(changed, str) else json.dumps(changed), encoding="utf-8")
        result = mizalla("receipt", "verify", str(file), "--keys", str(keys))
        return result.exit_code, result.stdout

    assert verdict(genuine)[0] == 0
    no = 1, "not genuine: no published key signed exactly this\n"
    for name in genuine["record"]:
        assert verdict({**genuine, "record": {**genuine["record"], name: "changed"}}) == no
    for version in (2, 99, "1", None, True, 1.0):
        assert verdict({**genuine, "signature": {**genuine["signature"], "keyVersion": version}}) == no
    assert verdict({"record": genuine["record"]}) == no
    assert verdict("not a receipt") == no
    own_key = {**genuine["signature"], "publicKey": "A" * 43 + "=", "value": "A" * 86 + "=="}
    assert verdict({**genuine, "signature": own_key}) == no  # the key that it brings along is not believed


SHORT = '{"keys": [{"kid": "signature-1", "x": "AAAA", "version": 1}]}'


@pytest.mark.parametrize("published", ["", "{}", "[]", '{"keys": []}', SHORT, '{"keys": [{"kid": 1}]}'])
def test_what_is_no_set_of_keys_is_said_in_one_line(receipt: tuple[Path, Path], published: str) -> None:
    file, keys = receipt
    keys.write_text(published, encoding="utf-8")
    result = mizalla("receipt", "verify", str(file), "--keys", str(keys))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: this is not a set of published keys.")
    with pytest.raises(ValueError, match="published keys"):
        keys_in(published.encode())
