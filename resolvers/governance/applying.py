"""What an organisation says when it applies, what of it can stand, and what the official register knows of it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from errors import Invalid, SourceError
from privacy.names import compare
from settings import Words
from values import Ask, OrganisationKind, Purpose, Shape

if TYPE_CHECKING:
    from resolvers.hub import Hub

PURPOSES = {
    OrganisationKind.NGO: (Purpose.ORGANISATION_GOVERNANCE, Purpose.AID_DISTRIBUTION, Purpose.CASE_MANAGEMENT),
    OrganisationKind.DEVELOPER: (Purpose.ORGANISATION_GOVERNANCE, Purpose.OPEN_DATA),
}
"""Who may apply, and the purposes it may have; ministries, registries and inspectorates are named in hub.toml."""

TEXT = 200
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z/-]{1,30}")
WEBSITE = re.compile(r"https://[\w.-]{3,100}(/[\w./~-]{0,90})?", re.ASCII)

REGISTER_SECONDS = 5.0
"""An applicant does not wait longer for the official register; an accreditor can have it asked again."""

ALIKE = 80
"""From this likeness on (0 to 100) a name counts as the registered one."""


@dataclass(frozen=True, slots=True)
class Application:
    """What an applicant says of its organisation."""

    name: Words
    kind: OrganisationKind
    registration_number: str
    website: str | None


def visible(text: str, shortest: int = 2) -> bool:
    """Whether a text of people can be shown beside others: letters in it, nothing that turns or hides the rest of a line."""
    return shortest <= len(text.strip()) <= TEXT and text.isprintable() and any(each.isalpha() for each in text)


def checked(application: Application) -> str:
    """The name an organisation gets in addresses and agreements, made of its English one.

    Raises:
        Invalid: what cannot stand, by its field.
    """
    if application.kind not in PURPOSES:
        hint = "ministries, registries and inspectorates are named by the hub's operator"
        raise Invalid("only organisations of civil society and developers register themselves", hint, "kind")
    for language, text in application.name.model_dump().items():
        if text is not None and not visible(text):
            raise Invalid(f"a name has 2 to {TEXT} visible characters, letters among them", "write it as on the certificate", language)
    if not NUMBER.fullmatch(application.registration_number):
        message = "a registration number has 2 to 31 digits, Latin letters, dashes and slashes"
        raise Invalid(message, "write it as on the certificate", "registrationNumber")
    if application.website is not None and not WEBSITE.fullmatch(application.website):
        raise Invalid("a website's address begins with https://", "give the address of its first page", "website")
    plain = unicodedata.normalize("NFKD", application.name.en).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    if not NAME.fullmatch(name):
        raise Invalid("the English name is written in Latin letters and begins with one", "transliterate it", "en")
    return name


async def evidence(hub: Hub, number: str, names: Iterable[str]) -> dict[str, Any]:
    """What the official register says of a number: whether it has it and how alike the names are; never the name itself.

    A register that fails is named with its fault: the application stands, and the accreditor sees that nothing was confirmed.
    """
    for source, gate in hub.gates.items():
        steward = hub.organisations[hub.settings.sources[source].steward]
        if steward.kind is not OrganisationKind.REGISTRY or "name" not in gate.offers("organisation"):
            continue
        shape = Shape(source, "organisation", ("name",), "key")
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                answer = await gate.fetcher(shape)(Ask(shape, (number,)))
        except SourceError as error:
            return {"source": source, "found": None, "fault": error.code}
        except TimeoutError:
            return {"source": source, "found": None, "fault": "SOURCE_TIMEOUT"}
        registered = [str(row[1]) for row in answer.rows if row[1]]
        if not registered:
            return {"source": source, "found": False}
        likeness = max((compare(one, other) for one in names for other in registered), key=lambda each: each.score)
        return {"source": source, "found": likeness.score >= ALIKE, "score": likeness.score, "traits": [*map(str, likeness.traits)]}
    return {"source": None, "found": None}
