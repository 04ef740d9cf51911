"""The invented facts that the promises of the rules files speak of, by the names they bear there.

    ?= release(an_ngo_caseworker, "aid_distribution", a_partner_field, a_registry, "own_case");

They stand here and not in the rules' language because the engine makes its own objects some hundred times slower, and
the promises run at every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from policies.facts import Agreement, Entity, Field, Hub, Requester, Source

_ON_PERSONS = Agreement("a_registry", ["aid_distribution"])
_NGO = Requester("caseworker", "an_ngo", "ngo", verified=True, purposes=["aid_distribution", "open_data"], agreements=[_ON_PERSONS])
_MINISTRY = Requester("caseworker", "a_ministry", "ministry", verified=True, purposes=["social_security", "statistics", "case_management"])
_INSPECTORATE = Requester(
    "inspector",
    "an_inspectorate",
    "inspectorate",
    verified=True,
    purposes=["oversight"],
    agreements=[Agreement("a_registry", ["oversight"])],
)
_ENROLMENT = Requester(
    "registrar",
    "an_office",
    "ministry",
    verified=True,
    purposes=["identity_verification"],
    agreements=[Agreement("a_registry", ["identity_verification"])],
)


def _agreed(source: str) -> Requester:
    return replace(_NGO, agreements=[Agreement(source, ["aid_distribution"])])


REQUESTERS: Mapping[str, Requester] = {
    "the_public": Requester("public", purposes=["open_data"]),
    "a_person": Requester("person", purposes=["self_access", "open_data"]),
    "a_newcomer": Requester("newcomer", purposes=["self_access"]),
    "a_guardian_who_may_read": Requester("guardian", purposes=["self_access"], acts=["read"]),
    "a_guardian_who_may_consent": Requester("guardian", purposes=["self_access"], acts=["consent"]),
    "a_guardian_who_may_request": Requester("guardian", purposes=["self_access"], acts=["request"]),
    "a_guardian_who_may_do_nothing": Requester("guardian", purposes=["self_access"]),
    "the_enrolment_office": _ENROLMENT,
    "an_unverified_enrolment_office": replace(_ENROLMENT, verified=False),
    "a_caseworker_of_the_enrolment_office": replace(_ENROLMENT, role="caseworker"),
    "an_enrolment_office_without_agreement": replace(_ENROLMENT, agreements=[]),
    "an_ngo_caseworker": _NGO,
    "an_ngo_app": replace(_NGO, role="developer"),
    "an_ngo_manager": replace(_NGO, role="manager", purposes=[*_NGO.purposes, "organisation_governance"]),
    "an_ngo_analyst": replace(_NGO, role="analyst"),
    "an_ngo_inspector": replace(_NGO, role="inspector", purposes=["oversight"]),
    "an_unverified_ngo_caseworker": replace(_NGO, verified=False),
    "an_unverified_ngo_manager": replace(_NGO, role="manager", purposes=[*_NGO.purposes, "organisation_governance"], verified=False),
    "a_caseworker_whose_agreement_omits_the_field": replace(_NGO, agreements=[replace(_ON_PERSONS, covers=False)]),
    "a_caseworker_whose_agreement_ended": replace(_NGO, agreements=[replace(_ON_PERSONS, in_force=False)]),
    "a_caseworker_who_shares_allocations": _agreed("another_ngos_source"),
    "a_caseworker_who_asks_the_fund": _agreed("a_ministry_source"),
    "a_ministry_caseworker": _MINISTRY,
    "a_ministry_analyst": replace(_MINISTRY, role="analyst"),
    "a_ministry_manager": replace(_MINISTRY, role="manager"),
    "a_ministry_app": replace(_MINISTRY, role="developer"),
    "an_inspector": _INSPECTORATE,
    "an_ngo_accreditor": replace(_NGO, role="accreditor", purposes=["organisation_governance"]),
    "an_accreditor": replace(_MINISTRY, role="accreditor", purposes=["organisation_governance"]),
    "an_inspectorate_caseworker": replace(_INSPECTORATE, role="caseworker"),
}

FIELDS: Mapping[str, Field] = {
    "an_open_field": Field("person", "open", "need"),
    "a_partner_field": Field("person", "partner", "need"),
    "a_name": Field("person", "consented", "name"),
    "a_consented_field": Field("person", "consented", "need"),
    "a_consented_field_without_category": Field("person", "consented"),
    "a_sealed_field": Field("person", "sealed", "need"),
    "an_allocation": Field("allocation", "partner", "assistance"),
    "a_wage": Field("insurance", "consented", "income"),
    "an_insurance_number": Field("insurance", "sealed", "identifiers"),
    "the_disclosures": Field("person", "sealed"),
    "that_a_person_exists": Entity("person", "partner"),
}

SOURCES: Mapping[str, Source | Hub] = {
    "the_hub": Hub(),
    "a_registry": Source("a_registry", "registry", "a_registrar"),
    "a_ministry_source": Source("a_ministry_source", "ministry", "a_ministry"),
    "another_ngos_source": Source("another_ngos_source", "ngo", "another_ngo"),
}

EXAMPLES: Mapping[str, object] = {**REQUESTERS, **FIELDS, **SOURCES}
"""Every invented fact, by name."""
