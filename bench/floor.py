"""The floor of the peers comparison over PostgreSQL: a hand-written endpoint, nothing governed, the same answers.

    uvicorn --app-dir . bench.floor:app        with PEERS_POSTGRESQL naming a database that `bench.peers copy` filled

It is to `mizalla postgresql` what the comparison's raw starlette is to `mizalla`: asyncpg with its prepared statements, one per table
and request, three connections side by side for what does not wait for anything else.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ONE = "SELECT id, name FROM persons WHERE id = $1"
MANY = "SELECT id, name FROM persons WHERE id > $2 ORDER BY id LIMIT $1"
FLAT = (
    "SELECT id, name, birth_year, sex, governorate, household_size, disability, need_score FROM persons WHERE id > $2 ORDER BY id LIMIT $1"
)
GIVEN = (
    "SELECT person_id, id, kind, amount, currency, allocated_on, organisation_id FROM allocations"
    " WHERE person_id = ANY($1::text[]) ORDER BY person_id, id"
)
GIVERS = "SELECT id, name FROM organisations WHERE id = ANY($1::text[])"
INSURED = "SELECT person_id, status, months FROM insurance WHERE person_id = ANY($1::text[])"

pool: asyncpg.Pool[Any]


async def fetch(statement: str, *values: Any) -> Sequence[Any]:
    """The rows of one statement, on a connection of the pool."""
    found: Sequence[Any] = await pool.fetch(statement, *values)
    return found


async def given(ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """What each person received, with who gave it."""
    rows = await fetch(GIVEN, ids)
    givers = {id_: {"id": id_, "name": name} for id_, name in await fetch(GIVERS, list({row[6] for row in rows}))}
    found: dict[str, list[dict[str, Any]]] = {each: [] for each in ids}
    for person, id_, kind, amount, currency, on, giver in rows:
        found[person].append(
            {"id": id_, "kind": kind, "amount": amount, "currency": currency, "allocatedOn": on, "organisation": givers[giver]}
        )
    return found


async def detail(people: Sequence[Any]) -> list[dict[str, Any]]:
    """People with allocations and insurance."""
    ids = [person[0] for person in people]
    allocations, rows = await asyncio.gather(given(ids), fetch(INSURED, ids))
    insured = {person: {"status": status, "months": months} for person, status, months in rows}
    return [{"id": id_, "name": name, "allocations": allocations[id_], "insurance": insured.get(id_)} for id_, name in people]


async def endpoint(request: Request) -> Response:
    """Answer the operation that is named."""
    asked = orjson.loads(await request.body())
    values, data = asked.get("variables") or {}, dict[str, Any]()
    match asked["operationName"]:
        case "One":
            data["beneficiary"] = (await detail(await fetch(ONE, values["id"])))[0]
        case "Many":
            data["beneficiaries"] = await detail(await fetch(MANY, values["first"], values["after"]))
        case "Flat":
            names = ("id", "name", "birthYear", "sex", "governorate", "householdSize")
            data["beneficiaries"] = [
                {**dict(zip(names, row[:6], strict=True)), "disability": row[6] == 1, "needScore": row[7]}
                for row in map(tuple, await fetch(FLAT, values["first"], values["after"]))
            ]
        case _:
            data["__typename"] = "Query"
    return Response(orjson.dumps({"data": data}), media_type="application/json")


@asynccontextmanager
async def opened(_: Starlette) -> AsyncIterator[None]:
    """Connect first, so that no request pays for it."""
    global pool
    async with asyncpg.create_pool(os.environ["PEERS_POSTGRESQL"], min_size=8, max_size=8) as pool:
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
        yield


app = Starlette(routes=[Route("/graphql", endpoint, methods=["POST"])], lifespan=opened)
