"""Organisations write to each other; the hub carries what it cannot read, and neither learns how the other knows a person."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cli import main
from privacy import messages
from tests.asking import Asking, asking, copied
from tests.corresponding import PUBLISH, Office, counts, issued, later, text
from tests.country import Country
from tests.test_references import called, numbers

SEND = """mutation ($input: MessageSendInput!) { messageSend(input: $input) {
    __typename ... on MessageSent { thread number at } ... on Refusal { code field hint } } }"""
READ = """mutation ($thread: ID!, $upto: Int!) { messageRead(input: {thread: $thread, upto: $upto}) {
    __typename ... on MessagesRead { readUpto unread } ... on Refusal { code field hint } } }"""
REVOKE = """mutation ($version: Int!, $reason: String! = "lost") { messageKeyRevoke(input: {version: $version, reason: $reason}) {
    __typename ... on MessageKeyChanged { key { version revokedAt } } ... on Refusal { code field hint } } }"""
THREADS = """query ($first: Int! = 20, $after: String, $unread: Boolean! = false) { threads(first: $first, after: $after, unread: $unread) {
    threads { id openedBy parties { organisation readUpto } last unread about { handle person } } endCursor hasNextPage } }"""
MESSAGES = """query ($thread: ID!, $first: Int! = 20, $after: Int! = 0) { messages(thread: $thread, first: $first, after: $after) {
    number sender senderKey key box sealed attachments { place sizeBytes } } }"""
PART = "query ($thread: ID!, $place: Int! = 1) { messageAttachment(thread: $thread, number: 1, place: $place) }"
KEYS = """query ($of: [ID!]!) { messageKeys(organisations: $of) {
    organisation version publicKey signingKey signature fingerprint continues untilAt revokedAt } }"""
WORDS = "The well in the eastern camp is dry."
PDF = b"%PDF-1.7 a list of wells"
BOTH = ["crescent-aid", "hope-network"]


class Desks:
    """A hub and three organisations that write to each other."""

    def __init__(self, hub: Asking) -> None:
        self.hub = hub
        self.crescent, self.hope, self.rafidain = (Office(hub, each) for each in ("crescent-aid", "hope-network", "rafidain-relief"))

    async def publish(self) -> Desks:
        for each in (self.crescent, self.hope, self.rafidain):
            assert (await each.publish())["__typename"] == "MessageKeyChanged"
        return self


@pytest.fixture(scope="module")
async def shared(country: Country, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desks]:
    """A hub of its own for tests that leave keys as they are."""
    async with asking(country, copied(country, tmp_path_factory.mktemp("messages") / "copy")) as opened:
        yield await Desks(opened).publish()


@pytest.fixture
async def fresh(country: Country, tmp_path: Path) -> AsyncIterator[Desks]:
    """The same, whose keys a test changes."""
    async with asking(country, copied(country, tmp_path / "copy")) as opened:
        yield await Desks(opened).publish()


def letter(desks: Desks, **more: Any) -> dict[str, Any]:
    return {**desks.crescent.sealed(WORDS, [desks.hope]), "to": ["hope-network"], **more}


async def sent(desks: Desks, **more: Any) -> Any:
    return await desks.crescent.did(SEND, input=letter(desks, **more))


async def listed(office: Office, thread: str) -> Any:
    """How an office's inbox shows the thread that Crescent Aid calls so."""
    number = office.hub.hub.pseudonyms.resolve("crescent-aid", thread, "thread") or 0
    name = called(office.hub, office.organisation, number, "thread")
    return next(each for each in (await office.did(THREADS, first=100))["threads"] if each["id"] == name)


# --- from one to another ---------------------------------------------------------------------------------------------


