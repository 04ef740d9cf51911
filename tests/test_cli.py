"""The command line: every command shows what to type, does it, and says in one line what is wrong and what to do."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import structlog
from click.testing import CliRunner, Result

from cli import main
from settings import Settings
from tests.asking import copied
from tests.country import Country
from tests.serving import ROOT, serving

FAMILY = str(ROOT / "samples" / "questions" / "family.graphql")
CASELOAD = "{ people(first: 2) { id sex } }"


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Commands set up logging for their own process; here it is everybody's."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def own(country: Country, tmp_path: Path) -> Settings:
    """The settings of a copy of the country, whose hub may be changed."""
    return copied(country, tmp_path / "own")


def mizalla(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    """Run a command; whatever it raises beyond an exit is the test's failure."""
    result = CliRunner().invoke(main, arguments, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(result: Result, exit_code: int = 1) -> str:
    """The one line of a command that failed."""
    assert result.exit_code == exit_code, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    return line


def answered(*arguments: str) -> Any:
    """The data of a question that was answered without errors."""
    result = mizalla("ask", *arguments)
    assert result.exit_code == 0, result.output
    body = json.loads(result.stdout)
    assert "errors" not in body
    return body["data"]


# --- help ------------------------------------------------------------------------------------------------------------------


def _all(command: click.Command, name: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found = {name: command}
    for part, below in command.commands.items() if isinstance(command, click.Group) else ():
        found |= _all(below, (*name, part))
    return found


@pytest.mark.parametrize("path", _all(main), ids=" ".join)
def test_every_command_and_group_shows_an_example(path: tuple[str, ...]) -> None:
    result = mizalla(*path, "--help")
    assert result.exit_code == 0
    assert re.search(rf"^ +(PORT=9000 )?{' '.join(('mizalla', *path))}\b", result.stdout, re.MULTILINE)
    assert mizalla(*path, "-h").stdout == result.stdout


def test_help_waits_for_nothing_that_only_work_needs() -> None:
    """Importing the hub takes seconds; showing what to type must not."""
    code = "import cli, sys; print(sorted({'httpx', 'pydantic', 'settings', 'sqlalchemy', 'strawberry', 'structlog'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_version_is_the_packages() -> None:
    assert re.fullmatch(r"main, version \d+\.\d+\.\d+\n|mizalla, version \d+\.\d+\.\d+\n", mizalla("--version").stdout)


# --- hub.toml ----------------------------------------------------------------------------------------------------------------


def test_a_sound_configuration_has_a_tick_for_every_source(country: Country) -> None:
    result = mizalla("check", "--config", str(country.folder / "hub.toml"))
    assert result.exit_code == 0, result.output
    assert sorted(result.stdout.splitlines()) == sorted(f"✓ {name}" for name in country.settings.sources)
    assert result.stderr == ""


def test_checking_before_the_first_start_makes_nothing(own: Settings) -> None:
    for name in ("hub.db", "hub.db-wal", "hub.db-shm", "record.db", "record.db-wal", "record.db-shm"):
        (own.folder / name).unlink(missing_ok=True)
    result = mizalla("check", "--config", str(own.path))
    assert result.exit_code == 0
    assert "! " in result.stdout
    assert "the first `mizalla serve` makes it" in result.stdout
    assert not (own.folder / "hub.db").exists()


BAD = {
    "an unknown key": ('wire = "rest"', 'wire = "rest"\nadress = "x"', "unknown key `adress`", "adress"),
    "a secret that is not set": ("${env:CRESCENT_AID_URL}", "${env:NOT_SET_HERE}", "the environment has no NOT_SET_HERE", "NOT_SET_HERE"),
    "an unknown entity": (".civil-registry.entities.household", ".civil-registry.entities.houshold", "houshold", "houshold]"),
    "an unknown attribute": ('mother_name = "mother_name"', 'mothr_name = "mother_name"', "mothr_name", "mothr_name"),
    "a column that is not there": ('mother_name = "mother_name"', 'mother_name = "mothers"', "mothers", "mothers"),
    "a table that is not there": ('read = "resident"', 'read = "residents"', "residents", "residents"),
    "a source that is down": ("${env:CRESCENT_AID_URL}/crescent-aid", "http://127.0.0.1:9", "cannot be reached", "http://127.0.0.1:9"),
    "an unknown steward": ('steward = "labour-ministry"', 'steward = "labour"', "labour", "labour"),
    "an unknown option": ('wire = "rest"', 'wire = "rest"\noptions = { speed = "high" }', "speed", "speed"),
    "an address of nothing": ('"sqlite:///labour-ministry.db"', '"oracle://x/y"', "oracle", "oracle"),
    "an agreement on no field": ('"person.sex"', '"person.sexx"', "person.sexx", "attributes"),
}
"""What is changed in the sample's file, what the message says, and what stands in the line that it names."""


@pytest.mark.parametrize(("before", "after", "says", "stands"), BAD.values(), ids=list(BAD))
def test_a_fault_is_one_line_with_its_place_and_its_remedy(own: Settings, before: str, after: str, says: str, stands: str) -> None:
    text = own.path.read_text(encoding="utf-8")
    assert before in text
    text = text.replace(before, after)
    own.path.write_text(text, encoding="utf-8")
    result = mizalla("check", "--config", str(own.path))
    assert result.exit_code == 1, result.output
    lines = [line for line in result.output.splitlines() if not line.startswith("✓")]
    assert lines
    for line in lines:
        found = re.fullmatch(rf"(?:Error: |✗ ){re.escape(str(own.path))}:(\d+): (.+)\. Remedy: (.+)\.", line)
        assert found, line
        assert says in line
        assert stands in text.splitlines()[int(found[1]) - 1], line


@pytest.mark.parametrize(
    "command", [["check"], ["serve"], ["ask", "{ me { role } }"], ["keys", "list"], ["audit", "verify"], ["link", "--all"]]
)
def test_a_missing_hub_toml_is_said_with_the_remedy(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = told(mizalla(*command, "--config", str(tmp_path / "hub.toml")))
    assert str(tmp_path / "hub.toml") in line
    assert "Remedy: run `mizalla sample build`" in line
    monkeypatch.chdir(tmp_path)
    assert "name one with --config, or make the sample country: mizalla sample build" in told(mizalla(*command))


@pytest.mark.parametrize("command", [["serve"], ["ask", "{ me { role } }"], ["credential", "list"]])
def test_a_database_that_does_not_open_is_named_by_its_line(own: Settings, command: list[str]) -> None:
    text = own.path.read_text(encoding="utf-8").replace('"sqlite:///hub.db"', f'"sqlite:///{own.folder}"')
    own.path.write_text(text, encoding="utf-8")
    line = told(mizalla(*command, "--config", str(own.path)))
    assert f"{own.path}:7: the database of hub.database cannot be opened" in line


def test_a_missing_key_ring_is_said_with_the_command_that_makes_one(own: Settings) -> None:
    Path(own.hub.keys).unlink()
    assert "run `mizalla keys new`" in told(mizalla("ask", "{ me { role } }", "--config", str(own.path)))


# --- ask and why -------------------------------------------------------------------------------------------------------------


def test_the_main_question_is_answered_and_recorded(own: Settings) -> None:
    config = str(own.path)
    before = _recorded(own)
    family = answered("--config", config, "--as", "crescent-caseworker", "--file", FAMILY, "--var", "card=2043817/1")
    members = family["personByIdentifier"]["household"]["members"]
    assert any(each["allocations"] for each in members)
    assert _recorded(own) == before + 1


def _recorded(settings: Settings) -> int:
    if not Path(settings.hub.record.removeprefix("sqlite:///")).exists():
        return 0  # nothing was ever asked of this copy
    with sqlite3.connect(settings.hub.record.removeprefix("sqlite:///")) as connection:
        return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])


def test_a_question_takes_purpose_operation_variables_and_the_key_from_the_environment(own: Settings, country: Country) -> None:
    config = ["--config", str(own.path)]
    two = "query A { me { purpose } } query B($n: Int!) { people(first: $n) { __typename } }"
    who = ["--as", "crescent-caseworker"]
    assert answered(*config, *who, "--purpose", "case_management", "--operation", "A", two) == {"me": {"purpose": "CASE_MANAGEMENT"}}
    assert answered(*config, *who, "--operation", "B", "--var", "n=2", two) == {"people": [{"__typename": "Person"}] * 2}
    key = {"MIZALLA_KEY": country.keys["inspector"]}
    assert json.loads(mizalla("ask", *config, "{ me { role } }", environment=key).stdout) == {"data": {"me": {"role": "inspector"}}}
    assert json.loads(mizalla("ask", *config, "{ me { role } }").stdout) == {"data": {"me": {"role": "public"}}}


def test_explaining_says_what_each_source_was_asked_and_no_value(own: Settings) -> None:
    question = '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") { sex } }'
    result = mizalla("ask", "--config", str(own.path), "--as", "crescent-caseworker", "--explain", question)
    plan = json.loads(result.stdout)["extensions"]["plan"]
    assert plan
    assert all(step["sent"] for step in plan)
    assert "2043817" not in json.dumps(plan)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--as", "nobody", "{ me { role } }"], "known: crescent-caseworker"),
        (["--as", "mz_wrong", "{ me { role } }"], "the credential is not valid"),
        (["--as", "crescent-caseworker", "--purpose", "statistics", "{ me { role } }"], "aid_distribution"),
        (["--as", "crescent-caseworker", "--purpose", "زينب", "{ me { role } }"], "aid_distribution"),
        (["--var", "card", "{ me { role } }"], "--var NAME=VALUE"),
        ([], "there is no question"),
        (["  "], "there is no question"),
        (["{ \udcff }"], "not UTF-8"),
        (["--var", "a=\udcff", "{ me { role } }"], "not UTF-8"),
    ],
)
def test_a_question_that_cannot_be_asked_is_said_in_one_line(country: Country, arguments: list[str], says: str) -> None:
    assert says in told(mizalla("ask", "--config", str(country.folder / "hub.toml"), *arguments))


