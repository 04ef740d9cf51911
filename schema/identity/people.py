"""People and households as a requester may see them."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from schema.access import Code, Day, consented, entity, meta, partner, plain, related, sealed
from schema.aid import Allocation, AllocationOrder, Language, Received
from schema.identity.consents import Consent
from schema.insurance import Insurance
from schema.oversight.looks import Disclosure, DisclosureFilter, Provenance, Withheld
from schema.roots import query, subscription
from values import Category, Level, Purpose, Scheme

NAME, BIRTH, PLACE, FAMILY = Category.NAME, Category.BIRTH, Category.PLACE, Category.FAMILY


@entity("household", Level.PARTNER, "People who live and eat together, as the civil registry keeps them.")
class Household:
    """A household, known by a pseudonym like its members."""

    id: strawberry.ID = strawberry.field(description="This household for this requester only; another requester sees another identifier.")
    size: int | None = partner("Members.", FAMILY, unit="people")
    governorate: Code | None = partner("Governorate of residence.", PLACE, standard="ISO 3166-2")
    district: str | None = consented("District of residence.", PLACE)
    dwelling: Code | None = partner("owned, rented, camp, informal or shared.", Category.NEED)

    @related(Level.PARTNER, "person", "Its members, as far as the requester may know of them.", FAMILY, many=True)
    def members(self) -> list[Annotated["Person", strawberry.lazy("schema.identity.people")]] | None: ...


@entity("person", Level.PARTNER, "A person, as far as law, agreement and the person's consent let this requester see.")
class Person:
    """A person. Every attribute may be null: `withheld` says why."""

    id: strawberry.ID = strawberry.field(description="This person for this requester only; another requester sees another identifier.")
    name: str | None = consented("Full name as registered.", NAME, standard="SP-DCI name")
    given_name: str | None = consented("Given name.", NAME, standard="SP-DCI given_name")
    father_name: str | None = consented("Father's given name.", NAME)
    grandfather_name: str | None = consented("Paternal grandfather's given name.", NAME)
    surname: str | None = consented("Surname or tribe name.", NAME, standard="SP-DCI surname")
    mother_name: str | None = consented("Mother's given name and her father's.", NAME)
    sex: Code | None = partner("F or M.", BIRTH, standard="SP-DCI sex")
    birth_date: Day | None = consented("Date of birth.", BIRTH, standard="SP-DCI birth_date")
    birth_year: int | None = partner("Year of birth.", BIRTH, unit="year")
    living: bool | None = partner("Whether the registry knows the person to be alive.", BIRTH)
    governorate: Code | None = partner("Governorate of residence.", PLACE, standard="ISO 3166-2")
    district: str | None = consented("District of residence.", PLACE)
    marital_status: Code | None = consented("single, married, divorced, widowed.", FAMILY, standard="SP-DCI marital_status")
    household_size: int | None = partner("Members of the person's household.", FAMILY, unit="people")
    preferred_language: Code | None = partner("The language to speak with the person.", Category.CONTACT, standard="BCP 47")
    phone: str | None = consented("Telephone number.", Category.CONTACT, standard="E.164")
    disability: bool | None = consented(
        "Whether the person has a disability by the Washington Group cut-off.", Category.HEALTH, standard="WG-SS"
    )
    impairment_type: Code | None = consented(
        "The domain concerned: VIS, HEAR, MOB, COG, SC, COM.", Category.HEALTH, standard="WG-SS, SP-DCI impairment_type"
    )
    need_score: float | None = partner("Need as last assessed, higher is more urgent.", Category.NEED, unit="points, 0 to 100")
    national_number: str | None = sealed("National number.", Category.IDENTIFIERS)
    ration_card: str | None = sealed("Ration card number and line.", Category.IDENTIFIERS)
    case_number: str | None = sealed("The case number of the organisation that keeps the case.", Category.IDENTIFIERS)

    @related(Level.PARTNER, "household", "The person's household, by the civil registry.", FAMILY)
    def household(self) -> Household | None: ...

    @related(
        Level.PARTNER,
        "allocation",
        "What the person received from every organisation this requester has an agreement with.",
        Category.ASSISTANCE,
        many=True,
    )
    def allocations(
        self,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 100,
        since: Annotated[Day | None, strawberry.argument(description="Only those on or after this day.")] = None,
        kinds: Annotated[list[Code] | None, strawberry.argument(description="Only these kinds.")] = None,
        order: Annotated[AllocationOrder, strawberry.argument(description="How the list is ordered.")] = AllocationOrder.NEWEST,
    ) -> list[Allocation] | None: ...

    @related(
        Level.PARTNER,
        "allocation",
        "What the person received in all, by kind and currency, from every organisation this requester has an agreement with.",
        Category.ASSISTANCE,
        many=True,
    )
    def received(
        self,
        since: Annotated[Day | None, strawberry.argument(description="Only what is of this day or later.")] = None,
        kinds: Annotated[list[Code] | None, strawberry.argument(description="Only these kinds.")] = None,
    ) -> list[Received] | None: ...

    @related(Level.PARTNER, "insurance", "The person's standing with social security.", Category.INSURANCE)
    def insurance(self) -> Insurance | None: ...

    @meta(Level.PARTNER, "Attributes of this selection that are not shown for this person, each with its reason and what could be done.")
    def withheld(
        self,
        language: Annotated[Language, strawberry.argument(description="The language of the remedies.")] = Language.EN,
    ) -> list[Withheld]: ...

    @meta(Level.PARTNER, "Which source each shown attribute of this selection came from.")
    def provenance(self) -> list[Provenance]: ...

    @meta(Level.SEALED, "Who saw what about this person, when and why, newest first; for the person alone.")
    def disclosures(
        self,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        before: Annotated[strawberry.ID | None, strawberry.argument(description="Older than this entry.")] = None,
        filter: Annotated[DisclosureFilter | None, strawberry.argument(description="Only these.")] = None,
    ) -> list[Disclosure] | None: ...

    @meta(Level.SEALED, "The consents this person gave, newest first; for the person alone.")
    def consents(self) -> list[Consent] | None: ...


@plain(Level.PARTNER, "One step of a paged list.")
class CaseloadEdge:
    """A person with the cursor to go on from."""

    cursor: str = strawberry.field(description="Give it as `after` to go on from here; sealed for this requester.")
    node: Person = strawberry.field(description="The person.")


@plain(Level.OPEN, "Where a page stands in its list.")
class PageInfo:
    """After the Relay connection specification."""

    has_next_page: bool = strawberry.field(description="Whether more follow.")
    has_previous_page: bool = strawberry.field(description="Whether this page began after a cursor.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first of the page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last of the page.")


@plain(Level.PARTNER, "A page of the requester's own case load.")
class CaseloadConnection:
    """After the Relay connection specification, with `nodes` for those who need no cursors."""

    nodes: list[Person] = strawberry.field(description="The people of this page.")
    edges: list[CaseloadEdge] = strawberry.field(description="The people of this page, each with its cursor.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    total_count: int = strawberry.field(description="How many people the case load has.")


@plain(Level.OPEN, "Who is asking, as the hub understands it.")
class Me:
    """The requester's own view of its credential."""

    name: str = strawberry.field(description="The credential's name.")
    role: str = strawberry.field(description="public, person, caseworker, analyst, inspector or developer.")
    organisation: str | None = strawberry.field(description="The organisation acted for.")
    purpose: Purpose = strawberry.field(description="The purpose of this request.")
    purposes: list[Purpose] = strawberry.field(description="The purposes that may be used; the first is the default.")
    person: Person | None = strawberry.field(description="The requester itself, where it is a person.")


