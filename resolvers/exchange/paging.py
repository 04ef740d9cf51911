"""Cursors of an organisation's own lists: sealed for it, so that they tell nothing and serve nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from errors import Invalid
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub

FIRST = (2**62, 2**62)
"""Before everything, where the newest comes first."""


def cursor(hub: Hub, enquiry: Enquiry, kind: str, place: Sequence[int]) -> str:
    """A place in a list of this kind, for this requester."""
    return hub.pseudonyms.seal(enquiry.requester.receiver, kind, orjson.dumps(list(place)))


def place_of(hub: Hub, enquiry: Enquiry, kind: str, text: Any) -> tuple[int, int]:
    """The place that a cursor of this list names.

    Raises:
        Invalid: it is another list's, or somebody else's.
    """
    if text is None:
        return FIRST
    opened = hub.pseudonyms.unseal(enquiry.requester.receiver, kind, str(text))
    if opened is None:
        raise Invalid("this cursor is not one of this list's", "start again without `after`", "after")
    first, second = orjson.loads(opened)
    return int(first), int(second)
