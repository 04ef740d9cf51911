"""Governance: which organisations there are, who works for them, and what they learn. A room is one file."""

from schema.governance import register, staff, workshops

ROOMS = (register, staff, workshops)
