# What each level means, in every domain: who may read open, partner, consented and sealed fields, and when.

# A member of staff is a caseworker, a manager, an analyst or an app of a verified organisation.
staff(requester: Requester) if
    requester.verified and
    requester.role in ["caseworker", "manager", "analyst", "developer"];

# A purpose serves work when it is the requester's own and neither open data nor a person's access to itself.
works(requester: Requester, purpose) if
    purpose in requester.purposes and
    purpose != "open_data" and
    purpose != "self_access";

# A field is agreed when an agreement in force of the requester's organisation covers the source, the field and the purpose.
agreed(requester: Requester, purpose, source: Source) if
    works(requester, purpose) and
    agreement in requester.agreements and
    agreement.source = source.name and
    agreement.in_force and
    purpose in agreement.purposes and
    agreement.covers;

# A steward is the verified organisation that answers for a source.
steward(requester: Requester, source: Source) if
    requester.verified and
    requester.organisation = source.steward;

# Anyone may read an open field, for any purpose.
release(_: Requester, _, field: Field, _, "always") if
    field.level = "open";

# A verified organisation may read a partner field of its own cases, under an agreement in force that covers source, attribute and purpose.
release(requester: Requester, purpose, field: Field, source: Source, "own_case") if
    field.level = "partner" and
    staff(requester) and
    agreed(requester, purpose, source);

# A verified organisation may read a partner or consented field of a person who consented to its category, under an agreement in force that covers source, attribute and purpose.
release(requester: Requester, purpose, field: Field, source: Source, "consented") if
    field.level in ["partner", "consented"] and
    field.category != "" and
    staff(requester) and
    agreed(requester, purpose, source);

# The steward of a source may read, through its caseworkers and managers, what it recorded itself about its own cases, of any level.
release(requester: Requester, purpose, field: Field, source: Source, "own_case") if
    requester.role in ["caseworker", "manager"] and
    field.level != "open" and
    steward(requester, source) and
    works(requester, purpose);

# The steward of a source may read, through its apps, partner and consented fields that it recorded itself about its own cases.
release(requester: Requester, purpose, field: Field, source: Source, "own_case") if
    requester.role = "developer" and
    field.level in ["partner", "consented"] and
    steward(requester, source) and
    works(requester, purpose);

# The steward of a source may read, through its analysts, partner fields that it recorded itself about its own cases, for statistics or social security.
release(requester: Requester, purpose, field: Field, source: Source, "own_case") if
    requester.role = "analyst" and
    field.level = "partner" and
    purpose in ["statistics", "social_security"] and
    steward(requester, source) and
    works(requester, purpose);

?= release(the_public, "open_data", an_open_field, the_hub, "always");
?= not release(the_public, "open_data", a_partner_field, a_registry, _);
?= release(an_ngo_caseworker, "aid_distribution", a_partner_field, a_registry, "own_case");
?= release(an_ngo_app, "aid_distribution", a_partner_field, a_registry, "own_case");
?= not release(an_ngo_caseworker, "statistics", a_partner_field, a_registry, _);
?= not release(an_ngo_caseworker, "open_data", a_partner_field, a_registry, _);
?= not release(an_ngo_caseworker, "aid_distribution", a_partner_field, a_ministry_source, _);
?= not release(a_caseworker_whose_agreement_omits_the_field, "aid_distribution", a_partner_field, a_registry, _);
?= not release(a_caseworker_whose_agreement_ended, "aid_distribution", a_partner_field, a_registry, _);
?= not release(an_unverified_ngo_caseworker, "aid_distribution", a_partner_field, a_registry, _);
?= release(an_ngo_caseworker, "aid_distribution", a_consented_field, a_registry, "consented");
?= not release(an_ngo_caseworker, "aid_distribution", a_consented_field, a_registry, "own_case");
?= not release(an_ngo_caseworker, "aid_distribution", a_consented_field_without_category, a_registry, _);
?= not release(an_ngo_caseworker, "aid_distribution", a_sealed_field, a_registry, _);
?= release(a_ministry_caseworker, "social_security", a_sealed_field, a_ministry_source, "own_case");
?= not release(a_ministry_caseworker, "social_security", a_partner_field, a_registry, _);
?= release(a_ministry_manager, "social_security", a_sealed_field, a_ministry_source, "own_case");
?= release(an_ngo_manager, "aid_distribution", a_partner_field, a_registry, "own_case");
?= not release(an_ngo_manager, "aid_distribution", a_sealed_field, a_registry, _);
?= release(a_ministry_app, "social_security", a_consented_field, a_ministry_source, "own_case");
?= not release(a_ministry_app, "social_security", a_sealed_field, a_ministry_source, _);
?= release(a_ministry_analyst, "statistics", a_partner_field, a_ministry_source, "own_case");
?= not release(a_ministry_analyst, "case_management", a_partner_field, a_ministry_source, _);
?= not release(a_ministry_analyst, "statistics", a_consented_field, a_ministry_source, _);
