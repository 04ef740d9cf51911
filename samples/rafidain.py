"""Rafidain Relief's own GraphQL server: what an organisation with its own developers would run.

It knows case numbers of its own, pages after Relay's manner, wants a bearer token, and has never heard of the hub.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
from enum import Enum
from pathlib import Path
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

MOST = 1000
"""Rows of one page at most, whatever is asked."""


@strawberry.enum
class Sex(Enum):
    """As the intake form has it."""

    MALE = "MALE"
    FEMALE = "FEMALE"


@strawberry.enum
class Status(Enum):
    """How far a distribution has come."""

    PLANNED = "PLANNED"
    DELIVERED = "DELIVERED"
    RETURNED = "RETURNED"


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Beneficiary:
    """One registered person."""

    case_number: str
    national_number: str | None
    unhcr_number: str | None
    full_name: str
    sex: Sex
    birth_year: int
    governorate: str
    phone: str | None
    language: str
    household_size: int
    need_score: float
    household: str


@strawberry.type
class Distribution:
    """One thing given to one case."""

    number: int
    case_number: str
    sector: str
    programme: str
    amount: float
    currency: str
    quantity: int | None
    unit: str | None
    distributed_on: str
    status: Status


@strawberry.type
class BeneficiaryPage:
    """A page of people."""

    nodes: list[Beneficiary]
    page_info: PageInfo


@strawberry.type
class DistributionPage:
    """A page of distributions."""

    nodes: list[Distribution]
    page_info: PageInfo


_PEOPLE = """
    SELECT case_number, national_number, unhcr_number, full_name, sex, birth_year, governorate, phone, language,
        household_size, need_score, household
    FROM beneficiary WHERE case_number > :after {narrowed} ORDER BY case_number LIMIT :size
"""
_GIVEN = """
    SELECT number, case_number, sector, programme, amount, currency, quantity, unit, distributed_on, status
    FROM distribution WHERE number > :after {narrowed} ORDER BY number LIMIT :size
"""
_OF_CASES = " AND case_number IN (SELECT value FROM json_each(:cases))"
_SINCE = " AND distributed_on >= :since"
_OF_SECTORS = " AND sector IN (SELECT value FROM json_each(:sectors))"


@strawberry.type
class Query:
    """Everything the server answers."""

    @strawberry.field
    def beneficiaries(
        self, info: strawberry.Info, case_numbers: list[str] | None = None, first: int = 100, after: str | None = None
    ) -> BeneficiaryPage:
        """Give registered people, all or those of some case numbers, in the order of their numbers."""
        values: dict[str, Any] = {"after": after or ""}
        narrowed = ""
        if case_numbers is not None:
            narrowed, values["cases"] = _OF_CASES, json.dumps(case_numbers)
        rows, info_of_page = _page(info, _PEOPLE.format(narrowed=narrowed), values, first)
        return BeneficiaryPage(nodes=[Beneficiary(**{**row, "sex": Sex(row["sex"])}) for row in rows], page_info=info_of_page)

    @strawberry.field
    def distributions(
        self,
        info: strawberry.Info,
        case_numbers: list[str] | None = None,
        since: str | None = None,
        sectors: list[str] | None = None,
        first: int = 100,
        after: str | None = None,
    ) -> DistributionPage:
        """Give distributions as they were recorded, all or those of some cases, from a day on, of some sectors."""
        values: dict[str, Any] = {"after": int(after or 0)}
        narrowed = ""
        if case_numbers is not None:
            narrowed, values["cases"] = narrowed + _OF_CASES, json.dumps(case_numbers)
        if since is not None:
            narrowed, values["since"] = narrowed + _SINCE, since
        if sectors is not None:
            narrowed, values["sectors"] = narrowed + _OF_SECTORS, json.dumps(sectors)
        rows, info_of_page = _page(info, _GIVEN.format(narrowed=narrowed), values, first)
        return DistributionPage(nodes=[Distribution(**{**row, "status": Status(row["status"])}) for row in rows], page_info=info_of_page)


def _page(info: strawberry.Info, sql: str, values: dict[str, Any], first: int) -> tuple[list[dict[str, Any]], PageInfo]:
    size = max(1, min(first, MOST))
    database: sqlite3.Connection = info.context["database"]
    cursor = database.execute(sql, {**values, "size": size + 1})
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    end = rows[:size][-1][names[0]] if rows else None
    return rows[:size], PageInfo(has_next_page=len(rows) > size, end_cursor=None if end is None else str(end))


class _Server(GraphQL[dict[str, Any], None]):
    """Strawberry's own view, with the database in its context."""

    def __init__(self, path: Path) -> None:
        super().__init__(strawberry.Schema(query=Query), graphql_ide=None)
        self.database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:  # noqa: ARG002 — the view's own signature
        return {"database": self.database}


class _Guarded:
    """Lets nobody in without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not hmac.compare_digest(dict(scope["headers"]).get(b"authorization", b""), self.token):
            await JSONResponse({"errors": [{"message": "a token is needed"}]}, status_code=401)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def application(path: Path, token: str) -> Starlette:
    """Give the server over one database file; it answers at `/graphql`."""
    return Starlette(routes=[Route("/graphql", _Server(path), methods=["POST"])], middleware=[Middleware(_Guarded, token=token)])
