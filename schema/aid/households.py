"""Households registered in the hub by organisations that have no system of their own."""

import strawberry

from resolvers.hub import Hub
from schema.access import Code, plain
from schema.aid.particulars import CaseParticularsInput, particulars_in
from schema.aid.relations import HouseholdRelation
from schema.roots import mutation
from values import Enquiry, Level


@strawberry.input(description="A member of a household.")
class HouseholdMemberInput:
    """Known by the organisation's own case number."""

    case_number: str = strawberry.field(description="The organisation's own number for this person, 1 to 64 letters.")
    need_score: float | None = strawberry.field(default=None, description="Need as it was assessed elsewhere. Unit: points, 0 to 100.")
    relation: HouseholdRelation | None = strawberry.field(
        default=None, description="To the head; without any, the first member is the head."
    )
    particulars: CaseParticularsInput | None = strawberry.field(default=None, description="What is written down of it; kept sealed.")


@strawberry.input(description="People who live together, to be looked after by the asker's organisation.")
class HouseholdRegisterInput:
    """They are new to the hub: numbers of papers are tied by linking alone."""

    members: list[HouseholdMemberInput] = strawberry.field(description="1 to 50 members.")
    governorate: Code | None = strawberry.field(default=None, description="Where they live, after ISO 3166-2.")
    place: str | None = strawberry.field(default=None, description="1 to 120 letters; kept sealed.")
    distinct_from: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Likely duplicates that were looked at with `caseDuplicates`, and are others; at most 50."
    )
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "A member as it was registered.")
class RegisteredMember:
    """Read more by `person(id:)`."""

    case_number: str = strawberry.field(description="As it was given.")
    person: strawberry.ID = strawberry.field(description="This person for this requester only.")


@plain(Level.PARTNER, "The household is registered, its members are own cases.")
class HouseholdRegistered:
    """Payload of householdRegister."""

    household: strawberry.ID = strawberry.field(description="This household for this requester only.")
    members: list[RegisteredMember] = strawberry.field(description="In the order given.")


@strawberry.type
class Mutation:
    """Registering."""

    @mutation("Register people who live together as own cases.", "household.register")
    async def household_register(self, hub: Hub, enquiry: Enquiry, input: HouseholdRegisterInput) -> HouseholdRegistered:
        members = [
            {**vars(each), "relation": each.relation.value if each.relation else None, "particulars": particulars_in(each.particulars)}
            for each in input.members
        ]
        row = await hub.aid.households.register(enquiry, vars(input), members)
        return HouseholdRegistered(household=row["household"], members=[RegisteredMember(**each) for each in row["members"]])
