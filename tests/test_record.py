"""The disclosure record: durable before it answers, refused when it cannot be written, and any change found."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import RecordError
from privacy.chain import Fault, decode, encode, people_of
from privacy.keys import KeyRing
from privacy.record import BLOCK, Record
from tables.database import Database
from tables.sqlite import SQLite
from tables.upgrade import upgrade
from values import Disclosure, Purpose, Role, Shown

SHOWN = Shown(("person.sex", "person.birth_year"), ("civil-registry",), (1,), "agreement")
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
DISCLOSURE = Disclosure(AT, "crescent-caseworker", "crescent-aid", "c81f00aa", Role.CASEWORKER, Purpose.AID_DISTRIBUTION, (SHOWN,))


def of(*people: int) -> Disclosure:
    return replace(DISCLOSURE, shown=(replace(SHOWN, people=people),))


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "keys.json")


@pytest.fixture
async def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/record.db"
    await upgrade(url, "record")
    return url


@pytest.fixture
async def record(url: str, ring: KeyRing) -> AsyncIterator[Record]:
    chain = Record(Database.at(url), ring)
    await chain.open()
    yield chain
    await chain.close()


async def filled(url: str, ring: KeyRing, entries: int, signed_at: tuple[int, ...]) -> None:
    """Append so many entries, each of the person of its own number, and sign heads after some of them."""
    chain = Record(Database.at(url), ring)
    await chain.open()
    for number in range(1, entries + 1):
        await chain.append(of(number))
        if number in signed_at:
            await chain.sign()
    await chain.close()


def change(url: str, *statements: str) -> None:
    connection = apsw.Connection(url.removeprefix("sqlite:///"))
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def verdict_of(url: str, ring: KeyRing, kept: tuple[int, bytes] | None = None) -> tuple[int | None, Fault | None]:
    chain = Record(Database.at(url, read_only=True), ring)
    await chain.open()
    verdict = await chain.verify(kept)
    await chain.close()
    assert str(verdict.broken) in verdict.sentence or verdict.sound
    return verdict.broken, verdict.fault


async def two_processes_append(url: str, ring: KeyRing) -> None:
    """Two records on one database, as two workers have them, append to one chain."""
    await upgrade(url, "record")
    one, two = Record(Database.at(url), ring), Record(Database.at(url), ring)
    await one.open()
    await two.open()
    waiting = (chain.append(of(7, place)) for place in range(300) for chain in (one, two))
    numbers = await asyncio.gather(*waiting, return_exceptions=True)
    await two.close()
    assert sorted(map(str, numbers), key=lambda text: (len(text), text)) == [str(number) for number in range(1, 601)]
    assert await one.index() == BLOCK
    assert [number for number, _ in await one.of_person(7, 3)] == [600, 599, 598]
    verdict = await one.verify()
    assert (verdict.entries, verdict.heads, verdict.fault) == (600, 1, None)
    await one.close()


async def test_several_workers_append_to_one_chain_without_gaps(url: str, ring: KeyRing) -> None:
    await two_processes_append(url, ring)


async def test_several_workers_append_to_one_chain_on_postgresql(postgresql_empty: str, ring: KeyRing) -> None:
    await two_processes_append(postgresql_empty, ring)


async def test_several_workers_append_to_one_chain_on_mariadb(mariadb_empty: str, ring: KeyRing) -> None:
    await two_processes_append(mariadb_empty, ring)


async def test_concurrent_appends_share_transactions(record: Record) -> None:
    database = record.database
    assert isinstance(database, SQLite)
    commits = 0

    def counted() -> bool:
        nonlocal commits
        commits += 1
        return False

    await database.run_in_writer(lambda connection: connection.set_commit_hook(counted))
    numbers = await asyncio.gather(*(record.append(of(place)) for place in range(1000)))
    await database.run_in_writer(lambda connection: connection.set_commit_hook(None))
    assert numbers == list(range(1, 1001))
    assert commits <= 3


async def test_an_entry_on_disk_says_what_was_disclosed(record: Record, url: str) -> None:
    number = await record.append(of(5, 3, 4))
    connection = apsw.Connection(url.removeprefix("sqlite:///"), flags=apsw.SQLITE_OPEN_READONLY)
    [(body,)] = connection.execute("SELECT body FROM entry WHERE number = ?", (number,)).fetchall()
    connection.close()
    assert isinstance(body, bytes)
    assert decode(body) == of(5, 3, 4)
    assert body == encode(of(5, 3, 4))


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4).map(tuple), min_size=1, max_size=6))
def test_a_body_says_each_list_of_people_once_and_is_read_as_it_was(lists: list[tuple[int, ...]]) -> None:
    disclosure = replace(of(1), shown=tuple(Shown((f"person.{place}",), ("a",), people, "") for place, people in enumerate(lists)))
    body = encode(disclosure)
    assert decode(body) == disclosure
    assert people_of(body) == {person for people in lists for person in people}
    assert sum(isinstance(each["people"], list) for each in json.loads(body)["shown"]) == len(set(lists))
    spelt_out = json.loads(body)
    for each, people in zip(spelt_out["shown"], lists, strict=True):
        each["people"] = people
    assert decode(json.dumps(spelt_out).encode()) == disclosure
    assert decode(body, 1).shown == tuple(replace(each, people=(1,)) for each in disclosure.shown if 1 in each.people)


async def test_a_commit_reaches_the_disk_before_the_answer(record: Record) -> None:
    database = record.database
    assert isinstance(database, SQLite)
    assert await database.run_in_writer(lambda connection: connection.execute("PRAGMA synchronous").fetchall()) == [(2,)]


async def test_a_person_sees_the_newest_first_and_only_what_concerns_them(record: Record) -> None:
    two = Shown(("person.need_score",), ("crescent-aid",), (2, 8), "consent 12")
    both = replace(DISCLOSURE, shown=(replace(SHOWN, people=(2, 9)), two, replace(SHOWN, people=(9,))))
    for place in range(BLOCK + 40):
        await record.append(both if place % 100 == 50 else of(20_000_000 + place, 22))
    found = await record.of_person(2, 10)
    assert [number for number, _ in found] == [551, 451, 351, 251, 151, 51]
    assert {disclosure for _, disclosure in found} == {replace(both, shown=(replace(SHOWN, people=(2,)), replace(two, people=(2,))))}
    assert [number for number, _ in await record.of_person(2, 2)] == [551, 451]
    assert [number for number, _ in await record.of_person(2, 3, before=451)] == [351, 251, 151]
    assert await record.of_person(2, 5, before=51) == []
    assert await record.of_person(12345, 5) == []
    assert [number for number, _ in await record.of_person(20_000_003, 5)] == [4]


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE entry SET body = replace(body, 'crescent', 'hopeful!') WHERE number = 12"], (12, Fault.ALTERED)),
        (["UPDATE entry SET hash = zeroblob(32) WHERE number = 12"], (12, Fault.ALTERED)),
        (["DELETE FROM entry WHERE number = 12"], (12, Fault.MISSING)),
        (["DELETE FROM entry WHERE number = 10"], (10, Fault.MISSING)),
        (["DELETE FROM entry WHERE number = 1"], (1, Fault.MISSING)),
        (["DELETE FROM entry WHERE number > 17"], (18, Fault.TRUNCATED)),
        (["DELETE FROM entry"], (1, Fault.TRUNCATED)),
        (["UPDATE entry SET number = number + 100 WHERE number > 12"], (13, Fault.MISSING)),
        (["UPDATE head SET at = at + 1 WHERE number = 20"], (20, Fault.BAD_SIGNATURE)),
        (["UPDATE head SET hash = zeroblob(32) WHERE number = 10"], (10, Fault.BAD_SIGNATURE)),
        (["UPDATE head SET signature = zeroblob(64) WHERE number = 10"], (10, Fault.BAD_SIGNATURE)),
        (["UPDATE head SET key_version = 9 WHERE number = 10"], (10, Fault.BAD_SIGNATURE)),
        (["DELETE FROM entry WHERE number > 21"], (22, Fault.TRUNCATED)),
        ([], (None, None)),
    ],
)
async def test_verifying_names_the_first_broken_entry(
    url: str, ring: KeyRing, statements: list[str], found: tuple[int | None, Fault | None]
) -> None:
    await filled(url, ring, 25, signed_at=(10, 20))
    change(url, *(each.replace("replace(body,", "replace(CAST(body AS TEXT),") for each in statements))
    assert await verdict_of(url, ring) == found


async def test_rewriting_the_whole_chain_is_found_by_its_heads(url: str, ring: KeyRing, tmp_path: Path) -> None:
    await filled(url, ring, 25, signed_at=(10, 20))
    forged = f"sqlite:///{tmp_path}/forged.db"
    await upgrade(forged, "record")
    chain = Record(Database.at(forged), ring)
    await chain.open()
    for number in range(1, 26):
        await chain.append(of(number if number != 14 else 999))
    await chain.close()
    change(
        url, f"ATTACH '{forged.removeprefix('sqlite:///')}' AS forged", "DELETE FROM entry", "INSERT INTO entry SELECT * FROM forged.entry"
    )
    assert await verdict_of(url, ring) == (11, Fault.REWRITTEN)


async def test_a_head_kept_elsewhere_finds_entries_removed_with_their_heads(url: str, ring: KeyRing) -> None:
    await filled(url, ring, 25, signed_at=(10,))
    chain = Record(Database.at(url), ring)
    await chain.open()
    await chain.append(of(1))
    head = await chain.sign()
    await chain.close()
    assert head is not None
    assert head.number == 26
    assert await verdict_of(url, ring, (head.number, head.hash)) == (None, None)
    assert await verdict_of(url, ring, (24, head.hash)) == (11, Fault.REWRITTEN)
    change(url, "DELETE FROM entry WHERE number > 20", "DELETE FROM head WHERE number > 20")
    assert await verdict_of(url, ring) == (None, None)
    assert await verdict_of(url, ring, (head.number, head.hash)) == (21, Fault.TRUNCATED)


async def test_heads_of_earlier_keys_verify_after_a_rotation_and_strangers_heads_do_not(url: str, ring: KeyRing, tmp_path: Path) -> None:
    await filled(url, ring, 5, signed_at=(3,))
    ring.rotate()
    await filled(url, ring, 5, signed_at=(3,))
    assert await verdict_of(url, ring) == (None, None)
    assert await verdict_of(url, KeyRing.create(tmp_path / "strange.json")) == (3, Fault.BAD_SIGNATURE)


async def test_a_head_is_signed_every_thousand_entries_and_when_time_has_passed(url: str, ring: KeyRing) -> None:
    now = 1_000_000.0
    chain = Record(Database.at(url), ring, clock=lambda: now)
    await chain.open()
    for _ in range(12):
        await asyncio.gather(*(chain.append(DISCLOSURE) for _ in range(250)))
    assert (await chain.verify()).heads == 3
    now += 3600
    await chain.append(DISCLOSURE)
    assert (await chain.verify()).heads == 4
    await chain.append(DISCLOSURE)
    assert (await chain.verify()).heads == 4
    now += 3600
    await asyncio.sleep(1.2)
    assert (await chain.verify()).heads == 5
    await chain.close()


async def test_a_full_database_refuses_and_recovers_when_there_is_room(record: Record) -> None:
    database = record.database
    assert isinstance(database, SQLite)
    await record.append(DISCLOSURE)
    [(pages,)] = await database.run_in_writer(lambda connection: connection.execute("PRAGMA page_count").fetchall())
    await database.run_in_writer(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))
    large = of(*range(1_000_000, 1_003_000))
    refused = await asyncio.gather(*(record.append(large) for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in refused] == [RecordError] * 5
    assert isinstance(refused[0], RecordError)
    assert "make room" in refused[0].hint
    await database.run_in_writer(lambda connection: connection.execute("PRAGMA max_page_count = 100000"))
    assert await record.append(large) == 2
    assert (await record.verify()).entries == 2


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk here; the full database is tested by its page count")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_refuses_and_the_chain_stays_sound(tiny_disk: Path, ring: KeyRing) -> None:
    url = f"sqlite:///{tiny_disk}/record.db"
    await upgrade(url, "record")
    chain = Record(Database.at(url), ring)
    await chain.open()
    kept = 0
    with pytest.raises(RecordError) as refusal:  # noqa: PT012 — the disk is full at some append
        for _ in range(1000):
            kept = await chain.append(of(*range(1_000_000, 1_001_000)))
    assert refusal.value.code == "DISCLOSURE_NOT_RECORDED"
    assert "make room" in refusal.value.hint
    verdict = await chain.verify()
    assert verdict.sound
    assert verdict.entries == kept > 0
    await chain.close()


async def test_a_record_opened_for_reading_refuses_to_append(url: str, ring: KeyRing) -> None:
    await filled(url, ring, 3, signed_at=())
    chain = Record(Database.at(url, read_only=True), ring)
    await chain.open()
    with pytest.raises(RecordError, match="ReadOnly") as refusal:
        await chain.append(DISCLOSURE)
    assert "let the hub write" in refusal.value.hint
    assert (await chain.verify()).entries == 3
    await chain.close()


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="needs a user without rights")
async def test_a_folder_that_may_not_be_written_refuses(tmp_path: Path, ring: KeyRing, url: str) -> None:
    await filled(url, ring, 3, signed_at=())
    folder = tmp_path / "sealed"
    folder.mkdir()
    (folder / "record.db").write_bytes(Path(url.removeprefix("sqlite:///")).read_bytes())
    (folder / "record.db").chmod(0o444)
    folder.chmod(0o555)
    for parent in [tmp_path, *tmp_path.parents][:4]:
        parent.chmod(parent.stat().st_mode | 0o055)
    (tmp_path / "keys.json").chmod(0o600)
    script = f"""
