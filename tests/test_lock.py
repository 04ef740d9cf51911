"""The lock is complete, names no host, and holds the versions that the privacy floor stands on."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import cffi
import pytest
from oso import Oso
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from polar import Variable

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRY = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
LOCKED: dict[str, Version] = {canonicalize_name(name): Version(version) for name, version, _, _ in ENTRY.findall(LOCK)}
WANTED = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]


def test_the_lock_is_nothing_but_pinned_versions_with_their_hashes() -> None:
    assert ENTRY.sub("", LOCK) == ""
    assert len(ENTRY.findall(LOCK)) == len(LOCKED) > 50


def test_the_lock_names_no_host() -> None:
    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted-host|@ ", LOCK)


@pytest.mark.parametrize("wanted", WANTED)
def test_every_requirement_is_locked_within_its_range(wanted: str) -> None:
    requirement = Requirement(wanted)
    assert requirement.specifier.contains(LOCKED[canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_what_is_installed_is_what_is_locked(name: str) -> None:
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        assert re.search(rf"^{name}==\S+ ; ", LOCK, re.MULTILINE), f"{name} is locked for every machine but not installed"
    else:
        assert Version(installed) == LOCKED[canonicalize_name(name)]


def test_every_installed_requirement_is_met_but_for_the_one_override() -> None:
    said = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False).stdout
    broken = [line for line in said.splitlines() if not line.startswith("No broken")]
    assert broken == [f"oso 0.27.3 has requirement cffi~=1.15, but you have cffi {cffi.__version__}."]


def test_libsodium_checks_its_curve_points() -> None:
    """PyNaCl before 1.6.2 carries a libsodium that takes some invalid Ed25519 points (CVE-2025-69277)."""
    assert LOCKED["pynacl"] >= Version("1.6.2")


def test_cffi_is_current_in_spite_of_what_oso_declares() -> None:
    """`cffi~=1.15` of oso would hold PyNaCl and cryptography several releases back; see docs/decisions."""
    assert any("cffi" in each and "1.15" in each for each in metadata.requires("oso") or [])
    assert LOCKED["cffi"] >= Version("2")


def test_oso_decides_under_the_locked_cffi() -> None:
    oso = Oso()
    oso.load_str(
        """
        allow(role, "read", level) if may(role, level);
        may("analyst", "open");
        may("analyst", "partner");
        ?= may("analyst", "open");
        """
    )
    assert [each["bindings"]["level"] for each in oso.query_rule("may", "analyst", Variable("level"))] == ["open", "partner"]
    assert oso.is_allowed("analyst", "read", "partner")
    assert not oso.is_allowed("analyst", "read", "sealed")
