# Between organisations: messages, referrals, surveys, joint decisions. It opens no field of a person: what is said of one goes by reference.

# An organisation deals with others when it is verified, for purposes that are its own and concern people's care, or its own affairs.
deals(requester: Requester, purpose) if
    requester.verified and
    requester.organisation != "" and
    works(requester, purpose) and
    purpose in ["aid_distribution", "case_management", "social_security", "organisation_governance"];

# A manager may publish and revoke the keys that messages to its organisation are sealed to.
allow(requester: Requester, "message.key", purpose) if
    deals(requester, purpose) and
    requester.role = "manager";

# Caseworkers, managers and apps of a verified organisation may write to other organisations.
allow(requester: Requester, "message.send", purpose) if
    deals(requester, purpose) and
    requester.role in ["caseworker", "manager", "developer"];

# Caseworkers, managers and apps of a verified organisation may fetch what others wrote to it.
allow(requester: Requester, "message.read", purpose) if
    deals(requester, purpose) and
    requester.role in ["caseworker", "manager", "developer"];

?= allow(an_ngo_manager, "message.key", "aid_distribution");
?= not allow(an_ngo_caseworker, "message.key", "aid_distribution");
?= not allow(an_unverified_ngo_manager, "message.key", "organisation_governance");
?= allow(an_ngo_caseworker, "message.send", "aid_distribution");
?= allow(an_ngo_app, "message.send", "aid_distribution");
?= allow(a_ministry_caseworker, "message.send", "social_security");
?= not allow(an_unverified_ngo_caseworker, "message.send", "aid_distribution");
?= not allow(an_ngo_analyst, "message.send", "aid_distribution");
?= not allow(the_public, "message.send", "open_data");
?= allow(an_ngo_caseworker, "message.read", "aid_distribution");
?= not allow(an_inspector, "message.read", "oversight");
?= not allow(a_person, "message.read", "self_access");