async def test_a_message_is_read_by_its_parties_and_the_hub_keeps_what_it_cannot_read(shared: Desks) -> None:
    crescent, hope = shared.crescent, shared.hope
    made = crescent.sealed(WORDS, [hope], ("wells.pdf", PDF))
    with shared.hub.hub.watching.watch("message_received", await shared.hub.hub.enquiry(shared.hub.keys[hope.caseworker], None)) as watcher:
        sent_ = await crescent.did(SEND, input={**made, "to": ["hope-network"]})
        news = await watcher.next(10)
    assert (sent_["__typename"], sent_["number"], news["number"]) == ("MessageSent", 1, 1)
    theirs = await listed(hope, sent_["thread"])
    assert theirs["id"] != sent_["thread"]
    assert (theirs["openedBy"], theirs["last"], theirs["unread"], theirs["about"]) == ("crescent-aid", 1, 1, None)
    assert theirs["parties"] == [{"organisation": "crescent-aid", "readUpto": 1}, {"organisation": "hope-network", "readUpto": 0}]
    (found,) = await hope.did(MESSAGES, thread=theirs["id"])
    assert found["attachments"] == [{"place": 1, "sizeBytes": 1064}]
    part = await hope.did(PART, thread=theirs["id"])
    said = hope.opened(found, crescent, BOTH, part)
    assert said == {"text": WORDS, "attachments": [{"name": "wells.pdf", "type": "application/pdf", "content": PDF}]}
    (mine,) = await crescent.did(MESSAGES, thread=sent_["thread"])
    assert crescent.opened(mine, crescent, BOTH, part)["text"] == WORDS
    folder = shared.hub.hub.settings.path.parent
    stored = b"".join(path.read_bytes() for path in (folder / "hub.db", folder / "hub.db-wal") if path.exists())
    assert base64.b64decode(found["sealed"])[:64] in stored
    assert not {word for word in (WORDS.encode(), PDF, b"wells.pdf") if word in stored}


async def test_what_was_read_is_said_and_never_goes_back(shared: Desks) -> None:
    """Failure 2.3a of exchange."""
    thread = (await sent(shared))["thread"]
    for _ in range(2):
        assert (await shared.crescent.did(SEND, input={**shared.crescent.sealed(WORDS, [shared.hope]), "thread": thread}))[
            "__typename"
        ] == ("MessageSent")
    theirs = (await listed(shared.hope, thread))["id"]
    assert theirs in str(await shared.hope.did(THREADS, unread=True, first=100))
    before = await counts(shared.hub)
    for upto, code in ((0, "INVALID"), (4, "INVALID"), (-1, "INVALID")):
        refused = await shared.hope.did(READ, thread=theirs, upto=upto)
        assert (refused["code"], refused["field"]) == (code, "upto")
    assert await counts(shared.hub) == before
    assert await shared.hope.did(READ, thread=theirs, upto=2) == {"__typename": "MessagesRead", "readUpto": 2, "unread": 1}
    assert (await shared.hope.did(READ, thread=theirs, upto=1))["code"] == "CONFLICT"
    parties = (await listed(shared.crescent, thread))["parties"]
    assert parties == [{"organisation": "crescent-aid", "readUpto": 3}, {"organisation": "hope-network", "readUpto": 2}]


async def test_an_inbox_and_a_thread_are_read_in_pages(shared: Desks) -> None:
    """Failure 2.1a of exchange."""
    made = [(await sent(shared))["thread"] for _ in range(3)]
    first = await shared.crescent.did(THREADS, first=2)
    second = await shared.crescent.did(THREADS, first=2, after=first["endCursor"])
    shown = [each["id"] for each in first["threads"] + second["threads"]]
    assert first["hasNextPage"]
    assert len(set(shown)) == 4
    assert set(made) <= {each["id"] for each in (await shared.crescent.did(THREADS, first=100))["threads"]}
    answer = await shared.hub.ask(THREADS, "hope-caseworker", {"after": first["endCursor"]})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"
    thread = made[0]
    for _ in range(2):
        await shared.crescent.did(SEND, input={**shared.crescent.sealed(WORDS, [shared.hope]), "thread": thread})
    pages = [await shared.crescent.did(MESSAGES, thread=thread, first=2, after=after) for after in (0, 2)]
    assert [each["number"] for page in pages for each in page] == [1, 2, 3]


async def test_each_knows_the_person_of_a_thread_by_its_own_identifier_or_by_none(shared: Desks) -> None:
    """Failure 2.1b of exchange."""
    known = (await numbers(shared.hub, "crescent-aid", "hope-network"))[0]
    stranger = (await numbers(shared.hub, "crescent-aid"))[0]
    seen = []
    for number in (known, stranger):
        about = called(shared.hub, "crescent-aid", number)
        thread = (await sent(shared, about=about))["thread"]
        ours, theirs = [(await listed(each, thread))["about"] for each in (shared.crescent, shared.hope)]
        assert ours["person"] == about
        assert ours["handle"] != theirs["handle"]
        assert about not in str(theirs)
        seen.append(theirs["person"])
    assert seen == [called(shared.hub, "hope-network", known), None]
    elsewhere = await shared.hub.data(THREADS, "hope-caseworker", purpose="case_management")
    assert elsewhere["threads"]["threads"] == []


