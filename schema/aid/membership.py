"""Households as organisations keep them: members join and leave, heads change, households move and split."""

from enum import Enum
from typing import Annotated, Any

import strawberry

from resolvers.hub import Hub
from schema.access import Code, Day, Instant, plain
from schema.aid.particulars import CaseParticularsInput, particulars_in
from schema.aid.relations import HouseholdRelation
from schema.roots import mutation, query
from values import Enquiry, Level


@strawberry.enum(description="Why a member lives there no longer.")
class LeavingCause(Enum):
    """Never a sentence: what is said of a person stays out of the steps."""

    MARRIED = strawberry.enum_value("married", description="Married into another household.")
    MOVED = strawberry.enum_value("moved", description="Lives elsewhere.")
    DIED = strawberry.enum_value("died", description="Died.")
    ABROAD = strawberry.enum_value("abroad", description="Left the country.")
    MISTAKEN = strawberry.enum_value("mistaken", description="Never lived there.")
    OTHER = strawberry.enum_value("other", description="Anything else.")


@plain(Level.PARTNER, "Somebody who lives in a household, or lived there.")
class HouseholdMember:
    """Read more by `person(id:)`."""

    person: strawberry.ID = strawberry.field(description="This person for this requester only.")
    relation: Code = strawberry.field(description="To the head, as it was last said.")
    joined_on: Day = strawberry.field(description="Since when.")
    left_on: Day | None = strawberry.field(description="Until when; none for who lives there.")
    cause: Code | None = strawberry.field(description="Why it ended.")


@plain(Level.PARTNER, "Where a household lives from a day on.")
class HouseholdResidence:
    """Earlier ones stay."""

    moved_on: Day = strawberry.field(description="Since when.")
    governorate: Code = strawberry.field(description="After ISO 3166-2.")
    place: str | None = strawberry.field(description="As the organisation wrote it.")


@plain(Level.PARTNER, "A household as the asker's organisation keeps it.")
class HouseholdFile:
    """Only the organisation that registered it has it."""

    household: strawberry.ID = strawberry.field(description="This household for this requester only.")
    state: Code = strawberry.field(description="registered, or ended when nobody lives there.")
    version: int = strawberry.field(description="To be given with the next change.")
    size: int = strawberry.field(description="Who lives there now. Unit: people.")
    head: strawberry.ID | None = strawberry.field(description="Who speaks for it.")
    members: list[HouseholdMember] = strawberry.field(description="Everybody who lives there or did, in the order of joining.")
    residences: list[HouseholdResidence] = strawberry.field(description="Where it lived, the latest last.")


@plain(Level.PARTNER, "A signed step of an own household.")
class HouseholdStep:
    """Who did what when."""

    number: int = strawberry.field(description="1, 2, 3 … without gaps.")
    at: Instant = strawberry.field(description="When.")
    act: Code = strawberry.field(description="register, split_off, add, remove, head, move, split or end.")
    state: Code = strawberry.field(description="The state it led to.")
    role: Code = strawberry.field(description="The role of whoever did it.")


@strawberry.input(description="Somebody who joins a household: an own case that lives in none, or somebody new.")
class HouseholdMemberAddInput:
    """A child that was born is somebody new."""

    household: strawberry.ID = strawberry.field(description="An own household.")
    version: int = strawberry.field(description="Its version, as it was read.")
    person: strawberry.ID | None = strawberry.field(default=None, description="A person of the own case load.")
    case_number: str | None = strawberry.field(
        default=None, description="For somebody new: the organisation's own number, 1 to 64 letters."
    )
    need_score: float | None = strawberry.field(default=None, description="For somebody new. Unit: points, 0 to 100.")
    particulars: CaseParticularsInput | None = strawberry.field(
        default=None, description="For somebody new: what is written down; kept sealed."
    )
    distinct_from: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Likely duplicates that were looked at, and are others."
    )
    relation: HouseholdRelation = strawberry.field(description="To the head.")
    on: Day = strawberry.field(description="Since when, at most ten years ago.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Somebody who lives there no longer.")
class HouseholdMemberRemoveInput:
    """With the last one the household ends."""

    household: strawberry.ID = strawberry.field(description="An own household.")
    version: int = strawberry.field(description="Its version, as it was read.")
    person: strawberry.ID = strawberry.field(description="A member; the head only where nobody else is left.")
    cause: LeavingCause = strawberry.field(description="Why.")
    on: Day = strawberry.field(description="Since when.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Another head.")
