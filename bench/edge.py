"""What edge mode costs: each step of the protocol, and a whole table of 100,000.

`python -m bench.edge` times one core: the steps for one identifier in a batch of 500, then both sides of a table of `--people`
identifiers in this process, without the network between them.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from privacy.edge import SUITE, EdgeKey, message
from privacy.keys import KeyRing

BATCH = 500


def best(rounds: int, work: Callable[[], object]) -> float:
    """Microseconds of one core for one of a batch, the quickest round."""
    found = float("inf")
    for _ in range(rounds):
        begun = time.thread_time_ns()
        work()
        found = min(found, (time.thread_time_ns() - begun) / BATCH / 1000)
    return found


def steps(key: EdgeKey, rounds: int) -> dict[str, float]:
    """Every step for one identifier."""
    messages = [message("national_number", f"{secrets.randbelow(10**12):012}") for _ in range(BATCH)]
    blinded = [SUITE.blind(each) for each in messages]
    elements = [each.element for each in blinded]
    evaluated = SUITE.evaluate(key.share, elements)
    proof = SUITE.prove(key.share, elements, evaluated)
    timed: dict[str, Callable[[], object]] = {
        "source: blind": lambda: [SUITE.blind(each) for each in messages],
        "operator: evaluate": lambda: SUITE.evaluate(key.share, elements),
        "operator: prove": lambda: SUITE.prove(key.share, elements, evaluated),
        "source: verify": lambda: SUITE.verify(key.public, elements, evaluated, proof),
        "source: finalize": lambda: [SUITE.finalize(each, [result]) for each, result in zip(blinded, evaluated, strict=True)],
        "hub: the same, seeing the identifier": lambda: [SUITE.output(key.share, each) for each in messages],
    }
    return {name: best(rounds, work) for name, work in timed.items()}


def table(key: EdgeKey, people: int) -> tuple[float, float]:
    """Seconds of one core on the source's side and on the operator's, for a whole table."""
    source = operator = 0
    for first in range(0, people, BATCH):
        begun = time.thread_time_ns()
        blinded = [SUITE.blind(message("national_number", f"{number:012}")) for number in range(first, min(first + BATCH, people))]
        elements = [each.element for each in blinded]
        sent = time.thread_time_ns()
        evaluated, proof = key.evaluate(elements)
        back = time.thread_time_ns()
        SUITE.verify(key.public, elements, evaluated, proof)
        for each, result in zip(blinded, evaluated, strict=True):
            SUITE.finalize(each, [result])
        source += sent - begun + time.thread_time_ns() - back
        operator += back - sent
    return source / 1e9, operator / 1e9


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--people", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        key = EdgeKey(KeyRing.create(Path(folder) / "keys.json"), [])
        found = steps(key, arguments.rounds)
        print(f"{'':<38} {'µs':>7} {'a second':>9}")
        for name, microseconds in found.items():
            print(f"{name:<38} {microseconds:7.1f} {1e6 / microseconds:9,.0f}")
        source, operator = table(key, arguments.people)
    print(f"\na table of {arguments.people:,}: {source:.1f} s at the source, {operator:.1f} s at each operator, of one core each")


if __name__ == "__main__":
    main()
