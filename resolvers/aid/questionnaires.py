"""An organisation's questionnaires: looked through, adopted as signed versions, answered."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import sqlalchemy as sa

from connectors.sheets import Fault
from errors import Invalid, Stale, Unknown
from resolvers.aid.form_words import FAULTS
from resolvers.aid.inputs import numbers, text
from resolvers.aid.xlsform import Form, answered, read_form
from resolvers.gather import Gathering, moment_of
from resolvers.room import Answers, Room
from resolvers.want import Field, shaped
from tables.aid import questionnaire
from tables.statement import insert_missing
from values import Enquiry

if TYPE_CHECKING:
    from resolvers.hub import Hub
    from resolvers.writing import Change

MOST_BYTES: Final = 500_000
LONGEST_NAME: Final = 64
SHOWN: Final = 200


class Questionnaires(Room):
    """What is asked where needs are assessed."""

    def __init__(self, hub: Hub) -> None:
        """Prepare every statement once."""
        self.hub = hub
        self.roots: dict[str, Answers] = {"questionnaires": self.listed, "questionnaire_preview": self.previewed}
        prepare = hub.database.prepare
        here = questionnaire.c.organisation == sa.bindparam("organisation", type_=sa.Text)
        named = questionnaire.c.name == sa.bindparam("named", type_=sa.Text)
        columns = [questionnaire.c[name] for name in ("id", "name", "version", "body", "adopted_at")]
        later = questionnaire.alias("later")
        newer = sa.exists().where(
            later.c.organisation == questionnaire.c.organisation,
            later.c.name == questionnaire.c.name,
            later.c.version > questionnaire.c.version,
        )
        self._newest = prepare(sa.select(*columns).where(here, ~newer).order_by(questionnaire.c.name))
        self._one = prepare(sa.select(*columns, newer).where(here, questionnaire.c.id == sa.bindparam("which")))
        self._last = prepare(sa.select(sa.func.max(questionnaire.c.version)).where(here, named))
        self._add = prepare(insert_missing(questionnaire, hub.database.dialect.name))
        self._added = prepare(
            sa.select(questionnaire.c.id).where(here, named, questionnaire.c.version == sa.bindparam("numbered", type_=sa.Integer))
        )

    # --- reading -------------------------------------------------------------------------------------------------

    async def listed(self, gathering: Gathering, field: Field) -> Any:
        """The own questionnaires, each in its newest version."""
        enquiry = gathering.enquiry
        self.hub.demand(enquiry, "need.assess")
        rows = await self.hub.database.fetch(self._newest, {"organisation": enquiry.requester.organisation})
        language = _language(field.arguments(gathering.variables))
        assert field.want is not None
        return shaped(field.want, [self._row(enquiry, row, language) for row in rows])

    async def previewed(self, gathering: Gathering, field: Field) -> Any:
        """What a workbook would ask, and what is wrong in it; nothing is written."""
        enquiry, arguments = gathering.enquiry, field.arguments(gathering.variables)
        self.hub.demand(enquiry, "queue.adopt")
        language = _language(arguments)
        form = await asyncio.to_thread(form_of, str(arguments["content"]))
        found = {
            "title": form.title,
            "questions": [_question(each, language) for each in form.questions],
            "fault_count": len(form.faults),
            "faults": [_fault(each, language) for each in form.faults[:SHOWN]],
        }
        assert field.want is not None
        return shaped(field.want, found)

    def _row(self, enquiry: Enquiry, row: Sequence[Any], language: str) -> dict[str, Any]:
        number, name, version, stored, at, *_ = row
        body = orjson.loads(stored)
        return {
            "id": self.hub.identifier(enquiry, "questionnaire")(number),
            "name": name,
            "version": version,
            "title": body["title"],
            "adopted_at": moment_of(at),
            "questions": [_question(each, language) for each in body["questions"]],
        }

    # --- adopting ------------------------------------------------------------------------------------------------

    async def adopt(self, enquiry: Enquiry, given: Mapping[str, Any]) -> dict[str, Any]:
        """Adopt a workbook as the next signed version of a questionnaire.

        Raises:
            Invalid: a name that is none, or a fault in the workbook; the field names sheet, row and column.
            Stale: another version was adopted meanwhile.
        """
        self.hub.demand(enquiry, "queue.adopt")
        organisation, name = str(enquiry.requester.organisation), text(str(given["name"]), "name", LONGEST_NAME)
        form, version = await asyncio.to_thread(form_of, str(given["content"])), int(given["version"])
        if form.faults:
            first = form.faults[0]
            said, hint = FAULTS["en"][first.code]
            more = f", and {len(form.faults) - 1} more faults" if len(form.faults) > 1 else ""
            raise Invalid(said + more, hint, ".".join(str(each) for each in ("content", first.row or "", first.column or "") if each))
        body = orjson.dumps({"title": form.title[:200], "questions": form.questions}, option=orjson.OPT_SORT_KEYS).decode()

        async def work(change: Change) -> dict[str, Any]:
            ((last,),) = await change.fetch(self._last, {"organisation": organisation, "named": name})
            if (last or 0) != version:
                raise Stale(
                    "another version is in force", "read `questionnaires` again, and repeat with its version; 0 for a new one", "version"
                )
            number, ring = next(numbers()), self.hub.ring
            signed = ring.signing_key().sign(orjson.dumps([organisation, name, version + 1, body])).signature
            row = {"id": number, "organisation": organisation, "name": name, "version": version + 1, "body": body, "adopted_at": change.now}
            await change.execute(self._add, {**row, "signature": signed, "key_version": ring.current})
            ((made,),) = await change.fetch(self._added, {"organisation": organisation, "named": name, "numbered": version + 1})
            if made != number:
                raise Stale("another version was adopted at the same time", "read `questionnaires` again", "version")
            await change.step(f"questionnaire:{number}", "adopt", "active")
            return self._row(enquiry, (number, name, version + 1, body, change.now), "en")

        content = [name, version, body]
        return await self.hub.writing.run(enquiry, "questionnaire.adopt", work, key=given["idempotency_key"], content=content)

    # --- answering -----------------------------------------------------------------------------------------------

    async def answered(self, enquiry: Enquiry, which: str, responses: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Answers to an own questionnaire, held against it, and which version of which it was.

        Raises:
            Unknown: no such questionnaire of this organisation.
            Stale: there is a newer version.
            Invalid: an answer that cannot be.
        """
        number = self.hub.pseudonyms.resolve(enquiry.requester.receiver, which, "questionnaire") or 0
        rows = await self.hub.database.fetch(self._one, {"organisation": enquiry.requester.organisation, "which": number})
        if not rows:
            raise Unknown("there is no such questionnaire", "give the id of one of `questionnaires`", "questionnaire")
        *_, stored, _, newer = rows[0]
        if newer:
            raise Stale("this questionnaire has a newer version", "ask its questions: `questionnaires`", "questionnaire")
        given = dict(responses)
        if len(given) < len(responses):
            raise Invalid("a question is answered twice", "answer each question once", "responses")
        return {"questionnaire": number, "responses": answered(orjson.loads(stored)["questions"], given)}


