"""The wire: what do the sources say? One module a wire, one contract for all, one guard before each."""

import logging

for _name in ("httpx", "httpcore"):
    # They log every URL, and whoever is written to is nobody else's business.
    logging.getLogger(_name).setLevel(logging.WARNING)
