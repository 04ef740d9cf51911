"""A wallet in Python: a device's key pair and the documents it sends, for tests, documentation and clients to start from.

    wallet = Wallet(over_http("http://127.0.0.1:8000"), "http://127.0.0.1:8000")
    await wallet.enrol({"scheme": "NATIONAL_NUMBER", "number": "…", "name": "…", "motherName": "…", "birthYear": 1981}, "my phone")
    await wallet.sign_in()
    answer = await wallet.ask("{ me { person { name disclosures { at organisation } } } }")

It signs with another library than the hub verifies with, so that the two agree on the standard and not on a habit.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Asks = Callable[[str, Mapping[str, Any] | None, Mapping[str, str]], Awaitable[dict[str, Any]]]
"""Sends a document, its variables and headers, and gives the body of the answer."""

ENROLMENT = "enrolment { id status score findings source witness papers readyAt }"
REFUSAL = "... on Refusal { code message hint field }"
CHALLENGE = "{ challenge { challenge endsAt } }"
APPLY = f"""mutation ($input: EnrolmentApplyInput!) {{
  enrolmentApply(input: $input) {{ ... on EnrolmentApplied {{ {ENROLMENT} }} {REFUSAL} }} }}"""
WITNESS = f"""mutation ($input: EnrolmentWitnessInput!) {{
  enrolmentWitness(input: $input) {{ ... on EnrolmentApplied {{ {ENROLMENT} }} {REFUSAL} }} }}"""
COMPLETE = f"""mutation ($input: EnrolmentCompleteInput!) {{
  enrolmentComplete(input: $input) {{ ... on EnrolmentApplied {{ {ENROLMENT} }} {REFUSAL} }} }}"""
SIGN_IN = f"""mutation ($input: SessionOpenInput!) {{
  sessionOpen(input: $input) {{ ... on SessionOpened {{ token endsAt device }} {REFUSAL} }} }}"""
SIGN_OUT = f"mutation {{ sessionClose {{ ... on SessionClosed {{ endedAt }} {REFUSAL} }} }}"
ADD = f"""mutation ($input: DeviceAddInput!) {{
  deviceAdd(input: $input) {{ ... on DevicesChanged {{ devices {{ id name publicKey addedAt endedAt }} }} {REFUSAL} }} }}"""
REMOVE = f"""mutation ($input: DeviceRemoveInput!) {{
  deviceRemove(input: $input) {{ ... on DevicesChanged {{ devices {{ id name publicKey addedAt endedAt }} }} {REFUSAL} }} }}"""
CLOSE = f"""mutation ($input: IdentityCloseInput!) {{
  identityClose(input: $input) {{ ... on IdentityClosed {{ closedAt }} {REFUSAL} }} }}"""
WALLET = "{ wallet { openedAt devices { id name publicKey addedAt endedAt } recoveries { id device askedAt readyAt } } }"
OBJECT = f"""mutation ($input: RecoveryObjectInput!) {{
  recoveryObject(input: $input) {{ ... on EnrolmentApplied {{ {ENROLMENT} }} {REFUSAL} }} }}"""


class Wallet:
    """One device of a person."""

    def __init__(self, asks: Asks, origin: str, private_key: str | None = None) -> None:
        """Make a key pair, or take the one given; `origin` is the hub's own, as browsers see it."""
        self.asks = asks
        self.origin = origin
        self._key = Ed25519PrivateKey.from_private_bytes(_raw(private_key)) if private_key else Ed25519PrivateKey.generate()
        self.public_key = _text(self._key.public_key().public_bytes_raw())
        self.token: str | None = None

    @property
    def private_key(self) -> str:
        """The private half, for samples alone: a real wallet cannot give it."""
        return _text(self._key.private_bytes_raw())

    async def proof(self, act: str, about: str = "", challenge: str | None = None) -> dict[str, str]:
        """Sign a challenge, a fresh one where none is given, for one act."""
        if challenge is None:
            challenge = (await self.asks(CHALLENGE, None, {}))["data"]["challenge"]["challenge"]
        signed = f"mizalla wallet 1\n{act}\n{self.origin}\n{challenge}\n{about}".encode()
        return {"publicKey": self.public_key, "origin": self.origin, "challenge": challenge, "signature": _text(self._key.sign(signed))}

    async def enrol(self, particulars: Mapping[str, Any], device: str) -> dict[str, Any]:
        """Apply for an identity, and give the application or the refusal."""
        given = {"particulars": particulars, "device": device, "proof": await self.proof("enrolment.apply")}
        return await self._change(APPLY, "enrolmentApply", given, signed_in=False)

    async def complete(self, enrolment: str) -> dict[str, Any]:
        """Complete a recovery."""
        given = {"id": enrolment, "proof": await self.proof("enrolment.complete", enrolment)}
        return await self._change(COMPLETE, "enrolmentComplete", given, signed_in=False)

    async def sign_in(self) -> dict[str, Any]:
        """Sign in, and keep the token where it is given."""
        given = await self._change(SIGN_IN, "sessionOpen", {"proof": await self.proof("session.open")}, signed_in=False)
        self.token = given.get("token")
        return given

    async def sign_out(self) -> dict[str, Any]:
        """Sign out."""
        return await self._change(SIGN_OUT, "sessionClose", None)

    async def add(self, other: Wallet, name: str) -> dict[str, Any]:
        """Let another device in."""
        proof, joining = await self.proof("device.add", other.public_key), await other.proof("device.join")
        return await self._change(ADD, "deviceAdd", {"name": name, "proof": proof, "joining": joining})

    async def remove(self, device: str) -> dict[str, Any]:
        """End a device."""
        return await self._change(REMOVE, "deviceRemove", {"id": device})

    async def object(self, recovery: str) -> dict[str, Any]:
        """Object to a recovery."""
        return await self._change(OBJECT, "recoveryObject", {"id": recovery})

    async def close(self) -> dict[str, Any]:
        """Close the identity."""
        return await self._change(CLOSE, "identityClose", {"proof": await self.proof("identity.close")})

    async def state(self) -> dict[str, Any]:
        """The devices and what waits."""
        found: dict[str, Any] = (await self.ask(WALLET))["data"]["wallet"]
        return found

    async def ask(self, document: str, variables: Mapping[str, Any] | None = None, acting_for: str | None = None) -> dict[str, Any]:
        """Ask as the person, or in the place of another."""
        headers = {"authorization": f"Bearer {self.token}"} | ({} if acting_for is None else {"mizalla-acting-for": acting_for})
        return await self.asks(document, variables, headers)

    async def _change(self, document: str, name: str, given: Any, *, signed_in: bool = True) -> dict[str, Any]:
        variables = None if given is None else {"input": given}
        body = await (self.ask(document, variables) if signed_in else self.asks(document, variables, {}))
        if body.get("data") is None:
            raise RuntimeError(body["errors"][0]["extensions"]["code"])
        changed: dict[str, Any] = body["data"][name]
        return changed


def over_http(url: str) -> Asks:
    """Ask the hub at this address."""

    async def asks(document: str, variables: Mapping[str, Any] | None, headers: Mapping[str, str]) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=url) as client:
            sent = {"query": document, "variables": variables}
            answer: dict[str, Any] = (await client.post("/graphql", json=sent, headers=dict(headers))).json()
            return answer

    return asks


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
