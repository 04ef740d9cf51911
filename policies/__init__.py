"""Who may see what: rules in Polar, one file a domain, and `decide.py`, the only door to their engine."""
