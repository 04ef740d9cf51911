"""Trusted documents over real HTTP: named by their hash, each organisation's own, and nothing else where a role is bound."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from errors import ConfigError
from privacy.credentials import Credentials
from privacy.keys import KeyRing
from schema.door.trusted import AUTOMATIC, Trusted
from settings import Settings, load
from tables.database import Database
from tests.asking import copied
from tests.country import Country
from tests.serving import ROOT, serving
from values import PUBLIC, Purpose, Role

ROLE = "{ me { role } }\n"
CASES = "query Cases($first: Int! = 2) { people(first: $first) { id } }\n"
CRESCENT = "{ me { organisation role } people(first: 1) { sex } }\n"
HOPE = "{ me { organisation } people(first: 1) { birthYear } }\n"
ASKING = "{ __schema { queryType { name } } me { role } }\n"
WRITING = 'mutation { consentWithdraw(input: { id: "1" }) { __typename } }\n'


def hashed(text: str) -> str:
    """As `sha256sum` prints it."""
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Hub:
    """A client of a hub that has documents."""

    client: httpx.Client
    keys: dict[str, str]

    def ask(self, body: dict[str, Any], who: str | None = None, **headers: str) -> dict[str, Any]:
        """The body of the answer."""
        given = {"accept": "application/graphql-response+json"} | ({"authorization": f"Bearer {self.keys[who]}"} if who else {})
        response = self.client.post("/graphql", json=body, headers=given | headers)
        body = dict(response.json())
        forbidden = "data" not in body and body["errors"][0]["extensions"]["code"] == "NOT_PERMITTED"
        assert response.status_code == (200 if "data" in body else 403 if forbidden else 400)
        return body

    def code(self, body: dict[str, Any], who: str | None = None) -> str:
        """The code of the one error of a request that does not run."""
        answer = self.ask(body, who)
        assert set(answer) == {"errors"}
        (error,) = answer["errors"]
        assert error["extensions"]["hint"]
        return str(error["extensions"]["code"])


def by_hash(text: str, **more: Any) -> dict[str, Any]:
    """A request that names a document in the way of clients that register."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed(text)}}, **more}


def with_documents(country: Country, folder: Path, stanza: str) -> Settings:
    """A copy of a country whose hub has a folder of documents."""
    copied(country, folder)
    documents = folder / "documents"
    for name, text in {
        "role.graphql": ROLE,
        f"{hashed(CASES)}.graphql": CASES,
        "README.txt": "not a document",
        "crescent-aid/own.graphql": CRESCENT,
        "hope-network/manifest.json": json.dumps({f"sha256:{hashed(HOPE)}": HOPE, hashed(ASKING): ASKING}),
        "more.json": json.dumps({hashed(WRITING): WRITING}),
    }.items():
        (documents / name).parent.mkdir(parents=True, exist_ok=True)
        (documents / name).write_text(text, encoding="utf-8")
    path = folder / "hub.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + f"\n[hub.documents]\n{stanza}\n", encoding="utf-8")
    return load(path)


async def app(settings: Settings, organisation: str) -> str:
    """The key of an app of an organisation."""
    database = Database.at(settings.hub.database)
    await database.open()
    made = Credentials(database, KeyRing.load(settings.hub.keys))
    key = await made.issue(f"{organisation}-app", "app", organisation, Role.DEVELOPER, (Purpose.AID_DISTRIBUTION,), 0)
    await database.close()
    return key


@pytest.fixture(scope="module")
def hub(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub whose apps run trusted documents only."""
    folder = tmp_path_factory.mktemp("trusted") / "hub"
    settings = with_documents(country, folder, 'folder = "documents"\ntrusted_only = ["developer"]')
    keys = country.keys | {name: asyncio.run(app(settings, name)) for name in ("crescent-aid", "hope-network")}
    with serving(settings.path, folder / "output.txt") as served, httpx.Client(base_url=served.url, timeout=30, verify=False) as client:
        yield Hub(client, keys)


@pytest.fixture(scope="module")
def automatic(country: Country, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub where anybody registers documents."""
    folder = tmp_path_factory.mktemp("automatic") / "hub"
    settings = with_documents(country, folder, "automatic = true")
    with serving(settings.path, folder / "output.txt") as served, httpx.Client(base_url=served.url, timeout=30, verify=False) as client:
        yield Hub(client, dict(country.keys))


# --- by hash -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [by_hash(ROLE), {"documentId": hashed(ROLE)}, {"documentId": f"sha256:{hashed(ROLE).upper()}"}, by_hash(ROLE, documentId=hashed(ROLE))],
)
def test_a_document_is_run_by_its_hash_in_either_form(body: dict[str, Any], hub: Hub) -> None:
    assert hub.ask(body) == {"data": {"me": {"role": "public"}}}


