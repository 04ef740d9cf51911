"""What each request that does not hold costs the hub: the CPU of its whole process, over each transport, the least of some tries.

    python -m bench.bad_inputs [--tries 3] [--most 50]

The requests are those of `tests/bad_inputs.py`, sent over real sockets to a hub in a process of its own. The table shows the
dearest; the run ends with an error when one costs more than `--most` milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import httpx

from tests.asking import copied
from tests.bad_inputs import CASES, CASEWORKER, FRAMES, PATHS
from tests.carrying import ME, TRANSPORTS, Asked, Place, connected
from tests.country import running_country
from tests.serving import serving


def spent(pid: int) -> float:
    """Milliseconds of CPU of all threads, to the nanosecond: the ticks of `stat` are a fifth of what is measured here."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


async def costs(place: Place, tries: int) -> dict[tuple[str, str], float]:
    """Milliseconds by what was sent, and over which transport; what carries it (a connection, a greeting) included."""
    found: dict[tuple[str, str], list[float]] = {}
    asked = {name: (case, who) for name, (case, _, who) in CASES.items()}
    asked |= {f"path: {name}": (Asked({"query": query}, written=variables), CASEWORKER) for name, (query, variables) in PATHS.items()}
    for _ in range(tries):
        for name, (case, who) in asked.items():
            case = replace(case, authorization=f"Bearer {place.keys[who]}") if who else case  # noqa: PLW2901 — the same, with a key
            for transport in case.transports:
                before = spent(place.hub.process.pid)
                await TRANSPORTS[transport](place, case)
                found.setdefault((name, transport), []).append(spent(place.hub.process.pid) - before)
        for name, frame in FRAMES.items():
            before = spent(place.hub.process.pid)
            async with connected(place) as client:
                await client.socket.send(frame)
                await client.closed()
            found.setdefault((f"frame: {name}", "WebSocket"), []).append(spent(place.hub.process.pid) - before)
    return {case: min(each) for case, each in found.items()}


def main() -> None:
    """Print the dearest; end with an error when one is too dear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=3, help="times each is sent; the least counts, since other work only adds")
    parser.add_argument("--most", type=float, default=50.0, help="milliseconds that one may cost")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mizalla-") as folder, running_country(Path(folder) / "country") as country:
        settings = copied(country, Path(folder) / "hub")
        with serving(settings.path, Path(folder) / "output.txt") as hub:
            httpx.post(f"{hub.url}/graphql", json={"query": ME}, verify=False)
            found = asyncio.run(costs(Place(hub, dict(country.keys), settings), options.tries))
    dearest = sorted(found.items(), key=lambda each: -each[1])
    print("| what is sent | over | ms of CPU |")
    print("|---|---|--:|")
    for (name, transport), milliseconds in dearest[:20]:
        print(f"| {name} | {transport} | {milliseconds:.1f} |")
    over = [each for each in dearest if each[1] > options.most]
    print(f"\n{len(found)} requests, the dearest at {dearest[0][1]:.1f} ms; {len(over)} above {options.most:g} ms")
    raise SystemExit(1 if over else 0)


if __name__ == "__main__":
    main()
