"""The key ring: versions of one master secret, and the subkeys of every use.

A version is 32 random bytes; nothing is ever done with it but deriving subkeys, one for each use, by keyed BLAKE2b with
personalisation. So a subkey that leaks tells nothing about another use, another version or the master.

Three lives of a key:

- *Current.* Pseudonyms, row ids, cursors and signatures use the newest version. `rotate` adds one; what older versions
  made still resolves, because its text names its version.
- *Retired.* A version that was stolen is retired: what it sealed (pseudonyms, references, cursors) and what it attested is no longer
  taken from anybody. What it signed before can still be verified, for the record and receipts are older than the theft.
- *Root.* Blind identifiers, the sealed local keys of links, the order of case loads and the hashes of credentials are
  compared with what is stored, so a new key would orphan every stored row. They derive from the ring's root version,
  which `rotate` leaves alone. Changing the root is a plan of its own: add a version, name it `root` in the file, link every
  source again from the beginning (`mizalla link --all` rebuilds identifiers, links and case loads) and issue new credentials.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from nacl.encoding import RawEncoder
from nacl.exceptions import BadSignatureError
from nacl.hash import blake2b
from nacl.signing import SigningKey

from errors import ConfigError

SIZE = 32
"""Bytes of a master and of every subkey."""

MOST_VERSIONS = 255
"""A sealed text names its version in one byte."""


@lru_cache(4)
def _signing(seed: bytes) -> SigningKey:
    """The public half costs as much as a signature, and every step of a trace needs both."""
    return SigningKey(seed)


class KeyRing:
    """Versions of the master secret, read from a file or from the environment.

    Never printed: `repr` shows version numbers only, and no error repeats what a file held.
    """

    def __init__(
        self, location: str, masters: dict[int, bytes], created_at: dict[int, int], root: int, retired: dict[int, int] | None = None
    ) -> None:
        """Use `load` or `create`; this only keeps what they read or made."""
        self._retired = retired or {}
        self._location = location
        self._masters = masters
        self._created_at = created_at
        self._root = root

    def __repr__(self) -> str:
        """Version numbers only."""
        return f"KeyRing(versions={list(self.versions)}, root={self._root})"

    @classmethod
    def create(cls, location: str | Path) -> KeyRing:
        """Make a ring with one version in a new file that only its owner may read.

        Raises:
            ConfigError: the file exists (a ring is never overwritten: what it sealed would be lost), or the location is
                in the environment, which cannot be written.
        """
        ring = cls(str(location), {1: secrets.token_bytes(SIZE)}, {1: int(time.time())}, 1)
        ring._write(new=True)
        return ring

    @classmethod
    def load(cls, location: str | Path) -> KeyRing:
        """Read a ring from a path, or from `env:NAME` holding the same JSON.

        Raises:
            ConfigError: it is missing, not a key ring, or a file that others than its owner may read.
        """
        place = str(location)
        text = _from_environment(place) if place.startswith("env:") else _from_file(Path(place))
        return cls(place, *_parsed(text, place))

    def same_as(self, other: KeyRing) -> bool:
        """Whether both hold the same keys under the same numbers."""
        mine, others = (self._masters, self._root, self._retired), (other._masters, other._root, other._retired)
        return mine == others

    def follows(self, other: KeyRing) -> bool:
        """Whether what was stored under the other ring can still be read: the root version is the same key."""
        return self._root == other._root and self._masters[self._root] == other._masters[other._root]

    @property
    def current(self) -> int:
        """The newest version: what new pseudonyms and signatures are made with."""
        return max(self._masters)

    @property
    def root(self) -> int:
        """The version of everything that is compared with stored rows; see the module's text."""
        return self._root

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version, oldest first."""
        return tuple(sorted(self._masters))

    @property
    def usable(self) -> frozenset[int]:
        """The versions whose pseudonyms and seals are taken: all but the retired."""
        return frozenset(self._masters.keys() - self._retired.keys())

    def retired_at(self, version: int) -> int | None:
        """When a version was retired, in seconds since 1970 (UTC); None for one that is not."""
        return self._retired.get(version)

    def created_at(self, version: int) -> int:
        """When a version was made, in seconds since 1970 (UTC)."""
        return self._created_at[version]

    def rotate(self) -> int:
        """Add a version, write the file, and give the version's number.

        The file is read again first, so that a ring loaded before somebody else's rotation does not undo it.

        Raises:
            ConfigError: the ring stands in the environment, or has no number left.
        """
        self._read_again()
        version = self.current + 1
        if version > MOST_VERSIONS:
            raise ConfigError(
                f"the key ring has {MOST_VERSIONS} versions, which is all it can number",
                "begin a new ring by the root plan",
                self._location,
            )
        self._masters[version] = secrets.token_bytes(SIZE)
        self._created_at[version] = int(time.time())
        self._write(new=False)
        return version

    def retire(self, version: int) -> None:
        """Take nothing more that a version sealed; the file is read again first, as by `rotate`.

        Raises:
            ConfigError: the version is not there, is the current one or the root, or the ring stands in the environment.
        """
        self._read_again()
        if version not in self._masters:
            raise ConfigError(
                f"the key ring has no version {version}", f"its versions: {', '.join(map(str, self.versions))}", self._location
            )
        if version == self.current:
            raise ConfigError("the version in use cannot be retired", "run `mizalla keys rotate` first", self._location)
        if version == self._root:
            raise ConfigError(
                "the root version cannot be retired: stored hashes rest on it",
                "begin with a new root, link every source again and issue new credentials, see docs/threats.md",
                self._location,
            )
        self._retired.setdefault(version, int(time.time()))
        self._write(new=False)

    def _read_again(self) -> None:
        if self._location.startswith("env:"):
            raise _unwritable(self._location)
        self._masters, self._created_at, self._root, self._retired = _parsed(_from_file(Path(self._location)), self._location)

    def subkey(self, use: str, version: int | None = None) -> bytes:
        """The 32-byte key of one use, of the current version unless another is named.

        Keyed BLAKE2b of the use with the version as personalisation (RFC 7693, 2.5 and 2.9); KeyError for a version the ring lacks.
        """
        version = self.current if version is None else version
        person = b"mizalla" + version.to_bytes(4)
        return bytes(blake2b(use.encode(), digest_size=SIZE, key=self._masters[version], person=person, encoder=RawEncoder))

    def signing_key(self, version: int | None = None) -> SigningKey:
        """The Ed25519 key by which the hub signs receipts and the heads of its record."""
        return _signing(self.subkey("signature", version))

    def verify_key(self, version: Any) -> bytes | None:
        """The public half of a version's signing key; None for what is no version of this ring."""
        return bytes(self.signing_key(version).verify_key) if type(version) is int and version in self._masters else None

    def signed(self, content: bytes, signature: bytes, version: int) -> bool:
        """Whether the hub signed exactly this with the key of a version; False for a version the ring lacks."""
        if version not in self._masters:
            return False
        try:
            self.signing_key(version).verify_key.verify(content, signature)
        except (BadSignatureError, ValueError):
            return False
        return True

    def _write(self, *, new: bool) -> None:
        """Write beside the file and rename, so that a crash leaves the old ring or the new one, never half of one."""
        if self._location.startswith("env:"):
            raise _unwritable(self._location)
        path = Path(self._location)
        versions: dict[str, dict[str, int | str]] = {
            str(version): {"created_at": self._created_at[version], "master": base64.urlsafe_b64encode(self._masters[version]).decode()}
            for version in self.versions
        }
        for version, at in self._retired.items():
            versions[str(version)]["retired_at"] = at
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        except OSError as error:
            raise ConfigError(
                f"the key ring cannot be written: {error.strerror}", f"make {path.parent} a folder this user may write", str(path)
            ) from None
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"format": 1, "root": self._root, "versions": versions}, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            if new:
                os.link(beside, path)
            else:
                Path(beside).replace(path)
        except FileExistsError:
            raise ConfigError("there is a key ring already", "keep it, or `mizalla keys rotate` to add a version", str(path)) from None
        finally:
            Path(beside).unlink(missing_ok=True)


