"""What people write freely: made safe to show, and looked at for what would tell who they are."""

from __future__ import annotations

import re
import unicodedata

from errors import Invalid

JOINERS = frozenset("\u200c\u200d")
"""Letters of Kurdish and Persian need them; every other invisible sign is dropped, those that turn the writing round included."""

NUMBER = re.compile(r"\d(?:[\s\-_./()]*\d){6,}")
"""Seven digits or more, however they are spread: telephone, national number, ration card."""

AMOUNT = re.compile(r"0{3}$")
"""Ends as sums of dinars do."""

ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|(?:https?://|www\.|t\.me/|wa\.me/)\S+", re.IGNORECASE)


def cleaned(text: str, field: str, most: int, *, least: int = 1) -> str:
    """The text without what cannot be seen, at most so long.

    Raises:
        Invalid: nothing is left of it, or too much.
    """
    if len(text) > 4 * most:
        raise _length(field, least, most)
    kept = [each for each in unicodedata.normalize("NFC", text) if each in JOINERS or each == "\n" or unicodedata.category(each)[0] != "C"]
    made = re.sub(r"\n{3,}", "\n\n", "".join(kept)).strip()
    if not least <= len(made) <= most:
        raise _length(field, least, most)
    return made


def tells_who(text: str) -> bool:
    """Whether a text holds what looks like a telephone or other number of a person, or an address on the net, in any script's digits."""
    plain = "".join(
        str(unicodedata.decimal(each)) if unicodedata.decimal(each, None) is not None else each
        for each in unicodedata.normalize("NFKC", text)
        if unicodedata.category(each)[0] != "C" and each != "ـ"
    )
    return ADDRESS.search(plain) is not None or any(not AMOUNT.search(found) for found in NUMBER.findall(plain))


def _length(field: str, least: int, most: int) -> Invalid:
    return Invalid(f"the text has to have {least} to {most} characters", "write it shorter, or write something", field)
