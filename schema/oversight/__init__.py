"""Oversight: which sources stand behind the hub, and who looked. A room is one file."""

from schema.oversight import account, complaints, directory, glass, hiding, looks, openings, patterns, reports

ROOMS = (directory, looks, hiding, complaints, glass, openings, reports, account, patterns)
