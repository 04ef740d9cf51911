"""Identity's answers and commands; a room is one file, named as in `schema/identity/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolvers.identity.asking import AskingCommands
from resolvers.identity.assurance import AssuranceCommands
from resolvers.identity.attestations import AttestationCommands
from resolvers.identity.consents import ConsentCommands
from resolvers.identity.edge import EdgeCommands
from resolvers.identity.enrolment import EnrolmentCommands
from resolvers.identity.guardians import GuardianCommands
from resolvers.identity.held import HeldConsents
from resolvers.identity.paper import PaperCommands
from resolvers.identity.people import PeopleAnswers
from resolvers.identity.references import ReferenceCommands
from resolvers.identity.requesting import RequestAnswers
from resolvers.identity.requests import RequestCommands
from resolvers.identity.wallet import WalletCommands
from resolvers.identity.webhooks import WebhookCommands

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.room import Room


class Identity:
    """The rooms of identity, each by its name."""

    def __init__(self, hub: Hub) -> None:
        """Open every room."""
        self.people = PeopleAnswers(hub)
        self.consents = ConsentCommands(hub)
        self.references = ReferenceCommands(hub)
        self.attestations = AttestationCommands(hub)
        self.edge = EdgeCommands(hub)
        self.enrolment = EnrolmentCommands(hub)
        self.wallet = WalletCommands(hub)
        self.assurance = AssuranceCommands(hub)
        self.requests = RequestCommands(hub)
        self.requesting = RequestAnswers(hub, self.requests)
        self.guardians = GuardianCommands(hub)
        self.held = HeldConsents(hub)
        self.asking = AskingCommands(hub)
        self.paper = PaperCommands(hub)
        self.webhooks = WebhookCommands(hub)
        self.rooms: tuple[Room, ...] = (
            self.people,
            self.consents,
            self.references,
            self.attestations,
            self.edge,
            self.enrolment,
            self.wallet,
            self.requesting,
            self.guardians,
            self.held,
            self.asking,
            self.paper,
            self.webhooks,
        )
