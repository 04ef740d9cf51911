"""Before anything is asked: which sources may say what of whom, and how rows become the answer.

A plan is made once per compiled selection and policy fingerprint and then serves every request alike: it holds no
person, no row and no argument. The policy is asked here per field and source, never per row, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from connectors.mapping import FILTERS
from resolvers.project import merged_projection, named_projection, row_projection
from resolvers.totals import TOTALLED, everything
from resolvers.want import Field, Want
from settings import Source
from values import Attribute, Catalogue, Condition, Entity, Purpose, Reason, Requester

MERGED = frozenset({"person", "household", "insurance"})
"""Entities of which a person has at most one, put together from several sources by precedence."""

TOTALS = frozenset({"received"})
"""Relations that are shown added up."""

PEOPLE_META = frozenset({"withheld", "provenance", "disclosures", "consents"})
"""Fields of a person about the answer itself."""


class Decides(Protocol):
    """What planning needs of policies."""

    def release(
        self, requester: Requester, purpose: Purpose, field: Attribute | Entity, source: str | None, today: date
    ) -> frozenset[Condition]:
        """The conditions under which a field of a source is shown; empty means never."""
        ...

    def reason(self, requester: Requester, purpose: Purpose, field: Attribute | Entity, source: str | None, today: date) -> Reason:
        """Why it is never shown."""
        ...


class Offers(Protocol):
    """What planning needs of a source."""

    def offers(self, entity: str) -> frozenset[str]:
        """The attributes of an entity it keeps."""
        ...

    @property
    def source(self) -> Source:
        """Its stanza of `hub.toml`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Attributes of one entity that are decided alike: same sources, same conditions, same category.

    `candidates` are (source, conditions) by precedence; empty means never, for `refusal`.
    """

    attributes: tuple[str, ...]
    coordinates: tuple[str, ...]
    bit: int
    candidates: tuple[tuple[str, frozenset[Condition]], ...]
    refusal: Reason | None


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one source contributes: `layout` are its attributes in the order of its rows, after the key."""

    source: str
    layout: tuple[str, ...]

    def slot(self, attribute: str) -> int:
        """The attribute's place in a row."""
        return self.layout.index(attribute) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """How one entity of a person is put together: groups to settle, parts to ask, one generated projection.

    `sources` are all that this step may turn to, relations by person included.
    """

    entity: str
    want: Want
    groups: tuple[Group, ...]
    parts: tuple[Part, ...]
    project: Callable[..., list[dict[str, Any]]]
    relations: tuple[Below, ...]
    meta: tuple[Field, ...]
    sources: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """One source's rows of a listed entity, and how each row is shown.

    `reference` is the slot of the organisation's code, or -1; `fixed` its value where the source has only one.
    `ordering` is the group of the day, where it is the last of the layout and asked only to order by. `filtering` has the group
    of what each filter of a list speaks of: whom a row may not be shown by, it may not be found by either.
    """

    part: Part
    groups: tuple[Group, ...]
    project: Callable[..., None]
    reference: int
    fixed: str | None
    day: int
    organisations: tuple[Organisations, ...]
    ordering: Group | None
    filtering: Mapping[str, Group]


@dataclass(frozen=True, slots=True, eq=False)
class Organisations:
    """How the organisations that rows refer to are read: from the source itself, or the hub's directory.

    `slots` are where the rows themselves say it: the code, and then `attributes`. Then nothing more is asked.
    """

    field: Field
    source: str | None
    attributes: tuple[str, ...]
    project: Callable[..., dict[str, dict[str, Any]]] | None = None
    slots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A list of rows per person, from every source that keeps them."""

    entity: str
    want: Want
    shares: tuple[Share, ...]
    refusals: tuple[Group, ...]

    @property
    def sources(self) -> frozenset[str]:
        """Every source that may be asked."""
        return frozenset(share.part.source for share in self.shares)


@dataclass(frozen=True, slots=True, eq=False)
class Below:
    """A wanted relation: the answer's key, its arguments, and the plan of what is below."""

    field: Field
    plan: Merged | Listed
    total: bool = False

    def arguments(self, variables: Any) -> Mapping[str, Any]:
        """The arguments of the field, or for a total those of the whole list it is made of."""
        given = self.field.arguments(variables)
        return everything(given) if self.total else given


