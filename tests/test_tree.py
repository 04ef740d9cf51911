"""The record's Merkle tree: after RFC 9162, verified without the hub, opening to each only what concerns it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from nacl.signing import SigningKey

from errors import Invalid, RecordError
from privacy import merkle
from privacy.checkpoints import Checkpoint, checked_bundle, checked_continuation, opened_checkpoint, verifier_key
from privacy.keys import KeyRing
from privacy.leaves import Leaves
from privacy.record import Record
from privacy.tree import GROWTH, HEAD_SECONDS, MERGE_SECONDS, WIDTH
from settings import Settings
from tables.database import Database
from tables.upgrade import upgrade
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.serving import Serving
from tests.test_cli import mizalla
from tests.test_record import DISCLOSURE, SHOWN, change, of

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)

LEAVES = [
    bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The trees over one to eight leaves that Certificate Transparency's own implementations are tested with."""


def tree_of(hashes: list[bytes]) -> Any:
    """Gives the hash of a part by the definition alone (RFC 9162, 2.1.1)."""

    def part(begin: int, end: int) -> bytes:
        if end - begin == 1:
            return hashes[begin]
        middle = begin + 1
        while (middle - begin) * 2 < end - begin:
            middle = begin + (middle - begin) * 2
        return merkle.node_hash(part(begin, middle), part(middle, end))

    return part


# --- the tree itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    hashes = [merkle.leaf_hash(each) for each in LEAVES]
    assert tree_of(hashes)(0, size).hex() == ROOTS[size - 1]

    def subtree(height: int, place: int) -> bytes:
        return merkle.raised(hashes[place << height : (place + 1) << height])

    assert merkle.root_of((0, size), subtree).hex() == ROOTS[size - 1]


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1), st.integers(0, 69))))
def test_a_proof_of_inclusion_holds_for_its_leaf_and_place_alone(case: tuple[int, int, int]) -> None:
    size, index, other = case
    hashes = [merkle.leaf_hash(bytes([place])) for place in range(size)]
    part = tree_of(hashes)
    root, proof = part(0, size), [part(*each) for each in merkle.inclusion(index, size)]
    assert merkle.includes(hashes[index], index, size, proof, root)
    assert not merkle.includes(merkle.leaf_hash(b"another"), index, size, proof, root)
    assert not merkle.includes(hashes[index], index, size, [*proof, bytes(32)], root)
    assert not merkle.includes(hashes[index], index, size, proof, bytes(32))
    if proof:
        assert not merkle.includes(hashes[index], index, size, proof[1:], root)
    if other % size != index:
        assert not merkle.includes(hashes[index], other % size, size, proof, root)


@given(st.integers(1, 70).flatmap(lambda second: st.tuples(st.integers(1, second), st.just(second))))
def test_a_proof_of_consistency_holds_for_its_two_trees_alone(sizes: tuple[int, int]) -> None:
    first, second = sizes
    part = tree_of([merkle.leaf_hash(bytes([place])) for place in range(second)])
    before, after = part(0, first), part(0, second)
    proof = [part(*each) for each in merkle.consistency(first, second)]
    assert merkle.extends(first, second, proof, before, after)
    assert not merkle.extends(first, second, proof, bytes(32), after)
    assert not merkle.extends(first, second, proof, before, bytes(32))
    assert not merkle.extends(first, second, [*proof, bytes(32)], before, after)
    if proof:
        assert not merkle.extends(first, second, proof[:-1], before, after)
        assert not merkle.extends(first + 1, second, proof, before, after) or first + 1 == second


def test_every_tree_continues_the_empty_one_and_none_a_larger() -> None:
    assert merkle.root_of((0, 0), lambda *_: b"") == merkle.EMPTY
    assert merkle.extends(0, 5, [], merkle.EMPTY, bytes(32))
    assert not merkle.extends(0, 5, [], bytes(32), bytes(32))
    assert not merkle.extends(6, 5, [bytes(32)], bytes(32), bytes(32))


