"""GraphQL over HTTP: what a request must look like, and how an answer goes back.

After the GraphQL over HTTP specification: POST with JSON, GET for queries, `application/graphql-response+json` or
`application/json` by `Accept`. Every refusal has the same shape as a GraphQL error, with a code and a hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.requests import Request as HTTPRequest
from starlette.types import Receive, Scope, Send

from errors import HubError, Invalid, LimitReached, TimeLimit
from schema.door.admission import Account, too_large, within
from schema.door.door import Door, Request, Response, refused
from schema.door.live import Live
from schema.door.trusted import named

GRAPHQL_RESPONSE = b"application/graphql-response+json; charset=utf-8"
JSON = b"application/json; charset=utf-8"

STATUS = {"UNAUTHENTICATED": 401, "PURPOSE_NOT_ALLOWED": 403, "NOT_PERMITTED": 403, "READS_ONLY": 405}
"""Status codes of refusals that come before the document; a document's own errors are 400."""

UTF_8 = r"\s*(charset=\"?utf-8\"?\s*)?"
"""JSON is exchanged in UTF-8; another charset would be read as something else than was sent."""

Headers = tuple[tuple[bytes, bytes], ...]
NO_HEADERS: Headers = ()
VARY = b"Accept, Authorization, Mizalla-Acting-For, Mizalla-Purpose"
FURTHER: dict[int, Headers] = {401: ((b"www-authenticate", b"Bearer"),), 405: ((b"allow", b"POST"),)}
"""What a refusal of this status says besides."""


def refused_body(message: str, hint: str) -> dict[str, Any]:
    """The body of a refusal that comes before GraphQL, in the shape of a GraphQL error."""
    return {"errors": [{"message": message, "extensions": {"code": "HTTP_INVALID", "hint": hint}}]}


class HTTPRefused(Exception):
    """A request that is refused before it is read as GraphQL: its status, body and further headers."""

    def __init__(self, status: int, message: str, hint: str, headers: Headers = NO_HEADERS) -> None:
        """Keep the status, and put the sentences into the one shape."""
        self.status = status
        self.body = refused_body(message, hint)
        self.headers = headers


