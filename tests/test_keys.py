"""The key ring keeps its secrets, its versions and its file."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from nacl.exceptions import BadSignatureError

from errors import ConfigError
from privacy.keys import KeyRing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "ring.json"


def test_a_new_ring_is_a_file_only_its_owner_may_use(path: Path) -> None:
    KeyRing.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["ring.json"]


def test_a_loaded_ring_derives_the_same_keys(path: Path) -> None:
    made = KeyRing.create(path)
    loaded = KeyRing.load(str(path))
    assert loaded.subkey("pseudonym") == made.subkey("pseudonym")
    assert loaded.signing_key().verify_key == made.signing_key().verify_key
    assert loaded.created_at(1) == made.created_at(1)


def test_two_rings_have_nothing_in_common(tmp_path: Path) -> None:
    one, two = KeyRing.create(tmp_path / "one"), KeyRing.create(tmp_path / "two")
    assert one.subkey("pseudonym") != two.subkey("pseudonym")


def test_every_use_and_every_version_has_a_key_of_its_own(path: Path) -> None:
    ring = KeyRing.create(path)
    ring.rotate()
    keys = {ring.subkey(use, version) for use in ("a", "b", "ab") for version in ring.versions}
    assert len(keys) == 6
    assert {len(key) for key in keys} == {32}


def test_rotating_adds_a_version_and_keeps_the_older_and_the_root(path: Path) -> None:
    ring = KeyRing.create(path)
    before = ring.subkey("pseudonym")
    assert ring.rotate() == 2
    assert (ring.versions, ring.current, ring.root) == ((1, 2), 2, 1)
    assert ring.subkey("pseudonym", 1) == before != ring.subkey("pseudonym")
    again = KeyRing.load(path)
    assert (again.versions, again.root) == ((1, 2), 1)
    assert again.subkey("pseudonym", 1) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_rotating_twice_from_rings_loaded_earlier_loses_no_version(path: Path) -> None:
    one = KeyRing.create(path)
    two = KeyRing.load(path)
    one.rotate()
    assert two.rotate() == 3
    assert KeyRing.load(path).subkey("x", 2) == one.subkey("x", 2)


def test_no_more_versions_than_a_byte_can_name(path: Path) -> None:
    KeyRing.create(path)
    ring = json.loads(path.read_text())
    ring["versions"]["255"] = ring["versions"]["1"]
    path.write_text(json.dumps(ring))
    with pytest.raises(ConfigError, match="255 versions"):
        KeyRing.load(path).rotate()
    assert KeyRing.load(path).versions == (1, 255)


def test_a_ring_is_never_overwritten(path: Path) -> None:
    before = KeyRing.create(path).subkey("x")
    with pytest.raises(ConfigError, match="already"):
        KeyRing.create(path)
    assert KeyRing.load(path).subkey("x") == before
    assert [each.name for each in path.parent.iterdir()] == ["ring.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_ring_that_others_may_use_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    KeyRing.create(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        KeyRing.load(path)


def test_a_missing_ring_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(ConfigError, match="mizalla keys new"):
        KeyRing.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        "null",
        '{"format": 2, "root": 1, "versions": {}}',
        '{"format": 1, "root": 2, "versions": {"1": {"created_at": 1, "master": "c2hvcnQtbWFzdGVyLXNlY3JldA=="}}}',
        '{"format": 1, "root": 1, "versions": {"1": {"created_at": 1, "master": "c2hvcnQtbWFzdGVyLXNlY3JldA=="}}}',
        '{"format": 1, "root": 1, "versions": {"1": "c2hvcnQtbWFzdGVyLXNlY3JldA=="}}',
        '{"format": 1, "root": 1, "versions": {"one": {"created_at": 1, "master": ""}}}',
        '{"format": 1, "root": [], "versions": {}}',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_not_a_ring_is_refused_without_repeating_it(path: Path, text: str | bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a key ring") as caught:
        KeyRing.load(path)
    assert "c2hvcn" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_ring_reads_from_the_environment_but_is_not_changed_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = KeyRing.create(path)
    monkeypatch.setenv("MIZALLA_KEYS", path.read_text())
    ring = KeyRing.load("env:MIZALLA_KEYS")
    assert ring.subkey("x") == made.subkey("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        ring.rotate()
    with pytest.raises(ConfigError, match="cannot be written"):
        KeyRing.create("env:MIZALLA_KEYS")
    assert ring.versions == (1,)


def test_an_empty_variable_says_what_to_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIZALLA_KEYS", raising=False)
    with pytest.raises(ConfigError, match="export MIZALLA_KEYS"):
        KeyRing.load("env:MIZALLA_KEYS")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        KeyRing.create(tmp_path / "file" / "ring.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        KeyRing.load(tmp_path / "file" / "ring.json")


def test_a_write_that_fails_leaves_the_old_ring_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing.create(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        ring.rotate()
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["ring.json"]


def test_printing_a_ring_shows_no_secret(path: Path) -> None:
    ring = KeyRing.create(path)
    master = json.loads(path.read_text())["versions"]["1"]["master"]
    for text in (repr(ring), str(ring), f"{ring}"):
        assert text == "KeyRing(versions=[1], root=1)"
        assert master not in text


def test_a_signature_of_a_version_is_checked_by_that_version_only(path: Path) -> None:
    ring = KeyRing.create(path)
    signed = ring.signing_key().sign(b"head")
    ring.rotate()
    assert ring.signing_key(1).verify_key.verify(signed) == b"head"
    with pytest.raises(BadSignatureError):
        ring.signing_key(2).verify_key.verify(signed)