# --- stored ----------------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "keys.json")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    kind = getattr(request, "param", "sqlite")
    return f"sqlite:///{tmp_path}/record.db" if kind == "sqlite" else str(request.getfixturevalue(f"{kind}_empty"))


@pytest.fixture
async def record(url: str, ring: KeyRing, clock: Clock) -> AsyncIterator[Record]:
    await upgrade(url, "record")
    opened = Record(Database.at(url), ring, clock)
    await opened.open()
    yield opened
    await opened.close()


async def appended(record: Record, count: int, *, people: tuple[int, ...] = (7, 9)) -> None:
    await asyncio.gather(*(record.append(of(*people)) for _ in range(count)))


def reference(record: Record, ring: KeyRing, count: int, people: tuple[int, ...] = (7, 9)) -> Any:
    """The tree over so many equal entries, by definition."""
    from privacy.chain import encode

    leaves, body = Leaves(ring), encode(of(*people))
    return tree_of([merkle.leaf_hash(leaves.leaf(number, body).content) for number in range(1, count + 1)])


@EVERYWHERE
async def test_a_tree_grown_in_steps_is_the_tree_of_all_entries(record: Record, ring: KeyRing, url: str, clock: Clock) -> None:
    part = reference(record, ring, total := 2 * WIDTH + 7)
    sizes = [1, 5, WIDTH, WIDTH + 1, total]
    heads = []
    for before, size in zip([0, *sizes], sizes, strict=False):
        await appended(record, size - before)
        assert await record.tree.grow() == size
        head = await record.tree.sign()
        assert head is not None
        assert (head.size, head.root) == (size, part(0, size))
        heads.append(opened_checkpoint(head.checkpoint, record.tree.verifier(head.key_version)))
    for early in heads:
        hashes = [each.hex() for each in await record.tree.consistent(early.size, total)]
        checked_continuation(early, heads[-1], hashes)
    for number in (1, 2, WIDTH, WIDTH + 1, total):
        proof = await record.tree.included(number, total)
        assert merkle.includes(part(number - 1, number), number - 1, total, proof, heads[-1].root)
    assert await record.tree.sign() == await record.tree.head() == await record.tree.head(total)
    assert await record.tree.head(4) is None
    again = Record(Database.at(url), ring, clock)
    await again.open()
    assert again.tree.size == total
    await again.close()


async def test_many_entries_are_added_in_several_transactions(record: Record, ring: KeyRing) -> None:
    await appended(record, GROWTH + 3)
    assert await record.tree.grow() == GROWTH + 3
    head = await record.tree.sign()
    assert head is not None
    assert head.root == reference(record, ring, GROWTH + 3)(0, GROWTH + 3)


@EVERYWHERE
async def test_two_processes_grow_one_tree(record: Record, ring: KeyRing, url: str, clock: Clock) -> None:
    other = Record(Database.at(url), ring, clock)
    await other.open()
    await appended(record, 300)
    assert list(await asyncio.gather(record.tree.grow(), other.tree.grow())) == [300, 300]
    heads = [await tree.sign() for tree in (record.tree, other.tree)]
    assert heads[0] == heads[1]
    assert heads[0] is not None
    assert heads[0].root == reference(record, ring, 300)(0, 300)
    await other.close()


async def test_a_tree_stops_growing_when_it_is_quiet_no_more(record: Record, clock: Clock) -> None:
    await appended(record, GROWTH + 3)
    quiet = iter([True, False])
    await record.tree.tend(GROWTH + 3, lambda: next(quiet))
    assert record.tree.size == GROWTH
    await record.tree.tend(GROWTH + 3, lambda: False)
    assert record.tree.size == GROWTH
    clock.now += MERGE_SECONDS  # what has waited long enough waits for no quiet
    await record.tree.tend(GROWTH + 3, lambda: False)
    assert record.tree.size == GROWTH + 3


