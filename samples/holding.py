"""Two of the cast who hold wallets, one of whom acts for her child: enrolled through the hub as anybody is.

Their devices' keys are written to a file that only its owner may read, so that documentation, tests and the curious can sign in as them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resolvers.hub import Hub
from samples.cast import member
from samples.wallet import Wallet
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Door, Request
from settings import Settings

HOLDERS = ("nadia", "aram")
"""Whose wallets they are."""

WARDS = {"nadia": "omar"}
"""Who acts for whom: a mother for her son."""

WARD = """mutation ($input: GuardianshipApplyInput!) { guardianshipApply(input: $input) {
  ... on GuardianshipApplied { status guardianship { id } } ... on Refusal { code message } } }"""


async def seed_wallets(settings: Settings, path: Path) -> int:
    """Enrol the holders, establish the guardianship, and write the devices' keys; gives how many there are.

    Raises:
        RuntimeError: the registry does not bear somebody of the cast out.
    """
    address = settings.hub.address or f"http://{settings.hub.host}:{settings.hub.port}"
    made = []
    async with Hub(settings, CATALOGUE, PUBLIC_NAMES) as hub:
        door = Door(hub, SCHEMA)

        async def asks(document: str, variables: Mapping[str, Any] | None, headers: Mapping[str, str]) -> dict[str, Any]:
            token = headers["authorization"].removeprefix("Bearer ") if "authorization" in headers else None
            return (await door.answer(Request(document, None, variables), await hub.enquiry(token, None))).body

        for name in HOLDERS:
            wallet = Wallet(asks, address)
            given = await wallet.enrol(said_by(name), f"phone of {name}")
            if given.get("enrolment", {}).get("status") != "VERIFIED":
                raise RuntimeError(f"the registry does not know {name}")
            await wallet.sign_in()
            if name in WARDS:
                ward = said_by(WARDS[name])
                del ward["motherName"]
                answer = (await wallet.ask(WARD, {"input": ward}))["data"]["guardianshipApply"]
                if answer.get("status") != "ESTABLISHED":
                    raise RuntimeError(f"the registry does not name {name} as a parent")
            await wallet.sign_out()
            made.append({"holder": name, "device": f"phone of {name}", "publicKey": wallet.public_key, "privateKey": wallet.private_key})
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(made, file, indent=2)
    return len(made)


def said_by(name: str) -> dict[str, Any]:
    """What one of the cast says of itself when it enrols."""
    found = member(name)
    return {
        "scheme": "NATIONAL_NUMBER",
        "number": found.national_number,
        "name": f"{found.given} {found.father} {found.grandfather} {found.surname}",
        "motherName": found.mother,
        "birthYear": found.born.year,
    }
