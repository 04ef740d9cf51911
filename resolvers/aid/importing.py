"""Cases imported from a file: looked through first, then all of it at once or nothing.

The file is sent twice and kept never: a preview gives its digest with every fault and every likely duplicate, and the import takes the
same file with that digest. Between the two nobody's names lie anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from hmac import compare_digest
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from connectors.sheets import Fault, read_csv, read_workbook
from errors import Conflict, Invalid, LikelyDuplicate, Stale
from privacy.names import apart, readings
from resolvers.aid.households import Households
from resolvers.aid.import_words import FAULTS
from resolvers.aid.likeness import LIKELY, Particulars, blocks, likened
from resolvers.aid.particulars import CaseParticulars, snaked
from resolvers.aid.ranking import Reads
from resolvers.aid.rows import Read, Row, read_rows
from resolvers.gather import Gathering
from resolvers.room import Answers, Room
from resolvers.turns import Turns
from resolvers.want import Field, shaped
from tables.aid import case_file
from tables.database import among
from tables.identity import own_case
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_BYTES: Final = 500_000
"""Bytes of a file that is sent through the schema; the command line takes more."""

MOST_ROWS: Final = 5_000
FILE_BYTES, FILE_ROWS = 16 * 1024 * 1024, 50_000
SHOWN: Final = 200
"""Faults and likely duplicates that a preview lists; all are counted."""

CROWD, NEAREST = 60, 6
"""Rows of one block that are looked at, and of those the nearest that are compared: they share most blocks. Whoever is meant is nearly
always the first (docs/performance.md)."""

AT_ONCE: Final = 1_000
"""Rows that are looked for at once."""

Progress = Callable[[int, int], None]
"""Is told how many rows of how many were looked for."""

Also = Callable[["Change", Mapping[str, Any]], Awaitable[None]]
"""Is done in the same transaction, with the answer."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A row that is likely somebody who is a case already, or another row."""

    row: int
    person: int | None
    other_row: int | None
    score: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do."""

    digest: str
    read: Read
    twins: list[Twin]

    @property
    def people(self) -> int:
        """How many rows can be read."""
        return sum(len(home.members) for home in self.read.homes)


class Importing(Room):
    """Imports of own cases."""

    def __init__(self, hub: Hub, households: Households, files: CaseParticulars) -> None:
        """Prepare every statement once."""
        self.hub, self.households, self.files = hub, households, files
        self.roots: dict[str, Answers] = {"cases_import_preview": self.previewed}
        self._digests = hub.ring.subkey("import", hub.ring.root)
        prepare = hub.database.prepare
        organisation = sa.bindparam("organisation", type_=sa.Text)
        filed = sa.select(case_file.c.case_number).where(case_file.c.organisation == organisation, among(case_file.c.case_number, "cases"))
        held = sa.select(own_case.c.position).where(own_case.c.organisation == organisation, among(own_case.c.position, "cases"))
        self._taken = prepare(filed.union(held))

    # --- looking through -----------------------------------------------------------------------------------------

    async def previewed(self, gathering: Gathering, field: Field) -> Any:
        """What an import of a file would do; nothing is written."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        given = snaked(arguments["input"])
        language = str(getattr(arguments["language"], "value", arguments["language"]))
        content, kind = decoded(given)
        found = await self.preview(enquiry, content, kind)
        identify = self.hub.identifier(enquiry, "person")
        row = {
            "digest": found.digest,
            "rows": found.people,
            "households": len(found.read.homes),
            "fault_count": len(found.read.faults),
            "faults": [fault_row(each, language) for each in found.read.faults[:SHOWN]],
            "duplicate_count": len(found.twins),
            "duplicates": [
                {**asdict(each), "person": None if each.person is None else identify(each.person)} for each in found.twins[:SHOWN]
            ],
        }
        people = tuple(dict.fromkeys(each.person for each in found.twins[:SHOWN] if each.person is not None))
        if people:
            gathering.shown.append(Shown(("person.id",), (), people, Condition.OWN_CASE.value))
        assert field.want is not None
        return shaped(field.want, row)

    async def preview(
        self, enquiry: Enquiry, content: bytes, kind: str, most: tuple[int, int] = (MOST_BYTES, MOST_ROWS), progress: Progress | None = None
    ) -> Preview:
        """Read a file through, and look for whoever is a case already.

        Raises:
            NotPermitted: the requester may not register.
        """
        self.hub.demand(enquiry, "case.import")
        organisation = str(enquiry.requester.organisation)
        read = await asyncio.to_thread(self._read, content, kind, most, enquiry.now.year)
        rows = read.rows
        read.faults += await self._taken_of(self.hub.database, organisation, rows)
        twins = await self._twins(self.hub.database, organisation, rows, progress)
        return Preview(self.digest(organisation, content), read, twins)

    async def _taken_of(self, reads: Reads, organisation: str, rows: list[Row]) -> list[Fault]:
        found = []
        for start in range(0, len(rows), 1000):
            part = {row.case: row.number for row in rows[start : start + 1000]}
            taken = await reads.fetch(self._taken, {"organisation": organisation, "cases": list(part)})
            found += [Fault(part[case], "case_number", "CASE_TAKEN") for (case,) in taken]
        return sorted(found, key=lambda fault: fault.row)

    def _read(self, content: bytes, kind: str, most: tuple[int, int], year: int) -> Read:
        most_bytes, most_rows = most
        if len(content) > most_bytes:
            return Read(faults=[Fault(0, None, "TOO_BIG")])
        return read_rows(read_csv(content, most_rows) if kind == "csv" else read_workbook(content, most_rows), year)

    async def _twins(self, reads: Reads, organisation: str, rows: list[Row], progress: Progress | None = None) -> list[Twin]:
        """Rows that are likely a case already, or one another."""
        written = [(row, row.particulars) for row in rows if row.particulars is not None]
        found: list[Twin] = []
        within, turns = Within(), Turns()
        for start in range(0, len(written), AT_ONCE):
            part = written[start : start + AT_ONCE]
            cases = await self.files.likely_many(reads, organisation, [each for _, each in part], NEAREST)
            for (row, each), likely in zip(part, cases, strict=True):
                found += [Twin(row.number, person, None, score) for person, score, _, _ in likely[:3]]
                found += within.likely(row, each)
                await turns.give()
            if progress is not None:
                progress(start + len(part), len(written))
        return sorted(found, key=lambda each: (each.row, -each.score))

    # --- importing -----------------------------------------------------------------------------------------------

    async def load(
        self,
        enquiry: Enquiry,
        given: Mapping[str, Any],
        content: bytes,
        kind: str,
        most: tuple[int, int] = (MOST_BYTES, MOST_ROWS),
        progress: Progress | None = None,
        also: Also | None = None,
    ) -> dict[str, Any]:
        """Register everybody of a file that was looked through, or nobody.

        Raises:
            Stale: another file, or it was not looked through.
            Invalid: a fault in it; the field names row and column.
            LikelyDuplicate: somebody is likely a case already, or twice in the file, and is not said to be another.
            Conflict: cases were written down meanwhile.
        """
        self.hub.demand(enquiry, "case.import")
        organisation = str(enquiry.requester.organisation)
        digest = self.digest(organisation, content)
        if not compare_digest(digest.encode(), str(given["digest"]).encode("utf-8", "surrogatepass")):
            raise Stale("this is not the file that was looked through", "ask `casesImportPreview` for its digest", "digest")
        read = await asyncio.to_thread(self._read, content, kind, most, enquiry.now.year)
        _faultless(read.faults)
        apart, rows = set(given["distinct_rows"] or ()), read.rows
        # Looked for before anybody is held back; whether a case came since is a look at two figures.
        before = await self.files.standing(self.hub.database, organisation)
        twins = await self._twins(self.hub.database, organisation, rows, progress)
        self._all_distinct(twins, apart)
        written = [(row, row.particulars) for row in rows if row.particulars is not None]
        ready = dict(
            zip((row.case for row, _ in written), await self.files.ready(organisation, [each for _, each in written]), strict=True)
        )

        async def work(change: Change) -> dict[str, Any]:
            home = await self.households.house(change, len(read.homes))
            _faultless(await self._taken_of(change, organisation, rows))
            if await self.files.standing(change, organisation) != before:
                raise Conflict("cases were written down meanwhile", "repeat it, so that they are looked at as well", "digest")
            cases = {row.case: row.need for row in rows}
            homes = {row.case: home + place for place, each in enumerate(read.homes) for row in each.members}
            people = await self.households.people(change, cases, homes, "rows.{}.caseNumber")
            await self.files.keep_new(change, {people[case]: each for case, each in ready.items()})
            opened = [
                (home + place, [(people[row.case], row.relation) for row in each.members], each.where)
                for place, each in enumerate(read.homes)
            ]
            await self.households.homes.open_many(change, opened, enquiry.now.date().isoformat())
            await change.first_steps([f"household:{home + place}" for place in range(len(read.homes))], "register", "registered")
            said = f"{len(apart)} rows were said to be others than likely cases" if apart else None
            await change.step(f"import:{secrets.token_hex(8)}", "import", "imported", said)
            answer = {"households": len(read.homes), "people": len(people)}
            if also is not None:
                await also(change, answer)
            return answer

        content_ = [digest, sorted(apart)]
        return await self.hub.writing.run(enquiry, "case.import", work, key=given["idempotency_key"], content=content_)

    @staticmethod
    def _all_distinct(twins: Collection[Twin], apart: Collection[int]) -> None:
        left = [each for each in twins if each.row not in apart]
        if left:
            raise LikelyDuplicate(
                f"{len({each.row for each in left})} rows are likely cases already, or one another",
                "look at them in `casesImportPreview`; name those that are others in `distinctRows`, and leave out the rest",
                f"rows.{left[0].row}",
            )

    def digest(self, organisation: str, content: bytes) -> str:
        """What shows that somebody of this organisation had this file looked through."""
        begun = blake2b(key=self._digests, digest_size=16)
        begun.update(blake2b(organisation.encode(), digest_size=32).digest())
        begun.update(content)
        return begun.hexdigest()


