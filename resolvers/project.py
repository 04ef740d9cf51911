"""One generated function per entity: from rows and children straight to what the encoder takes.

Walking a selection per row costs some microseconds a leaf; a comprehension with constant keys costs tens of
nanoseconds. The text is made from our own names and quoted response keys only, never from a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from resolvers.want import Field, Want


def _compiled(name: str, text: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(compile(text, f"<projection {name}>", "exec"), space)  # noqa: S102 — made from catalogue names and repr()
    made: Callable[..., Any] = space[name]
    return made


def merged_projection(
    want: Want, sources: Sequence[str], readers: Mapping[str, Sequence[tuple[int, int]]], children: Sequence[Field]
) -> Callable[..., list[dict[str, Any]]]:
    """`project(numbers, rows, missing, below, identify)` → one object a number, in order.

    `rows[i]` maps a number to the row of source i, `missing[i]` is that source's row of Nones, `below[j]` maps a number to the
    finished child j, `identify` gives the identifiers of numbers. An attribute of several sources takes the first value
    that is there; sources not asked for it hold None.
    """
    used = sorted({number for places in readers.values() for number, _ in places})
    if any(each.name == "source" for each in want.fields):
        used = list(range(len(sources)))
    entries = []
    named = any(each.name == "id" for each in want.fields)
    child_numbers = {id(field): number for number, field in enumerate(children)}
    for field in want.fields:
        if field.name == "__typename":
            value = repr(want.type)
        elif field.name == "id":
            value = "i"
        elif id(field) in child_numbers:
            value = f"c{child_numbers[id(field)]}(n)"
        elif field.name == "source":
            value = "None"
            for number in reversed(range(len(sources))):
                value = f"{sources[number]!r} if r{number} is not m{number} else {value}"
        else:
            places = readers.get(field.name, ())
            value = " or ".join(()) or "None"
            for number, slot in reversed(places):
                value = f"r{number}[{slot}]" if value == "None" else f"(r{number}[{slot}] if r{number}[{slot}] is not None else {value})"
        entries.append(f"{field.key!r}: {value}")
    lines = [
        "def project(numbers, rows, missing, below, identify):",
        *(f"    g{number} = rows[{number}].get; m{number} = missing[{number}]" for number in used),
        *(f"    c{number} = below[{number}].get" for number in range(len(children))),
        f"    return [{{{', '.join(entries)}}} for {'n, i in zip(numbers, identify(numbers))' if named else 'n in numbers'}"
        + "".join(f" for r{number} in (g{number}(n, m{number}),)" for number in used)
        + "]",
    ]
    return _compiled("project", "\n".join(lines))


def row_projection(want: Want, source: str, slots: Mapping[str, int], fixed: str | None) -> Callable[..., None]:
    """`project(rows, person, lists, begun, organisations, day)` appends one object a row to the list of its person.

    `begun` begins the hash that names a row by its source and key; `organisations` has one function for each time they are selected.

    With `day` > 0 each object is paired with that slot's value, for ordering afterwards; with 0 there is nothing to order
    by.
    """
    entries, organisations = [], 0
    for field in want.fields:
        if field.name == "__typename":
            value = repr(want.type)
        elif field.name == "id":
            value = "h.hexdigest()"
        elif field.name == "organisation":
            reference = repr(fixed) if fixed is not None else f"r[{slots['organisation']}]" if "organisation" in slots else "None"
            value = f"o{organisations}({reference})"
            organisations += 1
        elif field.name == "source":
            value = repr(source)
        elif field.name in slots:
            value = f"r[{slots[field.name]}]"
        else:
            value = "None"
        entries.append(f"{field.key!r}: {value}")
    body = f"{{{', '.join(entries)}}}"
    named = []
    if any(each.name == "id" for each in want.fields):
        named = [
            f"            h = begun(); h.update({(source + ':').encode()!r} + (r[{slots['key']}] or '').encode('utf-8', 'surrogatepass'))"
        ]
    lines = [
        "def project(rows, person, lists, begun, organisations, day):",
        *(f"    o{number} = organisations[{number}]" for number in range(organisations)),
        "    if day < 0:",
        "        for r in rows:",
        *named,
        f"            lists[person[r[0]]].append({body})",
        "    elif day:",
        "        for r in rows:",
        *named,
        f"            lists[person[r[0]]].append((r[day] or '', {body}))",
        "    else:",
        "        for r in rows:",
        *named,
        f"            lists[person[r[0]]].append(('', {body}))",
    ]
    return _compiled("project", "\n".join(lines))


def named_projection(want: Want, source: str, attributes: Sequence[str]) -> Callable[..., dict[str, dict[str, Any]]]:
    """`project(rows)` → the finished objects by their key, of rows that hold the key and then `attributes`."""
    entries = []
    for field in want.fields:
        if field.name == "__typename":
            value = repr(want.type)
        elif field.name == "id":
            value = f"{source + ':'!r} + r[0]"
        elif field.name in attributes:
            value = f"r[{attributes.index(field.name) + 1}]"
        else:
            value = "None"
        entries.append(f"{field.key!r}: {value}")
    return _compiled("project", f"def project(rows):\n    return {{r[0]: {{{', '.join(entries)}}} for r in rows}}")