def _unwritable(place: str) -> ConfigError:
    return ConfigError(
        "a key ring in the environment cannot be written",
        "keep the ring in a file, change it there, and give its text to the variable",
        place,
    )


def _from_environment(place: str) -> str:
    name = place.removeprefix("env:")
    text = os.environ.get(name)
    if not text:
        raise ConfigError(
            f"the environment has no {name}", f"export {name} with the text of a key ring file, or set hub.keys to a path", place
        )
    return text


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(f"others than its owner may use the key ring (mode {mode:04o})", f"chmod 600 {path}", str(path))
            return file.read()
    except FileNotFoundError:
        raise ConfigError("there is no key ring", "run `mizalla keys new`", str(path)) from None
    except OSError as error:
        raise ConfigError(
            f"the key ring cannot be read: {error.strerror}", "let the user who runs the hub own the file", str(path)
        ) from None
    except UnicodeDecodeError:
        raise _not_a_ring(str(path)) from None


def _parsed(text: str, place: str) -> tuple[dict[int, bytes], dict[int, int], int, dict[int, int]]:
    try:
        ring = json.loads(text)
        masters = {int(version): base64.urlsafe_b64decode(each["master"]) for version, each in ring["versions"].items()}
        created_at = {int(version): int(each["created_at"]) for version, each in ring["versions"].items()}
        retired = {int(version): int(each["retired_at"]) for version, each in ring["versions"].items() if "retired_at" in each}
        root = ring["root"]
        sound = ring["format"] == 1 and root in masters and all(0 < v <= MOST_VERSIONS and len(m) == SIZE for v, m in masters.items())
        sound = sound and not retired.keys() & {root, max(masters)}
    except (ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise _not_a_ring(place)
    return masters, created_at, root, retired


def _not_a_ring(place: str) -> ConfigError:
    return ConfigError("this is not a key ring", "restore it from its copy; without it nothing sealed can be opened", place)
