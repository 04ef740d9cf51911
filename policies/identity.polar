# Persons: what a person may know of itself, who may know that a person exists, who decides on consents, who enrols, and who acts for whom.

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

# The enrolment office may compare names and birth with a registry's, for nothing but verifying who applies, under an agreement in force.
release(requester: Requester, "identity_verification", field: Field, source: Source, "always") if
    requester.role = "registrar" and
    requester.verified and
    source.kind = "registry" and
    field.entity = "person" and
    field.level in ["partner", "consented"] and
    field.category in ["name", "birth"] and
    agreed(requester, "identity_verification", source);

# Anyone may apply for a blinded identity.
allow(_: Requester, "enrolment.apply", "open_data");

# Anyone may sign in by showing that it holds a key.
allow(_: Requester, "session.open", "open_data");

# A caseworker of a verified organisation may stand by while somebody enrols, and witness who somebody acts for.
allow(requester: Requester, "enrolment.witness", purpose) if
    requester.role = "caseworker" and
    staff(requester) and
    works(requester, purpose);

# A person may look after its own devices, sessions, identity and guardians, and nobody in its place.
allow(requester: Requester, "wallet.keep", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A person may see its own devices and sign out.
allow(requester: Requester, "wallet.see", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A newcomer, who enrolled alone, may see its own devices and sign out, and nothing else of anybody.
allow(requester: Requester, "wallet.see", "self_access") if
    requester.role = "newcomer" and
    "self_access" in requester.purposes;

# A newcomer may enter the code that confirms its identity.
allow(requester: Requester, "enrolment.confirm", "self_access") if
    requester.role = "newcomer" and
    "self_access" in requester.purposes;

# A guardian who may read may read everything about the person it acts for, from every source.
release(requester: Requester, "self_access", field: Field, _, "self") if
    field.level != "open" and
    requester.role = "guardian" and
    "self_access" in requester.purposes and
    "read" in requester.acts;

# A person may end a guardianship it is a party to.
allow(requester: Requester, "guardianship.end", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A caseworker of a verified organisation may end a guardianship that the organisation witnessed.
allow(requester: Requester, "guardianship.end", purpose) if
    requester.role = "caseworker" and
    staff(requester) and
    works(requester, purpose);

# A guardian who may consent may grant a consent for the person it acts for.
allow(requester: Requester, "consent.grant", "self_access") if
    requester.role = "guardian" and
    "consent" in requester.acts;

# A guardian who may consent may withdraw a consent for the person it acts for.
allow(requester: Requester, "consent.withdraw", "self_access") if
    requester.role = "guardian" and
    "consent" in requester.acts;

# A person may ask for help without a name, and end what it asked.
allow(requester: Requester, command, "self_access") if
    command in ["aid_request.open", "aid_request.withdraw", "aid_request.confirm", "aid_request.complain", "aid_request.close"] and
    requester.role = "person" and
    "self_access" in requester.purposes;

# A guardian who may make requests may ask for help, and write about it, in the place of the person it acts for.
allow(requester: Requester, command, "self_access") if
    command in ["aid_request.open", "aid_request.withdraw", "aid_request.confirm", "aid_request.complain", "aid_request.close"] and
    requester.role = "guardian" and
    "request" in requester.acts;

# A verified organisation may promise help to who asks without a name, serve it, give the promise back, and report what is no request.
allow(requester: Requester, command, purpose) if
    command in ["aid_request.promise", "aid_request.serve", "aid_request.release", "aid_request.report"] and
    purpose in ["aid_distribution", "case_management"] and
    requester.role in ["caseworker", "developer"] and
    staff(requester) and
    works(requester, purpose);

# Both sides of a request may write to each other.
allow(requester: Requester, "aid_request.write", purpose) if
    allow(requester, "aid_request.open", purpose) or
    allow(requester, "aid_request.promise", purpose);

# An inspector may look into complaints about requests, and take down what is none.
allow(requester: Requester, command, "oversight") if
    command in ["aid_request.oversee", "aid_request.remove"] and
    inspects(requester);

# Both sides and an inspector may follow the steps of a request.
allow(requester: Requester, "aid_request.follow", purpose) if
    allow(requester, "aid_request.write", purpose) or
    allow(requester, "aid_request.oversee", purpose);

# A verified organisation may read which consents it holds, and be told when one is taken back.
allow(requester: Requester, "consent.held", purpose) if
    staff(requester) and
    works(requester, purpose);

# An app of a verified organisation may say where the organisation's news are sent.
allow(requester: Requester, "webhook.manage", purpose) if
    requester.role = "developer" and
    staff(requester) and
    works(requester, purpose);

# A verified organisation may ask people for consent, for its work.
allow(requester: Requester, "consent.ask", purpose) if
    staff(requester) and
    works(requester, purpose);

# A caseworker of a verified organisation may record what one of its own cases agreed to on paper.
allow(requester: Requester, "consent.witness", purpose) if
    requester.role = "caseworker" and
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
?= release(the_enrolment_office, "identity_verification", a_name, a_registry, "always");
?= not release(the_enrolment_office, "identity_verification", a_partner_field, a_registry, _);
?= not release(the_enrolment_office, "identity_verification", a_sealed_field, a_registry, _);
?= not release(the_enrolment_office, "identity_verification", a_name, a_ministry_source, _);
?= not release(the_enrolment_office, "identity_verification", that_a_person_exists, the_hub, _);
?= not release(the_enrolment_office, "case_management", a_name, a_registry, _);
?= not release(an_enrolment_office_without_agreement, "identity_verification", a_name, a_registry, _);
?= not release(an_unverified_enrolment_office, "identity_verification", a_name, a_registry, _);
?= not release(a_caseworker_of_the_enrolment_office, "identity_verification", a_name, a_registry, "always");
?= allow(the_public, "enrolment.apply", "open_data");
?= allow(the_public, "session.open", "open_data");
?= not allow(an_ngo_caseworker, "enrolment.apply", "aid_distribution");
?= allow(an_ngo_caseworker, "enrolment.witness", "aid_distribution");
?= not allow(an_ngo_app, "enrolment.witness", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "enrolment.witness", "aid_distribution");
?= not allow(an_inspector, "enrolment.witness", "oversight");
?= not allow(the_public, "enrolment.witness", "open_data");
?= allow(a_person, "wallet.keep", "self_access");
?= allow(a_person, "wallet.see", "self_access");
?= allow(a_newcomer, "wallet.see", "self_access");
?= allow(a_newcomer, "enrolment.confirm", "self_access");
?= not allow(a_newcomer, "wallet.keep", "self_access");
?= not allow(a_newcomer, "consent.grant", "self_access");
?= not allow(a_newcomer, "aid_request.open", "self_access");
?= not release(a_newcomer, "self_access", that_a_person_exists, the_hub, _);
?= not release(a_newcomer, "self_access", a_partner_field, a_registry, _);
?= not allow(a_person, "enrolment.confirm", "self_access");
?= not allow(the_public, "wallet.keep", "open_data");
?= not allow(a_guardian_who_may_read, "wallet.keep", "self_access");
?= release(a_guardian_who_may_read, "self_access", a_sealed_field, a_registry, "self");
?= not release(a_guardian_who_may_consent, "self_access", a_partner_field, a_registry, _);
?= allow(a_guardian_who_may_consent, "consent.grant", "self_access");
?= allow(a_guardian_who_may_consent, "consent.withdraw", "self_access");
?= not allow(a_guardian_who_may_read, "consent.grant", "self_access");
?= not allow(a_guardian_who_may_do_nothing, "consent.withdraw", "self_access");
?= not release(a_guardian_who_may_do_nothing, "self_access", that_a_person_exists, the_hub, _);
?= allow(a_person, "aid_request.open", "self_access");
?= allow(a_person, "aid_request.write", "self_access");
?= not allow(a_person, "aid_request.promise", "self_access");
?= not allow(a_person, "aid_request.remove", "self_access");
?= allow(an_ngo_caseworker, "aid_request.promise", "aid_distribution");
?= allow(an_ngo_app, "aid_request.serve", "aid_distribution");
?= not allow(an_ngo_caseworker, "aid_request.open", "aid_distribution");
?= not allow(an_ngo_caseworker, "aid_request.promise", "statistics");
?= not allow(an_unverified_ngo_caseworker, "aid_request.promise", "aid_distribution");
?= not allow(a_ministry_analyst, "aid_request.promise", "statistics");
?= not allow(the_public, "aid_request.write", "open_data");
?= allow(an_inspector, "aid_request.remove", "oversight");
?= allow(an_inspector, "aid_request.follow", "oversight");
?= not allow(an_inspector, "aid_request.promise", "oversight");
?= not allow(an_ngo_caseworker, "aid_request.oversee", "aid_distribution");
?= allow(a_person, "guardianship.end", "self_access");
?= allow(an_ngo_caseworker, "guardianship.end", "aid_distribution");
?= not allow(an_ngo_app, "guardianship.end", "aid_distribution");
?= not allow(a_guardian_who_may_read, "guardianship.end", "self_access");
?= allow(a_guardian_who_may_request, "aid_request.open", "self_access");
?= not allow(a_guardian_who_may_read, "aid_request.open", "self_access");
?= allow(an_ngo_caseworker, "consent.held", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "consent.held", "aid_distribution");
?= not allow(a_person, "consent.held", "self_access");
?= allow(an_ngo_app, "webhook.manage", "aid_distribution");
?= not allow(an_ngo_caseworker, "webhook.manage", "aid_distribution");
?= not allow(an_ngo_app, "webhook.manage", "open_data");
?= allow(an_ngo_caseworker, "consent.ask", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "consent.ask", "aid_distribution");
?= not allow(a_person, "consent.ask", "self_access");
?= allow(an_ngo_caseworker, "consent.witness", "aid_distribution");
?= not allow(an_ngo_app, "consent.witness", "aid_distribution");
?= not allow(a_person, "consent.witness", "self_access");
