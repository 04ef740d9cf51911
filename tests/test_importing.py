"""A file of cases is looked through row by row, and registered whole or not at all."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cli import main
from resolvers.aid.import_words import FAULTS
from resolvers.aid.importing import MOST_BYTES, MOST_ROWS
from tables.identity import counter
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.test_cases import ZAYNAB, Desk, counts
from tests.test_membership import ELSE, READ
from tests.test_queue import settled
from tests.test_sheets import workbook

EVERYWHERE = pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
PREVIEW = """query ($input: CasesFileInput!, $language: Language! = EN) { casesImportPreview(input: $input, language: $language) {
  digest rows households faultCount faults { row column code text hint } duplicateCount duplicates { row person otherRow score } } }"""
IMPORT = f"mutation ($input: CasesImportInput!) {{ casesImport(input: $input) {{ ... on CasesImported {{ households people }} {ELSE}"
HEADER = "household,case_number,relation,name,mother_name,birth_year,sex,governorate,place,need_score"
FAMILIES = f"""{HEADER}
1,I-1,head,زينب كاظم جاسم الساعدي,فاطمة حسن,1981,F,IQ-BG,مدينة الصدر,80
1,I-2,child,حسن علي حسين الساعدي,زينب كاظم,2006,M,IQ-BG,مدينة الصدر,
2,I-3,,كاوە ڕەشید عوسمان,,1975,M,IQ-SU,,
"""


@pytest.fixture
async def hub(country: Country, url: str, tmp_path: Path) -> AsyncIterator[Asking]:
    """A hub over an empty database with two organisations and five people that both know."""
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as opened:
        await settled(opened, ("karama", "hope-network"), 5)
        add = opened.hub.database.prepare(sa.insert(counter))
        async with opened.hub.database.transaction() as tx:
            await tx.execute_many(add, [{"name": "person", "value": 5}, {"name": "household", "value": 5}])
        yield opened


def file_of(content: str | bytes, kind: str = "CSV") -> dict[str, str]:
    """A file as it is sent."""
    return {"kind": kind, "content": base64.b64encode(content.encode() if isinstance(content, str) else content).decode()}


class Clerk(Desk):
    """A manager with files."""

    async def preview(self, content: str | bytes, kind: str = "CSV", language: str = "EN") -> Any:
        """Look through a file."""
        return (await self.hub.data(PREVIEW, self.who, {"input": file_of(content, kind), "language": language}))["casesImportPreview"]

    async def load(self, content: str | bytes, digest: str, kind: str = "CSV", **more: Any) -> Any:
        """Import it."""
        return await self.did(IMPORT, input={**file_of(content, kind), "digest": digest, **more})


@EVERYWHERE
async def test_a_file_is_looked_through_and_then_imported_once(hub: Asking) -> None:
    clerk, other = Clerk(hub, "karama-manager"), Clerk(hub, "hope-manager")
    before = await counts(hub)
    seen = await clerk.preview(FAMILIES)
    assert (seen["rows"], seen["households"], seen["faultCount"], seen["duplicateCount"]) == (3, 2, 0, 0)
    assert await counts(hub) == before
    assert (await other.load(FAMILIES, seen["digest"]))["code"] == "STALE", "a digest is one organisation's"
    answers = await asyncio.gather(*(clerk.load(FAMILIES, seen["digest"], idempotencyKey="one") for _ in range(3)))
    assert answers == [{"households": 2, "people": 3}] * 3
    (mother,) = await clerk.likely(**ZAYNAB)
    file = (await hub.data(READ, clerk.who, {"person": mother["person"]}))["householdFile"]
    assert (file["size"], file["head"], file["residences"][0]["place"]) == (2, mother["person"], "مدينة الصدر")
    assert mother["caseNumbers"] == ["I-1"]
    again = await clerk.preview(FAMILIES)
    assert [each["code"] for each in again["faults"]] == ["CASE_TAKEN"] * 3
    assert [each["row"] for each in again["duplicates"]] == [2, 3, 4]
    assert again["duplicates"][0]["person"] == mother["person"]
    after = await counts(hub)
    refused = await clerk.load(FAMILIES, again["digest"], distinctRows=[2, 3, 4])
    assert (refused["code"], refused["field"]) == ("INVALID", "rows.2.case_number")
    assert await counts(hub) == after


async def test_likely_duplicates_are_imported_only_as_others(hub: Asking) -> None:
    """Failure 21.2b of aid."""
    clerk = Clerk(hub, "karama-manager")
    await clerk.person("K-1", ZAYNAB)
    rows = [
        "case_number;household;name;mother_name;birth_year",
        "J-1;1;زينب كاظم الساعدى;فاطمه حسن;1981",
        "J-2;2;مريم صالح رمضان;هدى إبراهيم;1990",
        "J-3;3;مريم سالح رمزان;هدي ابراهيم;1990",
    ]
    content = "\n".join(rows)
    seen = await clerk.preview(content)
    assert [(each["row"], each["person"] is not None, each["otherRow"]) for each in seen["duplicates"]] == [(2, True, None), (4, False, 3)]
    before = await counts(hub)
    for apart in ([], [2], [4]):
        refused = await clerk.load(content, seen["digest"], distinctRows=apart)
        assert refused["code"] == "LIKELY_DUPLICATE", apart
        assert refused["field"] in {"rows.2", "rows.4"}
    assert await counts(hub) == before
    assert await clerk.load(content, seen["digest"], distinctRows=[2, 4]) == {"households": 3, "people": 3}


async def test_a_workbook_reads_like_a_file_with_headers_in_arabic(hub: Asking) -> None:
    clerk = Clerk(hub, "karama-manager")
    table: list[list[Any]] = [["رقم الأسرة", "رقم الحالة", "صلة القرابة", "الاسم", "المواليد", "الجنس"]]
    table += [[7, "W-1", "رب الأسرة", "أحمد خالد", 1970, "ذكر"], [7, "W-2", "زوجة", "هدى كريم", 1975, "أنثى"]]
    content = workbook(table)
    seen = await clerk.preview(content, "XLSX", "AR")
    assert (seen["faults"], seen["rows"], seen["households"]) == ([], 2, 1)
    assert await clerk.load(content, seen["digest"], "XLSX") == {"households": 1, "people": 2}


BAD: dict[str, tuple[str | bytes, list[tuple[int, str | None, str]]]] = {
    "nothing": ("", [(0, None, "EMPTY_FILE")]),
    "a header alone": (HEADER, [(0, None, "EMPTY_FILE")]),
    "another encoding": (FAMILIES.replace("كاوە ڕەشید عوسمان", "علي").encode("cp1256"), [(2, None, "ENCODING")]),
    "giant": (b"household,case_number\n" + b"1,1\n" * (MOST_ROWS + 1), [(0, None, "TOO_MANY_ROWS")]),
    "a header twice": ("household,case_number,name,full_name\n1,1,علي حسن,علي حسن", [(1, "name", "DUPLICATE_HEADER")]),
    "an unknown header": ("household,case_number,password\n1,1,x", [(1, "C", "UNKNOWN_COLUMN")]),
    "a missing header": ("household,name\n1,علي حسن", [(1, "case_number", "MISSING_COLUMN")]),
    "a formula": ("household,case_number,name\n1,1,=1+1", [(2, "name", "FORMULA")]),
    "empty cells": ("household,case_number,name\n,1,\n1,,علي حسن", [(2, "household", "MISSING"), (3, "case_number", "MISSING")]),
    "a hidden turn": ("household,case_number,name\n1,1,علي\u202eحسن\n1\u2066,2,", [(2, "name", "NAME"), (3, "household", "HIDDEN")]),
    "one letter": ("household,case_number,name\n1,1,ع", [(2, "name", "NAME")]),
    "500 letters": (f"household,case_number,name\n1,1,{'ع' * 500}", [(2, "name", "NAME")]),
    "a nameless mother": ("household,case_number,name,mother_name\n1,1,,فاطمة", [(2, "name", "MISSING")]),
    "no year": ("household,case_number,name,birth_year\n1,1,علي حسن,قديم", [(2, "birth_year", "BIRTH_YEAR")]),
    "a year too early": ("household,case_number,name,birth_year\n1,1,علي حسن,1700", [(2, "birth_year", "BIRTH_YEAR")]),
    "several in one row": (
        "household,case_number,name,mother_name,birth_year,sex\n1,1,X1,ع,1700,Y",
        [(2, "birth_year", "BIRTH_YEAR"), (2, "mother_name", "NAME"), (2, "name", "NAME"), (2, "sex", "SEX")],
    ),
    "no sex": ("household,case_number,name,sex\n1,1,علي حسن,X", [(2, "sex", "SEX")]),
    "no place": ("household,case_number,governorate\n1,1,Baghdad", [(2, "governorate", "GOVERNORATE")]),
    "absurd need": ("household,case_number,need_score\n1,1,-5", [(2, "need_score", "NEED_SCORE")]),
    "need that is no number": ("household,case_number,need_score\n1,1,nan", [(2, "need_score", "NEED_SCORE")]),
    "no relation": ("household,case_number,relation\n1,1,friend", [(2, "relation", "RELATION")]),
    "two heads": ("household,case_number,relation\n1,1,head\n1,2,head", [(2, "relation", "HEADS")]),
    "a village": (
        "household,case_number,relation\n1,0,head\n" + "".join(f"1,{each},child\n" for each in range(1, 51)),
        [(2, "household", "MANY_MEMBERS")],
    ),
    "two places": ("household,case_number,relation,governorate\n1,1,head,IQ-BG\n1,2,child,IQ-BA", [(2, "place", "PLACES")]),
    "a number twice": ("household,case_number\n1,1\n2,1", [(3, "case_number", "CASE_TWICE")]),
    "a number taken": ("household,case_number\n1,0001", [(2, "case_number", "CASE_TAKEN")]),
}  # fmt: skip


async def test_what_is_wrong_is_told_row_by_row_and_nothing_is_written(hub: Asking) -> None:
    """Failure 21.1a of aid, 21.1b of aid, 21.2a of aid."""
    clerk = Clerk(hub, "karama-manager")
    before = await counts(hub)
    for name, (content, faults) in BAD.items():
        seen = await clerk.preview(content)
        assert [(each["row"], each["column"], each["code"]) for each in seen["faults"]] == faults, name
        refused = await clerk.load(content, seen["digest"])
        assert refused["code"] in {"INVALID", "CONFLICT"}, name
        assert refused["hint"]
    assert (await clerk.load(FAMILIES, "0" * 32))["code"] == "STALE"
    huge = await clerk.did(IMPORT, input={"kind": "CSV", "content": "A" * (MOST_BYTES * 2), "digest": ""})
    assert (huge["code"], huge["field"]) == ("INVALID", "content")
    broken = await clerk.did(IMPORT, input={"kind": "CSV", "content": "not base64!", "digest": ""})
    assert (broken["code"], broken["field"]) == ("INVALID", "content")
    assert await counts(hub) == before
    arabic = (await clerk.preview("household\n1", language="AR"))["faults"]
    assert arabic[0]["text"] == FAULTS["ar"]["MISSING_COLUMN"][0]


def test_every_fault_is_said_in_three_languages() -> None:
    assert {language: set(words) for language, words in FAULTS.items()} == {each: set(FAULTS["en"]) for each in ("en", "ar", "ckb")}
    told = {code for _, faults in BAD.values() for _, _, code in faults}
    assert told <= set(FAULTS["en"])


def test_the_command_looks_through_first_and_registers_all_or_nobody(country: Country, tmp_path: Path) -> None:
    copied(country, tmp_path / "copy")
    good, bad, config = tmp_path / "good.csv", tmp_path / "bad.csv", str(tmp_path / "copy" / "hub.toml")
    good.write_text(FAMILIES, encoding="utf-8")
    bad.write_text(FAMILIES + "3,I-4,,X1,,,,,,\n", encoding="utf-8")

    def told(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["import", "--config", config, "--as", "crescent-manager", *arguments])
        return done.exit_code, done.output

    code, output = told(str(bad), "--commit")
    assert code == 1
    assert "bad.csv:5:name: NAME" in output
    assert told(str(good))[0] == 0
    code, output = told(str(good), "--commit", "--key", "first")
    assert (code, "registered 3 people in 2 households" in output) == (0, True)
    code, output = told(str(good), "--commit")
    assert code == 1
    assert output.count("CASE_TAKEN") == 3
