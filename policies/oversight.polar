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

# An inspector may read how aid was given by every organisation, as it is, and what stands out in it.
allow(requester: Requester, "aid.inspect", "oversight") if
    inspects(requester);

# A person may watch who looks at its data.
allow(requester: Requester, "disclosures.watch", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# An inspector may break the glass for one person.
allow(requester: Requester, "glass.break", "oversight") if
    inspects(requester);

# An inspector may look over a broken glass of its body, or one its body was told of.
allow(requester: Requester, "glass.review", "oversight") if
    inspects(requester);

# An inspector, and the person it is about, may read of a broken glass.
allow(requester: Requester, "glass.read", purpose) if
    allow(requester, "glass.review", purpose) or
    allow(requester, "complaint.file", purpose);

# Whoever works for a verified organisation may ask the holder of a pseudonym to be known.
allow(requester: Requester, "opening.ask", purpose) if
    staff(requester) and
    works(requester, purpose);

# An inspector may ask the holder of a pseudonym to be known.
allow(requester: Requester, "opening.ask", "oversight") if
    inspects(requester);

# An inspector may ask another body instead of the holder.
allow(requester: Requester, "opening.force", "oversight") if
    inspects(requester);

# An inspector may concur with what another body asks, or object.
allow(requester: Requester, "opening.concur", "oversight") if
    inspects(requester);

# A person may decide whether to be known.
allow(requester: Requester, "opening.decide", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# Whoever may ask or decide may read what is asked.
allow(requester: Requester, "opening.read", purpose) if
    allow(requester, "opening.ask", purpose) or
    allow(requester, "opening.decide", purpose);

# Anyone may report wrongdoing, without saying who it is.
allow(_: Requester, "report.file", "open_data");

# An inspector may take, answer and close reports to its body, and publish its keys.
allow(requester: Requester, "report.decide", "oversight") if
    inspects(requester);

# An inspector may hide the looks of another body at a person, by law and until an end.
allow(requester: Requester, "looks.hide", "oversight") if
    inspects(requester);

# A person may complain of a look at its data.
allow(requester: Requester, "complaint.file", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# An inspector may decide on complaints to its body.
allow(requester: Requester, "complaint.decide", "oversight") if
    inspects(requester);

# Whoever may file a complaint, or decide on one, may read its own.
allow(requester: Requester, "complaint.read", purpose) if
    allow(requester, "complaint.file", purpose) or
    allow(requester, "complaint.decide", purpose);

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
?= allow(an_inspector, "looks.hide", "oversight");
?= not allow(an_ngo_inspector, "looks.hide", "oversight");
?= not allow(an_inspectorate_caseworker, "looks.hide", "oversight");
?= allow(a_person, "complaint.file", "self_access");
?= not allow(an_inspector, "complaint.file", "oversight");
?= not allow(an_ngo_caseworker, "complaint.file", "aid_distribution");
?= allow(an_inspector, "complaint.decide", "oversight");
?= not allow(a_person, "complaint.decide", "self_access");
?= not allow(an_ngo_inspector, "complaint.decide", "oversight");
?= allow(a_person, "complaint.read", "self_access");
?= allow(an_inspector, "complaint.read", "oversight");
?= not allow(an_ngo_caseworker, "complaint.read", "aid_distribution");
?= allow(an_inspector, "glass.break", "oversight");
?= allow(an_inspector, "glass.review", "oversight");
?= allow(an_inspector, "glass.read", "oversight");
?= allow(a_person, "glass.read", "self_access");
?= not allow(a_person, "glass.break", "self_access");
?= not allow(an_ngo_inspector, "glass.break", "oversight");
?= not allow(an_ngo_caseworker, "glass.read", "aid_distribution");
?= not allow(an_ngo_inspector, "glass.review", "oversight");
?= allow(an_ngo_caseworker, "opening.ask", "aid_distribution");
?= allow(an_inspector, "opening.ask", "oversight");
?= not allow(an_unverified_ngo_caseworker, "opening.ask", "aid_distribution");
?= allow(an_inspector, "opening.force", "oversight");
?= not allow(an_ngo_caseworker, "opening.force", "aid_distribution");
?= allow(an_inspector, "opening.concur", "oversight");
?= not allow(an_ngo_caseworker, "opening.concur", "aid_distribution");
?= allow(a_person, "opening.decide", "self_access");
?= not allow(an_inspector, "opening.decide", "oversight");
?= allow(a_person, "opening.read", "self_access");
?= not allow(the_public, "opening.read", "open_data");
?= allow(the_public, "report.file", "open_data");
?= allow(an_inspector, "report.decide", "oversight");
?= not allow(the_public, "report.decide", "open_data");
?= not allow(an_ngo_inspector, "report.decide", "oversight");
?= allow(an_inspector, "aid.inspect", "oversight");
?= not allow(an_ngo_inspector, "aid.inspect", "oversight");
?= not allow(an_ngo_manager, "aid.inspect", "aid_distribution");
