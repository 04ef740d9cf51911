"""Looks that are hidden by law show themselves when the time is over; complaints reach an inspectorate that need not know who complains."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from errors import Invalid
from resolvers.events import NOTHING
from resolvers.gather import Gathering
from resolvers.oversight.hiding import Order, hides, was_hidden
from resolvers.oversight.looks import manner
from resolvers.oversight.matters import worded
from resolvers.want import Field, Want
from tables.oversight.inspection import complaint, hiding
from tests.asking import Asking, asking, copied
from tests.country import Country
from tests.inspecting import COMPLAINT, FAMILY, HIDE, found, looks, refused, rows, wait
from tests.test_record import DISCLOSURE
from values import Role

REASON = "The prosecutor has asked that this be so."
TEXT = "I do not know this organisation and never asked it for anything."


@pytest.fixture
async def hub(country: Country, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(country, copied(country, tmp_path / "hub")) as opened:
        yield opened


@pytest.fixture(scope="module")
async def unchanged(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    """A hub in which nothing is done: everything is refused."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("unchanged") / "hub")) as opened:
        yield opened


async def hide(hub: Asking, who: str = "integrity-officer", **given: Any) -> dict[str, Any]:
    """What looksHide answers, about Umm Hassan and the inspectorate's looks for ten days unless said otherwise."""
    person = given.pop("person", None) or await found(hub, who, "990000000101")
    ends = (datetime.now(UTC) + timedelta(days=10)).isoformat()
    asked = {"person": person, "organisation": "inspectorate", "basis": REASON, "reference": "12/2026", "endsAt": ends, **given}
    return dict((await hub.data(HIDE, who, {"input": asked}))["looksHide"])


# --- hidden looks ----------------------------------------------------------------------------------------------------


async def test_a_hidden_look_shows_itself_when_the_time_is_over_and_says_so(hub: Asking) -> None:
    await hide(hub)
    await found(hub, "inspector", "990000000101")
    await hub.data(FAMILY, "crescent-caseworker")
    assert [each["organisation"] for each in await looks(hub, "umm-hassan")] == ["crescent-aid", "integrity-commission"]
    newest, hidden, *_ = await looks(hub, "umm-hassan", at=wait(days=11))
    assert [newest["organisation"], hidden["organisation"]] == ["crescent-aid", "inspectorate"]
    assert (hidden["hiddenBasis"], newest["hiddenBasis"], newest["hiddenUntil"]) == (REASON, None, None)
    assert hidden["hiddenUntil"] > hidden["at"]


async def test_hiding_changes_no_size_and_no_leaf_of_the_tree(hub: Asking) -> None:
    await found(hub, "inspector", "990000000101")
    await hub.hub.record.tree.grow()
    before = await hub.hub.record.tree.sign()
    person = await hub.hub.database.fetch(hub.hub.database.prepare(hiding.select()))
    assert person == []
    await hide(hub)
    size = await hub.hub.record.tree.grow()
    after = await hub.hub.record.tree.sign()
    assert before is not None
    assert after is not None
    assert (after.size, size) == (before.size + 1, before.size + 1)  # the officer's own look for the person
    assert await hub.hub.record.tree.consistent(before.size, after.size)


async def test_an_order_ended_early_shows_what_it_hid(hub: Asking) -> None:
    made = await hide(hub)
    await found(hub, "inspector", "990000000101")
    show = """mutation ($id: ID!, $reason: String!) { looksShow(input: {id: $id, reason: $reason}) {
        ... on LooksShown { hiding { endsAt trace { act state organisation reason } } } ... on Refusal { code } } }"""
    given = {"id": made["hiding"]["id"], "reason": "The inquiry was closed without a finding."}
    assert (await hub.data(show, "inspector", given))["looksShow"] == {"code": "UNKNOWN"}
    ended = (await hub.data(show, "integrity-officer", given))["looksShow"]["hiding"]
    assert [(each["act"], each["state"], each["reason"]) for each in ended["trace"]] == [
        ("order", "hidden", "12/2026"),
        ("end", "shown", given["reason"]),
    ]
    assert (await looks(hub, "umm-hassan", at=wait(seconds=2)))[0]["organisation"] == "inspectorate"
    assert (await hub.data(show, "integrity-officer", given))["looksShow"] == {"code": "UNKNOWN"}


