# Aid: cases, and what was allocated to them. Allocations follow the rules of levels.polar; the case load has one of its own.

# A verified organisation may read the list of its own cases, for its work.
allow(requester: Requester, "caseload.read", purpose) if
    staff(requester) and
    works(requester, purpose);

?= release(a_caseworker_who_shares_allocations, "aid_distribution", an_allocation, another_ngos_source, "own_case");
?= not release(an_ngo_caseworker, "aid_distribution", an_allocation, another_ngos_source, _);
?= not release(a_caseworker_who_shares_allocations, "statistics", an_allocation, another_ngos_source, _);
?= allow(an_ngo_caseworker, "caseload.read", "aid_distribution");
?= allow(an_ngo_app, "caseload.read", "aid_distribution");
?= not allow(an_ngo_caseworker, "caseload.read", "open_data");
?= not allow(an_unverified_ngo_caseworker, "caseload.read", "aid_distribution");
?= not allow(the_public, "caseload.read", "open_data");
