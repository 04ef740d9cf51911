"""The right answers about what the hub keeps itself: funds, programmes, queues and consents, by statements over its own tables.

Balances are summed up from every posting, and nothing is taken from what the hub has counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from values import Category, Purpose, Role

if TYPE_CHECKING:
    from graphql import FieldNode

    from tests.oracle import Oracle

TABLES = ("account", "posting", "programme", "queue_policy", "nomination", "consent")
"""What is read, each as `books_` and its name."""

RESOURCES = """
    SELECT a.id, a.name, a.kind, a.unit, a.unit_value_minor, a.value_currency,
        (SELECT coalesce(sum(amount), 0) FROM books_posting AS p WHERE p.account = a.id) AS balance
    FROM books_account AS a JOIN asker AS r ON r.organisation = a.organisation WHERE a.kind IN ('fund', 'stock') ORDER BY a.id
"""

PROGRAMMES = """
    SELECT m.*, (SELECT coalesce(sum(amount), 0) FROM books_posting AS p WHERE p.account = m.given) AS sum_given
    FROM books_programme AS m JOIN asker AS r ON r.organisation = m.organisation
    WHERE :state IS NULL OR m.state = :state ORDER BY m.state = 'closed', m.id
"""

PLACES = """
    SELECT n.person, n.order_key, n.arrived, row_number() OVER (ORDER BY n.order_key, n.arrived, n.person) AS place
    FROM books_nomination AS n JOIN books_queue_policy AS q ON q.id = n.policy JOIN asker AS r ON r.organisation = q.organisation
    WHERE q.active AND q.need = ? ORDER BY place
"""

HELD = """
    SELECT c.* FROM books_consent AS c, asker AS r
    WHERE c.purpose = r.purpose AND c.ends_at > :now AND c.withdrawn_at IS NULL AND (
        c.receiver = r.organisation
        OR r.verified AND c.receiver = 'kind:' || r.kind AND c.person IN (SELECT person FROM own_case WHERE organisation = r.organisation)
    ) ORDER BY c.id
"""

GIVEN = """
    SELECT c.* FROM books_consent AS c, asker AS r
    WHERE c.person = ? AND r.itself = c.person AND r.role = 'person' AND r.purpose = 'self_access' ORDER BY c.granted_at DESC, c.id DESC