class HouseholdHeadChangeInput:
    """The others' relations stay as they were said."""

    household: strawberry.ID = strawberry.field(description="An own household.")
    version: int = strawberry.field(description="Its version, as it was read.")
    person: strawberry.ID = strawberry.field(description="The member who speaks for it from now on.")
    former_head: HouseholdRelation = strawberry.field(description="What the former head is to the new one.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Another place to live.")
class HouseholdMoveInput:
    """Not before the last move."""

    household: strawberry.ID = strawberry.field(description="An own household.")
    version: int = strawberry.field(description="Its version, as it was read.")
    governorate: Code = strawberry.field(description="After ISO 3166-2.")
    place: str | None = strawberry.field(default=None, description="1 to 120 letters; kept sealed.")
    on: Day = strawberry.field(description="Since when.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Members who live apart from now on.")
class HouseholdSplitInput:
    """What either side received until then counts on for both."""

    household: strawberry.ID = strawberry.field(description="An own household.")
    version: int = strawberry.field(description="Its version, as it was read.")
    people: list[strawberry.ID] = strawberry.field(description="Members who leave together, without the head.")
    head: strawberry.ID = strawberry.field(description="Which of them speaks for the new household.")
    governorate: Code | None = strawberry.field(default=None, description="Where the new one lives, after ISO 3166-2.")
    place: str | None = strawberry.field(default=None, description="1 to 120 letters; kept sealed.")
    on: Day = strawberry.field(description="Since when.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@plain(Level.PARTNER, "The household is changed.")
class HouseholdChanged:
    """Payload of the changes of one household."""

    household: HouseholdFile = strawberry.field(description="As it is kept now.")


@plain(Level.PARTNER, "The household is two.")
class HouseholdSplitDone:
    """Payload of householdSplit."""

    household: HouseholdFile = strawberry.field(description="Those who stayed.")
    made: HouseholdFile = strawberry.field(description="Those who live apart.")


def file_of(row: dict[str, Any]) -> HouseholdFile:
    """A household as resolvers gave it."""
    members = [HouseholdMember(**each) for each in row["members"]]
    return HouseholdFile(**{**row, "members": members, "residences": [HouseholdResidence(**each) for each in row["residences"]]})


def _changed(row: dict[str, Any]) -> HouseholdChanged:
    return HouseholdChanged(household=file_of(row["household"]))


def _given(input_: Any) -> dict[str, Any]:
    return {name: each.value if isinstance(each, Enum) else each for name, each in vars(input_).items()}


@strawberry.type
class Query:
    """Own households."""

    @query("A household that the asker's organisation registered, by its id or by a member; null for any other.", "household.read")
    def household_file(
        self,
        household: Annotated[strawberry.ID | None, strawberry.argument(description="The household.")] = None,
        person: Annotated[strawberry.ID | None, strawberry.argument(description="A person of the own case load who lives there.")] = None,
    ) -> HouseholdFile | None: ...

    @query("The signed steps of an own household, first to last; null for any other.", "household.read")
    def household_steps(
        self, household: Annotated[strawberry.ID, strawberry.argument(description="The household.")]
    ) -> list[HouseholdStep] | None: ...


@strawberry.type
class Mutation:
    """Changing households."""

    @mutation("Let somebody join an own household.", "household.change")
    async def household_member_add(self, hub: Hub, enquiry: Enquiry, input: HouseholdMemberAddInput) -> HouseholdChanged:
        given = {**_given(input), "particulars": particulars_in(input.particulars)}
        return _changed(await hub.aid.membership.add(enquiry, given))

    @mutation("Let a member leave an own household.", "household.change")
    async def household_member_remove(self, hub: Hub, enquiry: Enquiry, input: HouseholdMemberRemoveInput) -> HouseholdChanged:
        return _changed(await hub.aid.membership.remove(enquiry, _given(input)))

    @mutation("Let another member be the head of an own household.", "household.change")
    async def household_head_change(self, hub: Hub, enquiry: Enquiry, input: HouseholdHeadChangeInput) -> HouseholdChanged:
        return _changed(await hub.aid.membership.change_head(enquiry, _given(input)))

    @mutation("Note that an own household lives elsewhere.", "household.change")
    async def household_move(self, hub: Hub, enquiry: Enquiry, input: HouseholdMoveInput) -> HouseholdChanged:
        return _changed(await hub.aid.membership.move(enquiry, _given(input)))

    @mutation("Let members of an own household live apart as another.", "household.change")
    async def household_split(self, hub: Hub, enquiry: Enquiry, input: HouseholdSplitInput) -> HouseholdSplitDone:
        row = await hub.aid.membership.split(enquiry, _given(input))
        return HouseholdSplitDone(household=file_of(row["household"]), made=file_of(row["made"]))
