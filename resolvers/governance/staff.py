"""Staff: a manager invites, whoever is invited joins with a key of its own, roles end at once, a second factor guards what governs.

Accounts have names for the record (`hope-cashier-2`), not people's names: the hub need not know who works where.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached, NotPermitted, SecondFactorNeeded, Unknown
from privacy.second_factor import SecondFactors
from privacy.standing import epoch
from resolvers.governance.register import at_moment, own_organisation
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.database import among
from tables.governance import invitation, organisation, second_factor, team
from tables.identity import credential
from values import Enquiry, Purpose, Role

if TYPE_CHECKING:
    from collections.abc import Collection

    from resolvers.gather import Gathering
    from resolvers.hub import Hub
    from resolvers.writing import Change

ROLES = (Role.MANAGER, Role.CASEWORKER, Role.REVIEWER, Role.AUDITOR, Role.ANALYST, Role.DEVELOPER)
"""What a manager may make of somebody; inspectors and accreditors are named by the hub's operator."""

ACCOUNT = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
INVITATION_DAYS = 14
MOST_OPEN = 200
"""Invitations of one organisation that wait to be used."""


class StaffCommands(Room):
    """Inviting, joining, ending, teams, second factors."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.factors = SecondFactors(hub.database, hub.ring)
        self.roots: dict[str, Answers] = {"staff": self.staff}
        self._codes = hub.ring.subkey("invitation", hub.ring.root)
        prepare = hub.database.prepare
        its_own = credential.c.organisation == sa.bindparam("organisation")
        live = credential.c.revoked_at.is_(None)
        listed = (credential.c.id, credential.c.name, credential.c.role, credential.c.purposes, credential.c.created_at)
        factor = sa.and_(second_factor.c.credential == credential.c.id, second_factor.c.confirmed_at.is_not(None))
        staff = credential.outerjoin(second_factor, factor)
        columns = (*listed, second_factor.c.confirmed_at)
        self._staff = prepare(
            sa.select(*columns).select_from(staff).where(its_own, live).order_by(credential.c.created_at, credential.c.id)
        )
        self._account = prepare(
            sa.select(credential.c.role).where(its_own, live, credential.c.id == sa.bindparam("account")).with_for_update()
        )
        self._named = prepare(sa.select(credential.c.id).where(its_own, live, credential.c.name == sa.bindparam("name")))
        managers = sa.select(credential.c.id).where(its_own, live, credential.c.role == Role.MANAGER.value)
        self._managers = prepare(managers.with_for_update())
        by_id = credential.c.id == sa.bindparam("account")
        self._end = prepare(sa.update(credential).where(by_id).values(revoked_at=sa.bindparam("at")))
        self._change = prepare(
            sa.update(credential).where(by_id).values(role=sa.bindparam("new_role"), purposes=sa.bindparam("new_purposes"))
        )
        named = ("organisation", "hash", "name", "role", "purposes", "team", "ends_at", "used_at")
        self._invite = prepare(sa.insert(invitation).values({name: sa.bindparam(name) for name in named}))
        unused = invitation.c.used_at.is_(None), invitation.c.ends_at > sa.bindparam("now")
        self._open = prepare(sa.select(sa.func.count()).where(invitation.c.organisation == sa.bindparam("organisation"), *unused))
        self._invited = prepare(sa.select(*invitation.c).where(invitation.c.hash == sa.bindparam("digest"), *unused).with_for_update())
        self._use = prepare(sa.update(invitation).where(invitation.c.id == sa.bindparam("which")).values(used_at=sa.bindparam("at")))
        in_team = team.c.organisation == sa.bindparam("organisation")
        self._teams = prepare(sa.select(team.c.credential, team.c.name).where(in_team).order_by(team.c.name))
        self._join_team = prepare(sa.insert(team))
        self._leave_teams = prepare(sa.delete(team).where(in_team, among(team.c.credential, "accounts")))
        itself = organisation.c.name == sa.bindparam("which")
        self._rule = prepare(sa.select(organisation.c.second_factor).where(itself))
        self._set_rule = prepare(sa.update(organisation).where(itself).values(second_factor=sa.bindparam("needed")))

    # --- inviting and joining ------------------------------------------------------------------------------------

    async def invite(
        self, enquiry: Enquiry, name: str, role: Role, purposes: Collection[Purpose], group: str | None, key: str | None
    ) -> dict[str, Any]:
        """Make an invitation: a code shown this once, good for two weeks and one account.

        Args:
            enquiry: a manager's.
            name: how the record will call the account, as `hope-cashier-2`; not a person's name.
            role: what it may do.
            purposes: what for; the organisation's own, at most.
            group: the team it joins, if any.
            key: the idempotency key.

        Raises:
            NotPermitted: not a manager.
            SecondFactorNeeded: the manager has not proven its second factor.
            Invalid: a name, role, purpose or team that cannot stand.
            Conflict: an account of this name is there.
            LimitReached: too many invitations wait.
        """
        own = await self._governs(enquiry)
        wanted = self._purposes(own, role, purposes)
        for field, text in (("name", name), *([("team", group)] if group is not None else [])):
            if not ACCOUNT.fullmatch(text) or len(text) > 48:
                raise Invalid("a name is of small Latin letters, digits and dashes, at most 48", "as in hope-cashier-2", field)
        code = "-".join(secrets.token_hex(2) for _ in range(8))

        async def work(change: Change) -> dict[str, Any]:
            if await change.fetch(self._named, {"organisation": own, "name": name}):
                raise Conflict("an account of this name is there", "give another name, or end that account first")
            if (await change.fetch(self._open, {"organisation": own, "now": change.now}))[0][0] >= MOST_OPEN:
                raise LimitReached(f"{MOST_OPEN} invitations wait to be used", "let those be used or end first")
            row = {"organisation": own, "hash": self._hash(code), "name": name, "role": role.value, "purposes": " ".join(wanted)}
            ends_at = change.now + INVITATION_DAYS * 86_400
            await change.execute(self._invite, {**row, "team": group, "ends_at": ends_at, "used_at": None})
            await change.step(_thing(own), "invite", role.value, name)
            return {"code": code, "ends_at": at_moment(ends_at)}

        return await self.hub.writing.run(enquiry, "staff.invite", work, key=key, content=[name, role, sorted(wanted), group])

    async def join(self, enquiry: Enquiry, code: str) -> dict[str, Any]:
        """Turn an invitation into a key, shown this once; a code is good once.

        Raises:
            NotPermitted: no rule allows it.
            Unknown: no such invitation, or it was used, or has ended; which of them is not said.
        """
        self.hub.demand(enquiry, "staff.join")

        async def work(change: Change) -> dict[str, Any]:
            rows = await change.fetch(self._invited, {"digest": self._hash(code.strip().lower()), "now": change.now})
            own = rows[0][1] if rows else ""
            if own not in self.hub.organisations:
                raise Unknown("there is no such invitation, or it was used or has ended", "ask a manager for a new one")
            which, _, _, name, role, purposes, group, _, _ = rows[0]
            await change.execute(self._use, {"which": which, "at": change.now})
            wanted = [Purpose(each) for each in purposes.split()]
            given, account, made = self.hub.credentials.made(name, "staff", own, Role(role), wanted, change.now)
            await change.execute(self.hub.credentials.adding, made)
            if group is not None:
                await change.execute(self._join_team, {"organisation": own, "name": group, "credential": account})
            await change.step(_thing(own), "join", role, name)
            return {"organisation": own, "name": name, "role": role, "key": given}

        return await self.hub.writing.run(enquiry, "staff.join", work)

    # --- changing and ending -------------------------------------------------------------------------------------

    async def change(self, enquiry: Enquiry, account: str, role: Role, purposes: Collection[Purpose], key: str | None) -> dict[str, Any]:
        """Give an account another role; the next request already has it.

        Raises:
            NotPermitted: not a manager.
            SecondFactorNeeded: the manager has not proven its second factor.
            Invalid: a role or purpose that cannot stand.
            Unknown: no such account of this organisation.
            Conflict: it is the last manager.
        """
        own = await self._governs(enquiry)
        wanted = self._purposes(own, role, purposes)

        async def work(change: Change) -> dict[str, Any]:
            before = await self._its_own(change, own, account, last=role is not Role.MANAGER)
            await change.execute(self._change, {"account": account, "new_role": role.value, "new_purposes": " ".join(wanted)})
            await change.step(_thing(own), "change_role", role.value, f"{account}: {before} to {role.value}")
            return {"id": account, "role": role.value}

        return await self.hub.writing.run(enquiry, "staff.change", work, key=key, content=[account, role, sorted(wanted)])

    async def end(self, enquiry: Enquiry, account: str, key: str | None) -> dict[str, Any]:
        """End an account; its key opens nothing from the next request on, and its second factor is gone.

        Raises:
            NotPermitted: not a manager.
            SecondFactorNeeded: the manager has not proven its second factor.
            Unknown: no such account of this organisation.
            Conflict: it is the last manager.
        """
        own = await self._governs(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            role = await self._its_own(change, own, account, last=True)
            await change.execute(self._end, {"account": account, "at": change.now})
            await change.execute(self._leave_teams, {"organisation": own, "accounts": [account]})
            await self.factors.remove(change.tx, account)
            await change.step(_thing(own), "end", "ended", f"{account}: {role}")
            return {"id": account}

        return await self.hub.writing.run(enquiry, "staff.end", work, key=key, content=account)

    async def _its_own(self, change: Change, own: str, account: str, *, last: bool) -> str:
        """The role of an account of this organisation; `last` where losing the last manager would leave nobody to govern."""
        managers = await change.fetch(self._managers, {"organisation": own})
        rows = await change.fetch(self._account, {"organisation": own, "account": account})
        if not rows:
            raise Unknown("this organisation has no such account", "list `staff` for their ids")
        if last and [each for (each,) in managers] == [account]:
            raise Conflict("this is the last manager", "invite another manager first")
        return str(rows[0][0])

    def _purposes(self, own: str, role: Role, purposes: Collection[Purpose]) -> list[Purpose]:
        if role not in ROLES:
            raise Invalid("a manager does not give this role", f"choose one of {', '.join(ROLES)}", "role")
        allowed = self.hub.organisations[own].purposes
        wanted = [each for each in Purpose if each in set(purposes)]
        if not wanted or any(each not in allowed for each in wanted):
            raise Invalid("these purposes are not the organisation's", f"choose among {', '.join(allowed)}", "purposes")
        return wanted

    # --- second factor -------------------------------------------------------------------------------------------

    async def demand_proven(self, enquiry: Enquiry) -> None:
        """Go on only where the account's second factor is proven, or where it has none and needs none.

        Raises:
            SecondFactorNeeded: it is not proven; the hint says what to do.
        """
        if enquiry.requester.credential is None:
            return
        found = await self.factors.of(enquiry.requester.credential)
        if not found.confirmed:
            rows = await self.hub.database.fetch(self._rule, {"which": enquiry.requester.organisation or ""})
            if rows and rows[0][0]:
                raise SecondFactorNeeded("this organisation asks all its staff for a second factor", "begin with secondFactorBegin")
        elif found.proven_until <= epoch(enquiry.now):
            raise SecondFactorNeeded("this account has a second factor", "send its code by secondFactorProve, and ask again")

    async def begin_factor(self, enquiry: Enquiry) -> dict[str, Any]:
        """Make a secret for the asker's own account, shown this once.

        Raises:
            NotPermitted: not staff.
            Conflict: there is a confirmed one.
        """
        account = self._itself(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            made = await self.factors.begin(change.tx, account, enquiry.requester.name)
            return {"secret": made.secret, "address": made.address}

        return await self.hub.writing.run(enquiry, "second_factor.begin", work)

    async def prove_factor(self, enquiry: Enquiry, code: str) -> dict[str, Any]:
        """Prove the asker's own second factor for a working day; the first proof confirms it.

        Raises:
            NotPermitted: not staff, or a wrong code.
            Invalid: no code, or the account has no second factor.
            LimitReached: too many wrong codes.
        """
        account = self._itself(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            right = await self.factors.prove(change.tx, account, code.strip(), change.now)
            return {"right": right}

        if not (await self.hub.writing.run(enquiry, "second_factor.prove", work))["right"]:
            raise NotPermitted("this code is not the one of this moment", "read the next code from the app; each is good once")
        return {"proven_until": at_moment((await self.factors.of(account)).proven_until)}

    async def reset_factor(self, enquiry: Enquiry, account: str, key: str | None) -> dict[str, Any]:
        """Take another account's second factor away, because the device is lost; its holder enrols anew.

        Raises:
            NotPermitted: not a manager, or its own account.
            SecondFactorNeeded: the manager has not proven its own.
            Unknown: no such account of this organisation.
        """
        own = await self._governs(enquiry)
        if account == enquiry.requester.credential:
            raise NotPermitted("nobody takes away its own second factor", "another manager of the organisation can")

        async def work(change: Change) -> dict[str, Any]:
            await self._its_own(change, own, account, last=False)
            await self.factors.remove(change.tx, account)
            await change.step(_thing(own), "reset_second_factor", "reset", account)
            return {"id": account}

        return await self.hub.writing.run(enquiry, "second_factor.reset", work, key=key, content=account)

    async def demand_of_all(self, enquiry: Enquiry, *, needed: bool) -> dict[str, Any]:
        """Ask all staff of the organisation for a second factor before they govern or record, or no longer.

        Raises:
            NotPermitted: not a manager.
            SecondFactorNeeded: the manager has not proven its own.
            Unknown: the organisation is named in hub.toml.
        """
        own = await self._governs(enquiry)

        async def work(change: Change) -> dict[str, Any]:
            if not await change.fetch(self._rule, {"which": own}):
                raise Unknown("this organisation is named in hub.toml", "its operator decides this")
            await change.execute(self._set_rule, {"which": own, "needed": needed})
            await change.step(_thing(own), "second_factor", "needed" if needed else "free")
            return {"needed": needed}

        return await self.hub.writing.run(enquiry, "second_factor.demand", work)

    def _itself(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "second_factor.use")
        assert enquiry.requester.credential is not None
        return enquiry.requester.credential

    # --- reading -------------------------------------------------------------------------------------------------

    async def staff(self, gathering: Gathering, field: Field) -> Any:
        """The accounts of the asker's own organisation, oldest first, each with its teams."""
        assert field.want is not None
        self.hub.demand(gathering.enquiry, "organisation.govern")
        own = own_organisation(gathering.enquiry)
        teams: dict[str, list[str]] = {}
        for account, name in await self.hub.database.fetch(self._teams, {"organisation": own}, rows=100):
            teams.setdefault(account, []).append(name)
        rows = await self.hub.database.fetch(self._staff, {"organisation": own}, rows=100)
        found = [
            {
                "id": account,
                "name": name,
                "role": role,
                "purposes": [Purpose(each).name for each in purposes.split()],
                "since": at_moment(created),
                "teams": teams.get(account, []),
                "second_factor": confirmed is not None,
            }
            for account, name, role, purposes, created, confirmed in rows
        ]
        return shaped(field.want, found)

    async def _governs(self, enquiry: Enquiry) -> str:
        self.hub.demand(enquiry, "organisation.govern")
        await self.demand_proven(enquiry)
        return own_organisation(enquiry)

    def _hash(self, code: str) -> bytes:
        return blake2b(code.encode(), key=self._codes, digest_size=32).digest()


def _thing(own: str) -> str:
    return f"staff:{own}"[:64]