class Heads:
    """A request's headers, each decoded once; Starlette's decode at every look."""

    __slots__ = ("_values",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        """Servers give names in small letters."""
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in raw:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """The first value."""
        found = self._values.get(name.encode())
        return found[0].decode("latin-1") if found else default

    def find(self, name: str) -> str | None:
        """The first value; None where the header was not sent."""
        found = self._values.get(name.encode())
        return found[0].decode("latin-1") if found else None

    def getlist(self, name: str) -> list[str]:
        """Every value."""
        return [each.decode("latin-1") for each in self._values.get(name.encode(), ())]


class GraphQLOverHTTP:
    """The ASGI application of `/graphql`."""

    def __init__(self, live: Live) -> None:
        """Answers come from the door; this class only knows HTTP."""
        self.live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        http = HTTPRequest(scope, receive)
        heads = Heads(scope["headers"])
        media, headers = JSON, NO_HEADERS
        try:
            media = _accepted(", ".join(heads.getlist("accept")))
            response, body = await self._response(http, heads)
            status = status_of(response, media, draft=self.live.hub.settings.hub.draft_status)
            headers = FURTHER.get(status, NO_HEADERS) + response.headers
        except ClientDisconnect:
            return
        except HTTPRefused as refusal:
            status, body, headers = refusal.status, orjson.dumps(refusal.body), refusal.headers
            self._tell("HTTP_INVALID")
        except Exception as error:  # noqa: BLE001 — whatever it is, the client gets a reference and no more
            status, body = 500, orjson.dumps({"errors": [self.live.door.masked(error)]})
        await send_whole(send, status, media, body, headers)

    async def _response(self, http: HTTPRequest, heads: Heads) -> tuple[Response, bytes]:
        reads_only = http.method == "GET"
        body = _from_query(http.scope.get("query_string", b"")) if reads_only else await self._json(http, heads)
        door = await self.live.now()
        several = door.admission.batches and isinstance(body, list)
        wanted, address = heads.get("mizalla-explain") == "1", address_of(http)
        bodies = body if several else [body]
        requests = [request_of(each, reads_only=reads_only, address=address, cost=wanted) for each in bodies]
        try:
            token, ward = bearer(heads.getlist("authorization")), heads.find("mizalla-acting-for")
            enquiry = await door.hub.enquiry(token, heads.find("mizalla-purpose"), acting_for=ward)
        except HubError as error:
            return await self._stranger(door, error, http)
        limits = door.admission.limits[enquiry.requester.role]
        if several and not 0 < len(requests) <= limits.batch:
            raise HTTPRefused(400, f"a batch holds 1 to {limits.batch} requests", "send fewer at once")
        explain = wanted and door.hub.policies.allows(enquiry.requester, enquiry.purpose, "plan.explain")
        account = Account() if several else None
        responses = [await door.answer(each, enquiry, explain=explain, account=account) for each in requests]
        response = responses[-1]
        encoded = orjson.dumps([each.body for each in responses] if several else response.body)
        if len(encoded) > limits.answer_bytes:
            response = replace(refused(too_large(limits.answer_bytes)), executed=True, headers=response.headers)
            encoded = orjson.dumps({**response.body, "data": None})
        return (replace(response, executed=True, later=False) if several else response), encoded

    async def _stranger(self, door: Door, error: HubError, http: HTTPRequest) -> tuple[Response, bytes]:
        """Refuse one who is not let in; whoever tries keys is counted by address."""
        response = refused(error)
        try:
            await door.admission.request(None, address_of(http))
        except LimitReached as reached:
            response = refused(reached)
        self._tell(response.refusal or "")
        return response, orjson.dumps(response.body)

    def _tell(self, code: str) -> None:
        if self.live.hub.telemetry is not None:
            self.live.hub.telemetry.refused(code)

    async def read(self, http: HTTPRequest) -> Request:
        """What an HTTP request asks.

        Raises:
            HTTPRefused: it is not a GraphQL request by method, type, size or shape, or does not arrive in time.
        """
        if http.method == "GET":
            return request_of(_from_query(http.scope.get("query_string", b"")), reads_only=True, address=address_of(http))
        return request_of(await self._json(http, Heads(http.scope["headers"])), address=address_of(http))

    async def _json(self, http: HTTPRequest, heads: Heads) -> Any:
        if http.method != "POST":
            raise HTTPRefused(405, "this method is not taken here", "use POST, or GET for queries", ((b"allow", b"GET, POST"),))
        kind, _, parameters = heads.get("content-type").lower().partition(";")
        if kind.strip() != "application/json" or (parameters and not re.fullmatch(UTF_8, parameters)):
            raise HTTPRefused(415, "the body is not application/json in UTF-8", "send Content-Type: application/json")
        if heads.get("content-encoding", "identity").lower() != "identity":
            raise HTTPRefused(415, "a compressed body is not taken", "send it plain")
        limits = self.live.hub.settings.hub.limits
        length, most = heads.get("content-length", "0"), limits.body_bytes
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)
        try:
            return orjson.loads(await within(limits.arrival_seconds, self._body(http, most)))
        except TimeLimit:
            raise HTTPRefused(408, "the body did not arrive in time", "send it at once", ((b"connection", b"close"),)) from None
        except orjson.JSONDecodeError:
            raise HTTPRefused(400, "the body is not JSON", 'send {"query": "…", "variables": {…}}') from None

    @staticmethod
    async def _body(http: HTTPRequest, most: int) -> bytes:
        chunks, size, more = [], 0, True
        while more:
            message = await http.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > most:
                raise _too_large(most)
            more = message.get("more_body", False)
        return b"".join(chunks)


def status_of(response: Response, media: bytes, *, draft: bool = False) -> int:
    """200 for what ran. A document's own error is 400 only where the media type says that an answer may have another status.

    With `draft` it is as the specification's draft has it: 422 for a document that reads and does not hold, 294 for a partial answer.
    """
    draft = draft and media is GRAPHQL_RESPONSE
    if response.executed:
        return 294 if draft and "errors" in response.body and response.body.get("data") is not None else 200
    if response.later:
        return 429
    unread = 422 if draft and not response.body["errors"][0]["message"].startswith("Syntax Error") else 400
    return STATUS.get(response.refusal or "", unread if media is GRAPHQL_RESPONSE else 200)