def test_a_question_that_does_not_hold_prints_its_errors_and_fails(country: Country) -> None:
    result = mizalla("ask", "--config", str(country.folder / "hub.toml"), "{ nothing }")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["errors"][0]["extensions"]["code"] == "GRAPHQL_INVALID"


def test_a_file_that_is_no_question_is_said_in_one_line(country: Country, tmp_path: Path) -> None:
    config = ["--config", str(country.folder / "hub.toml")]
    (tmp_path / "latin.graphql").write_bytes(b"# caf\xe9\n{ me { role } }")
    assert "not UTF-8" in told(mizalla("ask", *config, "--file", str(tmp_path / "latin.graphql")))
    for path in (tmp_path, tmp_path / "missing.graphql"):
        assert mizalla("ask", *config, "--file", str(path)).exit_code == 2


def test_why_tells_conditions_rule_agreement_and_what_is_missing(country: Country) -> None:
    config = ["--config", str(country.folder / "hub.toml")]
    result = mizalla("why", *config, "crescent-caseworker", "Person.name")
    assert result.exit_code == 0
    assert "crescent-caseworker" in result.stdout
    assert "missing: an agreement in force" in result.stdout
    assert re.search(r"\.polar:\d+", result.stdout)
    assert mizalla("why", *config, "crescent-caseworker", "person.name").stdout == result.stdout
    assert "Anyone may read an open field" in mizalla("why", *config, "public", "Organisation.name").stdout