ENTITIES = [Household, Person]


@strawberry.type
class Query:
    """Root fields that lead to people."""

    @query("Who is asking.")
    def me(self) -> Me: ...

    @query("One person by this requester's own identifier; null when unknown or not to be known, without distinction.")
    def person(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="As this requester's own answers gave it.")]
    ) -> Person | None: ...

    @query("One own case, or a person who consented, by a number they gave; null otherwise, without distinction.", "person.find")
    def person_by_identifier(
        self,
        scheme: Annotated[Scheme, strawberry.argument(description="What kind of number it is.")],
        value: Annotated[str, strawberry.argument(description="The number; always send it as a variable, never in the document.")],
    ) -> Person | None: ...

    @query("The requester's organisation's own cases, by its own case numbers.", "caseload.read")
    def caseload(
        self,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="Go on after this cursor.")] = None,
    ) -> CaseloadConnection | None: ...

    @query("The same case load as a plain list, for programs: go on after the last person's `id`.", "caseload.read")
    def people(
        self,
        first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50,
        after: Annotated[strawberry.ID | None, strawberry.argument(description="Go on after this person.")] = None,
    ) -> list[Person] | None: ...


@strawberry.type
class Subscription:
    """What happens to the people of a case load."""

    @subscription(
        (
            "A person of the own case load who has just granted or withdrawn a consent towards this organisation, for the "
            "purpose of the subscription, as it may be seen from now on."
        ),
        "caseload.read",
    )
    async def case_consented(self) -> AsyncGenerator[Person | None, None]: ...