def form_of(content: str) -> Form:
    """The form of a workbook in base64.

    Raises:
        Invalid: it is not base64, or too large.
    """
    if len(content) > MOST_BYTES * 4 // 3 + 4:
        raise Invalid(f"a questionnaire has at most {MOST_BYTES} bytes", "leave pictures and other sheets out", "content")
    try:
        return read_form(base64.b64decode(content.encode("ascii"), validate=True))
    except (UnicodeEncodeError, binascii.Error):
        raise Invalid("this is not base64", "encode the file's bytes, with padding", "content") from None


def _language(arguments: Mapping[str, Any]) -> str:
    return str(getattr(arguments["language"], "value", arguments["language"]))


def _said(labels: Mapping[str, str], language: str) -> str:
    return labels.get(language) or labels.get("en") or next(iter(labels.values()))


def _question(each: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        "name": each["name"],
        "type": each["type"],
        "label": _said(each["labels"], language),
        "required": each["required"],
        "relevant": " and ".join(f"({one})" for one in each["relevant"]) or None,
        "constraint": each["constraint"],
        "choices": [{"name": one["name"], "label": _said(one["labels"], language)} for one in each["choices"] or ()],
    }


def _fault(fault: Fault, language: str) -> dict[str, Any]:
    said, hint = FAULTS[language][fault.code]
    return {"row": fault.row, "column": fault.column, "code": fault.code, "text": said, "hint": hint}