class Planner:
    """Makes plans and keeps them by want and policy fingerprint."""

    def __init__(self, catalogue: Catalogue, policies: Decides, sources: Mapping[str, Offers]) -> None:
        """`sources` in order of precedence."""
        self.catalogue = catalogue
        self.policies = policies
        self.sources = sources

    def people(self, want: Want, requester: Requester, purpose: Purpose, today: date) -> Merged:
        """The plan of a want on people."""
        return self._merged("person", want, requester, purpose, today)

    def _candidates(
        self, asker: tuple[Requester, Purpose, date], field: Attribute | Entity, entity: str
    ) -> tuple[tuple[str, frozenset[Condition]], ...]:
        requester, purpose, today = asker
        name = field.name if isinstance(field, Attribute) else None
        found = []
        for source, offers in self.sources.items():
            offered = offers.offers(entity)
            if (name in offered) if name else offered:
                conditions = self.policies.release(requester, purpose, field, source, today)
                if conditions:
                    found.append((source, conditions))
        return tuple(found)

    def _refusal(self, asker: tuple[Requester, Purpose, date], field: Attribute | Entity, entity: str, only: str | None) -> Reason:
        """Why no source, or not this one, may be asked: the most hopeful of the sources' reasons, or that none records it."""
        requester, purpose, today = asker
        reasons = {
            self.policies.reason(requester, purpose, field, source, today)
            for source, offers in self.sources.items()
            if only in {None, source}
            if not isinstance(field, Attribute) or field.name in offers.offers(entity)
            if offers.offers(entity)
        }
        for reason in (Reason.PURPOSE_NOT_ALLOWED, Reason.NOT_IN_AGREEMENT, Reason.LEVEL_TOO_LOW):
            if reason in reasons:
                return reason
        return Reason.NOT_RECORDED

    def _groups(
        self, asker: tuple[Requester, Purpose, date], entity: Entity, names: Sequence[str], only: str | None = None
    ) -> tuple[Group, ...]:
        """Settle each wanted attribute and gather those decided alike; `key` stands for the row's existence."""
        alike: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
        for name in names:
            field: Attribute | Entity = entity if name == "key" else entity.attributes[name]
            candidates = self._candidates(asker, field, entity.name)
            if only is not None:
                candidates = tuple(each for each in candidates if each[0] == only)
            bit = field.category.bit if isinstance(field, Attribute) and field.category else _row_bit(entity)
            refusal = None if candidates else self._refusal(asker, field, entity.name, only)
            coordinate = f"{entity.name}.{name}" if name != "key" else f"{entity.name}.id"
            matters = bit if any(conditions & {Condition.CONSENTED, Condition.BREAK_GLASS} for _, conditions in candidates) else 0
            alike.setdefault((candidates, matters, refusal), []).append((name, coordinate))
        return tuple(
            Group(tuple(name for name, _ in members), tuple(coordinate for _, coordinate in members), bit, candidates, refusal)
            for (candidates, bit, refusal), members in alike.items()
        )

    def _merged(self, entity_name: str, want: Want, requester: Requester, purpose: Purpose, today: date) -> Merged:
        asker = (requester, purpose, today)
        entity = self.catalogue.entities[entity_name]
        wanted = [each.name for each in want.fields if each.name in entity.attributes]
        names = list(dict.fromkeys(wanted))
        groups = self._groups(asker, entity, names)
        if entity_name != "person":
            groups += self._groups(asker, entity, ["key"])
        layouts: dict[str, list[str]] = {}
        for group in groups:
            for source, _ in group.candidates:
                layouts.setdefault(source, []).extend(each for each in group.attributes if each != "key")
        parts = tuple(Part(source, tuple(layouts[source])) for source in self.sources if source in layouts)
        relations = tuple(
            Below(field, self._below(entity_name, field, asker), field.name in TOTALS)
            for field in want.fields
            if field.name in entity.relations and field.want is not None
        )
        meta = tuple(field for field in want.fields if field.name in PEOPLE_META)
        readers = {
            name: [
                (number, part.slot(name)) for number, part in enumerate(parts) if name in part.layout and _may(groups, name, part.source)
            ]
            for name in names
        }
        children = [below.field for below in relations] + list(meta)
        project = merged_projection(want, [part.source for part in parts], readers, children)
        sources = frozenset({part.source for part in parts}.union(*(below.plan.sources for below in relations)))
        return Merged(entity_name, want, groups, parts, project, relations, meta, sources)

    def _below(self, parent: str, field: Field, asker: tuple[Requester, Purpose, date]) -> Merged | Listed:
        relation = self.catalogue.entities[parent].relations[field.name]
        assert field.want is not None
        if field.name in TOTALS:
            return self._listed(relation.target, TOTALLED, asker)
        if relation.target in MERGED:
            return self._merged(relation.target, field.want, *asker)
        return self._listed(relation.target, field.want, asker)

    def _listed(self, entity_name: str, want: Want, asker: tuple[Requester, Purpose, date]) -> Listed:
        entity = self.catalogue.entities[entity_name]
        wanted = list(dict.fromkeys(each.name for each in want.fields if each.name in entity.attributes and each.want is None))
        organisations = [each for each in want.fields if each.name == "organisation" and each.want is not None]
        shares: list[Share] = []
        refusals: list[Group] = []
        for source, offers in self.sources.items():
            offered = offers.offers(entity_name)
            if not offered:
                continue
            fixed = _fixed(offers.source, entity_name, "organisation")
            names = ["key", *(name for name in wanted if name in offered)]
            if organisations and fixed is None and "organisation" in offered:
                names.append("organisation")
            by_day = ["allocated_on"] if "allocated_on" in offered and "allocated_on" not in names else []
            # A day that only orders is asked and not shown, so it stands in no account.
            found = (each for each in self._groups(asker, entity, by_day, only=source) if each.candidates)
            ordering = next((replace(each, coordinates=()) for each in found), None)
            groups = tuple(each for each in self._groups(asker, entity, names, only=source))
            open_groups = tuple(each for each in groups if each.candidates)
            if not any("key" in each.attributes for each in open_groups):
                refusals.extend(groups[:1])
                continue
            refusals.extend(each for each in groups if not each.candidates and set(each.attributes) & set(wanted))
            beside = _beside(organisations, entity, offered)
            open_groups = tuple(
                replace(each, attributes=(*each.attributes, *beside)) if beside and "organisation" in each.attributes else each
                for each in open_groups
            )
            permitted = {name for each in open_groups for name in each.attributes}
            layout = tuple(name for name in (*names, *beside) if name in permitted) + (ordering.attributes if ordering else ())
            part = Part(source, layout)
            shown = {name: part.slot(name) for name in layout}
            shares.append(
                Share(
                    part,
                    open_groups,
                    row_projection(want, source, shown, fixed),
                    part.slot("organisation") if "organisation" in layout else -1,
                    fixed,
                    part.slot("allocated_on") if "allocated_on" in layout else -1,
                    tuple(self._organisations(each, part, fixed, carries=not offered.isdisjoint(entity.beside)) for each in organisations),
                    ordering,
                    {
                        name: self._groups(asker, entity, [attribute], only=source)[0]
                        for name, attribute in FILTERS.items()
                        if attribute in offered
                    },
                )
            )
        return Listed(entity_name, want, tuple(shares), tuple(refusals))

    def _organisations(self, field: Field, part: Part, fixed: str | None, *, carries: bool) -> Organisations:
        assert field.want is not None
        source = part.source
        if carries and fixed is None:
            if "organisation" not in part.layout:
                return Organisations(field, None, ())
            names = tuple(dict.fromkeys(each.name for each in field.want.fields if f"organisation.{each.name}" in part.layout))
            slots = tuple(map(part.slot, ("organisation", *(f"organisation.{name}" for name in names))))
            return Organisations(field, source, names, named_projection(field.want, source, names), slots)
        offered = self.sources[source].offers("organisation")
        if fixed is not None or not offered:
            return Organisations(field, None, ())
        wanted = tuple(dict.fromkeys(each.name for each in field.want.fields if each.name in offered))
        return Organisations(field, source, wanted, named_projection(field.want, source, wanted))


def _beside(organisations: Sequence[Field], entity: Entity, offered: frozenset[str]) -> tuple[str, ...]:
    """What the wanted attributes of organisations are called where a source's rows carry them."""
    wanted = (f"organisation.{each.name}" for field in organisations if field.want is not None for each in field.want.fields)
    return tuple(dict.fromkeys(name for name in wanted if name in entity.beside and name in offered))


def _fixed(source: Source, entity: str, attribute: str) -> str | None:
    """The one value a source has for an attribute, whatever the row; None where each row has its own."""
    mapping = source.entities.get(entity)
    mapped = mapping.attributes.get(attribute) if mapping else None
    return None if mapped is None or mapped.value is None else str(mapped.value)


def _row_bit(entity: Entity) -> int:
    """The category that a consent must name to open an entity's existence: that of its first attribute."""
    return next((each.category.bit for each in entity.attributes.values() if each.category), 0)


def _may(groups: Sequence[Group], name: str, source: str) -> bool:
    return any(name in group.attributes and any(candidate == source for candidate, _ in group.candidates) for group in groups)
