"""Everything a country knows, gathered into one SQLite database by plain reading: what the oracle's statements go over.

Nothing of the hub's connectors or conversions is used: sources are read as their own programs would, and their values made
canonical by the few lines below, from what hub.toml says of them.
"""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from python_calamine import CalamineWorkbook

from privacy.blind import Blinder
from privacy.keys import KeyRing
from schema import CATALOGUE
from settings import Mapped, Settings, SourceEntity
from tests.books import TABLES
from values import Kind, Level

SCHEMA = """
    CREATE TABLE source(name TEXT PRIMARY KEY, steward TEXT, place INTEGER);
    CREATE TABLE organisation(name TEXT PRIMARY KEY, kind TEXT, verified INTEGER);
    CREATE TABLE agreement(receiver TEXT, source TEXT, coordinate TEXT, purpose TEXT, until TEXT);
    CREATE TABLE field(entity TEXT, name TEXT, coordinate TEXT PRIMARY KEY, level TEXT, bit INTEGER);
    CREATE TABLE offer(source TEXT, entity TEXT, name TEXT, fixed TEXT, PRIMARY KEY (source, entity, name));
    CREATE TABLE link(source TEXT, person INTEGER, key TEXT, nth INTEGER, PRIMARY KEY (source, key));
    CREATE TABLE person(number INTEGER PRIMARY KEY, household INTEGER);
    CREATE TABLE own_case(organisation TEXT, position TEXT, person INTEGER);
    CREATE TABLE consent(person INTEGER, receiver TEXT, purpose TEXT, categories INTEGER);
    CREATE TABLE row(source TEXT, entity TEXT, person INTEGER, key TEXT, at INTEGER, content TEXT);
    CREATE INDEX of_person ON row(entity, person, source);
    CREATE INDEX member ON person(household);
"""

OWN = {
    "person": ("case_file", "id", {"case_number": ("case_number", 1), "need_score": ("need_score", 1)}),
    "allocation": (
        "allocation",
        "id",
        {
            **{name: (name, 1) for name in ("kind", "programme", "currency", "unit", "allocated_on", "status", "organisation")},
            "amount": ("amount_minor", 1000),
            "quantity": ("quantity_milli", 1000),
        },
    ),
}
"""What the hub keeps itself, and by how much it has to be divided."""

DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹\u066b", "01234567890123456789.")


LIVE = """
    SELECT person, receiver, purpose, categories & 2047 FROM consent WHERE withdrawn_at IS NULL AND ends_at > :now AND (
        uses IS NULL OR uses > (
            SELECT count(*) FROM consent_use AS used WHERE used.consent = consent.id
            AND used.period = CASE WHEN period_days IS NULL THEN 0 ELSE (:now - granted_at) / (period_days * 86400) END
        )
    )
"""
"""What people opened and did not take back; of what may be used only so often, as long as something is left."""


def gathered(folder: Path, settings: Settings, now: int) -> sqlite3.Connection:
    """Read every source of a country into one new database in memory."""
    made = sqlite3.connect(":memory:", check_same_thread=False)
    made.executescript(SCHEMA)
    _written(made, settings)
    own = _opened(folder / "hub.db")
    _of_the_hub(made, own, settings, now)
    for name, source in settings.sources.items():
        persons = dict(made.execute("SELECT key, person FROM link WHERE source = ?", (name,)))
        if source.wire == "hub":
            _own_rows(made, own, name)
            continue
        for entity, mapping in source.entities.items():
            offered = {"key": None, **{each: mapped.value for each, mapped in mapping.attributes.items()}}
            made.executemany("INSERT INTO offer VALUES (?, ?, ?, ?)", [(name, entity, each, fixed) for each, fixed in offered.items()])
            for at, raw in enumerate(_raw(folder, source.wire, name, mapping)):
                local = _text(raw[mapping.person or mapping.key])
                if local in persons:
                    found = {each: _canonical(mapped, entity, each, raw) for each, mapped in mapping.attributes.items()}
                    row = (name, entity, persons[local], _text(raw[mapping.key]), at, json.dumps(found))
                    made.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?)", row)
    made.commit()
    return made


def _opened(path: Path) -> sqlite3.Connection:
    found = sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True)
    found.row_factory = sqlite3.Row
    return found


def _written(made: sqlite3.Connection, settings: Settings) -> None:
    """What hub.toml says, and the levels beside the fields."""
    by_place = sorted(settings.sources.items(), key=lambda each: each[1].precedence)
    made.executemany("INSERT INTO source VALUES (?, ?, ?)", [(name, each.steward, at) for at, (name, each) in enumerate(by_place)])
    organisations = [(name, each.kind.value, each.verified) for name, each in settings.organisations.items()]
    made.executemany("INSERT INTO organisation VALUES (?, ?, ?)", organisations)
    ranks = list(Level)
    for entity in CATALOGUE.entities.values():
        of_first = next((each.category.bit for each in entity.attributes.values() if each.category), 0)
        fields = [(entity.name, "key", entity.name, entity.level.value, of_first)]
        for each in entity.attributes.values():
            level = max(entity.level, each.level, key=ranks.index)
            fields.append((entity.name, each.name, each.coordinate, level.value, each.category.bit if each.category else 0))
        made.executemany("INSERT INTO field VALUES (?, ?, ?, ?, ?)", fields)
    for agreement in settings.agreements:
        for purpose in agreement.purposes:
            for named in agreement.attributes:
                of, _, name = named.partition(".")
                # Whoever may read a field of an entity may know that the row is there.
                covered = [f"{of}.{each}" for each in CATALOGUE.entities[of].attributes] if name == "*" else [named]
                rows = [(agreement.receiver, agreement.source, each, purpose.value, str(agreement.until)) for each in (of, *covered)]
                made.executemany("INSERT INTO agreement VALUES (?, ?, ?, ?, ?)", rows)


