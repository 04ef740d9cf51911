"""What the sources say of the person that asks, read for the person by the ordinary plan and recorded as such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from errors import SourceDown
from resolvers.gather import Gathering
from resolvers.want import Want
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub


async def facts_of(hub: Hub, enquiry: Enquiry, want: Want) -> Mapping[str, Any]:
    """The wanted attributes of the requester itself, once the reading stands in the disclosure record.

    Raises:
        SourceDown: a source that was asked failed; what is missing would be taken for untrue.
        RecordError: it could not be recorded.
    """
    person = enquiry.requester.person
    assert person is not None
    gathering = Gathering(hub, enquiry)
    plan = hub.plan(want, enquiry)
    people = await hub.standing.of_one(enquiry, person, plan.sources)
    found = await gathering.people(plan, people)
    if gathering.faults:
        raise SourceDown(gathering.faults[0].source, "a source that would have to say this does not answer", "try again later")
    await hub.disclose(gathering)
    return found[0] if found else {}
