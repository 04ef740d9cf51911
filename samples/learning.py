"""What Crescent Aid had learned for its queue of cash before the sample begins, from a history invented for it.

The history itself is in no table: its people have moved on. What was learned of it stands in `learned.json`, so that the sample can be
built without scikit-learn; `python -m samples.learning` learns it again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
import sqlalchemy as sa

from privacy.keys import KeyRing
from resolvers.aid.inputs import numbers
from resolvers.aid.knobs import default
from resolvers.aid.learning import Cases, learned
from resolvers.aid.scores import DIFFICULTIES, Policy
from resolvers.aid.suggestions import WITHIN_DAYS, features_of, groups_of, signed_text
from tables.aid import suggestion_model
from tables.database import Database

FILE = Path(__file__).with_name("learned.json")
ORGANISATION, NEED = "crescent-aid", "cash"
CASES: Final = 800
BEGAN_DAYS, ENDED_DAYS = 300, WITHIN_DAYS + 5
"""How long before the country is built the first and the last of these cases were assessed."""


def history() -> tuple[Cases, list[str]]:
    """Cases as they were decided: the greater the gap and the more dependants the likelier, the more was received the less."""
    chance, body = Random(ORGANISATION), orjson.dumps(default(NEED)).decode()
    features, left_out = features_of(Policy.read((1, ORGANISATION, NEED, 1, body)), (), ())
    rows, given, groups = [], [], []
    for _ in range(CASES):
        said = {"gap": float(chance.choice((0, 1, 1, 2, 2, 2, 3, 3, 4))), "dependants": float(chance.choice((0, 0, 1, 2, 2, 3, 4, 5, 8)))}
        had = round(max(chance.gauss(0, 0.6), 0.0), 4)
        odds = said["gap"] / 4 + said["dependants"] / 16 - had / 2
        rows.append([said["gap"], said["dependants"], had])
        given.append(chance.random() < min(max(odds, 0.03), 0.95))
        said |= dict.fromkeys(DIFFICULTIES, 1.0) | ({"MOB": 3.0} if chance.random() < 0.12 else {})
        groups.append(groups_of({"answers": said, "region": ""}))
    return Cases(features, rows, given, groups, range(CASES)), left_out


def make() -> dict[str, Any]:
    """Learn it, by the hub's own way of learning."""
    cases, left_out = history()
    model, errors = learned(cases, lambda: None)
    card = {"cases": CASES, "people": CASES, "outcome_days": WITHIN_DAYS, "rules": 1, "left_out": left_out}
    return {"card": {**card, "features": [each.code for each in cases.features], **errors}, "model": model.body()}


async def seed_learned(database: Database, ring: KeyRing, now: int) -> int:
    """Keep what was learned as the first version of the queue's model, signed by this country's hub; gives how many there are."""
    body, today = orjson.loads(FILE.read_bytes()), datetime.fromtimestamp(now, UTC).date()
    days = {"since": today - timedelta(days=BEGAN_DAYS), "until": today - timedelta(days=ENDED_DAYS)}
    body["card"] |= {name: day.isoformat() for name, day in days.items()}
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
    signature = ring.signing_key().sign(signed_text(ORGANISATION, NEED, 1, text)).signature
    row = {"id": next(numbers()), "organisation": ORGANISATION, "need": NEED, "version": 1, "active": True, "body": text}
    async with database.transaction() as tx:
        more = {"trained_at": now, "signature": signature, "key_version": ring.current}
        await tx.execute(database.prepare(sa.insert(suggestion_model)), {**row, **more})
    return 1


if __name__ == "__main__":
    FILE.write_bytes(orjson.dumps(make(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