async def test_the_same_key_sends_a_message_once(shared: Desks) -> None:
    made = letter(shared, idempotencyKey="once")
    first = await shared.crescent.did(SEND, input=made)
    before = await counts(shared.hub)
    assert await shared.crescent.did(SEND, input=made) == first
    assert (await shared.crescent.did(SEND, input={**letter(shared), "idempotencyKey": "once"}))["code"] == "CONFLICT"
    assert await counts(shared.hub) == before


# --- what is refused -------------------------------------------------------------------------------------------------


def _odd(size: int) -> str:
    return text(bytes(size))


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "to nobody": ({"to": []}, "INVALID", "to"),
    "to itself": ({"to": ["crescent-aid"]}, "INVALID", "to"),
    "to one twice": ({"to": ["hope-network", "hope-network"]}, "INVALID", "to"),
    "to far too many": ({"to": [f"org-{each}" for each in range(5_000)]}, "INVALID", "to"),
    "to nobody that is": ({"to": ["\u202e"]}, "INVALID", "to"),
    "to one not verified": ({"to": ["new-dawn"]}, "INVALID", "to"),
    "to one of other purposes": ({"to": ["nahrain-apps"]}, "INVALID", "to"),
    "to one without a key": ({"to": ["karama"]}, "INVALID", "boxes"),
    "to another than it is sealed for": ({"to": ["rafidain-relief"]}, "INVALID", "boxes"),
    "to more than it is sealed for": ({"to": ["hope-network", "rafidain-relief"]}, "INVALID", "boxes"),
    "in a thread and opening one": ({"thread": "x"}, "INVALID", "to"),
    "in no thread": ({"thread": "x", "to": None}, "UNKNOWN", "thread"),
    "about somebody in a thread": ({"thread": "x", "to": None, "about": "x"}, "INVALID", "about"),
    "about nobody": ({"about": "0" * 48}, "UNKNOWN", ""),
    "plain": ({"sealed": WORDS}, "INVALID", "sealed"),
    "nothing": ({"sealed": ""}, "INVALID", "sealed"),
    "of no size": ({"sealed": _odd(1065)}, "INVALID", "sealed"),
    "five attachments": ({"attachments": [_odd(1064)] * 5}, "INVALID", "attachments"),
    "an attachment of no size": ({"attachments": [_odd(1064), _odd(3)]}, "INVALID", "attachments.1"),
    "boxed for nobody": ({"boxes": []}, "INVALID", "boxes"),
    "a box of no size": ({"boxes": [{"organisation": "hope-network", "version": 1, "box": _odd(103)}]}, "INVALID", "boxes.0.box"),
    "boxed for one twice": (
        {"boxes": [{"organisation": "hope-network", "version": 1, "box": _odd(104)}] * 2}, "INVALID", "boxes.1.organisation",
    ),
    "boxed to another key": (
        {"boxes": [{"organisation": each, "version": 9, "box": _odd(104)} for each in BOTH]}, "STALE", "boxes",
    ),
    "a key too long": ({"idempotencyKey": "k" * 65}, "INVALID", "idempotencyKey"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "code", "field"), BAD.values(), ids=BAD)
async def test_a_message_that_cannot_be_is_refused_and_nothing_is_written(
    shared: Desks, changed: dict[str, Any], code: str, field: str
) -> None:
    """Failure 2.2a of exchange, 2.2b of exchange, 2.2c of exchange."""
    before = await counts(shared.hub)
    refused = await sent(shared, **changed)
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", code, field or None)
    assert refused["hint"]
    assert await counts(shared.hub) == before


