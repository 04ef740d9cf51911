"""A file of cases sent to a hub elsewhere, in parts, by the same questions that anybody may ask it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any, Final, Self

import httpx

from errors import ConfigError

PART: Final = 600_000
"""Bytes of one part: in base64 it fits a request of one MiB."""

PAUSE: Final = 0.5
"""Seconds between two questions how far it is."""

REFUSAL: Final = "... on Refusal { code message hint field }"
OPEN = (
    "mutation ($input: CasesUploadOpenInput!) { did: casesUploadOpen(input: $input) "
    f"{{ ... on CasesUploadOpened {{ upload }} {REFUSAL} }} }}"
)
PART_OF = (
    "mutation ($input: CasesUploadPartInput!) { did: casesUploadPart(input: $input) "
    f"{{ ... on CasesUploadReceived {{ receivedBytes }} {REFUSAL} }} }}"
)
IMPORT = (
    "mutation ($input: CasesUploadImportInput!) { did: casesUploadImport(input: $input) "
    f"{{ ... on CasesUploadImporting {{ state }} {REFUSAL} }} }}"
)
DISCARD = (
    "mutation ($input: CasesUploadDiscardInput!) { did: casesUploadDiscard(input: $input) "
    f"{{ ... on CasesUploadDiscarded {{ discarded }} {REFUSAL} }} }}"
)
HOW_FAR = """query ($upload: ID!, $language: Language!) { did: casesUpload(upload: $upload, language: $language) {
  state rowsDone rowsTotal failure { code message hint field } registered { people households }
  preview { rows households faultCount faults { row column code text hint } duplicateCount duplicates { row otherRow score } } } }"""

Told = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and of how much."""


class Elsewhere:
    """A hub that is asked over HTTP."""

    def __init__(self, url: str, key: str, purpose: str | None, language: str) -> None:
        """Connect when something is asked."""
        headers = {"authorization": f"Bearer {key}"} | ({"mizalla-purpose": purpose} if purpose else {})
        self.language = language
        self._address = f"{url.rstrip('/')}/graphql"
        self._client = httpx.Client(headers=headers, timeout=60)  # one for all: to read the authorities takes longer than to ask

    def __enter__(self) -> Self:
        """Begin to ask."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._client.close()

    def ask(self, document: str, variables: dict[str, Any]) -> Any:
        """The one field of an answer, which every document here calls `did`.

        Raises:
            ConfigError: the hub is not there, or refuses.
        """
        try:
            body = self._client.post(self._address, json={"query": document, "variables": variables}).json()
        except (httpx.HTTPError, ValueError) as wrong:
            raise ConfigError(f"the hub did not answer ({type(wrong).__name__})", "see that --hub is its address, and repeat it") from None
        if body.get("errors"):
            first = body["errors"][0]
            raise ConfigError(first["message"], first.get("extensions", {}).get("hint", ""))
        did = body["data"]["did"]
        if did is not None and "code" in did:
            raise ConfigError(f"{did['code']}: {did['message']}", did["hint"])
        return did

    def send(self, content: bytes, kind: str, told: Told) -> str:
        """Send a file, and give its id."""
        upload = str(self.ask(OPEN, {"input": {"kind": kind.upper(), "sizeBytes": len(content)}})["upload"])
        for offset in range(0, len(content), PART):
            part = base64.b64encode(content[offset : offset + PART]).decode()
            done = self.ask(PART_OF, {"input": {"upload": upload, "offset": offset, "content": part}})["receivedBytes"]
            told("sending", done, len(content))
        return upload

    def ended(self, upload: str, doing: str, told: Told) -> Any:
        """Wait until nobody works on a file any more, and give what came of it."""
        while True:
            found = self.ask(HOW_FAR, {"upload": upload, "language": self.language.upper()})
            if found is None:
                raise ConfigError("the hub has forgotten the file", "send it again")
            if found["state"] not in {"LOOKING", "REGISTERING"}:
                return found
            if found["rowsTotal"]:
                told(doing, found["rowsDone"], found["rowsTotal"])
            time.sleep(PAUSE)

    def register(self, upload: str, rows: list[int]) -> None:
        """Begin to register everybody of a file."""
        self.ask(IMPORT, {"input": {"upload": upload, "distinctRows": rows}})

    def discard(self, upload: str) -> None:
        """Let a file be forgotten."""
        self.ask(DISCARD, {"input": {"upload": upload}})
