# Insurance: adds no rule to those of levels.polar. Its promises hold them to what the insured were told:
# a wage is read by others under consent only, an insurance number by the insured and the fund's caseworkers only.

?= release(a_caseworker_who_asks_the_fund, "aid_distribution", a_wage, a_ministry_source, "consented");
?= not release(a_caseworker_who_asks_the_fund, "aid_distribution", a_wage, a_ministry_source, "own_case");
?= not release(a_caseworker_who_asks_the_fund, "aid_distribution", an_insurance_number, a_ministry_source, _);
?= release(a_ministry_caseworker, "social_security", an_insurance_number, a_ministry_source, "own_case");
?= not release(a_ministry_analyst, "social_security", a_wage, a_ministry_source, _);
?= release(a_person, "self_access", an_insurance_number, a_ministry_source, "self");
