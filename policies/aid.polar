# Aid: cases, and what was allocated to them. Allocations follow the rules of levels.polar; the case load has one of its own.

# A verified organisation may read the list of its own cases, for its work.
allow(requester: Requester, "caseload.read", purpose) if
    staff(requester) and
    works(requester, purpose);

# An organisation that gives is a verified one whose purpose is the distribution of aid or the care for a case.
gives(requester: Requester, purpose) if
    requester.verified and
    works(requester, purpose) and
    purpose in ["aid_distribution", "case_management"];

# Whoever works for an organisation that gives may read its own books: funds, stocks, programmes, distribution lists.
allow(requester: Requester, "books.read", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager", "analyst"];

# A manager may open funds and stocks of its organisation.
allow(requester: Requester, "fund.open", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A manager may book what came in.
allow(requester: Requester, "fund.receive", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A manager may open programmes of its organisation.
allow(requester: Requester, "programme.open", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A manager may close programmes of its organisation.
allow(requester: Requester, "programme.close", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A caseworker or manager may record, deliver and take back allocations of its organisation.
allow(requester: Requester, "allocation.record", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A manager may correct allocations of its organisation.
allow(requester: Requester, "allocation.correct", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# Whoever works for an organisation that gives may read its own queues, their rules and overrides.
allow(requester: Requester, "queue.read", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# Whoever works for an organisation that gives may read what was learned from its own cases, beside its own queues.
allow(requester: Requester, "suggestion.read", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A caseworker or manager may assess the need of its organisation's own cases.
allow(requester: Requester, "need.assess", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A caseworker or manager may register households as cases of its organisation.
allow(requester: Requester, "household.register", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A caseworker or manager may change households that its organisation registered.
allow(requester: Requester, "household.change", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A caseworker or manager may read households that its organisation registered.
allow(requester: Requester, "household.read", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A caseworker or manager may read what its organisation wrote down of its own cases, and look for duplicates among them.
allow(requester: Requester, "case.read", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A caseworker or manager may write down the particulars of its organisation's own cases.
allow(requester: Requester, "case.describe", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A manager may import cases of its organisation from a file.
allow(requester: Requester, "case.import", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A manager may make two of its organisation's own cases one, and undo it.
allow(requester: Requester, "case.merge", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A manager may move somebody in its organisation's queue, for a reason.
allow(requester: Requester, "queue.override", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A manager may try and adopt other rules for its organisation's queues.
allow(requester: Requester, "queue.adopt", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# A person may read who keeps a case of it, and what waits for it.
allow(requester: Requester, "case.read_own", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A guardian who may read may read the cases of the person it acts for.
allow(requester: Requester, "case.read_own", "self_access") if
    requester.role = "guardian" and
    "read" in requester.acts;

# A caseworker or manager may announce where its organisation's programmes hand over.
allow(requester: Requester, "collection.announce", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A person may appeal to an organisation, carry its appeal on and withdraw it.
allow(requester: Requester, "appeal.file", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A guardian who may make requests may appeal in the place of the person it acts for.
allow(requester: Requester, "appeal.file", "self_access") if
    requester.role = "guardian" and
    "request" in requester.acts;

# A manager may answer appeals to its organisation.
allow(requester: Requester, "appeal.answer", purpose) if
    gives(requester, purpose) and
    requester.role = "manager";

# An inspector may decide on appeals that were carried to its body.
allow(requester: Requester, "appeal.decide", "oversight") if
    inspects(requester);

# Whoever may file, answer or decide appeals may read its own; so may the organisation's caseworkers.
allow(requester: Requester, "appeal.read", purpose) if
    allow(requester, "appeal.file", purpose) or
    allow(requester, "appeal.answer", purpose) or
    allow(requester, "appeal.decide", purpose) or
    allow(requester, "allocation.record", purpose);

# Whoever works for a verified organisation may be told when need grows.
allow(requester: Requester, "alert.set", purpose) if
    staff(requester) and
    purpose in requester.purposes;

# An analyst or manager of a verified organisation may simulate a scale of payments, for statistics or its own work.
allow(requester: Requester, "scale.simulate", purpose) if
    requester.verified and
    requester.role in ["analyst", "manager"] and
    purpose in requester.purposes and
    purpose in ["statistics", "social_security", "aid_distribution"];

?= release(a_caseworker_who_shares_allocations, "aid_distribution", an_allocation, another_ngos_source, "own_case");
?= not release(an_ngo_caseworker, "aid_distribution", an_allocation, another_ngos_source, _);
?= not release(a_caseworker_who_shares_allocations, "statistics", an_allocation, another_ngos_source, _);
?= allow(an_ngo_caseworker, "caseload.read", "aid_distribution");
?= allow(an_ngo_app, "caseload.read", "aid_distribution");
?= not allow(an_ngo_caseworker, "caseload.read", "open_data");
?= not allow(an_unverified_ngo_caseworker, "caseload.read", "aid_distribution");
?= not allow(the_public, "caseload.read", "open_data");
?= allow(an_ngo_caseworker, "books.read", "aid_distribution");
?= allow(an_ngo_analyst, "books.read", "aid_distribution");
?= not allow(an_ngo_app, "books.read", "aid_distribution");
?= not allow(an_inspector, "books.read", "oversight");
?= allow(an_ngo_manager, "fund.open", "aid_distribution");
?= not allow(an_ngo_caseworker, "fund.open", "aid_distribution");
?= not allow(an_unverified_ngo_manager, "fund.open", "aid_distribution");
?= allow(an_ngo_manager, "fund.receive", "aid_distribution");
?= not allow(an_ngo_caseworker, "fund.receive", "aid_distribution");
?= allow(an_ngo_manager, "programme.open", "aid_distribution");
?= not allow(an_ngo_caseworker, "programme.open", "aid_distribution");
?= allow(an_ngo_manager, "programme.close", "aid_distribution");
?= not allow(an_ngo_caseworker, "programme.close", "aid_distribution");
?= allow(an_ngo_caseworker, "allocation.record", "aid_distribution");
?= allow(an_ngo_manager, "allocation.record", "aid_distribution");
?= not allow(an_ngo_app, "allocation.record", "aid_distribution");
?= not allow(an_ngo_caseworker, "allocation.record", "open_data");
?= not allow(an_unverified_ngo_caseworker, "allocation.record", "aid_distribution");
?= allow(an_ngo_manager, "allocation.correct", "aid_distribution");
?= not allow(an_ngo_caseworker, "allocation.correct", "aid_distribution");
?= allow(an_ngo_caseworker, "queue.read", "aid_distribution");
?= not allow(an_inspector, "queue.read", "oversight");
?= allow(an_ngo_caseworker, "suggestion.read", "aid_distribution");
?= not allow(an_ngo_app, "suggestion.read", "aid_distribution");
?= not allow(an_inspector, "suggestion.read", "oversight");
?= allow(an_ngo_caseworker, "need.assess", "aid_distribution");
?= not allow(an_ngo_app, "need.assess", "aid_distribution");
?= allow(an_ngo_manager, "queue.override", "aid_distribution");
?= not allow(an_ngo_caseworker, "queue.override", "aid_distribution");
?= allow(an_ngo_manager, "queue.adopt", "aid_distribution");
?= not allow(an_ngo_caseworker, "queue.adopt", "aid_distribution");
?= allow(an_ngo_caseworker, "household.register", "aid_distribution");
?= not allow(an_ngo_app, "household.register", "aid_distribution");
?= allow(a_person, "case.read_own", "self_access");
?= allow(a_guardian_who_may_read, "case.read_own", "self_access");
?= not allow(a_guardian_who_may_do_nothing, "case.read_own", "self_access");
?= not allow(an_ngo_caseworker, "case.read_own", "aid_distribution");
?= allow(an_ngo_caseworker, "collection.announce", "aid_distribution");
?= not allow(an_ngo_app, "collection.announce", "aid_distribution");
?= allow(a_person, "appeal.file", "self_access");
?= allow(a_guardian_who_may_request, "appeal.file", "self_access");
?= not allow(a_guardian_who_may_read, "appeal.file", "self_access");
?= not allow(an_ngo_caseworker, "appeal.file", "aid_distribution");
?= allow(an_ngo_manager, "appeal.answer", "aid_distribution");
?= not allow(an_ngo_caseworker, "appeal.answer", "aid_distribution");
?= not allow(an_unverified_ngo_manager, "appeal.answer", "aid_distribution");
?= allow(an_inspector, "appeal.decide", "oversight");
?= not allow(an_ngo_inspector, "appeal.decide", "oversight");
?= not allow(an_ngo_manager, "appeal.decide", "aid_distribution");
?= allow(a_person, "appeal.read", "self_access");
?= allow(an_ngo_caseworker, "appeal.read", "aid_distribution");
?= allow(an_inspector, "appeal.read", "oversight");
?= not allow(the_public, "appeal.read", "open_data");
?= allow(an_ngo_caseworker, "household.change", "aid_distribution");
?= not allow(an_unverified_ngo_manager, "household.change", "aid_distribution");
?= allow(an_ngo_caseworker, "household.read", "aid_distribution");
?= not allow(an_inspector, "household.read", "oversight");
?= allow(an_ngo_caseworker, "alert.set", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "alert.set", "aid_distribution");
?= not allow(the_public, "alert.set", "open_data");
?= allow(a_ministry_analyst, "scale.simulate", "statistics");
?= allow(an_ngo_manager, "scale.simulate", "aid_distribution");
?= not allow(an_ngo_caseworker, "scale.simulate", "aid_distribution");
?= not allow(the_public, "scale.simulate", "open_data");
?= allow(an_ngo_caseworker, "case.read", "aid_distribution");
?= not allow(an_ngo_analyst, "case.read", "aid_distribution");
?= not allow(an_inspector, "case.read", "oversight");
?= allow(an_ngo_caseworker, "case.describe", "aid_distribution");
?= not allow(an_ngo_app, "case.describe", "aid_distribution");
?= allow(an_ngo_manager, "case.import", "aid_distribution");
?= not allow(an_ngo_caseworker, "case.import", "aid_distribution");
?= allow(an_ngo_manager, "case.merge", "aid_distribution");
?= not allow(an_ngo_caseworker, "case.merge", "aid_distribution");
