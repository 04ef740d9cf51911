# Governance: who registers organisations, decides on them, and governs their staff. It opens nothing about people.

# Anyone may apply to have an organisation registered, for the purpose that anyone has.
allow(_: Requester, "organisation.apply", "open_data");

# Anyone may join by an invitation's code, for the purpose that anyone has.
allow(_: Requester, "staff.join", "open_data");

# A manager may govern its own organisation, verified or not: one that is not has papers to hand in.
allow(requester: Requester, "organisation.govern", "organisation_governance") if
    requester.role = "manager" and
    "organisation_governance" in requester.purposes;

# An accreditor of a verified ministry or registry may decide on organisations.
allow(requester: Requester, "organisation.decide", "organisation_governance") if
    requester.verified and
    requester.role = "accreditor" and
    requester.kind in ["ministry", "registry"] and
    "organisation_governance" in requester.purposes;

# Who governs an organisation may read its papers.
allow(requester: Requester, "paper.read", purpose) if
    allow(requester, "organisation.govern", purpose);

# Who decides on organisations may read their papers.
allow(requester: Requester, "paper.read", purpose) if
    allow(requester, "organisation.decide", purpose);

# A manager of a verified organisation may give workshops.
allow(requester: Requester, "workshop.announce", "organisation_governance") if
    requester.verified and
    requester.role = "manager" and
    "organisation_governance" in requester.purposes;

# Who works for a verified organisation serves it.
serves(requester: Requester, purpose) if
    requester.verified and
    requester.organisation != "" and
    works(requester, purpose);

# Who governs an organisation that is not verified yet serves it too.
serves(requester: Requester, "organisation_governance") if
    requester.organisation != "" and
    "organisation_governance" in requester.purposes;

# Who serves an organisation may take part in workshops.
allow(requester: Requester, "workshop.attend", purpose) if
    serves(requester, purpose);

# Who serves an organisation may have a second factor.
allow(requester: Requester, "second_factor.use", purpose) if
    serves(requester, purpose);

?= allow(the_public, "organisation.apply", "open_data");
?= allow(the_public, "staff.join", "open_data");
?= not allow(a_person, "organisation.apply", "self_access");
?= not allow(an_ngo_caseworker, "staff.join", "aid_distribution");
?= allow(an_ngo_manager, "organisation.govern", "organisation_governance");
?= allow(an_unverified_ngo_manager, "organisation.govern", "organisation_governance");
?= not allow(an_ngo_caseworker, "organisation.govern", "aid_distribution");
?= not allow(an_ngo_manager, "organisation.decide", "organisation_governance");
?= allow(an_accreditor, "organisation.decide", "organisation_governance");
?= not allow(an_ngo_accreditor, "organisation.decide", "organisation_governance");
?= allow(an_unverified_ngo_manager, "paper.read", "organisation_governance");
?= allow(an_accreditor, "paper.read", "organisation_governance");
?= not allow(an_ngo_caseworker, "paper.read", "aid_distribution");
?= allow(an_ngo_manager, "workshop.announce", "organisation_governance");
?= not allow(an_unverified_ngo_manager, "workshop.announce", "organisation_governance");
?= allow(an_ngo_caseworker, "workshop.attend", "aid_distribution");
?= not allow(a_person, "workshop.attend", "self_access");
?= not allow(the_public, "second_factor.use", "open_data");
?= not release(an_ngo_manager, "organisation_governance", a_partner_field, a_registry, _);