async def test_a_tree_grows_when_it_is_quiet_or_has_waited_long_and_signs_once_a_minute(record: Record, clock: Clock) -> None:
    await appended(record, 3)
    await record.tree.tend(3, lambda: False)
    assert (record.tree.size, await record.tree.head()) == (0, None)
    await record.tree.tend(3, lambda: True)
    assert (record.tree.size, await record.tree.head()) == (3, None)
    clock.now += HEAD_SECONDS
    await record.tree.tend(3, lambda: True)
    head = await record.tree.head()
    assert head is not None
    assert (head.size, head.at) == (3, int(clock.now))
    await appended(record, 1)
    clock.now += MERGE_SECONDS
    await record.tree.tend(4, lambda: False)
    assert record.tree.size == 4


async def test_an_empty_record_has_no_head_and_proves_nothing(record: Record) -> None:
    assert await record.tree.grow() == 0
    assert await record.tree.sign() is None
    assert await record.tree.proof(1) is None
    with pytest.raises(Invalid):
        await record.tree.consistent(1, 1)


@pytest.mark.parametrize("sizes", [(0, 3), (3, 2), (1, 4)])
async def test_only_trees_that_there_were_are_compared(record: Record, sizes: tuple[int, int]) -> None:
    await appended(record, 3)
    await record.tree.grow()
    await record.tree.sign()
    with pytest.raises(Invalid):
        await record.tree.consistent(*sizes)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'crescent', 'hopeful1') AS BLOB) WHERE number = 2",
            "not the one in the tree",
        ),
        ("UPDATE tree_tile SET hashes = zeroblob(96)", "not the one in the tree"),
    ],
)
async def test_an_entry_changed_since_is_not_proved(record: Record, url: str, spoil: str, says: str) -> None:
    await appended(record, 3)
    await record.tree.grow()
    await record.tree.sign()
    change(url, spoil)
    with pytest.raises(RecordError, match=says):
        await record.tree.proof(2, 7)


async def test_a_tree_is_not_grown_over_a_gap(record: Record, url: str) -> None:
    await appended(record, 3)
    change(url, "DELETE FROM entry WHERE number = 2")
    with pytest.raises(RecordError, match="missing"):
        await record.tree.grow()
    assert await record.database.fetch(record.tree._marked) == []


# --- what a person is opened -----------------------------------------------------------------------------------------

TWO = replace(
    DISCLOSURE,
    shown=(replace(SHOWN, people=(7, 123456789)), replace(SHOWN, coordinates=("person.need_score",), people=(123456789,))),
)


@pytest.fixture
async def proof(record: Record) -> dict[str, Any]:
    """What person 7 is given of an entry that also concerns another."""
    await appended(record, 4)
    await record.append(TWO)
    await record.tree.grow()
    await record.tree.sign()
    made = await record.tree.proof(5, 7)
    assert made is not None
    return made


async def test_a_person_verifies_its_entry_and_reads_no_other_part(record: Record, proof: dict[str, Any]) -> None:
    leaf, checkpoint = checked_bundle(proof, record.tree.verifier(), proof["personKey"])
    assert (leaf.number, checkpoint.size) == (5, 5)
    assert json.loads(leaf.head.text or "") == {
        "at": "2026-03-01T09:30:00+00:00",
        "organisation": "crescent-aid",
        "role": "caseworker",
        "purpose": "aid_distribution",
    }
    assert json.loads(leaf.parts[0].text or "")["coordinates"] == ["person.sex", "person.birth_year"]
    assert leaf.parts[1].text is leaf.desk.text is None
    for secret in ("need_score", "123456789", "crescent-caseworker", "c81f00aa"):
        assert secret not in json.dumps(proof)


async def test_an_auditor_reads_all_but_who_the_people_are(record: Record, proof: dict[str, Any]) -> None:
    whole = await record.tree.proof(5)
    assert whole is not None
    leaf, _ = checked_bundle(whole, record.tree.verifier())
    assert json.loads(leaf.desk.text or "") == {"requester": "crescent-caseworker", "credential": "c81f00aa"}
    assert [len(json.loads(part.text or "")["people"]) for part in leaf.parts] == [2, 1]
    assert "123456789" not in json.dumps(whole)


