"""What the sample's organisations have to give, and who waits for it: funds, stocks, programmes, assessed needs.

Written once when the country is built, by the same rules of counting as the hub's own commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import orjson
import sqlalchemy as sa

from privacy.keys import KeyRing
from privacy.sealing import Seal
from resolvers.aid.inputs import numbers
from resolvers.aid.ranking import Ranking, households_of
from resolvers.aid.scores import Place, order_key, points
from tables.aid import account, assessment, entry, nomination, posting, programme
from tables.database import Database, Transaction
from tables.identity import own_case, person

MOST_PLACES = 4_000
"""People of each organisation who were assessed; the whole country would make a queue that nobody needs for trying."""

FUNDS = {"crescent-aid": "IQD", "rafidain-relief": "USD", "hope-network": "IQD", "karama": "IQD"}
"""Who gives through the hub, and in which currency."""

COINS = {"IQD": 250_000_000, "USD": 200_000}
NEEDS = ("food", "cash")

PROGRAMMES = {
    "IQD": (("عون الشتاء", "cash", "fund", 300_000), ("قسائم غذائية", "food", "fund", 150_000), ("سلال غذائية", "food", "stock", 4)),
    "USD": (("نقد متعدد الأغراض", "cash", "fund", 320), ("قسائم غذائية", "food", "fund", 120), ("سلال غذائية", "food", "stock", 4)),
}
"""Name, kind, from where, and the most for one household in ninety days."""


async def seed_giving(database: Database, ring: KeyRing, now: int) -> int:
    """Give each organisation means and a queue; gives how many places there are."""
    count = 0
    for organisation, currency in FUNDS.items():
        async with database.transaction() as tx:
            await _means(database, tx, organisation, currency, now)
            count += await _places(database, tx, ring, organisation, now)
    return count


async def _means(database: Database, tx: Transaction, organisation: str, currency: str, now: int) -> None:
    following = numbers()
    opened = datetime.fromtimestamp(now, UTC).date() - timedelta(days=60)
    fund = await _filled(
        database, tx, (organisation, following), {"kind": "fund", "name": "الصندوق العام", "unit": currency}, (COINS[currency], now)
    )
    worth = {"unit_value_minor": 40_000_000 if currency == "IQD" else 30_000, "value_currency": currency}
    stock = await _filled(
        database, tx, (organisation, following), {"kind": "stock", "name": "المخزن", "unit": "basket", **worth}, (2_000, now)
    )
    add_account, add_programme = database.prepare(sa.insert(account)), database.prepare(sa.insert(programme))
    for name, kind, source, most in PROGRAMMES[currency]:
        given, made = next(following), next(following)
        unit = "basket" if source == "stock" else currency
        await tx.execute(add_account, _account(given, organisation, {"kind": "given", "name": name, "unit": unit}))
        row = {"id": made, "organisation": organisation, "account": stock if source == "stock" else fund, "given": given, "name": name}
        row |= {"kind": kind, "state": "open", "opens_on": opened.isoformat(), "closes_on": None, "ceiling_person": None}
        row |= {"ceiling_household": most * 1000, "period_days": 90, "minimum_need": None, "version": 1}
        await tx.execute(add_programme, row)


def _account(number: int, organisation: str, made: dict[str, Any], counterpart: int | None = None, balance: int = 0) -> dict[str, Any]:
    empty = {"unit_value_minor": None, "value_currency": None}
    return {**empty, **made, "id": number, "organisation": organisation, "counterpart": counterpart, "balance": balance}


async def _filled(
    database: Database, tx: Transaction, whose: tuple[str, Iterator[int]], made: dict[str, Any], filled: tuple[int, int]
) -> int:
    """A fund or stock with something in it; gives its number."""
    (organisation, following), (amount, now) = whose, filled
    outside, ours, booked = next(following), next(following), next(following)
    thousandths = amount * 1000
    rows = [
        _account(outside, organisation, {"kind": "outside", "name": made["name"], "unit": made["unit"]}),
        _account(ours, organisation, made, outside, thousandths),
    ]
    await tx.execute_many(database.prepare(sa.insert(account)), rows)
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    line = {"id": booked, "organisation": organisation, "act": "receive", "at": now, "booked_on": day, "allocation": None, "reverses": None}
    await tx.execute(database.prepare(sa.insert(entry)), line)
    lines = [
        {"entry": booked, "line": 1, "account": ours, "amount": thousandths},
        {"entry": booked, "line": 2, "account": outside, "amount": -thousandths},
    ]
    await tx.execute_many(database.prepare(sa.insert(posting)), lines)
    return ours


async def _places(database: Database, tx: Transaction, ring: KeyRing, organisation: str, now: int) -> int:
    """Assess the first of a case load, as they were some weeks ago, and order them."""
    cases = sa.select(own_case.c.person, person.c.household).join(person, person.c.number == own_case.c.person)
    listed = cases.where(own_case.c.organisation == sa.bindparam("organisation")).order_by(own_case.c.position).limit(MOST_PLACES)
    people: dict[int, int | None] = dict(await tx.fetch(database.prepare(listed), {"organisation": organisation}))
    ranking, chance, following = Ranking(database, ring), Random(f"needs {organisation}"), numbers()
    today = datetime.fromtimestamp(now, UTC).date()
    homes = {home for home in people.values() if home is not None}
    members = await ranking.members(tx, list(people), homes)
    together, gifts = households_of(members), await ranking.gifts(tx, members)
    seal = Seal(ring, "assessment", organisation)
    assessed, places = [], []
    for need in NEEDS:
        policy = await ranking.begun(tx, organisation, need, now)
        for number, home in people.items():
            size = len(together.get(home, [])) if home is not None else 1
            said = {"gap": float(chance.choice((0, 1, 1, 2, 2, 2, 3, 3, 4))), "dependants": float(min(max(size - 2, 0), 8))}
            said |= {"MOB": 3.0} if chance.random() < 0.08 else {}
            on: date = today - timedelta(days=chance.randrange(1, 60))
            counted, made = points(policy, said, ""), next(following)
            place = Place(policy.id, number, home, max(size, 1), 0, made, on.toordinal(), counted, 0)
            key = order_key(policy, place, ranking.counted(policy, place, gifts, together))
            places.append((policy.id, number, home, max(size, 1), key, made, on.toordinal(), counted, 0))
            sealed = seal.close(orjson.dumps({"answers": said, "region": ""}), ring.current)
            assessed.append((made, organisation, number, need, policy.id, on.isoformat(), counted, sealed, now))
    await tx.execute_many(database.prepare(sa.insert(assessment)), assessed)
    await tx.execute_many(database.prepare(sa.insert(nomination)), places)
    return len(places)
