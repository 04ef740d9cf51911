"""Write down every decision there is: field × requester × purpose × source, as text that shows a change line by line.

A rule is read once and obeyed a million times; whoever changes one sees here which decisions it moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from policies.decide import Policies
from values import Condition, Purpose, Requester


def matrix(policies: Policies, requesters: Sequence[Requester], today: date) -> str:
    """Give a block per requester and purpose of its own, a line per field: conditions, and the sources they hold at.

    Sources that are decided alike share one entry; a source that is not named never releases the field. Fields that
    are never released anywhere are counted at the end of their block, not listed.
    """
    blocks = [_block(policies, requester, purpose, today) for requester in requesters for purpose in requester.purposes]
    return "\n\n".join(blocks) + "\n"


def _block(policies: Policies, requester: Requester, purpose: Purpose, today: date) -> str:
    lines, hidden = [f"## {requester.name} · {purpose}"], 0
    for coordinate, thing in policies.things.items():
        alike: dict[frozenset[Condition], list[str]] = {}
        for source in policies.sources:
            conditions = policies.release(requester, purpose, coordinate, source, today)
            alike.setdefault(conditions, []).append(source or "the hub itself")
        released = [(conditions, sources) for conditions, sources in alike.items() if conditions]
        if not released:
            hidden += 1
            continue
        entries = [f"{' or '.join(sorted(conditions))}: {_named(sources, len(policies.sources))}" for conditions, sources in released]
        lines.append(f"{coordinate} ({thing.fact.level}) | {' | '.join(entries)}")
    return "\n".join([*lines, f"never released: {hidden} of {len(policies.things)}"])


def _named(sources: list[str], every: int) -> str:
    return "everywhere" if len(sources) == every else ", ".join(sources)
