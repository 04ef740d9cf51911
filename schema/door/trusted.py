"""Trusted documents: a request may name a document by its SHA-256 instead of sending it, and some roles may do nothing else.

An app whose documents are all read beforehand by the hub's operator cannot be turned to ask for anything else, whoever
holds its credential. A document is trusted, not what it shows: it is validated against the requester's variant and
answered under its policies each time.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from graphql import GraphQLError, parse

from errors import ConfigError, Invalid, NotPermitted, PersistedQueryNotFound
from settings import Settings
from values import Requester

if TYPE_CHECKING:
    from schema.door.door import Request

AUTOMATIC = 1000
"""Documents kept that clients registered themselves; the least recently used go first."""

LONGEST = 20_000
"""Characters of the longest document that a client may register."""

HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)


def named(body: Mapping[str, Any]) -> str | None:
    """The SHA-256 by which a request's body names its document, in small hexadecimal; None where it names none.

    Two forms are taken: `{"documentId": "sha256:…"}` of the GraphQL over HTTP specification's appendix, and
    `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "…"}}}`, which clients with automatic ones send.

    Raises:
        Invalid: it is no SHA-256, of another version, or two that differ.
    """
    found = set()
    if body.get("documentId") is not None:
        found.add(_hash(body["documentId"], "documentId"))
    extensions = body.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if persisted is not None:
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            raise Invalid("`persistedQuery` is not of version 1", 'send {"version": 1, "sha256Hash": "…"}', "persistedQuery")
        found.add(_hash(persisted.get("sha256Hash"), "sha256Hash"))
    if len(found) > 1:
        raise Invalid("the request names two documents", "send one hash", "documentId")
    return found.pop() if found else None


def _hash(value: Any, field: str) -> str:
    matched = HASH.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise Invalid(f"`{field}` is not a SHA-256", "send 64 hexadecimal digits", field)
    return matched[1].lower()


class Trusted:
    """The documents of one hub, by whom they are for and by hash."""

    def __init__(self, settings: Settings) -> None:
        """Read them all.

        Raises:
            ConfigError: the folder is missing, a subfolder is no organisation's, or a document cannot be read or has another hash.
        """
        self._settings = settings
        wanted = settings.hub.documents
        self._bound = frozenset(wanted.trusted_only)
        self._automatic: OrderedDict[tuple[str, str], str] | None = OrderedDict() if wanted.automatic else None
        self._common: dict[str, str] = {}
        self._own: dict[str, dict[str, str]] = {}
        if wanted.folder is not None:
            self._read(settings.folder / wanted.folder)

    def __len__(self) -> int:
        """How many documents were read."""
        return len(self._common) + sum(map(len, self._own.values()))

    def text(self, request: Request, requester: Requester) -> str:
        """The text of the document to run.

        Raises:
            PersistedQueryNotFound: the requester has no document of this hash; another organisation's is not told apart.
            Invalid: a text was sent with a hash that is not its own.
            NotPermitted: the requester may run trusted documents only, and this is none.
        """
        digest, bound = request.digest, requester.role in self._bound
        if digest is None and not bound:
            return request.query
        if not request.query:
            assert digest is not None, "a request has a text or a hash"
            return self._found(digest, requester)
        own = sha256(request.query.encode()).hexdigest()
        if digest not in {None, own}:
            raise Invalid("the hash is not that of the document", "send the SHA-256 of the very text in `query`", "sha256Hash")
        if bound and self._given(own, requester) is None:
            raise NotPermitted(
                "this requester may run trusted documents only", "name one by its hash; the hub's operator adds new ones to the folder"
            )
        if digest is not None and self._automatic is not None and len(request.query) <= LONGEST:
            self._automatic[requester.receiver, own] = request.query
            if len(self._automatic) > AUTOMATIC:
                self._automatic.popitem(last=False)
        return request.query

    def _given(self, digest: str, requester: Requester) -> str | None:
        """A document that the operator trusts, for everybody or for the requester's organisation."""
        return self._own.get(requester.organisation or "", {}).get(digest) or self._common.get(digest)

    def _found(self, digest: str, requester: Requester) -> str:
        found = self._given(digest, requester)
        # A registered document is its registrar's alone: nobody learns by a hash what others ask.
        if found is None and self._automatic is not None and requester.role not in self._bound:
            found = self._automatic.get((requester.receiver, digest))
            if found is not None:
                self._automatic.move_to_end((requester.receiver, digest))
        if found is None:
            raise PersistedQueryNotFound("there is no document of this hash", "send the document itself in `query`")
        return found

    # --- reading -------------------------------------------------------------------------------------------------

    def _read(self, place: Path) -> None:
        if place.is_file():
            self._common = dict(_in_file(place))
            return
        if not place.is_dir():
            where = self._settings.place("hub.documents.folder")
            raise ConfigError("hub.documents.folder: there is no such folder", "make it, or name another", where)
        for path in sorted(place.iterdir()):
            if path.is_file():
                self._common.update(_in_file(path))
            elif path.name in self._settings.organisations:
                self._own[path.name] = {digest: text for each in sorted(path.iterdir()) for digest, text in _in_file(each)}
            else:
                raise ConfigError(f"there is no organisation `{path.name}`", "name the folder as its organisation in hub.toml", str(path))


def _in_file(path: Path) -> Iterator[tuple[str, str]]:
    """The documents of a file: a `.graphql` file is one, a `.json` file maps hashes to texts; other files are left alone."""
    if path.suffix not in {".graphql", ".json"}:
        return
    try:
        content = path.read_bytes()
        texts = {HASH.fullmatch(path.stem) and path.stem: content.decode()} if path.suffix == ".graphql" else orjson.loads(content)
    except (OSError, ValueError):
        raise ConfigError(
            "it cannot be read", "write a document in UTF-8, or JSON that maps each hash to its document", str(path)
        ) from None
    if not isinstance(texts, dict) or not all(isinstance(each, str) for each in texts.values()):
        raise ConfigError("it holds no documents", "map each hash to its document, as text", str(path))
    for said, text in texts.items():
        digest = sha256(text.encode()).hexdigest()
        if said is not None and said.removeprefix("sha256:").lower() != digest:
            raise ConfigError(f"{said[:16]}… is not the hash of its document", f"its hash is {digest}", str(path))
        try:
            parse(text, no_location=True)
        except GraphQLError as error:
            line = error.locations[0].line if error.locations and path.suffix == ".graphql" else 1
            raise ConfigError("this is not a GraphQL document", "mend its syntax", f"{path}:{line}") from None
        yield digest, text
