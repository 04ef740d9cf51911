"""The rules as text: each with its sentence and promises, read back by `why`, and harmless when they fail."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pytest
import structlog

import settings as configuration
from errors import ConfigError
from policies import examples, law
from policies.decide import Policies
from policies.facts import FACTS
from schema import CATALOGUE, DOMAINS
from tests.small_country import CRESCENT, POLICIES, SAMPLE, SETTINGS, TODAY, VERDICTS, asked, of, verdicts
from values import PUBLIC, Purpose, Role


def test_every_release_rule_gives_at_least_one_of_the_allowed_verdicts() -> None:
    behind = {
        rule.place
        for verdict in verdicts("ALLOW").values()
        if "field" in verdict
        for rules in POLICIES.rules_that_release(*asked(verdict)).values()
        for rule in rules
    }
    assert behind == {rule.place for rule in POLICIES.law.named("release")}


def test_every_rule_has_its_sentence_of_law_above_it() -> None:
    without = [rule.place for rule in POLICIES.law.without_promises() if not re.fullmatch(r"[A-Z].+\.", rule.sentence)]
    assert without == []
    assert len(POLICIES.law.named("release")) >= 12


def test_every_domain_has_rules_or_promises_of_its_own() -> None:
    assert set(POLICIES.law.texts) == {f"{name}.polar" for name in (*DOMAINS, "levels")}
    for file in POLICIES.law.texts:
        promises = [rule for rule in POLICIES.law.named("?=") if rule.file == file]
        assert len(promises) >= 4


def test_a_promise_names_only_facts_that_exist() -> None:
    known = {*examples.EXAMPLES, "release", "allow", "not", "_"}
    for promise in POLICIES.law.named("?="):
        words = set(re.findall(r"\b[A-Za-z_]\w*\b", re.sub(r'"[^"]*"', "", promise.text)))
        assert words <= known, promise.place


# When rules fail


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the hub's rules that a test may spoil."""
    for path in law.FOLDER.glob("*.polar"):
        shutil.copy(path, tmp_path)
    return tmp_path


def _spoil(rules: Path, file: str, text: str) -> None:
    with (rules / file).open("a", encoding="utf-8") as out:
        out.write(text)


RAISING = [
    'release(requester: Requester, _, _, _, "always") if requester.surname = "x";',
    'release(_, _, field: Field, _, "always") if field.entity.no_such_method();',
    'release(_, _, field: Field, source: Source, condition) if source.name.index(field.entity) > 0 and condition = "always";',
    "release(requester: Requester, _, _, _, condition) if condition = requester.role;",
]


@pytest.mark.parametrize("rule", RAISING)
def test_a_rule_that_fails_releases_nothing_even_where_another_rule_would(rules: Path, rule: str) -> None:
    for path in rules.glob("*.polar"):
        path.write_text(
            "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("?=")), encoding="utf-8"
        )
    question = (CRESCENT, Purpose.AID_DISTRIBUTION, "allocation.amount", "rafidain-relief", TODAY)
    assert Policies(CATALOGUE, SETTINGS, rules).release(*question)
    _spoil(rules, "aid.polar", f"\n{rule}\n")
    spoilt = Policies(CATALOGUE, SETTINGS, rules)
    with structlog.testing.capture_logs() as logs:
        assert spoilt.release(*question) == frozenset()
        assert spoilt.release(*question) == frozenset()
        again = dataclasses.replace(CRESCENT, purposes=(Purpose.AID_DISTRIBUTION,))
        assert spoilt.release(again, *question[1:]) == frozenset()
    assert [(each["event"], each["asked"]) for each in logs] == [("policy_failed", "allocation.amount")]
    assert "crescent" not in repr(logs)


def test_a_command_rule_that_fails_allows_nothing(rules: Path) -> None:
    _spoil(rules, "aid.polar", '\nallow(requester: Requester, "plan.burn", _) if requester.surname = "x";\n')
    with structlog.testing.capture_logs() as logs:
        assert not Policies(CATALOGUE, SETTINGS, rules).allows(CRESCENT, Purpose.AID_DISTRIBUTION, "plan.burn")
    assert len(logs) == 1


