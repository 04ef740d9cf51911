"""Oversight: which sources stand behind the hub, and who looked. A room is one file."""

from schema.oversight import directory, looks

ROOMS = (directory, looks)
