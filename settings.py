"""`hub.toml`, read and checked: the hub itself, its organisations, its sources, its agreements.

One stanza a source says all there is to know about it; what is not understood is refused with the line and the
remedy, because a mapping that is silently ignored shows up as a family that silently received nothing.
Secrets never stand in the file: `${env:NAME}` takes them from the environment.
"""

from __future__ import annotations

import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from errors import ConfigError
from places import line_of
from stanzas import MAIL, AppealRules, Breaker, CensusRules, ConsentRules, Edge, Enrolment, MailRules, NewsRules, Stanza, WebhookRules
from values import OrganisationKind, Purpose, Role, Scheme

NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}?")
SECRET = re.compile(r"\$\{env:([A-Z][A-Z0-9_]*)\}")
DATABASE = re.compile(r"(sqlite|postgresql|mariadb|mysql)(\+\w+)?://.+")

Name = Annotated[str, Field(pattern=NAME)]


def _database(address: str) -> str:
    if not DATABASE.fullmatch(address):
        raise ValueError("write sqlite:///file, postgresql://…, mariadb://… or mysql://…")
    return address


STORE = re.compile(r"memory|(redis|rediss|redis\+unix)://.+")


def _store(address: str) -> str:
    if not STORE.fullmatch(address):
        raise ValueError(
            "write memory, redis://host:6379/0, rediss://… or redis+unix:///socket; a Valkey server is addressed in the same way"
        )
    return address


DatabaseAddress = Annotated[str, AfterValidator(_database)]
Columns = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class Words(Stanza):
    """One text in the three languages people read."""

    ar: str
    ckb: str | None = None
    en: str


class Organisation(Stanza):
    """A body that provides or receives data."""

    name: Words
    kind: OrganisationKind
    verified: bool = False
    purposes: tuple[Purpose, ...] = ()
    website: str | None = None
    mail: str | None = Field(default=None, pattern=MAIL)


class Mapped(Stanza):
    """Where one canonical attribute stands in a source, and how its raw values become canonical.

    Either `column` (a column, field or header; several are joined by `join`) or a fixed `value`. `convert` names
    a conversion of `connectors/convert.py`; `forms` are strptime forms of days, tried in order; `codes` maps the
    source's codes to canonical ones (an unlisted code is a fault, not a guess); `scale` multiplies numbers.
    """

    column: Columns = ()
    join: str = " "
    value: str | int | float | bool | None = None
    convert: Literal["text", "whole", "number", "truth", "day", "instant", "code"] | None = None
    forms: tuple[str, ...] = ()
    codes: dict[str, str] = Field(default_factory=dict)
    scale: float = 1

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str | list) else value

    @model_validator(mode="after")
    def _one(self) -> Mapped:
        if bool(self.column) == (self.value is not None):
            raise ValueError("give either `column` or a fixed `value`")
        return self


class SourceEntity(Stanza):
    """One entity as a source keeps it.

    `read` is the table (sql), the path (rest), the root field (graphql) or the file pattern (files). `key` is the
    entity's own key; `person` the column holding the person's local key, for entities that belong to a person.
    On the `person` entity itself, `key` is the person's local key, `key_scheme` says that this key is an identifier
    known outside the source (it is then sealed in the hub's store), `identifiers` are the columns to link by, and
    `household` the column of the source's household key. `blinded` are the schemes whose columns the source's side
    blinded with `mizalla edge blind`.
    """

    read: str
    key: str
    person: str | None = None
    key_scheme: Scheme | None = None
    identifiers: dict[Scheme, Columns] = Field(default_factory=dict)
    household: str | None = None
    blinded: tuple[Scheme, ...] = ()
    attributes: dict[str, Mapped] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _blinded(self) -> SourceEntity:
        if not set(self.blinded) <= self.identifiers.keys() - {self.key_scheme}:
            raise ValueError("what is `blinded` is one of `identifiers`, and not the `key_scheme`")
        return self


class Source(Stanza):
    """A connected system; `steward` is the organisation that answers for it.

    `precedence` decides whose value is taken where several sources know an attribute of a person: lower first.
    `cost` is what one row of it counts in the estimate of an operation; without it, its wire decides.
    """

    steward: Name
    wire: Literal["sql", "rest", "graphql", "files", "hub"]
    address: str = ""
    precedence: int = 100
    timeout_seconds: float = Field(default=3.0, gt=0, le=60)
    retries: int = Field(default=1, ge=0, le=5)
    concurrency: int = Field(default=8, ge=1, le=256)
    breaker: Breaker = Breaker()
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    page_size: int = Field(default=500, ge=1, le=100_000)
    max_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    options: dict[str, str] = Field(default_factory=dict)
    entities: dict[str, SourceEntity] = Field(default_factory=dict)
    cost: int | None = Field(default=None, ge=0, le=1000)

    @property
    def points(self) -> int:
        """What a row of this source costs: its own figure, or 3 over HTTP and 1 from a database or file."""
        if self.cost is not None:
            return self.cost
        return 3 if self.wire in {"rest", "graphql"} else 1


