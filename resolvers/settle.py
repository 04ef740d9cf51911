"""Who is asked what, before anybody is asked: groups settled for all people at once, gathered into few Asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from errors import Invalid
from privacy.links import Keys
from privacy.standing import People
from resolvers.plan import MERGED, Group, Listed, Merged, Part, Share
from values import Answer, Condition, Reason


@dataclass(slots=True)
class Pending:
    """An Ask to be made: these attributes of one source about these people, and where its rows go.

    `people` are all of whom the answer is shown; `keys` are fewer where one member is asked about for a household.
    """

    part: Part
    entity: str
    attributes: tuple[str, ...]
    people: Sequence[int]
    keys: tuple[str, ...]
    filters: tuple[tuple[str, Any], ...]
    coordinates: tuple[str, ...]
    grounds: str
    answer: Answer | None = None
    failed: Reason | None = None


@dataclass(slots=True)
class Missing:
    """Coordinates not shown of some people, for a reason; `source` is the one that would have been asked first."""

    coordinates: tuple[str, ...]
    reason: Reason
    people: Sequence[int]
    source: str | None = None


@dataclass(slots=True)
class Step:
    """The Asks of one entity at one level, what was found missing, and the people whose list may be shown at all."""

    pending: list[Pending] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    listed: dict[int, list[Any]] = field(default_factory=dict)


def settle_merged(plan: Merged, people: People, keys: Mapping[str, Keys]) -> Step:
    """Decide for every group which people are asked of which source, and gather that into one Ask a source."""
    step = Step()
    shares: dict[str, list[tuple[Group, Sequence[int], frozenset[Condition]]]] = {}
    for group in plan.groups:
        if group.refusal is not None:
            step.missing.append(Missing(group.coordinates, group.refusal, people.numbers))
            continue
        waiting: Sequence[int] = people.numbers
        for source, conditions in group.candidates:
            allowed = permitted(people, waiting, conditions, group.bit)
            known = keys[source].key
            everyone_known = len(known) == len(people.numbers)
            here = allowed if everyone_known else [number for number in allowed if number in known]
            if here:
                shares.setdefault(source, []).append((group, here, conditions))
            if len(here) == len(waiting):
                waiting = ()
                break
            taken = set(here)
            waiting = [number for number in waiting if number not in taken]
        if waiting:
            _unsettled(step, group, people, waiting)
    for part in plan.parts:
        if part.source in shares:
            step.pending.extend(_asks(plan.entity, part, people, shares[part.source], keys[part.source]))
    return step


def consentable(plan: Merged) -> tuple[int, int]:
    """The categories that consent could open in a plan: of people in general, and of own cases, to whom more is open without it."""
    groups = list(plan.groups)
    for below in plan.relations:
        parts = below.plan.shares if isinstance(below.plan, Listed) else (below.plan,)
        groups += [group for part in parts for group in part.groups]
    of_others, of_own = 0, 0
    for group in groups:
        for _, conditions in group.candidates:
            if Condition.CONSENTED in conditions:
                of_others |= group.bit
                if Condition.OWN_CASE not in conditions:
                    of_own |= group.bit
    return of_others, of_own


def _unsettled(step: Step, group: Group, people: People, waiting: Sequence[int]) -> None:
    """People left without a source for a group: where any of the sources may not be asked that is why, else none records it."""
    for source, conditions in group.candidates:
        allowed = permitted(people, waiting, conditions, group.bit)
        if allowed is not waiting:
            shown = set(allowed)
            denied = [number for number in waiting if number not in shown]
            step.missing.append(Missing(group.coordinates, denial(group), denied, source))
            waiting = allowed
    if waiting and group.attributes != ("key",):
        step.missing.append(Missing(group.coordinates, Reason.NOT_RECORDED, waiting))


def settle_listed(plan: Listed, arguments: Mapping[str, Any], people: People, keys: Mapping[str, Keys]) -> Step:
    """Decide for every source that lists rows which people it is asked about, and who may see a list at all."""
    step = Step()
    filters = list_filters(arguments)
    ordered = newest_first(arguments)
    for group in plan.refusals:
        assert group.refusal is not None
        step.missing.append(Missing(group.coordinates, group.refusal, people.numbers))
    for share in plan.shares:
        known = keys[share.part.source].key
        within = _findable(step, share, filters, people) if filters else people.numbers
        everyone_known = len(known) == len(people.numbers) == len(within)
        if len(within) < len(people.numbers):
            known = {number: known[number] for number in within if number in known}
        shares = []
        for group in share.groups if share.ordering is None or not ordered else (*share.groups, share.ordering):
            ((_, conditions),) = group.candidates
            allowed = permitted(people, people.numbers, conditions, group.bit)
            if len(allowed) < len(people.numbers) and group is not share.ordering:
                refused = set(people.numbers).difference(allowed)
                denied = [number for number in people.numbers if number in refused]
                step.missing.append(Missing(group.coordinates, denial(group), denied, share.part.source))
            if "key" in group.attributes and len(step.listed) < len(people.numbers):
                step.listed |= {number: [] for number in allowed if number not in step.listed}
            here = allowed if everyone_known else [number for number in allowed if number in known]
            if here:
                shares.append((group, here, conditions))
        if any("key" in group.attributes for group, _, _ in shares):
            step.pending.extend(_asks(plan.entity, share.part, people, shares, keys[share.part.source], filters))
    return step


def _findable(step: Step, share: Share, filters: Sequence[tuple[str, Any]], people: People) -> Sequence[int]:
    """The people whose rows of one source may be told apart by these filters: those who might be shown what is filtered by."""
    within: Sequence[int] = people.numbers
    for name, _ in filters:
        group = share.filtering.get(name)
        if group is None:
            continue  # the source does not keep it, and gives no row
        conditions = group.candidates[0][1] if group.candidates else frozenset()
        found = set(permitted(people, within, conditions, group.bit))
        denied = [number for number in within if number not in found]
        if denied:
            step.missing.append(Missing(group.coordinates, group.refusal or denial(group), denied, share.part.source))
            within = [number for number in within if number in found]
    return within


def _asks(
    entity: str,
    part: Part,
    standing: People,
    shares: Sequence[tuple[Group, Sequence[int], frozenset[Condition]]],
    keys: Keys,
    filters: tuple[tuple[str, Any], ...] = (),
) -> list[Pending]:
    """One Ask where all groups concern the same people, else one for each set of groups that occurs.

    The sets that occur can be many, as people consent to this and that; then each group is asked by itself, so that
    the number of Asks depends on what is wanted and never on the people.
    """
    first = shares[0][1]
    everything = (1 << len(shares)) - 1
    buckets: list[tuple[int, Sequence[int]]]
    if all(people is first or list(people) == list(first) for _, people, _ in shares):
        buckets = [(everything, first)]
    else:
        marks: dict[int, int] = {}
        for place, (_, people, _) in enumerate(shares):
            for number in people:
                marks[number] = marks.get(number, 0) | 1 << place
        found: dict[int, list[int]] = {}
        for number, mark in marks.items():
            found.setdefault(mark, []).append(number)
        buckets = list(found.items())
        if len(buckets) > len(shares) and entity in MERGED:
            buckets = [(1 << place, people) for place, (_, people, _) in enumerate(shares)]
    pending = []
    for mark, people in buckets:
        taken = [share for place, share in enumerate(shares) if mark & 1 << place]
        asked = {name for group, _, _ in taken for name in group.attributes}
        attributes = tuple(name for name in part.layout if name in asked)
        if entity == "household" and not attributes:
            continue  # a household exists by the hub's own index; nothing needs asking
        coordinates = tuple(coordinate for group, _, _ in taken for coordinate in group.coordinates)
        grounds = _grounds(standing, [conditions for _, _, conditions in taken])
        pending.append(Pending(part, entity, attributes, people, keys.of(people), filters, coordinates, grounds))
    return pending


def _grounds(people: People, settled: Sequence[frozenset[Condition]]) -> str:
    """The conditions under which groups are shown; where all are own cases, that is reason enough for what own cases open."""
    held = {
        Condition.OWN_CASE if people.everyone_own and Condition.OWN_CASE in conditions else condition
        for conditions in settled
        for condition in conditions
    }
    return " ".join(sorted(condition.value for condition in held))


def representatives(people: People) -> People:
    """One person for each household: the first of the page, through whom household attributes are asked.

    What any of its members on the page consented to is open for the household, which is theirs all.
    """
    first: dict[int, int] = {}
    masks: dict[int, int] = {}
    own: set[int] = set()
    for number in people.numbers:
        household = people.households.get(number)
        if household is not None:
            asked = first.setdefault(household, number)
            masks[asked] = masks.get(asked, 0) | people.masks.get(number, 0)
            if number in people.own:
                own.add(asked)
    return People(list(first.values()), own, masks, people.households, people.itself, len(own) == len(first))


def extended(step: Step, people: People) -> Step:
    """The same step, told of all members on the page: what one is asked for is shown of, or missing for, each of them."""
    together: dict[int | None, list[int]] = {}
    for number in people.numbers:
        together.setdefault(people.households.get(number), []).append(number)

    def everyone(numbers: Sequence[int]) -> list[int]:
        return [each for number in numbers for each in together[people.households[number]]]

    for pending in step.pending:
        pending.people = everyone(pending.people)
    for missing in step.missing:
        missing.people = everyone(missing.people)
    return step


def permitted(people: People, waiting: Sequence[int], conditions: frozenset[Condition], bit: int) -> Sequence[int]:
    """Those of the waiting people for whom one of the conditions holds; the same list when it holds for all."""
    if Condition.ALWAYS in conditions or (Condition.OWN_CASE in conditions and people.everyone_own):
        return waiting
    if people.everyone_consented & bit and Condition.CONSENTED in conditions:
        return waiting
    own = people.own if Condition.OWN_CASE in conditions else frozenset()
    masks = people.masks if Condition.CONSENTED in conditions else {}
    itself = people.itself if Condition.SELF in conditions else None
    if people.glass and Condition.BREAK_GLASS in conditions:
        masks = {**masks, **{number: masks.get(number, 0) | opened for number, opened in people.glass.items()}}
    mask = masks.get
    allowed = [number for number in waiting if mask(number, 0) & bit or number in own or number == itself]
    return waiting if len(allowed) == len(waiting) else allowed


def denial(group: Group) -> Reason:
    """Why a person is not shown a group that others might be: consent would open it, or only a closer standing."""
    if any(Condition.CONSENTED in conditions for _, conditions in group.candidates):
        return Reason.NO_CONSENT
    return Reason.LEVEL_TOO_LOW


def newest_first(arguments: Mapping[str, Any]) -> bool:
    """Whether a list is wanted by day, newest first, as it is where nothing is said."""
    order = arguments.get("order", "newest")
    return str(getattr(order, "value", order)) == "newest"


def list_filters(arguments: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The filters of a list that sources apply.

    Raises:
        Invalid: `first` outside 1 to 1000.
    """
    first = arguments.get("first", 100)
    if first is not None and not 1 <= first <= 1000:
        raise Invalid("`first` is outside 1 to 1000", "ask for a page of at most 1000", "first")
    found: list[tuple[str, Any]] = []
    if arguments.get("since") is not None:
        found.append(("since", arguments["since"]))
    if arguments.get("kinds") is not None:
        found.append(("kinds", tuple(arguments["kinds"])))
    return tuple(found)
