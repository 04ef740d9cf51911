"""Governance's answers and commands: organisations, their staff, their training; a room is one file, as in `schema/governance/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolvers.governance.register import RegisterCommands
from resolvers.governance.staff import StaffCommands
from resolvers.governance.workshops import WorkshopCommands

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.room import Room


class Governance:
    """The rooms of governance, each by its name."""

    def __init__(self, hub: Hub) -> None:
        """Open every room."""
        self.register = RegisterCommands(hub)
        self.staff = StaffCommands(hub)
        self.workshops = WorkshopCommands(hub)
        self.rooms: tuple[Room, ...] = (self.register, self.staff, self.workshops)
