"""What a pseudonym costs one core, against the least a keyed hash costs in the same run.

    python -m bench.pseudonyms [--rounds 300]

Each round times everything once, in turn; of each the quickest round counts, so that what the machine does meanwhile
falls out. The floor is one keyed BLAKE2b of eight bytes by the standard library, its key given at each call.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from privacy.blind import Blinder
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms

ROWS = 1000


def contenders(ring: KeyRing) -> dict[str, Callable[[], object]]:
    """What is timed; each does its work `ROWS` times."""
    pseudonyms, blinder = Pseudonyms(ring), Blinder(ring)
    numbers = [secrets.randbelow(10**12) for _ in range(ROWS)]
    keys = [f"{number:012d}" for number in numbers]
    arabic = [key.translate(str.maketrans("0123456789", "".join(chr(0x660 + digit) for digit in range(10)))) for key in keys]
    make, opaque = pseudonyms.maker("crescent-aid"), pseudonyms.opaque("crescent-aid", "insurance")
    good, foreign = [*map(make, numbers)], [*map(pseudonyms.maker("hope-network"), numbers)]
    master = secrets.token_bytes(32)
    return {
        "floor: keyed BLAKE2b": lambda: [blake2b(number.to_bytes(8), key=master, digest_size=15).digest() for number in numbers],
        "pseudonym": lambda: [make(number) for number in numbers],
        "pseudonym, maker included": lambda: [pseudonyms.maker("crescent-aid")(number) for number in numbers],
        "resolve, good": lambda: [pseudonyms.resolve("crescent-aid", text) for text in good],
        "resolve, foreign": lambda: [pseudonyms.resolve("crescent-aid", text) for text in foreign],
        "resolve, garbage": lambda: [pseudonyms.resolve("crescent-aid", text) for text in keys],
        "row id": lambda: [opaque(key) for key in keys],
        "sealed cursor": lambda: [pseudonyms.seal("crescent-aid", "caseload", b"after 4711") for _ in numbers],
        "blind identifier": lambda: [blinder.blind("national_number", key) for key in keys],
        "blind, Arabic digits": lambda: [blinder.blind("national_number", key) for key in arabic],
        "sealed local key": lambda: [blinder.seal_key("civil-registry", key) for key in keys],
    }


def measure(timed: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Microseconds of one core for one piece of each."""
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for name, work in timed.items():
            begun = time.thread_time_ns()
            work()
            best[name] = min(best[name], (time.thread_time_ns() - begun) / ROWS / 1000)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(contenders(KeyRing.create(Path(folder) / "keys.json")), arguments.rounds)
    floor = next(iter(found.values()))
    print(f"{'':<26} {'µs':>6} {'a second':>11} {'of the floor':>13}")
    for name, microseconds in found.items():
        print(f"{name:<26} {microseconds:6.2f} {1e6 / microseconds:11,.0f} {microseconds / floor:13.2f}")


if __name__ == "__main__":
    main()
