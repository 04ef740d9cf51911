"""Between organisations: what they write, pass on, ask and decide among themselves. A room is one file."""

from schema.exchange import decisions, keys, messages, referrals, surveys

ROOMS = (keys, messages, referrals, surveys, decisions)
