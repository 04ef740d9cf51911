"""Identity: people and households as a requester may see them, and the consent that opens more. A room is one file."""

from schema.identity import (
    asking,
    assurance,
    attestations,
    consents,
    edge,
    enrolment,
    guardians,
    held,
    paper,
    people,
    references,
    requesting,
    requests,
    wallet,
    webhooks,
)

ROOMS = (
    people,
    consents,
    references,
    attestations,
    edge,
    enrolment,
    assurance,
    wallet,
    requests,
    requesting,
    guardians,
    held,
    webhooks,
    asking,
    paper,
)
