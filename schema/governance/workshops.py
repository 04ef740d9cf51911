"""Training: workshops, seats, certificates."""

from enum import Enum
from typing import Any

import strawberry

from resolvers.governance.workshops import Announcement
from resolvers.hub import Hub
from schema.access import Code, Instant, plain
from schema.roots import mutation, query
from settings import Words
from values import Enquiry, Level


@strawberry.enum(description="How a seat stands.")
class SeatState(Enum):
    """From taking it to the certificate."""

    REGISTERED = strawberry.enum_value("registered", description="Taken.")
    ATTENDED = strawberry.enum_value("attended", description="Its holder was there.")
    CERTIFIED = strawberry.enum_value("certified", description="Completed; the certificate is signed.")
    MISSED = strawberry.enum_value("missed", description="Its holder was not there.")
    LEFT = strawberry.enum_value("left", description="Given back.")


@strawberry.enum(description="What who gave a workshop says of a seat.")
class SeatMark(Enum):
    """The act, as the table of states names it."""

    ATTEND = strawberry.enum_value("attend", description="Its holder was there.")
    MISS = strawberry.enum_value("miss", description="Its holder was not there.")
    CERTIFY = strawberry.enum_value("certify", description="Its holder completed the workshop.")


@plain(Level.OPEN, "A text in the languages people read.")
class Title:
    """Arabic and English always, Kurdish where somebody wrote it."""

    ar: str = strawberry.field(description="Arabic.")
    ckb: str | None = strawberry.field(description="Kurdish (Sorani).")
    en: str = strawberry.field(description="English.")


@plain(Level.PARTNER, "A seat in a workshop.")
class Seat:
    """Of the asker itself, or in a workshop it gives."""

    workshop: strawberry.ID = strawberry.field(description="Which workshop.")
    account: strawberry.ID = strawberry.field(description="The account that takes part.")
    organisation: strawberry.ID = strawberry.field(description="Its organisation.")
    state: SeatState = strawberry.field(description="How it stands.")
    certificate: str | None = strawberry.field(description="The certificate as signed JSON, once certified.")


@plain(Level.OPEN, "A workshop for the organisations that use the hub.")
class Workshop:
    """Anyone may know of it."""

    id: strawberry.ID = strawberry.field(description="Names it in the mutations.")
    title: Title = strawberry.field(description="What is taught.")
    organisation: strawberry.ID = strawberry.field(description="Who gives it.")
    guide: str | None = strawberry.field(description="Where its written guide can be read.")
    governorate: Code | None = strawberry.field(description="Where, after ISO 3166-2; null for one held at a distance.")
    begins_at: Instant = strawberry.field(description="When it begins.")
    ends_at: Instant = strawberry.field(description="When it ends.")
    seats_total: int = strawberry.field(description="How many can take part. Unit: seats.")
    seats_left: int = strawberry.field(description="How many are free. Unit: seats.")


@strawberry.type
class Query:
    """Reading workshops."""

    @query("Workshops to come and of the last year, by when they begin, at most 200; open to anyone.")
    def workshops(self) -> list[Workshop]: ...

    @query("The asker's own seats, and every seat of workshops its organisation gives, of the last year and to come.", "workshop.attend")
    def workshop_seats(self) -> list[Seat]: ...


@strawberry.input(description="A workshop to announce.")
class WorkshopAnnounceInput:
    """Everybody reads it."""

    ar: str = strawberry.field(description="What is taught, in Arabic.")
    ckb: str | None = strawberry.field(default=None, description="In Kurdish (Sorani).")
    en: str = strawberry.field(description="In English.")
    guide: str | None = strawberry.field(default=None, description="Where its written guide can be read.")
    governorate: Code | None = strawberry.field(default=None, description="Where, after ISO 3166-2.")
    begins_at: Instant = strawberry.field(description="When it begins.")
    ends_at: Instant = strawberry.field(description="When it ends.")
    seats: int = strawberry.field(description="How many can take part. Unit: seats, 1 to 1000.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="Which workshop.")
class WorkshopSeatInput:
    """The account is the asker's own."""

    workshop: strawberry.ID = strawberry.field(description="Which.")


@strawberry.input(description="Which workshop to call off, and why.")
class WorkshopCancelInput:
    """Who has a seat is told."""

    workshop: strawberry.ID = strawberry.field(description="Which.")
    reason: str = strawberry.field(description="Why.")


@strawberry.input(description="What to say of a seat.")
class WorkshopMarkInput:
    """Only who gave the workshop, once it has begun."""

    workshop: strawberry.ID = strawberry.field(description="Which.")
    account: strawberry.ID = strawberry.field(description="Whose seat.")
    mark: SeatMark = strawberry.field(description="What to say of it.")


@plain(Level.OPEN, "The workshop is announced, or called off.")
class WorkshopChanged:
    """Payload of workshopAnnounce and workshopCancel."""

    workshop: strawberry.ID = strawberry.field(description="Which.")


@plain(Level.PARTNER, "The seat stands as it is now.")
class SeatChanged:
    """Payload of the mutations about seats."""

    workshop: strawberry.ID = strawberry.field(description="Which workshop.")
    state: SeatState = strawberry.field(description="How the seat stands.")


def _seat(row: dict[str, Any]) -> SeatChanged:
    return SeatChanged(workshop=row["workshop"], state=SeatState[row["state"]])


@strawberry.type
class Mutation:
    """Changing workshops and seats."""

    @mutation("Announce a workshop to everybody.", "workshop.announce")
    async def workshop_announce(self, hub: Hub, enquiry: Enquiry, input: WorkshopAnnounceInput) -> WorkshopChanged:
        title = Words(ar=input.ar, ckb=input.ckb, en=input.en)
        said = Announcement(title, input.guide, input.governorate, input.begins_at, input.ends_at, input.seats)
        return WorkshopChanged(**await hub.governance.workshops.announce(enquiry, said, input.idempotency_key))

    @mutation("Call a workshop off.", "workshop.announce")
    async def workshop_cancel(self, hub: Hub, enquiry: Enquiry, input: WorkshopCancelInput) -> WorkshopChanged:
        return WorkshopChanged(**await hub.governance.workshops.cancel(enquiry, str(input.workshop), input.reason))

    @mutation("Take a seat for the asker's own account.", "workshop.attend")
    async def workshop_register(self, hub: Hub, enquiry: Enquiry, input: WorkshopSeatInput) -> SeatChanged:
        return _seat(await hub.governance.workshops.take_seat(enquiry, str(input.workshop)))

    @mutation("Give the asker's own seat back.", "workshop.attend")
    async def workshop_leave(self, hub: Hub, enquiry: Enquiry, input: WorkshopSeatInput) -> SeatChanged:
        return _seat(await hub.governance.workshops.leave_seat(enquiry, str(input.workshop)))

    @mutation("Say who attended, or certify.", "workshop.announce")
    async def workshop_mark(self, hub: Hub, enquiry: Enquiry, input: WorkshopMarkInput) -> SeatChanged:
        act, account = str(input.mark.value), str(input.account)
        return _seat(await hub.governance.workshops.mark(enquiry, str(input.workshop), account, act))
