"""Identity: people and households as a requester may see them, and the consent that opens more. A room is one file."""

from schema.identity import attestations, consents, edge, people, references

ROOMS = (people, consents, references, attestations, edge)