async def test_parts_that_share_their_people_are_proved_alike(record: Record) -> None:
    await record.append(replace(DISCLOSURE, shown=(SHOWN, replace(SHOWN, coordinates=("person.need_score",)), replace(SHOWN, people=(2,)))))
    await record.tree.grow()
    await record.tree.sign()
    made = await record.tree.proof(1, 1)
    assert made is not None
    leaf, _ = checked_bundle(made, record.tree.verifier())
    assert [part.text is not None for part in leaf.parts] == [True, True, False]


async def test_marks_of_one_person_in_two_entries_look_unlike(record: Record) -> None:
    await appended(record, 2, people=(7,))
    await record.tree.grow()
    await record.tree.sign()
    marks = []
    for number in (1, 2):
        made = await record.tree.proof(number)
        assert made is not None
        marks += json.loads(made["parts"][0]["text"])["people"]
    assert len(set(marks)) == 2


async def test_an_entry_of_somebody_else_is_not_passed_off_as_ones_own(record: Record, proof: dict[str, Any]) -> None:
    await appended(record, 1, people=(8,))
    await record.tree.grow()
    await record.tree.sign()
    theirs = await record.tree.proof(6, 8)
    assert theirs is not None
    with pytest.raises(ValueError, match="somebody else"):
        checked_bundle(theirs, record.tree.verifier(), proof["personKey"])
    with pytest.raises(ValueError, match="does not concern"):
        checked_bundle({**theirs, "personKey": proof["personKey"]}, record.tree.verifier(), proof["personKey"])


def _turned(text: str) -> str:
    return ("B" if text[0] == "A" else "A") + text[1:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made["head"].update(text=made["head"]["text"].replace("crescent-aid", "hope-network")),
        lambda made: made["head"].update(salt=_turned(made["head"]["salt"])),
        lambda made: made["parts"][0].update(text=made["parts"][0]["text"].replace("person.sex", "person.name")),
        lambda made: made["parts"].pop(),
        lambda made: made["parts"].reverse(),
        lambda made: made["desk"].update(commitment=_turned(made["desk"]["commitment"])),
        lambda made: made.update(number=4),
        lambda made: made.update(number=-1),
        lambda made: made["hashes"].pop(),
        lambda made: made.update(hashes=[_turned(each) for each in made["hashes"]]),
        lambda made: made.update(checkpoint=made["checkpoint"].replace("\n5\n", "\n6\n")),
        lambda made: made.update(checkpoint="nonsense"),
        lambda made: made.update(format="another"),
        lambda made: made.pop("desk"),
        lambda made: made.update(parts=None),
        lambda made: made.update(hashes=["%"]),
    ],
)
async def test_a_proof_that_was_changed_proves_nothing(record: Record, proof: dict[str, Any], spoil: Any) -> None:
    spoil(proof)
    with pytest.raises(ValueError, match="this"):
        checked_bundle(proof, record.tree.verifier())


# --- checkpoints -----------------------------------------------------------------------------------------------------

KEY = SigningKey(bytes(32))
VERIFIER = verifier_key("a-log", KEY.verify_key)
HEAD = Checkpoint("a-log", 3, bytes(32), 1_700_000_000)


def test_a_checkpoint_is_read_back_by_the_key_that_signed_it() -> None:
    assert opened_checkpoint(HEAD.signed(KEY), VERIFIER) == HEAD
    assert opened_checkpoint(HEAD.signed(KEY) + "\u2014 a-witness AAAAAAAA\n", VERIFIER) == HEAD


@pytest.mark.parametrize(
    ("text", "verifier"),
    [
        (HEAD.signed(SigningKey(bytes([1]) * 32)), VERIFIER),
        (HEAD.signed(KEY), verifier_key("another", KEY.verify_key)),
        (HEAD.signed(KEY).replace("\n3\n", "\n4\n"), VERIFIER),
        (HEAD.signed(KEY).replace("2023", "2024"), VERIFIER),
        (HEAD.signed(KEY).partition("\n\n")[0], VERIFIER),
        (HEAD.signed(KEY)[:-8] + "\n", VERIFIER),
        (replace(HEAD, size=-1).signed(KEY), VERIFIER),
        ("", VERIFIER),
        (HEAD.signed(KEY), "not a key"),
    ],
)
def test_a_checkpoint_of_another_or_changed_is_refused(text: str, verifier: str) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        opened_checkpoint(text, verifier)


