"""What organisations say, pass on and decide among themselves; a room is one file, named as in `schema/exchange/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolvers.exchange.agreed import Agreements
from resolvers.exchange.decisions import JointDecisions
from resolvers.exchange.keys import MessageKeys
from resolvers.exchange.messages import Messages
from resolvers.exchange.referrals import Referrals
from resolvers.exchange.surveys import Surveys

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.room import Room


class Exchange:
    """The rooms between organisations, each by its name."""

    def __init__(self, hub: Hub) -> None:
        """Open every room."""
        self.keys = MessageKeys(hub)
        self.messages = Messages(hub, self.keys)
        self.referrals = Referrals(hub, self.keys)
        self.agreements = Agreements(hub, self.referrals)
        self.surveys = Surveys(hub)
        self.decisions = JointDecisions(hub)
        self.rooms: tuple[Room, ...] = (self.keys, self.messages, self.referrals, self.agreements, self.surveys, self.decisions)
