"""Transparency reports are read on a page without scripts, printed, and fetched as a table."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import browsing
from tests.serving import Serving
from web.transparency import _plain, as_csv, bars
from web.words import DIRECTIONS, NAMES, WORDS

YEAR = "from=2025-01-01&to=2025-12-31"


def test_each_language_has_the_same_words() -> None:
    ar, ckb, en = (WORDS[each] for each in ("ar", "ckb", "en"))
    assert ar.keys() == ckb.keys() == en.keys()
    assert ar["units"].keys() == ckb["units"].keys() == en["units"].keys()
    assert DIRECTIONS.keys() == NAMES.keys() == WORDS.keys()


@pytest.mark.parametrize(("language", "direction"), DIRECTIONS.items())
def test_the_page_speaks_three_languages_without_a_script(hub_server: Serving, language: str, direction: str) -> None:
    answer = httpx.get(f"{hub_server.url}/transparency/karama?{YEAR}&language={language}")
    assert answer.status_code == 200
    assert f'<html lang="{language}" dir="{direction}">' in answer.text
    assert WORDS[language]["moved"] in answer.text
    assert not re.search(r"<script|javascript:|\son\w+=|\sstyle=|https?://", answer.text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_what_cannot_be_reported_is_said_and_repeats_nothing(hub_server: Serving) -> None:
    """Failure 23.3b of aid."""
    for path, status in (("nobody", 404), ("karama?from=2025-02-01&to=2025-01-01", 400), ("karama?from=%3Cscript%3E&to=x", 400)):
        answer = httpx.get(f"{hub_server.url}/transparency/{path}")
        assert answer.status_code == status
        assert WORDS["ar"]["refused"] in answer.text
        assert "<script" not in answer.text
    assert httpx.get(f"{hub_server.url}/transparency/karama.csv?from=2025-02-01&to=2025-01-01").status_code == 400
    key = {"authorization": "Bearer mz_nobody"}
    assert httpx.get(f"{hub_server.url}/transparency/karama?{YEAR}", headers=key).status_code == 401


def test_the_table_has_a_figure_a_line(hub_server: Serving) -> None:
    answer = httpx.get(f"{hub_server.url}/transparency.csv?{YEAR}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    head, *lines = csv.reader(io.StringIO(answer.text))
    assert head == ["part", "of", "in", "measure", "value"]
    assert ["report", "", "", "from", "2025-01-01"] in lines
    assert ["report", "", "", "exact", "false"] in lines


def test_no_text_of_a_table_is_a_formula() -> None:
    assert _plain(("=1+1", "-2", "plain", None, True, -3)) == ["'=1+1", "'-2", "plain", "", "true", -3]
    named = ("organisation", "programme", "place", "from", "to", "exact", "countedAt", "people", "households", "leftOut", "overlap")
    nothing = dict.fromkeys(named)
    lists: dict[str, list[Any]] = {name: [] for name in ("amounts", "concentration", "coverage", "waiting")}
    assert as_csv({**nothing, **lists, "programme": '=A1,"x"'}).splitlines()[2] == 'report,,,programme,"\'=A1,""x"""'
    amount = {"kind": "=2", "currency": "@IQD", "unit": None, **dict.fromkeys(("amount", "quantity", "households")), "people": 7}
    assert "amounts,'=2,'@IQD,people,7" in as_csv({**nothing, **lists, "amounts": [amount]}).splitlines()


def test_bars_are_as_high_as_people_were_many() -> None:
    reached = [("cash", 40), ("cash", 20), ("food", 20), ("health", None)]
    made = bars([{"kind": kind, "people": people} for kind, people in reached], "ltr")
    assert [(each["kind"], each["value"], each["height"]) for each in made] == [("cash", 40, 130), ("food", 20, 65)]
    assert bars([], "ltr") == []


def test_bars_begin_where_reading_begins() -> None:
    """In the order of the table: in Arabic and Kurdish the first kind stands on the right."""
    amounts = [{"kind": kind, "people": 10} for kind in ("cash", "food", "health")]
    right, left = ([each["middle"] for each in bars(amounts, direction)] for direction in ("ltr", "rtl"))
    assert right == sorted(right)
    assert left == [480 - each for each in right]


def test_a_browser_shows_the_report_and_complains_of_nothing(hub_server: Serving, tmp_path: Path) -> None:
    """Without chromium it is skipped; with CI=true that is a failure."""
    with browsing(tmp_path / "profile") as page:
        page.open(f"{hub_server.url}/transparency/karama?{YEAR}")
        assert page.value("[document.documentElement.dir, document.querySelector('h1').textContent]") == ["rtl", WORDS["ar"]["title"]]
        assert page.value("getComputedStyle(document.querySelector('dd')).fontWeight") == "700", "the style sheet is read"
        page.open(page.value("document.querySelector('a[hreflang=en]').href"))
        assert page.value("document.documentElement.lang") == "en"
        assert page.value("document.querySelector('.of').textContent.trim()") == "Karama for People with Disabilities"
        assert page.complaints == []