async def test_nobody_reads_or_writes_a_thread_it_is_no_party_of(shared: Desks) -> None:
    """Failure 2.1c of exchange."""
    thread = (await sent(shared, **shared.crescent.sealed(WORDS, [shared.hope], ("w.pdf", PDF))))["thread"]
    theirs = (await listed(shared.hope, thread))["id"]
    before = await counts(shared.hub)
    for named in (thread, theirs, "x", "\u202e"):
        for who in (shared.rafidain, *([shared.hope] if named != theirs else [])):
            assert await who.did(MESSAGES, thread=named) is None
            assert await who.did(PART, thread=named) is None
            refused = [
                await who.did(READ, thread=named, upto=1),
                await who.did(SEND, input={**who.sealed(WORDS, [shared.crescent]), "thread": named}),
            ]
            assert [each["code"] for each in refused] == ["UNKNOWN", "UNKNOWN"]
    assert await counts(shared.hub) == before
    assert await shared.hope.did(PART, thread=theirs, place=0) is None
    under = await shared.hub.data(MESSAGES, "hope-caseworker", {"thread": theirs}, "case_management")
    assert under["messages"] is None
    assert theirs not in str(await shared.rafidain.did(THREADS))


@pytest.mark.parametrize("who", ["public", "umm-hassan", "inspector", "app-developer", "new-dawn-caseworker", "ministry-analyst"])
async def test_whoever_deals_with_no_organisation_has_no_such_fields(shared: Desks, who: str) -> None:
    fields = await shared.hub.fields(who)
    assert not {"threads", "messages", "messageKeys", "messageAttachment"} & fields["Query"]
    assert not {name for name in fields.get("Mutation", ()) if name.startswith("message")}


# --- keys ------------------------------------------------------------------------------------------------------------

BAD_KEYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "of no length": ({"publicKey": _odd(31)}, "INVALID", "publicKey"),
    "that gives the secret away": ({"publicKey": _odd(32)}, "INVALID", "publicKey"),
    "not base64": ({"publicKey": "\u202e"}, "INVALID", "publicKey"),
    "signed by nobody": ({"signature": _odd(64)}, "INVALID", "signature"),
    "signed by another": ({"signingKey": _odd(32)}, "INVALID", "signature"),
    "ended": ({"untilAt": later(-1)}, "INVALID", "untilAt"),
    "without end": ({"untilAt": later(900)}, "INVALID", "untilAt"),
    "of the version before": ({"version": 1}, "STALE", "version"),
    "of a version to come": ({"version": 7}, "STALE", "version"),
    "of no version": ({"version": -1}, "STALE", "version"),
    "endorsed by nobody": ({"endorsement": _odd(64)}, "INVALID", "endorsement"),
}


@pytest.mark.parametrize(("changed", "code", "field"), BAD_KEYS.values(), ids=BAD_KEYS)
async def test_a_key_that_cannot_be_is_refused_and_nothing_is_written(
    shared: Desks, changed: dict[str, Any], code: str, field: str
) -> None:
    """Failure 1.2a of exchange."""
    other = Office(shared.hub, "crescent-aid")
    other.secrets.append(messages.new_keys()[1])
    before = await counts(shared.hub)
    refused = await other.publish(**changed)
    assert (refused["__typename"], refused.get("code"), refused.get("field")) == ("Refusal", code, field)
    assert await counts(shared.hub) == before


async def test_a_key_follows_another_and_old_messages_stay_readable(fresh: Desks) -> None:
    """Failure 1.3a of exchange, 2.2d of exchange."""
    crescent, hope = fresh.crescent, fresh.hope
    assert (await sent(fresh))["number"] == 1
    stale = letter(fresh)
    hope.secrets.append(messages.new_keys()[1])
    assert (await hope.publish())["key"] == {
        "organisation": "hope-network", "version": 2, "continues": True, "revokedAt": None,
        "fingerprint": messages.fingerprint(messages.signing_public(hope.seed)),
    }  # fmt: skip
    refused = await crescent.did(SEND, input=stale)
    assert (refused["code"], refused["field"]) == ("STALE", "boxes")
    assert (await sent(fresh))["number"] == 1
    found = [await hope.did(MESSAGES, thread=each["id"]) for each in (await hope.did(THREADS))["threads"]]
    assert {each[0]["key"]: hope.opened(each[0], crescent, BOTH)["text"] for each in found} == {1: WORDS, 2: WORDS}
    assert (await hope.did(REVOKE, hope.manager, version=2))["key"]["revokedAt"] is not None
    assert (await hope.did(REVOKE, hope.manager, version=2))["code"] == "CONFLICT"
    assert (await hope.did(REVOKE, hope.manager, version=9))["code"] == "UNKNOWN"
    assert (await hope.did(REVOKE, hope.manager, version=1, reason="\u202e"))["field"] == "reason"
    assert (await sent(fresh))["code"] == "STALE"