def bearer(headers: Sequence[str]) -> str | None:
    """The token of the Authorization header; an unreadable one, or several, is a token nobody has, not an anonymous request."""
    if not headers:
        return None
    scheme, _, token = headers[0].strip().partition(" ")
    return token.strip() if len(headers) == 1 and scheme.lower() == "bearer" and token.strip() else "mz_"


def address_of(client: HTTPConnection) -> str:
    """Where a request comes from, as the nearest proxy tells."""
    return client.client.host if client.client else ""


def _too_large(most: int) -> HTTPRefused:
    return HTTPRefused(413, f"the body is larger than {most} bytes", "send a smaller document")


def _from_query(raw: bytes) -> Any:
    try:
        values = dict(parse_qsl(raw.decode("ascii"), strict_parsing=bool(raw), keep_blank_values=True, errors="strict"))
        for name in ("variables", "extensions"):
            values[name] = orjson.loads(values.get(name) or "null")
    except (ValueError, UnicodeDecodeError):
        raise HTTPRefused(400, "the query string cannot be read", "send ?query=… with variables as JSON") from None
    return values


def request_of(body: Any, *, reads_only: bool = False, address: str = "", cost: bool = False) -> Request:
    """The request that a decoded body, or the payload of a WebSocket message, is.

    Raises:
        HTTPRefused: it does not have the shape of one.
    """
    if not isinstance(body, dict):
        raise HTTPRefused(400, "the body is not a JSON object", 'send {"query": "…", "variables": {…}}; batches are not taken')
    query, operation, variables = body.get("query"), body.get("operationName"), body.get("variables")
    try:
        digest = named(body)
    except Invalid as error:
        raise HTTPRefused(400, error.message, error.hint) from None
    if query is None and digest is not None:
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise HTTPRefused(400, "`query` is missing or not text", "send the GraphQL document in `query`")
    if operation is not None and not isinstance(operation, str):
        raise HTTPRefused(400, "`operationName` is not text", "send the operation's name, or leave it out")
    if variables is not None and not isinstance(variables, dict):
        raise HTTPRefused(400, "`variables` is not an object", "send variables as an object of names and values")
    extensions = body.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise HTTPRefused(400, "`extensions` is not an object", "leave it out")
    cost = cost or (extensions is not None and extensions.get("cost") is True)
    return Request(query, operation or None, variables, reads_only=reads_only, address=address, cost=cost, digest=digest)


def weights_of(accept: str) -> dict[str, float]:
    """How much each media type of an Accept header is wanted, 0 to 1; one that is not named is absent."""
    weights: dict[str, float] = {}
    for name, *parameters in (part.split(";") for part in accept.lower().split(",") if part.strip()):
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.strip().partition("=")
            if key == "q":
                weight = float(value) if re.fullmatch(r"[01](\.\d*)?", value) else 0.0
        weights[name.strip()] = weight
    return weights


def _accepted(accept: str) -> bytes:
    """The media type to answer in, by the Accept header; plain JSON for those who take anything."""
    weights = weights_of(accept)
    anything = weights.get("application/*", weights.get("*/*", 0.0 if weights else 1.0))
    plain = weights.get("application/json", anything)
    graphql = weights.get("application/graphql-response+json", 0.0 if plain > 0 else anything)
    if graphql <= 0 and plain <= 0:
        hint = "accept application/graphql-response+json or application/json"
        raise HTTPRefused(406, "none of the accepted media types can be given", hint)
    return GRAPHQL_RESPONSE if graphql >= plain else JSON


async def send_whole(send: Send, status: int, media: bytes, body: bytes, headers: Headers = NO_HEADERS) -> None:
    """Send an answer that is one piece."""
    # Answers are about people: no cache on the way may keep one, complete or partial.
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", media),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"vary", VARY),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