"""

COUNTS = {Purpose.STATISTICS, Purpose.OPEN_DATA}
NEVER = {Category.NAME, Category.CONTACT, Category.IDENTIFIERS}


class Books:
    """Answers for one requester, beside the oracle that knows the people."""

    def __init__(self, oracle: Oracle) -> None:
        """`oracle` has the tables, and walks documents."""
        self.oracle = oracle
        self.roots: dict[str, Callable[[dict[str, Any], list[FieldNode]], Any]] = {
            "resources": self._resources,
            "programmes": self._programmes,
            "queue": self._queue,
            "consentsHeld": self._held,
        }

    def places(self) -> list[tuple[str, str]]:
        """Needs, each with the cursor of a place in its queue."""
        found = []
        for (need,) in self.oracle.db.execute(
            "SELECT DISTINCT need FROM books_queue_policy AS q JOIN asker USING (organisation) ORDER BY need"
        ):
            found += [(need, self._cursor(row, need)) for row in self._rows(PLACES, (need,))[1:12:5]]
        return found

    def held(self) -> list[str]:
        """Cursors in the list of consents held."""
        return [self._sealed("consents", row["id"].encode()) for row in self._live()[1:12:5]]

    def given(self, person: int, nodes: list[FieldNode]) -> Any:
        """The consents of a person, for that person alone."""
        requester, purpose = self.oracle.who.requester, self.oracle.who.purpose
        if requester.person != person or requester.role is not Role.PERSON or purpose is not Purpose.SELF_ACCESS:
            return None
        found = []
        for row in self._rows(GIVEN, (person,)):
            told = {each: row[each] for each in ("id", "receiver", "witness", "document")}
            told |= {"grantedAt": instant(row["granted_at"]), "endsAt": instant(row["ends_at"])}
            told |= {"withdrawnAt": instant(row["withdrawn_at"]), "confirmedAt": instant(row["confirmed_at"])}
            told |= {"categories": opened(row["categories"]), "receipt": row["receipt"].decode(), **self._terms(row)}
            told["waits"] = row["wished_ends_at"] is not None and row["confirmed_at"] is None and row["withdrawn_at"] is None
            found.append(self._shaped("Consent", told, nodes))
        return found

    # --- roots -----------------------------------------------------------------------------------------------------------------

    def _resources(self, _: dict[str, Any], nodes: list[FieldNode]) -> Any:
        return [self._shaped("Resource", self._resource(row), nodes) for row in self._rows(RESOURCES)]

    def _programmes(self, arguments: dict[str, Any], nodes: list[FieldNode]) -> Any:
        resources = {row["id"]: self._resource(row) for row in self._rows(RESOURCES)}
        identifier, found = self.oracle.identifier("programme"), []
        for row in self._rows(PROGRAMMES, {"state": arguments.get("state")}):
            told = {each: row[each] for each in ("name", "kind", "state", "version")}
            told |= {
                "id": identifier(row["id"]),
                "opensOn": row["opens_on"],
                "closesOn": row["closes_on"],
                "given": shown(row["sum_given"]),
            }
            told |= {"ceilingPerson": shown(row["ceiling_person"]), "ceilingHousehold": shown(row["ceiling_household"])}
            told |= {"periodDays": row["period_days"], "minimumNeed": row["minimum_need"]}
            below = {"resource": lambda each, of=row["account"]: self._shaped("Resource", resources[of], each)}
            found.append(self._shaped("Programme", told, nodes, below))
        return found

    def _queue(self, arguments: dict[str, Any], nodes: list[FieldNode]) -> Any:
        need, after = str(arguments["need"]).lower(), arguments.get("after")
        everyone = self._rows(PLACES, (need,))
        behind = next((at for at, row in enumerate(everyone, 1) if self._cursor(row, need) == after), 0)
        page = everyone[behind : behind + arguments["first"]]
        ends: list[str | None] = [self._cursor(row, need) for row in (*page[:1], *page[-1:])] or [None, None]
        told: dict[str, Any] = {"hasNextPage": len(everyone) > behind + len(page), "hasPreviousPage": after is not None}
        told |= {"startCursor": ends[0], "endCursor": ends[1]}
        below = {
            "nodes": lambda each: self._nodes(page, each),
            "pageInfo": lambda each: self._shaped("PageInfo", told, each),
        }
        return self._shaped("QueueConnection", {"totalCount": len(everyone)}, nodes, below)

    def _nodes(self, page: Sequence[Mapping[str, Any]], nodes: list[FieldNode]) -> list[Any]:
        """The places whose people may be known; what the formula makes of them has tests of its own."""
        seen = [row for row in page if self.oracle.visible(row["person"])]
        made: list[dict[str, Any]] = [{} for _ in seen]
        for key, each in self.oracle.below("QueuePlace", nodes).items():
            name = each[0].name.value
            if name == "person":
                column = self.oracle.people([row["person"] for row in seen], each)
            else:
                column = [{"place": row["place"], "__typename": "QueuePlace"}.get(name, self.oracle.untold) for row in seen]
            for place, value in zip(made, column, strict=True):
                place[key] = value
        return made

    def _held(self, arguments: dict[str, Any], nodes: list[FieldNode]) -> Any:
        after, rows = arguments.get("after"), self._live()
        behind = next((at for at, row in enumerate(rows, 1) if self._sealed("consents", row["id"].encode()) == after), 0)
        mask = sum(each.bit for each in Category if self.oracle.who.purpose not in COUNTS or each not in NEVER)
        found = []
        for row in rows[behind : behind + arguments["first"]]:
            told: dict[str, Any] = {"cursor": self._sealed("consents", row["id"].encode()), "person": self.oracle.person_id(row["person"])}
            told |= {"grantedOn": instant(row["granted_at"])[:10], "endsOn": instant(row["ends_at"])[:10], **self._terms(row)}
            told |= {
                "categories": opened(row["categories"] & mask),
                "witnessed": row["witness"] is not None and row["confirmed_at"] is None,
            }
            found.append(self._shaped("HeldConsent", told, nodes))
        return found

    # --- what they are made of --------------------------------------------------------------------------------------------------

    def _live(self) -> list[dict[str, Any]]:
        return self._rows(HELD, {"now": int(self.oracle.who.now.timestamp())})

    def _resource(self, row: Mapping[str, Any]) -> dict[str, Any]:
        told = {each: row[each] for each in ("name", "kind", "unit")}
        told |= {"id": self.oracle.identifier("resource")(row["id"]), "balance": shown(row["balance"])}
        return told | {"unitValue": shown(row["unit_value_minor"]), "valueCurrency": row["value_currency"]}

    @staticmethod
    def _terms(row: Mapping[str, Any]) -> dict[str, Any]:
        often = None if row["uses"] is None else {"times": row["uses"], "inDays": row["period_days"], "__typename": "Frequency"}
        return {"purpose": row["purpose"].upper(), "mode": row["mode"].upper(), "keepDays": row["keep_days"], "frequency": often}

    def _cursor(self, row: Mapping[str, Any], need: str) -> str:
        return self._sealed("queue", orjson.dumps([row["order_key"], row["arrived"], row["person"], row["place"], need]))

    def _sealed(self, kind: str, content: bytes) -> str:
        return self.oracle.pseudonyms.seal(self.oracle.who.requester.receiver, kind, content)

    def _rows(self, statement: str, values: Any = ()) -> list[dict[str, Any]]:
        found = self.oracle.db.execute(statement, values)
        names = [each[0] for each in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def _shaped(
        self,
        type_: str,
        told: Mapping[str, Any],
        nodes: list[FieldNode],
        below: Mapping[str, Callable[[list[FieldNode]], Any]] | None = None,
    ) -> dict[str, Any]:
        """An object of what is known of it, by the keys of its selection."""
        made: dict[str, Any] = {}
        for key, each in self.oracle.below(type_, nodes).items():
            name = each[0].name.value
            if name == "__typename":
                made[key] = type_
            elif below and name in below:
                made[key] = below[name](each)
            elif isinstance(told[name], dict):
                made[key] = self._shaped(told[name]["__typename"], told[name], each)
            else:
                made[key] = told[name]
        return made


def shown(thousandths: int | None) -> int | float | None:
    """A number as answers write it."""
    if thousandths is None:
        return None
    return thousandths // 1000 if thousandths % 1000 == 0 else thousandths / 1000


def opened(mask: int) -> list[str]:
    """The categories of a mask, by name."""
    return [each.name for each in Category if mask & each.bit]


def instant(seconds: int | None) -> Any:
    """A stored moment as answers write it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
