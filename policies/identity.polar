# Persons: what a person may know of itself, who may know that a person exists, and who decides on consents.

# A person may read everything about itself, from every source.
release(requester: Requester, "self_access", field: Field, _, "self") if
    field.level != "open" and
    requester.role = "person" and
    "self_access" in requester.purposes;

# A verified organisation may know of its own cases that they exist.
release(requester: Requester, purpose, entity: Entity, _: Hub, "own_case") if
    entity.entity = "person" and
    staff(requester) and
    works(requester, purpose);

# A verified organisation may know of a person who consented to anything with it that the person exists.
release(requester: Requester, purpose, entity: Entity, _: Hub, "consented") if
    entity.entity = "person" and
    staff(requester) and
    works(requester, purpose);

# A person may grant a consent, and nobody in its place.
allow(requester: Requester, "consent.grant", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A person may withdraw a consent at any time, and nobody in its place.
allow(requester: Requester, "consent.withdraw", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A verified organisation may look for a person by an identifier it knows, for its work.
allow(requester: Requester, "person.find", purpose) if
    staff(requester) and
    works(requester, purpose);

# A verified organisation may speak of a person it may know to another organisation, for its work.
allow(requester: Requester, "reference.make", purpose) if
    staff(requester) and
    works(requester, purpose);

# A verified organisation may open what another said to it of a person, for its work.
allow(requester: Requester, "reference.open", purpose) if
    staff(requester) and
    works(requester, purpose);

# A person may have attested to it what the sources say of it, and nobody in its place.
allow(requester: Requester, "attestation.issue", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A person may take back what was attested to it.
allow(requester: Requester, "attestation.revoke", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A verified organisation may check what a holder showed to it, for its work.
allow(requester: Requester, "attestation.verify", purpose) if
    staff(requester) and
    works(requester, purpose);

# Whoever may have something attested, or may check it, may take a nonce for it.
allow(requester: Requester, "attestation.challenge", purpose) if
    allow(requester, "attestation.issue", purpose) or
    allow(requester, "attestation.verify", purpose);

# An app of a verified organisation may have blinded identifiers of its own source evaluated, for its work.
allow(requester: Requester, "edge.evaluate", purpose) if
    requester.role = "developer" and
    staff(requester) and
    works(requester, purpose);

?= release(a_person, "self_access", a_sealed_field, a_registry, "self");
?= not release(a_person, "open_data", a_partner_field, a_registry, _);
?= release(a_person, "self_access", that_a_person_exists, the_hub, "self");
?= release(an_ngo_caseworker, "aid_distribution", that_a_person_exists, the_hub, "own_case");
?= release(an_ngo_caseworker, "aid_distribution", that_a_person_exists, the_hub, "consented");
?= not release(an_unverified_ngo_caseworker, "aid_distribution", that_a_person_exists, the_hub, _);
?= not release(the_public, "open_data", that_a_person_exists, the_hub, _);
?= allow(a_person, "consent.grant", "self_access");
?= allow(a_person, "consent.withdraw", "self_access");
?= not allow(an_ngo_caseworker, "consent.grant", "aid_distribution");
?= not allow(an_ngo_caseworker, "consent.withdraw", "aid_distribution");
?= allow(an_ngo_caseworker, "person.find", "aid_distribution");
?= not allow(a_person, "person.find", "self_access");
?= not allow(the_public, "person.find", "open_data");
?= allow(an_ngo_app, "edge.evaluate", "aid_distribution");
?= not allow(an_ngo_caseworker, "edge.evaluate", "aid_distribution");
?= not allow(the_public, "edge.evaluate", "open_data");
?= allow(an_ngo_caseworker, "reference.make", "aid_distribution");
?= allow(an_ngo_caseworker, "reference.open", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "reference.make", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "reference.open", "aid_distribution");
?= not allow(an_inspector, "reference.make", "oversight");
?= not allow(a_person, "reference.open", "self_access");
?= allow(a_person, "attestation.issue", "self_access");
?= not allow(an_ngo_caseworker, "attestation.issue", "aid_distribution");
?= allow(a_person, "attestation.revoke", "self_access");
?= not allow(an_ngo_caseworker, "attestation.revoke", "aid_distribution");
?= allow(an_ngo_caseworker, "attestation.verify", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "attestation.verify", "aid_distribution");
?= not allow(a_person, "attestation.verify", "self_access");
?= allow(a_person, "attestation.challenge", "self_access");
?= allow(an_ngo_caseworker, "attestation.challenge", "aid_distribution");
?= not allow(the_public, "attestation.challenge", "open_data");
