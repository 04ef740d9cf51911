"""Staff: accounts of one's own organisation, invitations, second factors."""

from enum import Enum

import strawberry

from resolvers.hub import Hub
from schema.access import Code, Instant, plain
from schema.roots import mutation, query
from values import Enquiry, Level, Purpose, Role


@strawberry.enum(description="What an account of an organisation may be made by its manager.")
class StaffRole(Enum):
    """Inspectors and accreditors are named by the hub's operator."""

    MANAGER = strawberry.enum_value("manager", description="Governs the organisation and its accounts.")
    CASEWORKER = strawberry.enum_value("caseworker", description="Looks after cases.")
    REVIEWER = strawberry.enum_value("reviewer", description="Reviews what others decided.")
    AUDITOR = strawberry.enum_value("auditor", description="Reads the organisation's own books.")
    ANALYST = strawberry.enum_value("analyst", description="Plans and counts.")
    DEVELOPER = strawberry.enum_value("developer", description="An app of the organisation.")


@plain(Level.PARTNER, "An account of the asker's own organisation.")
class StaffAccount:
    """It names no person."""

    id: strawberry.ID = strawberry.field(description="The public part of its key.")
    name: str = strawberry.field(description="How the record calls it.")
    role: Code = strawberry.field(description="What it may do.")
    purposes: list[Purpose] = strawberry.field(description="What for.")
    since: Instant = strawberry.field(description="Since when.")
    teams: list[str] = strawberry.field(description="The teams it belongs to.")
    second_factor: bool = strawberry.field(description="Whether it has a confirmed second factor.")


@strawberry.type
class Query:
    """Reading accounts."""

    @query("The accounts of the asker's own organisation, oldest first.", "organisation.govern")
    def staff(self) -> list[StaffAccount]: ...


@strawberry.input(description="Whom to invite.")
class StaffInviteInput:
    """No person is named."""

    name: str = strawberry.field(description="How the record will call the account, as `hope-cashier-2`.")
    role: StaffRole = strawberry.field(description="What it may do.")
    purposes: list[Purpose] = strawberry.field(description="What for; purposes of the organisation.")
    team: str | None = strawberry.field(default=None, description="The team it joins, as `north`.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The invitation stands.")
class StaffInvited:
    """Payload of staffInvite."""

    code: str = strawberry.field(description="Hand it to whom it is for; good once, shown this once.")
    ends_at: Instant = strawberry.field(description="Until when it can be used.")


@strawberry.input(description="An invitation to use.")
class StaffJoinInput:
    """Whoever has the code joins."""

    code: str = strawberry.field(description="The invitation's code; always send it as a variable.")


@plain(Level.OPEN, "The account stands.")
class StaffJoined:
    """Payload of staffJoin."""

    organisation: strawberry.ID = strawberry.field(description="For whom it acts.")
    name: str = strawberry.field(description="How the record calls it.")
    role: Code = strawberry.field(description="What it may do.")
    key: str = strawberry.field(description="Its key, shown this once.")


@strawberry.input(description="Another role for an account.")
class StaffChangeInput:
    """The next request already has it."""

    account: strawberry.ID = strawberry.field(description="Which account.")
    role: StaffRole = strawberry.field(description="What it may do from now on.")
    purposes: list[Purpose] = strawberry.field(description="What for.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The account has its new role.")
class StaffChanged:
    """Payload of staffChange."""

    id: strawberry.ID = strawberry.field(description="Which account.")
    role: Code = strawberry.field(description="What it may do now.")


@strawberry.input(description="Which account to end.")
class StaffEndInput:
    """Its key opens nothing from the next request on."""

    account: strawberry.ID = strawberry.field(description="Which account.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The account is ended, or its second factor taken away.")
class StaffEnded:
    """Payload of staffEnd and secondFactorReset."""

    id: strawberry.ID = strawberry.field(description="Which account.")


@plain(Level.PARTNER, "A second factor to be confirmed by a first code.")
class SecondFactorBegun:
    """Payload of secondFactorBegin."""

    secret: str = strawberry.field(description="For the authenticator app, in base32; shown this once.")
    address: str = strawberry.field(description="The same as an otpauth address, to be shown as a square code.")


@strawberry.input(description="A code of the authenticator app.")
class SecondFactorProveInput:
    """Six digits, good once."""

    code: str = strawberry.field(description="The code; always send it as a variable.")


@plain(Level.PARTNER, "The second factor is proven.")
class SecondFactorProven:
    """Payload of secondFactorProve."""

    proven_until: Instant = strawberry.field(description="Until when nothing more is asked.")


@strawberry.input(description="Whether all staff must have a second factor.")
class SecondFactorDemandInput:
    """It holds for whoever governs or decides."""

    needed: bool = strawberry.field(description="Whether it is needed.")


@plain(Level.PARTNER, "It is decided.")
class SecondFactorDemanded:
    """Payload of secondFactorDemand."""

    needed: bool = strawberry.field(description="Whether it is needed.")


@strawberry.type
class Mutation:
    """Changing accounts."""

    @mutation("Invite somebody to an account of one's own organisation.", "organisation.govern")
    async def staff_invite(self, hub: Hub, enquiry: Enquiry, input: StaffInviteInput) -> StaffInvited:
        role, key = Role(str(input.role.value)), input.idempotency_key
        return StaffInvited(**await hub.governance.staff.invite(enquiry, input.name, role, input.purposes, input.team, key))

    @mutation("Use an invitation; open to whoever has its code.", "staff.join")
    async def staff_join(self, hub: Hub, enquiry: Enquiry, input: StaffJoinInput) -> StaffJoined:
        return StaffJoined(**await hub.governance.staff.join(enquiry, input.code))

    @mutation("Give an account another role.", "organisation.govern")
    async def staff_change(self, hub: Hub, enquiry: Enquiry, input: StaffChangeInput) -> StaffChanged:
        role, key = Role(str(input.role.value)), input.idempotency_key
        return StaffChanged(**await hub.governance.staff.change(enquiry, str(input.account), role, input.purposes, key))

    @mutation("End an account of one's own organisation.", "organisation.govern")
    async def staff_end(self, hub: Hub, enquiry: Enquiry, input: StaffEndInput) -> StaffEnded:
        return StaffEnded(**await hub.governance.staff.end(enquiry, str(input.account), input.idempotency_key))

    @mutation("Begin a second factor of one's own account (TOTP, RFC 6238).", "second_factor.use")
    async def second_factor_begin(self, hub: Hub, enquiry: Enquiry) -> SecondFactorBegun:
        return SecondFactorBegun(**await hub.governance.staff.begin_factor(enquiry))

    @mutation("Prove one's own second factor for twelve hours.", "second_factor.use")
    async def second_factor_prove(self, hub: Hub, enquiry: Enquiry, input: SecondFactorProveInput) -> SecondFactorProven:
        return SecondFactorProven(**await hub.governance.staff.prove_factor(enquiry, input.code))

    @mutation("Take away another account's second factor: the device is lost.", "organisation.govern")
    async def second_factor_reset(self, hub: Hub, enquiry: Enquiry, input: StaffEndInput) -> StaffEnded:
        return StaffEnded(**await hub.governance.staff.reset_factor(enquiry, str(input.account), input.idempotency_key))

    @mutation("Ask all staff of one's own organisation for a second factor.", "organisation.govern")
    async def second_factor_demand(self, hub: Hub, enquiry: Enquiry, input: SecondFactorDemandInput) -> SecondFactorDemanded:
        return SecondFactorDemanded(**await hub.governance.staff.demand_of_all(enquiry, needed=input.needed))
