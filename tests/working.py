"""How much work something is: in calls of functions, which are as many on every machine, busy or not."""

import sys
from collections import Counter
from collections.abc import Callable


def calls(act: Callable[[], object]) -> int:
    """How many functions written in Python an act calls."""
    counted = Counter[str]()
    sys.setprofile(lambda _, event, __: counted.update((event,)))
    try:
        act()
    finally:
        sys.setprofile(None)
    return counted["call"]