def test_why_tells_what_is_met_for_one_person(own: Settings) -> None:
    config = ["--config", str(own.path)]
    question = '{ personByIdentifier(scheme: RATION_CARD, value: "2043817/1") { id } }'
    person = answered(*config, "--as", "crescent-caseworker", question)["personByIdentifier"]["id"]
    said = mizalla("why", *config, "crescent-caseworker", "Person.name", "--person", person).stdout
    assert "This person: an own case." in said
    assert "Consented for this purpose to: name, contact, birth, place, family." in said
    assert "knows no such person" in told(mizalla("why", *config, "rafidain-caseworker", "Person.name", "--person", person))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["crescent-caseworker", "Person.birthDat"], "near it: Person.birthDate"),
        (["crescent-caseworker", "Person"], "there is no field Person"),
        (["nobody", "Person.name"], "there is no credential called nobody"),
        (["crescent-caseworker", "Person.name", "--purpose", "statistics"], "this purpose is not among those of the credential"),
    ],
)
def test_why_of_nothing_is_said_in_one_line(country: Country, arguments: list[str], says: str) -> None:
    assert says in told(mizalla("why", "--config", str(country.folder / "hub.toml"), *arguments))


# --- keys, credentials, the record ---------------------------------------------------------------------------------------------


def test_a_key_ring_is_made_once_and_never_overwritten(own: Settings) -> None:
    ring = Path(own.hub.keys)
    before = ring.read_bytes()
    assert "keep it, or `mizalla keys rotate`" in told(mizalla("keys", "new", "--config", str(own.path)))
    assert ring.read_bytes() == before
    ring.unlink()
    assert "keep a copy of it" in mizalla("keys", "new", "--config", str(own.path)).stdout
    assert ring.stat().st_mode & 0o777 == 0o600
    assert ring.read_bytes() != before


