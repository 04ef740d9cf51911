"""Exported files are read once, noticed when they change, and never half."""

import asyncio
import os
import random
import resource
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import connectors.files
from connectors.gate import Gate
from connectors.index import STORED, stored
from errors import SourceDown
from tests.wires import gate_of, rows_in, stanza, write_csv
from values import Answer, Ask, Shape

pytestmark = pytest.mark.anyio
SHAPE = Shape("aid", "person", ("household_size",))


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectors.files, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(connectors.files, "GRACE_SECONDS", 5.0)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    write_csv(tmp_path)
    opened = gate_of(stanza("files", str(tmp_path), "cases*.csv", "aid.csv"))
    await opened.open()
    yield opened
    await opened.close()


async def ask(gate: Gate, *keys: str) -> Answer:
    return await gate.fetcher(SHAPE)(Ask(SHAPE, keys))


def export(folder: Path, name: str, *people: tuple[str, object]) -> None:
    header = "case_no,first_name,family_name,sex,born,members,score,living,card,card_line,family_no"
    lines = [f"{key},A,B,1,01/01/1990,{members},5,1,,," for key, members in people]
    (folder / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


async def test_an_added_changed_and_removed_file_is_noticed_at_the_next_ask(gate: Gate, tmp_path: Path) -> None:
    assert list((await ask(gate, "C-01", "N-1")).rows) == [("C-01", 5)]
    export(tmp_path, "cases-3.csv", ("N-1", 7))
    assert sorted((await ask(gate, "C-01", "N-1")).rows) == [("C-01", 5), ("N-1", 7)]
    export(tmp_path, "cases-3.csv", ("N-1", 88), ("C-01", 9))
    assert sorted((await ask(gate, "C-01", "N-1")).rows) == [("C-01", 9), ("N-1", 88)]
    (tmp_path / "cases-3.csv").unlink()
    assert list((await ask(gate, "C-01", "N-1")).rows) == [("C-01", 5)]


async def test_a_touched_file_is_not_read_again(gate: Gate, tmp_path: Path) -> None:
    await ask(gate, "C-01")
    before = (tmp_path / ".index.sqlite").stat().st_ino
    os.utime(tmp_path / "cases-1.csv", (2_000_000_000, 2_000_000_000))
    answer = await ask(gate, "C-01")
    assert (tmp_path / ".index.sqlite").stat().st_ino == before
    assert answer.as_of.timestamp() == 2_000_000_000


async def test_while_a_file_cannot_be_read_the_old_reading_stands_and_says_so(gate: Gate, tmp_path: Path) -> None:
    good = (tmp_path / "cases-1.csv").read_bytes()
    (tmp_path / "cases-1.csv").write_bytes(b"case_no,members\n\xff\xfe\n")
    answer = await ask(gate, "C-01")
    assert list(answer.rows) == [("C-01", 5)]
    assert answer.faults == {"key": 1}
    (finding,) = [each for each in await gate.check() if "older reading" in each.message]
    assert "cases-1.csv" in finding.message
    assert "UTF-8" in finding.message
    (tmp_path / "cases-1.csv").write_bytes(good)
    assert (await ask(gate, "C-01")).faults == {}


async def test_a_folder_that_vanishes_leaves_the_old_reading(gate: Gate, tmp_path: Path) -> None:
    hidden = tmp_path.with_name("elsewhere")
    tmp_path.rename(hidden)
    answer = await ask(gate, "C-01")
    assert (list(answer.rows), answer.faults) == ([("C-01", 5)], {"key": 1})
    hidden.rename(tmp_path)
    assert (await ask(gate, "C-01")).faults == {}


async def test_a_file_that_never_could_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    write_csv(tmp_path)
    (tmp_path / "cases-2.csv").write_text("something;else\n1;2\n")
    gate = gate_of(stanza("files", str(tmp_path), "cases*.csv", "aid.csv"))
    answer = await ask(gate, "C-01", "C'05")
    assert (list(answer.rows), answer.faults) == ([("C-01", 5)], {"key": 1})
    assert any("`cases-2.csv` cannot be read: it has no column `case_no`" in each.message for each in await gate.check())
    await gate.close()


async def test_without_any_folder_the_source_is_down(tmp_path: Path) -> None:
    gate = gate_of(stanza("files", str(tmp_path / "none"), "cases*.csv", "aid.csv"))
    await gate.open()
    with pytest.raises(SourceDown):
        await ask(gate, "C-01")
    await gate.close()


async def test_the_index_is_its_owners_alone_and_holds_mapped_columns_only(gate: Gate, tmp_path: Path) -> None:
    index = tmp_path / ".index.sqlite"
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(".index*")] == [".index.sqlite"]
    names = {row[0] for row in rows_in(index, "SELECT name FROM pragma_table_info('allocation')")}
    assert names == {"number", "case_no", "type", "programme", "minor", "currency", "given_on"}