async def test_a_new_signing_key_shows_whether_the_one_before_endorsed_it(fresh: Desks) -> None:
    """Failure 1.2b of exchange."""
    hope = fresh.hope
    old = hope.seed
    for endorsed in (True, False):
        hope.seed, secret = messages.new_keys()
        hope.secrets.append(secret)
        signing = messages.signing_public(hope.seed)
        more = {"endorsement": text(messages.signed(old, messages.succession("hope-network", signing)))} if endorsed else {}
        assert (await hope.publish(**more))["key"]["continues"] is endorsed
        old = hope.seed
    again = Office(fresh.hub, "hope-network")
    again.seed, again.secrets = hope.seed, [*hope.secrets, hope.secrets[0]]
    assert (await again.publish())["code"] == "CONFLICT"
    assert "messageKeyPublish" not in (await fresh.hub.fields("hope-caseworker"))["Mutation"]


# --- on the side of who writes and reads -----------------------------------------------------------------------------


@given(st.text(max_size=3_000), st.lists(st.sampled_from([PDF, b"\x89PNG\r\n\x1a\n..", b"\xff\xd8\xff..", b"plain"]), max_size=3))
def test_what_is_sealed_is_opened_by_each_party_and_by_nobody_else(said: str, attached: list[bytes]) -> None:
    seeds = {name: messages.new_keys()[1] for name in ("a", "b", "c", "d")}
    publics = {name: messages.public_of(seeds[name]) for name in ("a", "b", "c")}
    made = messages.sealed(said, [("x", each) for each in attached], ("a", seeds["a"]), publics)
    assert all(messages.has_a_size(each) for each in made.parts)
    for name in publics:
        found = messages.opened(made.parts, made.boxes[name], ("a", publics["a"]), ["c", "b", "a"], seeds[name])
        assert (found["text"], [each["content"] for each in found["attachments"]]) == (said, attached)
    for box, sender, parties, secret in (
        (made.boxes["b"], "a", ["a", "b", "c"], seeds["d"]),
        (made.boxes["b"], "c", ["a", "b", "c"], seeds["b"]),
        (made.boxes["b"], "a", ["a", "b"], seeds["b"]),
        (made.boxes["c"], "a", ["a", "b", "c"], seeds["b"]),
    ):
        with pytest.raises(ValueError, match=r"sealed by this sender|exchanged"):
            messages.opened(made.parts, box, (sender, publics[sender]), parties, secret)


def test_parts_cannot_be_changed_exchanged_or_left_out() -> None:
    seeds = {name: messages.new_keys()[1] for name in ("a", "b")}
    publics = {name: messages.public_of(seed) for name, seed in seeds.items()}
    made = messages.sealed(WORDS, [("x", PDF), ("y", b"plain")], ("a", seeds["a"]), publics)
    first, second, third = made.parts
    for parts in ([first, third, second], [first, second], [first], [first, second, third[:-1] + b"\0"], [second, first, third]):
        with pytest.raises(ValueError, match="exchanged"):
            messages.opened(parts, made.boxes["b"], ("a", publics["a"]), ["a", "b"], seeds["b"])


@pytest.mark.parametrize("content", [b"MZ\x90\x00\xff", b"PK\x03\x04\xff", b"\xff\xfe\x00", b"text\0and more"])
def test_an_attachment_of_another_kind_is_not_sealed(content: bytes) -> None:
    seed = messages.new_keys()[1]
    with pytest.raises(ValueError, match="only PDF"):
        messages.sealed(WORDS, [("x.pdf", content)], ("a", seed), {"a": messages.public_of(seed)})


def test_what_is_too_long_is_not_sealed() -> None:
    seed = messages.new_keys()[1]
    with pytest.raises(ValueError, match="at most"):
        messages.sealed(WORDS, [("x.txt", b"a" * messages.SIZES[-1])], ("a", seed), {"a": messages.public_of(seed)})


