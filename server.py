"""The HTTP server: Starlette routes over one opened hub. Wiring only; nobody imports this but `cli.py` and uvicorn."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door import Door
from schema.over_http import GraphQLOverHTTP
from settings import Settings


def application(settings: Settings) -> Starlette:
    """The ASGI application of these settings; the hub opens with its lifespan."""
    hub = Hub(settings, CATALOGUE, PUBLIC_NAMES)
    door = Door(hub, SCHEMA)
    sdl = SCHEMA.as_str() + "\n"

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with hub:
            # Rows are never part of cycles: collecting them at every 700 objects costs a tenth of a large answer.
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 50, 1000)
            yield

    async def healthz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> JSONResponse:
        sources = {name: gate.state.status.name for name, gate in hub.gates.items()}
        return JSONResponse({"ready": hub.ready, "sources": sources}, 200 if hub.ready else 503)

    async def schema_text(_: Request) -> PlainTextResponse:
        return PlainTextResponse(sdl, media_type="text/plain; charset=utf-8")

    return Starlette(
        routes=[
            Route("/graphql", GraphQLOverHTTP(door), methods=None),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/schema.graphql", schema_text),
        ],
        lifespan=lifespan,
    )


def serve(settings: Settings) -> None:
    """Serve until stopped. Access logs stay off: a URL may carry what belongs in no log."""
    uvicorn.run(
        application(settings),
        host=settings.hub.host,
        port=settings.hub.port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=120,
        server_header=False,
    )
