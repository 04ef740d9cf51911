"""Identity: people and households as a requester may see them, and the consent that opens more. A room is one file."""

from schema.identity import attestations, consents, edge, enrolment, guardians, people, references, requesting, requests, wallet

ROOMS = (people, consents, references, attestations, edge, enrolment, wallet, requests, requesting, guardians)