def ran(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, [part.replace("@", f"{folder}/") for part in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


async def test_the_commands_seal_and_open_without_the_hub(country: Country, tmp_path: Path) -> None:
    """Failure 1.1a of exchange."""
    async with asking(country, copied(country, tmp_path / "copy")) as hub:
        for name in BOTH:
            marked = ran(tmp_path, "message", "keys", f"@{name}.keys")
            given = json.loads(ran(tmp_path, "message", "publish", f"@{name}.keys", "--organisation", name))
            office = Office(hub, name)
            assert (await office.did(PUBLISH, office.manager, **given))["key"]["version"] == 1
        (tmp_path / "keys.json").write_text(json.dumps({"data": await hub.data(KEYS, "crescent-caseworker", {"of": BOTH})}))
        (tmp_path / "text.txt").write_text(WORDS)
        (tmp_path / "wells.pdf").write_bytes(PDF)
        fingerprint = marked.rsplit(maxsplit=1)[-1]
        seal = (
            "message",
            "seal",
            "@text.txt",
            "--keys",
            "@crescent-aid.keys",
            "--from",
            "crescent-aid",
            "--to",
            "@keys.json",
            "--attach",
            "@wells.pdf",
        )
        made = json.loads(ran(tmp_path, *seal, "--expect", f"hope-network={fingerprint}"))
        await Office(hub, "crescent-aid").did(SEND, input={**made, "to": ["hope-network"]})
        hope = Office(hub, "hope-network")
        thread = (await hope.did(THREADS))["threads"][0]["id"]
        (found,) = await hope.did(MESSAGES, thread=thread)
        found["parts"] = [await hope.did(PART, thread=thread)]
    (tmp_path / "message.json").write_text(json.dumps(found))
    reading = ("message", "open", "@message.json", "--from-keys", "@keys.json", "--party", "crescent-aid", "--party", "hope-network")
    assert ran(tmp_path, *reading, "--keys", "@hope-network.keys", "--attachments", "@out").strip() == WORDS
    assert (tmp_path / "out" / "attachment-1.pdf").read_bytes() == PDF
    assert "version 2" in ran(tmp_path, "message", "keys", "@next.keys", "--after", "@hope-network.keys")
    assert ran(tmp_path, *reading, "--keys", "@next.keys").strip() == WORDS
    assert "endorsement" in ran(tmp_path, "message", "publish", "@next.keys", "--organisation", "x", "--endorsed-by", "@hope-network.keys")
    forged = (tmp_path / "keys.json").read_text().replace('"untilAt": "2', '"untilAt": "3')
    (tmp_path / "forged.json").write_text(forged)
    for arguments, said in (
        ((*seal, "--expect", "hope-network=00"), "do not seal to it"),
        ((*seal[:-3], "@forged.json"), "does not hold"),
        ((*seal[:-3], "@text.txt"), "no answer of"),
        ((*seal[:5], "--from", "karama", "--to", "@keys.json"), "no key that holds"),
        ((*seal[:4], "@wells.pdf", *seal[5:]), "no file of keys"),
        ((*seal[:-1], "@out/attachment-1.pdf.exe"), "does not exist"),
        ((*reading[:-1], "karama", "--keys", "@hope-network.keys"), "exchanged"),
        ((*reading, "--keys", "@crescent-aid.keys"), "not sealed by this sender"),
    ):
        done = CliRunner().invoke(main, [part.replace("@", f"{tmp_path}/") for part in arguments])
        assert done.exit_code != 0
        assert said in done.output


# --- on every database -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["sqlite", "postgresql", "mariadb"], indirect=True)
async def test_of_many_sent_at_once_each_has_its_number(country: Country, url: str, tmp_path: Path) -> None:
    settings = copied(country, tmp_path / "copy")
    own = settings.hub.model_copy(update={"database": url, "record": f"sqlite:///{tmp_path}/record.db"})
    async with asking(country, settings.model_copy(update={"hub": own})) as hub:
        await issued(hub)
        desks = await Desks(hub).publish()
        thread = (await sent(desks))["thread"]
        more = [{**desks.crescent.sealed(WORDS, [desks.hope]), "thread": thread} for _ in range(8)]
        done = await asyncio.gather(*(desks.crescent.did(SEND, input=each) for each in more))
        assert sorted(each["number"] for each in done) == list(range(2, 10))
        theirs = (await desks.hope.did(THREADS))["threads"][0]
        assert (theirs["last"], theirs["unread"]) == (9, 9)
        found = await desks.hope.did(MESSAGES, thread=theirs["id"])
        assert {desks.hope.opened(each, desks.crescent, BOTH)["text"] for each in found} == {WORDS}
        assert (await desks.hope.did(READ, thread=theirs["id"], upto=9))["unread"] == 0
