"""Pages for people, as files that the hub serves: HTML, scripts and a style, without a build step or anything of a third party.

A page knows no more than any other client: every datum comes by documented GraphQL operations, so that nothing is shown here that the
door at `/graphql` would not give. The headers forbid whatever the pages do not need, so that a text slipped into one could not act.
Source: W3C Content Security Policy Level 3; W3C Trusted Types.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}
"""What every file of a page is sent with; an old script beside a new hub would be worse than a request more."""

FILES: Final = {
    "/wallet": ("wallet.html", "text/html; charset=utf-8"),
    "/wallet/wallet.js": ("wallet.js", "text/javascript; charset=utf-8"),
    "/wallet/words.js": ("words.js", "text/javascript; charset=utf-8"),
    "/wallet/wallet.css": ("wallet.css", "text/css; charset=utf-8"),
}
"""Where each file stands. The addresses in the pages are relative, for hubs that are reached under a path."""


def routes() -> list[Route]:
    """Where the pages stand; their files are read once."""
    return [_route(path, name, media) for path, (name, media) in FILES.items()]


def _route(path: str, name: str, media: str) -> Route:
    content = (Path(__file__).parent / name).read_bytes()

    async def give(_: Request) -> Response:
        return Response(content, headers=HEADERS, media_type=media)

    return Route(path, give)