def test_after_a_rotation_new_identifiers_are_made_and_old_ones_still_resolve(own: Settings) -> None:
    who = ["--config", str(own.path), "--as", "crescent-caseworker"]
    old = answered(*who, CASELOAD)["people"]
    assert (
        mizalla("keys", "rotate", "--config", str(own.path)).stdout
        == "version 2 is now in use; a running hub takes it before its next answer\n"
    )
    listed = mizalla("keys", "list", "--config", str(own.path)).stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["version", "1"], ["version", "2"]]
    assert [line.endswith("in use") for line in listed] == [False, True]
    new = answered(*who, CASELOAD)["people"]
    assert {each["id"] for each in new}.isdisjoint(each["id"] for each in old)
    for before, after in zip(old, new, strict=True):
        found = answered(*who, "--var", f"id={before['id']}", "query($id: ID!) { person(id: $id) { id sex } }")
        assert found == {"person": after}


def test_a_credential_works_from_its_issue_to_its_revocation(own: Settings, tmp_path: Path) -> None:
    config = ["--config", str(own.path)]
    options = ["--organisation", "crescent-aid", "--role", "caseworker", "--purpose", "case_management", "--purpose", "aid_distribution"]
    issued = mizalla("credential", "issue", *config, "amal-desk", *options, "--days", "1")
    key = issued.stdout.strip()
    assert "not shown again" in issued.stderr
    question = "{ me { name purposes } }"
    with serving(own.path, tmp_path / "output.txt") as hub:
        headers = {"authorization": f"Bearer {key}"}
        asked = httpx.post(f"{hub.url}/graphql", json={"query": question}, headers=headers)
        assert asked.json()["data"] == {"me": {"name": "amal-desk", "purposes": ["CASE_MANAGEMENT", "AID_DISTRIBUTION"]}}
        (line,) = [line for line in mizalla("credential", "list", *config).stdout.splitlines() if " amal-desk " in line]
        assert line.endswith("caseworker  case_management aid_distribution  in use")
        assert key.split("_", 2)[2] not in line
        assert mizalla("credential", "revoke", *config, line.split()[0]).stdout == "revoked\n"
        time.sleep(1)
        assert httpx.post(f"{hub.url}/graphql", json={"query": question}, headers=headers).status_code == 401
    assert "the credential is not valid" in told(mizalla("ask", *config, "--as", key, question))
    (line,) = [line for line in mizalla("credential", "list", *config).stdout.splitlines() if " amal-desk " in line]
    assert line.endswith("revoked")


@pytest.mark.parametrize(
    ("change", "exit_code", "says"),
    [
        ({"--organisation": "nobody"}, 1, "there is no organisation nobody"),
        ({"--role": "person"}, 2, "'person' is not one of"),
        ({"--purpose": "curiosity"}, 2, "'curiosity' is not one of"),
        ({"--days": "0"}, 2, "0 is not in the range"),
    ],
)
def test_a_credential_that_cannot_be_is_not_issued(own: Settings, change: dict[str, str], exit_code: int, says: str) -> None:
    given = {"--organisation": "crescent-aid", "--role": "caseworker", "--purpose": "aid_distribution", **change}
    before = mizalla("credential", "list", "--config", str(own.path)).stdout
    options = [text for pair in given.items() for text in pair]
    result = mizalla("credential", "issue", "--config", str(own.path), "x", *options)
    assert result.exit_code == exit_code
    assert says in result.stderr
    assert mizalla("credential", "list", "--config", str(own.path)).stdout == before


def test_revoking_what_was_never_issued_says_so(own: Settings) -> None:
    assert "no credential has this id" in told(mizalla("credential", "revoke", "--config", str(own.path), "nono"))


