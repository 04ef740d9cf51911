"""`GET /iati/activities.xml`: programmes as IATI activities, for anyone; the same for whoever fetches it, and written once an hour."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from schema.door.http import refused_body

if TYPE_CHECKING:
    from schema.door.live import Live

HEADERS: Final = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff", "cache-control": "public, max-age=3600"}
HOUR: Final = 3600


class Activities:
    """Gives the file."""

    def __init__(self, live: Live) -> None:
        """Nothing is written before it is asked for."""
        self.live = live
        self._kept: tuple[int, bytes | None] = (0, None)
        self._writing = asyncio.Lock()

    async def get(self, _: Request) -> Response:
        """The activities, as an hour ago at most; nothing where there is no programme."""
        now = datetime.now(UTC)
        hour = int(now.timestamp()) // HOUR
        async with self._writing:  # whoever comes meanwhile waits for what is being written
            if self._kept[0] != hour or self._kept[1] is None:
                self._kept = hour, await (await self.live.now()).hub.aid.activities.written(now)
        if self._kept[1] is None:
            body = refused_body("there are no activities yet", "organisations open programmes with programmeOpen")
            return JSONResponse(body, 404, {"cache-control": "no-store"}, "application/json; charset=utf-8")
        return Response(self._kept[1], 200, HEADERS, "application/xml; charset=utf-8")
