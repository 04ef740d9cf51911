"""hub.toml is read whole or not at all, and every refusal names the line and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from errors import ConfigError
from places import line_of
from settings import Limits, Settings, load
from tests.serving import ROOT
from values import OrganisationKind, Purpose, Scheme

WHOLE = """\
[hub]
database = "sqlite:///hub.db"
record = "sqlite:////srv/record.db"
keys = "keys.json"

[organisations.aid]
name = { ar = "عون", en = "Aid" }
kind = "ngo"
purposes = ["aid_distribution"]

[organisations.registry.name]
ar = "سجل"
en = "Registry"

[organisations.registry]
kind = "registry"
verified = true

[sources.people]
steward = "registry"
wire = "sql"
address = "sqlite:///people.db"
headers = { Authorization = "Bearer ${env:MIZALLA_TEST_TOKEN}" }

[sources.people.entities.person]
read = "resident"
key = "number"
key_scheme = "national_number"

[sources.people.entities.person.identifiers]
ration_card = ["card", "line"]

[sources.people.entities.person.attributes]
sex = "sex"
name = ["given", "surname"]
living = { value = true }

[sources.people.entities.person.attributes.governorate]
column = "gov"
codes = { "1" = "IQ-BG" }

[[agreements]]
receiver = "aid"
source = "people"
attributes = ["person.sex"]
purposes = ["aid_distribution"]
until = 2030-12-31
basis = "a memorandum"

