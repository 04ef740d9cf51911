"""Alerts: an organisation is told when a published count of need reaches a threshold, and when it has fallen below again.

An alert looks at what anybody may read, so that it tells nothing more; it is told by subscription, by webhook and by e-mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from errors import Invalid, LimitReached, Unknown
from resolvers.aid.census import DIMENSIONS, Cell, Census, Censuses, within
from resolvers.aid.coarse import BASE
from resolvers.aid.inputs import kind_of_aid, numbers
from resolvers.events import NOTHING
from resolvers.oversight.matters import at
from resolvers.room import Answers, Keys, Letters, Pushes, Room, Shows
from resolvers.want import Field, shaped
from tables.aid import need_alert
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST: Final = 100
"""Alerts of one organisation."""

HIGHEST: Final = 100_000_000
RAISED: Final = (
    "بلغ حجم الحاجة الحدّ الذي طلبتم التنبيه عنه.",
    "قەبارەی پێویستی گەیشتە ئەو سنوورەی داواتان کردبوو.",
    "Need reached your threshold.",
)
LOWERED: Final = (
    "عاد حجم الحاجة إلى ما دون الحدّ.",
    "قەبارەی پێویستی دابەزییە ژێر سنوورەکە.",
    "Need fell below your threshold.",
)
COLUMNS: Final = tuple(each.key for each in need_alert.c)


class Alerts(Room):
    """Thresholds of organisations."""

    def __init__(self, hub: Hub, censuses: Censuses) -> None:
        """Prepare every statement once, and hear of every census."""
        self.hub = hub
        self.censuses = censuses
        censuses.counted.append(self._compare)
        self.roots: dict[str, Answers] = {"need_alerts": self.listed}
        self.watched: dict[str, tuple[Keys, Shows]] = {"need_alerted": (self._organisation, self._told)}
        self.pushed: dict[str, Pushes] = {"need_alerted": self._push}
        self.mailed: dict[str, Letters] = {"need_alerted": letter}
        prepare = hub.database.prepare
        mine = need_alert.c.organisation == sa.bindparam("organisation")
        one = sa.and_(mine, need_alert.c.id == sa.bindparam("which"))
        self._insert = prepare(sa.insert(need_alert))
        self._of = prepare(sa.select(*need_alert.c).where(mine).order_by(need_alert.c.id))
        self._one = prepare(sa.select(*need_alert.c).where(one))
        self._remove = prepare(sa.delete(need_alert).where(one))
        self._all = prepare(sa.select(*need_alert.c).order_by(need_alert.c.id).with_for_update())
        self._change = prepare(
            sa.update(need_alert)
            .where(need_alert.c.id == sa.bindparam("which"))
            .values({name: sa.bindparam(f"new_{name}") for name in ("raised", "count", "changed_at")})
        )

    async def set(self, enquiry: Enquiry, given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
        """Be told from so many cases on; it is compared with the next census.

        Raises:
            NotPermitted: the requester may not.
            Invalid: no such need, or a threshold that nothing could reach or everything does.
            LimitReached: the organisation has as many alerts as it may.
        """
        organisation = self._organisation(enquiry)
        need, least = kind_of_aid(given["need"], "need"), given["least"]
        if not BASE <= least <= HIGHEST:
            raise Invalid(f"a threshold is {BASE} to {HIGHEST}", "counts are published as multiples of five", "atLeast")
        governorate = given["governorate"]
        if governorate is not None and not (
            3 <= len(governorate) <= 16 and governorate.replace("-", "").isalnum() and governorate.isascii()
        ):
            raise Invalid("this is no governorate", "give its code after ISO 3166-2, such as IQ-BG", "governorate")

        async def work(change: Change) -> dict[str, Any]:
            if len(await change.fetch(self._of, {"organisation": organisation})) >= MOST:
                raise LimitReached(f"an organisation has {MOST} alerts at most", "remove one first")
            row = {"id": next(numbers()), "organisation": organisation, "need": need, "governorate": governorate, "least": least}
            row |= {"class_": given["class"], "measure": given["measure"], "raised": False, "count": None}
            await change.execute(self._insert, {**row, "created_at": change.now, "changed_at": change.now})
            await change.step(f"alert:{row['id']}", "set", "set")
            return self._row(enquiry, {**row, "created_at": change.now, "changed_at": change.now})

        content = [need, governorate, given["class"], given["measure"], least]
        return await self.hub.writing.run(enquiry, "alert.set", work, key=key, content=content)

    async def remove(self, enquiry: Enquiry, which: str) -> dict[str, Any]:
        """Be told no more.

        Raises:
            NotPermitted: the requester may not.
            Unknown: the organisation has no such alert.
        """
        organisation = self._organisation(enquiry)
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, which, "alert") or 0

        async def work(change: Change) -> dict[str, Any]:
            if not await change.fetch(self._one, {"organisation": organisation, "which": number}):
                raise Unknown("there is no such alert", "list them with `needAlerts`", "id")
            await change.execute(self._remove, {"organisation": organisation, "which": number})
            await change.step(f"alert:{number}", "remove", "removed")
            return {"id": which}

        return await self.hub.writing.run(enquiry, "alert.remove", work)

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """The own organisation's alerts."""
        assert field.want is not None
        rows = await self.hub.database.fetch(self._of, {"organisation": self._organisation(gathering.enquiry)})
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return shaped(field.want, [self._row(gathering.enquiry, each) for each in found])

    # --- comparing -----------------------------------------------------------------------------------------------

    async def _compare(self, change: Change, taken: Census, cells: Sequence[Cell]) -> None:
        """Raise what a census brought over its threshold, and lower what it brought below."""
        del taken
        for row in await change.fetch(self._all):
            alert = dict(zip(COLUMNS, row, strict=True))
            count = self._counted(alert, cells)
            raised = count >= alert["least"]
            if raised != alert["raised"]:
                values = {"which": alert["id"], "new_raised": raised, "new_count": count, "new_changed_at": change.now}
                await change.execute(self._change, values)
                change.tell("need_alerted", alert["organisation"], {"alert": alert["id"]})

    def _counted(self, alert: Mapping[str, Any], cells: Sequence[Cell]) -> int:
        """The published count an alert looks at."""
        named = {"need": alert["need"], "governorate": alert["governorate"], "class": alert["class_"]}
        wanted = within(named)
        by = [name for name in DIMENSIONS if named[name] is not None]
        rows = self.censuses.grouped([each for each in cells if wanted(each)], by)
        return int(rows[0][alert["measure"]]) if rows else 0

    # --- telling -------------------------------------------------------------------------------------------------

    def _organisation(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "alert.set")
        return str(enquiry.requester.organisation)

    async def _told(self, gathering: Gathering, field: Field, news: dict[str, Any]) -> Any:
        assert field.want is not None
        found = await self._alert(self._organisation(gathering.enquiry), news["alert"])
        return NOTHING if found is None else shaped(field.want, self._row(gathering.enquiry, found))

    async def _push(self, gathering: Gathering, organisation: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        found = await self._alert(organisation, body["alert"])
        return None if found is None else self._row(gathering.enquiry, found)

    async def _alert(self, organisation: str, number: int) -> dict[str, Any] | None:
        rows = await self.hub.database.fetch(self._one, {"organisation": organisation, "which": number})
        return dict(zip(COLUMNS, rows[0], strict=True)) if rows else None

    def _row(self, enquiry: Enquiry, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": self.hub.identifier(enquiry, "alert")(row["id"]),
            "need": row["need"],
            "governorate": row["governorate"],
            "class": row["class_"],
            "measure": row["measure"].upper(),
            "at_least": row["least"],
            "raised": bool(row["raised"]),
            "count": row["count"],
            "changed_at": at(row["changed_at"]),
        }


def letter(data: Mapping[str, Any]) -> tuple[str, str]:
    """An alert as a letter, in Arabic, Kurdish and English."""
    raised = data["raised"]
    place = data["governorate"] or "*"
    figures = f"{data['need']} · {place} · {data['class'] or '*'} · {data['measure'].lower()}: {data['count']} ({data['at_least']})"
    said = RAISED if raised else LOWERED
    return f"mizalla: {said[-1]}", "\n".join([*said, "", figures, ""])
