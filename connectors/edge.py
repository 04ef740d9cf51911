"""An operator of the edge key, asked over HTTP: blinded elements go out, evaluations come back and are held against their proof.

Used by the source's side (`mizalla edge blind`), and by a hub that shares its key with another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import httpx
import orjson

from errors import SourceDown, SourceGarbled, SourceSlow
from privacy.edge import SUITE
from privacy.oprf import Unproved
from stanzas import EdgeOperator

QUESTION = """mutation Evaluate($input: EdgeEvaluateInput!) {
  edgeEvaluate(input: $input) { __typename ... on EdgeEvaluated { elements proof } ... on Refusal { code hint } }
}"""

PATIENCE = 30.0
"""Seconds for one batch: a thousand elements take the operator a sixth of one."""


class Operator:
    """One operator, by its stanza."""

    def __init__(self, operator: EdgeOperator, client: httpx.AsyncClient | None = None) -> None:
        """Nothing is reached yet; a client that is given is closed by whoever gave it."""
        self.operator = operator
        self.public = bytes.fromhex(operator.public_key)
        self._given = client
        self._client = client

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None and self._given is None:
            await self._client.aclose()
            self._client = None

    async def evaluate(self, elements: Sequence[bytes]) -> list[bytes]:
        """The elements evaluated under the operator's key, which its proof shows.

        Raises:
            SourceSlow: no answer in time.
            SourceDown: it cannot be reached, or refused us: no credential, or no more evaluations today.
            SourceGarbled: what came is no evaluation, or is not proved.
        """
        given = {"source": self.operator.source, "elements": [each.hex() for each in elements]}
        made = await self._ask({"query": QUESTION, "variables": {"input": given}})
        if made.get("__typename") == "Refusal":
            raise SourceDown(self.operator.url, f"the operator refuses: {made.get('code')}", str(made.get("hint")))
        try:
            evaluated, proof = [bytes.fromhex(each) for each in made["elements"]], bytes.fromhex(made["proof"])
            await asyncio.to_thread(SUITE.verify, self.public, elements, evaluated, proof)
        except (Unproved, KeyError, TypeError, ValueError):
            raise self._garbled("the operator did not prove what it answered", "compare its public key with the one it gave you") from None
        return evaluated

    async def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False, trust_env=False)
        headers = {"Authorization": f"Bearer {self.operator.key.get_secret_value()}", "Content-Type": "application/json"}
        try:
            response = await self._client.post(f"{self.operator.url.rstrip('/')}/graphql", content=orjson.dumps(body), headers=headers)
        except httpx.TimeoutException:
            raise SourceSlow(self.operator.url, "the operator did not answer in time", "try again; what is done stays done") from None
        except httpx.TransportError:
            raise SourceDown(self.operator.url, "the operator cannot be reached", "try again; what is done stays done") from None
        try:
            answer = orjson.loads(response.content)
            made = (answer.get("data") or {}).get("edgeEvaluate")
        except (orjson.JSONDecodeError, AttributeError):
            made = None
        if response.status_code in {401, 403} or (made is None and response.status_code < 500):
            raise SourceDown(
                self.operator.url, "the operator refused our credential", "use a key of an app of the source's steward, and its purpose"
            )
        if not isinstance(made, dict):
            raise self._garbled("the operator did not answer with an evaluation", "see that its address is a hub's")
        return made

    def _garbled(self, message: str, hint: str) -> SourceGarbled:
        return SourceGarbled(self.operator.url, message, hint)


class Evaluates(Protocol):
    """Whoever holds a share of the key."""

    async def evaluate(self, elements: Sequence[bytes]) -> list[bytes]:
        """Evaluate elements under the share."""
        ...


async def outputs(operators: Sequence[Evaluates], messages: Sequence[bytes]) -> list[bytes]:
    """The outputs of messages, which no operator sees: all operators at once, and every one is needed.

    Raises:
        SourceError: an operator failed, see `Operator.evaluate`.
    """
    blinded = await asyncio.to_thread(lambda: [SUITE.blind(each) for each in messages])
    elements = [each.element for each in blinded]
    shares = await asyncio.gather(*(each.evaluate(elements) for each in operators))

    def finish() -> list[bytes]:
        return [SUITE.finalize(each, results) for each, results in zip(blinded, zip(*shares, strict=True), strict=True)]

    return await asyncio.to_thread(finish)