def _of_the_hub(made: sqlite3.Connection, own: sqlite3.Connection, settings: Settings, now: int) -> None:
    blinder = Blinder(KeyRing.load(settings.hub.keys))
    found: dict[tuple[str, int], list[str]] = {}
    for source, person, key in own.execute("SELECT source, person, key FROM link"):
        mapped = settings.sources[source].entities.get("person")
        found.setdefault((source, person), []).append(blinder.open_key(source, key) if mapped and mapped.key_scheme else key)
    for (source, person), keys in found.items():
        made.executemany("INSERT INTO link VALUES (?, ?, ?, ?)", [(source, person, key, nth) for nth, key in enumerate(sorted(keys))])
    for table, columns in (("person", "number, household"), ("own_case", "organisation, position, person")):
        rows = [tuple(row) for row in own.execute(f"SELECT {columns} FROM {table}")]
        made.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    made.executemany("INSERT INTO consent VALUES (?, ?, ?, ?)", [tuple(row) for row in own.execute(LIVE, {"now": now})])
    for table in TABLES:
        named = [name for _, name, *_ in own.execute(f"PRAGMA table_info({table})")]
        made.execute(f"CREATE TABLE books_{table}({', '.join(named)})")
        made.executemany(
            f"INSERT INTO books_{table} VALUES ({', '.join('?' * len(named))})",
            [tuple(row) for row in own.execute(f"SELECT * FROM {table}")],
        )


def _own_rows(made: sqlite3.Connection, own: sqlite3.Connection, name: str) -> None:
    for entity, (table, key, columns) in OWN.items():
        made.executemany("INSERT INTO offer VALUES (?, ?, ?, NULL)", [(name, entity, each) for each in ("key", *columns)])
        for at, row in enumerate(own.execute(f"SELECT * FROM {table} ORDER BY {key}")):
            found = {
                each: row[column] if parts == 1 or row[column] is None else _number(row[column] / parts)
                for each, (column, parts) in columns.items()
            }
            made.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?)", (name, entity, row["person"], str(row[key]), at, json.dumps(found)))


# --- sources, as they are ----------------------------------------------------------------------------------------------------


def _raw(folder: Path, wire: str, name: str, mapping: SourceEntity) -> Iterator[Mapping[str, Any]]:
    """The rows of an entity as its source keeps them, in the source's own order."""
    if wire == "files":
        yield from _from_files(folder / name, mapping.read)
        return
    database = _opened(folder / f"{name}.db")
    table = mapping.read.removesuffix(".json")
    if wire == "graphql":  # its server names things in its own way
        table = {"beneficiaries": "beneficiary", "distributions": "distribution"}[table]
    order = f"ORDER BY {mapping.person or mapping.key}, {mapping.key}" if wire == "sql" else ""
    for row in database.execute(f"SELECT * FROM {table} {order}"):
        found = dict(row)
        yield {re.sub(r"_(\w)", lambda part: part[1].upper(), key): value for key, value in found.items()} if wire == "graphql" else found


def _from_files(folder: Path, pattern: str) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from ({key: value or None for key, value in row.items()} for row in csv.DictReader(file))
        elif path.suffix == ".xlsx":
            header, *rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
            yield from ({str(name): value for name, value in zip(header, row, strict=True)} for row in rows)
        else:
            cursor = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [each[0] for each in cursor.description or ()]
            yield from (dict(zip(names, row, strict=True)) for row in cursor.fetchall())


# --- values, as the schema has them ------------------------------------------------------------------------------------------


def _text(raw: Any) -> str | None:
    if raw is None or raw == "":
        return None
    return str(int(raw) if isinstance(raw, float) and raw.is_integer() else raw).strip() or None


def _number(raw: Any) -> int | float | None:
    if raw is None or raw == "" or isinstance(raw, int):
        return raw or (0 if raw == 0 else None)
    if isinstance(raw, float):
        return raw
    plain = raw.translate(DIGITS)
    return float(plain) if "." in plain else int(plain)


def _canonical(mapped: Mapped, entity: str, name: str, raw: Mapping[str, Any]) -> Any:  # noqa: PLR0911 — one line for each form
    if mapped.value is not None:
        return mapped.value
    parts = [_text(raw[column]) for column in mapped.column]
    if len(parts) > 1:
        return mapped.join.join(part for part in parts if part) or None
    value, kind = raw[mapped.column[0]], CATALOGUE.entities[entity].attributes[name].kind
    if mapped.codes:
        found = _text(value)
        return None if found is None else mapped.codes[found]
    if mapped.forms:
        return None if value in {None, ""} else _day(str(value).translate(DIGITS), mapped.forms)
    if mapped.convert == "truth":
        return {"نعم": True, "كلا": False, "لا": False, None: None, "": None}[value]
    if mapped.convert == "number":
        return _number(value)
    if kind is Kind.TRUTH:
        return None if value is None else bool(value)
    return value


def _day(text: str, forms: tuple[str, ...]) -> str:
    for form in forms:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            continue
    raise AssertionError(text)