import asyncio, os
from privacy.keys import KeyRing
from privacy.record import Record
from tables.database import Database
from errors import RecordError
ring = KeyRing.load({str(tmp_path / "keys.json")!r})
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
async def main():
    chain = Record(Database.at("sqlite:///{folder}/record.db"), ring)
    try:
        await chain.open()
        print(await chain.append(None))
    except RecordError as error:
        print("refused", error.hint)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert done.stdout.strip() == "refused let the hub write the file of hub.record and its folder", done.stderr


async def test_a_record_whose_file_was_removed_refuses(record: Record, url: str) -> None:
    await record.append(DISCLOSURE)
    path = Path(url.removeprefix("sqlite:///"))
    path.rename(path.with_name("away.db"))
    with pytest.raises(RecordError, match="FileNotFound"):
        await record.append(DISCLOSURE)
    path.write_bytes(b"")
    with pytest.raises(RecordError, match="FileNotFound"):
        await record.append(DISCLOSURE)
    path.with_name("away.db").replace(path)
    assert await record.append(DISCLOSURE) == 2


async def test_a_server_that_is_gone_refuses(postgresql_empty: str, ring: KeyRing) -> None:
    await upgrade(postgresql_empty, "record")
    chain = Record(Database.at(postgresql_empty), ring)
    await chain.open()
    assert await chain.append(DISCLOSURE) == 1
    await chain.database.close()
    with pytest.raises(RecordError):
        await chain.append(DISCLOSURE)
    await chain.close()


