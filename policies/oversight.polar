# Oversight: what inspectors may read, who reads the disclosures about a person, and who may look into a plan.

# An inspection is the work of an inspector of a verified inspectorate, with oversight as purpose.
inspects(requester: Requester) if
    requester.verified and
    requester.role = "inspector" and
    requester.kind = "inspectorate" and
    "oversight" in requester.purposes;

# An inspector may always read a partner field, under an agreement in force that covers source, attribute and purpose.
release(requester: Requester, "oversight", field: Field, source: Source, "always") if
    field.level = "partner" and
    inspects(requester) and
    agreed(requester, "oversight", source);

# An inspector may read a consented or sealed field only by breaking the glass, under an agreement in force that covers source, attribute and purpose.
release(requester: Requester, "oversight", field: Field, source: Source, "break_glass") if
    field.level in ["consented", "sealed"] and
    inspects(requester) and
    agreed(requester, "oversight", source);

# An inspector may always know that a person exists.
release(requester: Requester, "oversight", entity: Entity, _: Hub, "always") if
    entity.entity = "person" and
    inspects(requester);

# An inspector may look for a person by an identifier.
allow(requester: Requester, "person.find", "oversight") if
    inspects(requester);

# Whoever works for a verified organisation may see how its own enquiry is planned.
allow(requester: Requester, "plan.explain", purpose) if
    staff(requester) and
    purpose in requester.purposes;

# An inspector may see how its own enquiry is planned.
allow(requester: Requester, "plan.explain", "oversight") if
    inspects(requester);

# A person may watch who looks at its data.
allow(requester: Requester, "disclosures.watch", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

?= release(an_inspector, "oversight", a_partner_field, a_registry, "always");
?= release(an_inspector, "oversight", a_sealed_field, a_registry, "break_glass");
?= not release(an_inspector, "oversight", a_consented_field, a_registry, "always");
?= not release(an_inspector, "oversight", a_partner_field, a_ministry_source, _);
?= not release(an_inspectorate_caseworker, "oversight", a_sealed_field, a_registry, _);
?= not release(an_ngo_inspector, "oversight", a_partner_field, a_registry, _);
?= release(an_inspector, "oversight", that_a_person_exists, the_hub, "always");
?= release(a_person, "self_access", the_disclosures, the_hub, "self");
?= not release(an_inspector, "oversight", the_disclosures, the_hub, _);
?= not release(an_ngo_caseworker, "aid_distribution", the_disclosures, the_hub, _);
?= allow(an_inspector, "person.find", "oversight");
?= not allow(an_inspector, "caseload.read", "oversight");
?= allow(an_inspector, "plan.explain", "oversight");
?= allow(an_ngo_app, "plan.explain", "aid_distribution");
?= not allow(the_public, "plan.explain", "open_data");
?= not allow(a_person, "plan.explain", "self_access");
?= allow(a_person, "disclosures.watch", "self_access");
?= not allow(a_person, "disclosures.watch", "open_data");
?= not allow(an_inspector, "disclosures.watch", "oversight");
