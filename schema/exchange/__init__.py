"""Between organisations: what they write, pass on, ask and decide among themselves. A room is one file."""

from schema.exchange import keys, messages, referrals

ROOMS = (keys, messages, referrals)
