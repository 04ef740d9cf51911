"""A room of the resolvers: one file of one domain, with the root fields it answers and the news that may be watched.

The hub puts the rooms of all domains together, so that adding one touches its own files and its domain's list.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from errors import Invalid
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.want import Field

Answers = Callable[["Gathering", "Field"], Awaitable[Any]]
"""Gives the finished value of a root field."""

Shows = Callable[["Gathering", "Field", Any], Awaitable[Any]]
"""Gives the finished value of one event of a subscription, or `watching.NOTHING`."""

Pushes = Callable[["Gathering", str, Mapping[str, Any]], Awaitable[dict[str, Any] | None]]
"""Gives the data of a message for an organisation, in its own pseudonyms; None where it does not concern it after all."""

Letters = Callable[[Mapping[str, Any]], tuple[str, str]]
"""Writes subject and text of a letter from the data of a message; only for topics that are open anyway."""

Duty = Callable[[], Awaitable[None]]
"""Works until it is cancelled."""

Keys = Callable[[Enquiry], Hashable]
"""Says under which key a requester watches a topic; raises NotPermitted where it may not."""


Subjects = Callable[[Enquiry, str], Awaitable[tuple[int, int] | None]]
"""Gives the person behind a thing that a requester may name, and the thing's own number (0 for a pseudonym), or None."""


class Room:
    """What one file of a domain adds to the hub.

    `roots` are the root fields it answers, by their inner name; `watched` the subscriptions, as (key, show); `pushed` says what
    an organisation is sent of a topic (see `resolvers/outbox.py`), `mailed` how that is written as a letter; `duties` are done
    for ever while the hub is served; `subjects` are the kinds of nameless things behind which a person can be asked for (see
    `resolvers/oversight/openings.py`).
    """

    roots: Mapping[str, Answers] = {}
    watched: Mapping[str, tuple[Keys, Shows]] = {}
    pushed: Mapping[str, Pushes] = {}
    mailed: Mapping[str, Letters] = {}
    duties: Mapping[str, Duty] = {}
    subjects: Mapping[str, Subjects] = {}


def page_size(hub: Hub, first: int) -> int:
    """`first`, where it is a size that a page may have.

    Raises:
        Invalid: it is not.
    """
    most = hub.settings.hub.limits.page_rows
    if not 1 <= first <= most:
        raise Invalid(f"`first` is outside 1 to {most}", f"ask for a page of at most {most}", "first")
    return first