def test_a_document_is_run_by_its_hash_with_variables_and_by_get(hub: Hub) -> None:
    body = by_hash(CASES, variables={"first": 3}, operationName="Cases")
    assert len(hub.ask(body, "crescent-caseworker")["data"]["people"]) == 3
    for given in ({"documentId": hashed(ROLE)}, {"extensions": json.dumps(by_hash(ROLE)["extensions"])}):
        assert hub.client.get("/graphql", params=given).json() == {"data": {"me": {"role": "public"}}}


def test_introspection_beside_a_field_runs_the_trusted_text(hub: Hub) -> None:
    """The way round through Strawberry's own execution has the text too, though the request has none."""
    assert hub.ask(by_hash(ASKING), "hope-network")["data"] == {"__schema": {"queryType": {"name": "Query"}}, "me": {"role": "developer"}}


def test_a_hash_never_seen_is_not_found(hub: Hub) -> None:
    assert hub.code(by_hash("{ me { name } }")) == "PERSISTED_QUERY_NOT_FOUND"
    assert hub.code({"documentId": "0" * 64}, "crescent-caseworker") == "PERSISTED_QUERY_NOT_FOUND"


def test_a_text_with_another_hash_is_refused(hub: Hub) -> None:
    assert hub.ask(by_hash(ROLE, query=ROLE))["data"] == {"me": {"role": "public"}}
    assert hub.code(by_hash(ROLE, query="{ me { name } }"), "crescent-caseworker") == "INVALID"


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": "role"},
        {"documentId": 1},
        {"documentId": "md5:" + "0" * 64},
        {"documentId": "0" * 63},
        {"documentId": "0" * 64, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "1" * 64}}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": "0" * 64}},
        {"extensions": {}},
        {},
    ],
)
def test_what_names_no_document_is_refused(body: dict[str, Any], hub: Hub) -> None:
    assert hub.code(body) == "HTTP_INVALID"
    if body.get("documentId") or body.get("extensions"):
        assert hub.code({**body, "query": ROLE}) == "HTTP_INVALID"


# --- whose -------------------------------------------------------------------------------------------------------------------


def test_a_bound_role_runs_trusted_documents_and_nothing_else(hub: Hub) -> None:
    assert hub.ask(by_hash(ROLE), "crescent-aid")["data"] == {"me": {"role": "developer"}}
    assert hub.ask({"query": ROLE}, "crescent-aid")["data"] == {"me": {"role": "developer"}}, "the very text is the document"
    for query in ("{ me { role } }", "{ me { name } }", "{ __schema { description } }", "{ nothing }", "{"):
        assert hub.code({"query": query}, "crescent-aid") == "NOT_PERMITTED"
    assert hub.code(by_hash("{ me { name } }", query="{ me { name } }"), "crescent-aid") == "NOT_PERMITTED"
    assert hub.ask({"query": "{ me { role } }"}, "crescent-caseworker")["data"] == {"me": {"role": "caseworker"}}


