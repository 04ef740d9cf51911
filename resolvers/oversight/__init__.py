"""Oversight's answers and commands; a room is one file, named as in `schema/oversight/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolvers.oversight.account import Account
from resolvers.oversight.complaints import Complaints
from resolvers.oversight.directory import Directory
from resolvers.oversight.glass import Glass
from resolvers.oversight.hiding import Hiding
from resolvers.oversight.later import Later
from resolvers.oversight.looks import Looks
from resolvers.oversight.openings import Openings
from resolvers.oversight.patterns import Patterns
from resolvers.oversight.reports import Reports
from tables.oversight.inspection import glass, opening

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.room import Room


class Oversight:
    """The rooms of oversight, each by its name."""

    def __init__(self, hub: Hub) -> None:
        """Open every room."""
        self.directory = Directory(hub)
        self.looks = Looks(hub)
        self.hiding = Hiding(hub)
        self.complaints = Complaints(hub)
        self.glass = Glass(hub)
        self.openings = Openings(hub)
        self.later = Later(hub, [(self.glass, glass), (self.openings, opening)])
        self.reports = Reports(hub)
        self.account = Account(hub)
        self.patterns = Patterns(hub)
        self.rooms: tuple[Room, ...] = (
            self.directory,
            self.looks,
            self.hiding,
            self.complaints,
            self.glass,
            self.openings,
            self.later,
            self.reports,
            self.account,
            self.patterns,
        )
