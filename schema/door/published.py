"""What anyone may fetch without a credential, so that what the hub signed can be checked without the hub.

Everything here is the same for whoever fetches it: a verifier that reads a whole status list does not tell which place it looks at.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schema.door.http import refused_body

if TYPE_CHECKING:
    from schema.door.live import Live

HEADERS = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}
"""Verifiers run in browsers too; nothing here is anyone's own."""

NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
"""How a status list is numbered: each has one address."""

MEDIA = "application/json; charset=utf-8"


class Published:
    """Keys, the issuer's description, descriptions of types, status lists."""

    def __init__(self, live: Live) -> None:
        """Nothing is kept: keys may be rotated, lists change."""
        self.live = live

    def routes(self) -> list[Route]:
        """Where they stand."""
        return [
            Route("/.well-known/jwks.json", self.keys),
            Route("/.well-known/jwt-vc-issuer", self.issuer),
            Route("/attestations/{name}", self.type),
            Route("/status/{number}", self.status),
        ]

    async def keys(self, _: Request) -> Response:
        """The JWK Set of everything the hub signs."""
        return self._json((await self.live.now()).hub.attester.key_set(), 300)

    async def issuer(self, _: Request) -> Response:
        """The issuer's description (SD-JWT VC)."""
        return self._json((await self.live.now()).hub.attester.metadata(), 300)

    async def type(self, request: Request) -> Response:
        """The description of a type."""
        found = (await self.live.now()).hub.identity.attestations.described(request.path_params["name"])
        return self._nothing() if found is None else self._json(found, 300)

    async def status(self, request: Request) -> Response:
        """A signed status list."""
        number = NUMBER.fullmatch(request.path_params["number"])
        commands = (await self.live.now()).hub.identity.attestations
        listed = await commands.status_list(int(number[0]), datetime.now(UTC)) if number else None
        if listed is None:
            return self._nothing()
        return Response(listed, 200, {**HEADERS, "cache-control": "public, max-age=60"}, "application/statuslist+jwt")

    @staticmethod
    def _json(content: object, seconds: int) -> Response:
        return JSONResponse(content, 200, {**HEADERS, "cache-control": f"public, max-age={seconds}"}, MEDIA)

    @staticmethod
    def _nothing() -> Response:
        body = refused_body("there is nothing at this address", "see /.well-known/jwt-vc-issuer")
        return JSONResponse(body, 404, {"cache-control": "no-store"}, MEDIA)