def test_a_record_that_was_touched_is_found_out(own: Settings) -> None:
    config = ["--config", str(own.path)]
    for _ in range(3):
        answered(*config, "--as", "crescent-caseworker", CASELOAD)
    sound = mizalla("audit", "verify", *config)
    assert sound.exit_code == 0
    assert re.fullmatch(r"The chain is sound\. \d+ entries, \d+ signed heads\.\n", sound.stdout)
    with sqlite3.connect(own.hub.record.removeprefix("sqlite:///")) as connection:
        number, body = connection.execute("SELECT number, body FROM entry ORDER BY number DESC LIMIT 1 OFFSET 1").fetchone()
        turned = bytes([*body[:-10], body[-10] ^ 1, *body[-9:]])
        connection.execute("UPDATE entry SET body = ? WHERE number = ?", (turned, number))
    connection.close()
    broken = mizalla("audit", "verify", *config)
    assert broken.exit_code == 1
    assert str(number) in broken.stdout


def test_a_record_that_is_not_there_is_said_in_one_line(own: Settings) -> None:
    for path in own.folder.glob("record.db*"):
        path.unlink()
    told(mizalla("audit", "verify", "--config", str(own.path)))


# --- linking and the sample ------------------------------------------------------------------------------------------------------


def test_linking_again_finds_nothing_new_and_its_report_is_the_last_runs(own: Settings, tmp_path: Path) -> None:
    report = tmp_path / "report.tsv"
    outputs = []
    for _ in range(2):
        result = mizalla("link", "--all", "--config", str(own.path), "--report", str(report))
        assert result.exit_code == 0, result.output
        outputs.append((result.stdout, report.read_text(encoding="utf-8")))
    for output, _ in outputs:
        assert re.findall(r"(\d+) new\b", output), output
        assert set(re.findall(r"(\d+) new\b", output)) == {"0"}
    assert outputs[0][1] == outputs[1][1]
    for line in outputs[0][1].splitlines():
        source, row, word, reason = line.split("\t")
        assert source in own.sources
        assert row.isdecimal()
        assert word in {"conflict", "unreadable"}
        assert reason
        assert not re.search(r"\d{6}", reason.replace("2043817/1", "")), "a reason repeats no number but its example"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name one source, or --all"),
        (["civil-registry", "--all"], "name one source, or --all"),
        (["nothing"], "there is no source nothing"),
    ],
)
def test_linking_nothing_names_the_sources(own: Settings, arguments: list[str], says: str) -> None:
    line = told(mizalla("link", *arguments, "--config", str(own.path)))
    assert says in line
    assert "civil-registry, labour-ministry" in line


def test_a_report_that_cannot_be_written_stops_before_linking(own: Settings) -> None:
    assert "/nowhere/report.tsv" in told(mizalla("link", "--all", "--config", str(own.path), "--report", "/nowhere/report.tsv"))


def test_the_sample_is_built_and_tells_its_keys(tmp_path: Path) -> None:
    folder = str(tmp_path / "sample")
    assert "run: mizalla sample build" in told(mizalla("sample", "credentials", "--folder", folder))
    built = mizalla("sample", "build", "--people", "5", "--folder", folder)
    assert built.exit_code == 0, built.output
    credentials = json.loads(mizalla("sample", "credentials", "--folder", folder).stdout)
    assert {tuple(each) for each in credentials} == {("name", "kind", "organisation", "role", "purposes", "key")}
    assert {"crescent-caseworker", "inspector", "umm-hassan"} <= {each["name"] for each in credentials}
    config = ["--config", str(tmp_path / "sample" / "hub.toml")]
    assert answered(*config, "--as", "inspector", "{ me { role } }") == {"me": {"role": "inspector"}}


# --- serve -----------------------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said_in_one_line_with_the_remedy(own: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = told(mizalla("serve", "--config", str(own.path), "--port", port))
    assert f"127.0.0.1:{port} cannot be listened on" in line
    assert "Remedy: end what listens there, or choose another with --host and --port." in line


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_in_order_and_in_silence(own: Settings, tmp_path: Path, stop: signal.Signals) -> None:
    with serving(own.path, tmp_path / "output.txt") as hub:
        answer = httpx.post(f"{hub.url}/graphql", json={"query": "{ me { role } }"})
        assert answer.json() == {"data": {"me": {"role": "public"}}}
        hub.process.send_signal(stop)
        assert hub.process.wait(20) == 0
        assert hub.said() == ""


def test_a_module_run_is_the_command() -> None:
    run = subprocess.run([sys.executable, "-m", "cli", "sample", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "mizalla sample build" in run.stdout
