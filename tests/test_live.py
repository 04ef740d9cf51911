"""What changes in files and tables while the hub runs is obeyed by the very next request, under load, and by every process."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from policies.decide import Engine
from policies.law import FOLDER
from privacy.keys import KeyRing
from resolvers.hub import Hub
from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA
from schema.door.door import Request
from schema.door.live import Live
from schema.door.streaming import Streams
from tests.asking import copied
from tests.country import Country
from tests.serving import ROOT, Serving, serving
from tests.test_openid import Issuer
from tests.test_transports import HERE
from values import Enquiry

AGREED = "{ caseload(first: 5) { edges { node { id sex allocations { source } } } } }"
CASEWORKER = "crescent-caseworker"
PATIENCE = 60.0
"""Seconds: a process that makes its policies anew beside others may keep one waiting."""

pytestmark = pytest.mark.alone

Change = Callable[[], Awaitable[object] | object]


@dataclass(frozen=True, slots=True)
class Running:
    """A served copy of the country, whose files may be changed."""

    folder: Path
    servers: tuple[Serving, ...]
    keys: dict[str, str]

    @property
    def path(self) -> Path:
        return self.folder / "hub.toml"

    def rewrite(self, *changes: tuple[str, str]) -> None:
        """Put a changed hub.toml in the place of the old one."""
        text = self.path.read_text(encoding="utf-8")
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        put(self.path, text)

    def said(self) -> str:
        return "".join(each.said() for each in self.servers)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.servers[0].url}/readyz", timeout=PATIENCE, verify=False).json()
        return found


def put(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


@pytest.fixture(scope="module")
def workers(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two processes of one hub."""
    folder = tmp_path_factory.mktemp("live")
    copied(country, folder / "hub")
    path = folder / "hub" / "hub.toml"
    # A source that is slow for a moment would change the answers too; here only settings may.
    put(path, re.sub(r"^wire = ", f"timeout_seconds = {PATIENCE}\nwire = ", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    shutil.copytree(FOLDER, folder / "hub" / "law", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(folder / "hub" / "hub.toml", folder / f"output-{each}.txt")) for each in range(2)]
        yield Running(folder / "hub", tuple(servers), dict(country.keys))


@pytest.fixture
def running(workers: Running) -> Iterator[Running]:
    """The same two, whose files are put back afterwards."""
    text = workers.path.read_text(encoding="utf-8")
    yield workers
    put(workers.path, text)
    for law in FOLDER.glob("*.polar"):
        shutil.copy(law, workers.folder / "law")


async def under_load(
    running: Running, change: Change, verdict: Callable[[httpx.Response], str], who: str, query: str = AGREED, purpose: str | None = None
) -> tuple[set[str], set[str]]:
    """The verdicts of the answers given before a change, and of those begun after it; none may be an unforeseen error."""
    answers: list[tuple[float, float, str]] = []
    headers = {"authorization": f"Bearer {running.keys[who]}", **({"mizalla-purpose": purpose} if purpose else {})}
    answered = {server.url: 0 for server in running.servers}
    done = False

    async def keep_asking(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=False) as client:
            while not done:
                began = time.perf_counter()
                response = await client.post("/graphql", json={"query": query}, headers=headers)
                assert "Unexpected error" not in response.text
                answers.append((began, time.perf_counter(), verdict(response)))
                answered[url] += 1

    async def more(count: int) -> None:
        """Until every process has given so many answers more."""
        wanted = {url: given + count for url, given in answered.items()}
        while any(answered[url] < least for url, least in wanted.items()) and not any(each.done() for each in asking):
            await asyncio.sleep(0.002)

    asking = [asyncio.ensure_future(keep_asking(server.url)) for server in running.servers for _ in range(3)]
    await more(3)
    before = time.perf_counter()
    outcome = change()
    if isinstance(outcome, Awaitable):
        await outcome
    changed = time.perf_counter()
    await more(8)
    done = True
    await asyncio.gather(*asking)
    return {said for _, ended, said in answers if ended < before}, {said for began, _, said in answers if began > changed}


def shown(response: httpx.Response) -> str:
    """What of `sex` and of the sources' lists is in an answer, in one word each."""
    assert response.status_code == 200, response.text
    people = [edge["node"] for edge in response.json()["data"]["caseload"]["edges"]]
    assert people
    sources = sorted({row["source"] for person in people for row in person["allocations"] or ()})
    return f"sex {'shown' if any(person['sex'] for person in people) else 'withheld'}, aid of {' '.join(sources)}"


def refused(response: httpx.Response) -> str:
    if response.status_code == 200 and "errors" not in response.json():
        return "answered"
    return str(response.json()["errors"][0]["extensions"]["code"])


def agreement(text: str, receiver: str, source: str) -> str:
    """The stanza of an agreement as hub.toml has it."""
    for stanza in text.split("[[agreements]]\n")[1:]:
        if f'receiver = "{receiver}"\nsource = "{source}"\n' in stanza:
            return "[[agreements]]\n" + stanza.partition("\n\n")[0]
    raise AssertionError(f"{receiver} has no agreement on {source}")


async def test_an_agreement_that_ends_and_one_that_begins_hold_from_the_next_request(running: Running) -> None:
    text = running.path.read_text(encoding="utf-8")
    stanza = agreement(text, "crescent-aid", "rafidain-relief")
    before, after = await under_load(running, lambda: running.rewrite((stanza, "")), shown, CASEWORKER)
    assert len(before) == len(after) == 1
    assert before != after
    again, anew = await under_load(running, lambda: put(running.path, text), shown, CASEWORKER)
    assert (again, anew) == (after, before)


async def test_a_purpose_and_an_organisation_that_are_taken_away_are_gone_from_the_next_request(running: Running) -> None:
    kept = 'verified = true\npurposes = ["aid_distribution", "case_management", "organisation_governance"]\nwebsite = "https://crescent-aid.example"'
    narrower = kept.replace('"aid_distribution", ', "")
    found = await under_load(running, lambda: running.rewrite((kept, narrower)), refused, CASEWORKER, purpose="aid_distribution")
    assert found == ({"answered"}, {"PURPOSE_NOT_ALLOWED"})
    unverified = narrower.replace("verified = true", "verified = false")
    before, after = await under_load(running, lambda: running.rewrite((narrower, unverified)), refused, CASEWORKER)
    assert before == {"answered"}
    assert after == {"GRAPHQL_INVALID"}


async def test_a_source_that_is_closed_is_asked_no_more_and_one_that_is_opened_is_asked_again(running: Running) -> None:
    text = running.path.read_text(encoding="utf-8")
    stanzas = text[text.index("[sources.hope-network]") : text.index("[sources.hub]")]
    first, *agreements = text.replace(stanzas, "").split("[[agreements]]\n")
    without = "[[agreements]]\n".join([first, *(each for each in agreements if 'source = "hope-network"' not in each)])
    before, after = await under_load(running, lambda: put(running.path, without), shown, CASEWORKER)
    assert [each for each in before if "hope-network" in each] == list(before)
    assert not [each for each in after if "hope-network" in each]
    assert await under_load(running, lambda: put(running.path, text), shown, CASEWORKER) == (after, before)


async def test_a_limit_that_changes_holds_from_the_next_request(running: Running) -> None:
    change = ("[hub]\n", "[hub.limits.roles.caseworker]\ndepth = 3\n[hub]\n")
    assert await under_load(running, lambda: running.rewrite(change), refused, CASEWORKER) == ({"answered"}, {"LIMIT_REACHED"})


async def test_a_rule_that_changes_holds_from_the_next_request(running: Running) -> None:
    await under_load(running, lambda: running.rewrite(("[hub]\n", '[hub]\nrules = "law"\n')), shown, CASEWORKER)
    law = running.folder / "law" / "levels.polar"
    text = law.read_text(encoding="utf-8")
    # As it stands, but for what agreements open, and without the promises that speak of it.
    ended = text.replace("    agreement.in_force and\n", '    agreement.in_force and\n    requester.role = "nobody" and\n')
    assert ended != text
    stricter = ""
    for path in law.parent.glob("*.polar"):
        without = re.sub(r"^\?= .*\n", "", ended if path == law else path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        put(path, text if path == law else without)
        stricter = without if path == law else stricter
    before, after = await under_load(running, lambda: put(law, stricter), shown, CASEWORKER)
    assert len(before) == len(after) == 1
    assert before != after
    assert "settings_refused" not in running.said()


async def test_a_rotated_key_makes_the_next_answer_and_what_the_old_one_made_still_resolves(running: Running) -> None:
    named: dict[str, set[str]] = {}

    def version(response: httpx.Response) -> str:
        ids = [edge["node"]["id"] for edge in response.json()["data"]["caseload"]["edges"]]
        (found,) = {each[:2] for each in ids}
        named.setdefault(found, set()).update(ids)
        return str(found)

    ring = running.folder / "keys.json"
    (before,), (after,) = await under_load(running, lambda: KeyRing.load(ring).rotate(), version, CASEWORKER)
    assert int(after, 16) == int(before, 16) + 1
    asked = {"query": "query($id: ID!) { person(id: $id) { id } }", "variables": {"id": min(named[before])}}
    headers = {"authorization": f"Bearer {running.keys[CASEWORKER]}"}
    for server in running.servers:
        found = httpx.post(f"{server.url}/graphql", json=asked, headers=headers, timeout=PATIENCE, verify=False).json()
        assert found["data"]["person"]["id"] in named[after]


async def test_a_credential_that_another_process_revokes_is_refused_from_the_next_request(running: Running) -> None:
    id_ = running.keys["hope-caseworker"].split("_")[1]
    command = [sys.executable, "-m", "cli", "credential", "revoke", id_, "--config", str(running.path)]

    async def revoke() -> None:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.DEVNULL)
        assert await process.wait() == 0

    assert await under_load(running, revoke, refused, "hope-caseworker") == ({"answered"}, {"UNAUTHENTICATED"})


async def test_a_consent_that_is_withdrawn_opens_nothing_from_the_next_request(running: Running) -> None:
    query = '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") { maritalStatus } }'

    def seen(response: httpx.Response) -> str:
        return "shown" if response.json()["data"]["personByIdentifier"]["maritalStatus"] else "withheld"

    async def withdraw() -> None:
        async with httpx.AsyncClient(base_url=running.servers[0].url, timeout=PATIENCE, verify=False) as client:
            asked = "{ me { person { consents { id receiver withdrawnAt } } } }"
            headers = {"authorization": f"Bearer {running.keys['umm-hassan']}"}
            found = (await client.post("/graphql", json={"query": asked}, headers=headers)).json()["data"]["me"]["person"]["consents"]
            for each in found:
                if each["receiver"] == "crescent-aid" and each["withdrawnAt"] is None:
                    told = "mutation($id: ID!) { consentWithdraw(input: {id: $id}) { __typename } }"
                    body = {"query": told, "variables": {"id": each["id"]}}
                    answer = (await client.post("/graphql", json=body, headers=headers)).json()
                    assert answer["data"]["consentWithdraw"]["__typename"] == "ConsentWithdrawn"

    assert await under_load(running, withdraw, seen, CASEWORKER, query, "aid_distribution") == ({"shown"}, {"withheld"})


async def test_an_issuer_key_is_withdrawn_by_a_signal_and_an_issuer_by_its_stanza(country: Country, tmp_path: Path) -> None:
    copied(country, tmp_path / "hub")
    with Issuer() as issuer, ExitStack() as stack:
        threading.Thread(target=issuer.serve_forever, args=(0.02,), daemon=True).start()
        stack.callback(issuer.shutdown)
        issuer.private["second"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        stanza = f'[[hub.openid]]\nissuer = "{issuer.address}"\naudience = "mizalla"\n\n[organisations.civil-registry]\n'
        path = tmp_path / "hub" / "hub.toml"
        text = path.read_text(encoding="utf-8")
        put(path, text.replace("[organisations.civil-registry]\n", stanza, 1))
        now = int(time.time())
        keys = {kid: issuer.sign(kid, iat=now, exp=now + 600) for kid in ("first", "second")}
        running = Running(tmp_path / "hub", (stack.enter_context(serving(path, tmp_path / "output.txt")),), keys)

        async def withdraw() -> None:
            del issuer.private["first"]
            taken = running.state()["taken"]
            running.servers[0].process.send_signal(signal.SIGHUP)
            while running.state()["taken"] == taken:
                await asyncio.sleep(0.01)

        query = "{ sources { name } }"
        assert await under_load(running, withdraw, refused, "first", query) == ({"answered"}, {"UNAUTHENTICATED"})
        found = await under_load(running, lambda: put(path, text), refused, "second", query)
        assert found == ({"answered"}, {"UNAUTHENTICATED"})


FAULTS = {
    "a file that is no TOML": ("hub.toml", "[hub]\n", "[hub\n", "hub.toml:6", "not TOML"),
    "an unknown key": ("hub.toml", "[hub]\n", "[hub]\ndatabas = 3\n", "hub.toml:7", "unknown key"),
    "an agreement on a field there is not": ("hub.toml", '"person.sex"', '"person.sexx"', "hub.toml:", "the schema has no `person.sexx`"),
    "a source that maps what there is not": ("hub.toml", "sex = ", "sexx = ", "hub.toml:", "has no attribute `sexx`"),
    "a key ring others may read": ("keys.json", "", "", "keys.json", "others than its owner"),
    "another hub's key ring": ("keys.json", None, None, "keys.json", "another key ring"),
    "a rule that is no rule": ("law/aid.polar", "release(", "release((", "aid.polar:", "unreadable rule"),
    "a broken promise": ("law/identity.polar", "?= not ", "?= ", "identity.polar:", "broken promise"),
}


@pytest.mark.parametrize("spoilt", FAULTS)
async def test_a_file_that_does_not_hold_changes_nothing_and_is_told_with_its_place_and_remedy(running: Running, spoilt: str) -> None:
    name, before, after, place, fault = FAULTS[spoilt]
    await under_load(running, lambda: running.rewrite(("[hub]\n", '[hub]\nrules = "law"\n')), shown, CASEWORKER)
    # What else the faulty file would change is not taken either.
    ended = agreement(running.path.read_text(encoding="utf-8"), "crescent-aid", "rafidain-relief")
    path, heard = running.folder / name, len(running.servers[0].said())
    text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode

    def spoil() -> None:
        if before is None or after is None:
            another = path.with_name("another.json")
            KeyRing.create(another)
            another.replace(path)  # in one step, since a ring that is missing for a moment is told too
        elif path.name == "keys.json":
            path.chmod(0o644)
        else:
            changed = text.replace(before, after, 1)
            assert changed != text
            put(path, changed.replace(ended, ""))

    (kept,), (still,) = await under_load(running, spoil, shown, CASEWORKER)
    assert kept == still
    assert running.state()["settings"] == "REFUSED"
    (line, *more) = [each for each in running.servers[0].said()[heard:].splitlines() if "settings_refused" in each]
    assert place in line, line
    assert fault in line, line
    assert "remedy=" in line
    assert not more, "told once, not by each request"
    put(path, text)
    path.chmod(mode)
    for server in running.servers:
        asked = {"query": "{ me { role } }"}
        answered = httpx.post(f"{server.url}/graphql", json=asked, timeout=PATIENCE, verify=False).json()
        assert answered["data"] == {"me": {"role": "public"}}
    assert (running.state()["settings"], running.state()["ready"]) == ("TAKEN", True)


async def test_what_only_a_start_can_change_is_told_and_the_rest_is_taken(running: Running) -> None:
    changes = ("[hub]\n", "[hub.limits.roles.caseworker]\ndepth = 3\n[hub]\nport = 1\nmetrics = true\n")
    assert await under_load(running, lambda: running.rewrite(changes), refused, CASEWORKER) == ({"answered"}, {"LIMIT_REACHED"})
    told = [each for each in running.servers[0].said().splitlines() if "setting_not_taken" in each]
    assert [("hub.metrics" in each, re.search("hub.toml:(9|10) ", each) is not None) for each in told] == [(False, True), (True, True)]


async def test_a_request_in_flight_is_finished_by_the_hub_it_began_with(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "hub")
    async with Hub(settings, CATALOGUE, PUBLIC_NAMES) as hub:
        live = Live(hub, SCHEMA)
        door = await live.now()
        enquiry = await door.hub.enquiry(country.keys[CASEWORKER], None)
        KeyRing.load(settings.hub.keys).rotate()
        after = await live.now()
        assert after is not door
        assert after.hub.database is hub.database
        assert all(after.hub.gates[name] is gate for name, gate in hub.gates.items())
        body = (await door.answer(Request("{ people(first: 1) { id } }"), enquiry)).body
        assert body["data"]["people"][0]["id"].startswith("01")
        assert await live.now() is after
        await live.__aexit__(None, None, None)


async def test_views_of_those_who_may_come_are_decided_before_they_ask(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schema.door.live.PREPARED_AFTER", 0.0)
    settings = copied(country, tmp_path / "hub")
    asked: list[str] = []
    for name in ("conditions", "allows"):
        monkeypatch.setattr(Engine, name, counting(getattr(Engine, name), asked))
    async with Live(Hub(settings, CATALOGUE, PUBLIC_NAMES), SCHEMA) as live:
        await decided_before(live, country, asked)
        text = settings.path.read_text(encoding="utf-8")
        put(settings.path, re.sub(r"until = \d{4}", "until = 2098", text, count=1))  # by which the policies are made anew
        await decided_before(live, country, asked)


async def decided_before(live: Live, country: Country, asked: list[str]) -> None:
    """Wait until the views are prepared, then ask: the rules' engine was asked before, and is not asked now."""
    door = await live.now()
    assert live._preparing is not None
    await live._preparing
    assert asked
    asked.clear()
    for who in (CASEWORKER, None):
        enquiry = await door.hub.enquiry(country.keys[who] if who else None, None)
        body = (await door.answer(Request("{ __schema { queryType { fields { name } } } }"), enquiry)).body
        assert body["data"]["__schema"]["queryType"]["fields"]
    assert asked == []


def counting(function: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    """The same function, which notes each call."""

    def counted(*given: Any) -> Any:
        calls.append(function.__name__)
        return function(*given)

    return counted


async def test_a_stream_obeys_what_is_in_force_at_each_event(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "hub")
    async with Hub(settings, CATALOGUE, PUBLIC_NAMES) as hub:
        live = Live(hub, SCHEMA)
        live_keys = country.keys[CASEWORKER]

        async def who(hub: Hub) -> Enquiry:
            return await hub.enquiry(live_keys, None)

        pieces = Streams(live).stream(Request("subscription { sourcesChanged { name } }"), who, HERE).pieces()
        assert await anext(pieces) is None
        hub.watching.events.tell("sources_changed", None, "hope-network")
        first = await anext(pieces)
        assert first is not None
        assert b"hope-network" in first.encoded
        text = settings.path.read_text(encoding="utf-8")
        put(settings.path, text.replace("[hub]\n", "[hub.limits.roles.caseworker]\ntokens = 3\n[hub]\n"))
        hub.watching.events.tell("sources_changed", None, "hope-network")
        last = await anext(pieces)
        assert last is not None
        assert b"LIMIT_REACHED" in last.encoded
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)
        await live.__aexit__(None, None, None)


async def test_a_file_that_is_half_written_is_read_when_it_rests(country: Country, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "hub")
    text = settings.path.read_text(encoding="utf-8")
    async with Hub(settings, CATALOGUE, PUBLIC_NAMES) as hub:
        live = Live(hub, SCHEMA)
        settings.path.write_text(text[: len(text) // 3], encoding="utf-8")
        looking = asyncio.ensure_future(live.now())
        await asyncio.sleep(0)
        settings.path.write_text(text, encoding="utf-8")
        assert await looking is not None
        assert not live.refused
        await live.__aexit__(None, None, None)