async def test_inspectorates_see_each_others_orders(hub: Asking) -> None:
    await hide(hub)
    listed = (await hub.data("{ hidings { id person organisation body basis reference } }", "inspector"))["hidings"]
    assert [(each["organisation"], each["body"], each["reference"]) for each in listed] == [
        ("inspectorate", "integrity-commission", "12/2026")
    ]
    assert listed[0]["person"] == await found(hub, "inspector", "990000000101")
    assert "hidings" not in (await hub.fields("umm-hassan"))["Query"]


DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"organisation": "integrity-commission"}, "organisation"),
        ({"organisation": "nobody"}, "organisation"),
        ({"basis": "by law"}, "basis"),
        ({"basis": "law law law law law law law law"}, "basis"),
        ({"reference": ""}, "reference"),
        ({"endsAt": "2020-01-01T00:00:00Z"}, "endsAt"),
        ({"endsAt": "2999-01-01T00:00:00Z"}, "endsAt"),
        ({"endsAt": "soon"}, "endsAt"),
        ({"since": "2020-01-01T00:00:00Z"}, "since"),
        ({"since": "2999-01-01T00:00:00Z"}, "since"),
    ],
)
async def test_an_order_without_law_or_end_hides_nothing(given: dict[str, Any], field: str, unchanged: Asking) -> None:
    """Failure 5.1a of oversight; failure 5.1b of oversight."""
    assert await hide(unchanged, **given) == {"code": "INVALID", "field": field}
    assert await rows(unchanged, hiding) == 0


async def test_a_body_hides_looks_only_of_people_it_can_name(unchanged: Asking) -> None:
    """Failure 5.1c of oversight."""
    theirs = await found(unchanged, "inspector", "990000000101")
    assert await hide(unchanged, person=theirs) == {"code": "UNKNOWN", "field": None}
    assert await rows(unchanged, hiding) == 0


async def test_a_hidden_look_is_no_news_and_cannot_be_complained_of(hub: Asking) -> None:
    """Failure 18.3a of identity."""
    await hide(hub)
    await found(hub, "inspector", "990000000101")
    (newest, *_) = await looks(hub, "umm-hassan", at=wait(days=11))
    assert newest["organisation"] == "inspectorate"
    assert await refused(hub, COMPLAINT, "umm-hassan", {"disclosure": newest["id"], "text": TEXT}) == ("UNKNOWN", None)
    assert await rows(hub, complaint) == 0
    enquiry = await hub.hub.enquiry(hub.keys["umm-hassan"], None)
    look = await hub.hub.record.entry(int(newest["id"]), enquiry.requester.person or 0)
    field = Field("disclosed", "disclosed", want=Want("Disclosure", ()))
    assert await hub.hub.watching.show(Gathering(hub.hub, enquiry), field, (int(newest["id"]), look)) is NOTHING


@pytest.mark.parametrize(
    ("role", "grounds", "told"),
    [
        (Role.CASEWORKER, "own_case", "ORDINARY"),
        (Role.PERSON, "self", "OWN"),
        (Role.GUARDIAN, "self", "BY_GUARDIAN"),
        (Role.INSPECTOR, "always break_glass", "BREAK_GLASS"),
    ],
)
def test_a_look_says_how_it_came_about(role: Role, grounds: str, told: str) -> None:
    look = replace(DISCLOSURE, role=role)
    assert manner(look, [replace(each, grounds=grounds) for each in look.shown]) == told


def test_only_looks_of_the_named_body_in_the_time_are_hidden() -> None:
    at = int(DISCLOSURE.at.timestamp())
    order = Order("crescent-aid", at - 5, at + 5, REASON)
    assert hides([order], DISCLOSURE, at + 4)
    assert not hides([order], DISCLOSURE, at + 5)
    assert was_hidden([order], DISCLOSURE) is order
    before, after = Order("crescent-aid", at - 5, at, ""), Order("crescent-aid", at + 1, at + 5, "")
    for other in (Order("hope-network", at - 5, at + 5, ""), before, after):
        assert not hides([other], DISCLOSURE, at - 3)
        assert was_hidden([other], DISCLOSURE) is None


