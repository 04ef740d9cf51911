"""The GraphQL door: one request in, one answer out, with the account of sources and withheld values beside it.

Operations that only read through our root fields run straight from their compiled want; introspection, mutations and
whatever else a document may hold go through Strawberry's own execution. Both ways end in the same place: the disclosure
is recorded, and only then does the answer leave.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
from graphql import GraphQLError, ObjectFieldNode, OperationType, ValueNode, VariableDefinitionNode, VariableNode, print_ast
from graphql.execution.values import VariableValues
from graphql.language import EnumValueNode
from strawberry import Schema
from strawberry.types.graphql import OperationType as StrawberryOperationType

from errors import HubError, Invalid, LimitReached, ReadsOnly, Refused
from resolvers.gather import Gathering, moment
from resolvers.want import Want
from schema.door.admission import Account, Admission, Headers, cost_of, told_refusal, within
from schema.door.documents import Document, Operation
from schema.door.limits import Estimate, hold
from schema.door.trusted import Trusted
from schema.door.variables import coercer
from schema.door.variants import Variant, Variants
from schema.reading import Context
from schema.selection import Selection
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from telemetry import Seen

log = structlog.get_logger("mizalla")

NONE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """What a GraphQL request says, whatever transport brought it.

    `address` is where it came from, to count those without a credential by; `cost` asks to be told its estimate. With a
    `digest`, the SHA-256 of a document, the query may be empty.
    """

    query: str
    operation: str | None = None
    variables: Mapping[str, Any] | None = None
    reads_only: bool = False
    address: str = ""
    cost: bool = False
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that holds: the schema it sees, its text and document, the one operation to run, its variables and estimate."""

    variant: Variant
    text: str
    document: Document
    operation: Operation
    variables: VariableValues
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Response:
    """The answer's body, and whether the request ran at all: `executed` is False for request errors.

    `headers` tell what is left of the requester's minute; with `later`, only time helps.
    """

    body: dict[str, Any]
    executed: bool
    refusal: str | None = None
    headers: Headers = ()
    later: bool = False