async def test_a_record_without_tables_or_already_closed_refuses(tmp_path: Path, url: str, ring: KeyRing) -> None:
    bare = Record(Database.at(f"sqlite:///{tmp_path}/bare.db"), ring)
    with pytest.raises(RecordError) as refusal:
        await bare.open()
    assert "tables" in refusal.value.hint
    chain = Record(Database.at(url), ring)
    await chain.open()
    await chain.close()
    with pytest.raises(RecordError, match="not open"):
        await chain.append(DISCLOSURE)


NURSERY = """
import asyncio, os, sys
from privacy.keys import KeyRing
from privacy.record import Record
from tables.database import Database
sys.path.insert(0, "tests")
from test_record import of

async def main(url, keys):
    chain = Record(Database.at(url), KeyRing.load(keys))
    await chain.open()
    async def append(place):
        while True:
            os.write(1, b"%d\\n" % await chain.append(of(place, 7)))
    await asyncio.gather(*(append(place) for place in range(8)))

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        os.write(1, b"pid %d\\n" % os.getpid())
        asyncio.run(main(*sys.argv[1:]))
    os.waitpid(child, 0)
    os.write(1, b"end\\n")
"""


@pytest.mark.alone
async def test_killed_at_any_moment_the_chain_verifies_and_holds_every_answered_entry(url: str, ring: KeyRing, tmp_path: Path) -> None:
    chance, answered = random.Random(20260301), 0
    command = [sys.executable, "-c", NURSERY, url, str(tmp_path / "keys.json")]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for place in range(30):
            nursery.stdin.write(b"next\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline().removeprefix(b"pid "))
            printed = [int(nursery.stdout.readline())]
            await asyncio.sleep(chance.uniform(0, 0.06))
            os.kill(child, signal.SIGKILL)
            while (line := nursery.stdout.readline()) != b"end\n":
                printed.append(int(line))
            chain = Record(Database.at(url), ring)
            await chain.open()
            verdict = await chain.verify()
            await chain.close()
            assert verdict.sound, f"after kill {place}: {verdict.sentence}"
            assert verdict.entries >= max(printed)
            assert min(printed) > answered
            answered = max(printed)
        nursery.stdin.close()
    assert answered > 100
