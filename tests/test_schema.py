"""The schema as text is the golden file, and every field of it says what it is and who may see it."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    validate_schema,
)

from schema import CATALOGUE, DOMAINS, PUBLIC_NAMES, SCHEMA
from schema.aid import AllocationOrder, Language
from schema.aid.appeals import AppealKind, AppealState
from schema.aid.census import AlertMeasure, CountDimension, NeedClass
from schema.aid.importing import CaseFileKind
from schema.aid.membership import LeavingCause
from schema.aid.needs import Need
from schema.aid.relations import HouseholdRelation
from schema.aid.uploads import CasesUploadState
from schema.exchange.decisions import JointDecisionState, JointProposalState
from schema.exchange.referrals import ReferralState
from schema.exchange.surveys import SurveyQuestionKind, SurveyState
from schema.governance.register import ApplicantKind, OrganisationDecision, OrganisationState
from schema.governance.staff import StaffRole
from schema.governance.workshops import SeatMark, SeatState
from schema.identity.asking import ConsentRequestState
from schema.identity.attestations import RevocationReason
from schema.identity.enrolment import EnrolmentStatus
from schema.identity.guardians import GuardianBasis, GuardianKind, GuardianshipStatus
from schema.identity.requests import AidOpenness, AidPlace, AidRequestState, AidSide, AidUrgency
from schema.identity.webhooks import DeliveryState, WebhookState
from schema.oversight.account import GlassOutcome
from schema.oversight.complaints import ComplaintState
from schema.oversight.glass import GlassState
from schema.oversight.looks import LookManner
from schema.oversight.openings import OpeningState
from schema.oversight.reports import ReportKind, ReportState
from values import Act, Attribute, Category, ConsentMode, Entity, Kind, Level, PaperKind, Purpose, Reason, Relation, Scheme, SourceStatus

GOLDEN = Path(__file__).parent / "golden" / "schema.graphql"
CORE = SCHEMA._schema
SDL = SCHEMA.as_str() + "\n"
PRINTED = build_schema(SDL)
OURS = {name: each for name, each in CORE.type_map.items() if not name.startswith("__")}
OBJECTS = {name: each for name, each in OURS.items() if isinstance(each, GraphQLObjectType)}
FIELDS = {f"{name}.{field}": (name, definition) for name, each in OBJECTS.items() for field, definition in each.fields.items()}
ROOTS = {"Query", "Mutation", "Subscription"}


def test_the_schema_is_the_golden_file() -> None:
    """`MIZALLA_GOLDEN=write` rewrites it; what changes is then read in the commit."""
    if os.environ.get("MIZALLA_GOLDEN") == "write":
        GOLDEN.write_text(SDL, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == SDL


def test_rooms_give_strawberry_types_and_not_their_text() -> None:
    """It reads each text anew wherever its field is looked at, which doubles what building the schema takes."""
    rooms = [path for path in (GOLDEN.parents[2] / "schema").rglob("*.py") if {path.stem, path.parent.name} & {*DOMAINS}]
    assert len(rooms) > len(DOMAINS)
    assert [path.name for path in rooms if "from __future__ import annotations" in path.read_text(encoding="utf-8")] == []


def test_the_schema_is_valid_and_can_be_built_from_its_text() -> None:
    assert not validate_schema(CORE)
    assert set(PRINTED.type_map) == set(CORE.type_map)


# --- words -------------------------------------------------------------------------------------------------------------------


def _described() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, each in OURS.items():
        if name not in {*ROOTS, "String", "Int", "Float", "Boolean", "ID"} and not isinstance(each, GraphQLUnionType):
            found[name] = each.description
        if isinstance(each, GraphQLObjectType | GraphQLInputObjectType):
            for field, definition in each.fields.items():
                found[f"{name}.{field}"] = definition.description
                for argument, given in getattr(definition, "args", {}).items():
                    if argument != "input":  # the one argument of every mutation; its type says what it is
                        found[f"{name}.{field}({argument}:)"] = given.description
    return found


def test_everything_that_can_be_asked_says_what_it_is_in_a_sentence() -> None:
    described = _described()
    assert len(described) > 2000
    assert [
        place for place, words in described.items() if not words or not words.endswith(".") or "  " in words or words != words.strip()
    ] == []


def test_a_number_says_its_unit_and_the_directive_says_the_same() -> None:
    """Whole numbers and numbers of people's lives are nothing without one."""
    without = [each.coordinate for each in CATALOGUE.attributes() if each.kind in {Kind.WHOLE, Kind.NUMBER} and not each.unit]
    assert not without
    for each in CATALOGUE.attributes():
        description = FIELDS[PUBLIC_NAMES[each.coordinate]][1].description
        assert (f"Unit: {each.unit}." in description) == (each.unit is not None)
        assert (f"After {each.standard}." in description) == (each.standard is not None)
        if each.unit:
            assert f'unit: "{each.unit}"' in _line(PUBLIC_NAMES[each.coordinate])