def test_a_rewritten_tree_does_not_continue_the_kept_one() -> None:
    with pytest.raises(ValueError, match="rewritten"):
        checked_continuation(HEAD, replace(HEAD, size=4, root=bytes([1]) * 32), [bytes(32).hex()])
    with pytest.raises(ValueError, match="rewritten"):
        checked_continuation(HEAD, replace(HEAD, origin="another"), [])


@profile(max_examples=50)
@given(st.binary(max_size=200))
def test_whatever_is_no_proof_is_refused_and_nothing_else_raised(junk: bytes) -> None:
    with pytest.raises(ValueError, match="this"):
        opened_checkpoint(junk.decode("utf-8", "replace"), VERIFIER)
    with pytest.raises(ValueError, match="this"):
        checked_bundle({"format": "mizalla-inclusion-1", "number": 1, "head": {"text": "", "salt": junk.hex()}}, VERIFIER)


# --- through the front door ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub whose record these tests alone write to."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("tree") / "hub")) as opened:
        yield opened


MINE = "{ me { person { disclosures(first: 3) { id organisation purpose proof } } } }"
FAMILY = '{ personByIdentifier(scheme: CASE_NUMBER, value: "CA-000101") { birthYear } }'


async def test_a_person_needs_no_word_of_the_hub_for_what_its_log_lists(hub: Asking) -> None:
    await hub.data(FAMILY, "crescent-caseworker")
    newest, *_ = (await hub.data(MINE, "umm-hassan"))["me"]["person"]["disclosures"]
    head = (await hub.data("{ treeHead { size checkpoint verifierKey root at } }", "public"))["treeHead"]
    made = json.loads(newest["proof"])
    leaf, checkpoint = checked_bundle(made, head["verifierKey"], made["personKey"])
    assert str(leaf.number) == newest["id"]
    assert json.loads(leaf.head.text or "")["organisation"] == newest["organisation"] == "crescent-aid"
    assert (checkpoint.root.hex(), str(checkpoint.size)) == (head["root"], head["size"])
    again = (await hub.data(MINE, "umm-hassan"))["me"]["person"]["disclosures"]
    assert {json.loads(each["proof"])["personKey"] for each in again} == {made["personKey"]}
    later = (await hub.data("{ treeHead { size checkpoint verifierKey } }", "public"))["treeHead"]
    question = "query ($a: ID!, $b: ID!) { treeConsistency(first: $a, second: $b) { hashes } }"
    hashes = (await hub.data(question, "public", {"a": head["size"], "b": later["size"]}))["treeConsistency"]["hashes"]
    checked_continuation(checkpoint, opened_checkpoint(later["checkpoint"], head["verifierKey"]), hashes)
    sized = await hub.data(f"{{ treeHead(size: {head['size']}) {{ checkpoint }} none: treeHead(size: 0) {{ at }} }}", "public")
    assert sized == {"treeHead": {"checkpoint": head["checkpoint"]}, "none": None}


@pytest.mark.parametrize(("first", "second"), [("0", "1"), ("2", "1"), ("x", "1"), ("1", "999999")])
async def test_heads_that_never_were_are_compared_with_nothing(hub: Asking, first: str, second: str) -> None:
    body = await hub.ask(f'{{ treeConsistency(first: "{first}", second: "{second}") {{ hashes }} }}')
    assert body["errors"][0]["extensions"]["code"] == "INVALID"
    assert body["data"] == {"treeConsistency": None}


