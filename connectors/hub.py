"""The hub's own tables as one more source: cases and allocations of organisations without a system of their own.

A person's local key here is the person number as text, so that linking has nothing to do.
"""

from __future__ import annotations

from connectors.sql import SQL
from settings import Mapped, Source, SourceEntity
from tables.aid import allocation, case_file
from tables.database import Database
from values import Catalogue

PLAIN = ("kind", "programme", "currency", "unit", "allocated_on", "status", "organisation")

ENTITIES = {
    "person": SourceEntity(
        read=case_file.name,
        key=case_file.c.id.name,
        person=case_file.c.person.name,
        attributes={name: Mapped(column=(case_file.c[name].name,)) for name in ("case_number", "need_score")},
    ),
    "allocation": SourceEntity(
        read=allocation.name,
        key=allocation.c.id.name,
        person=allocation.c.person.name,
        attributes={
            **{name: Mapped(column=(allocation.c[name].name,)) for name in PLAIN},
            "amount": Mapped(column=(allocation.c.amount_minor.name,), scale=0.001),
            "quantity": Mapped(column=(allocation.c.quantity_milli.name,), scale=0.001),
        },
    ),
}
"""How the hub keeps what it has; amounts are stored in thousandths of the currency's major unit."""


class OwnTables(SQL):
    """The hub's database, which the hub itself opens and closes."""

    def __init__(self, name: str, source: Source, catalogue: Catalogue, database: Database) -> None:
        """A stanza that maps entities narrows what is offered to the attributes it names."""
        entities = {entity: _narrowed(mapping, source.entities.get(entity)) for entity, mapping in ENTITIES.items()}
        if source.entities:
            entities = {entity: entities[entity] for entity in source.entities if entity in entities}
        super().__init__(name, source.model_copy(update={"entities": entities}), catalogue, database)


def _narrowed(mapping: SourceEntity, stanza: SourceEntity | None) -> SourceEntity:
    if stanza is None:
        return mapping
    return mapping.model_copy(update={"attributes": {name: each for name, each in mapping.attributes.items() if name in stanza.attributes}})
