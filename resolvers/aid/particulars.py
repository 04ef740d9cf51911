"""What an organisation wrote down of its own cases, and who is likely one of them already.

Names lie sealed for the organisation that wrote them; beside them lie keyed hashes of how they sound, one organisation's unlike
another's, by which the few that may be meant are found among many without reading the others.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from heapq import nsmallest
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Invalid, LikelyDuplicate, Stale, Unknown
from privacy.names import apart, readings
from privacy.sealing import Seal
from resolvers.aid.case_words import REASONS
from resolvers.aid.homes import SALT, Homes
from resolvers.aid.likeness import LIKELY, Particulars, blocks, likened, particulars_of
from resolvers.aid.ranking import Reads
from resolvers.gather import Gathering
from resolvers.room import Answers, Room
from resolvers.turns import Turns
from resolvers.want import Field, shaped
from tables.aid import case_block, case_file, case_merge, case_particulars
from tables.database import among
from values import Condition, Enquiry, Shown

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

CANDIDATES: Final = 150
"""Cases that are read and compared for one that is typed, at most: those that share most blocks with it."""

FEW: Final = 15
"""Who shares one block alone is compared only where no more than so many lie in it: a rare name says something by itself."""

MOST_SHOWN: Final = 50
STRIDE: Final = 32
"""Rows between two looks at the clock."""

TOGETHER: Final = 1_000
"""Cases whose candidates are looked for in one statement: common names are then read once for many."""

Ready = tuple[str, list[bytes]]
"""What is kept of a case, sealed, and the hashes it is found by."""

Found = tuple[int, int, Particulars, list[tuple[str, float]]]
"""Who is likely meant: the person, the score, what was written down, and the reasons."""


class CaseParticulars(Room):
    """Particulars of own cases."""

    def __init__(self, hub: Hub, homes: Homes) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.homes = homes
        self.roots: dict[str, Answers] = {"case_particulars": self.one, "case_duplicates": self.duplicates}
        self._digests = hub.ring.subkey("case block", hub.ring.root)
        self._seals: dict[str, Seal] = {}
        self._sources = tuple(name for name, source in hub.settings.sources.items() if source.wire == "hub")
        prepare = hub.database.prepare
        here = case_block.c.organisation == sa.bindparam("organisation")
        self._in_blocks = prepare(
            sa.select(case_block.c.block, case_block.c.person).where(here, among(case_block.c.block, "blocks", "blob"))
        )
        ours = case_particulars.c.organisation == sa.bindparam("organisation")
        columns = (case_particulars.c.person, case_particulars.c.sealed, case_particulars.c.version)
        self._some = prepare(sa.select(*columns).where(ours, among(case_particulars.c.person, "people", "whole")))
        self._standing = prepare(sa.select(sa.func.count(), sa.func.sum(case_particulars.c.version)).where(ours))
        self._hold = prepare(sa.select(*columns).where(ours, case_particulars.c.person == sa.bindparam("whom")).with_for_update())
        self._add = prepare(sa.insert(case_particulars))
        self._change = prepare(
            sa.update(case_particulars)
            .where(case_particulars.c.organisation == sa.bindparam("whose"), case_particulars.c.person == sa.bindparam("whom"))
            .values(sealed=sa.bindparam("new_sealed"), version=sa.bindparam("new_version"))
        )
        self._block = prepare(sa.insert(case_block))
        self._unblock = prepare(
            sa.delete(case_block).where(case_block.c.organisation == sa.bindparam("whose"), case_block.c.person == sa.bindparam("whom"))
        )
        self._forget = prepare(
            sa.delete(case_particulars).where(
                case_particulars.c.organisation == sa.bindparam("whose"), case_particulars.c.person == sa.bindparam("whom")
            )
        )
        self._numbers = prepare(
            sa.select(case_file.c.person, case_file.c.case_number)
            .where(case_file.c.organisation == sa.bindparam("organisation"), among(case_file.c.person, "people", "whole"))
            .order_by(case_file.c.id)
        )
        self._became = prepare(
            sa.select(case_merge.c.kept).where(
                case_merge.c.organisation == sa.bindparam("organisation"),
                case_merge.c.merged == sa.bindparam("whom"),
                case_merge.c.state == sa.literal("merged"),
            )
        )

    # --- reading -------------------------------------------------------------------------------------------------

    async def one(self, gathering: Gathering, field: Field) -> Any:
        """What is written down of an own case; of one that was merged, what is written down of the one it became."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "case.read")
        organisation, database = str(enquiry.requester.organisation), self.hub.database
        given = str(field.arguments(gathering.variables)["person"])
        number = await self.became(database, organisation, self.hub.pseudonyms.resolve(enquiry.requester.receiver, given) or 0)
        if number not in await self.homes.lives(database, organisation, [number]):
            return None
        found = (await self.read(database, organisation, [number])).get(number)
        cases = await self._case_numbers(organisation, [number])
        row = {
            "person": self.hub.identifier(enquiry, "person")(number),
            "case_numbers": cases.get(number, []),
            **(asdict(found[0]) if found else dict.fromkeys(Particulars.__dataclass_fields__)),
            "version": found[1] if found else 0,
        }
        self._show(gathering, [number])
        assert field.want is not None
        return shaped(field.want, row)

    async def duplicates(self, gathering: Gathering, field: Field) -> Any:
        """Who of the own cases is likely meant by what is being typed, the likeliest first."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "case.read")
        if not 1 <= arguments["first"] <= MOST_SHOWN:
            raise Invalid(f"`first` is outside 1 to {MOST_SHOWN}", f"ask for at most {MOST_SHOWN}", "first")
        typed = particulars_of(snaked(arguments["input"]), "input.", enquiry.now.year)
        organisation, language = str(enquiry.requester.organisation), str(getattr(arguments["language"], "value", arguments["language"]))
        found = (await self.likely(self.hub.database, organisation, typed))[: arguments["first"]]
        cases = await self._case_numbers(organisation, [each[0] for each in found])
        identify = self.hub.identifier(enquiry, "person")
        rows = [
            {
                "person": identify(number),
                "case_numbers": cases.get(number, []),
                **asdict(written),
                "score": score,
                "reasons": [{"code": code, "text": REASONS[language][code], "weight": weight} for code, weight in reasons],
            }
            for number, score, written, reasons in found
        ]
        self._show(gathering, [each[0] for each in found])
        assert field.want is not None
        return shaped(field.want, rows)

    def _show(self, gathering: Gathering, people: Sequence[int]) -> None:
        if people:
            coordinates = ("person.id", "person.name", "person.mother_name", "person.birth_year")
            gathering.shown.append(Shown(coordinates, self._sources, tuple(people), Condition.OWN_CASE.value))

    async def _case_numbers(self, organisation: str, people: Sequence[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        values = {"organisation": organisation, "people": list(people)}
        for number, case in await self.hub.database.fetch(self._numbers, values) if people else ():
            found.setdefault(number, []).append(case)
        return found

    async def became(self, reads: Reads, organisation: str, number: int) -> int:
        """The person that a merged case is one with; itself for any other."""
        rows = await reads.fetch(self._became, {"organisation": organisation, "whom": number})
        return int(rows[0][0]) if rows else number

    async def read(self, reads: Reads, organisation: str, people: Collection[int]) -> dict[int, tuple[Particulars, int]]:
        """What is written down of these people, with its version."""
        return await self._read(reads, organisation, people, Turns())

    async def _read(self, reads: Reads, organisation: str, people: Collection[int], turns: Turns) -> dict[int, tuple[Particulars, int]]:
        seal, found = self._seal(organisation), {}
        rows = await reads.fetch(self._some, {"organisation": organisation, "people": list(people)}) if people else []
        for place, (number, sealed, version) in enumerate(rows):
            found[number] = _opened(seal, sealed), version
            if place % STRIDE == 0:
                await turns.give()
        return found

    async def likely(self, reads: Reads, organisation: str, typed: Particulars) -> list[Found]:
        """Own cases that are likely this person, the likeliest first."""
        return (await self.likely_many(reads, organisation, [typed]))[0]

    async def standing(self, reads: Reads, organisation: str) -> tuple[int, int]:
        """Two figures that are others once anything more is written down of a case."""
        ((many, versions),) = await reads.fetch(self._standing, {"organisation": organisation})
        return int(many), int(versions or 0)

    async def likely_many(self, reads: Reads, organisation: str, typed: Sequence[Particulars], most: int = CANDIDATES) -> list[list[Found]]:
        """The same for many at once, with a few statements for each thousand."""
        found: list[list[Found]] = []
        turns = Turns()
        for start in range(0, len(typed), TOGETHER):
            part, wanted = typed[start : start + TOGETHER], []
            for each in part:
                wanted.append(self._blinded(organisation, blocks(each, 1)))
                await turns.give()
            together = await self._lying(reads, organisation, {each for blinds in wanted for each in blinds}, turns)
            nearest = []
            for blinds in wanted:
                nearest.append(_nearest(blinds, together, most))
                await turns.give()
            known = await self._read(reads, organisation, {number for each in nearest for number in each}, turns)
            for each, near in zip(part, nearest, strict=True):
                found.append(self._compared(each, {number: known[number] for number in near if number in known}))
                await turns.give()
        return await self._still_cases(reads, organisation, found)

    async def _lying(self, reads: Reads, organisation: str, blinds: Collection[bytes], turns: Turns) -> dict[bytes, list[int]]:
        """Who lies in each of these blocks."""
        found: dict[bytes, list[int]] = {}
        for place, (block, number) in enumerate(
            await reads.fetch(self._in_blocks, {"organisation": organisation, "blocks": sorted(blinds)})
        ):
            found.setdefault(bytes(block), []).append(number)
            if place % STRIDE == 0:
                await turns.give()
        return found

    async def _still_cases(self, reads: Reads, organisation: str, found: Sequence[list[Found]]) -> list[list[Found]]:
        """Without those whose case the organisation has closed since."""
        people = {each[0] for likely in found for each in likely}
        own = await self.homes.lives(reads, organisation, list(people)) if people else {}
        return [[each for each in likely if each[0] in own] for likely in found]

    @staticmethod
    def _compared(typed: Particulars, known: Mapping[int, tuple[Particulars, int]]) -> list[Found]:
        heard = readings(typed.name)
        near = [(number, written) for number, (written, _) in known.items() if not apart(heard, readings(written.name))]
        scored = [(number, *likened(typed, written), written) for number, written in near]
        likely = [(number, score, written, reasons) for number, score, reasons, written in scored if score >= LIKELY]
        return sorted(likely, key=lambda each: (-each[1], each[0]))

    # --- writing -------------------------------------------------------------------------------------------------

    async def distinct(
        self, change: Change, typed: Sequence[tuple[str, Particulars]], distinct_from: Collection[int], itself: int | None = None
    ) -> int:
        """Go on only where whoever is likely meant was looked at, and said to be another; how many were.

        Raises:
            Unknown: somebody that was named is nobody of the own case load.
            LikelyDuplicate: somebody is a case already.
        """
        organisation = str(change.enquiry.requester.organisation)
        if distinct_from and set(distinct_from) - set(await self.homes.lives(change, organisation, list(distinct_from))):
            raise Unknown("this is nobody of the own case load", "name only whom `caseDuplicates` shows", "distinctFrom")
        looked = 0
        found = await self.likely_many(change, organisation, [each for _, each in typed])
        for (field, _), likely in zip(typed, found, strict=True):
            others = {each[0] for each in likely} - {itself}
            if others - set(distinct_from):
                raise LikelyDuplicate(
                    "somebody is likely a case already",
                    "look with `caseDuplicates`; if it is another person, repeat with `distinctFrom` naming those it is not",
                    f"{field}name",
                )
            looked += len(others)
        return looked

    async def describe_new(self, change: Change, written: Mapping[int, Particulars]) -> None:
        """Keep what is written down of people who have just become cases."""
        ready = await self.ready(str(change.enquiry.requester.organisation), list(written.values()))
        await self.keep_new(change, dict(zip(written, ready, strict=True)))

    async def ready(self, organisation: str, written: Sequence[Particulars]) -> list[Ready]:
        """The same sealed and hashed, which nobody need wait for in a transaction."""
        found, turns = [], Turns()
        for each in written:
            found.append((self.sealed(organisation, each), self.blinded(organisation, each)))
            await turns.give()
        return found

    async def keep_new(self, change: Change, ready: Mapping[int, Ready]) -> None:
        """Keep what is ready of people who have just become cases."""
        organisation = str(change.enquiry.requester.organisation)
        rows = [{"organisation": organisation, "person": number, "sealed": sealed, "version": 1} for number, (sealed, _) in ready.items()]
        if rows:
            await change.execute_many(self._add, rows)
            await self._blocked(change, organisation, {number: blinds for number, (_, blinds) in ready.items()})

    async def rewrite(self, change: Change, organisation: str, number: int, written: Particulars, version: int) -> None:
        """Keep something else of a case."""
        row = {"whose": organisation, "whom": number, "new_sealed": self.sealed(organisation, written), "new_version": version}
        await change.execute(self._change, row)
        await self.unblock(change, organisation, number)
        await self._blocked(change, organisation, {number: self.blinded(organisation, written)})

    async def unblock(self, change: Change, organisation: str, number: int) -> None:
        """Let nobody find a case by its particulars any more."""
        await change.execute(self._unblock, {"whose": organisation, "whom": number})

    async def forget(self, change: Change, organisation: str, number: int) -> None:
        """Keep nothing of a case that is closed."""
        await self.unblock(change, organisation, number)
        await change.execute(self._forget, {"whose": organisation, "whom": number})

    async def describe(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Write down, or correct, the particulars of an own case.

        Raises:
            Unknown: nobody of the own case load.
            Stale: they were changed since they were read.
            Invalid: what cannot be.
            LikelyDuplicate: somebody else is likely this person.
        """
        self.hub.demand(enquiry, "case.describe")
        organisation, receiver = str(enquiry.requester.organisation), enquiry.requester.receiver
        typed = particulars_of(given["particulars"], "particulars.", enquiry.now.year)
        number, version = self.hub.pseudonyms.resolve(receiver, str(given["person"])) or 0, int(given["version"])
        distinct_from = self.numbers(enquiry, given["distinct_from"])

        async def work(change: Change) -> dict[str, Any]:
            if number not in await self.homes.lives(change, organisation, [number]):
                raise Unknown("this is nobody of the own case load", "give the id of somebody of `caseload`", "person")
            rows = await change.fetch(self._hold, {"organisation": organisation, "whom": number})
            if version != (rows[0][2] if rows else 0):
                raise Stale("these particulars have changed", "read `caseParticulars` again, and repeat with its version", "version")
            if rows and _opened(self._seal(organisation), rows[0][1]) == typed:
                raise Invalid("this is written down already", "nothing has to be changed", "particulars")
            looked = await self.distinct(change, [("particulars.", typed)], distinct_from, number)
            if rows:
                await self.rewrite(change, organisation, number, typed, version + 1)
            else:
                await self.describe_new(change, {number: typed})
            whose = blake2b(organisation.encode(), digest_size=8).hexdigest()  # a name may be as long as the column
            await change.step(f"case:{whose}:{number:x}", "describe", "described", said(looked))
            return {"person": self.hub.identifier(enquiry, "person")(number), "version": version + 1}

        content = [number, version, asdict(typed), sorted(distinct_from)]
        return await self.hub.writing.run(enquiry, "case.describe", work, key=given["idempotency_key"], content=content)

    def numbers(self, enquiry: Enquiry, given: Sequence[str] | None) -> set[int]:
        """The people behind these identifiers; 0, whom there is none of, for any other text.

        Raises:
            Invalid: too many.
        """
        if len(given or ()) > MOST_SHOWN:
            raise Invalid(f"at most {MOST_SHOWN} can be told apart at once", "register fewer at once", "distinctFrom")
        receiver = enquiry.requester.receiver
        return {self.hub.pseudonyms.resolve(receiver, str(each)) or 0 for each in given or ()}

    async def _blocked(self, change: Change, organisation: str, lying: Mapping[int, Sequence[bytes]]) -> None:
        rows = [{"organisation": organisation, "block": blind, "person": number} for number, blinds in lying.items() for blind in blinds]
        await change.execute_many(self._block, rows)

    # --- sealing -------------------------------------------------------------------------------------------------

    def _seal(self, organisation: str) -> Seal:
        if organisation not in self._seals:  # its keys are derived once, not for every case
            self._seals[organisation] = Seal(self.hub.ring, "case particulars", organisation)
        return self._seals[organisation]

    def sealed(self, organisation: str, written: Particulars) -> str:
        """What is kept of a case."""
        return self._seal(organisation).close(secrets.token_bytes(SALT) + orjson.dumps(asdict(written)), self.hub.ring.current)

    def blinded(self, organisation: str, written: Particulars) -> list[bytes]:
        """The keyed hashes by which a case is found."""
        return self._blinded(organisation, blocks(written))

    def _blinded(self, organisation: str, plain: Collection[str]) -> list[bytes]:
        begun = blake2b(key=self._digests, digest_size=32)
        begun.update(blake2b(organisation.encode(), digest_size=32).digest())
        found = []
        for each in plain:
            hashed = begun.copy()
            hashed.update(each.encode())
            found.append(hashed.digest())
        return sorted(found)


def said(looked: int) -> str | None:
    """What a step says of likely duplicates that were looked at."""
    return f"said to be another than {looked} likely" if looked else None


def _opened(seal: Seal, sealed: str) -> Particulars:
    opened = seal.open(sealed, stored=True)
    assert opened is not None
    return Particulars(**orjson.loads(opened[SALT:]))


def _nearest(blinds: Sequence[bytes], together: Mapping[bytes, Sequence[int]], most: int) -> list[int]:
    """Those that share most blocks; of one block alone only where few lie in it."""
    lying = [together.get(blind, ()) for blind in blinds]
    shared = Counter(chain.from_iterable(lying))
    several = {number: many for number, many in shared.items() if many > 1}
    rare = {number: 1 for each in lying if len(each) <= FEW for number in each}
    return nsmallest(most, rare | several, key=lambda number: (-shared[number], number))


def snaked(given: Mapping[str, Any]) -> dict[str, Any]:
    """An input of a root field by its inner names."""
    return {re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): value for name, value in given.items()}
