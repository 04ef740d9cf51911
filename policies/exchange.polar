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

# An organisation cares for people when it deals with others for the distribution of aid or the care for a case.
cares(requester: Requester, purpose) if
    deals(requester, purpose) and
    purpose in ["aid_distribution", "case_management", "social_security"];

# Caseworkers and managers may refer a person whom their organisation may know to another, and take it back while it is not answered.
allow(requester: Requester, "referral.send", purpose) if
    cares(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# Caseworkers and managers may accept, refuse, hand back and complete what was referred to their organisation.
allow(requester: Requester, "referral.answer", purpose) if
    cares(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# Caseworkers and managers may read the referrals their organisation sent or received.
allow(requester: Requester, "referral.read", purpose) if
    cares(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# A person may read to whom it was referred, agree to it, and object to it.
allow(requester: Requester, "referral.decide", "self_access") if
    requester.role = "person" and
    "self_access" in requester.purposes;

# A guardian who may consent may do so for the person it acts for.
allow(requester: Requester, "referral.decide", "self_access") if
    requester.role = "guardian" and
    "consent" in requester.acts;

# A manager may send surveys to other organisations, and close them.
allow(requester: Requester, "survey.send", purpose) if
    deals(requester, purpose) and
    requester.role = "manager";

# Caseworkers and managers may answer surveys for their organisation.
allow(requester: Requester, "survey.answer", purpose) if
    deals(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# Caseworkers, managers and analysts may read surveys their organisation sent or was asked to answer, and what they came to.
allow(requester: Requester, "survey.read", purpose) if
    deals(requester, purpose) and
    requester.role in ["caseworker", "manager", "analyst"];

# Caseworkers and managers of an organisation that gives may open joint decisions with others.
allow(requester: Requester, "joint.open", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# Caseworkers and managers of an organisation that gives may propose, agree, vote and close in joint decisions it is a party of.
allow(requester: Requester, "joint.take_part", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager"];

# Whoever works for an organisation that gives may read the joint decisions it is a party of.
allow(requester: Requester, "joint.read", purpose) if
    gives(requester, purpose) and
    requester.role in ["caseworker", "manager", "analyst"];

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
?= allow(an_ngo_caseworker, "referral.send", "aid_distribution");
?= not allow(an_ngo_app, "referral.send", "aid_distribution");
?= not allow(an_ngo_manager, "referral.send", "organisation_governance");
?= not allow(an_unverified_ngo_caseworker, "referral.answer", "aid_distribution");
?= allow(an_ngo_manager, "referral.answer", "aid_distribution");
?= not allow(an_ngo_analyst, "referral.answer", "aid_distribution");
?= not allow(an_inspector, "referral.read", "oversight");
?= allow(an_ngo_caseworker, "referral.read", "aid_distribution");
?= allow(a_person, "referral.decide", "self_access");
?= allow(a_guardian_who_may_consent, "referral.decide", "self_access");
?= not allow(a_guardian_who_may_read, "referral.decide", "self_access");
?= not allow(an_ngo_caseworker, "referral.decide", "aid_distribution");
?= allow(an_ngo_manager, "survey.send", "organisation_governance");
?= not allow(an_ngo_caseworker, "survey.send", "aid_distribution");
?= allow(an_ngo_caseworker, "survey.answer", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "survey.answer", "aid_distribution");
?= allow(an_ngo_analyst, "survey.read", "aid_distribution");
?= not allow(an_ngo_app, "survey.read", "aid_distribution");
?= not allow(the_public, "survey.read", "open_data");
?= allow(an_ngo_caseworker, "joint.open", "aid_distribution");
?= not allow(an_ngo_app, "joint.open", "aid_distribution");
?= not allow(an_unverified_ngo_caseworker, "joint.open", "aid_distribution");
?= allow(an_ngo_manager, "joint.take_part", "aid_distribution");
?= not allow(an_ngo_analyst, "joint.take_part", "aid_distribution");
?= allow(an_ngo_analyst, "joint.read", "aid_distribution");
?= not allow(an_inspector, "joint.read", "oversight");