class Agreement(Stanza):
    """Which attributes a receiver may ever ask of a source, for which purposes, until when, on what basis.

    `attributes` are coordinates (`person.sex`) or whole entities (`allocation.*`).
    """

    receiver: Name
    source: Name
    attributes: tuple[str, ...]
    purposes: tuple[Purpose, ...]
    until: date
    basis: str


class OpenID(Stanza):
    """An OpenID Connect issuer whose bearer tokens the hub takes.

    `organisation_claim` and `role_claim` name the token's claims that say for whom, and as what, the holder acts.
    """

    issuer: str
    audience: str
    organisation_claim: str = "organisation"
    role_claim: str = "role"
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")


class RoleLimits(Stanza):
    """Limits that hold for one role instead of everybody's; what is not named stays as it is for all."""

    depth: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    fields: int | None = Field(default=None, ge=1)
    roots: int | None = Field(default=None, ge=1)
    aliases: int | None = Field(default=None, ge=0)
    directives: int | None = Field(default=None, ge=0)
    fragments: int | None = Field(default=None, ge=0)
    cost: int | None = Field(default=None, ge=1)
    values: int | None = Field(default=None, ge=1)
    answer_bytes: int | None = Field(default=None, ge=1024)
    seconds: float | None = Field(default=None, gt=0)
    batch: int | None = Field(default=None, ge=0, le=100)
    requests_per_minute: int | None = Field(default=None, ge=1)
    cost_per_minute: int | None = Field(default=None, ge=1)


class Limits(Stanza):
    """How much one request may ask, and one requester in a minute."""

    body_bytes: int = Field(default=1024 * 1024, ge=1)
    arrival_seconds: float = Field(default=30.0, gt=0)
    page_rows: int = Field(default=1000, ge=1, le=1000)
    depth: int = Field(default=12, ge=1)
    tokens: int = Field(default=4000, ge=1)
    fields: int = Field(default=1000, ge=1)
    roots: int = Field(default=50, ge=1)
    aliases: int = Field(default=200, ge=0)
    directives: int = Field(default=1000, ge=0)
    fragments: int = Field(default=100, ge=0)
    cost: int = Field(default=5_000_000, ge=1)
    values: int = Field(default=20_000_000, ge=1)
    answer_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    seconds: float = Field(default=30.0, gt=0)
    batch: int = Field(default=0, ge=0, le=100)
    requests_per_minute: int | None = Field(default=None, ge=1)
    cost_per_minute: int | None = Field(default=None, ge=1)
    references_per_day: int = Field(default=100, ge=0)
    connections: int = Field(default=20, ge=1)
    operations: int = Field(default=50, ge=1)
    init_seconds: float = Field(default=10.0, gt=0)
    store: Annotated[str, AfterValidator(_store)] = "memory"
    roles: dict[Role, RoleLimits] = Field(default_factory=dict)

    def of(self, role: Role) -> Limits:
        """The limits of a role: its own where it has any, everybody's else."""
        own = self.roles.get(role)
        return self if own is None else self.model_copy(update=own.model_dump(exclude_none=True))

    @property
    def all(self) -> tuple[Limits, ...]:
        """The limits of every role."""
        return tuple(self.of(role) for role in Role)

    @property
    def counted(self) -> bool:
        """Whether any role may only use so much in a minute."""
        return any(each.requests_per_minute or each.cost_per_minute for each in self.all)


class TrustedDocuments(Stanza):
    """Documents known by their SHA-256: where they are kept, and which roles may run nothing else."""

    folder: str | None = None
    trusted_only: tuple[Role, ...] = ()
    automatic: bool = False

    @model_validator(mode="after")
    def _some(self) -> TrustedDocuments:
        if self.trusted_only and self.folder is None:
            raise ValueError("`trusted_only` needs a `folder`, or those roles may run nothing")
        return self


