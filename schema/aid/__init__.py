"""Aid: what was given to whom by whom, what organisations have to give, and who is next. A room is one file."""

from schema.aid import (
    allocations,
    appeals,
    census,
    giving,
    households,
    importing,
    membership,
    merging,
    needs,
    particulars,
    questionnaires,
    queue,
    resources,
    services,
    suggestions,
    transparency,
    uploads,
)
from schema.aid.allocations import Allocation, AllocationOrder, Language, Organisation, Received

__all__ = ["ROOMS", "Allocation", "AllocationOrder", "Language", "Organisation", "Received"]

ROOMS = (
    allocations,
    resources,
    giving,
    households,
    importing,
    uploads,
    membership,
    needs,
    queue,
    suggestions,
    services,
    appeals,
    census,
    merging,
    particulars,
    transparency,
    questionnaires,
)