async def test_a_changed_entry_is_not_proved_to_its_person(country: Country, tmp_path: Path) -> None:
    """Failure 18.2a of identity."""
    async with asking(country, copied(country, tmp_path / "hub")) as hub:
        await hub.data(FAMILY, "crescent-caseworker")
        await hub.data(MINE, "umm-hassan")
        change(
            hub.hub.settings.hub.record,
            "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'crescent-aid', 'hope-network') AS BLOB) WHERE number = 1",
        )
        body = await hub.ask(MINE, "umm-hassan")
        assert body["errors"][0]["extensions"]["code"] == "DISCLOSURE_NOT_RECORDED"
        assert body["data"] is None


# --- at the command line ---------------------------------------------------------------------------------------------


async def test_a_proof_is_made_and_checked_at_the_command_line(country: Country, tmp_path: Path) -> None:
    """Failure 18.2b of identity."""
    config = copied(country, tmp_path / "hub")
    await upgrade(config.hub.record, "record")
    assert "empty" in (await asyncio.to_thread(mizalla, "audit", "head", "--config", str(config.path))).stderr
    async with asking(country, config) as hub:
        await hub.data(FAMILY, "crescent-caseworker")
        (mine, *_) = (await hub.data(MINE, "umm-hassan"))["me"]["person"]["disclosures"]
    made = json.loads(mine["proof"])
    head = await asyncio.to_thread(mizalla, "audit", "head", "--config", str(config.path))
    verifier = head.stderr.strip().splitlines()[-1]
    assert opened_checkpoint(head.stdout, verifier).size == 2
    proof = tmp_path / "proof.json"
    proof.write_text(mine["proof"])
    checked = await asyncio.to_thread(mizalla, "audit", "check", str(proof), "--key", verifier, "--person-key", made["personKey"])
    assert (checked.exit_code, checked.stdout.splitlines()[0]) == (
        0,
        f"proved: entry 1 is in the record of {verifier.partition('+')[0]}, among 1 entries.",
    )
    assert '"organisation":"crescent-aid"' in checked.stdout
    proof.write_text(mine["proof"].replace("crescent-aid", "hope-network"))
    assert "not proved" in (await asyncio.to_thread(mizalla, "audit", "check", str(proof), "--key", verifier)).stderr
    proof.write_text("[]")
    assert (await asyncio.to_thread(mizalla, "audit", "check", str(proof), "--key", verifier)).exit_code == 1
    whole = await asyncio.to_thread(mizalla, "audit", "prove", "1", "--config", str(config.path))
    assert "crescent-caseworker" in whole.stdout
    assert "no entry 99" in (await asyncio.to_thread(mizalla, "audit", "prove", "99", "--config", str(config.path))).stderr


def test_a_monitor_notices_a_record_that_was_cut(hub_server: Serving, tmp_path: Path, country: Country, served: Settings) -> None:
    pin = tmp_path / "heads.json"
    for name, question in (("crescent-caseworker", FAMILY), ("umm-hassan", MINE)):
        headers = {"Authorization": f"Bearer {country.keys[name]}"}
        httpx.post(f"{hub_server.url}/graphql", json={"query": question}, headers=headers).raise_for_status()
    assert "kept as the first head" in mizalla("audit", "monitor", hub_server.url, "--pin", str(pin)).stdout
    assert "continues the kept head" in mizalla("audit", "monitor", hub_server.url, "--pin", str(pin)).stdout
    kept = json.loads(pin.read_text())
    key = KeyRing.load(served.hub.keys).signing_key()
    head = opened_checkpoint(kept["checkpoint"], kept["verifierKey"])
    for longer in (replace(head, size=head.size + 5), replace(head, root=bytes(32))):
        pin.write_text(json.dumps({**kept, "checkpoint": longer.signed(key)}))
        told = mizalla("audit", "monitor", hub_server.url, "--pin", str(pin))
        assert (told.exit_code, "rewritten or cut" in told.stderr) == (1, True)
        assert json.loads(pin.read_text())["checkpoint"] == longer.signed(key)
    assert "did not answer" in mizalla("audit", "monitor", "http://127.0.0.1:9", "--pin", str(pin)).stderr
