"""Every step by which stored tables became what they are: one folder for the hub's tables, one for its record.

A step is a module `vNNNN.py` that states its tables as they were then, so that it does the same for ever whatever `tables/` says
later. A released step is never edited; a change of a table is a new step, and the new number in `tables.upgrade.HEADS`.
"""