class Hub(Stanza):
    """The hub itself: where it keeps its own tables, its keys and its disclosure record."""

    database: DatabaseAddress = "sqlite:///var/hub.db"
    record: DatabaseAddress = "sqlite:///var/record.db"
    keys: str = "var/keys.json"
    rules: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    address: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]+(/[^\s/?#]+)*$")
    openid: tuple[OpenID, ...] = ()
    limits: Limits = Limits()
    documents: TrustedDocuments = TrustedDocuments()
    consents: ConsentRules = ConsentRules()
    appeals: AppealRules = AppealRules()
    census: CensusRules = CensusRules()
    edge: Edge = Edge()
    enrolment: Enrolment | None = None
    news: NewsRules = NewsRules()
    mail: MailRules = MailRules()
    webhooks: WebhookRules = WebhookRules()
    introspection: bool = True
    draft_status: bool = False
    origins: tuple[str, ...] = ()
    logs: Literal["console", "json"] | None = None
    metrics: bool = False
    traces: str | None = Field(default=None, pattern=r"^https?://")

    @property
    def watched(self) -> bool:
        """Whether logs, figures or traces tell of requests."""
        return bool(self.logs or self.metrics or self.traces)


class Settings(Stanza):
    """Everything `hub.toml` says, with addresses resolved against the file's own folder."""

    hub: Hub = Hub()
    organisations: dict[Name, Organisation] = Field(default_factory=dict)
    sources: dict[Name, Source] = Field(default_factory=dict)
    agreements: tuple[Agreement, ...] = ()
    path: Path = Path("hub.toml")

    @model_validator(mode="after")
    def _known(self) -> Settings:
        if self.hub.record == self.hub.database:
            raise ValueError("hub.record|name another database than `hub.database`: they have tables of the same names")
        for name, source in self.sources.items():
            if source.steward not in self.organisations:
                raise ValueError(f"sources.{name}.steward|`{source.steward}` is not among [organisations]")
        for number, agreement in enumerate(self.agreements):
            if agreement.receiver not in self.organisations:
                raise ValueError(f"agreements.{number}.receiver|`{agreement.receiver}` is not among [organisations]")
            if agreement.source not in self.sources:
                raise ValueError(f"agreements.{number}.source|`{agreement.source}` is not among [sources]")
        enrolment = self.hub.enrolment
        for key, named, known in (
            (("source", enrolment.source, self.sources), ("office", enrolment.office, self.organisations)) if enrolment else ()
        ):
            if named not in known:
                raise ValueError(f"hub.enrolment.{key}|there is no `{named}`")
        return self

    @property
    def folder(self) -> Path:
        """The folder of `hub.toml`, which relative paths start from."""
        return self.path.parent

    def place(self, dotted: str) -> str:
        """`hub.toml:12`: where `sources.aid.address`, or the nearest table around it, is written."""
        try:
            return f"{self.path}:{line_of(self.path.read_text(encoding='utf-8'), tuple(dotted.split('.')))}"
        except OSError:
            return str(self.path)


def load(path: Path) -> Settings:
    """Read `hub.toml`.

    Raises:
        ConfigError: the file is missing, is not TOML, has an unknown key or a wrong value, or names a secret that
            the environment does not have; `place` is the file and line, the hint says what to write.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"there is no {path.name}", f"run `mizalla sample build` for an example, or write {path}", str(path)) from None
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", "name a file that the hub may read", str(path)) from None
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise ConfigError("not UTF-8", "save the file as UTF-8", f"{path}:{row}") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigError(f"not TOML: {error}", "mend the syntax on that line", f"{path}:{line[1] if line else 1}") from None
    raw = _with_secrets(raw, (), text, path)
    _resolve(raw, path.parent)
    try:
        return Settings.model_validate({**raw, "path": path})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place, message = tuple(str(part) for part in first["loc"]), first["msg"]
        message = message.removeprefix("Value error, ")
        if "|" in message and not place:
            dotted, message = message.split("|", 1)
            place = tuple(dotted.split("."))
        hint = "remove it, or correct its spelling" if first["type"] == "extra_forbidden" else "see docs/settings.md for what it takes"
        if first["type"] == "extra_forbidden":
            message = f"unknown key `{place[-1]}`"
        raise ConfigError(f"{'.'.join(place)}: {message}", hint, f"{path}:{line_of(text, place)}") from None


def _with_secrets(value: Any, place: tuple[str, ...], text: str, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _with_secrets(each, (*place, key), text, path) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_secrets(each, (*place, str(number)), text, path) for number, each in enumerate(value)]
    if not isinstance(value, str):
        return value

    def secret(match: re.Match[str]) -> str:
        where, at = ".".join(place), f"{path}:{line_of(text, place)}"
        named = SECRET.fullmatch(match[0])
        if named is None:
            raise ConfigError(f"{where}: `{match[0]}` is not a variable", "write ${env:NAME}, NAME in capitals", at)
        found = os.environ.get(named[1])
        if found is None:
            raise ConfigError(f"{where}: the environment has no {named[1]}", f"export {named[1]}=… before starting", at)
        return found

    return PLACEHOLDER.sub(secret, value)


def _resolve(raw: dict[str, Any], folder: Path) -> None:
    """Make relative SQLite files, key rings and file folders absolute, from the folder of `hub.toml`."""

    def absolute(address: Any) -> Any:
        if isinstance(address, str) and address.startswith("sqlite:///") and not address.startswith("sqlite:////"):
            return f"sqlite:///{(folder / address.removeprefix('sqlite:///')).resolve()}"
        return address

    hub = raw.setdefault("hub", {}) if isinstance(raw.get("hub", {}), dict) else {}
    hub["database"] = absolute(hub.get("database", Hub.model_fields["database"].default))
    hub["record"] = absolute(hub.get("record", Hub.model_fields["record"].default))
    keys = hub.get("keys", Hub.model_fields["keys"].default)
    rules = hub.get("rules")
    if isinstance(rules, str):
        hub["rules"] = str((folder / rules).resolve())
    hub["keys"] = keys if str(keys).startswith("env:") else str((folder / str(keys)).resolve())
    sources = raw.get("sources", {})
    for source in sources.values() if isinstance(sources, dict) else ():
        if isinstance(source, dict) and "address" in source:
            if source.get("wire") == "files" and isinstance(source["address"], str):
                source["address"] = str((folder / source["address"]).resolve())
            source["address"] = absolute(source["address"])
