"""`GET /schema.graphql`: the schema as whoever asks can use it, as text."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from errors import HubError
from schema.door.door import refused
from schema.door.http import STATUS, bearer
from schema.door.live import Live

HEADERS = {"cache-control": "no-store", "vary": "Authorization, Mizalla-Purpose"}
"""It differs by requester and purpose."""


class SchemaText:
    """Gives the variant of the asker: the public one without a credential."""

    def __init__(self, live: Live) -> None:
        """The door has the variants."""
        self.live = live

    async def get(self, request: Request) -> Response:
        """The text; a refused credential or purpose is told as at `/graphql`."""
        door = await self.live.now()
        try:
            token, ward = bearer(request.headers.getlist("authorization")), request.headers.get("mizalla-acting-for")
            enquiry = await door.hub.enquiry(token, request.headers.get("mizalla-purpose"), acting_for=ward)
        except HubError as error:
            status = STATUS.get(error.code, 400)
            challenge = {"www-authenticate": "Bearer"} if status == 401 else {}
            return JSONResponse(refused(error).body, status, {**HEADERS, **challenge}, "application/json; charset=utf-8")
        return PlainTextResponse(door.variants.of(enquiry).text, 200, HEADERS, "text/plain; charset=utf-8")
