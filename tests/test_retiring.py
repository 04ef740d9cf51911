"""A stolen key version: rotate, exchange, retire; afterwards nothing that the thief can make is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from cli import main
from errors import ConfigError
from privacy.attesting import Attester
from privacy.keys import KeyRing
from privacy.pseudonyms import Pseudonyms
from privacy.references import Bound, References
from tests.asking import copied
from tests.country import Country
from tests.serving import Serving, serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_what_a_retired_version_sealed_is_taken_no_more_and_what_it_signed_still_verifies(path: Path) -> None:
    ring = KeyRing.create(path)
    ring.rotate()
    stolen = KeyRing.load(path)
    pseudonyms, references = Pseudonyms(stolen), References(stolen)
    pseudonym, cursor = pseudonyms.maker("crescent-aid")(7), pseudonyms.seal("crescent-aid", "caseload", b"after")
    reference = references.make(Bound("a", "b", "c"), 7, 2**40)
    signature = stolen.signing_key().sign(b"head").signature
    ring.rotate()
    assert Pseudonyms(ring).resolve("crescent-aid", pseudonym) == 7
    assert "attestation-2" in kids(ring)
    ring.retire(2)
    for each in (ring, KeyRing.load(path)):
        assert Pseudonyms(each).resolve("crescent-aid", pseudonym) is None
        assert Pseudonyms(each).resolve("crescent-aid", pseudonyms.maker("crescent-aid")(8)) is None
        assert Pseudonyms(each).unseal("crescent-aid", "caseload", cursor) is None
        assert References(each).open(reference, "b", "c", "", 0) is None
        assert each.signed(b"head", signature, 2)
        assert (each.usable, each.versions, each.retired_at(3)) == (frozenset({1, 3}), (1, 2, 3), None)
        assert each.retired_at(2) is not None
        assert "attestation-2" not in kids(each)
    assert not ring.same_as(stolen)
    at = ring.retired_at(2)
    ring.retire(2)
    assert ring.retired_at(2) == at


def kids(ring: KeyRing) -> set[str]:
    return {each["kid"] for each in Attester(ring, "https://hub.example").key_set()["keys"]}


@pytest.mark.parametrize(("version", "says"), [(9, "no version 9"), (3, "in use"), (1, "root")])
def test_neither_the_version_in_use_nor_the_root_is_retired(path: Path, version: int, says: str) -> None:
    ring = KeyRing.create(path)
    ring.rotate()
    ring.rotate()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=says):
        ring.retire(version)
    assert path.read_bytes() == before


def test_a_ring_in_which_they_are_is_refused(path: Path) -> None:
    KeyRing.create(path)
    text = json.loads(path.read_text())
    text["versions"]["1"]["retired_at"] = 1
    path.write_text(json.dumps(text))
    with pytest.raises(ConfigError):
        KeyRing.load(path)


# --- the plan, walked ------------------------------------------------------------------------------------------------


@pytest.fixture
def running(country: Country, tmp_path: Path) -> Iterator[tuple[Serving, Path]]:
    own = copied(country, tmp_path / "own")
    with serving(own.path, tmp_path / "output.txt") as server:
        yield server, own.path


def mizalla(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result


def test_the_plan_walks_while_the_hub_runs(running: tuple[Serving, Path], country: Country) -> None:
    server, config = running
    headers = {"authorization": f"Bearer {country.keys['crescent-caseworker']}"}

    def asked(query: str, **variables: Any) -> Any:
        body = httpx.post(f"{server.url}/graphql", json={"query": query, "variables": variables}, headers=headers, timeout=30).json()
        assert "errors" not in body, body
        return body["data"]

    def named(id_: str) -> str | None:
        found = asked("query($id: ID!) { person(id: $id) { id } }", id=id_)["person"]
        return None if found is None else str(found["id"])

    mizalla("keys", "rotate", "--config", str(config))
    stolen = Pseudonyms(KeyRing.load(config.parent / "keys.json"))
    old = [each["id"] for each in asked("{ people(first: 5) { id } }")["people"]]
    assert {each[:2] for each in old} == {"02"}
    mizalla("keys", "rotate", "--config", str(config))
    new = [named(each) for each in old]
    assert {str(each)[:2] for each in new} == {"03"}
    mizalla("keys", "retire", "2", "--config", str(config))
    assert [named(each) for each in old] == [None] * 5
    numbers = [stolen.resolve("crescent-aid", each) for each in old]
    assert None not in numbers, "what the thief has it can still read"
    assert [named(stolen.maker("crescent-aid")(number or 0)) for number in numbers] == [None] * 5
    assert [named(str(each)) for each in new] == new
    listed = mizalla("keys", "list", "--config", str(config)).stdout.splitlines()
    assert [line.split("  ")[-1].split(" ")[0] for line in listed] == ["root", "retired", "in"]
    assert mizalla("audit", "verify", "--config", str(config)).exit_code == 0