def decoded(given: Mapping[str, Any]) -> tuple[bytes, str]:
    """The file of an input, and its kind.

    Raises:
        Invalid: it is not base64, or too large.
    """
    text, kind = str(given["content"]), str(getattr(given["kind"], "value", given["kind"])).lower()
    if len(text) > MOST_BYTES * 4 // 3 + 4:
        raise Invalid(f"a file has at most {MOST_BYTES} bytes here", "send it in parts, or by `mizalla import`", "content")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True), kind
    except (UnicodeEncodeError, binascii.Error):
        raise Invalid("this is not base64", "encode the file's bytes, with padding", "content") from None


def fault_row(fault: Fault, language: str) -> dict[str, Any]:
    """A fault as it is told."""
    said, hint = FAULTS[language][fault.code]
    return {"row": fault.row, "column": fault.column, "code": fault.code, "text": said, "hint": hint}


def _faultless(faults: list[Fault]) -> None:
    if faults:
        first = faults[0]
        said, hint = FAULTS["en"][first.code]
        where = f"rows.{first.row}" + (f".{first.column}" if first.column else "") if first.row else "content"
        raise Invalid(f"{said}, and {len(faults) - 1} more faults" if len(faults) > 1 else said, hint, where)


class Within:
    """Rows of one file that are likely one another."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._rows: list[tuple[Row, Particulars, Sequence[Sequence[str]]]] = []
        self._lying: dict[str, list[int]] = {}

    def likely(self, row: Row, written: Particulars) -> list[Twin]:
        """Earlier rows that a row is likely again; the row joins them."""
        heard, found = readings(written.name), []
        near = Counter(chain.from_iterable(self._lying.get(block, ())[-CROWD:] for block in blocks(written, 1)))
        for place, _ in near.most_common(NEAREST):
            before, other, names = self._rows[place]
            if apart(heard, names):
                continue
            score, _ = likened(written, other)
            if score >= LIKELY:
                found.append(Twin(row.number, None, before.number, score))
        for block in blocks(written):
            self._lying.setdefault(block, []).append(len(self._rows))
        self._rows.append((row, written, heard))
        return found