@pytest.mark.parametrize("text", ["", "short", "x" * 40, "a a a a a a a a a a a a a a", "y" * 5000, "no no no no no no no no no"])
def test_a_reason_that_says_nothing_is_none(text: str) -> None:
    with pytest.raises(Invalid):
        worded(text, "reason")


# --- complaints ------------------------------------------------------------------------------------------------------


async def filed(hub: Asking, **given: Any) -> dict[str, Any]:
    """Umm Hassan complains of the newest look."""
    await hub.data(FAMILY, "crescent-caseworker")
    (newest, *_) = await looks(hub, "umm-hassan")
    asked = {"disclosure": newest["id"], "text": TEXT, **given}
    return dict((await hub.data(COMPLAINT, "umm-hassan", {"input": asked}))["complaintFile"]["complaint"])


MOVE = """mutation ($id: ID!, $text: String!) { %s(input: {id: $id%s}) {
    ... on ComplaintMoved { complaint { id state text answer person trace { act state organisation } } }
    ... on Refusal { code field } } }"""
LIST = "{ complaints { id state body text answer person disclosure { organisation purpose attributes } trace { act } } }"


async def move(hub: Asking, who: str, act: str, id_: str, text: str = "") -> dict[str, Any]:
    name = f"complaint{act.capitalize()}"
    said = act in {"answer", "contest"}
    question = MOVE % (name, ", text: $text" if said else "")
    if not said:
        question = question.replace(", $text: String!", "")
    answer = (await hub.data(question, who, {"id": id_, **({"text": text} if said else {})}))[name]
    return dict(answer.get("complaint", answer))


async def test_a_complaint_goes_its_way_and_the_inspector_does_not_learn_who_complains(hub: Asking) -> None:
    mine = await filed(hub)
    assert (mine["state"], mine["body"], mine["disclosure"]["organisation"]) == ("FILED", "inspectorate", "crescent-aid")
    (theirs,) = (await hub.data(LIST, "inspector"))["complaints"]
    assert (theirs["person"], theirs["text"], theirs["disclosure"]["organisation"]) == (None, TEXT, "crescent-aid")
    assert theirs["id"] != mine["id"]
    assert (await move(hub, "inspector", "take", theirs["id"]))["state"] == "IN_REVIEW"
    answer = "The look was for the winter list, on which your card stands."
    assert (await move(hub, "inspector", "answer", theirs["id"], answer))["answer"] == answer
    contested = await move(hub, "umm-hassan", "contest", mine["id"], "My card is not on that list, I asked.")
    assert contested["state"] == "CONTESTED"
    assert contested["text"] == f"{TEXT}\n\nMy card is not on that list, I asked."
    closed = await move(hub, "inspector-2", "answer", theirs["id"], "It was not; they were told to delete it.")
    assert (closed["state"], closed["person"]) == ("CLOSED", None)
    assert [(each["act"], each["organisation"]) for each in closed["trace"]] == [
        ("file", None),
        ("take", "inspectorate"),
        ("answer", "inspectorate"),
        ("contest", None),
        ("answer", "inspectorate"),
    ]
    (read,) = (await hub.data(LIST, "umm-hassan"))["complaints"]
    assert read["answer"].startswith(answer)
    assert (await move(hub, "umm-hassan", "contest", mine["id"], "And again I contest what was said."))["code"] == "CONFLICT"


async def test_the_inspectors_reading_stands_among_the_persons_disclosures(hub: Asking) -> None:
    await filed(hub)
    await hub.data(LIST, "inspector")
    (newest, *_) = await looks(hub, "umm-hassan")
    assert (newest["organisation"], newest["grounds"], newest["attributes"]) == (
        "inspectorate",
        ["complaint"],
        ["Complaint.text", "Disclosure.id"],
    )


async def test_who_complains_is_known_where_the_person_says_so(hub: Asking) -> None:
    await filed(hub, reveal=True)
    (theirs,) = (await hub.data(LIST, "inspector"))["complaints"]
    assert theirs["person"] == await found(hub, "inspector", "990000000101")


