"""Organisations that write to each other: their keys, and what they seal for whom."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from privacy import messages
from tables.exchange.messages import message, message_box, message_key, message_part, thread, thread_party
from tables.identity.references import reference_use
from tables.writing import command, step
from tests.asking import Asking
from values import Purpose, Role

PUBLISH = """mutation ($input: MessageKeyPublishInput!) { messageKeyPublish(input: $input) {
    __typename ... on MessageKeyChanged { key { organisation version fingerprint continues revokedAt } }
    ... on Refusal { code field hint } } }"""
WRITTEN = (message, message_box, message_key, message_part, thread, thread_party, reference_use, command, step)
WHO = {"crescent-aid": "crescent", "hope-network": "hope", "rafidain-relief": "rafidain"}


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def later(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Office:
    """An organisation at its desk, with its secret keys in its own drawer."""

    def __init__(self, hub: Asking, organisation: str) -> None:
        self.hub = hub
        self.organisation = organisation
        self.manager, self.caseworker = f"{WHO[organisation]}-manager", f"{WHO[organisation]}-caseworker"
        self.seed, first = messages.new_keys()
        self.secrets = [first]

    @property
    def public(self) -> bytes:
        return messages.public_of(self.secrets[-1])

    async def did(self, document: str, who: str | None = None, **variables: Any) -> Any:
        """The payload or refusal of a mutation, or the answer of a query with one field."""
        ((_, answer),) = (await self.hub.data(document, who or self.caseworker, variables)).items()
        return answer

    def key(self, **changed: Any) -> dict[str, Any]:
        """The input that publishes the newest key."""
        until = changed.pop("untilAt", later(300))
        version, signing = changed.get("version", len(self.secrets)), messages.signing_public(self.seed)
        seconds = int(datetime.fromisoformat(until).timestamp())
        signature = messages.signed(self.seed, messages.statement(self.organisation, version, self.public, signing, seconds))
        good = {"version": version, "publicKey": text(self.public), "signingKey": text(signing), "signature": text(signature)}
        return {**good, "untilAt": until, **changed}

    async def publish(self, **changed: Any) -> Any:
        return await self.did(PUBLISH, self.manager, input=self.key(**changed))

    def sealed(self, said: str, to: Sequence[Office], *attached: tuple[str, bytes]) -> dict[str, Any]:
        """What `messageSend` takes of a message to some offices."""
        parties = {each.organisation: each for each in (self, *to)}
        receivers = {name: each.public for name, each in parties.items()}
        made = messages.sealed(said, attached, (self.organisation, self.secrets[-1]), receivers)
        boxes = [{"organisation": name, "version": len(parties[name].secrets), "box": text(box)} for name, box in made.boxes.items()]
        return {"sealed": text(made.parts[0]), "attachments": [text(each) for each in made.parts[1:]], "boxes": boxes}

    def opened(self, found: Mapping[str, Any], sender: Office, parties: Sequence[str], *parts: str) -> dict[str, Any]:
        """What a message of `messages` says."""
        raw = [base64.b64decode(each) for each in (found["sealed"], *parts)]
        public = messages.public_of(sender.secrets[found["senderKey"] - 1])
        secret = self.secrets[found["key"] - 1]
        return messages.opened(raw, base64.b64decode(found["box"]), (sender.organisation, public), parties, secret)


async def counts(hub: Asking, tables: Sequence[sa.Table] = WRITTEN) -> list[int]:
    """How many rows every table has that a command may write."""
    database = hub.hub.database
    return [int((await database.fetch(database.prepare(sa.select(sa.func.count()).select_from(each))))[0][0]) for each in tables]


async def issued(hub: Asking) -> None:
    """Give the staff of the three organisations keys of a hub over another database."""
    now = int(datetime.now(UTC).timestamp())
    for organisation, short in WHO.items():
        for role in (Role.MANAGER, Role.CASEWORKER):
            name = f"{short}-{role.value}"
            purposes = [Purpose.AID_DISTRIBUTION, Purpose.CASE_MANAGEMENT]
            hub.keys[name] = await hub.hub.credentials.issue(name, "staff", organisation, role, purposes, now, None)