def test_an_organisations_documents_are_its_own(hub: Hub) -> None:
    own = hub.ask(by_hash(CRESCENT), "crescent-aid")["data"]
    assert own["me"] == {"organisation": "crescent-aid", "role": "developer"}
    assert own["people"][0]["sex"] in {"F", "M"}
    assert hub.ask(by_hash(CRESCENT), "crescent-caseworker")["data"]["me"]["role"] == "caseworker"
    assert hub.ask(by_hash(HOPE), "hope-network")["data"]["me"] == {"organisation": "hope-network"}
    for text, who in ((HOPE, "crescent-aid"), (CRESCENT, "hope-network"), (CRESCENT, "hope-caseworker"), (CRESCENT, None)):
        foreign, never = hub.ask(by_hash(text), who), hub.ask({"documentId": "0" * 64}, who)
        assert foreign == never
        assert foreign["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert hub.code({"query": HOPE}, "crescent-aid") == "NOT_PERMITTED"


def test_a_trusted_document_is_held_against_what_the_requester_may_see(hub: Hub) -> None:
    assert hub.ask(by_hash(CASES), "crescent-aid")["data"]["people"]
    for who in (None, "umm-hassan", "inspector"):
        messages = [each["message"] for each in hub.ask(by_hash(CASES), who)["errors"]]
        assert "Cannot query field 'people' on type 'Query'." in messages
    assert hub.ask(by_hash(CASES), "crescent-caseworker")["data"]["people"]


def test_a_trusted_mutation_is_not_run_by_get(hub: Hub) -> None:
    headers = {"authorization": f"Bearer {hub.keys['mariam']}"}
    response = hub.client.get("/graphql", params={"documentId": hashed(WRITING)}, headers=headers)
    assert response.json()["errors"][0]["extensions"]["code"] == "READS_ONLY"
    assert hub.ask(by_hash(WRITING), "mariam")["data"] == {"consentWithdraw": {"__typename": "Refusal"}}
    assert hub.code(by_hash(WRITING), "hope-network") == "GRAPHQL_INVALID", "for an app there are no mutations"


# --- registered by clients ---------------------------------------------------------------------------------------------------


def test_nothing_is_registered_where_it_is_not_wanted(hub: Hub) -> None:
    text = "{ me { purpose } }"
    assert hub.ask(by_hash(text, query=text))["data"]
    assert hub.code(by_hash(text)) == "PERSISTED_QUERY_NOT_FOUND"


def test_a_client_registers_a_document_once_for_its_organisation_alone(automatic: Hub) -> None:
    text = "{ me { purpose purposes } }"
    assert automatic.code(by_hash(text), "crescent-caseworker") == "PERSISTED_QUERY_NOT_FOUND"
    assert automatic.ask(by_hash(text, query=text), "crescent-caseworker")["data"]
    assert automatic.ask(by_hash(text), "crescent-caseworker")["data"]["me"]["purpose"] == "AID_DISTRIBUTION"
    for who in ("hope-caseworker", None):
        assert automatic.code(by_hash(text), who) == "PERSISTED_QUERY_NOT_FOUND"
    assert automatic.ask({"query": "{ me { name } }"})["data"]
    assert automatic.code(by_hash("{ me { name } }")) == "PERSISTED_QUERY_NOT_FOUND", "without its hash a text registers nothing"


def test_registered_documents_are_bounded(country: Country) -> None:
    from schema.door.door import Request

    wanted = country.settings.hub.documents.model_copy(update={"automatic": True})
    settings = country.settings.model_copy(update={"hub": country.settings.hub.model_copy(update={"documents": wanted})})
    trusted = Trusted(settings)
    texts = [f"{{ a{number}: __typename }}" for number in range(AUTOMATIC + 5)]
    for text in texts:
        trusted.text(Request(text, digest=hashed(text)), PUBLIC)
    long = "{ __typename } #" + "x" * 30_000
    assert trusted.text(Request(long, digest=hashed(long)), PUBLIC) == long
    assert trusted._automatic is not None
    assert len(trusted._automatic) == AUTOMATIC
    assert trusted.text(Request("", digest=hashed(texts[-1])), PUBLIC) == texts[-1]
    assert ("public", hashed(texts[0])) not in trusted._automatic
    assert ("public", hashed(long)) not in trusted._automatic


# --- the folder --------------------------------------------------------------------------------------------------------------

FAULTS = {
    "broken": ({"a.graphql": "{ me { role }"}, "not a GraphQL document", "a.graphql:1"),
    "misnamed": ({f"{'0' * 64}.graphql": ROLE}, "not the hash of its document", f"{'0' * 64}.graphql"),
    "mismatched": ({"a.json": json.dumps({"0" * 64: ROLE})}, "not the hash of its document", "a.json"),
    "no map": ({"a.json": "[1]"}, "holds no documents", "a.json"),
    "no text": ({"a.json": json.dumps({"0" * 64: 1})}, "holds no documents", "a.json"),
    "no JSON": ({"a.json": "{"}, "cannot be read", "a.json"),
    "no UTF-8": ({"a.graphql": b"\xff{ me }"}, "cannot be read", "a.graphql"),
    "nobody's": ({"nobody/a.graphql": ROLE}, "no organisation `nobody`", "nobody"),
}


@pytest.mark.parametrize(("files", "says", "where"), FAULTS.values(), ids=list(FAULTS))
def test_a_folder_that_cannot_be_trusted_keeps_the_hub_from_opening(
    files: dict[str, str | bytes], says: str, where: str, country: Country, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / "documents" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "documents" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as refused:
        Trusted(naming(country, str(tmp_path / "documents")))
    assert says in refused.value.message
    assert refused.value.hint
    assert str(refused.value.place).endswith(where)


def test_check_counts_the_documents_and_names_one_that_is_broken(country: Country, tmp_path: Path) -> None:
    settings = with_documents(country, tmp_path / "hub", 'folder = "documents"')

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cli", "check", "--config", str(settings.path)]
        return subprocess.run(command, cwd=ROOT, env=os.environ | country.servers.environment, capture_output=True, text=True, check=False)

    assert "✓ 6 trusted documents\n" in check().stdout
    (tmp_path / "hub" / "documents" / "role.graphql").write_text("{ me {", encoding="utf-8")
    broken = check()
    assert broken.returncode == 1
    assert "role.graphql:1: this is not a GraphQL document. Remedy: mend its syntax." in broken.stderr


def naming(country: Country, folder: str) -> Settings:
    """Settings that name a folder."""
    wanted = country.settings.hub.documents.model_copy(update={"folder": folder})
    return country.settings.model_copy(update={"hub": country.settings.hub.model_copy(update={"documents": wanted})})


def test_a_folder_that_is_not_there_is_refused_and_a_single_file_will_do(country: Country, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        Trusted(naming(country, str(tmp_path / "documents")))
    (tmp_path / "all.json").write_text(json.dumps({hashed(ROLE): ROLE, hashed(CASES): CASES}))
    assert len(Trusted(naming(country, str(tmp_path / "all.json")))) == 2


def test_a_role_that_could_run_nothing_is_refused(country: Country, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a `folder`"):
        with_documents(country, tmp_path / "hub", 'trusted_only = ["developer"]')
