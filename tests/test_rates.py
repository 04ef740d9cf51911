"""What one may use in a minute, by credential or address, in one hub's memory or in a Redis that several share."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from resolvers.shares import Memory, Shares
from settings import Limits
from tests.country import Country
from tests.serving import Serving
from tests.varying import Varied, varied
from values import PUBLIC, Requester, Role

ME = {"query": "{ me { role } }"}
LIMITS = """
[hub.limits]
requests_per_minute = 1000
store = "{store}"

[hub.limits.roles.caseworker]
requests_per_minute = 5

[hub.limits.roles.analyst]
cost_per_minute = 100

[hub.limits.roles.public]
requests_per_minute = 4
"""
PAGE = "query($n: Int!) { people(first: $n) { id } }"
"""Costs as many points as it has people."""


@pytest.fixture(autouse=True)
def early_in_the_minute() -> None:
    """Minutes are those of the clock: a test that began at the end of one would see two."""
    left = 60 - time.time() % 60
    if left < 6:
        time.sleep(left + 0.1)


@pytest.fixture(scope="module")
def limited(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Varied]:
    with varied(country, tmp_path_factory.mktemp("limited") / "hub", tables=LIMITS.format(store="memory")) as served:
        yield served


@pytest.fixture(scope="module")
def redis_url() -> str:
    """A Redis or Valkey server: `MIZALLA_TEST_REDIS`, or the usual port of this machine."""
    url = os.environ.get("MIZALLA_TEST_REDIS", "redis://127.0.0.1:6379/0")
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=1) as client:
            client.ping()
    except redis.RedisError:
        if os.environ.get("CI") == "true":
            pytest.fail(f"there is no Redis at {url}, and MIZALLA_TEST_REDIS names no other")
        pytest.skip(f"there is no Redis at {url}, and MIZALLA_TEST_REDIS names no other")
    return url


def test_requests_of_a_credential_are_counted_told_and_refused(limited: Varied) -> None:
    answers = [limited.post(ME, "crescent-caseworker") for _ in range(7)]
    assert [each.status_code for each in answers] == [200] * 5 + [429] * 2
    assert [each.headers.get("ratelimit-remaining") for each in answers[:5]] == ["4", "3", "2", "1", "0"]
    assert {each.headers["ratelimit-limit"] for each in answers[:5]} == {"5"}
    assert all(0 < int(each.headers["ratelimit-reset"]) <= 60 for each in answers[:5])
    refused = answers[-1]
    assert 0 < int(refused.headers["retry-after"]) <= 60
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "LIMIT_REACHED"
    assert "seconds" in error["extensions"]["hint"]
    assert "data" not in refused.json()
    other = limited.post(ME, "hope-caseworker")
    assert (other.status_code, other.headers["ratelimit-remaining"]) == (200, "4"), "nobody uses another's share"


def test_without_a_credential_an_address_is_counted_and_so_is_who_tries_keys(limited: Varied) -> None:
    assert [limited.post(ME).status_code for _ in range(2)] == [200, 200]
    tried = [limited.client.post("/graphql", json=ME, headers={"authorization": f"Bearer mz_{at}"}).status_code for at in range(4)]
    assert tried == [401, 401, 429, 429]
    assert limited.post(ME).status_code == 429
    assert limited.post(ME, "rafidain-caseworker").status_code == 200
    page = limited.client.get("/transparency.csv", headers={"authorization": "Bearer mz_another"})
    assert (page.status_code, page.text[:13]) == (429, "LIMIT_REACHED"), "whichever door keys are tried at"


def test_points_are_used_up_and_given_back_where_they_are_refused(limited: Varied) -> None:
    who = "ministry-analyst"
    first = limited.ask(PAGE, who, {"n": 60}, Mizalla_Explain="1")
    assert first["extensions"]["cost"] == {"estimated": 60, "rows": 60, "budgetLeft": 40}
    dear = limited.post({"query": PAGE, "variables": {"n": 41}}, who)
    assert (dear.status_code, dear.json()["errors"][0]["extensions"]["code"]) == (429, "LIMIT_REACHED")
    assert 0 < int(dear.headers["retry-after"]) <= 60
    assert "40 of 100" in dear.json()["errors"][0]["message"]
    assert limited.ask(PAGE, who, {"n": 40}, Mizalla_Explain="1")["extensions"]["cost"]["budgetLeft"] == 0
    never = limited.post({"query": PAGE, "variables": {"n": 101}}, who)
    assert never.json()["errors"][0]["extensions"]["code"] == "LIMIT_REACHED"
    assert "retry-after" not in never.headers, "no minute has so much"


def test_without_limits_nothing_is_counted_and_no_header_tells(hub_server: Serving) -> None:
    response = httpx.post(f"{hub_server.url}/graphql", json=ME)
    assert not [name for name in response.headers if name.startswith(("ratelimit", "retry"))]


def test_several_hubs_share_what_is_used_and_the_store_learns_nobody(country: Country, tmp_path: Path, redis_url: str) -> None:
    tables = LIMITS.format(store=redis_url)
    with (
        redis.Redis.from_url(redis_url) as store,
        varied(country, tmp_path / "one", tables=tables) as one,
        varied(country, tmp_path / "two", tables=tables) as two,
    ):
        before = set(store.scan_iter("mizalla*"))
        asked = [hub.post(ME, "crescent-caseworker").headers.get("ratelimit-remaining") for hub in (one, two, one, two, one, two)]
        assert asked == ["4", "3", "2", "1", "0", None]
        assert one.post(ME).status_code == 200
        written = set(store.scan_iter("mizalla*")) - before
        assert len(written) == 2
        seen = b" ".join(written) + b" ".join(store.get(each) or b"" for each in written)
        assert all(0 < store.ttl(each) <= 60 for each in written)
        credential = country.keys["crescent-caseworker"].split("_")[1].encode()
        assert credential not in seen
        assert b"127.0.0.1" not in seen
        store.delete(*written)


def test_a_hub_whose_store_is_gone_counts_for_itself(country: Country, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with varied(country, tmp_path / "hub", tables=LIMITS.format(store=f"redis://127.0.0.1:{port}/0")) as hub:
        answers = [hub.post(ME, "crescent-caseworker").status_code for _ in range(6)]
        assert answers == [200] * 5 + [429]
        assert hub.hub.said().count("shares_not_shared") == 1, "and says so once in a while"


async def test_names_are_hashes_that_tell_neither_credential_nor_address() -> None:
    shares = Shares("memory", b"k" * 32)
    staff = Requester("staff", Role.CASEWORKER, "crescent-aid", "crescent-aid", credential="aaaabbbbcccc")
    names = [shares.name(PUBLIC, "192.0.2.7"), shares.name(None, "192.0.2.8"), shares.name(staff, "192.0.2.7")]
    assert len(set(names)) == 3
    assert shares.name(staff, "192.0.2.9") == names[2]
    assert shares.name(None, "192.0.2.7") == names[0], "an unknown key counts like none"
    assert Shares("memory", b"x" * 32).name(PUBLIC, "192.0.2.7") != names[0], "nobody can try all addresses without the key"
    assert not [name for name in names if "192" in name or "aaaa" in name]
    for address in names:
        await shares.request(address, Limits(requests_per_minute=3))
    assert "192.0.2" not in str(shares._memory.storage)


def test_a_household_has_one_ipv6_network_and_one_share() -> None:
    shares = Shares("memory", b"k" * 32)
    assert shares.name(PUBLIC, "2001:db8:1:2::1") == shares.name(PUBLIC, "2001:db8:1:2:ffff::9")
    assert shares.name(PUBLIC, "2001:db8:1:2::1") != shares.name(PUBLIC, "2001:db8:1:3::1")
    assert shares.name(PUBLIC, "::ffff:192.0.2.7") == shares.name(PUBLIC, "192.0.2.7")


async def test_memory_forgets_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    memory = Memory()
    for number in range(1000):
        await memory.incr(f"somebody {number}", 60)
    assert await memory.incr("somebody 1", 60) == 2
    now[0] += 61
    assert await memory.incr("somebody 1", 60) == 1
    assert len(memory.storage) == 1