def test_without_release_rules_nothing_is_released(tmp_path: Path) -> None:
    (tmp_path / "empty.polar").write_text('allow(_, "nothing", _);\n', encoding="utf-8")
    with structlog.testing.capture_logs():
        assert Policies(CATALOGUE, SETTINGS, tmp_path).release(PUBLIC, Purpose.OPEN_DATA, "organisation.name", None, TODAY) == frozenset()


BROKEN = [
    pytest.param('?= release(the_public, "open_data", a_sealed_field, a_registry, _);', "broken promise", id="a broken promise"),
    pytest.param('release(_: Requester, _, _, _, "always") if ;', "unreadable rule", id="a syntax error"),
    pytest.param('release(_: Requestor, _, _, _, "self") if 1 = 1;', "Requestor", id="an unknown fact"),
    pytest.param('release(_: Requester, _, _, _, "self") if stewart(1);', "stewart", id="an undefined predicate"),
    pytest.param(
        '?= release(the_public, "open_data", a_sealed_field, a_registry.surname, _);', "unreadable rule", id="a promise that raises"
    ),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_the_hub_does_not_open_with_broken_rules_and_says_where(rules: Path, text: str, said: str) -> None:
    line = len((rules / "insurance.polar").read_text(encoding="utf-8").splitlines()) + 1
    _spoil(rules, "insurance.polar", f"{text}\n")
    with pytest.raises(ConfigError) as refused:
        Policies(CATALOGUE, SETTINGS, rules)
    assert said in refused.value.message
    assert refused.value.place == f"{rules / 'insurance.polar'}:{line}"
    assert refused.value.hint
    assert "osohq" not in str(refused.value)


def test_a_rule_that_widens_a_level_breaks_a_promise(rules: Path) -> None:
    """The inline promises hold the rules of every file, whichever file the careless rule stands in."""
    _spoil(rules, "aid.polar", '\nrelease(_: Requester, _, field: Field, _, "own_case") if field.level = "consented";\n')
    with pytest.raises(ConfigError, match="broken promise") as refused:
        Policies(CATALOGUE, SETTINGS, rules)
    assert re.search(r"(insurance|levels)\.polar:\d+$", refused.value.place or "")


def test_the_hub_does_not_open_without_rules(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rules"):
        Policies(CATALOGUE, SETTINGS, tmp_path)


def test_an_agreement_on_a_field_that_does_not_exist_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    text = (VERDICTS / "hub.toml").read_text(encoding="utf-8").replace('"person.need_score"', '"person.neediness"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"person\.neediness") as refused:
        Policies(CATALOGUE, configuration.load(path))
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "neediness" in each)
    assert refused.value.place == f"{path}:{line}"


# Why


def test_why_quotes_the_sentence_of_law_its_place_and_the_agreement() -> None:
    lines = POLICIES.why(CRESCENT, Purpose.AID_DISTRIBUTION, "allocation.amount", "rafidain-relief", TODAY)
    assert lines[0] == (
        "crescent-caseworker (caseworker of crescent-aid, ngo, verified) "
        "asks for allocation.amount (partner, category assistance) for aid_distribution."
    )
    assert lines[2] == "rafidain-relief: consented, own_case"
    own = next(line for line in lines if line.startswith("  own_case: "))
    found = re.fullmatch(
        r"  own_case: A verified organisation may read a partner field of its own cases, .+\. \(levels\.polar:(\d+)\)", own
    )
    assert found
    text = (law.FOLDER / "levels.polar").read_text(encoding="utf-8").splitlines()
    assert text[int(found[1]) - 1].startswith("release(")
    assert lines[-1] == "  agreement: allocation.* for aid_distribution until 2027-12-31 (Joint distribution charter of 2024)"


def test_why_goes_through_every_source_that_keeps_the_field() -> None:
    lines = POLICIES.why(CRESCENT, Purpose.AID_DISTRIBUTION, "person.phone", None, TODAY)
    assert [line for line in lines if line and not line.startswith(" ")][1:] == ["civil-registry: consented", "crescent-aid: own_case"]


def test_why_says_which_facts_are_missing() -> None:
    aid = Purpose.AID_DISTRIBUTION
    ended = POLICIES.why(CRESCENT, aid, "allocation.amount", "hope-network", TODAY)
    assert "hope-network: never (NOT_IN_AGREEMENT)" in ended
    assert "  missing: the agreement that covered it ended on 2025-06-30 (Joint distribution charter of 2022)" in ended
    purpose = POLICIES.why(CRESCENT, Purpose.CASE_MANAGEMENT, "allocation.amount", "rafidain-relief", TODAY)
    assert "  missing: another purpose: aid_distribution would release it" in purpose
    unverified = POLICIES.why(of("new-hands", Role.CASEWORKER, aid), aid, "allocation.amount", "crescent-aid", TODAY)
    assert "  missing: new-hands is not verified" in unverified
    sealed = POLICIES.why(CRESCENT, aid, "person.national_number", "civil-registry", TODAY)
    assert "  missing: no rule releases a sealed field of civil-registry to the role caseworker for aid_distribution" in sealed
    assert POLICIES.why(CRESCENT, aid, "person.nose", None, TODAY) == [
        "person.nose: the schema has no such field, so it is never released."
    ]
    nowhere = POLICIES.why(CRESCENT, aid, "person.sex", "moon", TODAY)
    assert nowhere[-1] == "  missing: a source of the name moon"


def test_why_and_release_never_disagree() -> None:
    for requester in SAMPLE:
        for field in ("person.name", "allocation", "insurance.wage", "person", "person.disclosures", "organisation.name"):
            for source in POLICIES.sources:
                given = POLICIES.rules_that_release(requester, requester.purposes[0], field, source, TODAY)
                assert set(given) == POLICIES.release(requester, requester.purposes[0], field, source, TODAY)


# The page that explains it

PAGE = (Path(__file__).parent.parent / "docs" / "levels.md").read_text(encoding="utf-8")
MEANT = {
    "the public": [("the_public", "open_data", "a_registry")],
    "staff or app, under an agreement": [
        ("an_ngo_caseworker", "aid_distribution", "a_registry"),
        ("an_ngo_app", "aid_distribution", "a_registry"),
    ],
    "caseworker or manager of the source's steward": [
        ("a_ministry_caseworker", "social_security", "a_ministry_source"),
        ("a_ministry_manager", "social_security", "a_ministry_source"),
    ],
    "app of the source's steward": [("a_ministry_app", "social_security", "a_ministry_source")],
    "analyst of the source's steward, for statistics or social security": [
        ("a_ministry_analyst", "statistics", "a_ministry_source"),
        ("a_ministry_analyst", "social_security", "a_ministry_source"),
    ],
    "inspector, for oversight, under an agreement": [("an_inspector", "oversight", "a_registry")],
    "the person, for its own access": [("a_person", "self_access", "a_registry")],
}


def test_the_table_of_who_sees_what_is_what_the_rules_decide() -> None:
    section = PAGE.split("## Who sees what")[1].split("## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
    said = {row[0]: dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]}
    assert said.keys() == MEANT.keys()
    for who, levels in said.items():
        for level, conditions in levels.items():
            field = examples.FIELDS["an_open_field" if level == "open" else f"a_{level}_field"]
            for requester, purpose, source in MEANT[who]:
                found = POLICIES._engine.conditions(examples.REQUESTERS[requester], purpose, field, examples.SOURCES[source])
                assert found == ({*conditions.split(", ")} - {"never"}), f"{who}, {level}"


def test_the_page_names_every_command_and_shows_a_rule_that_is_in_force() -> None:
    commands = {found for rule in POLICIES.law.named("allow") for found in re.findall(r'"([a-z_]+\.[a-z_]+)"', rule.text)}
    table = PAGE.split("## Commands")[1].split("## ")[0]
    first = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", first)) == commands
    shown = law.rules_of("levels.md", PAGE.split("```polar\n")[1].split("```")[0])
    for rule in shown:
        assert rule.text in {each.text for each in POLICIES.law.rules}
        assert rule.name == "?=" or rule.sentence in {each.sentence for each in POLICIES.law.rules}


def test_the_page_lists_every_fact_that_rules_may_read() -> None:
    table = PAGE.split("| Fact | It has |")[1].split("\n\n")[0]
    for fact in FACTS:
        assert f"`{fact.__name__}`" in table
        for attribute in dataclasses.fields(fact):
            assert f"`{attribute.name}`" in table