# --- levels ------------------------------------------------------------------------------------------------------------------


def _line(coordinate: str) -> str:
    """The line of the text that declares a field, after its arguments."""
    owner, field = coordinate.split(".")
    body = SDL.split(f"\ntype {owner} ")[1].split("\n}\n")[0]
    lines = body.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith((f"  {field}:", f"  {field}(")))
    if lines[start].startswith(f"  {field}(") and "):" not in lines[start]:
        start = next(number for number in range(start, len(lines)) if lines[number].startswith("  ):"))
    return lines[start]


def _level(coordinate: str) -> Level:
    owner = coordinate.partition(".")[0]
    for text in (_line(coordinate), SDL.split(f"\ntype {owner} ")[1].split("{")[0]):
        if "@access(level: " in text:
            return Level[text.split("@access(level: ")[1].split(")")[0].split(",")[0]]
    raise AssertionError(f"{coordinate} has no level")


LEVELLED = [coordinate for coordinate in FIELDS if coordinate.split(".")[0] not in ROOTS]


def test_every_field_has_a_level_of_its_own_or_of_its_type() -> None:
    assert {_level(coordinate) for coordinate in LEVELLED} == {*Level}


def test_every_type_has_a_level() -> None:
    named = [name for name in OBJECTS if name not in ROOTS]
    assert [name for name in named if "@access(level: " not in SDL.split(f"\ntype {name} ")[1].split("{")[0]] == []


def test_a_field_that_may_be_withheld_may_be_null_and_lists_too() -> None:
    """What stands on the catalogue is decided field by field; a payload or a page is given whole or not at all."""
    decided = {PUBLIC_NAMES[each.coordinate] for entity in CATALOGUE.entities.values() for each in _declared(entity)}
    marked = {coordinate for coordinate in LEVELLED if "@access(" in _line(coordinate)}
    above = {coordinate for coordinate in decided | marked if _level(coordinate) is not Level.OPEN}
    strict = {coordinate for coordinate in above if isinstance(FIELDS[coordinate][1].type, GraphQLNonNull)}
    assert strict == {"Person.withheld", "Person.provenance"}, "what is told about the answer itself is always told"
    lists = {coordinate for coordinate in above if isinstance(FIELDS[coordinate][1].type, GraphQLList)}
    assert {"Person.allocations", "Household.members", "Person.disclosures", "Person.consents"} <= lists


def _declared(entity: Entity) -> list[Attribute | Relation]:
    return [*entity.attributes.values(), *entity.relations.values()]


def test_what_leads_to_people_from_the_root_may_be_null() -> None:
    leads = {name for name, (_, field) in FIELDS.items() if name.startswith("Query.") and _reaches(field.type, set())}
    assert leads == {
        "Query.me",
        "Query.person",
        "Query.personByIdentifier",
        "Query.caseload",
        "Query.people",
        "Query.reference",
        "Query.queue",
        "Query.suggestions",
    }
    assert {name for name in leads if isinstance(FIELDS[name][1].type, GraphQLNonNull)} == {"Query.me"}