async def test_the_index_may_stand_elsewhere_and_is_used_again(tmp_path: Path) -> None:
    exports, kept = tmp_path / "exports", tmp_path / "state" / "aid.sqlite"
    exports.mkdir()
    write_csv(exports)
    source = stanza("files", str(exports), "cases*.csv", "aid.csv", options={"index": str(kept)})
    inodes = []
    for _ in range(2):
        gate = gate_of(source)
        assert list((await ask(gate, "C-01")).rows) == [("C-01", 5)]
        await gate.close()
        inodes.append(kept.stat().st_ino)
    assert inodes[0] == inodes[1]
    assert not list(exports.glob(".*"))


async def test_another_mapping_makes_another_index(gate: Gate, tmp_path: Path) -> None:
    source = stanza("files", str(tmp_path), "cases*.csv", "aid.csv")
    source["entities"]["person"]["attributes"]["phone"] = "card"
    other = gate_of(source)
    shape = Shape("aid", "person", ("phone",))
    assert list((await other.fetcher(shape)(Ask(shape, ("C-01",)))).rows) == [("C-01", "2043817")]
    await other.close()


async def test_keys_are_one_whatever_script_their_digits_are_in(tmp_path: Path) -> None:
    write_csv(tmp_path)
    export(tmp_path, "cases-3.csv", ("٤٢", 7))
    gate = gate_of(stanza("files", str(tmp_path), "cases*.csv", "aid.csv"))
    assert list((await ask(gate, "42")).rows) == [("42", 7)]
    await gate.close()


async def test_rows_without_a_key_are_left_out_and_named(tmp_path: Path) -> None:
    write_csv(tmp_path)
    export(tmp_path, "cases-3.csv", ("", 7), ("N-1", 8))
    gate = gate_of(stanza("files", str(tmp_path), "cases*.csv", "aid.csv"))
    assert any("1 rows of `cases-3.csv`" in each.message for each in await gate.check())
    await gate.close()


async def test_asks_go_on_while_files_are_read_again(gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await ask(gate, "C-01")
    monkeypatch.setattr(connectors.files, "GRACE_SECONDS", 0.0)
    export(tmp_path, "cases-3.csv", *((f"N-{number}", number) for number in range(20_000)))
    answers = [await ask(gate, "C-01", "N-19999") for _ in range(5)]
    assert [list(answer.rows) for answer in answers] == [[("C-01", 5)]] * 5
    for _ in range(200):
        await asyncio.sleep(0.02)
        if len((await ask(gate, "C-01", "N-19999")).rows) == 2:
            return
    pytest.fail("the added file was never read")


async def test_many_rows_are_read_in_bounded_memory(tmp_path: Path) -> None:
    write_csv(tmp_path)
    people = random.Random(1).sample(range(10**7), 200_000)
    export(tmp_path, "cases-3.csv", *((f"N-{number}", 1) for number in people))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    gate = gate_of(stanza("files", str(tmp_path), "cases*.csv", "aid.csv", timeout_seconds=60))
    assert len((await ask(gate, *(f"N-{number}" for number in people[:1000]))).rows) == 1000
    await gate.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.mark.parametrize(("raw", "kept"), [(" a ", "a"), ("", None), (5.0, 5), (5.5, 5.5), (2**70, str(2**70)), (True, 1), (b"x", None)])
def test_cells_are_kept_without_their_trimmings(raw: Any, kept: Any) -> None:
    assert stored(raw) == kept
    assert type(raw) in STORED
