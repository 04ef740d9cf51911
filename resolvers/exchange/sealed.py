"""What comes sealed: read strictly as far as it can be read, which is its sizes and for whom it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from errors import Invalid
from privacy.messages import BOX_SIZE, has_a_size
from resolvers.oversight.reports import decoded

MOST_PARTIES: Final = 10
MOST_ATTACHMENTS: Final = 4


def parts_of(sealed: str, attachments: Sequence[str]) -> list[bytes]:
    """The sealed parts as bytes, the content first.

    Raises:
        Invalid: too many of them, or one that is not base64 or of no size.
    """
    if len(attachments) > MOST_ATTACHMENTS:
        raise Invalid(f"a message has at most {MOST_ATTACHMENTS} attachments", "send the others in a further message", "attachments")
    found = []
    for place, text in enumerate([sealed, *attachments]):
        field = "sealed" if place == 0 else f"attachments.{place - 1}"
        part = decoded(text, field)
        if not has_a_size(part):
            raise Invalid("a sealed part has one of a few sizes", "seal it with `mizalla message seal`, or as docs/messages.md says", field)
        found.append(part)
    return found


def boxes_of(given: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, bytes]]:
    """The boxes by party: version and bytes.

    Raises:
        Invalid: too many of them, one twice, or one of another size.
    """
    if not 1 <= len(given) <= MOST_PARTIES:
        raise Invalid(f"a message is boxed for 1 to {MOST_PARTIES} parties", "box it for each party of the thread", "boxes")
    found: dict[str, tuple[int, bytes]] = {}
    for place, each in enumerate(given):
        box = decoded(each["box"], f"boxes.{place}.box")
        if len(box) != BOX_SIZE:
            raise Invalid(f"a box has {BOX_SIZE} bytes", "box the key of the parts as docs/messages.md says", f"boxes.{place}.box")
        if each["organisation"] in found:
            raise Invalid("this party stands there twice", "box it once for each", f"boxes.{place}.organisation")
        found[str(each["organisation"])] = each["version"], box
    return found