async def test_a_complaint_about_an_inspectorate_goes_to_another(hub: Asking) -> None:
    await found(hub, "inspector", "990000000101")
    (newest, *_) = await looks(hub, "umm-hassan")
    made = (await hub.data(COMPLAINT, "umm-hassan", {"input": {"disclosure": newest["id"], "text": TEXT}}))["complaintFile"]["complaint"]
    assert made["body"] == "integrity-commission"
    assert (await hub.data(LIST, "inspector"))["complaints"] == []
    assert len((await hub.data(LIST, "integrity-officer"))["complaints"]) == 1


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"disclosure": "999999"}, ("UNKNOWN", None)),
        ({"disclosure": "x"}, ("UNKNOWN", None)),
        ({"text": "bad"}, ("INVALID", "text")),
        ({"body": "crescent-aid"}, ("INVALID", "body")),
        ({"body": "nobody"}, ("INVALID", "body")),
    ],
)
async def test_a_complaint_of_nothing_or_to_nobody_is_refused(
    given: dict[str, str], refusal: tuple[str, str | None], unchanged: Asking
) -> None:
    """Failure 18.3a of identity; failure 18.3b of identity."""
    await unchanged.data(FAMILY, "crescent-caseworker")
    (newest, *_) = await looks(unchanged, "umm-hassan")
    assert await refused(unchanged, COMPLAINT, "umm-hassan", {"disclosure": newest["id"], "text": TEXT, **given}) == refusal
    assert await rows(unchanged, complaint) == 0


async def test_nobody_complains_of_anothers_entry_of_its_own_look_or_twice(hub: Asking) -> None:
    """Failure 18.3a of identity; failure 18.3c of identity."""
    mine = await filed(hub)
    assert mine["state"] == "FILED"
    await hub.data("{ me { person { birthYear } } }", "umm-hassan")
    own, look, *_ = await looks(hub, "umm-hassan")
    assert await refused(hub, COMPLAINT, "umm-hassan", {"disclosure": own["id"], "text": TEXT}) == ("INVALID", "disclosure")
    assert look["organisation"] == "crescent-aid"
    assert await refused(hub, COMPLAINT, "umm-hassan", {"disclosure": look["id"], "text": TEXT}) == ("INVALID", "disclosure")
    assert await refused(hub, COMPLAINT, "mariam", {"disclosure": look["id"], "text": TEXT}) == ("UNKNOWN", None)
    assert await rows(hub, complaint) == 1


async def test_a_complaint_moves_only_by_its_parties_and_states(hub: Asking) -> None:
    """Failure 18.4a of identity; failure 18.4b of identity; failure 18.5a of identity."""
    mine = await filed(hub)
    (theirs,) = (await hub.data(LIST, "inspector"))["complaints"]
    assert (await move(hub, "inspector", "answer", theirs["id"], "It is answered before it was taken."))["code"] == "CONFLICT"
    assert (await move(hub, "integrity-officer", "take", theirs["id"]))["code"] == "UNKNOWN"
    assert (await move(hub, "inspector", "take", mine["id"]))["code"] == "UNKNOWN"
    assert (await move(hub, "mariam", "withdraw", mine["id"]))["code"] == "UNKNOWN"
    await move(hub, "inspector", "take", theirs["id"])
    assert await move(hub, "inspector", "answer", theirs["id"], "no") == {"code": "INVALID", "field": "text"}
    assert (await move(hub, "umm-hassan", "withdraw", mine["id"]))["state"] == "WITHDRAWN"
    assert (await move(hub, "inspector", "answer", theirs["id"], "It is answered after it was taken back."))["code"] == "CONFLICT"
    (read,) = (await hub.data(LIST, "umm-hassan"))["complaints"]
    assert (read["state"], read["answer"], [each["act"] for each in read["trace"]]) == ("WITHDRAWN", None, ["file", "take", "withdraw"])


async def test_what_is_written_in_a_complaint_is_not_readable_in_the_database(hub: Asking) -> None:
    await filed(hub)
    path = hub.hub.settings.hub.database.removeprefix("sqlite:///")
    book = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    ((text,),) = book.execute("SELECT text FROM complaint")
    book.close()
    assert "organisation" not in str(text)
