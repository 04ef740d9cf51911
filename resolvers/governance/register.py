"""The register of organisations: anyone applies, an official register is asked, an accreditor decides, everybody reads it.

An organisation that applied has a name, a manager's key and its own space at once, and opens nothing: what makes it a receiver
of data is that an accreditor verified it, from the very next request on. Suspending it takes everything away as quickly.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, NotPermitted, Unknown
from privacy.sealing import Seal
from resolvers.gather import moment
from resolvers.governance.applying import PURPOSES, TEXT, Application, checked, evidence, visible
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from resolvers.writing import Step, moved
from settings import Organisation, Words
from tables.database import among
from tables.governance import organisation, paper
from values import Enquiry, OrganisationKind, Purpose, Role

if TYPE_CHECKING:
    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "applied": {"verify": "verified", "refuse": "refused"},
    "verified": {"suspend": "suspended"},
    "suspended": {"verify": "verified", "refuse": "refused"},
    "refused": {},
}
"""What an accreditor may do in which state."""

FOLLOW_SECONDS = 1.0
"""How often a served hub looks for what other processes decided."""

MOST_WAITING = 2_000
"""Applications that may wait for a decision: beyond it nobody applies, so that a flood cannot fill the register."""

PAPER_BYTES = 500_000
PAPERS = 20
BEGINS = {"application/pdf": b"%PDF-", "image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}
"""The kinds of paper, and how the bytes of each begin."""


class RegisterCommands(Room):
    """Applying, papers, deciding, reading the register."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"own_organisation": self.own, "applications": self.applications, "paper": self.paper}
        self.duties = {"organisations": self._follow}
        self._seen: tuple[Any, ...] = ()
        prepare = hub.database.prepare
        one = organisation.c.name == sa.bindparam("which")
        self._one = prepare(sa.select(*organisation.c).where(one))
        self._hold = prepare(sa.select(*organisation.c).where(one).with_for_update())
        self._all = prepare(sa.select(*organisation.c).order_by(organisation.c.name))
        waiting = organisation.c.state == "applied"
        self._waiting = prepare(
            sa.select(*organisation.c).where(waiting).order_by(organisation.c.applied_at, organisation.c.name).limit(100)
        )
        self._count = prepare(sa.select(sa.func.count()).where(waiting))
        numbered = organisation.c.registration_number == sa.bindparam("number")
        self._numbered = prepare(sa.select(organisation.c.name).where(numbered, organisation.c.state != "refused"))
        self._add = prepare(sa.insert(organisation))
        changed = {"state": sa.bindparam("new_state"), "changed_at": sa.bindparam("at"), "version": organisation.c.version + 1}
        self._move = prepare(sa.update(organisation).where(one).values(**changed))
        self._stamp = prepare(sa.select(sa.func.count(), sa.func.sum(organisation.c.version)))
        of_one = paper.c.organisation == sa.bindparam("which")
        listed = (paper.c.organisation, paper.c.title, paper.c.media_type, paper.c.sha256, paper.c.at)
        self._papers = prepare(sa.select(*listed).where(among(paper.c.organisation, "names")).order_by(paper.c.id))
        self._paper = prepare(sa.select(paper.c.content, paper.c.media_type).where(of_one, paper.c.sha256 == sa.bindparam("digest")))
        named = ("organisation", "title", "media_type", "sha256", "content", "at")
        self._add_paper = prepare(sa.insert(paper).values({name: sa.bindparam(name) for name in named}))

    # --- the live directory --------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Take what was changed elsewhere: one small look-up, and the rows only when something was."""
        stamp = (await self.hub.database.fetch(self._stamp))[0]
        if stamp != self._seen:
            await self.read()
            self._seen = stamp

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            await self.refresh()

    async def read(self) -> None:
        """Put the organisations of the tables into the live directory; those that were refused are none."""
        rows = await self.hub.database.fetch(self._all, rows=1000)
        found = [dict(zip(organisation.c.keys(), row, strict=True)) for row in rows]
        self.hub.organisations.register({each["name"]: _organisation(each) for each in found if each["state"] != "refused"})

    # --- applying ------------------------------------------------------------------------------------------------

    async def apply(self, enquiry: Enquiry, application: Application, key: str | None) -> dict[str, Any]:
        """Register an organisation, free of charge, and give its manager a key, shown this once.

        The official register is asked for the number first; what it says is kept as evidence and decides nothing.

        Raises:
            NotPermitted: no rule allows it.
            Invalid: a name, kind, number or address that cannot stand; `field` names it.
            Conflict: the name or the number is another's.
            LimitReached: too many wait for a decision.
        """
        self.hub.demand(enquiry, "organisation.apply")
        name = checked(application)
        said = application.name.model_dump()
        found = await evidence(self.hub, application.registration_number, [each for each in said.values() if each])
        purposes = PURPOSES[application.kind]

        async def work(change: Change) -> dict[str, Any]:
            await self._free(change, name, application.registration_number)
            row = {"name": name, **said, "kind": application.kind.value, "purposes": " ".join(purposes), "website": application.website}
            row |= {"registration_number": application.registration_number, "state": "applied", "version": 1}
            row |= {"evidence": orjson.dumps(found).decode(), "second_factor": False, "applied_at": change.now, "changed_at": change.now}
            await change.execute(self._add, row)
            given, _, made = self.hub.credentials.made(f"{name}-manager", "staff", name, Role.MANAGER, purposes, change.now)
            await change.execute(self.hub.credentials.adding, made)
            await change.step(_thing(name), "apply", "applied")
            change.tell("organisation_applied", "accreditors", {"organisation": name})
            return {"organisation": name, "key": given}

        content = [said, application.kind, application.registration_number, application.website]
        answer = await self.hub.writing.run(enquiry, "organisation.apply", work, key=key, content=content)
        await self.read()
        return answer

    async def _free(self, change: Change, name: str, number: str) -> None:
        if (await change.fetch(self._count))[0][0] >= MOST_WAITING:
            raise LimitReached("too many applications wait for a decision", "apply again tomorrow", 86_400)
        if await change.fetch(self._hold, {"which": name}) or name in self.hub.organisations:
            raise Conflict("an organisation of this English name is registered", "give the name by which yours can be told apart")
        if await change.fetch(self._numbered, {"number": number}):
            raise Conflict("this registration number is another organisation's", "see that it is written as on your certificate")

    async def add_paper(self, enquiry: Enquiry, title: str, media_type: str, content: str, key: str | None) -> dict[str, Any]:
        """Keep a paper of one's own organisation, sealed; only its managers and accreditors read it.

        Raises:
            NotPermitted: not a manager.
            Unknown: the organisation is named in hub.toml and needs none.
            Invalid: no title, another kind of file, unreadable base64, or more than 500 kB.
            Conflict: it is there already.
            LimitReached: twenty papers are there.
        """
        self.hub.demand(enquiry, "organisation.govern")
        name = own_organisation(enquiry)
        if not visible(title):
            raise Invalid(f"a title has 2 to {TEXT} visible characters", "say what the paper is", "title")
        raw = _paper_bytes(media_type, content)
        digest = sha256(raw).hexdigest()

        async def work(change: Change) -> dict[str, Any]:
            state = (await self._held(change, name))["state"]
            there = await change.fetch(self._papers, {"names": [name]})
            if any(each[3] == digest for each in there):
                raise Conflict("this paper is there already", "there is nothing to do")
            if len(there) >= PAPERS:
                raise LimitReached(f"an organisation keeps at most {PAPERS} papers", "ask the accreditor which are needed")
            sealed = self._seal(name).close(raw, self.hub.ring.current)
            row = {"organisation": name, "title": title.strip(), "media_type": media_type, "sha256": digest}
            await change.execute(self._add_paper, {**row, "content": sealed, "at": change.now})
            await change.step(_thing(name), "add_paper", state, title.strip())
            return {"sha256": digest}

        return await self.hub.writing.run(enquiry, "organisation.add_paper", work, key=key, content=[title, media_type, digest])

    # --- deciding ------------------------------------------------------------------------------------------------

    async def decide(self, enquiry: Enquiry, act: str, name: str, reason: str, version: int, key: str | None) -> dict[str, Any]:
        """Verify, suspend or refuse an organisation; from the very next request on everybody obeys it.

        Args:
            enquiry: an accreditor's.
            act: verify, suspend or refuse.
            name: the organisation.
            reason: in words; the organisation reads it.
            version: as it was read: a decision on what has changed since is none.
            key: the idempotency key.

        Raises:
            NotPermitted: not an accreditor, or its own organisation.
            Unknown: no such organisation, or one that hub.toml names.
            Invalid: no reason.
            Conflict: it changed meanwhile, or the act does not follow on its state.
        """
        self.hub.demand(enquiry, "organisation.decide")
        await self.hub.governance.staff.demand_proven(enquiry)
        if name == enquiry.requester.organisation:
            raise NotPermitted("nobody decides on its own organisation", "another organisation's accreditor decides")
        if not 10 <= len(reason.strip()) <= 1000:
            raise Invalid("a reason has 10 to 1000 characters", "say what was seen and where", "reason")

        async def work(change: Change) -> dict[str, Any]:
            row = await self._held(change, name)
            if row["version"] != version:
                raise Conflict("the organisation changed since it was read", "read it again and decide on what it is now")
            state = moved(STATES, row["state"], act)
            await change.execute(self._move, {"which": name, "new_state": state, "at": change.now})
            await change.step(_thing(name), act, state, reason.strip())
            change.tell("organisation_decided", name, {"organisation": name, "state": state})
            return {"organisation": name, "state": state.upper(), "version": version + 1}

        content = [name, act, reason, version]
        answer = await self.hub.writing.run(enquiry, f"organisation.{act}", work, key=key, content=content)
        await self.read()
        return answer

    async def _held(self, change: Change, name: str) -> dict[str, Any]:
        rows = await change.fetch(self._hold, {"which": name})
        if not rows:
            raise Unknown("no such organisation has registered itself", "name one of `applications { id }`; hub.toml's are its operator's")
        return dict(zip(organisation.c.keys(), rows[0], strict=True))

    # --- reading -------------------------------------------------------------------------------------------------

    async def own(self, gathering: Gathering, field: Field) -> Any:
        """The asker's own organisation with its state, papers and trace; None for one that hub.toml names."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "organisation.govern")
        rows = await self.hub.database.fetch(self._one, {"which": own_organisation(gathering.enquiry)})
        return shaped(field.want, (await self._told(rows))[0]) if rows else None

    async def applications(self, gathering: Gathering, field: Field) -> Any:
        """Those who wait for a decision, the oldest first; or one organisation by its name, whatever its state."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "organisation.decide")
        which = field.arguments(gathering.variables).get("organisation")
        if which is None:
            return shaped(field.want, await self._told(await self.hub.database.fetch(self._waiting, rows=100)))
        return shaped(field.want, await self._told(await self.hub.database.fetch(self._one, {"which": str(which)})))

    async def paper(self, gathering: Gathering, field: Field) -> Any:
        """The content of one paper, to its organisation's managers and to accreditors; None for anybody else, and for none."""
        assert field.want is not None
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        name = str(arguments["organisation"])
        its_own = self.hub.may(enquiry, "organisation.govern") and name == enquiry.requester.organisation
        if not its_own and not self.hub.may(enquiry, "organisation.decide"):
            return None
        rows = await self.hub.database.fetch(self._paper, {"which": name, "digest": str(arguments["sha256"])})
        opened = self._seal(name).open(rows[0][0], stored=True) if rows else None
        if opened is None:
            return None
        return shaped(field.want, {"media_type": rows[0][1], "content": base64.b64encode(opened).decode()})

    async def _told(self, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        found = [dict(zip(organisation.c.keys(), row, strict=True)) for row in rows]
        names = [each["name"] for each in found]
        papers: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for name, title, media_type, digest, at in await self.hub.database.fetch(self._papers, {"names": names}, rows=len(names)):
            papers[name].append({"title": title, "media_type": media_type, "sha256": digest, "at": at_moment(at)})
        traces = await self.hub.writing.traces([_thing(name) for name in names])
        return [_told(each, papers[each["name"]], traces[_thing(each["name"])]) for each in found]

    def _seal(self, name: str) -> Seal:
        return Seal(self.hub.ring, "paper", name)


def own_organisation(enquiry: Enquiry) -> str:
    """The organisation a requester acts for.

    Raises:
        NotPermitted: it acts for none.
    """
    if enquiry.requester.organisation is None:
        raise NotPermitted("only staff of an organisation has one", "use the credential of a member of staff")
    return enquiry.requester.organisation


def at_moment(at: int) -> str:
    """Seconds since 1970 as the schema writes a moment."""
    return str(moment(datetime.fromtimestamp(at, UTC)))


def _thing(name: str) -> str:
    return f"organisation:{name}"[:64]


def _told(found: dict[str, Any], papers: list[dict[str, Any]], steps: list[Step]) -> dict[str, Any]:
    said = orjson.loads(found["evidence"])
    return {
        **found,
        "id": found["name"],
        "state": found["state"].upper(),
        "applied_at": at_moment(found["applied_at"]),
        "evidence": {name: said.get(name) for name in ("source", "found", "score", "fault")} | {"traits": said.get("traits", [])},
        "papers": papers,
        "steps": [{"at": at_moment(each.at), "act": each.act, "by": each.organisation, "reason": each.reason} for each in steps],
    }


def _paper_bytes(media_type: str, content: str) -> bytes:
    if media_type not in BEGINS:
        raise Invalid("a paper is a PDF, a JPEG or a PNG", f"send one of {', '.join(sorted(BEGINS))}", "mediaType")
    try:
        raw = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("the content is not base64", "encode the file's bytes", "content") from None
    if not 1 <= len(raw) <= PAPER_BYTES:
        raise Invalid(f"a paper has at most {PAPER_BYTES} bytes", "scan it in grey, at 150 dots an inch", "content")
    if not raw.startswith(BEGINS[media_type]):
        raise Invalid("the content is not of the media type named", "name the kind of file it is", "mediaType")
    return raw


def _organisation(row: Mapping[str, Any]) -> Organisation:
    return Organisation(
        name=Words(ar=row["ar"], ckb=row["ckb"], en=row["en"]),
        kind=OrganisationKind(row["kind"]),
        verified=row["state"] == "verified",
        purposes=tuple(Purpose(each) for each in row["purposes"].split()),
        website=row["website"],
    )