[[agreements]]
receiver = "registry"
source = "people"
attributes = ["person.*"]
purposes = ["statistics"]
until = 2030-12-31
basis = "the law"
"""


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIZALLA_TEST_TOKEN", "t0p-secret")
    monkeypatch.delenv("MIZALLA_TEST_NOTHING", raising=False)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "hub.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(folder: Path, text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    assert caught.value.hint
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "no chain: an input may hold a secret"
    return caught.value


# --- what is read ----------------------------------------------------------------------------------------------------------


def test_a_whole_file_is_read_into_frozen_settings(tmp_path: Path) -> None:
    settings = load(written(tmp_path, WHOLE))
    assert settings.organisations["aid"].kind is OrganisationKind.NGO
    assert settings.organisations["aid"].purposes == (Purpose.AID_DISTRIBUTION,)
    person = settings.sources["people"].entities["person"]
    assert person.key_scheme is Scheme.NATIONAL_NUMBER
    assert person.identifiers == {Scheme.RATION_CARD: ("card", "line")}
    assert person.attributes["sex"].column == ("sex",)
    assert person.attributes["name"].column == ("given", "surname")
    assert person.attributes["living"].value is True
    assert person.attributes["governorate"].codes == {"1": "IQ-BG"}
    assert settings.agreements[1].attributes == ("person.*",)
    with pytest.raises(ValidationError):
        settings.hub.port = 9  # type: ignore[misc]


def test_relative_files_start_from_the_folder_of_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    settings = load(written(tmp_path, WHOLE))
    assert settings.hub.database == f"sqlite:///{tmp_path}/hub.db"
    assert settings.hub.record == "sqlite:////srv/record.db"
    assert settings.hub.keys == str(tmp_path / "keys.json")
    assert settings.sources["people"].address == f"sqlite:///{tmp_path}/people.db"
    assert settings.folder == tmp_path
    files = WHOLE.replace('wire = "sql"\naddress = "sqlite:///people.db"', 'wire = "files"\naddress = "exports"')
    assert load(written(tmp_path, files)).sources["people"].address == str(tmp_path / "exports")


def test_an_empty_file_is_a_hub_with_every_default(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ""))
    assert settings.hub.limits == Limits()
    assert settings.hub.database == f"sqlite:///{tmp_path}/var/hub.db"
    assert not settings.sources


def test_keys_may_stand_in_the_environment(tmp_path: Path) -> None:
    assert load(written(tmp_path, '[hub]\nkeys = "env:MIZALLA_KEYS"')).hub.keys == "env:MIZALLA_KEYS"


def test_a_secret_is_filled_in_and_never_printed(tmp_path: Path) -> None:
    settings = load(written(tmp_path, WHOLE))
    assert settings.sources["people"].headers["Authorization"].get_secret_value() == "Bearer t0p-secret"
    assert "t0p-secret" not in repr(settings)
    assert "t0p-secret" not in settings.model_dump_json()


def test_the_samples_own_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CRESCENT_AID_URL", "RAFIDAIN_RELIEF_URL", "RAFIDAIN_RELIEF_TOKEN"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    settings = load(ROOT / "samples" / "hub.toml")
    assert len(settings.sources) == 6
    assert settings.agreements


# --- what is refused ---------------------------------------------------------------------------------------------------------

REFUSED = {
    # change, new text, line, what the message says
    "an unknown key of a table": (
        'steward = "registry"',
        'steward = "registry"\nspeed = 3',
        21,
        "sources.people.speed: unknown key `speed`",
    ),
    "an unknown table": ("[hub]", "[hubb]\nx = 1\n[hub]", 1, "hubb: unknown key `hubb`"),
    "an unknown key of an inline table": ("living = { value = true }", "living = { valu = true }", 36, "living.valu: unknown key `valu`"),
    "a missing key": ('wire = "sql"\n', "", 19, "sources.people.wire: Field required"),
    "a missing language": (', en = "Aid"', "", 7, "organisations.aid.name.en: Field required"),
    "an unknown wire": ('wire = "sql"', 'wire = "soap"', 21, "sources.people.wire"),
    "an unknown kind": ('kind = "ngo"', 'kind = "club"', 8, "organisations.aid.kind"),
    "an unknown purpose": ('purposes = ["aid_distribution"]\n\n', 'purposes = ["curiosity"]\n\n', 9, "organisations.aid.purposes.0"),
    "an unknown scheme": ('ration_card = ["card", "line"]', 'passport = "p"', 31, "identifiers.passport"),
    "an unknown conversion": ('column = "gov"', 'column = "gov"\nconvert = "magic"', 40, "governorate.convert"),
    "a column and a value": ("{ value = true }", '{ value = true, column = "x" }', 36, "give either `column` or a fixed `value`"),
    "neither column nor value": ("{ value = true }", "{ scale = 2 }", 36, "give either `column` or a fixed `value`"),
    "a name with capitals": ("[organisations.aid]", "[organisations.Aid]", 6, "organisations.Aid"),
    "a steward nobody knows": (
        'steward = "registry"',
        'steward = "nobody"',
        20,
        "sources.people.steward: `nobody` is not among [organisations]",
    ),
    "a receiver nobody knows": (
        'receiver = "registry"',
        'receiver = "nobody"',
        51,
        "agreements.1.receiver: `nobody` is not among [organisations]",
    ),
    "an agreement on no source": (
        'source = "people"\nattributes = ["person.sex"]',
        'source = "none"\nattributes = ["person.sex"]',
        44,
        "agreements.0.source: `none` is not among [sources]",
    ),
    "an end that is no day": ('until = 2030-12-31\nbasis = "the law"', 'until = "soon"\nbasis = "the law"', 55, "agreements.1.until"),
    "no list of attributes": ('attributes = ["person.sex"]', 'attributes = "person.sex"', 45, "agreements.0.attributes"),
    "a database of another kind": ('"sqlite:///hub.db"', '"oracle://x"', 2, "hub.database: write sqlite:///file, postgresql://"),
    "a database that is no address": ('"sqlite:////srv/record.db"', '"record.db"', 3, "hub.record: write sqlite:///file"),
    "the record in the hub's own database": ('"sqlite:////srv/record.db"', '"sqlite:///hub.db"', 3, "hub.record: name another database"),
    "a secret that is not set": ("MIZALLA_TEST_TOKEN", "MIZALLA_TEST_NOTHING", 23, "the environment has no MIZALLA_TEST_NOTHING"),
    "a secret in small letters": ("${env:MIZALLA_TEST_TOKEN}", "${env:token}", 23, "`${env:token}` is not a variable"),
    "a secret without its kind": ("${env:MIZALLA_TEST_TOKEN}", "${MIZALLA_TEST_TOKEN}", 23, "is not a variable"),
    "a secret that does not end": ("${env:MIZALLA_TEST_TOKEN}", "${env:MIZALLA_TEST_TOKEN", 23, "is not a variable"),
}


@pytest.mark.parametrize(("before", "after", "line", "says"), REFUSED.values(), ids=list(REFUSED))
def test_a_file_that_is_not_understood_is_refused_with_its_line(tmp_path: Path, before: str, after: str, line: int, says: str) -> None:
    assert WHOLE.count(before) >= 1
    error = refused(tmp_path, WHOLE.replace(before, after, 1))
    assert says in error.message
    assert error.place == f"{tmp_path}/hub.toml:{line}"
    assert "t0p-secret" not in str(error)


@pytest.mark.parametrize(
    ("stanza", "key", "value"),
    [
        ("[hub]", "port", "0"),
        ("[hub]", "port", "65536"),
        ("[hub]", "port", '"http"'),
        ("[hub]", "database", "5"),
        ("[hub.limits]", "depth", "0"),
        ("[hub.limits]", "tokens", "-1"),
        ("[hub.limits]", "body_bytes", "0"),
        ("[hub.limits]", "fields", "1.5"),
        ("[hub.limits]", "page_rows", '"all"'),
        ("[hub.limits]", "page_rows", "1001"),
        ("[sources.people]", "timeout_seconds", "0"),
        ("[sources.people]", "timeout_seconds", "61"),
        ("[sources.people]", "retries", "6"),
        ("[sources.people]", "concurrency", "0"),
        ("[sources.people]", "page_size", "0"),
        ("[sources.people]", "max_bytes", "1"),
        ("[sources.people.breaker]", "failures", "0"),
        ("[sources.people.breaker]", "reset_seconds", "0"),
        ("[sources.people.breaker]", "reset", "1"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_at_its_line(tmp_path: Path, stanza: str, key: str, value: str) -> None:
    places = {
        "[hub]": ("[hub]\n", f"[hub]\n{key} = {value}\n"),
        "[sources.people]": ("[sources.people]\n", f"[sources.people]\n{key} = {value}\n"),
    }
    before, after = places.get(stanza, ("[organisations.aid]\n", f"{stanza}\n{key} = {value}\n\n[organisations.aid]\n"))
    text = WHOLE.replace('database = "sqlite:///hub.db"\n', "").replace(before, after, 1)
    error = refused(tmp_path, text)
    line = text.splitlines().index(f"{key} = {value}") + 1
    assert error.place == f"{tmp_path}/hub.toml:{line}"
    assert f"{stanza.strip('[]')}.{key}" in error.message


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[hub]\nport = \n", 2, "not TOML"),
        ("[hub]\nport = 1\nport = 2\n", 3, "not TOML"),
        ("a = '\n", 1, "not TOML"),
        (b"[hub]\n# caf\xe9\n", 2, "not UTF-8"),
        (b"\xff\xfe[\x00h\x00", 1, "not UTF-8"),
        ("hub = 5", 1, "hub"),
        ("sources = []", 1, "sources"),
        ("[sources]\nx = 1", 2, "sources.x"),
        ("agreements = 1", 1, "agreements"),
        ("hub = { database = [1] }", 1, "hub.database"),
    ],
)
def test_what_is_no_table_of_ours_is_refused_with_its_line(tmp_path: Path, text: str | bytes, line: int, says: str) -> None:
    error = refused(tmp_path, text)
    assert error.place == f"{tmp_path}/hub.toml:{line}"
    assert says in error.message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no nothing\.toml") as missing:
        load(tmp_path / "nothing.toml")
    assert missing.value.place == str(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match="it cannot be read: Is a directory"):
        load(tmp_path)


def test_a_place_leads_to_its_line_or_the_nearest_table(tmp_path: Path) -> None:
    settings = load(written(tmp_path, WHOLE))
    for dotted, line in {
        "hub.database": 2,
        "hub.port": 1,
        "sources.people.address": 22,
        "sources.people.entities.person.attributes.governorate.codes": 40,
        "sources.people.entities.person.attributes.birth_date": 33,
        "sources.people.entities.household.read": 19,
        "agreements.1.attributes": 53,
        "organisations.registry.name.ar": 12,
        "nothing.at.all": 1,
    }.items():
        assert settings.place(dotted) == f"{tmp_path}/hub.toml:{line}", dotted
    settings.path.unlink()
    assert settings.place("hub.database") == str(tmp_path / "hub.toml")


def test_a_quoted_key_and_a_dotted_one_have_their_lines() -> None:
    text = '[sources."people"]\nbreaker.failures = 3\n"steward" = "x"\n'
    assert line_of(text, ("sources", "people", "breaker", "failures")) == 2
    assert line_of(text, ("sources", "people", "steward")) == 3


def test_settings_made_in_code_know_the_same_promises() -> None:
    with pytest.raises(ValidationError, match="is not among"):
        Settings.model_validate({"sources": {"x": {"steward": "nobody", "wire": "hub"}}})