class Door:
    """Answers requests against one schema and one hub."""

    def __init__(self, hub: Hub, schema: Schema) -> None:
        """Every requester sees its own variant of the schema; documents are read once for each and kept there."""
        self.hub = hub
        self.variants = Variants(hub, schema)
        self.trusted = Trusted(hub.settings)
        self.admission = Admission(hub)

    async def answer(self, request: Request, enquiry: Enquiry, *, explain: bool = False, account: Account | None = None) -> Response:
        """Answer one request, within the account of those it came with; never raises for anything a client sends."""
        return await self._seen(enquiry, lambda seen: self._admitted(request, enquiry, account, seen, explain=explain))

    async def answer_prepared(self, prepared: Prepared | Response, request: Request, enquiry: Enquiry) -> Response:
        """Answer one request that was admitted and prepared already."""
        return await self._seen(enquiry, lambda seen: self._answer(prepared, request, enquiry, None, seen, explain=False))

    async def _seen(self, enquiry: Enquiry, work: Callable[[Seen | None], Awaitable[Response]]) -> Response:
        telemetry = self.hub.telemetry
        if telemetry is None:
            return await work(None)
        with telemetry.request(enquiry.requester.role.value, enquiry.purpose.value) as seen:
            response = await work(seen)
            seen.code = code_of(response)
            return response

    async def _admitted(self, request: Request, enquiry: Enquiry, account: Account | None, seen: Seen | None, *, explain: bool) -> Response:
        if self.hub.shares is None:
            return await self._planned(request, enquiry, account, seen, explain=explain)
        try:
            headers = await self.admission.request(enquiry.requester, request.address)
        except LimitReached as reached:
            return refused(reached)
        response = await self._planned(request, enquiry, account, seen, explain=explain)
        return replace(response, headers=headers + response.headers)

    async def _planned(self, request: Request, enquiry: Enquiry, account: Account | None, seen: Seen | None, *, explain: bool) -> Response:
        if seen is not None and self.hub.telemetry is not None:
            started = time.perf_counter()
            prepared = self.prepare(request, enquiry)
            if isinstance(prepared, Prepared):
                self.hub.telemetry.planned(time.perf_counter() - started, prepared.operation.node.operation.value)
        else:
            prepared = self.prepare(request, enquiry)
        return await self._answer(prepared, request, enquiry, account, seen, explain=explain)

    async def _answer(
        self,
        prepared: Prepared | Response,
        request: Request,
        enquiry: Enquiry,
        account: Account | None,
        seen: Seen | None,
        *,
        explain: bool,
    ) -> Response:
        if isinstance(prepared, Response):
            return prepared
        limits = self.admission.limits[enquiry.requester.role]
        try:
            if account is not None:
                account.add(prepared.estimate, limits)
            left = await self.admission.spend(enquiry.requester, request.address, prepared.estimate)
        except LimitReached as reached:
            return refused(reached)
        if seen is not None:
            seen.cost, seen.rows, _ = prepared.estimate
        response = await self._ran(
            prepared, request, enquiry, account.seconds(limits) if account else limits.seconds, seen, explain=explain
        )
        if request.cost and response.executed:
            response.body.setdefault("extensions", {})["cost"] = cost_of(prepared.estimate, left)
        return response

    async def _ran(
        self, prepared: Prepared, request: Request, enquiry: Enquiry, seconds: float, seen: Seen | None, *, explain: bool
    ) -> Response:
        kind = prepared.operation.node.operation
        if kind is OperationType.SUBSCRIPTION:
            return refused(Invalid("a subscription is answered as a stream", "ask over WebSocket, or accept text/event-stream", "query"))
        gathering = Gathering(self.hub, enquiry, prepared.variables)
        try:
            work = self._data(prepared, request, gathering)
            # What is written is written: only reading is cut off.
            data, errors = await (work if kind is OperationType.MUTATION else within(seconds, work))
            await self.hub.disclose(gathering)
        except HubError as error:
            return Response({"errors": [error_entry(error)], "data": None}, executed=True)
        except Exception as error:  # noqa: BLE001 — whatever it is, the client gets a reference and no more
            return Response({"errors": [self.masked(error)], "data": None}, executed=True)
        if seen is not None:
            seen.withheld = sum(gathering.withheld.values())
        return self.told(gathering, data, errors, explain=explain)

    async def _data(self, prepared: Prepared, request: Request, gathering: Gathering) -> tuple[Any, list[dict[str, Any]]]:
        want = self._want(prepared)
        return await (self._run_plainly(prepared, request, gathering) if want is None else self._run(want, gathering))

    def prepare(self, request: Request, enquiry: Enquiry) -> Prepared | Response:
        """What a request asks to be run, or the answer that refuses it."""
        variant, limits = self.variants.of(enquiry), self.admission.limits[enquiry.requester.role]
        try:
            text = self.trusted.text(request, enquiry.requester)
            document = variant.documents.read(text, limits)
            if document.errors:
                return _request_errors([_graphql_error(error) for error in document.errors])
            operation = document.operation(request.operation)
            if request.reads_only and operation.node.operation is not OperationType.QUERY:
                raise ReadsOnly("GET is for queries", "send mutations by POST", "query")
            if operation.coerce is None:
                operation.coerce = coercer(variant.core, operation.node.variable_definitions or ())
            variables = operation.coerce(request.variables or NONE)
            if isinstance(variables, list):
                return _request_errors([_variable_error(error) for error in variables])
            estimate = operation.estimate(variables.coerced)
            hold(estimate, limits)
        except Refused as refused:
            return _request_errors([error_entry(refused)])
        return Prepared(variant, text, document, operation, variables, estimate)

    def told(self, gathering: Gathering, data: Any, errors: list[dict[str, Any]], *, explain: bool = False) -> Response:
        """The answer with its account: the sources' faults, how each did, and what was withheld."""
        errors += [self._fault(fault) for fault in gathering.faults]
        body: dict[str, Any] = {"data": data}
        if errors:
            body = {"errors": errors, "data": data}
        extensions = self._extensions(gathering, explain=explain)
        if extensions:
            body["extensions"] = extensions
        return Response(body, executed=True)

    def _want(self, prepared: Prepared) -> Want | None:
        """The compiled want, when every root field is one that the plan answers."""
        if prepared.operation.node.operation is not OperationType.QUERY:
            return None
        want = self.compiled(prepared)
        readable = all(field.name == "__typename" or self.hub.reads(field.name) for field in want.fields)
        return want if readable else None

    @staticmethod
    def compiled(prepared: Prepared) -> Want:
        """The want of an operation, compiled once per values of its `@skip` and `@include`."""
        operation, variables = prepared.operation, prepared.variables
        key = tuple(variables.coerced.get(name) for name in operation.switches)
        want = operation.wants.get(key)
        if want is None:
            want = Selection(prepared.variant.core, prepared.document.fragments, operation.node, variables).roots()
            if len(operation.wants) < 64:
                operation.wants[key] = want
        return want

    async def _run(self, want: Want, gathering: Gathering) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        data: dict[str, Any] = {}
        errors: list[dict[str, Any]] = []
        for field in want.fields:
            if field.name == "__typename":
                data[field.key] = want.type
                continue
            try:
                data[field.key] = await self.hub.root(gathering, field)
            except Refused as refused:
                data[field.key] = None
                errors.append(error_entry(refused, (field.key,)))
            except GraphQLError as error:  # an argument that may not be null, given a variable that is
                data[field.key] = None
                errors.append({**_graphql_error(error), "path": [field.key]})
        return data, errors

    async def _run_plainly(self, prepared: Prepared, request: Request, gathering: Gathering) -> tuple[Any, list[dict[str, Any]]]:
        result = await prepared.variant.schema.execute(
            prepared.text,
            variable_values=dict(request.variables or {}),
            context_value=Context(self.hub, gathering, prepared.variables, prepared.document.tree),
            operation_name=request.operation or None,
            allowed_operation_types=(StrawberryOperationType.QUERY, StrawberryOperationType.MUTATION),
        )
        errors = []
        for error in result.errors or ():
            if error.original_error is None or isinstance(error.original_error, GraphQLError):
                errors.append(_graphql_error(error))
            elif isinstance(error.original_error, HubError):
                errors.append(error_entry(error.original_error, tuple(error.path or ())))
            else:
                errors.append(self.masked(error.original_error, tuple(error.path or ())))
        return result.data, errors

    def masked(self, error: BaseException, path: tuple[str | int, ...] = ()) -> dict[str, Any]:
        """An error that is not ours: logged by kind and place, shown only as a reference."""
        reference = self.hub.reference()
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{place.tb_lineno}" if place else "unknown"
        log.error("unexpected", reference=reference, kind=type(error).__name__, where=where)
        entry: dict[str, Any] = {
            "message": f"Unexpected error, reference {reference}",
            "extensions": {"code": "INTERNAL", "hint": "tell the hub's operator this reference"},
        }
        if path:
            entry["path"] = list(path)
        return entry

    def _fault(self, fault: Any) -> dict[str, Any]:
        coordinate = self.hub.public_name(fault.coordinate)
        return {
            "message": f"{fault.source} gave no usable answer for {coordinate}",
            "path": list(fault.path),
            "extensions": {"code": fault.code, "source": fault.source, "coordinate": coordinate, "count": fault.count},
        }

    def _extensions(self, gathering: Gathering, *, explain: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if gathering.sources:
            found["sources"] = [
                {
                    "name": each.name,
                    "status": each.status.name,
                    "rows": each.rows,
                    "milliseconds": round(each.milliseconds, 2),
                    "asOf": moment(each.as_of),
                    "withheld": each.withheld,
                }
                for each in gathering.sources.values()
            ]
        if gathering.withheld:
            found["withheld"] = [
                {"coordinate": self.hub.public_name(coordinate), "reason": reason.value, "count": count}
                for (coordinate, reason), count in gathering.withheld.items()
            ]
        if explain:
            found["plan"] = self.hub.explain(gathering)
        return found


def error_entry(error: HubError, path: tuple[str | int, ...] = ()) -> dict[str, Any]:
    """One of our errors as an entry of `errors`."""
    extensions: dict[str, Any] = {"code": error.code}
    if error.hint:
        extensions["hint"] = error.hint
    if isinstance(error, Refused) and error.field:
        extensions["field"] = error.field
    entry: dict[str, Any] = {"message": error.message, "extensions": extensions}
    if path:
        entry["path"] = list(path)
    return entry


def refused(error: HubError) -> Response:
    """A request that does not get as far as its document."""
    body = {"errors": [error_entry(error)]}
    if isinstance(error, LimitReached) and error.retry_after is not None:
        return Response(body, executed=False, refusal=error.code, headers=told_refusal(error), later=True)
    return Response(body, executed=False, refusal=error.code)


def code_of(response: Response) -> str:
    """How a request ended, in one word: OK, PARTIAL (data with errors) or the code of its first error."""
    errors = response.body.get("errors")
    if not errors:
        return "OK"
    if response.body.get("data") is not None:
        return "PARTIAL"
    code: str = errors[0]["extensions"]["code"]
    return code


def _graphql_error(error: GraphQLError) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "message": _without_values(error),
        "extensions": {"code": "GRAPHQL_INVALID", "hint": "compare the document with /schema.graphql"},
    }
    if error.locations:
        entry["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    if error.path:
        entry["path"] = list(error.path)
    return entry


LITERAL = re.compile(r"(found|Unexpected) (String|BlockString|Int|Float) .*", re.DOTALL)
"""Where a syntax error repeats a value of the document."""


def _without_values(error: GraphQLError) -> str:
    """The sentence of an error without the document's own values: identifiers are written there, and errors end up in logs."""
    node = error.nodes[0] if error.nodes else None
    if isinstance(node, ValueNode | ObjectFieldNode) and not isinstance(node, VariableNode | EnumValueNode):
        return "This value does not fit the type of its place."
    return LITERAL.sub(r"\1 \2.", error.message)


def _variable_error(error: GraphQLError) -> dict[str, Any]:
    """A variable that does not fit, told without its value: variables are where identifiers travel."""
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, VariableDefinitionNode):
        return {
            "message": "the variables do not fit the operation",
            "extensions": {"code": "INVALID", "hint": "compare them with the operation's declarations"},
        }
    name = node.variable.name.value
    place = str((error.extensions or {}).get("place", name))
    hint = "send it in the form its type describes" if place == name else f"send `{place}` in the form the schema describes"
    return {
        "message": f"the variable ${name} does not hold a {print_ast(node.type)}",
        "extensions": {"code": "INVALID", "field": place, "hint": hint},
    }


def _request_errors(errors: list[dict[str, Any]]) -> Response:
    return Response({"errors": errors}, executed=False, refusal=errors[0]["extensions"]["code"])