def _reaches(type_: Any, seen: set[str]) -> bool:
    named = get_named_type(type_)
    if named.name == "Person" or not isinstance(named, GraphQLObjectType) or named.name in seen:
        return bool(named.name == "Person")
    return any(_reaches(field.type, seen | {named.name}) for field in named.fields.values())


def test_the_catalogue_and_the_text_agree_on_every_level_and_category() -> None:
    for entity in CATALOGUE.entities.values():
        for each in _declared(entity):
            line = _line(PUBLIC_NAMES[each.coordinate])
            assert f"@access(level: {each.level.name}" in line, each.coordinate
            assert ("category:" in line) == (each.category is not None), each.coordinate
            assert each.category is None or f"category: {each.category.name}" in line, each.coordinate


def test_whatever_speaks_of_a_person_has_a_category_that_a_consent_can_name() -> None:
    without = [each.coordinate for each in CATALOGUE.attributes() if each.level is not Level.OPEN and each.category is None]
    assert not without


# --- closed lists --------------------------------------------------------------------------------------------------------------

ENUMS: dict[str, type[Enum]] = {
    "AccessLevel": Level,
    "AidOpenness": AidOpenness,
    "AidPlace": AidPlace,
    "AidRequestState": AidRequestState,
    "AidSide": AidSide,
    "AidUrgency": AidUrgency,
    "AlertMeasure": AlertMeasure,
    "AllocationOrder": AllocationOrder,
    "AppealKind": AppealKind,
    "AppealState": AppealState,
    "ApplicantKind": ApplicantKind,
    "CaseFileKind": CaseFileKind,
    "CasesUploadState": CasesUploadState,
    "ComplaintState": ComplaintState,
    "DataCategory": Category,
    "GlassOutcome": GlassOutcome,
    "GlassState": GlassState,
    "ReportKind": ReportKind,
    "ReportState": ReportState,
    "OpeningState": OpeningState,
    "EnrolmentStatus": EnrolmentStatus,
    "GuardianAct": Act,
    "GuardianBasis": GuardianBasis,
    "GuardianKind": GuardianKind,
    "GuardianshipStatus": GuardianshipStatus,
    "IdentifierScheme": Scheme,
    "JointDecisionState": JointDecisionState,
    "JointProposalState": JointProposalState,
    "Language": Language,
    "LeavingCause": LeavingCause,
    "LookManner": LookManner,
    "ConsentMode": ConsentMode,
    "CountDimension": CountDimension,
    "Need": Need,
    "NeedClass": NeedClass,
    "OrganisationDecision": OrganisationDecision,
    "OrganisationState": OrganisationState,
    "PaperKind": PaperKind,
    "ConsentRequestState": ConsentRequestState,
    "DeliveryState": DeliveryState,
    "WebhookState": WebhookState,
    "Purpose": Purpose,
    "HouseholdRelation": HouseholdRelation,
    "ReferralState": ReferralState,
    "RevocationReason": RevocationReason,
    "SeatMark": SeatMark,
    "SeatState": SeatState,
    "SourceStatus": SourceStatus,
    "StaffRole": StaffRole,
    "SurveyQuestionKind": SurveyQuestionKind,
    "SurveyState": SurveyState,
    "WithheldReason": Reason,
}


def test_the_enums_are_the_closed_lists_in_their_order() -> None:
    printed = {name: list(each.values) for name, each in PRINTED.type_map.items() if isinstance(each, GraphQLEnumType) and name in OURS}
    assert printed == {name: [each.name for each in closed] for name, closed in ENUMS.items()}


def test_every_public_name_leads_to_a_field() -> None:
    assert set(PUBLIC_NAMES.values()) <= set(FIELDS)
    assert len(set(PUBLIC_NAMES.values())) == len(PUBLIC_NAMES)


def test_a_refused_change_has_one_shape() -> None:
    unions = {name: each for name, each in OURS.items() if isinstance(each, GraphQLUnionType)}
    results = {get_named_type(field.type).name for name, (_, field) in FIELDS.items() if name.startswith("Mutation.")}
    assert results == set(unions)
    for each in unions.values():
        assert [member.name for member in each.types][1:] == ["Refusal"]
