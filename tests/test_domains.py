"""What the pages of the domains say is so: fields with their levels, examples that are asked, failures that are shown."""

import re
from pathlib import Path

import pytest

from schema import CATALOGUE, PUBLIC_NAMES, SCHEMA

ROOT = Path(__file__).parent.parent
DOMAINS = ("aid", "exchange", "governance", "identity", "insurance", "oversight")
OUTSIDE_THE_CATALOGUE = {
    "Disclosure",
    "JointDecision",
    "JointDecisionStep",
    "JointPerson",
    "JointProposal",
    "Message",
    "MessageAttachment",
    "MessageKey",
    "OrganisationStep",
    "OwnReferral",
    "Paper",
    "Referral",
    "ReferralStep",
    "RegisterEvidence",
    "RegisteredOrganisation",
    "Seat",
    "Source",
    "SpokenOf",
    "StaffAccount",
    "Survey",
    "SurveyAnswer",
    "SurveyAnswers",
    "SurveyCount",
    "SurveyOption",
    "SurveyQuestion",
    "SurveyResult",
    "SurveyResults",
    "Thread",
    "ThreadParty",
    "Workshop",
}


def page(domain: str) -> str:
    """A domain's page."""
    return (ROOT / "docs" / "domains" / f"{domain}.md").read_text(encoding="utf-8")


def levels() -> dict[str, str]:
    """Every field of the schema with the level printed beside it, or beside its type."""
    found: dict[str, str] = {}
    kind, of_type = "", ""
    for line in SCHEMA.as_str().splitlines():
        level = re.search(r"@access\(level: (\w+)", line)
        if opened := re.match(r"(?:type|input) (\w+)", line):
            kind, of_type = opened[1], level[1].lower() if level else ""
        elif line.startswith(("input ", "enum ")):
            kind = ""
        elif kind and (one := re.match(r"  (\w+)\b.*: ", line)):
            found[f"{kind}.{one[1]}"] = level[1].lower() if level else of_type
    return found


LEVELS = levels()


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_field_a_page_lists_has_the_level_it_says(domain: str) -> None:
    listed = dict(re.findall(r"^\| `(\w+\.\w+)` \| (\w+) \|", page(domain), re.MULTILINE))
    assert listed
    assert {name: LEVELS[name] for name in listed} == listed


def test_every_attribute_of_the_schema_is_on_a_page() -> None:
    listed = {name for domain in DOMAINS for name in re.findall(r"^\| `(\w+\.\w+)` \|", page(domain), re.MULTILINE)}
    assert {PUBLIC_NAMES[each.coordinate] for each in CATALOGUE.attributes()} == {
        name for name in listed if name.split(".", maxsplit=1)[0] not in OUTSIDE_THE_CATALOGUE
    }
    for kind in OUTSIDE_THE_CATALOGUE:
        assert {name for name in LEVELS if name.startswith(f"{kind}.")} == {name for name in listed if name.startswith(f"{kind}.")}


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_question_of_a_domain_is_an_example_on_its_page(domain: str) -> None:
    linked = set(re.findall(rf"queries/{domain}/([\w-]+)\.graphql", page(domain)))
    assert linked == {path.stem for path in (ROOT / "tests" / "queries" / domain).glob("*.graphql")}


def shown(domain: str) -> set[str]:
    """The failures of a domain that a question or a test shows."""
    found: set[str] = set()
    for path in (ROOT / "tests" / "queries" / domain).glob("*.graphql"):
        for line in re.findall(r"^# failures: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found |= set(line.split(", "))
    for path in (ROOT / "tests").glob("test_*.py"):
        for sentence in re.findall(r'"""(Failure [^"]*)"""', path.read_text(encoding="utf-8")):
            found |= set(re.findall(rf"(\d+\.\d+[a-z]) of {domain}\b", sentence))
    return found


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_failure_on_a_page_is_shown_by_a_question_or_a_test(domain: str) -> None:
    failures = re.findall(r"^\| (\d+\.\d+[a-z]) \|", page(domain), re.MULTILINE)
    assert len(set(failures)) == len(failures)
    assert set(failures) - shown(domain) == set()


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_failure_leaves_from_a_step_that_is_there(domain: str) -> None:
    steps = set()
    chapter = "0"
    for line in page(domain).splitlines():
        if heading := re.match(r"## (\d+)\. ", line):
            chapter = heading[1]
        elif step := re.match(r"(\d+)\. ", line):
            steps.add(f"{chapter}.{step[1]}")
    assert {failure[:-1] for failure in re.findall(r"^\| (\d+\.\d+[a-z]) \|", page(domain), re.MULTILINE)} <= steps
